// Package ledger is double-entry bookkeeping in whole numbers: accounts whose
// type follows from their name, postings, and transactions that sum to zero in
// each currency of each book.
//
// Its nouns are Account, Posting and Txn. Amounts are millionths of a currency
// unit, debit positive and credit negative; no float is in this package. It
// knows money and nothing else of ours: what a posting is for is the business
// of who writes it.
package ledger

import (
	"fmt"
	"strings"

	"summit/money"
)

// Units is an amount of money in millionths of a currency unit. Unlike
// money.Amount, which people read and write as a decimal number, it is a whole
// number in JSON, too: books are compared to the unit.
type Units int64

// ErrOverflow says that a sum does not fit.
var ErrOverflow = money.ErrOverflow

// Add returns a+b, or ErrOverflow past MaxAmount.
func (a Units) Add(b Units) (Units, error) {
	sum, err := money.Amount(a).Add(money.Amount(b))
	if err != nil || Units(sum) > MaxAmount || Units(sum) < -MaxAmount {
		return 0, ErrOverflow
	}
	return Units(sum), nil
}

// Account names where money stands: segments parted by colons, such as
// "member:glm:payable". Its type is fixed by its name.
type Account string

// Type is what kind of account it is.
type Type string

// The types. A memo account carries facts that are no cash.
const (
	Asset     Type = "asset"
	Liability Type = "liability"
	Income    Type = "income"
	Memo      Type = "memo"
)

// rule says which accounts there are. A star stands for one segment of a name.
type rule struct {
	pattern string
	kind    Type
	// covered accounts are liabilities that may not be overdrawn: their sum
	// never rises above zero.
	covered bool
}

// rules is the chart of accounts.
var rules = []rule{
	{"bank:*", Asset, false},
	{"clearing:*", Asset, false},
	{"customer:*:receivable", Asset, false},
	{"customer:*:wallet", Liability, true},
	{"customer:*:hold", Liability, true},
	{"tax:vat", Liability, false},
	{"operator:fee", Income, false},
	{"member:*:payable", Liability, false},
	{"member:*:approved", Liability, false},
	{"reserve", Liability, true},
	{"fx:position:*", Asset, false},
	{"rounding:*", Liability, false},
	{"dispute:*", Liability, false},
	{"cost:declared:*", Memo, false},
	{"cost:recovered:*", Memo, false},
	{"cost:sacrifice:*", Memo, false},
	{"cost:deferred:*", Memo, false},
	{"meter:spent:*", Memo, false},     // by a customer
	{"meter:key:*", Memo, false},       // by one of a customer's keys
	{"meter:day:*:*", Memo, false},     // by a customer on one day
	{"meter:key_day:*:*", Memo, false}, // by a key on one day
	{"meter:sacrifice:*", Memo, false}, // borne by a member
	{"meter:absorbed:*", Memo, false},  // standard cost charged by a member
	{"meter:card_ms:*", Memo, false},   // not money: card milliseconds
	{"meter:advanced:*", Memo, false},  // guarantees that a member is to pay back
	{"meter:sum", Memo, false},         // what stands opposite to the meters
}

// MaxAmount bounds every amount and sum: 2^62, so that no addition of two
// overflows.
const MaxAmount Units = 1 << 62

// find returns the account's rule. It runs for every posting that is booked.
func (a Account) find() (rule, error) {
next:
	for _, r := range rules {
		if a == "" || r.pattern[0] != a[0] {
			continue // most of them, and it takes least
		}
		want, name := r.pattern, string(a)
		for more := true; more; {
			var w, part string
			var also bool
			w, want, more = strings.Cut(want, ":")
			if part, name, also = strings.Cut(name, ":"); also != more || w != part && (w != "*" || !ValidName(part)) {
				continue next
			}
		}
		return r, nil
	}
	return rule{}, fmt.Errorf("ledger: account %q: no such account, want one of the chart such as member:NAME:payable", clip(string(a)))
}

// Type returns the account's type, or an error that names it.
func (a Account) Type() (Type, error) {
	r, err := a.find()
	return r.kind, err
}

// Covered reports whether the account may not be overdrawn.
func (a Account) Covered() bool {
	r, err := a.find()
	return err == nil && r.covered
}

// ValidName reports whether a party's name can stand in an account: letters,
// digits and - _ . only, at most 64.
func ValidName(name string) bool {
	for _, b := range []byte(name) {
		if (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && (b < '0' || b > '9') && b != '-' && b != '_' && b != '.' {
			return false
		}
	}
	return name != "" && len(name) <= 64
}

// Posting is one line: debit positive, credit negative.
type Posting struct {
	Account  Account        `json:"account"`
	Amount   Units          `json:"amount"`
	Currency money.Currency `json:"currency,omitempty"` // empty = the book's own
}

// Balanced checks that every posting has an account of the chart and that they
// sum to zero in each currency, memo postings by themselves.
func Balanced(postings []Posting) error {
	type book struct {
		currency money.Currency
		memo     bool
	}
	sums := map[book]Units{}
	var order []book // of their first postings, so that equal input gives an equal error
	for _, p := range postings {
		kind, err := p.Account.Type()
		if err != nil {
			return err
		}
		if p.Amount > MaxAmount || p.Amount < -MaxAmount {
			return fmt.Errorf("ledger: account %s: amount %d, want at most 2^62", p.Account, int64(p.Amount))
		}
		b := book{p.Currency, kind == Memo}
		if _, ok := sums[b]; !ok {
			order = append(order, b)
		}
		sum, err := sums[b].Add(p.Amount)
		if err != nil {
			return fmt.Errorf("ledger: account %s: the sum passes 2^62", p.Account)
		}
		sums[b] = sum
	}
	for _, b := range order {
		if sum := sums[b]; sum != 0 {
			what := "cash"
			if b.memo {
				what = "memo"
			}
			return fmt.Errorf("ledger: %s postings in %q sum to %d, want 0", what, b.currency, int64(sum))
		}
	}
	return nil
}

// clip keeps error texts short whatever came in.
func clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
