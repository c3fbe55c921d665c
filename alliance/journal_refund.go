package alliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"summit/ledger"
	"summit/money"
)

// Refund gives back a part of a settled request, or all of it, in one commit.
// It lands in the request's own period where that is open, else in the open one.
// The same refund again changes nothing, and parts never exceed the whole.
func (j *Journal) Refund(ctx context.Context, r *Refund) (*RefundResult, error) {
	if r.ID == "" || len(r.ID) > 200 {
		return nil, errors.New("alliance: refund: id: want 1 to 200 bytes")
	}
	if r.At.IsZero() {
		r.At.Time = j.now()
	}
	j.refunding.Lock()
	defer j.refunding.Unlock()
	a := j.alliance.Load()
	named := func(err error) error { return fmt.Errorf("alliance: refund %q: %w", clip(r.ID), err) }
	t, err := j.store.Find(ctx, "settle:"+r.Of)
	if err != nil {
		return nil, named(err)
	}
	_, original, err := opened(t)
	if err != nil {
		return nil, named(err)
	}
	for _, p := range t.Postings[t.Released:] {
		kind, _ := p.Account.Type()
		switch {
		case kind == ledger.Memo && strings.HasPrefix(string(p.Account), "cost:"):
			original.Memo = append(original.Memo, ledger.Posting{Account: p.Account, Amount: p.Amount})
		case kind != ledger.Memo:
			original.Postings = append(original.Postings, ledger.Posting{Account: p.Account, Amount: p.Amount})
		}
	}
	of := &settled{result: original, refunded: new(big.Rat)}
	for f, err := range j.store.Records(ctx, ledger.RecordFilter{Kind: "refund", Key: r.Of}) {
		if err != nil {
			return nil, named(err)
		}
		var before RefundResult
		if err := json.Unmarshal(f.Body, &before); err != nil {
			return nil, named(fmt.Errorf("transaction %d: %w", f.Seq, err))
		}
		if before.ID == r.ID {
			break // the same again: computed from the same, booked once
		}
		if _, ok := of.refunded.SetString(before.Refunded); !ok {
			return nil, named(fmt.Errorf("transaction %d: refunded: got %q, want a fraction", f.Seq, clip(before.Refunded)))
		}
	}
	if of.refunded.Sign() > 0 {
		tie := func(legs []ledger.Posting) func(i, j int) int {
			names := make([]string, len(legs))
			for i, l := range legs {
				names[i] = string(l.Account)
			}
			return a.Terms.TieBreak.among(original.ID, names)
		}
		_, of.postings = reversed(original.Postings, nil, of.refunded, tie)
		_, of.memo = reversed(original.Memo, nil, of.refunded, tie)
	}
	input := ledger.Sum([]byte(fmt.Sprintf("%s %s %s", r.Of, r.Part, r.Fault)))
	var res *RefundResult
	entry := ledger.Entry{Key: "refund:" + r.ID, Input: input, Kind: "refund", Currency: a.Terms.Currency, Effective: t.Period, Reverses: t.Key, Links: []string{t.Key},
		Decide: func(v ledger.View, e *ledger.Entry) error {
			books, err := a.whole(v, v.Open(t.Period))
			if err != nil {
				return err
			}
			copied := *of
			if res, err = a.refund(r, &copied, books); err != nil {
				return err
			}
			e.Postings = slices.Concat(res.Postings[:res.legs], res.Memo[:res.memo])
			own := *res
			own.Postings, own.Memo = nil, nil
			body, err := json.Marshal(&own)
			e.Records = []ledger.Record{{Kind: "refund", Key: r.Of, Body: body}}
			return err
		}}
	entries := []ledger.Entry{entry}
	if len(original.Deferred) > 0 { // a transaction of its own: a reversal is the negation of what was booked
		entries = append(entries, ledger.Entry{Key: "claim:" + r.ID, Input: input, Kind: "claim", Currency: a.Terms.Currency, Effective: t.Period, Links: []string{entry.Key, t.Key}, Reason: "claims that were repaid since",
			Decide: func(_ ledger.View, e *ledger.Entry) error {
				e.Postings = slices.Clone(res.Memo[res.memo:])
				return nil
			}})
	}
	if r.Fault != "" {
		entries = append(entries, ledger.Entry{Key: "fault:" + r.ID, Input: input, Kind: "fault", Currency: a.Terms.Currency, Effective: t.Period, Links: []string{entry.Key, t.Key}, Reason: r.Fault,
			Decide: func(_ ledger.View, e *ledger.Entry) error {
				e.Postings = slices.Clone(res.Postings[res.legs:])
				return nil
			}})
	}
	if _, err := j.post(ctx, entries...); err != nil {
		return nil, named(err)
	}
	if res == nil { // booked before
		t, err := j.store.Find(ctx, entry.Key)
		if err != nil {
			return nil, named(err)
		}
		res = &RefundResult{}
		for _, f := range t.Records {
			if f.Kind == "refund" {
				if err := json.Unmarshal(f.Body, res); err != nil {
					return nil, named(err)
				}
			}
		}
		res.Postings = t.Postings
	}
	return res, nil
}

// whole returns where the books stand, as far as anything looks at them: all
// members, up to the period.
func (a *Alliance) whole(v ledger.View, period ledger.Period) (*Books, error) {
	b := (&Books{}).clone()
	ccy := a.Terms.Currency
	var failure error
	balance := func(account string) Units {
		x, err := v.Balance(ledger.Account(account), ccy)
		failure = errors.Join(failure, err)
		return x
	}
	turnover := func(p ledger.Period, account string) Units {
		x, err := v.Turnover(p, ledger.Account(account), ccy)
		failure = errors.Join(failure, err)
		return x
	}
	b.Reserve = -balance("reserve")
	last := ledger.PeriodOf(v.Now().AddDate(0, 1, 1)) // nothing is booked later, in whatever zone
	for _, m := range a.names {
		payable := balance("member:" + m + ":payable")
		for p := period.Next(); p <= last; p = p.Next() {
			payable -= turnover(p, "member:"+m+":payable")
		}
		c := a.contracts[m][len(a.contracts[m])-1]
		b.Payable[m] = -payable
		b.Deferred[m] = max(-balance("cost:deferred:"+m), 0)
		b.Residue[m] = -balance("rounding:" + m)
		b.Advanced[m] = max(balance("meter:advanced:"+m), 0)
		b.Absorbed[m] = max(turnover(period, "meter:absorbed:"+m), 0)
		b.CardMS[m] = int64(max(turnover(period, "meter:card_ms:"+m), 0))
		b.CapsLeft[m] = max(Units(c.Sacrifice.PerPeriod)-turnover(period, "meter:sacrifice:"+m), 0)
	}
	return b, failure
}

// Dispute freezes an amount that a member is to get, until it is decided.
type Dispute struct {
	ID       string       `json:"id"`
	At       time.Time    `json:"at"`
	Member   string       `json:"member"`
	Request  string       `json:"request"` // that it is about; its settlement is the evidence
	Amount   money.Amount `json:"amount"`
	Reason   string       `json:"reason"`
	Until    time.Time    `json:"until"`              // it is released then, if nobody has decided
	Decision string       `json:"decision,omitempty"` // release or reverse; empty = open
	To       string       `json:"to,omitempty"`       // reverse: an account's party: reserve, customer:NAME or member:NAME
}

// OpenDispute freezes a part of what a member has coming from a request: no
// more than it got for it.
func (j *Journal) OpenDispute(ctx context.Context, d Dispute) (*Dispute, error) {
	a := j.alliance.Load()
	named := func(format string, args ...any) error {
		return fmt.Errorf("alliance: dispute %q: "+format, append([]any{clip(d.ID)}, args...)...)
	}
	if !ledger.ValidName(d.ID) {
		return nil, named("id: want letters, digits and - _ . only, at most 64")
	}
	t, err := j.store.Find(ctx, "settle:"+d.Request)
	if err != nil {
		return nil, named("%w", err)
	}
	got := Units(0)
	payable := ledger.Account("member:" + d.Member + ":payable")
	for _, p := range t.Postings[t.Released:] {
		if p.Account == payable {
			got -= p.Amount
		}
	}
	if d.Amount <= 0 || Units(d.Amount) > got {
		return nil, named("amount: got %s, want up to %s, which %s got for the request", d.Amount, money.Amount(got), clip(d.Member))
	}
	if d.At.IsZero() {
		d.At = j.now()
	}
	d.Until = d.At.AddDate(0, 0, int(a.Terms.DisputeDays))
	if c, err := a.contract(d.Member, d.At); err == nil && c.Audit.WindowDays > 0 {
		if over := t.BookedAt.AddDate(0, 0, int(c.Audit.WindowDays)); d.At.After(over) {
			return nil, named("the request was settled on %s, and may be disputed for %d days", t.BookedAt.Format(time.DateOnly), c.Audit.WindowDays)
		}
	}
	d.Decision, d.To = "", ""
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	input := ledger.Sum([]byte(fmt.Sprintf("%s %s %d", d.Member, d.Request, int64(d.Amount))))
	_, err = j.post(ctx, ledger.Entry{Key: "dispute:" + d.ID, Input: input, Kind: "dispute", Currency: a.Terms.Currency, Effective: j.month(d.At), Links: []string{t.Key}, Reason: clip(d.Reason),
		Postings: []ledger.Posting{{Account: payable, Amount: Units(d.Amount)}, {Account: ledger.Account("dispute:" + d.ID), Amount: -Units(d.Amount)}},
		Records:  []ledger.Record{{Kind: "dispute", Key: d.ID, Body: body}}})
	if err != nil {
		return nil, named("%w", err)
	}
	return &d, nil
}

// DecideDispute ends a dispute: release gives the member what was frozen,
// reverse gives it to another party.
func (j *Journal) DecideDispute(ctx context.Context, id, decision, to string) (*Dispute, error) {
	named := func(format string, args ...any) error {
		return fmt.Errorf("alliance: dispute %q: "+format, append([]any{clip(id)}, args...)...)
	}
	all, err := j.Disputes(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(d Dispute) bool { return d.ID == id })
	if at < 0 {
		return nil, named("%w", ledger.ErrNotFound)
	}
	d := all[at]
	account := ledger.Account("member:" + d.Member + ":payable")
	switch {
	case decision == "release" && to == "":
	case decision != "reverse":
		return nil, named("decision: got %q, want release, or reverse with whom it goes to", clip(decision))
	case to == "reserve":
		account = "reserve"
	case strings.HasPrefix(to, "customer:"):
		j.mu.RLock()
		c, ok := j.customers[strings.TrimPrefix(to, "customer:")]
		j.mu.RUnlock()
		if !ok {
			return nil, named("to: %q: %w", clip(to), ErrNoCustomer)
		}
		account = c.account()
	case strings.HasPrefix(to, "member:") && j.alliance.Load().contracts[strings.TrimPrefix(to, "member:")] != nil:
		account = ledger.Account(to + ":payable")
	default:
		return nil, named("to: got %q, want reserve, customer:NAME or member:NAME", clip(to))
	}
	d.Decision, d.To = decision, to
	body, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	_, err = j.post(ctx, ledger.Entry{Key: "decide:" + id, Input: ledger.Sum([]byte(decision + " " + to)), Kind: "decision", Currency: j.currency(), Effective: j.month(j.now()), Links: []string{"dispute:" + id},
		Postings: []ledger.Posting{{Account: ledger.Account("dispute:" + id), Amount: Units(d.Amount)}, {Account: account, Amount: -Units(d.Amount)}},
		Records:  []ledger.Record{{Kind: "dispute", Key: id, Body: body}}})
	if err != nil {
		return nil, named("%w", err)
	}
	return &d, nil
}

// Disputes returns all disputes, the oldest first.
func (j *Journal) Disputes(ctx context.Context) ([]Dispute, error) {
	var all []Dispute
	for f, err := range j.store.Records(ctx, ledger.RecordFilter{Kind: "dispute"}) {
		if err != nil {
			return nil, err
		}
		var d Dispute
		if err := json.Unmarshal(f.Body, &d); err != nil {
			return nil, fmt.Errorf("alliance: dispute in transaction %d: %w", f.Seq, err)
		}
		if i := slices.IndexFunc(all, func(e Dispute) bool { return e.ID == d.ID }); i >= 0 {
			all[i] = d
		} else {
			all = append(all, d)
		}
	}
	return all, nil
}

// Sweep takes expired holds back, and releases what was disputed for longer
// than the terms allow.
func (j *Journal) Sweep(ctx context.Context) error {
	if _, err := ledger.Sweep(ctx, j.store, j.now()); err != nil {
		return err
	}
	all, err := j.Disputes(ctx)
	if err != nil {
		return err
	}
	for _, d := range all {
		if d.Decision == "" && j.now().After(d.Until) {
			if _, err := j.DecideDispute(ctx, d.ID, "release", ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// Recover takes back all holds. It is for a start: whoever held them is gone,
// and what was not settled is not charged.
func (j *Journal) Recover(ctx context.Context) (int, error) {
	var ids []string
	for h, err := range j.store.Holds(ctx, time.Time{}) {
		if err != nil {
			return 0, err
		}
		ids = append(ids, strings.TrimPrefix(h.Key, "hold:"))
	}
	for i, id := range ids {
		if err := j.Void(ctx, id, "the server was started anew"); err != nil && !errors.Is(err, ledger.ErrHold) {
			return i, err
		}
	}
	return len(ids), nil
}

// Convert books a conversion of a customer's money.
func (j *Journal) Convert(ctx context.Context, x *FX) (*FXResult, error) {
	a := j.alliance.Load()
	res, err := a.convert(x)
	if err != nil {
		return nil, fmt.Errorf("alliance: conversion %q: %w", clip(x.ID), err)
	}
	input := ledger.Sum([]byte(fmt.Sprintf("%s %s %d %s", x.Customer, x.Currency, int64(x.Amount), x.Rate)))
	_, err = j.post(ctx, ledger.Entry{Key: "fx:" + x.ID, Input: input, Kind: "fx", Effective: j.month(j.now()), Reason: clip(x.Source), Postings: res.Postings})
	return res, err
}
