package eval

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"summit/llm"
	"summit/member"
)

// result is what a policy did with one question.
type result struct {
	score      float64 // of the member whose answer it was; 0 = no answer
	cost       float64 // USD, of all members that were asked
	calls      int
	confidence float64 // the strategy's own; 0 = it says none
}

// measurer runs plans as strategies over replayed members.
type measurer struct {
	board     *board
	recording *member.Recording
	questions []int
	workers   int
	members   map[int]*member.Replay // by index in the suite, made when needed
	known     map[string][]result    // by the plan's key: pools share plans
	tool      *tool                  // runs what questions ask to be run; nil = nothing may be run
}

// measure asks the plan's strategy every question and returns what it did, in
// the order of the questions.
func (m *measurer) measure(ctx context.Context, p *plan) ([]result, error) {
	if known, ok := m.known[p.key()]; ok {
		return known, nil
	}
	var members []llm.Member
	for i, j := range p.columns {
		if m.members[j] == nil {
			r, err := member.NewReplay(p.Members[i], m.recording, p.Members[i])
			if err != nil {
				return nil, err
			}
			m.members[j] = r
		}
		members = append(members, m.members[j])
	}
	results := make([]result, len(m.questions))
	workers := m.workers
	order := indicesOf(len(results))
	if p.Use == useAuto {
		// What it may spend on a question depends on what came before.
		m.shuffle(order)
		pace, err := p.brain.Pace(p.costX)
		if err != nil {
			return nil, err
		}
		paced := *p
		paced.pace = pace
		p, workers = &paced, 1
	}
	err := parallel(ctx, workers, len(results), func(turn int) error {
		i := order[turn]
		// A new model for each question: strategies rest members that failed
		// lately, and what came before is not to count here.
		model, err := m.model(p, members, m.questions[i])
		if err != nil {
			return err
		}
		r, err := m.ask(ctx, model, m.questions[i])
		results[i] = r
		return err
	})
	if err != nil {
		return nil, err
	}
	m.known[p.key()] = results
	return results, nil
}

// shuffle puts questions into an order that their texts say nothing of, the
// same each time: recordings list them kind by kind, and nobody is asked that way.
func (m *measurer) shuffle(order []int) {
	draw := func(i int) uint64 {
		q := &m.board.suite.Questions[m.questions[i]]
		h := fnv.New64a()
		fmt.Fprintf(h, "%s|%s", q.Suite, q.ID)
		return mixed64(h.Sum64())
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(draw(x), draw(y)) })
}

// ask asks the model one question. The author of the answer is the leaf of
// the Outcome with the greatest share; its recorded score counts.
func (m *measurer) ask(ctx context.Context, model llm.Member, q int) (result, error) {
	s := m.board.suite
	question := &s.Questions[q]
	request := &llm.Request{
		Model:    model.Card().Name,
		Messages: []llm.Message{llm.Text(llm.RoleUser, question.Text())},
		Summit:   llm.Extension{Question: &llm.Question{Suite: question.Suite, ID: question.ID}},
	}
	var done *llm.Outcome
	var failure error
	text := ""
	for e, err := range model.Generate(ctx, request) {
		switch e.Kind {
		case llm.KindText:
			text += e.Text
		case llm.KindDone:
			done, failure = e.Done, err
		}
	}
	if done == nil {
		return result{}, fmt.Errorf("question %q: the stream ended without an Outcome", question.ID)
	}
	switch e := llm.AsError(failure); {
	case e == nil:
	case e.Kind == llm.NotFound, e.Kind == llm.Protocol, e.Kind == llm.Unsupported: // nobody answered
	default:
		return result{}, fmt.Errorf("question %q: %w", question.ID, failure)
	}
	r := result{confidence: float64(done.ConfidencePPM) / 1e6}
	for _, leaf := range done.Leaves() {
		// A member without a row can't be asked, and costs nothing.
		if j, ok := s.Index(leaf.Member); ok && s.Cell(q, j).Asked {
			r.calls++
			r.cost += s.Cell(q, j).CostUSD
		}
	}
	if author := done.Author(); author != nil && author.Member == toolName {
		r.score = m.found(q, text)
	} else if author != nil {
		if j, ok := s.Index(author.Member); ok && s.Cell(q, j).Asked {
			r.score = s.Cell(q, j).Score
		}
	}
	return r, nil
}

// pick returns the results of some of the questions.
func (m *measurer) pick(results []result, questions []int) []result {
	picked := make([]result, 0, len(questions))
	next := 0
	for i, q := range m.questions {
		if next < len(questions) && questions[next] == q {
			picked = append(picked, results[i])
			next++
		}
	}
	return picked
}

func scores(results []result) []float64 {
	all := make([]float64, len(results))
	for i := range results {
		all[i] = results[i].score
	}
	return all
}

func costs(results []result) []float64 {
	all := make([]float64, len(results))
	for i := range results {
		all[i] = results[i].cost
	}
	return all
}

// parallel calls f for 0 to n-1 on so many workers and returns the error of
// the lowest index that failed. Each index is called at most once; those
// after an error may be left out.
func parallel(ctx context.Context, workers, n int, f func(i int) error) error {
	workers = max(min(workers, n), 1)
	var next atomic.Int64
	var group sync.WaitGroup
	var mu sync.Mutex
	first, failure := math.MaxInt, error(nil)
	for range workers {
		group.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= n || ctx.Err() != nil {
					return
				}
				if err := f(i); err != nil {
					mu.Lock()
					if i < first {
						first, failure = i, err
					}
					mu.Unlock()
					next.Store(int64(n))
					return
				}
			}
		})
	}
	group.Wait()
	if failure == nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return failure
}
