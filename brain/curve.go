package brain

import (
	"cmp"
	"math"
	"slices"
)

const (
	// The prices that plans are grown for, as natural logarithms.
	priceHigh, priceLow, priceStep = 0.8, -7.2, 0.8
	folds                          = 4 // of cross-validation
	// Likewise of those that look ahead, of which the highest is one.
	aheadLow, aheadStep = -6, 0.6
	// smoothing is the width, in natural logarithms of the cost, over which
	// plans are taken to be alike but for chance.
	smoothing = 0.35
	// own is how much a plan's own score counts against that of the plans of
	// about its cost.
	own = 0.5
)

// keens are the strictnesses that plans are grown with.
var keens = []float64{0.2, 0.8}

// aheadKeens are those of plans that look ahead.
var aheadKeens = []float64{0.02, 0.08}

// Point is what a plan came to on the training examples. Accuracy and Gain
// are cross-validated: of plans that were grown in the same way from other
// examples, moved towards those of about the same cost.
type Point struct {
	Price    float64 `json:"price"`    // of the best single member's mean cost, in accuracy; 0 = one step for all
	CostX    float64 `json:"cost_x"`   // mean cost, as a multiple of the best single member's
	Accuracy float64 `json:"accuracy"` // mean score
	Calls    float64 `json:"calls"`
	Gain     float64 `json:"gain"` // over the best single member
	Err      float64 `json:"err"`  // standard error of Gain
}

// stand makes the ground of an example.
func (t *trainer) stand(i int) ground {
	b := t.b
	m := len(b.header.Members)
	v := &t.views[i]
	g := b.newGround(m)
	g.common = v.common
	var keys []string
	for j := range m {
		g.seatOf[j], g.keys[j] = j, absent
		g.right[j], g.costX[j] = b.header.Solo.right(v, j), v.costX[j]
		r := t.reply(i, j)
		if r == nil {
			continue
		}
		g.voices[j] = b.voiceOf(v, j)
		g.before[j] = g.voices[j].weight
		g.voices[j].weight += b.header.Model.reply(t.excess[i][j], t.echo(i, j))
		g.paid[j], g.scores[j], g.keys[j] = r.Cost/b.header.Unit, r.Score, noKey
		if r.Key == "" {
			continue
		}
		at := slices.Index(keys, r.Key)
		if at < 0 {
			at = len(keys)
			keys = append(keys, r.Key)
		}
		g.keys[j] = int16(at)
	}
	return g
}

func (b *Brain) newGround(seats int) ground {
	all := make([]float64, 5*seats)
	part := func(i int) []float64 { return all[i*seats : (i+1)*seats : (i+1)*seats] }
	return ground{
		seatOf: make([]int, len(b.header.Members)), voices: make([]voice, seats), keys: make([]int16, seats),
		right: part(0), costX: part(1), paid: part(2), scores: part(3), before: part(4),
	}
}

// tried is a plan with what it came to.
type tried struct {
	plan
	point Point
	own   []ending // of the plan itself
	cross []ending // of plans that were grown from other examples
	costX float64  // mean of cross
}

// draw grows plans on examples that the best member was asked, measures them,
// and keeps the curve.
func (t *trainer) draw() {
	best := t.b.header.Best
	var some []int
	for i := range t.examples {
		if t.reply(i, best) != nil {
			some = append(some, i)
		}
	}
	for k, i := range thin(len(some), maxSimulated) {
		some[k] = some[i]
	}
	some = some[:min(len(some), maxSimulated)]
	t.b.header.Alone = trust{Slope: 1}
	if len(some) == 0 {
		return
	}
	grounds := make([]ground, len(some))
	t.each(len(some), func(k int) { grounds[k] = t.stand(some[k]) })
	t.foresee(grounds)
	t.plot(t.try(grounds), grounds)
}

// plot measures plans, and keeps those that nothing else is both better and
// cheaper than.
func (t *trainer) plot(all []tried, grounds []ground) {
	best := t.b.header.Best
	base := make([]float64, len(grounds))
	unit := 0.0
	for k := range grounds {
		base[k] = grounds[k].scores[best]
		unit += grounds[k].paid[best] / float64(len(grounds))
	}
	if unit <= 0 {
		unit = 1
	}
	fair := t.chosen(grounds)
	for i := range all {
		if all[i].Price > 0 {
			all[i].measure(fair, unit)
		} else {
			all[i].measure(base, unit)
		}
	}
	even(all, mean(base))
	for i := range all {
		if s := all[i].Steps; all[i].Price == 0 && s[0].Member == best {
			t.b.header.Alone = fitTrust(all[i].own)
		}
	}
	slices.SortStableFunc(all, func(x, y tried) int {
		return cmp.Or(cmp.Compare(x.point.CostX, y.point.CostX), cmp.Compare(y.point.Gain, x.point.Gain))
	})
	for i := range all {
		c := &all[i]
		if k := len(t.b.header.Curve); k > 0 && c.point.Gain <= t.b.header.Curve[k-1].Gain {
			continue
		}
		c.Trust = fitTrust(c.cross)
		t.b.header.Plans, t.b.header.Curve = append(t.b.header.Plans, c.plan), append(t.b.header.Curve, c.point)
	}
}

// try grows plans from all grounds, and from all folds but one.
func (t *trainer) try(grounds []ground) []tried {
	options := steps(t.b.header.Members, t.b.prompts)
	var all []tried
	for l := priceHigh; l > priceLow; l -= priceStep {
		for _, keen := range keens {
			all = append(all, tried{plan: plan{Price: math.Exp(l), Keen: keen}})
		}
	}
	var parts [folds + 1][]*ground // those without a fold, and all
	for k := range grounds {
		for f := range parts {
			if f != k%folds {
				parts[f] = append(parts[f], &grounds[k])
			}
		}
	}
	m := &t.b.header.Model
	grown := make([]plan, len(all)*len(parts))
	t.each(len(grown), func(n int) {
		c := &all[n/len(parts)]
		grown[n] = grow(m, options, parts[n%len(parts)], c.Price, c.Keen)
	})
	for i := range all {
		all[i].plan = grown[i*len(parts)+folds]
	}
	all = append(all, opened()...)
	for _, s := range options {
		all = append(all, tried{plan: plan{Steps: []step{s}, Trust: trust{Slope: 1}}})
	}
	t.each(len(all), func(i int) {
		c := &all[i]
		var w walk
		for k := range grounds {
			c.own = append(c.own, c.plan.run(&t.b.header, &grounds[k], &w))
			if i*len(parts) < len(grown) {
				c.cross = append(c.cross, grown[i*len(parts)+k%folds].run(&t.b.header, &grounds[k], &w))
			}
		}
		if c.cross == nil {
			c.cross = c.own
		}
	})
	return all
}

// opened returns the plans that look ahead from the first reply on. Nothing of
// them but the price and the opening was chosen by examples.
func opened() []tried {
	var all []tried
	for _, pick := range costs {
		for l := 0.0; l > aheadLow; l -= aheadStep {
			price := math.Exp(l)
			if pick < price/30 || pick > 100*price {
				continue // nobody opens so cheaply, or so dearly, to go on like that
			}
			for _, keen := range aheadKeens {
				all = append(all, tried{plan: plan{Price: price, Keen: keen, Steps: []step{{-1, pick}}, Ahead: true}})
			}
		}
	}
	return all
}

// measure fills in the plan's point.
func (c *tried) measure(base []float64, unit float64) {
	n := float64(len(base))
	squares := 0.0
	p := Point{Price: c.Price}
	for k := range base {
		gain := c.cross[k].score - base[k]
		p.Gain += gain / n
		squares += gain * gain / n
		p.CostX += c.own[k].cost / n / unit
		p.Calls += float64(c.own[k].calls) / n
		c.costX += c.cross[k].cost / n / unit
	}
	p.Err = math.Sqrt(max(squares-p.Gain*p.Gain, 0) / n)
	c.point = p
}

// even moves the gains of plans towards those of about the same cost: part of
// what sets one above the others is chance, and plans that were grown from
// other examples cost something else.
func even(all []tried, base float64) {
	var grown, looking []int
	for i := range all {
		switch {
		case all[i].Ahead:
			looking = append(looking, i)
		case all[i].Price > 0:
			grown = append(grown, i)
		}
	}
	smooth(all, grown)
	smooth(all, looking)
	for i := range all {
		p := &all[i].point
		p.Gain = min(max(p.Gain, -base), 1-base)
		p.Accuracy = base + p.Gain
	}
}

// smooth does so for some, which are alike.
func smooth(all []tried, some []int) {
	raw := make([]float64, len(all))
	for i := range all {
		raw[i] = all[i].point.Gain
	}
	at := func(costX float64) float64 {
		sum, weight := 0.0, 0.0
		for _, k := range some {
			d := (logCost(costX) - logCost(all[k].costX)) / smoothing
			w := math.Exp(-d*d/2) + 1e-9
			sum += w * raw[k]
			weight += w
		}
		return sum / weight
	}
	for _, k := range some {
		p := &all[k].point
		p.Gain = own*(raw[k]-at(all[k].costX)) + at(p.CostX)
	}
}

// chosen returns what the best single member scored on each ground when it was
// chosen by the other folds. The best of fifty members on some questions owes a
// part of that to chance; plans, which are cross-validated, are compared with a
// member that is too.
func (t *trainer) chosen(grounds []ground) []float64 {
	members := len(t.b.header.Members)
	sums, asked := make([][folds]float64, members), make([][folds]int, members)
	for k := range grounds {
		for j := range members {
			if grounds[k].keys[j] != absent {
				sums[j][k%folds] += grounds[k].scores[j]
				asked[j][k%folds]++
			}
		}
	}
	var best [folds]int
	for f := range best {
		best[f] = t.b.header.Best
		most := -1.0
		for j := range members {
			sum, n, all := 0.0, 0, 0
			for g := range folds {
				all += asked[j][g]
				if g != f {
					sum += sums[j][g]
					n += asked[j][g]
				}
			}
			// One that was asked seldom is no candidate, as for the brain's own.
			if n > 0 && 50*all >= 49*len(grounds) && sum/float64(n) > most {
				best[f], most = j, sum/float64(n)
			}
		}
	}
	scores := make([]float64, len(grounds))
	for k := range grounds {
		if g := &grounds[k]; g.keys[best[k%folds]] != absent {
			scores[k] = g.scores[best[k%folds]]
		} else {
			scores[k] = g.scores[t.b.header.Best]
		}
	}
	return scores
}

func logCost(costX float64) float64 { return math.Log(max(costX, 1e-4)) }

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(len(values), 1))
}

// fitTrust fits the scaling by Newton's method.
func fitTrust(ends []ending) trust {
	t := trust{Slope: 1}
	for range 12 {
		g := [2]float64{trustHold * (t.Slope - 1), trustHold * t.Shift}
		var a, b, d float64 = trustHold, 0, trustHold
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

// trustHold holds a scaling to none, as so many examples of middling
// probability would.
const trustHold = 5
