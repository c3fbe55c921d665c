package eval

import (
	"cmp"
	"context"
	"hash/fnv"
	"math"
	"slices"
)

// search is the candidates of a pool under one limit.
type search struct {
	tried []tried // best cross-validated score first
	base  *plan   // the best single member within the limit; nil = none is
}

// tried is a candidate's plan from all training questions, with what the same
// recipe scored on questions that it had not seen.
type tried struct {
	candidate
	scores    []float64 // cross-validated, of fitter.train; the mean of all turns
	score     float64   // their mean
	cost      float64   // of the plan on all training questions, USD
	gain, err float64   // over the single member within the limit, with its standard error
}

// search tries all candidates under the limit of the mean cost, a multiple of
// the best single member's; 0 = none.
func (f *fitter) search(ctx context.Context, limit float64) (*search, error) {
	if s, ok := f.found[limit]; ok {
		return s, nil
	}
	s := &search{}
	alone := func(questions []int) []candidate { return f.alone(questions, limit) }
	for _, c := range alone(f.train) {
		s.base = c.plan
	}
	if !f.votes {
		f.found[limit] = s
		return s, nil
	}
	base, err := f.validate(ctx, alone)
	if err != nil {
		return nil, err
	}
	if f.opened == nil {
		if f.opened, err = f.validate(ctx, f.open); err != nil {
			return nil, err
		}
	}
	all := slices.Clone(f.opened)
	if limit > 0 {
		more, err := f.validate(ctx, func(questions []int) []candidate { return f.capped(questions, limit) })
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
		_, best := f.mean(f.train, f.single(f.best))
		all = slices.DeleteFunc(all, func(t tried) bool { return t.cost > limit*best })
	}
	for _, t := range all {
		if len(base) > 0 {
			t.gain, t.err = gain(t.scores, base[0].scores)
		}
		s.tried = append(s.tried, t)
	}
	slices.SortStableFunc(s.tried, func(x, y tried) int {
		if math.Abs(x.score-y.score) > slack {
			return cmp.Compare(y.score, x.score)
		}
		return cmp.Or(cmp.Compare(x.cost, y.cost), cmp.Compare(x.k, y.k))
	})
	f.found[limit] = s
	return s, nil
}

// gain returns the mean difference of paired scores and its standard error.
func gain(scores, base []float64) (mean, err float64) {
	n := float64(len(scores))
	squares := 0.0
	for i := range scores {
		d := scores[i] - base[i]
		mean += d / n
		squares += d * d / n
	}
	return mean, math.Sqrt(max(squares-mean*mean, 0) / n)
}

// validate makes candidates from all training questions, and cross-validates
// each recipe: made from the questions of all folds but one, it is run on that
// one. Recipes that give nothing on some folds are left out.
func (f *fitter) validate(ctx context.Context, candidates func(questions []int) []candidate) ([]tried, error) {
	type run struct {
		fit, test []int // of f.train, by place
		scores    map[recipe][]float64
	}
	var runs []run
	for turn := range byte(foldTurns) {
		for fold := range uint32(foldCount) {
			var r run
			for i, q := range f.train {
				if f.fold(q, turn) == fold {
					r.test = append(r.test, i)
				} else {
					r.fit = append(r.fit, q)
				}
			}
			if len(r.fit) > 0 && len(r.test) > 0 {
				runs = append(runs, r)
			}
		}
	}
	var all []tried
	// One more run than folds: the plans from all questions.
	err := parallel(ctx, f.workers, len(runs)+1, func(i int) error {
		if i == 0 {
			for _, c := range candidates(f.train) {
				_, cost := f.mean(f.train, c.plan)
				all = append(all, tried{candidate: c, cost: cost})
			}
			return nil
		}
		r := &runs[i-1]
		r.scores = map[recipe][]float64{}
		for _, c := range candidates(r.fit) {
			scores := make([]float64, len(r.test))
			for j, i := range r.test {
				scores[j] = f.b.run(f.train[i], c.plan).score
			}
			r.scores[c.recipe] = scores
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	kept := all[:0]
	for _, t := range all {
		t.scores = make([]float64, len(f.train))
		seen := 0
		for _, r := range runs {
			scores := r.scores[t.recipe]
			for j, s := range scores {
				t.scores[r.test[j]] += s / foldTurns
			}
			seen += len(scores)
		}
		if seen == foldTurns*len(f.train) {
			t.score = mean(t.scores)
			kept = append(kept, t)
		}
	}
	return kept, nil
}

// fold puts a question into one of foldCount parts, by its id, so that other
// questions don't move it.
func (f *fitter) fold(q int, turn byte) uint32 {
	h := fnv.New32a()
	question := &f.b.suite.Questions[q]
	h.Write([]byte{turn})
	h.Write([]byte(question.Suite + "|" + question.ID))
	// The finaliser of MurmurHash3 (Appleby 2011): FNV's low bits are weak.
	x := h.Sum32()
	x = (x ^ x>>16) * 0x85ebca6b
	x = (x ^ x>>13) * 0xc2b2ae35
	return (x ^ x>>16) % foldCount
}

// best returns the plan of the family with the best cross-validated score, of
// exactly k members where k is above zero; nil = there is none.
func (s *search) best(family string, k int) *plan {
	if family == "single" {
		return s.base
	}
	for _, t := range s.tried {
		if t.family == family && (k == 0 || t.k == k) {
			return t.plan
		}
	}
	return nil
}

// chosen returns the plan with the best cross-validated score, or the best
// single member where nothing beats it clearly: do no harm.
func (s *search) chosen() *plan {
	for _, t := range s.tried {
		if s.base == nil || (t.gain > 0 && t.gain >= gateErrors*t.err) {
			return t.plan
		}
	}
	return s.base
}
