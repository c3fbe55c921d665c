// Package alliance shares the money of one answer among those who gave it:
// what each member's work cost by its contract, what of that is recovered,
// borne or put off, and what each gets of a surplus by its contribution.
//
// Its nouns are Contract (what one member agreed to), Terms (what holds for
// all), Request (one metered request), Books (where the alliance stands) and
// Result (one settlement with its postings). A settlement is a function of
// these alone: same events, same contracts, same terms, same units, whoever
// computes it. No float is in this package.
package alliance

import (
	"fmt"
	"maps"
	"slices"
	"time"
	_ "time/tzdata" // contracts name zones, also on machines without a table of them

	"summit/ledger"
)

// Units is an amount of money in millionths of the terms' currency.
type Units = ledger.Units

// Member is what one member has to do with a request.
type Member struct {
	Member  string  `json:"member"`
	Used    bool    `json:"used"` // false: it was eligible, and is paid for standing by
	Buckets Buckets `json:"buckets"`
	Calls   *int64  `json:"calls"` // absent = as the bucket says, else 1 where it was used
	CardMS  int64   `json:"card_ms"`
}

// Request is one metered request.
type Request struct {
	ID        string           `json:"id"`
	At        Moment           `json:"at"`
	Customer  string           `json:"customer"` // empty = default
	Mode      string           `json:"mode"`     // route, cascade, vote, fuse or tokens: which game v is of
	Price     Units            `json:"price"`    // of what was delivered, with tax
	Members   []Member         `json:"members"`
	V         map[string]int64 `json:"v"`         // what each coalition is worth, in millionths
	Predicted map[string]int64 `json:"predicted"` // route: what each member alone is worth

	// Instead of v or predicted, what a live request is recorded with.
	Ballots  *Ballots         `json:"ballots,omitempty"`  // vote, cascade
	Logprobs *Logprobs        `json:"logprobs,omitempty"` // tokens
	Weights  map[string]int64 `json:"weights,omitempty"`  // each one's share in the answer, in millionths
}

// Books is where the alliance stands between two records. The zero value is a
// start with nothing.
type Books struct {
	Reserve  Units            `json:"reserve"`
	CapsLeft map[string]Units `json:"caps_left"` // of sacrifices in this period; absent = the contract's
	Deferred map[string]Units `json:"deferred"`  // costs that wait to be repaid
	Payable  map[string]Units `json:"payable,omitempty"`
	Absorbed map[string]Units `json:"absorbed,omitempty"` // standard cost charged in this period
	CardMS   map[string]int64 `json:"card_ms,omitempty"`  // metered in this period
	Residue  map[string]Units `json:"residue,omitempty"`  // below one fen, carried on
	Advanced map[string]Units `json:"advanced,omitempty"` // guarantees that are to be paid back
}

// clone returns a copy without absent maps.
func (b *Books) clone() *Books {
	c := *b
	for _, m := range []*map[string]Units{&c.CapsLeft, &c.Deferred, &c.Payable, &c.Absorbed, &c.Residue, &c.Advanced} {
		if *m = maps.Clone(*m); *m == nil {
			*m = map[string]Units{}
		}
	}
	if c.CardMS = maps.Clone(c.CardMS); c.CardMS == nil {
		c.CardMS = map[string]int64{}
	}
	return &c
}

func (b *Books) check() error {
	if b.Reserve < 0 || b.Reserve > maxAmount {
		return fmt.Errorf("reserve: got %d, want zero or more", int64(b.Reserve))
	}
	for name, m := range map[string]map[string]Units{"caps_left": b.CapsLeft, "deferred": b.Deferred, "absorbed": b.Absorbed, "residue": b.Residue, "advanced": b.Advanced} {
		for member, a := range m {
			if a < 0 || a > maxAmount {
				return fmt.Errorf("%s: %s: got %d, want zero or more", name, clip(member), int64(a))
			}
		}
	}
	for member, a := range b.Payable { // refunds may turn it negative
		if a < -maxAmount || a > maxAmount {
			return fmt.Errorf("payable: %s: got %d, want at most %d", clip(member), int64(a), int64(maxAmount))
		}
	}
	return nil
}

// Result is one settlement.
type Result struct {
	ID   string `json:"id"`
	Kind string `json:"kind"`

	Tax         Units             `json:"tax"`
	Fee         Units             `json:"fee"`
	Pool        Units             `json:"pool"`
	Costs       map[string]Units  `json:"costs"`
	Sacrifice   map[string]Units  `json:"sacrifice"`
	FromReserve Units             `json:"from_reserve"`
	Deferred    map[string]Units  `json:"deferred"`
	Recovered   map[string]Units  `json:"recovered"` // of this request's costs
	Recouped    map[string]Units  `json:"recouped"`  // of earlier requests' deferred costs
	ToReserve   Units             `json:"to_reserve"`
	Phi         map[string]string `json:"phi"` // contributions, exactly
	Dividends   map[string]Units  `json:"dividends"`

	Contracts map[string]string `json:"contracts,omitempty"` // the hash that each member was rated with
	Postings  []ledger.Posting  `json:"postings"`
	Memo      []ledger.Posting  `json:"memo,omitempty"` // the loss book
}

// Alliance is the terms with everybody's contracts.
type Alliance struct {
	Terms     *Terms
	contracts map[string][]*Contract // by member
	names     []string               // of the members, in order
}

// New returns an alliance. Two contracts of one member may not hold at the
// same time.
func New(t *Terms, contracts []*Contract) (*Alliance, error) {
	a := &Alliance{Terms: t, contracts: map[string][]*Contract{}}
	for _, c := range contracts {
		if c.Currency != t.Currency {
			return nil, fmt.Errorf("alliance: contract of %s: currency %s, want %s as in the terms", c.Member, c.Currency, t.Currency)
		}
		for _, other := range a.contracts[c.Member] {
			if (c.Effective.until.IsZero() || other.Effective.from.Before(c.Effective.until)) && (other.Effective.until.IsZero() || c.Effective.from.Before(other.Effective.until)) {
				return nil, fmt.Errorf("alliance: two contracts of %s hold at the same time: from %q to %q and from %q to %q",
					c.Member, other.Effective.From, other.Effective.To, c.Effective.From, c.Effective.To)
			}
		}
		a.contracts[c.Member] = append(a.contracts[c.Member], c)
	}
	if m := t.Judge.Member; m != "" && a.contracts[m] == nil {
		return nil, fmt.Errorf("alliance: terms: judge: %s has no contract: nobody could pay it", clip(m))
	}
	a.names = sorted(a.contracts)
	return a, nil
}

// contract returns what held for the member at the time.
func (a *Alliance) contract(member string, at time.Time) (*Contract, error) {
	list := a.contracts[member]
	if len(list) == 0 {
		return nil, fmt.Errorf("member %s has no contract", clip(member))
	}
	for _, c := range list {
		if at.IsZero() && len(list) == 1 || c.Effective.holds(at) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("member %s has no contract that holds at %s", clip(member), at.Format(time.RFC3339))
}

// capLeft returns what is left of a member's agreed loss in this period.
func (b *Books) capLeft(c *Contract) Units {
	if left, ok := b.CapsLeft[c.Member]; ok {
		return left
	}
	return Units(c.Sacrifice.PerPeriod)
}

// post adds a posting where there is something to post.
func post(list []ledger.Posting, account string, amount Units) []ledger.Posting {
	if amount == 0 {
		return list
	}
	return append(list, ledger.Posting{Account: ledger.Account(account), Amount: amount})
}

// sorted returns a map's names in order.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// add adds to a member's sum and reports an overflow.
func add(m map[string]Units, member string, a Units) error {
	sum, err := m[member].Add(a)
	if err == nil && (sum > maxAmount || sum < -maxAmount) {
		err = ledger.ErrOverflow
	}
	if err != nil {
		return fmt.Errorf("%s: %w", member, err)
	}
	m[member] = sum
	return nil
}

// without drops the members that have nothing.
func without(m map[string]Units) map[string]Units {
	maps.DeleteFunc(m, func(_ string, a Units) bool { return a == 0 })
	return m
}
