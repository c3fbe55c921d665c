package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"summit/brain"
	"summit/fusion"
	"summit/llm"
	"summit/record"
)

// useAuto is the strategy that a brain leads, and the name of its policy.
const useAuto = "auto"

// uncapped is what auto may spend where no cap is named: its most calls, each
// as dear as the best single member.
const uncapped = brain.DefaultCalls

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
	p.about = fmt.Sprintf("a brain of %d questions and %d members", f.brain.Examples(), len(p.Members))
	gain, costX := f.brain.Promise(policy)
	if policy.Alone != "" {
		p.about += ": " + policy.Alone + " alone"
	} else {
		p.about += fmt.Sprintf(", expected to gain %.1f points at %.2gx", 100*gain, costX)
	}
	return p, true, nil
}

// learn trains a brain on the training questions.
func (f *fitter) learn() (*brain.Brain, error) {
	l := newLearner()
	l.add(f.b, f.pool, f.train)
	l.Workers = f.workers
	return brain.Train(l.examples, l.Options)
}

// learner turns recorded answers into what a brain learns from. Neither a
// suite's name nor a question's id is told to it.
type learner struct {
	brain.Options
	examples []brain.Example
	places   map[string]int // of Members, by name
}

func newLearner() *learner {
	l := &learner{places: map[string]int{}}
	l.Currency = "USD" // of all recordings
	return l
}

func (l *learner) add(b *board, pool, questions []int) {
	s := b.suite
	for _, m := range pool {
		if name := s.Members[m].Name; !l.knows(name) {
			l.places[name] = len(l.Members)
			l.Members = append(l.Members, brain.Member{Name: name, Vendor: s.Members[m].Vendor})
		}
	}
	for _, q := range questions {
		e := brain.Example{Prompt: s.Questions[q].Text()}
		for _, m := range pool {
			v, c := b.at(q, m), s.Cell(q, m)
			if v.key == absent {
				continue
			}
			key := ""
			if v.key >= 0 {
				key = b.names[q][v.key]
			}
			// As a replayed member reports its usage.
			tokens := math.Round(c.TokensOut) + math.Round(c.Hidden)
			e.Replies = append(e.Replies, brain.Reply{Member: l.places[s.Members[m].Name], Key: key, Score: v.score, Cost: v.cost, Tokens: tokens})
		}
		l.examples = append(l.examples, e)
	}
}

func (l *learner) knows(member string) bool {
	_, ok := l.places[member]
	return ok
}

// LearnOptions say what a brain learns from.
type LearnOptions struct {
	Folder  *record.Folder
	Splits  []string     // whose questions it learns from
	Suites  []string     // empty = every suite with these splits
	Pool    string       // empty = all
	Workers int          // 0 = one a processor
	Like    *brain.Brain // as brain.Options says; nil = by the examples
}

// Learn trains one brain on the recorded answers of all the suites. The same
// options and files give the same brain, to the byte.
func Learn(o LearnOptions) (*brain.Brain, error) {
	if o.Folder == nil || len(o.Splits) == 0 {
		return nil, fmt.Errorf("eval: learn: no folder, or no splits to learn from")
	}
	if len(o.Suites) == 0 {
		var err error
		if o.Suites, err = o.Folder.Suites(o.Splits...); err != nil {
			return nil, err
		}
		if len(o.Suites) == 0 {
			return nil, fmt.Errorf("eval: learn: %s holds no suite with the splits %s", o.Folder.Name(), strings.Join(o.Splits, ", "))
		}
	}
	l := newLearner()
	l.Workers, l.Like = o.Workers, o.Like
	for i, name := range o.Suites {
		if slices.Contains(o.Suites[:i], name) {
			return nil, fmt.Errorf("eval: learn: suite %q twice", name)
		}
		s, err := o.Folder.Read(name, o.Splits...)
		if err != nil {
			return nil, err
		}
		questions := s.In(o.Splits...)
		pool, err := s.Pool(cmp.Or(o.Pool, "all"), questions)
		if err != nil {
			return nil, err
		}
		l.add(newBoard(s), pool, questions)
	}
	return brain.Train(l.examples, l.Options)
}

// think builds the strategy over the members.
func (p *plan) think(name string, members []llm.Member) (llm.Member, error) {
	env := fusion.Env{Name: name, Members: members, Brain: p.brain, Pace: p.pace}
	return fusion.New(useAuto, env, fusion.AutoParams{CostX: p.costX, Budget: fusion.Budget{MaxCalls: len(members)}})
}
