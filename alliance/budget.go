package alliance

import (
	"fmt"
	"time"

	"summit/ledger"
	"summit/llm"
	"summit/money"
)

// budget is one bound on what a customer or a key may spend, and where it is
// counted.
type budget struct {
	whose   string // for people: the customer acme
	name    string // of the setting
	most    money.Amount
	account ledger.Account
	span    span
}

// span is how long a budget lasts.
type span int

const (
	aDay span = iota
	aMonth
	ever
)

// budgets returns the bounds of a customer and its key that count at the time.
func budgets(c *Customer, limit KeyLimit, at time.Time) []budget {
	var all []budget
	for _, b := range []budget{
		{"the customer " + c.Name, "max_day", c.MaxDay, spentOn(c.Name, at), aDay},
		{"the customer " + c.Name, "max_month", c.MaxMonth, spent(c.Name), aMonth},
		{"the key " + limit.Key, "max_day", limit.MaxDay, ledger.Account("meter:key_day:" + limit.Key + ":" + at.Format(time.DateOnly)), aDay},
		{"the key " + limit.Key, "max_month", limit.MaxMonth, ledger.Account("meter:key:" + limit.Key), aMonth},
		{"the key " + limit.Key, "max_total", limit.MaxTotal, ledger.Account("meter:key:" + limit.Key), ever},
	} {
		if b.most > 0 {
			all = append(all, b)
		}
	}
	return all
}

// metered returns the postings that count what is spent: by the customer always,
// else only where something is bounded. at is in the zone of the terms.
func metered(c *Customer, limit KeyLimit, at time.Time, price Units) []ledger.Posting {
	accounts := []ledger.Account{spent(c.Name)}
	for _, b := range budgets(c, limit, at) {
		known := false
		for _, a := range accounts {
			known = known || a == b.account
		}
		if !known {
			accounts = append(accounts, b.account)
		}
	}
	var list []ledger.Posting
	for _, a := range accounts {
		list = append(list, ledger.Posting{Account: a, Amount: price})
	}
	return append(list, ledger.Posting{Account: "meter:sum", Amount: -price * Units(len(accounts))})
}

// allows decides in the writer whether bounds that are no account's own let the
// price pass. Its error says which bound does not, what is left of it and when
// it begins anew; it is of kind RateLimited where requests in flight have what
// is missing.
func (c *Customer) allows(v ledger.View, limit KeyLimit, at time.Time, price Units, t *Terms) error {
	refuse := func(retry bool, format string, args ...any) error {
		e := llm.Errorf(llm.QuotaExhausted, format, args...)
		if retry {
			e.Kind, e.RetryAfter = llm.RateLimited, time.Second
		}
		return e
	}
	for _, b := range []struct {
		whose string
		most  money.Amount
	}{{"the customer " + c.Name, c.MaxRequest}, {"the key " + limit.Key, limit.MaxRequest}} {
		if b.most > 0 && price > Units(b.most) {
			return refuse(false, "%s may spend %s %s on one request (max_request), and this one may cost %s: ask for fewer tokens with max_tokens", b.whose, b.most, t.Currency, money.Amount(price))
		}
	}
	held, err := v.Balance(hold(c.Name), t.Currency)
	if err != nil {
		return err
	}
	held = -held
	if c.Billing == Postpaid {
		owed, err := v.Balance(c.account(), t.Currency)
		if err != nil {
			return err
		}
		if owed+price > Units(c.Credit) {
			return refuse(owed-held+price <= Units(c.Credit), "the customer %s owes or has promised %s of %s %s, and this request may cost %s", c.Name, money.Amount(owed), c.Credit, t.Currency, money.Amount(price))
		}
	}
	month := v.Open(ledger.PeriodOf(at))
	for _, b := range budgets(c, limit, at) {
		var sum Units
		if b.span == aMonth {
			sum, err = v.Turnover(month, b.account, t.Currency)
		} else {
			sum, err = v.Balance(b.account, t.Currency)
		}
		if err != nil {
			return err
		}
		if sum+price <= Units(b.most) {
			continue
		}
		span, anew := "in all", "it does not begin anew"
		switch b.span {
		case aDay:
			next := time.Date(at.Year(), at.Month(), at.Day()+1, 0, 0, 0, 0, at.Location())
			span, anew = "on "+at.Format(time.DateOnly), "it begins anew at "+next.Format("2006-01-02 15:04 -07:00")
		case aMonth:
			span = "in " + string(month)
			if next, err := time.ParseInLocation("2006-01", string(month.Next()), at.Location()); err == nil {
				anew = "it begins anew at " + next.Format("2006-01-02 15:04 -07:00")
			}
		}
		// Of a key's budget nobody knows what is in flight; of a customer's all is.
		retry := b.whose == "the customer "+c.Name && held > 0 && sum-held+price <= Units(b.most)
		return refuse(retry, "%s may spend %s %s %s (%s): %s are spent or promised, %s are left, and this request may cost %s; %s",
			b.whose, b.most, t.Currency, span, b.name, money.Amount(sum), money.Amount(max(Units(b.most)-sum, 0)), money.Amount(price), anew)
	}
	return nil
}

func hold(customer string) ledger.Account  { return ledger.Account("customer:" + customer + ":hold") }
func spent(customer string) ledger.Account { return ledger.Account("meter:spent:" + customer) }

// spentOn counts what a customer with a day's budget spends on a day.
func spentOn(customer string, day time.Time) ledger.Account {
	return ledger.Account(fmt.Sprintf("meter:day:%s:%s", customer, day.Format(time.DateOnly)))
}
