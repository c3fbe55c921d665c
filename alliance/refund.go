package alliance

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"summit/ledger"
)

// Refund gives back a part of an earlier request. The original stays as it is.
type Refund struct {
	ID    string `json:"id"`
	At    Moment `json:"at"`
	Of    string `json:"of"`    // the request
	Part  string `json:"part"`  // such as 1/3; empty = all
	Fault string `json:"fault"` // the member that answers for it; empty = nobody
}

// RefundResult is one refund.
type RefundResult struct {
	ID       string           `json:"id"`
	Kind     string           `json:"kind"`
	Of       string           `json:"of"`
	Refunded string           `json:"refunded"` // of the request so far, as a fraction
	Postings []ledger.Posting `json:"postings"`
	Memo     []ledger.Posting `json:"memo,omitempty"`

	legs int // of Postings are the reversal; the rest is what the member at fault makes good
	memo int // of Memo are the reversal; the rest is about claims that were repaid since
}

// settled is what is kept of a request for its refunds.
type settled struct {
	result   *Result
	refunded *big.Rat // so much of it so far
	postings []Units  // so much of each leg so far
	memo     []Units
}

// refund reverses a part of a request: all its legs, each side split by the
// method of the largest remainder. What was refunded before counts in, so that
// three thirds are the whole to the unit.
func (a *Alliance) refund(r *Refund, of *settled, books *Books) (*RefundResult, error) {
	part := big.NewRat(1, 1)
	if r.Part != "" {
		if _, ok := part.SetString(r.Part); !ok || len(r.Part) > 40 || part.Sign() <= 0 || part.Cmp(big.NewRat(1, 1)) > 0 {
			return nil, fmt.Errorf("part: got %q, want a fraction above 0 and up to 1, such as 1/3", clip(r.Part))
		}
	}
	total := new(big.Rat).Add(of.refunded, part)
	if total.Cmp(big.NewRat(1, 1)) > 0 {
		return nil, fmt.Errorf("part: %s was refunded before, and %s more is above the whole", of.refunded.RatString(), part.RatString())
	}
	tie := func(legs []ledger.Posting) func(i, j int) int {
		names := make([]string, len(legs))
		for i, l := range legs {
			names[i] = string(l.Account)
		}
		return a.Terms.TieBreak.among(of.result.ID, names)
	}
	res := &RefundResult{ID: r.ID, Kind: "refund", Of: r.Of, Refunded: total.RatString()}
	res.Postings, of.postings = reversed(of.result.Postings, of.postings, total, tie)
	res.Memo, of.memo = reversed(of.result.Memo, of.memo, total, tie)
	of.refunded, res.legs, res.memo = total, len(res.Postings), len(res.Memo)
	if err := books.reverse(res); err != nil {
		return nil, err
	}
	if r.Fault != "" {
		if err := a.blame(r, part, of.result, res, books); err != nil {
			return nil, err
		}
	}
	return res, ledger.Balanced(slices.Concat(res.Postings, res.Memo))
}

// reversed returns the legs that bring what was reversed of each leg before up
// to part of the original, and what is reversed of each then.
func reversed(legs []ledger.Posting, before []Units, part *big.Rat, tie func([]ledger.Posting) func(i, j int) int) ([]ledger.Posting, []Units) {
	out := []ledger.Posting{}
	after := make([]Units, len(legs))
	for _, debit := range []bool{true, false} {
		var side []ledger.Posting
		var at []int
		var sum Units
		for i, l := range legs {
			if l.Amount > 0 == debit {
				side, at = append(side, l), append(at, i)
				sum += max(l.Amount, -l.Amount)
			}
		}
		// Both sides have the same sum, so they round alike. A part of what
		// fitted fits.
		total, _ := divide(big.NewInt(int64(sum)), part.Num(), part.Denom())
		weights := make([]*big.Int, len(side))
		for i, l := range side {
			weights[i] = new(big.Int).Abs(big.NewInt(int64(l.Amount)))
		}
		for i, x := range share(total, weights, tie(side)) {
			if debit {
				x = -x
			}
			after[at[i]] = x
		}
	}
	for i, l := range legs {
		x := after[i]
		if before != nil {
			x -= before[i]
		}
		out = post(out, string(l.Account), x)
	}
	return out, after
}

// reverse lets the books follow the legs of a refund, and adds to its memo what
// it has to do with claims that are not there any more.
func (b *Books) reverse(res *RefundResult) error {
	for _, l := range res.Postings {
		kind, name := split(l.Account)
		switch kind {
		case "reserve":
			if b.Reserve -= l.Amount; b.Reserve < 0 {
				return fmt.Errorf("the reserve is short of %d: it may not be overdrawn", -int64(b.Reserve))
			}
		case "payable":
			if err := add(b.Payable, name, -l.Amount); err != nil {
				return err
			}
		}
	}
	for _, l := range res.Memo {
		if kind, name := split(l.Account); kind == "deferred" {
			// A claim that was repaid meanwhile is none any more: what was put off is
			// recovered then, and nothing later is to be set against it.
			repaid := max(l.Amount-b.Deferred[name], 0)
			b.Deferred[name] -= l.Amount - repaid
			res.Memo = post(res.Memo, "cost:deferred:"+name, -repaid)
			res.Memo = post(res.Memo, "cost:recovered:"+name, repaid)
		}
	}
	without(b.Payable)
	without(b.Deferred)
	return nil
}

// split returns what an account is, and whose.
func split(a ledger.Account) (kind, name string) {
	switch parts := strings.Split(string(a), ":"); {
	case parts[0] == "member" && len(parts) == 3:
		return parts[2], parts[1]
	case parts[0] == "cost" && len(parts) == 3:
		return parts[1], parts[2]
	default:
		return parts[0], ""
	}
}

// blame lets the member at fault make good what the others lose of their
// costs, up to what it answers for.
func (a *Alliance) blame(r *Refund, part *big.Rat, original *Result, res *RefundResult, books *Books) error {
	fault, err := a.contract(r.Fault, r.At.Time)
	if err != nil {
		return fmt.Errorf("fault: %w", err)
	}
	if _, used := original.Costs[r.Fault]; !used {
		return fmt.Errorf("fault: %s was not used in request %s", r.Fault, clip(r.Of))
	}
	var others []string
	var lost []*big.Int
	var total Units
	for _, m := range sorted(original.Recovered) {
		if m == r.Fault {
			continue
		}
		x, err := divide(big.NewInt(int64(original.Recovered[m])), part.Num(), part.Denom())
		if err != nil {
			return err
		}
		others, lost = append(others, m), append(lost, big.NewInt(int64(x)))
		total += x
	}
	if c := fault.Liability.RefundFaultCap; c != nil {
		total = min(total, Units(*c))
	}
	var paid Units
	for i, x := range share(total, lost, a.Terms.TieBreak.among(res.ID, others)) {
		res.Postings = post(res.Postings, "member:"+others[i]+":payable", -x)
		if err := add(books.Payable, others[i], x); err != nil {
			return err
		}
		paid += x
	}
	res.Postings = post(res.Postings, "member:"+r.Fault+":payable", paid)
	return add(books.Payable, r.Fault, -paid)
}
