package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"summit/brain"
	"summit/fusion"
	"summit/llm"
)

// useAuto is the strategy that a brain leads, and the name of its policy.
const useAuto = "auto"

// uncapped is what auto may spend where no cap is named: its effort "best".
const uncapped = 3

// auto returns the plan of a brain that was trained on the training questions,
// for a mean cost of at most so many times the best single member's; 0 = none
// named.
func (f *fitter) auto(limit float64) (*plan, bool, error) {
	if !f.votes {
		return nil, false, nil
	}
	if f.brain == nil {
		b, err := f.learn()
		if err != nil {
			return nil, false, fmt.Errorf("eval: %s: %w", f.b.suite.Name, err)
		}
		f.brain = b
	}
	spend := cmp.Or(limit, uncapped)
	p := f.plan(useAuto, f.pool, nil, "")
	p.brain, p.costX = f.brain, spend
	policy, err := f.brain.Spend(spend)
	if err != nil {
		return nil, false, err
	}
	p.about = fmt.Sprintf("a brain of %d questions and %d members, price %.3g", f.brain.Examples(), len(p.Members), policy.Price)
	if policy.Alone != "" {
		p.about += ", " + policy.Alone + " alone where it answers"
	}
	return p, true, nil
}

// learn trains a brain on the training questions. Neither the suite's name nor
// a question's id is told to it.
func (f *fitter) learn() (*brain.Brain, error) {
	s := f.b.suite
	o := brain.Options{Workers: f.workers}
	for _, m := range f.pool {
		o.Members = append(o.Members, brain.Member{Name: s.Members[m].Name, Vendor: s.Members[m].Vendor})
	}
	examples := make([]brain.Example, 0, len(f.train))
	for _, q := range f.train {
		e := brain.Example{Prompt: s.Questions[q].Text()}
		for k, m := range f.pool {
			v, c := f.b.at(q, m), s.Cell(q, m)
			if v.key == absent {
				continue
			}
			key := ""
			if v.key >= 0 {
				key = strconv.Itoa(int(v.key))
			}
			// As a replayed member reports its usage.
			tokens := math.Round(c.TokensOut) + math.Round(c.Hidden)
			e.Replies = append(e.Replies, brain.Reply{Member: k, Key: key, Score: v.score, Cost: v.cost, Tokens: tokens})
		}
		examples = append(examples, e)
	}
	return brain.Train(examples, o)
}

// think builds the strategy over the members.
func (p *plan) think(name string, members []llm.Member) (llm.Member, error) {
	env := fusion.Env{Name: name, Members: members, Brain: p.brain}
	return fusion.New(useAuto, env, fusion.AutoParams{CostX: p.costX, Budget: fusion.Budget{MaxCalls: len(members)}})
}

// massError is the expected calibration error over bins of equal mass, with
// which confidences that crowd together are told apart too.
// Source: Nguyen & O'Connor 2015, EMNLP.
func massError(confidences, scores []float64) float64 {
	n := len(confidences)
	if n == 0 {
		return 0
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(confidences[x], confidences[y]) })
	total := 0.0
	for bin := range binCount {
		sum := 0.0
		for _, i := range order[bin*n/binCount : (bin+1)*n/binCount] {
			sum += confidences[i] - scores[i]
		}
		total += math.Abs(sum)
	}
	return total / float64(n)
}
