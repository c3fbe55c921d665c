package eval

import (
	"fmt"
	"slices"

	"summit/brain"
	"summit/fusion"
	"summit/llm"
)

// The strategies that plans run.
const (
	useSingle  = "single"
	useVote    = "vote"
	useCascade = "cascade"
)

// plan is one policy as it is run: a strategy over members of a suite.
type plan struct {
	Use       string    // single, vote or cascade
	Members   []string  // in the order asked
	Weights   []float64 // of Members; nil = all equal
	Agree     int       // cascade: so many equal answers are accepted
	Threshold float64   // cascade: an answer with such a sum of weights is accepted, whatever Agree says; 0 = Agree counts

	columns []int        // Members, by their index in the suite
	brain   *brain.Brain // auto: what it was told
	pace    *brain.Pace  // auto: over all questions of a measurement
	costX   float64      // auto: what it may spend, as a multiple of the best single member's cost
	judge   *marker      // judged: what picks among the members' replies
	tooled  bool         // it runs programs of the questions
	missing string       // why the plan can't be run here; empty = it can
	about   string       // how members and weights were chosen
}

// describe says in a line what the plan does.
func (p *plan) describe() string {
	switch {
	case p.Use == useAuto, p.Use == useVerify, p.Use == useTool, p.Use == useRank:
		return p.about
	case p.Use == useSingle:
		return "single"
	case p.Use == useVote && p.Weights == nil:
		return fmt.Sprintf("vote of %d%s", len(p.Members), p.about)
	case p.Use == useVote:
		return fmt.Sprintf("weighted vote of %d%s", len(p.Members), p.about)
	case p.Threshold > 0:
		return fmt.Sprintf("cascade of up to %d%s, stops at weight %.3g", len(p.Members), p.about, p.Threshold)
	}
	return fmt.Sprintf("cascade of up to %d%s, stops when %d agree", len(p.Members), p.about, p.Agree)
}

func (p *plan) weight(i int) float64 {
	if p.Weights == nil {
		return 1
	}
	return p.Weights[i]
}

// key is equal for plans that do the same.
func (p *plan) key() string {
	return fmt.Sprintf("%s %q %v %d %v %v %p", p.Use, p.Members, p.Weights, p.Agree, p.Threshold, p.costX, p.judge)
}

// build makes the plan's strategy over the members.
func (p *plan) build(name string, members []llm.Member) (llm.Member, error) {
	var weights map[string]float64
	for i, w := range p.Weights {
		if weights == nil {
			weights = map[string]float64{}
		}
		weights[p.Members[i]] = w
	}
	env := fusion.Env{Name: name, Members: members}
	// Whole pools are asked too: the strategies' own bound on calls is below
	// the largest.
	budget := fusion.Budget{MaxCalls: len(members)}
	switch p.Use {
	case useAuto:
		return p.think(name, members)
	case useSingle:
		return fusion.New(useSingle, env, fusion.SingleParams{Budget: budget})
	case useVote:
		return fusion.New(useVote, env, fusion.VoteParams{Weights: weights, Budget: budget})
	case useCascade:
		return fusion.New(useCascade, env, fusion.CascadeParams{Weights: weights, Agree: p.Agree, Threshold: p.Threshold, Budget: budget})
	}
	return nil, fmt.Errorf("eval: plan uses %q, want %s", p.Use, []string{useSingle, useVote, useCascade})
}

// reorder returns the plan with its members in the order of less.
func (p *plan) reorder(compare func(a, b int) int) *plan {
	places := make([]int, len(p.columns))
	for i := range places {
		places[i] = i
	}
	slices.SortStableFunc(places, func(x, y int) int { return compare(p.columns[x], p.columns[y]) })
	out := *p
	out.columns, out.Members = make([]int, len(places)), make([]string, len(places))
	if p.Weights != nil {
		out.Weights = make([]float64, len(places))
	}
	for i, at := range places {
		out.columns[i], out.Members[i] = p.columns[at], p.Members[at]
		if p.Weights != nil {
			out.Weights[i] = p.Weights[at]
		}
	}
	return &out
}
