package brain

import (
	"cmp"
	"math"
	"slices"
)

// The prices at which the curve is measured, as natural logarithms.
const (
	priceLow, priceHigh, priceStep = -6.5, 1.0, 0.5
)

// draw measures the curve, and fits the trust to how it ended.
func (t *trainer) draw() {
	best := t.b.header.Best
	var some []int // examples that the best member was asked
	for i := range t.examples {
		if t.reply(i, best) != nil {
			some = append(some, i)
		}
	}
	for k, i := range thin(len(some), maxSimulated) {
		some[k] = some[i]
	}
	some = some[:min(len(some), maxSimulated)]
	if len(some) == 0 {
		t.b.header.Trust = trust{Slope: 1}
		return
	}
	n := float64(len(some))
	base := 0.0
	for _, i := range some {
		base += t.reply(i, best).Cost / n
	}
	var ends []ending
	results := make([]ending, len(some))
	for l := priceHigh; l >= priceLow; l -= priceStep {
		p := Policy{Price: math.Exp(l)}
		t.each(len(some), func(k int) { results[k] = t.simulate(some[k], p) })
		point := Point{Price: p.Price}
		squares := 0.0
		for k, r := range results {
			gain := r.score - t.reply(some[k], best).Score
			point.CostX += r.cost / n
			point.Accuracy += r.score / n
			point.Calls += float64(r.calls) / n
			point.Gain += gain / n
			squares += gain * gain / n
		}
		if base > 0 {
			point.CostX /= base
		} else {
			point.CostX /= t.b.header.Unit
		}
		point.Err = math.Sqrt(max(squares-point.Gain*point.Gain, 0) / n)
		t.b.header.Curve = append(t.b.header.Curve, point)
		ends = append(ends, results...)
	}
	slices.SortStableFunc(t.b.header.Curve, func(x, y Point) int { return cmp.Compare(x.CostX, y.CostX) })
	t.b.header.Trust = fitTrust(ends)
}

// ending is how a request ended.
type ending struct {
	score, cost float64
	calls       int
	sure        float64 // the model's probability; 0 = no answer
}

// simulate decides on an example by what the others taught.
func (t *trainer) simulate(i int, p Policy) ending {
	members := t.b.header.Members
	c := &Case{b: t.b, belief: newBelief(), seats: make([]seat, len(members))}
	seats := make([]Seat, len(members))
	for j := range members {
		seats[j] = Seat{Name: members[j].Name}
	}
	c.fill(&t.views[i], seats)
	for j := range members {
		if t.reply(i, j) == nil {
			c.Off(j)
		}
	}
	var end ending
	for {
		at := c.choose(p)
		if at.seat < 0 {
			break
		}
		r := t.reply(i, at.seat)
		end.cost += r.Cost
		end.calls++
		c.Answer(at.seat, r.Key, r.Tokens)
	}
	total, top, kind := c.belief.weigh()
	if kind >= 0 {
		end.sure = top / total
		end.score = t.reply(i, c.Verdict().Supporters[0].Seat).Score
	}
	return end
}

// fitTrust fits the scaling by Newton's method.
func fitTrust(ends []ending) trust {
	t := trust{Slope: 1}
	for range 12 {
		// As ridge holds other figures.
		g := [2]float64{ridge * (t.Slope - 1), ridge * t.Shift}
		var a, b, d float64 = ridge, 0, ridge
		for _, e := range ends {
			if e.sure <= 0 {
				continue
			}
			p := min(max(e.sure, 1e-6), 1-1e-6)
			x := math.Log(p / (1 - p))
			q := sigmoid(t.Slope*x + t.Shift)
			g[0] += (q - e.score) * x
			g[1] += q - e.score
			w := q * (1 - q)
			a += w * x * x
			b += w * x
			d += w
		}
		det := a*d - b*b
		if !(det > 1e-9) {
			break
		}
		t.Slope -= (d*g[0] - b*g[1]) / det
		t.Shift -= (a*g[1] - b*g[0]) / det
	}
	// A scaling that turns the order around is no scaling.
	t.Slope = min(max(t.Slope, 0.05), 5)
	t.Shift = min(max(t.Shift, -5), 5)
	t.Slope, t.Shift = math.Round(1e4*t.Slope)/1e4, math.Round(1e4*t.Shift)/1e4
	return t
}
