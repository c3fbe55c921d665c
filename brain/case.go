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
	ground ground
	walk   walk
	keys   []string // of answers, by what stands in the ground's keys
	kept   []byte   // the prompt's sketch
	near   []near   // its neighbours
	ear    *ear     // what neighbours say of answers; nil = none came yet
	coin   float64
	plan   *plan
	at     int // the plan's next step
	cost   spending
	base   float64 // what the best single member is expected to cost
}

type seat struct {
	name   string
	member int     // by its place in the brain; -1 = it isn't known
	length float64 // expected logarithm
	spread float64
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
	c := &Case{b: b, seats: make([]seat, len(seats)), ground: b.newGround(len(seats)), kept: make([]byte, len(sketch))}
	for i, v := range sketch {
		c.kept[i] = byte(v)
	}
	c.coin = coinOf(c.kept)
	c.walk.begin()
	v := newView(len(b.header.Members))
	c.near = b.store.nearest(sketch, false, make([]near, 0, maxNear))
	b.look(c.near, -1, &v)
	c.fill(&v, seats)
	return c
}

// fill writes what is expected of each seat.
func (c *Case) fill(v *view, seats []Seat) {
	b, g := c.b, &c.ground
	g.common, c.base = v.common, v.costX[b.header.Best]
	for j := range g.seatOf {
		g.seatOf[j] = -1
	}
	vendors := map[string]uint64{}
	for j := range b.header.Members {
		vendors[b.header.Members[j].Vendor] = b.header.Members[j].vendor
	}
	for i, from := range seats {
		s := &c.seats[i]
		s.name, s.member, g.keys[i] = from.Name, -1, noKey
		j, ok := b.byName[from.Name]
		if !ok {
			g.right[i], g.costX[i], g.voices[i] = b.guess(v, from.CostX)
			g.before[i] = g.voices[i].weight
			if from.Vendor != "" {
				g.voices[i].vendor = vendors[from.Vendor]
			}
			c.shift(i, from.Shift)
			continue
		}
		m := &b.header.Members[j]
		s.member, s.length, s.spread = j, v.length[j], m.Spread
		g.seatOf[j] = i
		g.voices[i] = b.voiceOf(v, j)
		g.before[i] = g.voices[i].weight
		g.right[i], g.costX[i] = b.header.Solo.right(v, j), v.costX[j]
		c.shift(i, from.Shift)
	}
}

// shift moves what is expected of a seat by so much, in log-odds, and what its
// word weighs by as much as the model weighs them.
func (c *Case) shift(i int, by float64) {
	if by == 0 {
		return
	}
	g := &c.ground
	p := min(max(g.right[i], 1e-6), 1-1e-6)
	g.right[i] = sigmoid(math.Log(p/(1-p)) + by)
	g.voices[i].weight += c.b.header.Model.Overall * by
	g.voices[i].able += by
	g.before[i] = g.voices[i].weight
}

// guess returns how reliable a member is that nothing is known of but its
// cost, what it costs and what its word weighs: as the three known ones
// nearest to it, less newcomer; of an unknown cost, the mean of all.
func (b *Brain) guess(v *view, costX float64) (right, cost float64, says voice) {
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
	odds := 0.0
	for _, j := range order {
		n := float64(len(order))
		odds += b.header.Solo.odds(v, j) / n
		says.weight += b.voiceOf(v, j).weight / n
	}
	says.weight -= newcomer
	says.able = odds - newcomer
	return sigmoid(says.able), cost, says
}

// Answer takes note of what a seat replied: key is the normal form of its
// answer, empty where it holds none; tokens is the reply's length with its
// thoughts, 0 = unknown. What a seat says a second time doesn't count.
func (c *Case) Answer(i int, key string, tokens float64) {
	g, m := &c.ground, &c.b.header.Model
	if g.keys[i] == absent || slices.Contains(c.walk.order, i) {
		return
	}
	if c.plan != nil && c.at < len(c.plan.Steps) && c.plan.Steps[c.at].who(g, &c.walk) == i {
		c.at++
	}
	s := &c.seats[i]
	e := c.echo(i, key)
	g.voices[i].weight += m.reply(excess(tokens, s.length, s.spread), &e)
	if key != "" {
		at := slices.Index(c.keys, key)
		if at < 0 {
			at = len(c.keys)
			c.keys = append(c.keys, key)
		}
		g.keys[i] = int16(min(at, math.MaxInt16))
	}
	c.walk.ask(m, g, i)
}

// Paid takes note of what a seat cost, in the currency that the brain was
// trained with; negative = unknown: then what was expected counts.
func (c *Case) Paid(i int, amount float64) {
	paid, expected := amount/c.b.header.Unit, c.ground.costX[i]
	if !(paid >= 0) {
		paid = expected
	}
	c.cost.paid += paid
	c.cost.expected += expected
	if c.seats[i].name == c.b.Best() {
		c.cost.base += paid
	}
}

// Off takes note that a seat can't be asked, or failed.
func (c *Case) Off(i int) {
	if !slices.Contains(c.walk.order, i) {
		c.ground.keys[i] = absent
	}
}

// Step is what to do next.
type Step struct {
	Seat int    // whom to ask; -1 = stop
	Why  string // for people
}

// Next returns whom to ask, or that it is time to stop: when all were asked,
// the calls are used up, or the plan has nothing that is worth its cost. The
// first step asks somebody wherever anybody can be asked.
func (c *Case) Next(p Policy) Step {
	if p.Calls <= 0 {
		p.Calls = DefaultCalls
	}
	p.Calls = min(p.Calls, maxSteps)
	w, g := &c.walk, &c.ground
	if len(w.order) >= p.Calls {
		return Step{-1, fmt.Sprintf("the limit of %d calls is reached", p.Calls)}
	}
	if p.Alone != "" {
		if i := slices.IndexFunc(c.seats, func(s seat) bool { return s.name == p.Alone }); i >= 0 {
			if slices.Contains(w.order, i) {
				return Step{-1, "nothing was measured to be better at this cost"}
			}
			if g.keys[i] != absent {
				return Step{i, "the best alone at this cost"}
			}
		}
	}
	if plan := c.b.lead(p, c.coin); plan != c.plan {
		c.plan, c.at = plan, 0
	}
	if c.plan != nil {
		for ; c.at < len(c.plan.Steps); c.at++ {
			if i := c.plan.next(c.plan.Steps[c.at], g, w); i >= 0 {
				return Step{i, c.why(i)}
			}
		}
		if i := c.b.header.further(c.plan, g, w); i >= 0 {
			return Step{i, c.why(i)}
		}
	}
	if len(w.order) == 0 || w.win < 0 {
		// The plan's members aren't here, failed, or had no answer.
		price := p.Price
		if c.plan != nil {
			price = c.plan.Price
		}
		rest := step{-1, price}
		if i := rest.who(g, w); i >= 0 && (len(w.order) == 0 || c.plan == nil || c.plan.worth(0, g.costX[i])) {
			return Step{i, c.why(i)}
		}
	}
	switch {
	case step{-1, 0}.who(g, w) < 0:
		return Step{-1, "nobody is left to ask"}
	case w.win < 0:
		return Step{-1, "nobody who is left is worth the cost"}
	}
	return Step{-1, fmt.Sprintf("nobody who is left is worth the cost for the last %.2g %%", 100*(1-c.confidence()))}
}

// why says why a seat is asked.
func (c *Case) why(i int) string {
	g := &c.ground
	why := fmt.Sprintf("right on %.0f %% of questions like this, at %.2gx", 100*g.right[i], g.costX[i])
	if c.seats[i].member < 0 {
		why = fmt.Sprintf("not known yet, taken to be right on %.0f %%, at %.2gx", 100*g.right[i], g.costX[i])
	}
	if c.walk.win >= 0 {
		why += fmt.Sprintf("; so far sure to %.0f %%", 100*c.confidence())
	}
	return why
}

func (c *Case) confidence() float64 {
	t := &c.b.header.Alone
	if c.plan != nil {
		t = &c.plan.Trust
	}
	return t.confidence(c.walk.top)
}

// Together returns who else is asked beside the seat of a step, so that less
// time passes: those that would be asked next if each gave the answer that
// leads; most at most.
func (c *Case) Together(first int, p Policy, most int) []int {
	seats := []int{first}
	ahead := *c
	ahead.keys = slices.Clone(c.keys)
	ahead.walk.order, ahead.walk.kind = slices.Clone(c.walk.order), slices.Clone(c.walk.kind)
	ahead.ground.keys, ahead.ground.voices = slices.Clone(c.ground.keys), slices.Clone(c.ground.voices)
	for len(seats) < most {
		key := "\x00" // no answer's normal form
		if h := ahead.walk.win; h >= 0 {
			key = ahead.keys[ahead.walk.keys[h]]
		}
		ahead.Answer(seats[len(seats)-1], key, 0)
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

// Verdict returns the likeliest answer, and who gave it, the one whose word
// weighs most first.
func (c *Case) Verdict() Verdict {
	w, g := &c.walk, &c.ground
	if w.win < 0 {
		return Verdict{}
	}
	v := Verdict{Key: c.keys[w.keys[w.win]], Confidence: c.confidence()}
	for k, i := range w.order {
		if w.kind[k] == w.win {
			v.Supporters = append(v.Supporters, Supporter{i, g.right[i]})
		}
	}
	slices.SortStableFunc(v.Supporters, func(x, y Supporter) int {
		switch a, b := g.voices[x.Seat].weight, g.voices[y.Seat].weight; {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	return v
}

// Expect returns the probability that the seat is right, and what asking it is
// expected to cost, as a multiple of the best single member's mean.
func (c *Case) Expect(i int) (right, costX float64) { return c.ground.right[i], c.ground.costX[i] }
