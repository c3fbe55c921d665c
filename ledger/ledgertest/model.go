package ledgertest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"summit/ledger"
)

// auditor is a second, plain bookkeeper: maps and additions.
type auditor struct {
	balances map[ledger.Account]ledger.Units
	turned   map[ledger.Period]map[ledger.Account]ledger.Units
	held     map[string]ledger.Units // open holds
	settled  map[string]ledger.Units // what is left of each settlement
	closed   ledger.Period
}

func (a *auditor) move(p ledger.Period, from, to ledger.Account, x ledger.Units) {
	if a.turned[p] == nil {
		a.turned[p] = map[ledger.Account]ledger.Units{}
	}
	a.balances[from] += x
	a.balances[to] -= x
	a.turned[p][from] += x
	a.turned[p][to] -= x
}

// random does at random what a gateway does, and keeps its own books beside.
func random(t *testing.T, b *books) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	a := &auditor{balances: map[ledger.Account]ledger.Units{}, turned: map[ledger.Period]map[ledger.Account]ledger.Units{},
		held: map[string]ledger.Units{}, settled: map[string]ledger.Units{}}
	pick := func(m map[string]ledger.Units) string { // any, but the same for the same seed
		best := ""
		for k := range m {
			if best == "" || k < best {
				best = k
			}
		}
		return best
	}
	for i := range 300 {
		b.at.Add(r.Int64N(int64(48 * time.Hour / time.Microsecond)))
		period := ledger.PeriodOf(time.UnixMicro(b.at.Load()).UTC())
		if period <= a.closed {
			period = a.closed.Next()
		}
		key := fmt.Sprint(i)
		var want error
		var e ledger.Entry
		var then func()
		x := ledger.Units(r.Int64N(100) + 1)
		switch r.IntN(8) {
		case 0, 1:
			e = ledger.Entry{Key: key, Kind: "deposit", Postings: move(bank, wallet, x*2)}
			then = func() { a.move(period, bank, wallet, x*2) }
		case 2, 3:
			e = b.hold(key, x)
			if e.Key = key; a.balances[wallet]+x > 0 {
				want = ledger.ErrOverdrawn
			}
			then = func() { a.move(period, wallet, held, x); a.held[key] = x }
		case 4, 5:
			h := pick(a.held)
			if h == "" {
				continue
			}
			e = ledger.Entry{Key: key, Kind: "settle", Ends: h, Postings: move(wallet, fee, x)}
			if x > a.held[h] {
				want = ledger.ErrCharge
			}
			then = func() {
				a.move(period, wallet, held, -a.held[h])
				a.move(period, wallet, fee, x)
				delete(a.held, h)
				a.settled[key] = x
			}
		case 6:
			s := pick(a.settled)
			if s == "" {
				continue
			}
			left := a.settled[s]
			e = ledger.Entry{Key: key, Kind: "refund", Reverses: s, Postings: move(wallet, fee, -x)}
			if x > left {
				want = ledger.ErrReversed
			}
			then = func() {
				a.move(period, wallet, fee, -x)
				if a.settled[s] -= x; a.settled[s] == 0 {
					delete(a.settled, s)
				}
			}
		case 7:
			if r.IntN(4) > 0 {
				continue
			}
			closes := period
			e = ledger.Entry{Key: key, Kind: "close", Closes: closes, Postings: move(fee, bank, 1)}
			then = func() { a.move(closes, fee, bank, 1); a.closed = closes }
		}
		_, err := b.try(e)
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Fatalf("step %d: %+v: error %v, want %v", i, e, err, want)
		}
		if err == nil {
			then()
		}
	}
	for acc, x := range a.balances {
		b.stands(acc, x)
	}
	n := 0
	for _, x := range collect(b, b.Balances(t.Context(), ledger.BalanceFilter{Turnovers: true})) {
		if n++; a.turned[x.Period][x.Account] != x.Amount {
			t.Errorf("turnover of %s in %s: %d, want %d", x.Account, x.Period, x.Amount, a.turned[x.Period][x.Account])
		}
	}
	if open := len(collect(b, b.Holds(t.Context(), time.Time{}))); open != len(a.held) {
		t.Errorf("%d holds are open, want %d", open, len(a.held))
	}
}
