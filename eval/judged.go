package eval

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"

	"summit/fusion"
	"summit/llm"
	"summit/record"
)

// The policy judged lets a judge pick among the members' replies: it is the
// strategy rank. The judge is a recorded one, whose marks of every reply stand
// beside people's. Its marks are weighed with what the training questions
// tell of the members, overall and in the question's field, and of lengths.
// What the judge itself costs is not counted.

const (
	useRank   = "rank"
	judgeName = "recorded judge"
)

// Shrinkage of a member's advantage, in replies that say nothing: overall and
// in one field. Chosen by cross-validation over the training questions among
// few; fields alone, with a dozen questions each, mislead.
const (
	shrinkMember = 10
	shrinkField  = 60
)

// marker values a reply by its mark and what is known of its author.
type marker struct {
	suite  *record.Suite
	weight [markFeatures]float64
	member map[int]float64
	field  map[fieldKey]float64
}

type fieldKey struct {
	member int
	field  string
}

const markFeatures = 4

// features are the reply's mark and length against the mean of the candidates',
// both once more for questions whose answer is right or wrong.
func (k *marker) features(q int, candidates []int) [][markFeatures]float64 {
	length := func(c *record.Cell) float64 { return math.Log1p(c.TokensOut) }
	mark, size := 0.0, 0.0
	for _, m := range candidates {
		c := k.suite.Cell(q, m)
		mark += c.Mark / float64(len(candidates))
		size += length(c) / float64(len(candidates))
	}
	objective := 0.0
	if k.suite.Questions[q].Kind == "objective" {
		objective = 1
	}
	all := make([][markFeatures]float64, len(candidates))
	for i, m := range candidates {
		c := k.suite.Cell(q, m)
		x, y := c.Mark-mark, length(c)-size
		all[i] = [markFeatures]float64{x, x * objective, y, y * objective}
	}
	return all
}

// pick returns the candidate of the greatest value, the first of equals.
func (k *marker) pick(q int, candidates []int) int {
	best, top := -1, math.Inf(-1)
	for i, x := range k.features(q, candidates) {
		m := candidates[i]
		v := k.member[m] + k.field[fieldKey{m, k.suite.Questions[q].Domain}]
		for j := range x {
			v += k.weight[j] * x[j]
		}
		if v > top+slack {
			best, top = m, v
		}
	}
	return best
}

// marked returns the members of the pool whose reply to the question was
// marked.
func (f *fitter) marked(q int, pool []int) []int {
	var all []int
	for _, m := range pool {
		if c := f.b.suite.Cell(q, m); c.Asked && c.Marked {
			all = append(all, m)
		}
	}
	return all
}

// newMarker fits the weights by least squares and the members' advantages as
// shrunken means of what is left, in turns.
func (f *fitter) newMarker() *marker {
	k := &marker{suite: f.b.suite, member: map[int]float64{}, field: map[fieldKey]float64{}}
	type reply struct {
		x     [markFeatures]float64
		y     float64 // the score, against the mean of the question's
		field fieldKey
	}
	var replies []reply
	for _, q := range f.train {
		candidates := f.marked(q, f.pool)
		mean := 0.0
		for _, m := range candidates {
			mean += f.b.at(q, m).score / float64(len(candidates))
		}
		for i, x := range k.features(q, candidates) {
			m := candidates[i]
			replies = append(replies, reply{x, f.b.at(q, m).score - mean, fieldKey{m, f.b.suite.Questions[q].Domain}})
		}
	}
	const turns = 8 // the third decimal stands after five
	for range turns {
		var a [markFeatures][markFeatures + 1]float64
		for i := range a {
			a[i][i] = 1e-6
		}
		for i := range replies {
			r := &replies[i]
			rest := r.y - k.member[r.field.member] - k.field[r.field]
			for u := range a {
				for v := range r.x {
					a[u][v] += r.x[u] * r.x[v]
				}
				a[u][markFeatures] += r.x[u] * rest
			}
		}
		k.weight = solve(a)
		left := func(r *reply) float64 {
			rest := r.y
			for j, x := range r.x {
				rest -= k.weight[j] * x
			}
			return rest
		}
		sums, counts := map[int]float64{}, map[int]float64{}
		for i := range replies {
			r := &replies[i]
			sums[r.field.member] += left(r) - k.field[r.field]
			counts[r.field.member]++
		}
		for m, s := range sums {
			k.member[m] = s / (counts[m] + shrinkMember)
		}
		fields, sizes := map[fieldKey]float64{}, map[fieldKey]float64{}
		for i := range replies {
			r := &replies[i]
			fields[r.field] += left(r) - k.member[r.field.member]
			sizes[r.field]++
		}
		for key, s := range fields {
			k.field[key] = s / (sizes[key] + shrinkField)
		}
	}
	return k
}

// solve solves a small system of linear equations, whose right side is the
// last column, by elimination.
func solve(a [markFeatures][markFeatures + 1]float64) (x [markFeatures]float64) {
	const n = markFeatures
	for i := range n {
		top := i
		for r := i + 1; r < n; r++ {
			if math.Abs(a[r][i]) > math.Abs(a[top][i]) {
				top = r
			}
		}
		a[i], a[top] = a[top], a[i]
		for r := i + 1; r < n; r++ {
			by := a[r][i] / a[i][i]
			for c := i; c <= n; c++ {
				a[r][c] -= by * a[i][c]
			}
		}
	}
	for i := n - 1; i >= 0; i-- {
		x[i] = a[i][n]
		for c := i + 1; c < n; c++ {
			x[i] -= a[i][c] * x[c]
		}
		x[i] /= a[i][i]
	}
	return x
}

// judged returns the plan: the whole pool, or under a limit the members that
// together score best on the training questions, added one by one.
func (f *fitter) judged(limit float64) (*plan, bool, error) {
	const most = 26 // candidates that a judge is shown
	replies := 0
	for _, q := range f.train {
		replies += len(f.marked(q, f.pool))
	}
	if len(f.pool) < 2 || 2*replies < len(f.train)*len(f.pool) {
		return nil, false, nil
	}
	k := f.newMarker()
	facts := newFacts(f.b, f.pool, f.train)
	members := slices.Clone(facts.order)
	if limit > 0 || len(members) > most {
		usd := limit * ofCap * facts.cost[f.best]
		members = nil
		best, enough := -1.0, 0
		for spent := 0.0; len(members) < most; {
			add, top := -1, -1.0
			for _, m := range facts.order {
				if slices.Contains(members, m) || limit > 0 && spent+facts.cost[m] > usd {
					continue
				}
				score := 0.0
				for _, q := range f.train {
					if picked := k.pick(q, f.marked(q, append(slices.Clone(members), m))); picked >= 0 {
						score += f.b.at(q, picked).score
					}
				}
				if score > top+slack {
					add, top = m, score
				}
			}
			if add < 0 {
				break
			}
			members = append(members, add)
			spent += facts.cost[add]
			if top > best+slack {
				best, enough = top, len(members)
			}
		}
		members = members[:enough]
		// Where one member that the limit allows is better alone, it is taken.
		for _, m := range facts.order {
			if limit > 0 && facts.cost[m] <= limit*facts.cost[f.best] {
				if facts.accuracy[m]*facts.count >= best {
					return f.single(m), true, nil
				}
				break
			}
		}
	}
	if len(members) < 2 {
		return nil, false, nil
	}
	p := f.plan(useRank, members, nil, "")
	p.judge = k
	p.about = fmt.Sprintf("the recorded judge picks among %d, its marks weighed with members, fields and lengths; its own cost is not counted", len(members))
	return p, true, nil
}

// judged builds the strategy rank for one question.
func (m *measurer) judged(p *plan, members []llm.Member, q int) (llm.Member, error) {
	for i := range members {
		members[i] = &standIn{Member: members[i], text: "reply " + strconv.Itoa(p.columns[i])}
	}
	judge := &judgeMember{marker: p.judge, q: q, card: llm.Card{Name: judgeName, About: "picks by recorded marks"}}
	env := fusion.Env{Name: "eval", Members: members, Member: func(name string) (llm.Member, error) {
		if name != judgeName {
			return nil, fmt.Errorf("eval: no member %q", name)
		}
		return judge, nil
	}}
	return fusion.New(useRank, env, fusion.RankParams{Judge: judgeName, Budget: fusion.Budget{MaxCalls: len(members) + 1}})
}

// judgeMember picks among the candidates of the strategy's prompt.
type judgeMember struct {
	marker *marker
	q      int
	card   llm.Card
}

func (j *judgeMember) Card() *llm.Card { return &j.card }

// candidateBlock matches a candidate that a standIn wrote.
var candidateBlock = regexp.MustCompile(`CANDIDATE ([A-Z])\]\]\nreply (\d+)\n`)

func (j *judgeMember) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, judgeName, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		letters := map[int]string{}
		var candidates []int
		for _, block := range candidateBlock.FindAllStringSubmatch(r.LastUser(), -1) {
			m, err := strconv.Atoi(block[2])
			if err != nil || m >= len(j.marker.suite.Members) {
				return nil, llm.Errorf(llm.Invalid, "candidate %q is none of the members' replies", block[2])
			}
			letters[m] = block[1]
			candidates = append(candidates, m)
		}
		slices.Sort(candidates)
		if len(candidates) == 0 {
			return nil, llm.Errorf(llm.Invalid, "no candidates to judge")
		}
		emit(llm.Event{Kind: llm.KindStart, Model: judgeName})
		emit(llm.Event{Kind: llm.KindText, Text: "BEST: " + letters[j.marker.pick(j.q, candidates)]})
		return &llm.Outcome{Finish: llm.FinishStop, Usage: llm.Usage{Calls: llm.Count{N: 1, From: llm.OwnCount}}}, nil
	})
}
