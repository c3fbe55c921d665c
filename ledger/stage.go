package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"summit/money"
)

// line is an account in one currency.
type line struct {
	account  Account
	currency money.Currency
}

func (l line) compare(other line) int {
	return cmp.Or(cmp.Compare(l.account, other.account), cmp.Compare(l.currency, other.currency))
}

// bookable reports whether anything can be posted to the line. Stores are not
// asked for others, which a database may refuse with the whole commit.
func (l line) bookable() bool {
	_, err := l.account.find()
	return err == nil && l.currency.Valid() == nil
}

// turned is a line in one period.
type turned struct {
	period Period
	line
}

// stored is what the books say, as a store reads it. What is not there is zero
// or nil.
type stored interface {
	head() Head
	balance(l line) (Units, error)
	turnover(t turned) (Units, error)
	lines(prefix string) ([]line, error) // in any order
	byKey(key string) (*Txn, error)
	bySeq(seq int64) (*Txn, error)
	open(hold int64) (bool, error)
	reversed(seq int64) (map[line]Units, error) // by all its reversals together
}

// stage is what a commit will add to the books. It is itself something that
// the books say, so that one can stand on another.
type stage struct {
	stored
	now func() time.Time

	end       Head
	balances  map[line]Units // of the lines that changed
	turnovers map[turned]Units
	txns      []*Txn
	keys      map[string]*Txn
	ended     map[int64]bool
	buffer    []byte
}

func newStage(on stored, now func() time.Time) *stage {
	return &stage{stored: on, now: now, end: on.head(), balances: map[line]Units{}, turnovers: map[turned]Units{},
		keys: map[string]*Txn{}, ended: map[int64]bool{}}
}

func (s *stage) head() Head { return s.end }

func (s *stage) balance(l line) (Units, error) {
	if x, ok := s.balances[l]; ok {
		return x, nil
	}
	return s.stored.balance(l)
}

func (s *stage) turnover(t turned) (Units, error) {
	if x, ok := s.turnovers[t]; ok {
		return x, nil
	}
	return s.stored.turnover(t)
}

func (s *stage) lines(prefix string) ([]line, error) {
	all, err := s.stored.lines(prefix)
	if err != nil {
		return nil, err
	}
	known := make(map[line]bool, len(all))
	for _, l := range all {
		known[l] = true
	}
	for l := range s.balances {
		if strings.HasPrefix(string(l.account), prefix) && !known[l] {
			all = append(all, l)
		}
	}
	return all, nil
}

func (s *stage) byKey(key string) (*Txn, error) {
	if t, ok := s.keys[key]; ok {
		return t, nil
	}
	return s.stored.byKey(key)
}

func (s *stage) bySeq(seq int64) (*Txn, error) {
	if i := seq - s.end.Seq - 1 + int64(len(s.txns)); i >= 0 && i < int64(len(s.txns)) {
		return s.txns[i], nil
	}
	return s.stored.bySeq(seq)
}

func (s *stage) open(hold int64) (bool, error) {
	if s.ended[hold] {
		return false, nil
	}
	if i := hold - s.end.Seq - 1 + int64(len(s.txns)); i >= 0 && i < int64(len(s.txns)) {
		return s.txns[i].Expires != nil, nil
	}
	return s.stored.open(hold)
}

func (s *stage) reversed(seq int64) (map[line]Units, error) {
	sums, err := s.stored.reversed(seq)
	if err != nil {
		return nil, err
	}
	sums = maps.Clone(sums)
	for _, t := range s.txns {
		if t.Reverses == seq {
			if sums == nil {
				sums = map[line]Units{}
			}
			for _, p := range t.Postings {
				sums[line{p.Account, p.Currency}] += p.Amount
			}
		}
	}
	return sums, nil
}

// post stages entries, all or none.
func (s *stage) post(entries []Entry) ([]Receipt, error) {
	if len(entries) == 0 || len(entries) > MaxEntries {
		return nil, fmt.Errorf("ledger: post: got %d entries, want 1 to %d: %w", len(entries), MaxEntries, ErrInvalid)
	}
	on := s
	if len(entries) > 1 {
		on = newStage(s, s.now)
	}
	receipts := make([]Receipt, len(entries))
	for i := range entries {
		var err error
		if receipts[i], err = on.entry(entries[i]); err != nil {
			return nil, err
		}
	}
	if on != s {
		s.txns = append(s.txns, on.txns...)
		s.end = on.end
		maps.Copy(s.balances, on.balances)
		maps.Copy(s.turnovers, on.turnovers)
		maps.Copy(s.keys, on.keys)
		maps.Copy(s.ended, on.ended)
	}
	return receipts, nil
}

// entry stages one entry. The stage is changed only where it succeeds.
func (s *stage) entry(e Entry) (Receipt, error) {
	if err := e.ready(); err != nil {
		return Receipt{}, err
	}
	named := func(format string, args ...any) error {
		return fmt.Errorf("ledger: entry %q: "+format, append([]any{clip(e.Key)}, args...)...)
	}
	before, err := s.byKey(e.Key)
	if err != nil {
		return Receipt{}, named("%w", err)
	}
	if before != nil {
		if before.Input != e.Input {
			return Receipt{}, named("got input %s, booked with %s: %w", e.Input, before.Input, ErrConflict)
		}
		return before.receipt(true), nil
	}
	t := &Txn{Seq: s.end.Seq + 1, Key: e.Key, Input: e.Input, BookedAt: s.now().UTC().Truncate(time.Microsecond)}
	if y := t.BookedAt.Year(); y < 1970 || y > 9998 {
		return Receipt{}, named("it is %s, want a time of the years 1970 to 9998: %w", t.BookedAt.Format(time.RFC3339), ErrClock)
	}
	if back := s.end.BookedAt.Sub(t.BookedAt); back > MaxStepBack {
		return Receipt{}, named("it is %s, but the books end at %s: %w", t.BookedAt.Format(time.RFC3339), s.end.BookedAt.Format(time.RFC3339), ErrClock)
	} else if back > 0 {
		t.BookedAt = s.end.BookedAt
	}

	v := &view{s: s, now: t.BookedAt}
	var held *Txn
	if e.Ends != "" {
		if held, err = s.held(e.Ends); err != nil {
			return Receipt{}, named("%w", err)
		}
		t.Ends = held.Seq
		for _, p := range held.Postings {
			p.Amount = -p.Amount
			t.Postings = append(t.Postings, p)
			v.released = append(v.released, p)
		}
		t.Released = len(t.Postings)
	}
	if e.Decide != nil {
		key, input, ends := e.Key, e.Input, e.Ends
		if err := e.Decide(v, &e); err != nil {
			return Receipt{}, err
		}
		if e.Key != key || e.Input != input || e.Ends != ends {
			return Receipt{}, named("Decide changed its key, input or ends: %w", ErrInvalid)
		}
		if err := e.ready(); err != nil {
			return Receipt{}, err
		}
	}
	t.Kind, t.Closes, t.Links, t.Reason = e.Kind, e.Closes, slices.Clone(e.Links), e.Reason
	if !e.Expires.IsZero() {
		x := e.Expires.UTC().Truncate(time.Microsecond)
		t.Expires = &x
	}
	for _, r := range e.Records {
		t.Records = append(t.Records, Record{Kind: r.Kind, Key: r.Key, Body: slices.Clone(r.Body)})
	}
	own := slices.Clone(e.Postings)
	for i := range own {
		if own[i].Currency == "" {
			own[i].Currency = e.Currency
		}
	}
	if e.Reverses != "" {
		if own, err = s.reversal(t, e.Reverses, own); err != nil {
			return Receipt{}, named("%w", err)
		}
	}
	for _, p := range own {
		if p.Amount == 0 {
			continue
		}
		if err := p.Currency.Valid(); err != nil {
			return Receipt{}, named("account %s: %w: %w", clip(string(p.Account)), err, ErrInvalid)
		}
		t.Postings = append(t.Postings, p)
	}
	if err := Balanced(t.Postings[t.Released:]); err != nil {
		return Receipt{}, named("%w: %w", err, ErrInvalid)
	}
	if held != nil && !e.AboveHold {
		if err := charged(held, t.Postings[t.Released:]); err != nil {
			return Receipt{}, named("%w", err)
		}
	}
	if err := s.place(t, &e); err != nil {
		return Receipt{}, named("%w", err)
	}
	if err := s.carry(t); err != nil {
		return Receipt{}, named("%w", err)
	}
	return t.receipt(false), nil
}

func (t *Txn) receipt(replayed bool) Receipt {
	return Receipt{Seq: t.Seq, Key: t.Key, Hash: t.Hash, BookedAt: t.BookedAt, Period: t.Period, Replayed: replayed}
}

// held returns an open hold.
func (s *stage) held(key string) (*Txn, error) {
	t, err := s.byKey(key)
	if err != nil {
		return nil, err
	}
	if t != nil {
		open, err := s.open(t.Seq)
		if err != nil {
			return nil, err
		}
		if open {
			return s.bySeq(t.Seq)
		}
	}
	return nil, fmt.Errorf("hold %q: %w", clip(key), ErrHold)
}

// charged checks that no account is debited with more than was held of it.
func charged(held *Txn, own []Posting) error {
	debits := map[line]Units{}
	for _, p := range held.Postings {
		debits[line{p.Account, p.Currency}] += p.Amount
	}
	sums := map[line]Units{}
	for _, p := range own {
		l := line{p.Account, p.Currency}
		if debits[l] <= 0 {
			continue
		}
		if sums[l] += p.Amount; sums[l] > MaxAmount || sums[l] < -MaxAmount {
			return fmt.Errorf("account %s: %w", l.account, ErrOverflow)
		}
	}
	for l, x := range sums {
		if x > debits[l] {
			return fmt.Errorf("account %s: charged %d %s, held %d: %w", l.account, int64(x), l.currency, int64(debits[l]), ErrCharge)
		}
	}
	return nil
}

// reversal returns the postings of a reversal, checked against what is left of
// the original, line by line.
func (s *stage) reversal(t *Txn, key string, own []Posting) ([]Posting, error) {
	of, err := s.byKey(key)
	if err != nil {
		return nil, err
	}
	if of == nil {
		return nil, fmt.Errorf("reversal of %q: %w", clip(key), ErrNotFound)
	}
	if of, err = s.bySeq(of.Seq); err != nil {
		return nil, err
	}
	if of.Expires != nil || of.Reverses != 0 {
		return nil, fmt.Errorf("reversal of %q: it is a hold or a reversal itself: %w", clip(key), ErrReversed)
	}
	t.Reverses = of.Seq
	left := map[line]Units{}
	var order []line
	for _, p := range of.Postings[of.Released:] {
		l := line{p.Account, p.Currency}
		if _, ok := left[l]; !ok {
			order = append(order, l)
		}
		left[l] += p.Amount
	}
	whole := maps.Clone(left)
	before, err := s.reversed(of.Seq)
	if err != nil {
		return nil, err
	}
	for l, x := range before {
		left[l] += x
	}
	if len(own) == 0 {
		for _, l := range order {
			if left[l] != 0 {
				own = append(own, Posting{Account: l.account, Amount: -left[l], Currency: l.currency})
			}
		}
		if len(own) == 0 {
			return nil, fmt.Errorf("reversal of %q: nothing is left of it: %w", clip(key), ErrReversed)
		}
		return own, nil
	}
	for _, p := range own {
		l := line{p.Account, p.Currency}
		if left[l], err = left[l].Add(p.Amount); err != nil {
			return nil, fmt.Errorf("account %s: %w", p.Account, err)
		}
	}
	for _, p := range own {
		l := line{p.Account, p.Currency}
		if w, x := whole[l], left[l]; w >= 0 && (x < 0 || x > w) || w <= 0 && (x > 0 || x < w) {
			return nil, fmt.Errorf("reversal of %q: account %s: %d of %d %s would be left: %w", clip(key), l.account, int64(x), int64(w), l.currency, ErrReversed)
		}
	}
	return own, nil
}

// place finds the period that takes the transaction.
func (s *stage) place(t *Txn, e *Entry) error {
	closed := s.end.Closed
	if t.Closes != "" {
		if t.Closes <= closed {
			return fmt.Errorf("period %s: periods up to %s are closed: %w", t.Closes, closed, ErrClosed)
		}
		t.Period = t.Closes
	}
	if t.Effective = e.Effective; t.Effective == "" {
		if t.Effective = PeriodOf(t.BookedAt); t.Period != "" {
			t.Effective = t.Period
		} else if e.Into != "" {
			t.Effective = e.Into
		}
	}
	switch {
	case t.Period != "":
	case e.Into != "" && e.Into <= closed:
		return fmt.Errorf("period %s: periods up to %s are closed: %w", e.Into, closed, ErrClosed)
	case e.Into != "":
		t.Period = e.Into
	default:
		t.Period = opened(t.Effective, closed)
	}
	return nil
}

// opened returns the first period from the given one on that is not closed.
func opened(p, closed Period) Period {
	if p <= closed {
		return closed.Next()
	}
	return p
}

// carry computes what the transaction does to balances, checks them, and adds
// it to the stage.
func (s *stage) carry(t *Txn) error {
	type change struct {
		line
		by, balance, turnover Units
	}
	changes := make([]change, 0, len(t.Postings))
	find := map[line]int{}
	for _, p := range t.Postings {
		l := line{p.Account, p.Currency}
		i, ok := find[l]
		if !ok {
			i = len(changes)
			find[l] = i
			changes = append(changes, change{line: l})
		}
		var err error
		if changes[i].by, err = changes[i].by.Add(p.Amount); err != nil {
			return fmt.Errorf("account %s: the sum passes 2^62: %w", l.account, err)
		}
	}
	for i := range changes {
		c := &changes[i]
		had, err := s.balance(c.line)
		if err != nil {
			return err
		}
		if c.balance, err = had.Add(c.by); err != nil {
			return fmt.Errorf("account %s: the balance passes 2^62: %w", c.account, err)
		}
		// Somebody who owes may always bring money.
		if c.by > 0 && c.balance > 0 && c.account.Covered() {
			return fmt.Errorf("account %s: it has %d %s, %d are wanted: %w", c.account, -int64(had), c.currency, int64(c.by), ErrOverdrawn)
		}
		turnedOver, err := s.turnover(turned{t.Period, c.line})
		if err != nil {
			return err
		}
		if c.turnover, err = turnedOver.Add(c.by); err != nil {
			return fmt.Errorf("account %s: the turnover passes 2^62: %w", c.account, err)
		}
	}
	s.buffer, t.checks = t.canonical(s.buffer)
	t.Hash = chain(s.end.Hash, s.buffer)

	for _, c := range changes {
		s.balances[c.line] = c.balance
		s.turnovers[turned{t.Period, c.line}] = c.turnover
	}
	s.txns = append(s.txns, t)
	s.keys[t.Key] = t
	if t.Ends != 0 {
		s.ended[t.Ends] = true
	}
	s.end.Seq, s.end.Hash, s.end.BookedAt = t.Seq, t.Hash, t.BookedAt
	if t.Closes != "" {
		s.end.Closed = t.Closes
	}
	return nil
}

// view is the stage at one entry's turn.
type view struct {
	s        *stage
	now      time.Time
	released []Posting
}

func (v *view) Now() time.Time               { return v.now }
func (v *view) Head() Head                   { return v.s.end }
func (v *view) Open(effective Period) Period { return opened(effective, v.s.end.Closed) }

// back is what the end of the hold brings back to the line.
func (v *view) back(l line) (sum Units) {
	for _, p := range v.released {
		if p.Account == l.account && p.Currency == l.currency {
			sum += p.Amount
		}
	}
	return sum
}

func (v *view) Balance(a Account, c money.Currency) (Units, error) {
	l := line{a, c}
	if !l.bookable() {
		return 0, nil
	}
	x, err := v.s.balance(l)
	if err != nil {
		return 0, fmt.Errorf("ledger: account %s: %w", clip(string(a)), err)
	}
	return x.Add(v.back(l))
}

func (v *view) Turnover(p Period, a Account, c money.Currency) (Units, error) {
	l := line{a, c}
	if !l.bookable() || p.Valid() != nil {
		return 0, nil
	}
	x, err := v.s.turnover(turned{p, l})
	if err != nil {
		return 0, fmt.Errorf("ledger: account %s: period %s: %w", clip(string(a)), p, err)
	}
	return x, nil
}

func (v *view) Balances(prefix string) ([]Balance, error) {
	if !text(prefix, MaxKeyBytes) {
		return nil, nil
	}
	lines, err := v.s.lines(prefix)
	if err != nil {
		return nil, fmt.Errorf("ledger: accounts %q: %w", clip(prefix), err)
	}
	slices.SortFunc(lines, line.compare)
	all := make([]Balance, len(lines))
	for i, l := range lines {
		all[i] = Balance{Account: l.account, Currency: l.currency}
		if all[i].Amount, err = v.Balance(l.account, l.currency); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (v *view) Find(key string) (*Txn, error) {
	var t *Txn
	var err error
	if text(key, MaxKeyBytes) {
		t, err = v.s.byKey(key)
	}
	if err == nil && t != nil {
		t, err = v.s.bySeq(t.Seq)
	}
	if err == nil && t == nil {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("ledger: %q: %w", clip(key), err)
	}
	c := *t
	c.Records = nil
	return c.clone(), nil
}
