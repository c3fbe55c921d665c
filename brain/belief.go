package brain

import "math"

// The latent difficulty of a question is a standard normal variable, held at
// these nodes with these weights.
const nodes = 9

var nodeAt, nodeWeight = func() (at, weight [nodes]float64) {
	total := 0.0
	for k := range at {
		at[k] = -2.4 + 4.8*float64(k)/(nodes-1)
		weight[k] = math.Exp(-at[k] * at[k] / 2)
		total += weight[k]
	}
	for k := range weight {
		weight[k] /= total
	}
	return
}()

// maxKinds is how many different answers to one question are told apart.
// Later ones are taken for wrong.
const maxKinds = 7

// model is what is fitted to a whole training set: a dozen figures, so that
// they hardly overfit.
type model struct {
	// A member is right with the log-odds
	//   Base + Overall*o + Common*c + Special*s + Length*l + Length2*l^2 - Spread*difficulty
	// o: the log-odds of its overall accuracy. c: by how much all members do
	// better on the neighbours than overall. s: by how much it does beyond
	// that. l: how long its reply is, in deviations from what was expected.
	Base    float64 `json:"base"`
	Overall float64 `json:"overall"`
	Common  float64 `json:"common"`
	Special float64 `json:"special"`
	Length  float64 `json:"length"`
	Length2 float64 `json:"length2"`
	Spread  float64 `json:"spread"`
	// Hint is the correlation of the lengths of replies with the difficulty.
	Hint float64 `json:"hint"`
	// A wrong answer is one that was given before with probability Collide,
	// or CollideVendor where a member of the same vendor gave it.
	Collide       float64 `json:"collide"`
	CollideVendor float64 `json:"collide_vendor"`
}

// figure is one of a model, with how far a search may move it at first and the
// range that it stays in.
type figure struct {
	name            string
	at              *float64
	step, low, high float64
}

// figures returns the model's, in the order in which a search moves them.
func (m *model) figures() []figure {
	return []figure{
		{"spread", &m.Spread, 0.5, 0, 6}, {"overall", &m.Overall, 0.25, -1, 5}, {"base", &m.Base, 0.2, -5, 5},
		{"common", &m.Common, 0.25, -3, 5}, {"special", &m.Special, 0.25, -3, 5},
		{"collide", &m.Collide, 0.15, 0.01, 0.97}, {"collide_vendor", &m.CollideVendor, 0.15, 0.01, 0.98},
		{"length", &m.Length, 0.2, -2, 1}, {"length2", &m.Length2, 0.1, -1, 0.5}, {"hint", &m.Hint, 0.15, -0.9, 0.9},
	}
}

// easing returns exp(-Spread*z) by node.
func (m *model) easing() (e [nodes]float64) {
	for k := range e {
		e[k] = math.Exp(-m.Spread * nodeAt[k])
	}
	return
}

// chance is one member's odds of being right, and probability of being wrong,
// by difficulty.
type chance struct {
	odds, wrong [nodes]float64
	right       float64 // probability, over all difficulties
	vendor      uint64  // one bit
}

// maxLogit keeps products of many odds away from the ends of float64.
const maxLogit = 12

func (c *chance) set(logit float64, easing *[nodes]float64) {
	e := math.Exp(min(max(logit, -maxLogit), maxLogit))
	c.right = 0
	for k := range c.odds {
		t := e * easing[k]
		c.odds[k], c.wrong[k] = t, 1/(1+t)
		c.right += nodeWeight[k] * t * c.wrong[k]
	}
}

// belief is what the answers so far say about which of them is right. It is a
// value: the planner copies it for each answer that may come.
type belief struct {
	kinds   int32 // different answers
	answers int32
	asked   uint32                   // candidates of the planner, one bit each
	wrong   [nodes]float64           // of all answers being wrong, by difficulty, times the weight of the difficulty
	odds    [maxKinds][nodes]float64 // product of the supporters' odds
	draw    [maxKinds + 1]float64    // of the others giving the wrong answers that they gave; last = all are wrong
	count   [maxKinds]int32
	vendors [maxKinds]uint64
}

func newBelief() belief {
	return belief{wrong: nodeWeight, draw: [maxKinds + 1]float64{maxKinds: 1}}
}

// add takes note of an answer of the kind; kind = kinds is a new one.
func (b *belief) add(m *model, c *chance, kind int32) {
	if kind >= maxKinds {
		b.miss(c)
		return
	}
	if kind == b.kinds {
		b.draw[kind] = b.draw[maxKinds]
		for k := range b.odds[kind] {
			b.odds[kind][k] = 1
		}
		b.kinds++
	}
	collide := m.Collide
	if b.vendors[kind]&c.vendor != 0 {
		collide = m.CollideVendor
	}
	// How likely a wrong answer is of this kind, where so many are wrong.
	like := func(wrong int32) float64 {
		switch {
		case wrong == 0:
			return 1
		case b.count[kind] > 0:
			return collide * float64(b.count[kind]) / float64(wrong)
		}
		return 1 - collide
	}
	for h := range b.kinds {
		if h != kind {
			b.draw[h] *= like(b.answers - b.count[h])
		}
	}
	b.draw[maxKinds] *= like(b.answers)
	for k := range b.wrong {
		b.wrong[k] *= c.wrong[k]
		b.odds[kind][k] *= c.odds[k]
	}
	b.count[kind]++
	b.vendors[kind] |= c.vendor
	b.answers++
}

// miss takes note of a reply that holds no answer: it is wrong.
func (b *belief) miss(c *chance) {
	for k := range b.wrong {
		b.wrong[k] *= c.wrong[k]
	}
}

// hint takes note of a reply's length, in deviations from what was expected.
func (b *belief) hint(m *model, length float64) {
	if m.Hint == 0 {
		return
	}
	r := m.Hint
	for k := range b.wrong {
		z := nodeAt[k]
		b.wrong[k] *= math.Exp(r * (z*length - r*(z*z+length*length)/2) / (1 - r*r))
	}
}

// weigh returns the evidence of all hypotheses together, that of the likeliest
// answer, and which one it is; -1 = there is none.
func (b *belief) weigh() (total, top float64, kind int32) {
	kind = -1
	for k := range b.wrong {
		total += b.wrong[k]
	}
	total *= b.draw[maxKinds]
	for h := range b.kinds {
		v := b.weight(h)
		total += v
		if v > top {
			top, kind = v, h
		}
	}
	return
}

func (b *belief) weight(kind int32) float64 {
	v := 0.0
	odds := &b.odds[kind]
	for k := range b.wrong {
		v += b.wrong[k] * odds[k]
	}
	return v * b.draw[kind]
}

// likeliest returns the belief after the answer that is likeliest to come.
func (b *belief) likeliest(m *model, c *chance) belief {
	var best belief
	most := -1.0
	for kind := int32(0); kind <= b.kinds; kind++ {
		next := *b
		next.add(m, c, kind)
		if total, _, _ := next.weigh(); total > most {
			best, most = next, total
		}
	}
	return best
}
