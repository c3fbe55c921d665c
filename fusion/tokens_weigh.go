package fusion

import "math"

// The ways to weigh members at each step.
const (
	weighGate       = "gate"
	weighConfidence = "confidence"
	weighAgreement  = "agreement"
	weighFixed      = "fixed"
)

// The ways to mix them.
const (
	mixLinear    = "linear"
	mixGeometric = "geometric"
)

// never is the least probability that counts where probabilities are
// multiplied or divided, so that one member can't rule a step out.
const never = 1e-9

// scale weighs the members at each step.
type scale struct {
	by     string
	prior  []float64 // sums to 1
	belief []float64 // gate: by what each expected of the steps so far
	sharp  float64
	change float64 // gate: how probably another member is the right one from one step to the next
	now    []float64
}

func newScale(by string, prior []float64, sharp, change float64) *scale {
	s := &scale{by: by, prior: normal(prior), sharp: sharp, change: change, now: make([]float64, len(prior))}
	s.belief = append([]float64(nil), s.prior...)
	return s
}

// normal returns the weights so that they sum to 1; equal ones where all are 0.
func normal(w []float64) []float64 {
	out, total := make([]float64, len(w)), 0.0
	for _, v := range w {
		total += v
	}
	for i, v := range w {
		if out[i] = 1 / float64(len(w)); total > 0 {
			out[i] = v / total
		}
	}
	return out
}

// weigh returns the members' weights, which sum to 1, for this step. all has
// nil where a member has dropped out.
func (s *scale) weigh(all []*expectation) []float64 {
	total := 0.0
	for i, e := range all {
		s.now[i] = 0
		if e == nil {
			continue
		}
		switch s.by {
		case weighGate:
			s.now[i] = s.belief[i]
		case weighConfidence:
			s.now[i] = s.prior[i] * math.Exp(-s.sharp*entropy(e.plain))
		case weighAgreement:
			sum, n := 0.0, 0
			for j, o := range all {
				if j != i && o != nil {
					sum += overlap(e.plain, o.plain)
					n++
				}
			}
			if n == 0 {
				sum, n = 1, 1
			}
			s.now[i] = s.prior[i] * math.Pow(max(sum/float64(n), never), s.sharp)
		default:
			s.now[i] = s.prior[i]
		}
		total += s.now[i]
	}
	if !(total > 0) { // whoever is left
		for i, e := range all {
			if e != nil {
				s.now[i] = 1
				total++
			}
		}
	}
	for i := range s.now {
		s.now[i] /= total
	}
	return s.now
}

// learn tells the gate with what probability each member expected what came:
// the weights become those of Bayes' rule, of which a part goes back to where
// they began. Source: Herbster & Warmuth 1998, Tracking the Best Expert, the
// fixed-share forecaster.
func (s *scale) learn(p []float64) {
	if s.by != weighGate {
		return
	}
	total := 0.0
	for i := range s.belief {
		s.belief[i] *= max(p[i], never)
		total += s.belief[i]
	}
	for i := range s.belief {
		s.belief[i] = (1-s.change)*s.belief[i]/total + s.change*s.prior[i]
	}
}

// entropy is in nats; what a member doesn't tell counts as one symbol.
func entropy(p []float64) float64 {
	h, told := 0.0, 0.0
	for _, v := range p {
		if v > 0 {
			h -= v * math.Log(v)
			told += v
		}
	}
	if rest := 1 - told; rest > never {
		h -= rest * math.Log(rest)
	}
	return h
}

// overlap is the Bhattacharyya coefficient: 1 for equal distributions.
func overlap(p, q []float64) float64 {
	sum := 0.0
	for i, v := range p {
		if v > 0 && q[i] > 0 {
			sum += math.Sqrt(v * q[i])
		}
	}
	return sum
}

// blend mixes the members' distributions to dst by weight. What members don't
// tell is taken to be as the mixture is.
func blend(dst []float64, how string, weights []float64, list [][]float64) {
	clear(dst)
	for m, p := range list {
		w := weights[m]
		if w == 0 || p == nil {
			continue
		}
		if how == mixGeometric {
			for i, v := range p {
				dst[i] += w * math.Log(max(v, never))
			}
			continue
		}
		for i, v := range p {
			dst[i] += w * v
		}
	}
	if how == mixGeometric {
		// What nobody thinks possible stays impossible.
		for i, v := range dst {
			dst[i] = 0
			for m, p := range list {
				if weights[m] > 0 && p != nil && p[i] > 0 {
					dst[i] = math.Exp(v)
					break
				}
			}
		}
	}
	scaleTo1(dst)
}

func scaleTo1(dst []float64) {
	total := 0.0
	for _, v := range dst {
		total += v
	}
	if total > 0 {
		for i := range dst {
			dst[i] /= total
		}
	}
}

// contrast writes to dst what the one member expects more than the other: of
// the symbols that are at least plausible times as probable as its likeliest,
// p^(1+strength) / q^strength. Source: Li et al. 2022, arXiv:2210.15097, in
// the form of O'Brien & Lewis 2023, arXiv:2309.09117.
func contrast(dst, p, q []float64, strength, plausible float64) {
	top := 0.0
	for _, v := range p {
		top = max(top, v)
	}
	high := math.Inf(-1)
	for i, v := range p {
		dst[i] = math.Inf(-1)
		if v > 0 && v >= plausible*top {
			dst[i] = (1+strength)*math.Log(v) - strength*math.Log(max(q[i], never))
			high = max(high, dst[i])
		}
	}
	for i, v := range dst {
		dst[i] = math.Exp(v - high)
	}
	scaleTo1(dst)
}
