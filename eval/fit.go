package eval

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"summit/brain"
)

// The constants of the one procedure that all suites and pools are fitted
// with.
const (
	// foldCount and foldTurns: 5-fold cross-validation, with two divisions.
	foldCount = 5
	foldTurns = 2
	// gateErrors is by how many standard errors of the cross-validated gain a
	// policy has to beat the best single member before it is chosen in its
	// place: about an 84 % one-sided bound. With none, policies were chosen
	// on some pools of the training splits that did harm.
	gateErrors = 1
	// minVotes is the share of comparable answers below which nothing is put
	// to the vote.
	minVotes = 0.3
	// clipped keeps a weight finite for a member that was always right, and
	// above zero for one that was always wrong.
	clipped, minWeight = 0.02, 0.02
)

// alternatives is how many wrong answers are taken to be about as likely as
// each other where a weight is made from an accuracy: the log-odds of being
// right against one of them. Which one fits a suite is chosen by
// cross-validation.
var alternatives = []float64{1, 2, 4}

// fitter chooses plans for one pool on the training questions.
type fitter struct {
	b       *board
	pool    []int // members
	train   []int // questions
	best    int   // the most accurate member
	votes   bool  // answers can be compared
	workers int
	opened  []tried             // of all recipes that know no limit, once they were tried
	found   map[float64]*search // by limit
	brain   *brain.Brain        // of the policy auto; nil = not trained yet
}

func newFitter(b *board, pool, train []int, workers int) *fitter {
	f := &fitter{b: b, pool: pool, train: train, workers: workers, found: map[float64]*search{}}
	f.best = newFacts(b, pool, train).order[0]
	voted, asked := 0, 0
	for _, q := range train {
		for _, m := range pool {
			if k := b.at(q, m).key; k != absent {
				asked++
				if k >= 0 {
					voted++
				}
			}
		}
	}
	f.votes = len(pool) > 1 && float64(voted) >= minVotes*float64(asked)
	return f
}

// facts are what is known of a pool's members from some questions.
type facts struct {
	accuracy []float64 // by member of the suite, over the questions that it was asked
	cost     []float64 // mean
	count    float64   // questions
	order    []int     // the pool, most accurate first; of equals the cheaper one
	cheap    []int     // the pool, cheapest first; of equals the more accurate one
}

func newFacts(b *board, pool, questions []int) *facts {
	f := &facts{accuracy: make([]float64, b.m), cost: make([]float64, b.m), count: float64(len(questions))}
	for _, m := range pool {
		n := 0
		for _, q := range questions {
			if v := b.at(q, m); v.key != absent {
				n++
				f.accuracy[m] += v.score
				f.cost[m] += v.cost
			}
		}
		f.accuracy[m] /= math.Max(float64(n), 1)
		f.cost[m] /= math.Max(float64(n), 1)
	}
	f.order, f.cheap = slices.Clone(pool), slices.Clone(pool)
	slices.SortStableFunc(f.order, func(x, y int) int {
		return cmp.Or(cmp.Compare(f.accuracy[y], f.accuracy[x]), cmp.Compare(f.cost[x], f.cost[y]))
	})
	slices.SortStableFunc(f.cheap, f.cheaper)
	return f
}

func (f *facts) cheaper(x, y int) int {
	return cmp.Or(cmp.Compare(f.cost[x], f.cost[y]), cmp.Compare(f.accuracy[y], f.accuracy[x]))
}

// weights returns the log-odds of each member being right against one of so
// many equally likely wrong answers, from its accuracy smoothed by one right
// and one wrong answer.
func (f *facts) weights(alternatives float64) []float64 {
	w := make([]float64, len(f.accuracy))
	for m, a := range f.accuracy {
		p := (a*f.count + 1) / (f.count + 2)
		p = min(max(p, clipped), 1-clipped)
		// Rounded, so that a weight can be written into a configuration.
		w[m] = math.Round(1000*max(math.Log(p/(1-p))+math.Log(alternatives), minWeight)) / 1000
	}
	return w
}

// plan makes a plan of members in this order; weights are by member of the
// suite, nil = equal.
func (f *fitter) plan(use string, members []int, weights []float64, about string) *plan {
	p := &plan{Use: use, columns: slices.Clone(members), about: about, Agree: 2}
	for _, m := range members {
		p.Members = append(p.Members, f.b.suite.Members[m].Name)
		if weights != nil {
			p.Weights = append(p.Weights, weights[m])
		}
	}
	return p
}

func (f *fitter) single(m int) *plan { return f.plan(useSingle, []int{m}, nil, "") }

// fit returns the plan of a policy under a limit of the mean cost, a multiple
// of the best single member's; 0 = none. It is false where the pool has none:
// too few members, answers that can't be compared, or nothing below the limit.
func (f *fitter) fit(ctx context.Context, p policy, limit float64) (*plan, bool, error) {
	if p.member != "" {
		m, ok := f.b.suite.Index(p.member)
		if !ok {
			return nil, false, fmt.Errorf("eval: %s: policy %q: no such member", f.b.suite.Name, p.name)
		}
		return f.single(m), slices.Contains(f.pool, m) && limit == 0, nil
	}
	switch p.family {
	case useAuto:
		return f.auto(limit)
	case "checked":
		return f.checked(limit)
	case "tool":
		return f.tool(limit)
	case "judged":
		return f.judged(limit)
	}
	if p.all {
		if !f.votes || limit > 0 {
			return nil, false, nil
		}
		facts := newFacts(f.b, f.pool, f.train)
		if p.family == "majority" {
			return f.plan(useVote, facts.order, nil, ", the whole pool"), true, nil
		}
		return f.plan(useVote, facts.order, facts.weights(alternatives[len(alternatives)-1]), ", the whole pool"), true, nil
	}
	s, err := f.search(ctx, limit)
	if err != nil {
		return nil, false, err
	}
	var plan *plan
	if p.family == "chosen" {
		plan = s.chosen()
	} else {
		plan = s.best(p.family, p.k)
	}
	return plan, plan != nil, nil
}

// recipe names a way to make a plan from training questions: the same recipe
// on other questions gives another plan.
type recipe struct {
	family string // as in the names of policies
	kind   string // how members are picked, their weights, when to stop
	k      int    // members at most
}

// candidate is a recipe with the plan that it gave.
type candidate struct {
	recipe
	plan *plan
}

// alone returns the most accurate member whose mean cost is within the limit,
// a multiple of what the most accurate one of all costs on the same
// questions; 0 = no limit.
func (f *fitter) alone(questions []int, limit float64) []candidate {
	facts := newFacts(f.b, f.pool, questions)
	for _, m := range facts.order {
		if limit == 0 || facts.cost[m] <= limit*facts.cost[facts.order[0]] {
			return []candidate{{recipe{"single", "", 1}, f.single(m)}}
		}
	}
	return nil
}

// open returns the plans of all recipes that know no limit of cost.
func (f *fitter) open(questions []int) []candidate {
	facts := newFacts(f.b, f.pool, questions)
	var all []candidate
	for _, c := range f.forward(questions, facts, nil, 0) {
		all = append(all, candidate{recipe{"majority", "forward", len(c)}, f.plan(useVote, c, nil, "")})
		if len(c) > 2 {
			all = append(all, candidate{recipe{"cascade", "forward", len(c)}, f.plan(useCascade, c, nil, "").reorder(facts.cheaper)})
		}
	}
	for _, a := range alternatives {
		weights := facts.weights(a)
		for _, c := range f.forward(questions, facts, weights, 0) {
			all = append(all, f.weighted("forward", a, f.plan(useVote, c, weights, ""), questions, facts)...)
		}
		for k := 2; k <= min(maxCommittee, len(facts.order)); k++ {
			all = append(all, f.weighted("leaders", a, f.plan(useVote, facts.order[:k], weights, ""), questions, facts)...)
		}
	}
	return all
}

// weighted returns a weighted vote, and the cascades over the same members.
func (f *fitter) weighted(kind string, alternatives float64, p *plan, questions []int, facts *facts) []candidate {
	kind = fmt.Sprintf("%s, weights against %g", kind, alternatives)
	all := []candidate{{recipe{"weighted", kind, len(p.columns)}, p}}
	f.thresholds(questions, p, facts, func(at int, p *plan) {
		all = append(all, candidate{recipe{"threshold", fmt.Sprintf("%s, stop %d", kind, at), len(p.columns)}, p})
	})
	return all
}

// capped returns plans that are made to keep a limit of the mean cost, a
// multiple of what the most accurate member costs on the same questions.
func (f *fitter) capped(questions []int, limit float64) []candidate {
	facts := newFacts(f.b, f.pool, questions)
	usd := limit * facts.cost[facts.order[0]]
	var all []candidate
	for _, c := range f.forward(questions, facts, nil, usd) {
		all = append(all, candidate{recipe{"majority", "forward under the cap", len(c)}, f.plan(useVote, c, nil, "")})
	}
	weights := facts.weights(alternatives[len(alternatives)-1])
	// A cascade asks only some of its members most of the time.
	for _, multiple := range []float64{1, 2, 4, 8} {
		kind := fmt.Sprintf("forward under %gx the cap", multiple)
		for _, c := range f.forward(questions, facts, weights, multiple*usd) {
			all = append(all, f.weighted(kind, alternatives[len(alternatives)-1], f.plan(useVote, c, weights, ""), questions, facts)...)
		}
	}
	if p := f.triple(questions, facts, weights, usd); p != nil {
		all = append(all, candidate{recipe{"threshold", "two cheap ones and a strong one", 3}, p})
	}
	return all
}

// forward adds members one by one, each time the one with which the vote
// scores best, and returns the committees of two and more. Together they cost
// at most usd a question; 0 = no limit. weights are by member, nil = equal.
func (f *fitter) forward(questions []int, facts *facts, weights []float64, usd float64) [][]int {
	questions = thin(questions)
	var chosen []int
	var path [][]int
	spent := 0.0
	for len(chosen) < min(maxCommittee, len(f.pool)) {
		top, add := -1.0, -1
		var with []int
		for _, m := range facts.order {
			if slices.Contains(chosen, m) || (usd > 0 && spent+facts.cost[m] > usd) {
				continue
			}
			c := facts.insert(chosen, m)
			p := &plan{Use: useVote, columns: c}
			if weights != nil {
				for _, o := range c {
					p.Weights = append(p.Weights, weights[o])
				}
			}
			if s := f.score(questions, p); s > top+slack {
				top, with, add = s, c, m
			}
		}
		if add < 0 {
			break
		}
		chosen = with
		spent += facts.cost[add]
		if len(chosen) > 1 {
			path = append(path, chosen)
		}
	}
	return path
}

// insert returns the members with m among them, most accurate first: ties of
// a vote go to the better member.
func (f *facts) insert(members []int, m int) []int {
	at := slices.IndexFunc(members, func(o int) bool { return slices.Index(f.order, o) > slices.Index(f.order, m) })
	if at < 0 {
		at = len(members)
	}
	return slices.Insert(slices.Clone(members), at, m)
}

// stops is how many thresholds a cascade is tried with.
const stops = 6

// thresholds gives each the plan as a cascade, cheap members first, with
// different sums of weights that are enough: quantiles of what the vote's
// winners reach, and one that is never reached, with which the cascade stops
// only where the rest can't change the choice.
func (f *fitter) thresholds(questions []int, p *plan, facts *facts, each func(at int, p *plan)) {
	c := p.reorder(facts.cheaper)
	c.Use = useCascade
	questions = thin(questions)
	sums := make([]float64, 0, len(questions))
	for _, q := range questions {
		top, _ := f.b.leader(q, c, len(c.columns), true)
		sums = append(sums, top.sum)
	}
	slices.Sort(sums)
	total := 0.0
	for _, w := range c.Weights {
		total += w
	}
	last := 0.0
	for at := range stops {
		// The lower half only: who stops at more than that hardly ever stops.
		t := quantile(sums, float64(at)/float64(2*(stops-1)))
		if at == stops-1 {
			t = total
		}
		t = math.Round(1000*max(t, minWeight)) / 1000
		if t <= last {
			continue
		}
		last = t
		own := *c
		own.Threshold = t
		each(at, &own)
	}
}

// triple returns the best cascade of two cheap members and a strong one that
// costs at most usd a question; nil = there is none.
func (f *fitter) triple(questions []int, facts *facts, weights []float64, usd float64) *plan {
	questions = thin(questions)
	cheap, strong := facts.cheap[:min(8, len(facts.cheap))], facts.order[:min(5, len(facts.order))]
	var best *plan
	top := -1.0
	for i, x := range cheap {
		for _, y := range cheap[i+1:] {
			for _, z := range strong {
				if z == x || z == y {
					continue
				}
				f.thresholds(questions, f.plan(useVote, []int{z, x, y}, weights, ""), facts, func(_ int, p *plan) {
					if score, cost := f.mean(questions, p); cost <= usd && score > top+slack {
						top, best = score, p
					}
				})
			}
		}
	}
	return best
}

// thin returns at most maxTried of the questions, evenly spread: what plans
// are searched on. More make the search slower and hardly better.
func thin(questions []int) []int {
	const maxTried = 3000
	if len(questions) <= maxTried {
		return questions
	}
	some := make([]int, maxTried)
	for i := range some {
		some[i] = questions[i*len(questions)/maxTried]
	}
	return some
}

func (f *fitter) score(questions []int, p *plan) float64 {
	sum := 0.0
	for _, q := range questions {
		if author := f.b.decide(q, p, len(p.columns), false); author >= 0 {
			sum += f.b.at(q, author).score
		}
	}
	return sum / float64(len(questions))
}

// mean returns the plan's mean score and cost.
func (f *fitter) mean(questions []int, p *plan) (score, cost float64) {
	for _, q := range questions {
		v := f.b.run(q, p)
		score += v.score
		cost += v.cost
	}
	n := float64(len(questions))
	return score / n, cost / n
}
