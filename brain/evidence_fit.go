package brain

import (
	"math"
	"math/rand/v2"
	"slices"
)

// trial is some members' answers to one example, for which the model says how
// likely each is to be right.
type trial struct {
	common float64
	steps  []trialStep
	right  []float64 // of each kind, the share of being right
	tally  tally     // of all steps; its weights don't count
}

type trialStep struct {
	member int
	facts  [atAgree]float64 // in the order of the model's figures
	kind   int32            // -1 = no answer, or one too many
}

const (
	trialTurns = 3 // trials of each example

	trialSteps = 14 // most members of one
)

// trials draws members for each fitted example, good ones more often, as they
// will be asked.
func (t *trainer) trials() []trial {
	members := t.b.header.Members
	random := rand.New(rand.NewPCG(1, 1)) // any fixed number
	best := members[t.b.header.Best].Accuracy
	var all []trial
	for range trialTurns {
		for _, i := range t.fitted {
			most := 1 + random.IntN(min(trialSteps, len(members)))
			v := &t.views[i]
			one := trial{common: v.common}
			var keys []string
			for _, j := range random.Perm(len(members)) {
				if len(one.steps) >= most {
					break
				}
				if random.Float64() > math.Exp(3*(members[j].Accuracy-best)) {
					continue
				}
				r := t.reply(i, j)
				if r == nil {
					continue
				}
				l := t.excess[i][j]
				e := t.echo(i, j)
				said := voice{able: t.b.header.Solo.odds(v, j), vendor: members[j].vendor}
				step := trialStep{j, [atAgree]float64{1, v.overall[j], v.common, v.special[j], l, l * l, e.key, e.keyOwn, e.form, e.formOwn}, -1}
				if r.Key == "" {
					one.tally.miss(said)
				} else {
					kind := slices.Index(keys, r.Key)
					if kind < 0 && len(keys) < maxKinds {
						kind = len(keys)
						keys = append(keys, r.Key)
						one.right = append(one.right, 0)
					}
					if kind >= 0 {
						step.kind = int32(kind)
						one.right[kind] = max(one.right[kind], r.Score)
						one.tally.add(said, step.kind)
					} else {
						one.tally.miss(said)
					}
				}
				one.steps = append(one.steps, step)
			}
			if len(keys) == 0 {
				continue
			}
			sum := 0.0
			for _, r := range one.right {
				sum += r
			}
			if sum > 1 {
				for k := range one.right {
					one.right[k] /= sum
				}
			}
			all = append(all, one)
		}
	}
	return all
}

// bonusHold holds what is a member's own to zero, as so many examples would:
// with 3, log-loss in cross-validation was higher on six of nine suites.
const bonusHold = 30

// fit finds the figures of the model and the members' bonuses: those with the
// least log-loss over the trials, held to where they begin.
func (t *trainer) fit() {
	trials := t.trials()
	n := figures + len(t.b.header.Members)
	prior, hold := make([]float64, n), make([]float64, n)
	var m model
	for k, f := range m.figures() {
		prior[k], hold[k] = f.prior, figureHold
	}
	for k := figures; k < n; k++ {
		hold[k] = bonusHold
	}
	x := slices.Clone(prior)
	minimise(x, func(x, slope []float64) float64 {
		loss := t.loss(trials, x, slope)
		for k := range x {
			d := x[k] - prior[k]
			loss += hold[k] * d * d / 2
			slope[k] += hold[k] * d
		}
		return loss
	})
	// Rounded, so that the file can be read.
	round := func(v float64) float64 { return math.Round(1e4*min(max(v, -maxFigure), maxFigure)) / 1e4 }
	for k, f := range m.figures() {
		*f.at = round(x[k])
	}
	t.b.header.Model = m
	for j := range t.b.header.Members {
		t.b.header.Members[j].Bonus = round(x[figures+j])
	}
}

// loss returns the log-loss over the trials, and writes its derivatives.
func (t *trainer) loss(trials []trial, x, slope []float64) float64 {
	const parts = 16 // summed in order, so that workers don't change the sum
	var sums [parts]float64
	var slopes [parts][]float64
	t.each(parts, func(part int) {
		g := make([]float64, len(x))
		for k := part * len(trials) / parts; k < (part+1)*len(trials)/parts; k++ {
			sums[part] += trials[k].loss(x, g)
		}
		slopes[part] = g
	})
	clear(slope)
	sum := 0.0
	for part := range parts {
		sum += sums[part]
		for k, g := range slopes[part] {
			slope[k] += g
		}
	}
	return sum
}

// loss returns the trial's and adds its derivatives.
func (one *trial) loss(x, slope []float64) float64 {
	var m model
	for k, f := range m.figures() {
		*f.at = x[k]
	}
	tally := one.tally
	for i := range one.steps {
		s := &one.steps[i]
		if s.kind < 0 {
			continue
		}
		w := x[figures+s.member]
		for k, f := range s.facts {
			w += x[k] * f
		}
		tally.weight[s.kind] += w
	}
	var o odds
	tally.weigh(&m, one.common, &o)
	loss := 0.0
	var over [maxKinds]float64 // probability less truth
	rest := 1.0
	for h, r := range one.right {
		rest -= r
		over[h] = o.p[h] - r
		if r > 0 {
			loss -= r * math.Log(max(o.p[h], 1e-300))
		}
		for k, f := range tally.facts(int32(h)) {
			slope[atAgree+k] += over[h] * f
		}
	}
	rest = max(rest, 0)
	if rest > 0 {
		loss -= rest * math.Log(max(o.none, 1e-300))
	}
	for k, f := range tally.noneFacts() {
		slope[atNone+k] += (o.none - rest) * f
	}
	slope[figures-1] += (o.none - rest) * one.common
	for i := range one.steps {
		s := &one.steps[i]
		if s.kind < 0 {
			continue
		}
		for k, f := range s.facts {
			slope[k] += over[s.kind] * f
		}
		slope[figures+s.member] += over[s.kind]
	}
	return loss
}

// minimise moves x to where the function, smooth and convex, is least.
// Source: Nocedal 1980, limited-memory quasi-Newton (L-BFGS).
func minimise(x []float64, f func(x, slope []float64) float64) {
	const (
		most   = 120 // steps
		memory = 8
		enough = 1e-7 // relative gain
	)
	type pair struct {
		s, y []float64
		rho  float64
	}
	var past []pair
	n := len(x)
	g, next, ng := make([]float64, n), make([]float64, n), make([]float64, n)
	value := f(x, g)
	for turn := range most {
		d := slices.Clone(g)
		alpha := make([]float64, len(past))
		for k := len(past) - 1; k >= 0; k-- {
			p := &past[k]
			alpha[k] = p.rho * inner(p.s, d)
			axpy(-alpha[k], p.y, d)
		}
		if k := len(past) - 1; k >= 0 {
			scale(d, 1/(past[k].rho*inner(past[k].y, past[k].y)))
		} else {
			scale(d, 1/max(math.Sqrt(inner(g, g)), 1e-12))
		}
		for k := range past {
			p := &past[k]
			axpy(alpha[k]-p.rho*inner(p.y, d), p.s, d)
		}
		along := -inner(g, d)
		if !(along < 0) {
			return
		}
		step, better := 1.0, false
		var v float64
		for range 30 {
			for k := range x {
				next[k] = x[k] - step*d[k]
			}
			if v = f(next, ng); v <= value+1e-4*step*along {
				better = true
				break
			}
			step /= 2
		}
		if !better {
			return
		}
		p := pair{make([]float64, n), make([]float64, n), 0}
		for k := range x {
			p.s[k], p.y[k] = next[k]-x[k], ng[k]-g[k]
		}
		if c := inner(p.s, p.y); c > 1e-12 {
			p.rho = 1 / c
			past = append(past, p)
			if len(past) > memory {
				past = past[1:]
			}
		}
		copy(x, next)
		copy(g, ng)
		if turn > 5 && value-v < enough*math.Abs(v) {
			return
		}
		value = v
	}
}

func inner(a, b []float64) float64 {
	s := 0.0
	for k := range a {
		s += a[k] * b[k]
	}
	return s
}

func axpy(a float64, x, y []float64) {
	for k := range x {
		y[k] += a * x[k]
	}
}

func scale(x []float64, a float64) {
	for k := range x {
		x[k] *= a
	}
}
