package run

import (
	"time"

	"summit/money"
)

// Spending is what an account has spent on one day, in one currency.
type Spending struct {
	Day    string // as Day returns it
	Amount money.Amount
	In     money.Currency
}

// ShadowAccount has spent what asks in the shadow cost.
const ShadowAccount = "shadow"

// TenantAccount is the account of a tenant's requests.
func TenantAccount(tenant string) string { return "tenant:" + tenant }

// Day names the day of a time, in the server's own time zone: days and months
// of accounts begin when they begin for the people there.
func Day(t time.Time) string { return t.Local().Format(time.DateOnly) }
