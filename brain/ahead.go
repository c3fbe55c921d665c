package brain

import "math"

// ahead says what a member that wasn't asked yet is likely to answer, given
// what came so far; so whom to ask can be chosen by what that is expected to
// change.
type ahead struct {
	// The log-odds that it gives the right answer, where that is among those
	// that came (Found) and where it isn't (Fresh): a constant, by the log-odds
	// that it is right by itself, by those that the model gives to the case,
	// and by the share of all replies that gave the answer (Found) or the
	// logarithm of how many replies there are (Fresh).
	Found [4]float64 `json:"found"`
	Fresh [4]float64 `json:"fresh"`
	// Join is the probability that a wrong reply gives a certain wrong answer
	// that one, two, or more gave before.
	Join [3]float64 `json:"join"`
	// Silent is the probability that a wrong reply holds no answer.
	Silent float64 `json:"silent"`
}

func foundFacts(right float64, t *tally, o *odds, kind int32) [4]float64 {
	return [4]float64{1, logit(right), logit(o.p[kind]), float64(t.count[kind]) / float64(t.asked)}
}

func freshFacts(right float64, t *tally, o *odds) [4]float64 {
	return [4]float64{1, logit(right), logit(o.none), logOf(t.asked)}
}

// mostJoin bounds the share of wrong replies that give a known answer, and
// rare are replies that aren't thought through.
const mostJoin, rare = 0.95, 0.002

// outlook is what holds of the next reply whoever gives it.
type outlook struct {
	*tally
	odds   *odds
	now    float64
	lead   int32
	truths [maxKinds + 1]float64 // log-odds, but for the member's part, by what is right; the last = none of those that came
	joins  [maxKinds]float64
	all    float64 // of joins
}

func (a *ahead) outlook(t *tally, o *odds) outlook {
	l := outlook{tally: t, odds: o}
	l.now, l.lead = o.top(t.kinds)
	for k := range t.kinds {
		x := foundFacts(0.5, t, o, k)
		l.truths[k] = a.Found[0] + a.Found[2]*x[2] + a.Found[3]*x[3]
		l.joins[k] = a.Join[min(t.count[k], 3)-1]
		l.all += l.joins[k]
	}
	x := freshFacts(0.5, t, o)
	l.truths[t.kinds] = a.Fresh[0] + a.Fresh[2]*x[2] + a.Fresh[3]*x[3]
	return l
}

// gain returns by how much a reply of seat j is expected to better the
// probability that the leading answer is right.
func (h *header) gain(g *ground, l *outlook, j int) float64 {
	a, kinds := &h.Ahead, l.kinds
	// By which answer is right and which one it gives; the last is another
	// than those that came. A new right one comes where none was right.
	var joint [maxKinds + 1][maxKinds + 1]float64
	var comes [maxKinds + 1]float64
	after, able := 0.0, logit(g.right[j])
	for truth := range kinds + 1 {
		p, right, others := l.odds.none, a.Fresh[1], l.all
		if truth < kinds {
			p, right, others = l.odds.p[truth], a.Found[1], l.all-l.joins[truth]
		}
		right = sigmoid(l.truths[truth] + right*able)
		joint[truth][truth] = p * right
		comes[truth] += p * right
		wrong := p * (1 - right)
		if truth == l.lead {
			after += wrong * a.Silent
		}
		wrong *= 1 - a.Silent
		share := 1.0
		if others > mostJoin {
			share = mostJoin / others
		}
		for k := range kinds {
			if k != truth {
				joint[truth][k] = wrong * share * l.joins[k]
				comes[k] += joint[truth][k]
			}
		}
		other := wrong * (1 - share*others)
		comes[kinds] += other
		if truth < kinds {
			joint[truth][kinds] = other
		}
	}
	unheard := g.voices[j]
	unheard.weight = g.before[j]
	for k := range kinds + 1 {
		win := l.lead
		if comes[k] > rare {
			next := *l.tally
			next.add(unheard, k)
			win = next.leader(&h.Model)
		}
		if win >= 0 {
			after += joint[win][k]
		}
	}
	return after - l.now
}

// candidates is how many seats are looked at for a step: those that are worth
// most by themselves.
const candidates = 12

// further returns whom to ask after a plan's steps: whose reply is expected to
// gain most beyond its cost. -1 = that is nobody's.
func (h *header) further(p *plan, g *ground, w *walk) int {
	if !p.Ahead || len(w.order) == 0 || len(w.order) >= maxSteps {
		return -1
	}
	var worth [candidates]float64
	var seats [candidates]int
	n := 0
	for j := range g.keys {
		cost := p.Price * g.costX[j]
		// Nobody can gain more than there is to gain.
		if g.keys[j] == absent || 1-w.top <= cost+trouble || w.was(j) {
			continue
		}
		at, v := n, g.right[j]-cost
		if n < candidates {
			n++
		} else if at--; worth[at] >= v {
			continue
		}
		for ; at > 0 && worth[at-1] < v; at-- {
			worth[at], seats[at] = worth[at-1], seats[at-1]
		}
		worth[at], seats[at] = v, j
	}
	// What more replies may gain later is in Keen's part of what there is to gain.
	best, most := -1, trouble-p.Keen*(1-w.top)
	l := h.Ahead.outlook(&w.tally, &w.odds)
	for _, j := range seats[:n] {
		if gain := h.gain(g, &l, j) - p.Price*g.costX[j]; gain > most {
			best, most = j, gain
		}
	}
	return best
}

// each calls f for every figure, with its bounds.
func (a *ahead) each(f func(what string, v, low, high float64)) {
	for k := range a.Found {
		f("ahead: found", a.Found[k], -maxFigure, maxFigure)
		f("ahead: fresh", a.Fresh[k], -maxFigure, maxFigure)
	}
	for _, v := range a.Join {
		f("ahead: join", v, 0, 1)
	}
	f("ahead: silent", a.Silent, 0, 1)
}

// rounded keeps four digits, so that a file can be read.
func (a *ahead) rounded() {
	round := func(v *float64) {
		*v = math.Round(1e4*min(max(*v, -maxFigure), maxFigure)) / 1e4
	}
	for k := range a.Found {
		round(&a.Found[k])
		round(&a.Fresh[k])
	}
	for k := range a.Join {
		round(&a.Join[k])
	}
	round(&a.Silent)
}
