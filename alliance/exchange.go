package alliance

import (
	"fmt"
	"math/big"
	"strings"

	"summit/ledger"
	"summit/money"
)

// FX turns a customer's money of one currency into the terms' currency, at a
// rate that somebody else named.
type FX struct {
	ID       string         `json:"id"`
	At       Moment         `json:"at"`
	Customer string         `json:"customer"` // empty = default
	Currency money.Currency `json:"currency"` // of the amount
	Amount   Units          `json:"amount"`
	Rate     string         `json:"rate"`   // of the terms' currency for one of it, a decimal number or a fraction
	Source   string         `json:"source"` // of the rate
}

// FXResult is one conversion: each currency's book sums to zero by itself.
type FXResult struct {
	ID        string           `json:"id"`
	Kind      string           `json:"kind"`
	Converted Units            `json:"converted"`
	Rate      string           `json:"rate"` // as a pair of whole numbers
	Source    string           `json:"source,omitempty"`
	Postings  []ledger.Posting `json:"postings"`
}

// convert converts, rounded once, half to even.
func (a *Alliance) convert(x *FX) (*FXResult, error) {
	if err := x.Currency.Valid(); err != nil {
		return nil, fmt.Errorf("currency: %w", err)
	}
	if x.Currency == a.Terms.Currency {
		return nil, fmt.Errorf("currency: got %s, want another than that of the terms", x.Currency)
	}
	if x.Amount <= 0 || x.Amount > maxAmount {
		return nil, fmt.Errorf("amount: got %d, want 1 to %d", int64(x.Amount), int64(maxAmount))
	}
	rate, ok := new(big.Rat).SetString(x.Rate)
	if !ok || len(x.Rate) > 40 || strings.ContainsAny(x.Rate, "eEpP") || rate.Sign() <= 0 {
		return nil, fmt.Errorf("rate: got %q, want a decimal number above zero, such as 7.1234", clip(x.Rate))
	}
	customer := x.Customer
	if customer == "" {
		customer = "default"
	}
	converted, err := divide(big.NewInt(int64(x.Amount)), rate.Num(), rate.Denom())
	if err != nil {
		return nil, err
	}
	res := &FXResult{ID: x.ID, Kind: "fx", Converted: converted, Rate: rate.Num().String() + "/" + rate.Denom().String(), Source: x.Source, Postings: []ledger.Posting{}}
	for _, l := range []ledger.Posting{
		{Account: ledger.Account("customer:" + customer + ":wallet"), Amount: x.Amount, Currency: x.Currency},
		{Account: ledger.Account("fx:position:" + string(x.Currency)), Amount: -x.Amount, Currency: x.Currency},
		{Account: ledger.Account("fx:position:" + string(x.Currency)), Amount: converted, Currency: a.Terms.Currency},
		{Account: ledger.Account("clearing:" + string(a.Terms.Currency)), Amount: -converted, Currency: a.Terms.Currency},
	} {
		if l.Amount != 0 {
			res.Postings = append(res.Postings, l)
		}
	}
	return res, ledger.Balanced(res.Postings)
}
