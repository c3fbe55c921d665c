package alliance

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
)

// An answer that was written token by token is shared by what the strategy
// counted of every coalition, without those who stood by.
func TestTokensAreSharedByCoalitions(t *testing.T) {
	a := liveAlliance(t, liveTerms)
	o := &llm.Outcome{Member: "both", Strategy: "tokens", Finish: llm.FinishStop, Usage: used(2000, 0, 200),
		Coalitions: map[string]int64{"glm": 300_000, "qwen": 500_000, "glm+qwen": 600_000},
		Parts: []*llm.Outcome{
			{Member: "qwen", Usage: used(1000, 0, 100), WeightPPM: 700_000},
			{Member: "glm", Usage: used(1000, 0, 100), WeightPPM: 300_000},
		}}
	meter := func() Request {
		t.Helper()
		e, err := a.Meter(Answer{ID: "r", Customer: "default", Model: "summit", At: mustTime("2026-12-03T00:00:00Z"), Outcome: o, Input: 1000, Output: 100, Delivered: true, Bound: 2000}, 50_000, nil)
		if err != nil {
			t.Fatal(err)
		}
		return e.Request
	}
	r := meter()
	if d := cmp.Diff(o.Coalitions, r.V); r.Mode != "tokens" || d != "" || r.Weights != nil {
		t.Errorf("mode %s, weights %v, coalitions (-want +got):\n%s", r.Mode, r.Weights, d)
	}
	// Where one of them is not known, the shares in the answer decide.
	delete(o.Coalitions, "glm")
	if r = meter(); r.V != nil || r.Weights["qwen"] != 700_000 {
		t.Errorf("v %v, weights %v, want the shares", r.V, r.Weights)
	}
}
