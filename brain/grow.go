package brain

import (
	"cmp"
	"slices"
)

const (
	maxSteps = 16 // of a plan
	// firm is the part that the score has in a plan's value while it grows; the
	// rest is the probability that the plan gives to what is right, which says
	// more of few examples. In cross-validation 0.2 was 0.3 points better at
	// the best single member's cost than 0.5.
	firm = 0.2
	// smallest is by how much a step has to better the mean value.
	smallest = 0.0003
)

// grow returns a plan, step by step each time the one that betters the mean
// value over the examples most: the score less price times the cost.
func grow(m *model, options []step, grounds []*ground, price, keen float64) plan {
	p := plan{Price: price, Keen: keen, Trust: trust{Slope: 1}}
	walks := make([]walk, len(grounds))
	for i := range walks {
		walks[i].begin()
	}
	for len(p.Steps) < maxSteps {
		best, most := -1, smallest
		for k, s := range options {
			gain := 0.0
			for i, g := range grounds {
				w := &walks[i]
				if j := p.next(s, g, w); j >= 0 {
					gain += w.after(m, g, j) - w.value - price*g.paid[j]
				}
			}
			// Somebody is asked, whatever it costs.
			if gain /= float64(len(grounds)); gain > most || (len(p.Steps) == 0 && best < 0) {
				best, most = k, gain
			}
		}
		if best < 0 {
			break
		}
		s := options[best]
		for i, g := range grounds {
			w := &walks[i]
			if j := p.next(s, g, w); j >= 0 {
				value := w.after(m, g, j)
				w.ask(m, g, j)
				w.value = value
			}
		}
		p.Steps = append(p.Steps, s)
	}
	return p
}

// after returns the value of the walk's answers with one more.
func (w *walk) after(m *model, g *ground, j int) float64 {
	var t tally
	var o odds
	kind := w.hear(g, j, &t)
	t.weigh(m, g.common, &o)
	_, win := o.top(t.kinds)
	var scores [maxKinds]float64
	for k, other := range w.order {
		if h := w.kind[k]; h >= 0 {
			scores[h] = max(scores[h], g.scores[other])
		}
	}
	if kind >= 0 {
		scores[kind] = max(scores[kind], g.scores[j])
	}
	value := 0.0
	for h := range t.kinds {
		value += (1 - firm) * o.p[h] * scores[h]
	}
	if win >= 0 {
		value += firm * scores[win]
	}
	return value
}

// costs are the prices that members are compared at where plans look for
// steps.
var costs = []float64{0, 0.03, 0.1, 0.3, 1}

// steps returns those that a plan may have: the best members at several
// prices, and, where prompts tell of a question, picks.
func steps(members []Member, picks bool) []step {
	var all []step
	order := make([]int, len(members))
	for j := range order {
		order[j] = j
	}
	for _, price := range costs {
		by := slices.Clone(order)
		worth := func(j int) float64 { return members[j].Accuracy - price*members[j].CostX }
		slices.SortStableFunc(by, func(x, y int) int { return cmp.Compare(worth(y), worth(x)) })
		for _, j := range by[:min(10, len(by))] {
			if s := (step{Member: j}); members[j].Asked > 0 && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	if picks {
		for _, price := range costs {
			all = append(all, step{-1, price})
		}
	}
	return all
}
