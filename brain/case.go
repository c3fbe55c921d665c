package brain

import (
	"fmt"
	"math"
	"slices"
)

// Seat is a member that can be asked in a Case.
type Seat struct {
	Name   string
	Vendor string  // used where the brain doesn't know the member
	CostX  float64 // likewise: what it costs as a multiple of the best single member; 0 = unknown
	Shift  float64 // by how much, in log-odds, it is more reliable for who asks than the brain knows
}

// Case is one request on its way: who can be asked, what came, what that says.
// It is for one goroutine.
type Case struct {
	b      *Brain
	seats  []seat
	belief belief
	keys   [maxKinds]string
	kept   []byte // the prompt's sketch
	calls  int
	plan   planner
}

type seat struct {
	name   string
	chance chance
	logit  float64 // before its reply's length is known
	costX  float64
	length float64 // expected logarithm
	spread float64
	known  bool
	off    bool  // was asked, or can't be
	kind   int32 // its answer; -1 = none
}

// newcomer is by how much, in log-odds, a member that the brain doesn't know
// is trusted less than the known ones of about its cost: a guess. It is asked
// where it is cheap, and believed where others agree.
const newcomer = 0.5

// Case begins a request with this prompt to these members.
func (b *Brain) Case(prompt string, seats []Seat) *Case {
	var buffer [dims]int8
	sketch(prompt, b.rarity, buffer[:])
	return b.caseOf(buffer[:], seats)
}

// caseOf is Case for a prompt's sketch.
func (b *Brain) caseOf(sketch []int8, seats []Seat) *Case {
	c := &Case{b: b, belief: newBelief(), seats: make([]seat, len(seats)), kept: make([]byte, len(sketch))}
	for i, v := range sketch {
		c.kept[i] = byte(v)
	}
	var found [maxNear]near
	v := newView(len(b.header.Members))
	b.look(b.store.nearest(sketch, false, found[:0]), -1, &v)
	c.fill(&v, seats)
	return c
}

// fill writes what is expected of each seat.
func (c *Case) fill(v *view, seats []Seat) {
	b := c.b
	vendors := map[string]uint64{}
	for j := range b.header.Members {
		vendors[b.header.Members[j].Vendor] = b.header.Members[j].vendor
	}
	for i, from := range seats {
		s := &c.seats[i]
		s.name, s.kind = from.Name, -1
		j, ok := b.byName[from.Name]
		if ok {
			m := &b.header.Members[j]
			s.known, s.costX, s.length, s.spread = true, v.costX[j], v.length[j], m.Spread
			s.logit = b.header.Model.logitOf(v, j)
			s.chance.vendor = m.vendor
		} else {
			s.logit, s.costX = b.guess(v, from.CostX)
			s.chance.vendor = vendors[from.Vendor]
		}
		s.logit += from.Shift
		s.chance.set(s.logit, &b.easing)
	}
}

// guess returns the log-odds and the cost of a member that nothing is known
// of but its cost: those of the three known ones nearest to it, less newcomer;
// of an unknown cost, the mean of all.
func (b *Brain) guess(v *view, costX float64) (logit, cost float64) {
	order := make([]int, len(b.header.Members))
	for j := range order {
		order[j] = j
		cost += v.costX[j] / float64(len(order))
	}
	if costX > 0 {
		cost = costX
		distance := func(j int) float64 { return math.Abs(math.Log((v.costX[j] + 1e-9) / costX)) }
		slices.SortStableFunc(order, func(x, y int) int {
			switch dx, dy := distance(x), distance(y); {
			case dx < dy:
				return -1
			case dx > dy:
				return 1
			}
			return 0
		})
		order = order[:min(3, len(order))]
	}
	for _, j := range order {
		logit += b.header.Model.logitOf(v, j) / float64(len(order))
	}
	return logit - newcomer, cost
}

// Answer takes note of what a seat replied: key is the normal form of its
// answer, empty where it holds none; tokens is the reply's length with its
// thoughts, 0 = unknown.
func (c *Case) Answer(i int, key string, tokens float64) {
	s := &c.seats[i]
	s.off = true
	c.calls++
	m := &c.b.header.Model
	if l := excess(tokens, s.length, s.spread); l != 0 {
		c.belief.hint(m, l)
		s.chance.set(s.logit+m.Length*l+m.Length2*l*l, &c.b.easing)
	}
	if key == "" {
		c.belief.miss(&s.chance)
		return
	}
	kind := int32(slices.Index(c.keys[:c.belief.kinds], key))
	if kind < 0 {
		if kind = c.belief.kinds; kind < maxKinds {
			c.keys[kind] = key
		}
	}
	c.belief.add(m, &s.chance, kind)
	if kind < maxKinds {
		s.kind = kind
	}
}

// Off takes note that a seat can't be asked, or failed.
func (c *Case) Off(i int) { c.seats[i].off = true }

// Step is what to do next.
type Step struct {
	Seat int    // whom to ask; -1 = stop
	Why  string // for people
}

// Next returns whom to ask, or that it is time to stop: when all were asked,
// the calls are used up, or no answer is expected to gain what it costs. The
// first step asks somebody wherever anybody can be asked.
func (c *Case) Next(p Policy) Step {
	at := c.choose(p)
	if at.why != "" {
		return Step{at.seat, at.why}
	}
	total, top, kind := c.belief.weigh()
	if at.seat < 0 {
		// What the best of the others would have to offer.
		gain, costX := c.plan.refused(&c.belief, total, top)
		return Step{-1, fmt.Sprintf("another answer would gain %.1f points for %.2gx", 100*gain, costX)}
	}
	s := &c.seats[at.seat]
	why := fmt.Sprintf("right on %.0f %% of questions like this, at %.2gx", 100*s.chance.right, s.costX)
	if !s.known {
		why = fmt.Sprintf("not known yet, taken to be right on %.0f %%, at %.2gx", 100*s.chance.right, s.costX)
	}
	if kind >= 0 {
		why += fmt.Sprintf("; worth %.1f points", 100*(at.value-top/total))
	}
	return Step{at.seat, why}
}

// choice is a Step before it is put into words.
type choice struct {
	seat  int     // -1 = stop
	value float64 // of what is expected then, its price taken off
	why   string  // where nothing was planned
}

func (c *Case) choose(p Policy) choice {
	if p.Calls <= 0 {
		p.Calls = DefaultCalls
	}
	p.Calls = min(p.Calls, maxCalls)
	if c.calls >= p.Calls {
		return choice{seat: -1, why: fmt.Sprintf("the limit of %d calls is reached", p.Calls)}
	}
	if p.Alone != "" {
		for i := range c.seats {
			if s := &c.seats[i]; s.name == p.Alone {
				if !s.off {
					return choice{seat: i, why: "the best alone at this cost"}
				}
				if s.kind >= 0 {
					return choice{seat: -1, why: "nothing was measured to be better at this cost"}
				}
			}
		}
	}
	left := p.Calls - c.calls
	pl := &c.plan
	pl.begin(c, p.Price)
	if pl.n == 0 {
		return choice{seat: -1, why: "nobody is left to ask"}
	}
	total, top, _ := c.belief.weigh()
	best, at := pl.value(&c.belief, total, top, min(depth(c.belief.kinds), left))
	if at < 0 && c.calls == 0 {
		at = pl.leader()
	}
	if at < 0 {
		return choice{seat: -1}
	}
	return choice{seat: pl.seats[at], value: best / total}
}

// Together returns who else is asked beside the seat of a step, so that less
// time passes: those that would be asked next if each gave the answer that is
// likeliest to come from it; most at most.
func (c *Case) Together(first int, p Policy, most int) []int {
	seats := []int{first}
	ahead := *c
	ahead.seats = slices.Clone(c.seats)
	for len(seats) < most {
		s := &ahead.seats[seats[len(seats)-1]]
		s.off = true
		ahead.belief = ahead.belief.likeliest(&c.b.header.Model, &s.chance)
		ahead.calls++
		next := ahead.Next(p)
		if next.Seat < 0 {
			break
		}
		seats = append(seats, next.Seat)
	}
	return seats
}

// Verdict is which answer is believed.
type Verdict struct {
	Key        string  // empty = there is none
	Confidence float64 // calibrated on the training examples
	Supporters []Supporter
}

// Supporter is a seat that gave the answer.
type Supporter struct {
	Seat   int
	Weight float64 // probability of being right by itself
}

// Verdict returns the likeliest answer, and who gave it, most reliable first.
func (c *Case) Verdict() Verdict {
	total, top, kind := c.belief.weigh()
	if kind < 0 {
		return Verdict{}
	}
	v := Verdict{Key: c.keys[kind], Confidence: c.b.header.Trust.confidence(top / total)}
	for i := range c.seats {
		if s := &c.seats[i]; s.kind == kind {
			v.Supporters = append(v.Supporters, Supporter{i, s.chance.right})
		}
	}
	slices.SortStableFunc(v.Supporters, func(x, y Supporter) int {
		switch {
		case x.Weight > y.Weight:
			return -1
		case x.Weight < y.Weight:
			return 1
		}
		return 0
	})
	return v
}

// Expect returns the probability that the seat is right, and what asking it is
// expected to cost, as a multiple of the best single member's mean.
func (c *Case) Expect(i int) (right, costX float64) { return c.seats[i].chance.right, c.seats[i].costX }
