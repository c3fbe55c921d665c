package brain

// maxCandidates is how many members the planner looks at: a guess, as many as
// there are kinds of usefulness that begin tells apart.
const maxCandidates = 6

// trouble is what a call has to gain in accuracy whatever it costs: nobody
// waits for less, and the model's figures aren't better than that. A guess.
const trouble = 0.0005

// depth returns how many calls are looked ahead where so many different
// answers were given: the more there are, the more branches.
func depth(kinds int32) int {
	switch {
	case kinds == 0:
		return 3
	case kinds <= 2:
		return 2
	}
	return 1
}

// planner finds whom to ask by looking ahead: the value of a belief is the
// probability of its likeliest answer, or, where that is more, what is
// expected after one more answer less its price.
type planner struct {
	model *model
	price float64
	n     int
	seats [maxCandidates]int
	cand  [maxCandidates]*chance
	cost  [maxCandidates]float64 // price times expected cost
	right [maxCandidates]float64
	costX [maxCandidates]float64
	ahead [4]belief // one for each call that is looked ahead: nothing is allocated
}

// begin picks the candidates: those with the best one-step value, and the
// best by what they are worth at several prices.
func (pl *planner) begin(c *Case, price float64) {
	pl.model, pl.price, pl.n = &c.b.header.Model, price, 0
	c.belief.asked = 0
	total, top, _ := c.belief.weigh()
	pick := func(worth func(s *seat) float64) {
		best, most := -1, 0.0
		for i := range c.seats {
			s := &c.seats[i]
			if s.off || pl.has(i) {
				continue
			}
			if v := worth(s); best < 0 || v > most {
				best, most = i, v
			}
		}
		if best >= 0 && pl.n < maxCandidates {
			pl.take(best, &c.seats[best])
		}
	}
	at := func(price float64) func(s *seat) float64 {
		return func(s *seat) float64 { return s.chance.right - price*s.costX }
	}
	pick(at(0))
	pick(at(price))
	pick(at(4 * price))
	if c.belief.kinds > 0 {
		one := func(s *seat) float64 { return pl.ask(&c.belief, total, top, &s.chance, price*s.costX+trouble, 0, 1) }
		pick(one)
		pick(one)
	}
	pick(at(0.3))
	pick(at(1))
	pick(at(0.1))
	pick(at(0))
}

func (pl *planner) has(seat int) bool {
	for _, s := range pl.seats[:pl.n] {
		if s == seat {
			return true
		}
	}
	return false
}

func (pl *planner) take(i int, s *seat) {
	pl.seats[pl.n], pl.cand[pl.n], pl.cost[pl.n] = i, &s.chance, pl.price*s.costX+trouble
	pl.right[pl.n], pl.costX[pl.n] = s.chance.right, s.costX
	pl.n++
}

// leader returns the candidate that is best alone at the price.
func (pl *planner) leader() int {
	best := 0
	for i := range pl.n {
		if pl.right[i]-pl.cost[i] > pl.right[best]-pl.cost[best] {
			best = i
		}
	}
	return best
}

// enough is the least gain worth a call, against rounding.
const enough = 1e-9

// value returns what the belief is worth with at most depth more calls, times
// total, and whom to ask for it; -1 = nobody.
func (pl *planner) value(b *belief, total, top float64, depth int) (float64, int) {
	best, at := top, -1
	if depth <= 0 {
		return best, at
	}
	for i := range pl.n {
		// No answer gains more than certainty.
		if b.asked>>i&1 != 0 || total-top <= pl.cost[i]*total {
			continue
		}
		if v := pl.ask(b, total, top, pl.cand[i], pl.cost[i], i, depth); v > best+enough*total {
			best, at = v, i
		}
	}
	return best, at
}

// rare is the share of the evidence below which a branch isn't looked into.
const rare = 1e-3

// ask returns what the belief is worth after one more answer, of any kind
// that may come.
func (pl *planner) ask(b *belief, total, top float64, c *chance, cost float64, i, depth int) float64 {
	v := -cost * total
	for kind := int32(0); kind <= b.kinds; kind++ {
		next := &pl.ahead[depth]
		*next = *b
		next.asked |= 1 << i
		next.add(pl.model, c, kind)
		t, most, _ := next.weigh()
		if depth > 1 && t > rare*total {
			most, _ = pl.value(next, t, most, depth-1)
		}
		v += most
	}
	return v
}

// refused returns what the best one more answer would gain before its price,
// and what it costs.
func (pl *planner) refused(b *belief, total, top float64) (gain, costX float64) {
	most := 0.0
	for i := range pl.n {
		v := pl.ask(b, total, top, pl.cand[i], 0, i, 1)/total - top/total
		if net := v - pl.cost[i]; i == 0 || net > most {
			most, gain, costX = net, v, pl.costX[i]
		}
	}
	return max(gain, 0), costX
}
