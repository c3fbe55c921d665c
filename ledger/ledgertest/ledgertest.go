// Package ledgertest is the suite that every store of the books passes.
package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"summit/ledger"
	"summit/money"
)

// Open opens empty books with the clock.
type Open func(t *testing.T, now func() time.Time) ledger.Store

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, *books)
	}{
		{"Empty", empty}, {"Once", once}, {"Chain", chained}, {"Overdrawn", overdrawn}, {"Holds", holds}, {"Expiry", expiry},
		{"Reversal", reversal}, {"ReversedTwice", reversedTwice}, {"Periods", periods}, {"Clock", clock}, {"AllOrNone", allOrNone},
		{"Decide", decide}, {"DecideFails", decideFails}, {"Records", records}, {"Filters", filters}, {"Refuses", refuses},
		{"Withdrawn", withdrawn}, {"Stopped", stopped}, {"Budget", budget}, {"Random", random},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &books{T: t}
			b.at.Store(time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC).UnixMicro())
			b.Store = open(t, func() time.Time { return time.UnixMicro(b.at.Load()) })
			t.Cleanup(func() { b.Store.Close() })
			c.run(t, b)
			if c.name != "Stopped" {
				b.sound()
			}
		})
	}
}

// books is a store in a test, with its clock.
type books struct {
	*testing.T
	ledger.Store
	at atomic.Int64
}

const (
	wallet = ledger.Account("customer:acme:wallet")
	held   = ledger.Account("customer:acme:hold")
	bank   = ledger.Account("bank:CNY")
	fee    = ledger.Account("operator:fee")
)

// move is two postings.
func move(from, to ledger.Account, amount ledger.Units) []ledger.Posting {
	return []ledger.Posting{{Account: from, Amount: amount}, {Account: to, Amount: -amount}}
}

func (b *books) try(e ...ledger.Entry) ([]ledger.Receipt, error) {
	for i := range e {
		e[i].Currency = "CNY"
	}
	return b.Post(b.Context(), e...)
}

func (b *books) post(e ledger.Entry) ledger.Receipt {
	b.Helper()
	r, err := b.try(e)
	if err != nil {
		b.Fatal(err)
	}
	return r[0]
}

func (b *books) refused(want error, e ...ledger.Entry) {
	b.Helper()
	before, err := b.Head(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := b.try(e...); !errors.Is(err, want) {
		b.Errorf("%s: error %v, want %v", e[0].Key, err, want)
	}
	if after, err := b.Head(b.Context()); err != nil || after != before {
		b.Errorf("%s: refused, and yet the books went from %+v to %+v, %v", e[0].Key, before, after, err)
	}
}

func (b *books) stands(a ledger.Account, want ledger.Units) {
	b.Helper()
	if got, err := b.Balance(b.Context(), a, "CNY"); err != nil || got != want {
		b.Errorf("%s: %d, %v, want %d", a, got, err, want)
	}
}

// deposit brings money.
func (b *books) deposit(amount ledger.Units) {
	b.Helper()
	b.post(ledger.Entry{Key: fmt.Sprint("deposit:", rand.Uint64()), Kind: "deposit", Postings: move(bank, wallet, amount)})
}

// hold is an entry that reserves money.
func (b *books) hold(id string, amount ledger.Units) ledger.Entry {
	return ledger.Entry{Key: "hold:" + id, Kind: "hold", Postings: move(wallet, held, amount), Expires: time.UnixMicro(b.at.Load()).Add(time.Hour)}
}

// sound checks the books as a whole.
func (b *books) sound() {
	b.Helper()
	r, err := ledger.Verify(b.Context(), b.Store, ledger.VerifyOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for _, d := range r.Damages {
		b.Errorf("the books are wrong: %v", d)
	}
}

func collect[T any](b *books, seq func(func(T, error) bool)) (all []T) {
	b.Helper()
	for x, err := range seq {
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, x)
	}
	return all
}

func empty(t *testing.T, b *books) {
	if h, err := b.Head(t.Context()); err != nil || h != (ledger.Head{}) {
		t.Errorf("head %+v, %v, want none", h, err)
	}
	b.stands(wallet, 0)
	if _, err := b.Find(t.Context(), "x"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("found a transaction in empty books: %v", err)
	}
	if n := len(collect(b, b.Txns(t.Context(), ledger.Filter{}))) + len(collect(b, b.Balances(t.Context(), ledger.BalanceFilter{}))) +
		len(collect(b, b.Holds(t.Context(), time.Time{}))) + len(collect(b, b.Records(t.Context(), ledger.RecordFilter{Kind: "event"}))); n != 0 {
		t.Errorf("%d rows in empty books", n)
	}
}

func once(t *testing.T, b *books) {
	input := ledger.Sum([]byte("a"))
	e := ledger.Entry{Key: "deposit:1", Kind: "deposit", Input: input, Postings: move(bank, wallet, 10)}
	first := b.post(e)
	again := b.post(e)
	want := first
	if want.Replayed = true; first.Replayed || again != want {
		t.Errorf("first %+v, then %+v", first, again)
	}
	e.Input = ledger.Sum([]byte("b"))
	b.refused(ledger.ErrConflict, e)
	b.stands(wallet, -10)

	// Many at once: one of them books.
	var booked atomic.Int32
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			r, err := b.try(ledger.Entry{Key: "deposit:2", Kind: "deposit", Postings: move(bank, wallet, 5)})
			if err != nil {
				t.Error(err)
			} else if !r[0].Replayed {
				booked.Add(1)
			}
		})
	}
	wg.Wait()
	if booked.Load() != 1 {
		t.Errorf("booked %d times, want once", booked.Load())
	}
	b.stands(wallet, -15)
}

func chained(t *testing.T, b *books) {
	b.deposit(5)
	e := ledger.Entry{Key: "all", Kind: "settle", Input: ledger.Sum([]byte("x")), Effective: "2026-11", Reason: "so", Links: []string{"a", "b"},
		Postings: []ledger.Posting{{Account: wallet, Amount: 5}, {Account: fee, Amount: -5}, {Account: "fx:position:USD", Amount: 7, Currency: "USD"},
			{Account: bank, Amount: 0}, {Account: "bank:USD", Amount: -7, Currency: "USD"}, {Account: "cost:declared:glm", Amount: 3}, {Account: "cost:recovered:glm", Amount: -3}},
		Records: []ledger.Record{{Kind: "event", Key: "r1", Body: []byte(`{"a":1}`)}, {Kind: "event", Body: nil}}}
	r := b.post(e)
	got, err := b.Find(t.Context(), "all")
	if err != nil {
		t.Fatal(err)
	}
	head, err := b.Head(t.Context())
	if err != nil || head.Seq != 2 || head.Hash != r.Hash || got.Hash != r.Hash || !head.BookedAt.Equal(r.BookedAt) {
		t.Errorf("head %+v, %v, receipt %+v, transaction %+v", head, err, r, got)
	}
	if got.Seq != 2 || got.Key != "all" || got.Kind != "settle" || got.Input != e.Input || got.Effective != "2026-11" || got.Period != "2026-11" ||
		got.Reason != "so" || !slices.Equal(got.Links, e.Links) || len(got.Postings) != 6 || got.BookedAt.Location() != time.UTC || got.Expires != nil {
		t.Errorf("booked %+v of %+v", got, e)
	}
	if p := got.Postings[2]; p.Account != "fx:position:USD" || p.Currency != "USD" || p.Amount != 7 || got.Postings[0].Currency != "CNY" {
		t.Errorf("postings %v", got.Postings)
	}
	if len(got.Records) != 2 || string(got.Records[0].Body) != `{"a":1}` || got.Records[0].Key != "r1" || len(got.Records[1].Body) != 0 {
		t.Errorf("records %v", got.Records)
	}
	// What was given out is the reader's own.
	got.Postings[0].Amount, got.Records[0].Body[0], got.Links[0] = 99, 'X', "changed"
	if again, err := b.Find(t.Context(), "all"); err != nil || again.Postings[0].Amount != 5 || again.Records[0].Body[0] != '{' || again.Links[0] != "a" {
		t.Errorf("a reader changed the books: %+v, %v", again, err)
	}
}

func overdrawn(t *testing.T, b *books) {
	b.deposit(500)
	b.refused(ledger.ErrOverdrawn, b.hold("big", 501))
	b.refused(ledger.ErrOverdrawn, ledger.Entry{Key: "r", Kind: "x", Postings: move("reserve", fee, 1)})
	// Of a hundred at once, as many as the wallet covers.
	var booked, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			switch _, err := b.try(b.hold(fmt.Sprint(i), 10)); {
			case err == nil:
				booked.Add(1)
			case errors.Is(err, ledger.ErrOverdrawn):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if booked.Load() != 50 || refused.Load() != 50 {
		t.Errorf("%d holds of 10 of 500, %d refused", booked.Load(), refused.Load())
	}
	b.stands(wallet, 0)
	b.stands(held, -500)
	b.post(b.hold("free", 0)) // nothing is always covered
	b.deposit(1)
}

func holds(t *testing.T, b *books) {
	b.deposit(100)
	b.post(b.hold("1", 60))
	b.stands(wallet, -40)
	b.refused(ledger.ErrCharge, ledger.Entry{Key: "settle:1", Kind: "settle", Ends: "hold:1", Postings: move(wallet, fee, 61)})
	b.post(ledger.Entry{Key: "settle:1", Kind: "settle", Ends: "hold:1", Postings: move(wallet, fee, 25)})
	b.stands(wallet, -75)
	b.stands(held, 0)
	got, err := b.Find(t.Context(), "settle:1")
	if err != nil || got.Released != 2 || got.Ends != 2 || len(got.Postings) != 4 || got.Postings[0].Account != wallet || got.Postings[0].Amount != -60 {
		t.Errorf("settled as %+v, %v", got, err)
	}
	b.refused(ledger.ErrHold, ledger.Entry{Key: "settle:1b", Kind: "settle", Ends: "hold:1"})
	b.refused(ledger.ErrHold, ledger.Entry{Key: "settle:x", Kind: "settle", Ends: "hold:x"})
	b.refused(ledger.ErrHold, ledger.Entry{Key: "settle:y", Kind: "settle", Ends: "settle:1"})
	b.post(b.hold("2", 75))
	b.post(ledger.Entry{Key: "void:2", Kind: "void", Ends: "hold:2"})
	b.stands(wallet, -75)
	b.post(b.hold("3", 10))
	b.post(ledger.Entry{Key: "settle:3", Kind: "settle", Ends: "hold:3", AboveHold: true, Postings: move(wallet, fee, 12)})
	b.stands(wallet, -63)
	// A hold that is made and ended in one commit, and ended twice at once.
	if _, err := b.try(b.hold("4", 1), ledger.Entry{Key: "void:4", Kind: "void", Ends: "hold:4"}); err != nil {
		t.Error(err)
	}
	b.post(b.hold("5", 5))
	var ended atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := b.try(ledger.Entry{Key: fmt.Sprint("void:5:", i), Kind: "void", Ends: "hold:5"}); err == nil {
				ended.Add(1)
			} else if !errors.Is(err, ledger.ErrHold) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if ended.Load() != 1 {
		t.Errorf("a hold was ended %d times", ended.Load())
	}
	if n := len(collect(b, b.Holds(t.Context(), time.Time{}))); n != 0 {
		t.Errorf("%d holds are open, want none", n)
	}
}

func expiry(t *testing.T, b *books) {
	b.deposit(100)
	for i := range 3 {
		e := b.hold(fmt.Sprint(i), 10)
		e.Expires = e.Expires.Add(time.Duration(-i) * time.Minute)
		b.post(e)
	}
	now := time.UnixMicro(b.at.Load()).Add(59 * time.Minute).Add(time.Second)
	var keys []string
	for _, h := range collect(b, b.Holds(t.Context(), now)) {
		keys = append(keys, h.Key)
	}
	if !slices.Equal(keys, []string{"hold:2", "hold:1"}) {
		t.Errorf("expired %v, want hold:2 and hold:1", keys)
	}
	if n, err := ledger.Sweep(t.Context(), b, now); n != 2 || err != nil {
		t.Errorf("swept %d, %v, want 2", n, err)
	}
	if n, err := ledger.Sweep(t.Context(), b, now); n != 0 || err != nil {
		t.Errorf("swept %d more, %v", n, err)
	}
	b.stands(wallet, -90)
	b.refused(ledger.ErrHold, ledger.Entry{Key: "settle:2", Kind: "settle", Ends: "hold:2"})
}

func reversal(t *testing.T, b *books) {
	b.deposit(100)
	b.post(b.hold("1", 60))
	b.post(ledger.Entry{Key: "settle:1", Kind: "settle", Ends: "hold:1", Postings: []ledger.Posting{
		{Account: wallet, Amount: 50}, {Account: fee, Amount: -20}, {Account: "reserve", Amount: -30}}})
	part := func(key string, w, f, r ledger.Units) ledger.Entry {
		return ledger.Entry{Key: key, Kind: "refund", Reverses: "settle:1", Postings: []ledger.Posting{
			{Account: wallet, Amount: -w}, {Account: fee, Amount: f}, {Account: "reserve", Amount: r}}}
	}
	b.refused(ledger.ErrReversed, part("r0", 60, 30, 30))
	b.refused(ledger.ErrReversed, part("r0", -10, -5, -5))
	b.refused(ledger.ErrReversed, ledger.Entry{Key: "r0", Kind: "refund", Reverses: "settle:1", Postings: move(fee, "operator:fee", 0)[:0:0], Ends: "", Links: nil, Decide: func(_ ledger.View, e *ledger.Entry) error {
		e.Postings = move("tax:vat", wallet, 10) // an account that the original has not
		return nil
	}})
	b.post(part("r1", 20, 5, 15))
	b.refused(ledger.ErrReversed, part("r2", 20, 16, 4))
	b.post(ledger.Entry{Key: "r2", Kind: "refund", Reverses: "settle:1"}) // the rest
	b.stands(wallet, -100)
	b.stands(fee, 0)
	b.stands("reserve", 0)
	b.refused(ledger.ErrReversed, ledger.Entry{Key: "r3", Kind: "refund", Reverses: "settle:1"})
	b.refused(ledger.ErrReversed, part("r3", 1, 1, 0))
	b.refused(ledger.ErrReversed, ledger.Entry{Key: "r4", Kind: "refund", Reverses: "hold:1"})
	b.refused(ledger.ErrReversed, ledger.Entry{Key: "r4", Kind: "refund", Reverses: "r1"})
	b.refused(ledger.ErrNotFound, ledger.Entry{Key: "r4", Kind: "refund", Reverses: "settle:2"})
}

// reversedTwice submits every reversal twice at once: exactly half succeed.
func reversedTwice(t *testing.T, b *books) {
	const n = 100
	for i := range n {
		b.post(ledger.Entry{Key: fmt.Sprint("settle:", i), Kind: "settle", Postings: move(bank, fee, ledger.Units(i+1))})
	}
	var booked, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range 2 * n {
		wg.Go(func() {
			_, err := b.try(ledger.Entry{Key: fmt.Sprint("reverse:", i), Kind: "reverse", Reverses: fmt.Sprint("settle:", i/2)})
			switch {
			case err == nil:
				booked.Add(1)
			case errors.Is(err, ledger.ErrReversed):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if booked.Load() != n || refused.Load() != n {
		t.Errorf("of %d reversals %d were booked, %d refused", 2*n, booked.Load(), refused.Load())
	}
	b.stands(bank, 0)
	b.stands(fee, 0)
}

func periods(t *testing.T, b *books) {
	in := func(key string, effective, into, took ledger.Period) {
		t.Helper()
		if r := b.post(ledger.Entry{Key: key, Kind: "x", Effective: effective, Into: into, Postings: move(bank, fee, 1)}); r.Period != took {
			t.Errorf("%s: period %s took it, want %s", key, r.Period, took)
		}
	}
	in("now", "", "", "2026-12")
	in("late", "2026-10", "", "2026-10")
	b.post(ledger.Entry{Key: "close:10", Kind: "close", Closes: "2026-10", Postings: move(bank, fee, 7)})
	in("later", "2026-10", "", "2026-11")
	in("other", "2026-10", "2026-12", "2026-12")
	b.refused(ledger.ErrClosed, ledger.Entry{Key: "no", Kind: "x", Into: "2026-10", Postings: move(bank, fee, 1)})
	b.refused(ledger.ErrClosed, ledger.Entry{Key: "no", Kind: "x", Into: "2026-09", Postings: move(bank, fee, 1)})
	b.refused(ledger.ErrClosed, ledger.Entry{Key: "no", Kind: "close", Closes: "2026-10"})
	b.refused(ledger.ErrInvalid, ledger.Entry{Key: "no", Kind: "close", Closes: "2026-11", Into: "2026-12"})
	b.post(ledger.Entry{Key: "close:12", Kind: "close", Closes: "2026-12"}) // and November with it
	in("january", "2026-11", "", "2027-01")
	var got []string
	for _, x := range collect(b, b.Balances(t.Context(), ledger.BalanceFilter{Turnovers: true, Prefix: "bank:"})) {
		got = append(got, fmt.Sprintf("%s %s %s %d", x.Period, x.Account, x.Currency, x.Amount))
	}
	want := []string{"2026-10 bank:CNY CNY 8", "2026-11 bank:CNY CNY 1", "2026-12 bank:CNY CNY 2", "2027-01 bank:CNY CNY 1"}
	if !slices.Equal(got, want) {
		t.Errorf("turnovers %q, want %q", got, want)
	}
	if h, err := b.Head(t.Context()); err != nil || h.Closed != "2026-12" {
		t.Errorf("head %+v, %v", h, err)
	}
	if tx, err := b.Find(t.Context(), "january"); err != nil || tx.Effective != "2026-11" {
		t.Errorf("%+v, %v, want it to belong to November", tx, err)
	}
}

func clock(t *testing.T, b *books) {
	b.deposit(1)
	start := b.at.Load()
	b.at.Add(-time.Second.Microseconds()) // corrected
	if r := b.post(ledger.Entry{Key: "a", Kind: "x"}); r.BookedAt.UnixMicro() != start {
		t.Errorf("booked at %v, want at %v as the one before", r.BookedAt, time.UnixMicro(start))
	}
	b.at.Store(start - (ledger.MaxStepBack + time.Second).Microseconds())
	b.refused(ledger.ErrClock, ledger.Entry{Key: "b", Kind: "x"})
	b.at.Store(time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()) // no text of a month has its place
	b.refused(ledger.ErrClock, ledger.Entry{Key: "b", Kind: "x"})
	b.at.Store(start + 5)
	b.post(ledger.Entry{Key: "b", Kind: "x"})
}

func allOrNone(t *testing.T, b *books) {
	b.deposit(100)
	b.refused(ledger.ErrOverdrawn,
		ledger.Entry{Key: "a", Kind: "x", Postings: move(wallet, fee, 60)}, ledger.Entry{Key: "b", Kind: "x", Postings: move(wallet, fee, 60)})
	b.stands(wallet, -100)
	r, err := b.try(ledger.Entry{Key: "a", Kind: "x", Postings: move(wallet, fee, 60)},
		ledger.Entry{Key: "a", Kind: "x", Postings: move(wallet, fee, 60)}, ledger.Entry{Key: "b", Kind: "x", Reverses: "a"})
	if err != nil || len(r) != 3 || !r[1].Replayed || r[0].Seq != 2 || r[2].Seq != 3 {
		t.Errorf("%+v, %v", r, err)
	}
	b.stands(wallet, -100)
	b.refused(ledger.ErrInvalid, make([]ledger.Entry, ledger.MaxEntries+1)...)
}

// decide lets each of many entries take half of what is there.
func decide(t *testing.T, b *books) {
	b.deposit(1 << 20)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			_, err := b.try(ledger.Entry{Key: fmt.Sprint("half:", i), Kind: "x", Decide: func(v ledger.View, e *ledger.Entry) error {
				x, err := v.Balance(wallet, "CNY")
				e.Postings = move(wallet, fee, -x/2)
				e.Records = []ledger.Record{{Kind: "event", Key: "half", Body: []byte(v.Head().Hash.String())}}
				return err
			}})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	b.stands(wallet, -16)
	// What ends a hold decides with the money back.
	b.post(b.hold("1", 16))
	b.post(ledger.Entry{Key: "settle:1", Kind: "x", Ends: "hold:1", Decide: func(v ledger.View, e *ledger.Entry) error {
		x, err := v.Balance(wallet, "CNY")
		h, err2 := v.Balance(held, "CNY")
		if x != -16 || h != 0 {
			t.Errorf("within Decide the wallet has %d and the hold %d, want 16 and 0", x, h)
		}
		tx, err3 := v.Find("hold:1")
		if err3 == nil && (tx.Key != "hold:1" || len(tx.Postings) != 2) {
			t.Errorf("within Decide the hold is %+v", tx)
		}
		if _, err := v.Find("nothing"); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("within Decide nothing is found: %v", err)
		}
		all, err4 := v.Balances("customer:")
		if len(all) != 2 || all[0].Account != held || all[1].Amount != -16 {
			t.Errorf("within Decide the customers' balances are %v", all)
		}
		turn, err5 := v.Turnover(v.Open("2026-12"), fee, "CNY")
		if turn != -(1<<20 - 16) {
			t.Errorf("within Decide the fee's turnover is %d", turn)
		}
		e.Postings = move(wallet, fee, 16)
		return errors.Join(err, err2, err3, err4, err5)
	}})
	b.stands(wallet, 0)
}

func decideFails(t *testing.T, b *books) {
	own := errors.New("no")
	b.refused(own, ledger.Entry{Key: "a", Kind: "x", Decide: func(ledger.View, *ledger.Entry) error { return own }})
	b.refused(ledger.ErrInvalid, ledger.Entry{Key: "a", Kind: "x", Decide: func(_ ledger.View, e *ledger.Entry) error { e.Key = "b"; return nil }})
	b.refused(ledger.ErrInvalid, ledger.Entry{Key: "a", Kind: "x", Decide: func(_ ledger.View, e *ledger.Entry) error {
		e.Postings = []ledger.Posting{{Account: fee, Amount: 1}}
		return nil
	}})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a Decide that panics does not panic where it comes from")
			}
		}()
		_, _ = b.try(ledger.Entry{Key: "a", Kind: "x", Decide: func(ledger.View, *ledger.Entry) error { panic("mine") }})
	}()
	b.post(ledger.Entry{Key: "a", Kind: "x"}) // the books go on
	b.post(ledger.Entry{Key: "a", Kind: "x", Decide: func(ledger.View, *ledger.Entry) error {
		t.Error("asked to decide what is booked")
		return nil
	}})
}

func records(t *testing.T, b *books) {
	for i := range 5 {
		b.post(ledger.Entry{Key: fmt.Sprint(i), Kind: "x", Records: []ledger.Record{
			{Kind: "event", Key: fmt.Sprint("k", i%2), Body: []byte{byte(i)}}, {Kind: "attribution", Key: "k0", Body: []byte{byte(10 + i)}}}})
	}
	f := func(f ledger.RecordFilter, want ...byte) {
		t.Helper()
		var got []byte
		for _, r := range collect(b, b.Records(t.Context(), f)) {
			got = append(got, r.Body...)
			if r.Seq != int64(r.Body[0]%10)+1 {
				t.Errorf("%+v: record %v with transaction %d", f, r.Body, r.Seq)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", f, got, want)
		}
	}
	f(ledger.RecordFilter{Kind: "event"}, 0, 1, 2, 3, 4)
	f(ledger.RecordFilter{Kind: "event", Key: "k0"}, 0, 2, 4)
	f(ledger.RecordFilter{Kind: "event", Key: "k0", After: 1, Until: 4}, 2)
	f(ledger.RecordFilter{Kind: "attribution", After: 3}, 13, 14)
	f(ledger.RecordFilter{Kind: "nothing"})
	f(ledger.RecordFilter{Kind: "event", After: 1 << 50})
	f(ledger.RecordFilter{Kind: "event", After: math.MaxInt64})
	f(ledger.RecordFilter{Kind: "event", After: math.MinInt64, Until: math.MaxInt64}, 0, 1, 2, 3, 4)
}

func filters(t *testing.T, b *books) {
	for i := range 10 {
		to := fee
		if i%3 == 0 {
			to = "tax:vat"
		}
		b.post(ledger.Entry{Key: fmt.Sprint(i), Kind: []string{"even", "odd"}[i%2], Effective: []ledger.Period{"2026-11", "2026-12"}[i/5], Postings: move(bank, to, 1)})
	}
	f := func(f ledger.Filter, want ...int64) {
		t.Helper()
		var got []int64
		for _, x := range collect(b, b.Txns(t.Context(), f)) {
			if got = append(got, x.Seq); len(x.Postings) != 2 {
				t.Errorf("%+v: transaction %+v without its postings", f, x)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %v, want %v", f, got, want)
		}
	}
	f(ledger.Filter{}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	f(ledger.Filter{After: 3, Until: 5}, 4, 5)
	f(ledger.Filter{After: 10})
	f(ledger.Filter{After: 1 << 50})
	f(ledger.Filter{After: math.MaxInt64})
	f(ledger.Filter{After: math.MinInt64, Until: 1 << 50}, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
	f(ledger.Filter{Kind: "odd", Period: "2026-12"}, 6, 8, 10)
	f(ledger.Filter{Accounts: []ledger.Account{"tax:vat"}}, 1, 4, 7, 10)
	f(ledger.Filter{Accounts: []ledger.Account{"tax:vat", "bank:USD"}, After: 1, Until: 9, Kind: "even"}, 7)
	f(ledger.Filter{Accounts: []ledger.Account{fee, "tax:vat", bank}, After: 1, Until: 6}, 2, 3, 4, 5, 6)
	for range b.Txns(t.Context(), ledger.Filter{}) { // whoever leaves frees what was held
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range b.Txns(ctx, ledger.Filter{}) {
		if err == nil {
			t.Error("a read goes on after its context has ended")
		}
	}
}

func refuses(t *testing.T, b *books) {
	base := ledger.Entry{Key: "k", Kind: "x"}
	f := func(change func(*ledger.Entry)) {
		t.Helper()
		e := base
		change(&e)
		b.refused(ledger.ErrInvalid, e)
	}
	f(func(e *ledger.Entry) { e.Key = "" })
	f(func(e *ledger.Entry) { e.Key = string(make([]byte, 300)) })
	f(func(e *ledger.Entry) { e.Key = "a\x00b" })
	f(func(e *ledger.Entry) { e.Key = "a\xffb" })
	f(func(e *ledger.Entry) { e.Kind = "two words" })
	f(func(e *ledger.Entry) { e.Effective = "2026" })
	f(func(e *ledger.Entry) { e.Expires, e.Closes = time.Now(), "2026-12" })
	f(func(e *ledger.Entry) { e.Expires = time.UnixMicro(-1) })
	f(func(e *ledger.Entry) { e.Ends, e.Reverses = "a", "b" })
	f(func(e *ledger.Entry) { e.Postings = []ledger.Posting{{Account: fee, Amount: 1}} })
	f(func(e *ledger.Entry) { e.Postings = move("pocket", fee, 1) })
	f(func(e *ledger.Entry) { e.Postings = move(bank, fee, ledger.MaxAmount+1) })
	f(func(e *ledger.Entry) {
		e.Postings = []ledger.Posting{{Account: fee, Amount: 1, Currency: "yuan"}, {Account: bank, Amount: -1, Currency: "yuan"}}
	})
	f(func(e *ledger.Entry) { e.Postings = move("cost:declared:glm", fee, 1) }) // of two books
	f(func(e *ledger.Entry) { e.Records = []ledger.Record{{Kind: ""}} })
	f(func(e *ledger.Entry) { e.Reason = "\xff" })
	f(func(e *ledger.Entry) { e.Ends = "a\x00b" })
	f(func(e *ledger.Entry) { e.Reverses = "a\xffb" })
	f(func(e *ledger.Entry) { e.Closes = "9999-12" }) // there is none after it
	f(func(e *ledger.Entry) { e.Postings = move("customer:\x00:wallet", fee, 1) })
	half := make([]byte, ledger.MaxRecordBytes/2+1)
	f(func(e *ledger.Entry) { e.Records = []ledger.Record{{Kind: "a", Body: half}, {Kind: "a", Body: half}} })
	// What no store can have is asked for without harm, to others neither.
	for i, odd := range []string{"\x00", "\xff", string(make([]byte, 300))} {
		b.post(ledger.Entry{Key: fmt.Sprint("odd ", i), Kind: "x", Decide: func(v ledger.View, _ *ledger.Entry) error {
			x, err := v.Balance(ledger.Account("customer:"+odd+":wallet"), "CNY")
			y, err2 := v.Turnover(ledger.Period(odd), fee, money.Currency(odd))
			all, err3 := v.Balances(odd)
			if err := errors.Join(err, err2, err3); err != nil || x != 0 || y != 0 || len(all) > 0 {
				t.Errorf("%q: %d, %d, %v, %v", odd, x, y, all, err)
			}
			if _, err := v.Find(odd); !errors.Is(err, ledger.ErrNotFound) {
				t.Errorf("%q: %v, want %v", odd, err, ledger.ErrNotFound)
			}
			return nil
		}})
		if _, err := b.Find(t.Context(), odd); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("%q: %v, want %v", odd, err, ledger.ErrNotFound)
		}
		if x, err := b.Balance(t.Context(), ledger.Account(odd), money.Currency(odd)); x != 0 || err != nil {
			t.Errorf("%q: %d, %v", odd, x, err)
		}
		if n := len(collect(b, b.Balances(t.Context(), ledger.BalanceFilter{Prefix: odd}))) + len(collect(b, b.Balances(t.Context(), ledger.BalanceFilter{Period: ledger.Period(odd)}))) +
			len(collect(b, b.Txns(t.Context(), ledger.Filter{Accounts: []ledger.Account{ledger.Account(odd)}, Period: ledger.Period(odd), Kind: odd}))) +
			len(collect(b, b.Records(t.Context(), ledger.RecordFilter{Kind: odd, Key: odd}))); n != 0 {
			t.Errorf("%q: found %d", odd, n)
		}
	}
	b.post(ledger.Entry{Key: "most", Kind: "x", Postings: move(bank, fee, ledger.MaxAmount)})
	b.refused(ledger.ErrOverflow, ledger.Entry{Key: "more", Kind: "x", Postings: move(bank, fee, 1)})
}

func withdrawn(t *testing.T, b *books) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Post(ctx, ledger.Entry{Key: "a", Kind: "x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
	if _, err := b.Find(t.Context(), "a"); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("withdrawn, and yet: %v", err)
	}
	// Whatever a caller who leaves is told is true.
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(2_000))*time.Microsecond)
			defer cancel()
			key := fmt.Sprint("b", i)
			_, err := b.Post(ctx, ledger.Entry{Key: key, Kind: "x"})
			if _, err2 := b.Find(t.Context(), key); (err == nil) != (err2 == nil) {
				t.Errorf("told %v, found %v", err, err2)
			}
		})
	}
	wg.Wait()
}

func stopped(t *testing.T, b *books) {
	b.deposit(1)
	if err := b.Store.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.try(ledger.Entry{Key: "a", Kind: "x"}); !errors.Is(err, ledger.ErrStopped) {
		t.Errorf("%v, want %v", err, ledger.ErrStopped)
	}
}

// budget bounds what a key may spend in a month by a turnover, with holds.
func budget(t *testing.T, b *books) {
	b.deposit(1000)
	over := errors.New("over the budget")
	var booked atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			e := b.hold(fmt.Sprint(i), 10)
			e.Decide = func(v ledger.View, e *ledger.Entry) error {
				p := v.Open(ledger.PeriodOf(v.Now().UTC()))
				spent, err := v.Turnover(p, held, "CNY")
				if err == nil && -spent+10 > 75 {
					err = over
				}
				return err
			}
			if _, err := b.try(e); err == nil {
				booked.Add(1)
			} else if !errors.Is(err, over) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if booked.Load() != 7 {
		t.Errorf("%d holds of 10 within a budget of 75, want 7", booked.Load())
	}
}
