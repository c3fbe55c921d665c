package brain

import (
	"math"
	"math/rand/v2"
)

const (
	aheadTurns = 4 // looks at each example
	aheadAsked = 7 // most members that were asked before
	aheadOpen  = 3 // members that weren't, of each look
	joinHold   = 5 // as many replies as the first guesses count
)

// foresee fits what members that weren't asked are likely to answer, over
// random groups of members of each ground, good ones more often.
func (t *trainer) foresee(grounds []ground) {
	random := rand.New(rand.NewPCG(8, 8)) // any fixed number
	h := &t.b.header
	best := h.Members[h.Best].Accuracy
	var found, fresh []fact
	var joined, could [3]float64
	var silent, wrong float64
	var w walk
	var open []int
	for i := range grounds {
		g := &grounds[i]
		for range aheadTurns {
			w.begin()
			open = open[:0]
			most := 1 + random.IntN(aheadAsked)
			for _, j := range random.Perm(len(g.keys)) {
				switch {
				case g.keys[j] == absent || random.Float64() > math.Exp(3*(h.Members[j].Accuracy-best)):
				case len(w.order) < most:
					w.ask(&h.Model, g, j)
				case len(open) < aheadOpen:
					open = append(open, j)
				}
			}
			truth := int32(-1)
			for k, j := range w.order {
				if w.kind[k] >= 0 && g.scores[j] > 0.5 {
					truth = w.kind[k]
				}
			}
			for _, j := range open {
				right := g.scores[j]
				if truth >= 0 {
					found = append(found, fact{foundFacts(g.right[j], &w.tally, &w.odds, truth), right})
				} else {
					fresh = append(fresh, fact{freshFacts(g.right[j], &w.tally, &w.odds), right})
				}
				if right > 0.5 {
					continue
				}
				wrong++
				if g.keys[j] == noKey {
					silent++
					continue
				}
				for k := range w.kinds {
					if k != truth {
						at := min(w.count[k], 3) - 1
						could[at]++
						if w.keys[k] == g.keys[j] {
							joined[at]++
						}
					}
				}
			}
		}
	}
	a := &h.Ahead
	_, a.Found = logistic(found)
	_, a.Fresh = logistic(fresh)
	for n := range a.Join {
		a.Join[n] = (joined[n] + 0.1*joinHold) / (could[n] + joinHold)
	}
	a.Silent = (silent + 0.1*joinHold) / (wrong + joinHold)
	a.rounded()
}
