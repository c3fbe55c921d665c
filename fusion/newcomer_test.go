package fusion

import (
	"context"
	"testing"
	"testing/synctest"

	"summit/llm"
	"summit/llm/llmtest"
)

// This file is a whole new strategy: the one file that somebody writes who
// adds one. Nothing else knows of it, and yet it is listed, configured by
// name, put under the member suite and used inside others.

func init() {
	Register("longest", "all members answer; the longest answer wins", newLongest)
}

type LongestParams struct {
	AtLeast int    `yaml:"at_least" json:"at_least,omitempty" jsonschema:"minimum=0" jsonschema_description:"bytes that end the asking; 0 = all are waited for"`
	Budget  Budget `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

type longest struct {
	*base
	atLeast int
}

func newLongest(env Env, p LongestParams) (llm.Member, error) {
	b, err := newBase("longest", env, needsAll, p.Budget, nil)
	if err != nil {
		return nil, err
	}
	return &longest{b, p.AtLeast}, nil
}

func (l *longest) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return l.stream(ctx, r, func(ctx context.Context, w *work) error {
		seats, err := w.fitting()
		if err != nil {
			return err
		}
		if toolWork(r) {
			return w.one(ctx, seats, "tool calls have no length")
		}
		var best *reply
		replies := w.council(ctx, w.proposals(seats, r), w.phase(1), nil)
		for i := range replies {
			if rep := &replies[i]; rep.answered() && (best == nil || len(rep.text) > len(best.text)) {
				best = rep
			}
		}
		if best == nil {
			return failed(failures(replies))
		}
		best.part.WeightPPM = ppm
		w.out.Reason = "the longest answer is " + best.seat.name + "'s"
		w.use(decision{winner: best})
		w.say(best)
		return nil
	})
}

func TestOneMoreStrategyIsOneFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		members := []llm.Member{
			llmtest.Text("a", "short", 20*ms),
			llmtest.Text("b", "rather long", 10*ms),
		}
		m, err := New("longest", Env{Name: "mine", Members: members}, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := watch(t.Context(), m, user("Say something."))
		if s.err != nil || s.text != "rather long" || s.took != 20*ms {
			t.Errorf("got %q after %v, error %v, want the longer answer after 20ms", s.text, s.took, s.err)
		}
		inside, err := New("vote", Env{Name: "outer", Members: []llm.Member{m, members[0]}}, VoteParams{Weights: map[string]float64{"mine": 2}})
		if err != nil {
			t.Fatal(err)
		}
		if s := watch(t.Context(), inside, user("Say something.")); s.err != nil || s.text != "rather long" {
			t.Errorf("inside a vote: got %q, error %v", s.text, s.err)
		}
	})
	listed := false
	for _, s := range Strategies() {
		listed = listed || s.Name == "longest"
	}
	if !listed {
		t.Error("the new strategy is not listed")
	}
}
