package alliance

import (
	"context"
	"errors"
	"fmt"

	"summit/ledger"
	"summit/money"
)

// Pay books that a member was paid out of what was closed and approved: no more
// than that, no less at a time than its contract says. The reference, such as
// the bank's, is booked once.
func (j *Journal) Pay(ctx context.Context, member string, a money.Amount, reference string) error {
	named := func(format string, args ...any) error {
		return fmt.Errorf("alliance: payout to %s: "+format, append([]any{clip(member)}, args...)...)
	}
	all := j.alliance.Load()
	list := all.contracts[member]
	switch {
	case len(list) == 0:
		return named("it has no contract")
	case a <= 0 || Units(a) > maxAmount || Units(a)%fenUnits != 0:
		return named("got %s, want whole hundredths above zero", a)
	case reference == "" || len(reference) > 120:
		return named("reference: want 1 to 120 bytes, such as the bank's number")
	}
	least := list[len(list)-1].Payout.Minimum
	if c, err := all.contract(member, j.now()); err == nil {
		least = c.Payout.Minimum
	}
	if a < least {
		return named("got %s, want at least %s by its contract", a, least)
	}
	ccy := all.Terms.Currency
	account := ledger.Account("member:" + member + ":approved")
	_, err := j.post(ctx, ledger.Entry{Key: "payout:" + reference, Input: ledger.Sum([]byte(fmt.Sprint(member, " ", int64(a)))), Kind: "payout", Currency: ccy, Effective: j.month(j.now()),
		Postings: []ledger.Posting{{Account: account, Amount: Units(a)}, {Account: ledger.Account("bank:" + string(ccy)), Amount: -Units(a)}},
		Decide: func(v ledger.View, _ *ledger.Entry) error {
			approved, err := v.Balance(account, ccy)
			if err == nil && -approved < Units(a) {
				err = named("got %s, approved are %s", a, money.Amount(-approved))
			}
			return err
		}})
	return err
}

// ToMeasure returns the requests of a month that are in the audit sample and
// that nobody has measured yet.
func (j *Journal) ToMeasure(ctx context.Context, period ledger.Period) ([]*Event, error) {
	if err := period.Valid(); err != nil {
		return nil, err
	}
	all := []*Event{}
	for t, err := range j.store.Txns(ctx, ledger.Filter{Period: period, Kind: "settle"}) {
		if err != nil {
			return nil, err
		}
		event, _, err := opened(t)
		if err != nil {
			return nil, err
		}
		if !event.Audit || event.Judged != nil && event.Judged.Failed == "" {
			continue
		}
		if _, err := j.store.Find(ctx, "table:"+event.Request.ID); err == nil {
			continue
		} else if !errors.Is(err, ledger.ErrNotFound) {
			return nil, err
		}
		all = append(all, event)
	}
	return all, nil
}
