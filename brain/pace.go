package brain

import (
	"math"
	"sync"
)

// Pace keeps what is spent to a cap over many requests: who spent less so far
// may spend more, and the other way round. The cap of a request is a multiple
// of what the best single member is expected to cost on it. It is for many
// goroutines; begun and ended in the same order it decides the same.
type Pace struct {
	b     *Brain
	costX float64
	start Policy // where nothing was spent yet; one that answers alone stays
	mu    sync.Mutex
	meter meter
}

// Pace returns a Pace for a mean cost of at most costX times the best single
// member's.
func (b *Brain) Pace(costX float64) (*Pace, error) {
	start, err := b.spend(costX, true)
	if err != nil {
		return nil, err
	}
	return &Pace{b: b, costX: costX, start: start, meter: meter{aim: aim * costX}}, nil
}

// Policy returns what it begins with.
func (p *Pace) Policy() Policy { return p.start }

// Turn is one request's part of a Pace.
type Turn struct {
	Policy Policy
	pace   *Pace
	booked booking
}

// Begin returns by which policy the next request goes. Every Turn ends or
// is cancelled.
func (p *Pace) Begin(c *Case) Turn {
	t := Turn{Policy: p.start, pace: p}
	if p.start.Alone != "" || p.start.plan == 0 {
		return t
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var coin float64
	t.booked, coin = p.meter.begin(c.base)
	q, _, _ := p.b.best(t.booked.target, true)
	if q.other > 0 && coin < q.share {
		q.plan = q.other
	}
	t.Policy = Policy{plan: q.plan}
	return t
}

// Cancel takes back what Begin planned: the request doesn't count.
func (t *Turn) Cancel() {
	if p := t.pace; p != nil && t.booked.target > 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.meter.cancel(t.booked)
		t.booked = booking{}
	}
}

// End takes note of what the request cost.
func (t *Turn) End(c *Case) {
	if p := t.pace; p != nil && t.booked.target > 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.meter.end(t.booked, c.cost)
		t.booked = booking{}
	}
}

const (
	// A difference is made up for over about so many requests, at first and
	// at most: a tenth of those that were.
	horizon, mostHorizon = 20, 200
	// A request's cap is moved by so much of it at most.
	mostDown, mostUp = 0.5, 0.25
	// mostSaved is how many requests' caps can be saved for later.
	mostSaved = 20
	// golden steps through 0 to 1 evenly; any stretch of requests is shared
	// among two plans as all are.
	golden = 0.6180339887498949
)

// meter is the sums of a Pace. Costs are multiples of the best single member's
// mean.
type meter struct {
	aim     float64 // as a multiple of what the best costs on the same request
	balance float64 // what was not spent and could have been
	turns   uint64
}

// booking is what was planned for a request.
type booking struct {
	target float64 // its cap
	base   float64 // what the best is expected to cost on it
}

func (m *meter) begin(base float64) (booking, float64) {
	x := m.aim + min(max(m.balance/min(horizon+float64(m.turns)/10, mostHorizon), -mostDown*m.aim), mostUp*m.aim)
	m.turns++
	// What is planned counts at once: of many requests at a time each sees
	// what the others are about to spend.
	m.balance += (m.aim - x) * base
	_, coin := math.Modf(float64(m.turns) * golden)
	return booking{x, base}, coin
}

func (m *meter) cancel(b booking) { m.balance -= (m.aim - b.target) * b.base }

// end corrects the balance by what it came to.
func (m *meter) end(b booking, s spending) {
	base := b.base
	switch {
	case s.base > 0:
		base = s.base // the best was asked
	case s.paid > 0 && s.expected > 0:
		// Where the others cost more than expected, it would have, too.
		base *= math.Sqrt(min(max(s.paid/s.expected, 0.25), 4))
	}
	m.balance += m.aim*(base-b.base) + b.target*b.base - s.paid
	// What could have been spent long ago doesn't count for ever.
	m.balance = min(m.balance, mostSaved*m.aim)
}

// spending is what a request cost.
type spending struct {
	paid, expected float64 // of all who were asked
	base           float64 // of the best; 0 = it wasn't
}
