package ledger

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"
)

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

// wraps reports whether the sum does not fit.
func wraps(a, b Units) bool {
	sum := a + b
	return b > 0 && sum < a || b < 0 && sum > a
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
func (p *part) read(ctx context.Context, from reading) {
	var prev Hash
	if p.after > 0 {
		for t, err := range from.again(ctx, p.after-1, p.after) {
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
		if wraps(y.sum, x.Amount) {
			bad("account %s: the sum passes 2^63", clip(string(x.Account)))
		}
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
	for _, l := range slices.SortedFunc(maps.Keys(next.balances), line.compare) {
		x := next.balances[l]
		if sum := p.balances[l] + x; wraps(p.balances[l], x) || sum > MaxAmount || sum < -MaxAmount {
			r.add(Damage{Table: "txn", Seq: next.until, Key: string(l.account), What: "the balance of the account passes 2^62 before it"})
		}
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
