package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"summit/answer"
	"summit/fusion"
	"summit/llm"
	"summit/verify"
)

// The policy checked asks members one after the other until an answer passes
// a check: it is the strategy verify, with a checker that knows what a test
// said of a recorded reply, or that runs the program that the question holds.

const useVerify = "verify"

// checkerRates is how often a check errs.
type checkerRates struct{ accepts, rejects float64 } // wrong answers, right answers

var (
	// testRates are those of the tests that programs are checked with: some
	// wrong ones pass, and some tests are wrong. Assumed, as few are published.
	testRates = checkerRates{accepts: 0.05, rejects: 0.02}
	// runRates are those of running the program itself.
	runRates = checkerRates{}
)

const (
	// testSeed is any fixed number: the same tests err on the same replies.
	testSeed = "summit-checks-1"
	// maxChecked is the longest list that is searched for.
	maxChecked = 8
	// beam is how many lists each step of the search goes on with.
	beam = 5
	// ofCap is what a plan may cost on the training questions, as a part of
	// its cap: other questions cost a little more or less.
	ofCap = 0.9
)

// checks says how answers to the questions can be checked; false = not.
func (f *fitter) checks() (rates checkerRates, tooled, ok bool) {
	code, calls := 0, 0
	for _, q := range f.train {
		question := &f.b.suite.Questions[q]
		if question.Kind == "code" {
			code++
		} else if _, ok := verify.FindPythonCall(question.Text()); ok {
			calls++
		}
	}
	switch len(f.train) {
	case code:
		return testRates, false, true
	case calls:
		return runRates, true, true
	}
	return checkerRates{}, false, false
}

// checked returns the list of members that scores best where each is asked
// only if none before it passed, under a limit of the mean cost.
func (f *fitter) checked(limit float64) (*plan, bool, error) {
	rates, tooled, ok := f.checks()
	if !ok || len(f.pool) < 2 {
		return nil, false, nil
	}
	_, single := f.mean(f.train, f.single(f.best))
	list := f.checkedList(rates, limit*ofCap*single)
	if limit >= 1 { // the best single member costs 1, always
		alone, _ := f.expect([]int{f.best}, rates)
		if score, _ := f.expect(list, rates); alone > score {
			list = []int{f.best}
		}
	}
	if list == nil {
		return nil, false, nil
	}
	p := f.plan(useVerify, list, nil, "")
	p.tooled = tooled
	by := fmt.Sprintf("tests that pass %g %% of wrong and fail %g %% of right programs", 100*rates.accepts, 100*rates.rejects)
	if tooled {
		by = "running the program of the question"
	}
	p.about = fmt.Sprintf("up to %d until one passes, checked by %s", len(list), by)
	return p, true, nil
}

// checkedList searches for the list: members are put in one by one, anywhere,
// and the best few lists of each length are kept. usd is the most it may cost
// a question; 0 = no limit.
func (f *fitter) checkedList(rates checkerRates, usd float64) []int {
	type list struct {
		members []int
		score   float64
	}
	lists := []list{{}}
	var best list
	for range maxChecked {
		var next []list
		seen := map[string]bool{}
		for _, l := range lists {
			for _, m := range f.pool {
				if slices.Contains(l.members, m) {
					continue
				}
				for at := 0; at <= len(l.members); at++ {
					members := slices.Insert(slices.Clone(l.members), at, m)
					if key := fmt.Sprint(members); seen[key] {
						continue
					} else {
						seen[key] = true
					}
					score, cost := f.expect(members, rates)
					if usd == 0 || cost <= usd {
						next = append(next, list{members, score})
					}
				}
			}
		}
		slices.SortStableFunc(next, func(a, b list) int { return cmp.Compare(b.score, a.score) })
		lists = next[:min(beam, len(next))]
		if len(lists) == 0 {
			break
		}
		if best.members == nil || lists[0].score > best.score+slack {
			best = lists[0]
		}
	}
	return best.members
}

// expect returns the mean score and cost of a list on the training questions,
// over all that the check may say.
func (f *fitter) expect(members []int, rates checkerRates) (score, cost float64) {
	for _, q := range f.train {
		left, last := 1.0, 0.0
		for _, m := range members {
			v := f.b.at(q, m)
			if v.key == absent {
				continue
			}
			cost += left * v.cost
			if !f.b.answers(q, m) {
				continue
			}
			pass := rates.accepts
			if isRight(v.score) {
				pass = 1 - rates.rejects
			}
			score += left * pass * v.score
			left *= 1 - pass
			last = v.score
		}
		score += left * last
	}
	n := float64(len(f.train))
	return score / n, cost / n
}

// answers reports whether the member replied to the question: with a text, or
// with a program whose text was not recorded.
func (b *board) answers(q, m int) bool {
	return b.at(q, m).key > silent || b.suite.Questions[q].Kind == "code"
}

// isRight is the recorded mark of a score.
func isRight(score float64) bool { return score >= 0.5 }

// verified builds the strategy verify for one question.
func (m *measurer) verified(p *plan, members []llm.Member, q int) (llm.Member, error) {
	at := -1 // the member asked last
	for i := range members {
		members[i] = &standIn{Member: members[i], hear: func() { at = p.columns[i] }}
		if m.board.suite.Questions[q].Kind == "code" {
			members[i].(*standIn).text = "a program that was not recorded"
		}
	}
	var c verify.Checker = recordedTest{m.board, q, &at}
	if p.tooled {
		c = ranProgram{m, q}
	}
	env := fusion.Env{Name: "eval", Members: members, Checkers: []verify.Checker{c}}
	return fusion.New(useVerify, env, fusion.VerifyParams{Budget: fusion.Budget{MaxCalls: len(members)}})
}

// recordedTest says of the reply of the member asked last what a test would
// that errs at testRates.
type recordedTest struct {
	board *board
	q     int
	m     *int
}

func (t recordedTest) Check(context.Context, *verify.Case) (verify.Finding, error) {
	if *t.m < 0 {
		return verify.Finding{}, errors.New("nobody was asked")
	}
	s := t.board.suite
	question := &s.Questions[t.q]
	h := fnv.New64a()
	fmt.Fprintf(h, "%s|%s|%s|%s", testSeed, question.Suite, question.ID, s.Members[*t.m].Name)
	u := float64(mixed64(h.Sum64())>>11) / (1 << 53)
	if isRight(t.board.at(t.q, *t.m).score) {
		return verify.Finding{Pass: u >= testRates.rejects, Message: "tests"}, nil
	}
	return verify.Finding{Pass: u < testRates.accepts, Message: "tests"}, nil
}

// mixed64 is the finaliser of MurmurHash3 (Appleby 2011): FNV's bits are weak.
func mixed64(x uint64) uint64 {
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}

// ranProgram compares the answer with what the question's program gives.
type ranProgram struct {
	m *measurer
	q int
}

func (r ranProgram) Check(ctx context.Context, c *verify.Case) (verify.Finding, error) {
	value, err := r.m.tool.value(ctx, r.m.board.suite.Questions[r.q].Text())
	if err != nil {
		return verify.Finding{}, err
	}
	return verify.Finding{Pass: answer.Same(value, c.Answer), Message: "the program gives another value"}, nil
}

// standIn is a member that says a text where its recorded reply has none: for
// policies that choose among replies without reading them.
type standIn struct {
	llm.Member
	text string
	hear func() // told that it was asked; nil = nobody
}

// Unwrap returns the member itself.
func (s *standIn) Unwrap() llm.Member { return s.Member }

// Generate is the member's, with the text where it said nothing.
func (s *standIn) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return func(yield func(llm.Event, error) bool) {
		if s.hear != nil {
			s.hear()
		}
		silent := s.text != ""
		for e, err := range s.Member.Generate(ctx, r) {
			silent = silent && e.Kind != llm.KindText
			if e.Kind == llm.KindDone && err == nil && silent && !yield(llm.Event{Kind: llm.KindText, Text: s.text}, nil) {
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// model builds the strategy for one question.
func (m *measurer) model(p *plan, members []llm.Member, q int) (llm.Member, error) {
	switch p.Use {
	case useVerify:
		return m.verified(p, slices.Clone(members), q)
	case useTool:
		return m.tooled(members)
	case useRank:
		return m.judged(p, slices.Clone(members), q)
	}
	return p.build("eval", members)
}
