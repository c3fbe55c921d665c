package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Damage is something in the books that can't be.
type Damage struct {
	Table string `json:"table"`         // txn, posting, record, line, balance, turnover or hold; file: the structures beneath them
	Seq   int64  `json:"seq,omitempty"` // of the transaction
	N     int    `json:"n,omitempty"`   // which posting or record of it, from 1
	Key   string `json:"key,omitempty"` // of the transaction, or the account
	What  string `json:"what"`
}

func (d Damage) String() string {
	s := d.Table
	if d.Seq != 0 {
		s += fmt.Sprintf(" %d", d.Seq)
	}
	if d.N != 0 {
		s += fmt.Sprintf("/%d", d.N)
	}
	if d.Key != "" {
		s += " (" + clip(d.Key) + ")"
	}
	return s + ": " + d.What
}

// Report is what Verify found. Books without Damages are right.
type Report struct {
	Txns     int64    `json:"transactions"`
	Postings int64    `json:"postings"`
	Records  int64    `json:"records"`
	Accounts int      `json:"accounts"` // in their currencies
	Holds    int      `json:"holds"`    // that are open
	Head     Head     `json:"head"`
	Damages  []Damage `json:"damages"`
	Found    int64    `json:"found"` // damages, of which the first maxDamages are listed
}

// maxDamages bounds the list: where one account's name is damaged, each of its
// postings is.
const maxDamages = 200

// VerifyOptions says what to verify against; the zero value works.
type VerifyOptions struct {
	// Known are heads of earlier days, which must be in the chain. They show
	// what no chain shows by itself: that its end was cut off, or that all of
	// it was written anew.
	Known []Head
	// Workers is how many parts of the books are read at the same time; 0 = one
	// for each processor, at most 4.
	Workers int
}

// Verify reads all of the books and checks the invariants that are theirs:
// every transaction sums to zero in each currency of each book (I1, and so all
// of them do, I2), balances and turnovers are the sums of postings (I3), no row
// was changed (I4, I12), no covered account is overdrawn after any transaction
// (I5), a hold is taken back in full and once (I6), keys are used once (I9), no
// line is reversed beyond its original (I10), and no closed period was posted
// to (I11). Invariants of settlements (I7, I8, I13 to I15) are those of
// whoever books them. It works while others post: what they add is left out.
//
// An error means that the books can't be read; damage is in the report. Memory
// is needed for each account, period, reversal and open hold, not for each
// transaction.
func Verify(ctx context.Context, s Store, o VerifyOptions) (*Report, error) {
	from, err := readAll(ctx, s)
	if err != nil {
		return nil, err
	}
	r, err := verify(ctx, from, o)
	found, err2 := from.end(ctx)
	if err = errors.Join(err, err2); err != nil {
		return nil, err
	}
	for _, d := range found {
		r.add(d)
	}
	return r, nil
}

func verify(ctx context.Context, from reading, o VerifyOptions) (*Report, error) {
	derived := from.derived()
	r := &Report{Head: derived.head, Accounts: len(derived.balances), Holds: len(derived.holds), Damages: []Damage{}}
	for _, d := range derived.damages {
		r.add(d)
	}
	workers := o.Workers
	if workers <= 0 {
		workers = min(runtime.GOMAXPROCS(0), 4)
	}
	parts := split64(derived.head.Seq, int64(workers))
	jobs := from.jobs()
	failed := make([]error, len(jobs))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(parts)+len(jobs); i = int(next.Add(1)) - 1 {
				if i < len(parts) {
					parts[i].read(ctx, from)
				} else {
					failed[i-len(parts)] = jobs[i-len(parts)](ctx)
				}
			}
		})
	}
	wg.Wait()

	all := newPart(0, 0)
	for _, p := range parts {
		if err := r.fails(p.err); err != nil {
			return nil, err
		}
		for _, d := range p.damages {
			r.add(d)
		}
		r.Found += p.found - int64(len(p.damages))
		r.Txns += p.txns
		r.Postings += p.postings
		r.Records += p.records
		all.join(p, r)
	}
	for _, err := range failed {
		if err := r.fails(err); err != nil {
			return nil, err
		}
	}
	all.against(derived, r)
	if err := all.reversals(ctx, from, r); err != nil {
		return nil, err
	}
	for _, h := range o.Known {
		if err := known(ctx, from, h, derived.head, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// fails adds an error that names a damaged row, and returns any other.
func (r *Report) fails(err error) error {
	var row *rowError
	if !errors.As(err, &row) {
		return err
	}
	r.add(row.damage())
	return nil
}

func (r *Report) add(d Damage) {
	if r.Found++; len(r.Damages) < maxDamages {
		r.Damages = append(r.Damages, d)
	}
}

// derived is what follows from the transactions, as a store has it at one
// moment.
type derived struct {
	head      Head
	balances  map[line]Units
	turnovers map[turned]Units
	holds     map[int64]time.Time
	damages   []Damage // of rows that only the store knows
}

// name takes in the name of an account as a database has it under a number.
func (d *derived) name(names map[int64]line, id int64, l line, checked int64) {
	if names[id] = l; l.check(id) != checked {
		d.damages = append(d.damages, Damage{Table: "line", Seq: id, Key: string(l.account), What: "the account's name, currency or number was changed"})
	}
}

// named returns the name under a number.
func (d *derived) named(names map[int64]line, table string, id int64) line {
	l, ok := names[id]
	if !ok {
		d.damages = append(d.damages, Damage{Table: table, What: fmt.Sprintf("account number %d has no name", id)})
	}
	return l
}

// deriver is a store that can read all of that at one moment.
type deriver interface {
	derived(ctx context.Context) (*derived, error)
}

func derive(ctx context.Context, s Store) (*derived, error) {
	if d, ok := s.(deriver); ok {
		return d.derived(ctx)
	}
	const tries = 10
	for range tries {
		d, err := derivedOf(ctx, s)
		if err != nil {
			return nil, err
		}
		if after, err := s.Head(ctx); err != nil || after.Hash == d.head.Hash {
			return d, err
		}
	}
	return nil, fmt.Errorf("ledger: verify: others have posted during each of %d tries", tries)
}

// derivedOf reads it through the store's own methods.
func derivedOf(ctx context.Context, s Store) (*derived, error) {
	d := &derived{balances: map[line]Units{}, turnovers: map[turned]Units{}, holds: map[int64]time.Time{}}
	var err error
	if d.head, err = s.Head(ctx); err != nil {
		return nil, err
	}
	for b, err := range s.Balances(ctx, BalanceFilter{}) {
		if err != nil {
			return nil, err
		}
		d.balances[line{b.Account, b.Currency}] = b.Amount
	}
	for b, err := range s.Balances(ctx, BalanceFilter{Turnovers: true}) {
		if err != nil {
			return nil, err
		}
		d.turnovers[turned{b.Period, line{b.Account, b.Currency}}] = b.Amount
	}
	for h, err := range s.Holds(ctx, time.Time{}) {
		if err != nil {
			return nil, err
		}
		d.holds[h.Seq] = h.Expires
	}
	return d, nil
}

// against compares what the transactions say with what the store has.
func (p *part) against(d *derived, r *Report) {
	lines := map[line]bool{}
	for _, m := range []map[line]Units{p.balances, d.balances} {
		for l := range m {
			lines[l] = true
		}
	}
	for _, l := range slices.SortedFunc(maps.Keys(lines), line.compare) {
		if got, want := d.balances[l], p.balances[l]; got != want {
			r.add(Damage{Table: "balance", Key: string(l.account), What: fmt.Sprintf("%d %s, the postings sum to %d", int64(got), l.currency, int64(want))})
		}
	}
	turns := map[turned]bool{}
	for _, m := range []map[turned]Units{p.turnovers, d.turnovers} {
		for t := range m {
			turns[t] = true
		}
	}
	for _, t := range slices.SortedFunc(maps.Keys(turns), func(a, b turned) int {
		if a.period != b.period {
			return compareText(a.period, b.period)
		}
		return a.line.compare(b.line)
	}) {
		if got, want := d.turnovers[t], p.turnovers[t]; got != want {
			r.add(Damage{Table: "turnover", Key: string(t.account), What: fmt.Sprintf("period %s: %d %s, the postings sum to %d", t.period, int64(got), t.currency, int64(want))})
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(p.opened)) {
		if expires, ok := d.holds[seq]; !ok {
			r.add(Damage{Table: "hold", Seq: seq, What: "missing: nothing has ended the hold"})
		} else if !expires.Equal(p.opened[seq].expires) {
			r.add(Damage{Table: "hold", Seq: seq, What: fmt.Sprintf("it expires at %s, booked was %s", expires.Format(time.RFC3339Nano), p.opened[seq].expires.Format(time.RFC3339Nano))})
		}
	}
	for _, seq := range slices.Sorted(maps.Keys(d.holds)) {
		if _, ok := p.opened[seq]; !ok {
			r.add(Damage{Table: "hold", Seq: seq, What: "no hold is open there"})
		}
	}
	if d.head.Closed != p.closed {
		r.add(Damage{Table: "txn", What: fmt.Sprintf("periods up to %q are closed, the transactions say %q", d.head.Closed, p.closed)})
	}
}

func compareText(a, b Period) int {
	if a < b {
		return -1
	}
	return 1
}

// reversible returns the postings that a reversal may take back: none of a
// hold, of a reversal, or of what took a hold back.
func (t *Txn) reversible() []Posting {
	if t.Expires != nil || t.Reverses != 0 || t.Released < 0 || t.Released > len(t.Postings) {
		return nil
	}
	return t.Postings[t.Released:]
}

// reversals compares what was reversed with the originals. Those that lie
// close together are read together.
func (p *part) reversals(ctx context.Context, from reading, r *Report) error {
	const close = 32
	seqs := slices.Sorted(maps.Keys(p.reversed))
	for i, j := 0, 0; i < len(seqs); i = j {
		for j = i + 1; j < len(seqs) && seqs[j]-seqs[j-1] <= close; j++ {
		}
		next := i
		for t, err := range from.again(ctx, seqs[i]-1, seqs[j-1]) {
			var row *rowError
			if errors.As(err, &row) {
				next = j // it was named before
				break
			}
			if err != nil {
				return err
			}
			for ; next < j && seqs[next] < t.Seq; next++ {
				p.reversal(seqs[next], nil, r)
			}
			if next < j && seqs[next] == t.Seq {
				whole := map[line]Units{}
				for _, x := range t.reversible() {
					whole[line{x.Account, x.Currency}] += x.Amount
				}
				p.reversal(t.Seq, whole, r)
				next++
			}
		}
		for ; next < j; next++ {
			p.reversal(seqs[next], nil, r)
		}
	}
	return nil
}

// reversal compares the reversals of a transaction with what can be reversed.
func (p *part) reversal(seq int64, whole map[line]Units, r *Report) {
	sums := p.reversed[seq]
	for _, l := range slices.SortedFunc(maps.Keys(sums), line.compare) {
		if w, left := whole[l], whole[l]+sums[l]; w >= 0 && (left < 0 || left > w) || w <= 0 && (left > 0 || left < w) {
			r.add(Damage{Table: "txn", Seq: seq, What: fmt.Sprintf("account %s: its reversals sum to %d of %d %s", l.account, -int64(sums[l]), int64(w), l.currency)})
		}
	}
}

// known compares the chain with a head that somebody kept.
func known(ctx context.Context, from reading, h, end Head, r *Report) error {
	if h.Seq > end.Seq {
		r.add(Damage{Table: "txn", Seq: h.Seq, What: fmt.Sprintf("missing: the books were longer once than the %d of now", end.Seq)})
		return nil
	}
	for t, err := range from.again(ctx, h.Seq-1, h.Seq) {
		var row *rowError
		if errors.As(err, &row) {
			return nil
		}
		if err != nil {
			return err
		}
		if t.Hash != h.Hash {
			r.add(Damage{Table: "txn", Seq: t.Seq, Key: t.Key, What: fmt.Sprintf("its hash is %s, known was %s: the books up to it are others", t.Hash, h.Hash)})
		}
	}
	return nil
}
