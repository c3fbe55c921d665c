package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
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
	r, err := verify(ctx, s, from, o)
	found, err2 := from.end(ctx)
	if err = errors.Join(err, err2); err != nil {
		return nil, err
	}
	for _, d := range found {
		r.add(d)
	}
	return r, nil
}

func verify(ctx context.Context, s Store, from reading, o VerifyOptions) (*Report, error) {
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
					parts[i].read(ctx, s, from)
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
	if err := all.reversals(ctx, s, r); err != nil {
		return nil, err
	}
	for _, h := range o.Known {
		if err := known(ctx, s, h, derived.head, r); err != nil {
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

// part is a stretch of the chain, from the transaction after one up to
// another, and what comes of it.
type part struct {
	after, until int64

	txns, postings, records int64
	damages                 []Damage
	found                   int64
	err                     error

	tallies   map[line]*tally
	touched   []*tally
	balances  map[line]Units
	turnovers map[turned]Units
	peaks     map[line]peak // of covered accounts
	opened    map[int64]hold
	endings   []ending // of holds that were opened in earlier parts
	reversed  map[int64]map[line]Units
	closed    Period
	earliest  Period // that took something
	earliestN int64
	closings  int
	last      time.Time
	first     time.Time
}

// tally is what a part adds up of a line while it is read.
type tally struct {
	sum     Units
	covered bool
	highest peak   // after a debit
	period  Period // the last that took a posting
	turned  Units  // of it, since it began
}

// tally returns the line's.
func (p *part) tally(l line, period Period) *tally {
	y := p.tallies[l]
	if y == nil {
		y = &tally{covered: l.account.Covered(), period: period}
		p.tallies[l] = y
	}
	if y.period != period {
		p.turnovers[turned{y.period, l}] += y.turned
		y.period, y.turned = period, 0
	}
	return y
}

// settle turns the tallies into balances, turnovers and peaks.
func (p *part) settle() {
	for l, y := range p.tallies {
		p.balances[l] += y.sum
		p.turnovers[turned{y.period, l}] += y.turned
		if y.highest.seq > 0 {
			p.peaks[l] = y.highest
		}
	}
	clear(p.tallies)
}

// peak is the highest sum of a line within a part, and where it was.
type peak struct {
	sum Units
	seq int64
}

// hold is an open hold: its time, and a digest of its postings.
type hold struct {
	expires time.Time
	digest  uint64
}

// ending is the end of a hold.
type ending struct {
	seq, hold int64
	digest    uint64
}

func newPart(after, until int64) *part {
	return &part{after: after, until: until, tallies: map[line]*tally{}, balances: map[line]Units{}, turnovers: map[turned]Units{}, peaks: map[line]peak{},
		opened: map[int64]hold{}, reversed: map[int64]map[line]Units{}}
}

// split64 parts the books; short ones stay whole.
func split64(n, workers int64) []*part {
	const least = 5_000
	workers = max(1, min(workers, n/least))
	var all []*part
	for i := range workers {
		all = append(all, newPart(n*i/workers, n*(i+1)/workers))
	}
	return all
}

func (p *part) damage(d Damage) {
	if p.found++; len(p.damages) < maxDamages {
		p.damages = append(p.damages, d)
	}
}

// read checks each transaction by itself and against the one before.
func (p *part) read(ctx context.Context, s Store, from reading) {
	var prev Hash
	if p.after > 0 {
		for t, err := range s.Txns(ctx, Filter{After: p.after - 1, Until: p.after}) {
			if err != nil {
				p.err = err
				return
			}
			prev = t.Hash
		}
	}
	c := chainReader{next: p.after + 1, prev: prev, repaired: prev}
	for t, err := range from.txns(ctx, p.after, p.until) {
		if err != nil {
			p.err = err
			return
		}
		c.read(p, t)
	}
	if c.next != p.until+1 {
		p.damage(Damage{Table: "txn", Seq: c.next, What: fmt.Sprintf("missing, up to %d", p.until)})
	}
}

// chainReader follows the chain.
type chainReader struct {
	next           int64
	prev, repaired Hash // of the one before, as stored, and as it should be
	buffer         []byte
}

// read checks one transaction against the one before and adds it to the part.
func (c *chainReader) read(p *part, t *Txn) {
	if t.Seq != c.next {
		p.damage(Damage{Table: "txn", Seq: c.next, What: fmt.Sprintf("missing; the next is %d", t.Seq)})
	}
	var checks []byte
	c.buffer, checks = t.canonical(c.buffer)
	switch sum := chain(c.prev, c.buffer); {
	case sum == t.Hash, c.prev != c.repaired && chain(c.repaired, c.buffer) == t.Hash:
		// In the second case only the hash of the one before was damaged.
		c.prev, c.repaired = t.Hash, t.Hash
		if t.checks != nil && string(checks) != string(t.checks) {
			p.damage(Damage{Table: "txn", Seq: t.Seq, Key: t.Key, What: "its checks differ from its rows, its hash does not: the checks were changed"})
		}
	case t.Seq != c.next:
		c.prev, c.repaired = t.Hash, t.Hash // nobody knows what went before
	default:
		p.locate(t, checks)
		c.prev, c.repaired = t.Hash, sum
	}
	c.next = t.Seq + 1
	p.carry(t)
}

// locate names the rows of a transaction that don't fit its hash.
func (p *part) locate(t *Txn, checks []byte) {
	rows := 1 + len(t.Postings) + len(t.Records)
	if t.checks == nil { // of an export
		p.damage(Damage{Table: "txn", Seq: t.Seq, Key: t.Key, What: "it, its postings or its records were changed after it was booked"})
		return
	}
	if len(checks) != len(t.checks) {
		p.damage(Damage{Table: "txn", Seq: t.Seq, Key: t.Key, What: fmt.Sprintf("it has %d rows with its postings and records, %d were booked", rows, len(t.checks)/4)})
		return
	}
	named := false
	for i := range rows {
		if string(checks[4*i:4*i+4]) == string(t.checks[4*i:4*i+4]) {
			continue
		}
		named = true
		const what = "it was changed after it was booked"
		switch j := i - 1 - len(t.Postings); {
		case i == 0:
			p.damage(Damage{Table: "txn", Seq: t.Seq, Key: t.Key, What: what})
		case j < 0:
			p.damage(Damage{Table: "posting", Seq: t.Seq, N: i, Key: t.Key, What: what})
		default:
			p.damage(Damage{Table: "record", Seq: t.Seq, N: j + 1, Key: t.Key, What: what})
		}
	}
	if !named {
		p.damage(Damage{Table: "txn", Seq: t.Seq, Key: t.Key, What: "its hash is not that of its rows after the transaction before"})
	}
}

// carry adds up a transaction and checks what it may do.
func (p *part) carry(t *Txn) {
	bad := func(format string, args ...any) {
		p.damage(Damage{Table: "txn", Seq: t.Seq, Key: t.Key, What: fmt.Sprintf(format, args...)})
	}
	p.txns++
	p.postings += int64(len(t.Postings))
	p.records += int64(len(t.Records))
	if t.BookedAt.Before(p.last) {
		bad("booked at %s, the one before at %s", t.BookedAt.Format(time.RFC3339Nano), p.last.Format(time.RFC3339Nano))
	}
	if p.last = t.BookedAt; p.first.IsZero() {
		p.first = t.BookedAt
	}
	if t.Period <= p.closed {
		bad("period %s took it, which was closed with all up to %s", t.Period, p.closed)
	}
	if p.closings == 0 && (p.earliest == "" || t.Period < p.earliest) {
		p.earliest, p.earliestN = t.Period, t.Seq // what an earlier part may have closed
	}
	if t.Closes != "" {
		if t.Closes != t.Period {
			bad("it closes period %s, and lies in %s", t.Closes, t.Period)
		}
		p.closed = max(p.closed, t.Closes)
		p.closings++
	}
	released := t.Released
	if released < 0 || released > len(t.Postings) || released > 0 && t.Ends == 0 {
		bad("%d of its %d postings take a hold back", released, len(t.Postings))
		released = 0
	}
	if err := Balanced(t.Postings[released:]); err != nil {
		bad("%v", err)
	}
	if t.Ends != 0 {
		e := ending{t.Seq, t.Ends, digest(t.Postings[:released], -1)}
		if h, ok := p.opened[t.Ends]; ok {
			p.end(e, h)
		} else {
			p.endings = append(p.endings, e)
		}
	}
	if t.Expires != nil {
		p.opened[t.Seq] = hold{*t.Expires, digest(t.Postings, 1)}
	}
	p.touched = p.touched[:0]
	for _, x := range t.Postings {
		y := p.tally(line{x.Account, x.Currency}, t.Period)
		y.sum += x.Amount
		y.turned += x.Amount
		if x.Amount > 0 && y.covered {
			p.touched = append(p.touched, y)
		}
	}
	for _, y := range p.touched {
		if y.highest.seq == 0 || y.sum > y.highest.sum {
			y.highest = peak{y.sum, t.Seq}
		}
	}
	if t.Reverses != 0 {
		if t.Reverses >= t.Seq {
			bad("it reverses %d, which is not before it", t.Reverses)
			return
		}
		sums := p.reversed[t.Reverses]
		if sums == nil {
			sums = map[line]Units{}
			p.reversed[t.Reverses] = sums
		}
		for _, x := range t.Postings {
			sums[line{x.Account, x.Currency}] += x.Amount
		}
	}
}

// end ends a hold that was open.
func (p *part) end(e ending, h hold) {
	if e.digest != h.digest {
		p.damage(Damage{Table: "txn", Seq: e.seq, What: fmt.Sprintf("it takes back something else than hold %d held", e.hold)})
	}
	delete(p.opened, e.hold)
}

// digest is a number for postings, all of them times the sign.
func digest(postings []Posting, sign Units) uint64 {
	h := fnv.New64a()
	var n [8]byte
	for _, p := range postings {
		h.Write([]byte(p.Account))
		h.Write([]byte(p.Currency))
		binary.BigEndian.PutUint64(n[:], uint64(p.Amount*sign))
		h.Write(n[:])
	}
	return h.Sum64()
}

// join adds the part that follows.
func (p *part) join(next *part, r *Report) {
	next.settle()
	if next.earliest != "" && next.earliest <= p.closed {
		r.add(Damage{Table: "txn", Seq: next.earliestN, What: fmt.Sprintf("period %s took it, which was closed with all up to %s", next.earliest, p.closed)})
	}
	if next.first.Before(p.last) && !next.first.IsZero() {
		r.add(Damage{Table: "txn", Seq: next.after + 1, What: "booked before the one before"})
	}
	for _, l := range slices.SortedFunc(maps.Keys(next.peaks), line.compare) {
		if x := next.peaks[l]; p.balances[l]+x.sum > 0 {
			r.add(Damage{Table: "txn", Seq: x.seq, What: fmt.Sprintf("account %s is overdrawn by %d %s after it", l.account, int64(p.balances[l]+x.sum), l.currency)})
		}
	}
	for _, e := range next.endings {
		h, ok := p.opened[e.hold]
		if !ok {
			r.add(Damage{Table: "txn", Seq: e.seq, What: fmt.Sprintf("it ends %d, which is no open hold", e.hold)})
			continue
		}
		before := len(p.damages)
		p.end(e, h)
		for _, d := range p.damages[before:] {
			r.add(d)
		}
	}
	maps.Copy(p.opened, next.opened)
	for l, x := range next.balances {
		p.balances[l] += x
	}
	for t, x := range next.turnovers {
		p.turnovers[t] += x
	}
	for seq, sums := range next.reversed {
		if p.reversed[seq] == nil {
			p.reversed[seq] = map[line]Units{}
		}
		for l, x := range sums {
			p.reversed[seq][l] += x
		}
	}
	p.closed = max(p.closed, next.closed)
	p.last = next.last
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

// reversals compares what was reversed with the originals.
func (p *part) reversals(ctx context.Context, s Store, r *Report) error {
	for _, seq := range slices.Sorted(maps.Keys(p.reversed)) {
		whole := map[line]Units{}
		for t, err := range s.Txns(ctx, Filter{After: seq - 1, Until: seq}) {
			var row *rowError
			if errors.As(err, &row) {
				continue // it was named before
			}
			if err != nil {
				return err
			}
			for _, x := range t.Postings[max(min(t.Released, len(t.Postings)), 0):] {
				whole[line{x.Account, x.Currency}] += x.Amount
			}
		}
		sums := p.reversed[seq]
		for _, l := range slices.SortedFunc(maps.Keys(sums), line.compare) {
			if w, left := whole[l], whole[l]+sums[l]; w >= 0 && (left < 0 || left > w) || w <= 0 && (left > 0 || left < w) {
				r.add(Damage{Table: "txn", Seq: seq, What: fmt.Sprintf("account %s: its reversals sum to %d of %d %s", l.account, -int64(sums[l]), int64(w), l.currency)})
			}
		}
	}
	return nil
}

// known compares the chain with a head that somebody kept.
func known(ctx context.Context, s Store, h, end Head, r *Report) error {
	if h.Seq > end.Seq {
		r.add(Damage{Table: "txn", Seq: h.Seq, What: fmt.Sprintf("missing: the books were longer once than the %d of now", end.Seq)})
		return nil
	}
	for t, err := range s.Txns(ctx, Filter{After: h.Seq - 1, Until: h.Seq}) {
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
