package summit

import (
	"math"
	"os"
	"strings"
	"testing"

	"summit/fusion"
	"summit/llm"
)

// Over real weights: a model that proposes to itself says what it says alone,
// and what it contributes stands in the Outcome.
func TestTokensOverAModelFile(t *testing.T) {
	const file = "../shared/weights/stories260K.gguf"
	if _, err := os.Stat(file); err != nil {
		t.Skip("no weights beside the repository")
	}
	two := []string{"a", "b"}
	s, err := Open(t.Context(), Config{
		Members: map[string]Member{
			"a": {Use: "local", File: file, Params: &LocalParams{Exact: true, Threads: 1}},
			"b": {Use: "local", File: file, Params: &LocalParams{Threads: 1}},
		},
		Models: map[string]Model{
			"both": {Use: "tokens", Members: two},
			"fast": {Use: "tokens", Members: two, Params: &fusion.TokensParams{Draft: "b"}},
		},
		Ephemeral: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ask := func(name string) *llm.Reply {
		t.Helper()
		m, err := s.Model(name)
		if err != nil {
			t.Fatal(err)
		}
		r := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "Once upon a time")}, MaxTokens: 40, Temperature: new(0.0)}
		got, err := llm.Collect(m.Generate(t.Context(), r))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return got
	}
	alone := ask("a").Text
	if !strings.HasPrefix(alone, ", there was a little girl") {
		t.Errorf("alone: %q", alone)
	}
	for _, name := range []string{"both", "fast"} {
		got := ask(name)
		if got.Text != alone {
			t.Errorf("%s: %q, want %q", name, got.Text, alone)
		}
		for _, p := range got.Outcome.Parts {
			if p.Member == "a" && (len(p.StepLogprobs) != 40 || math.IsNaN(p.StepLogprobs[7])) {
				t.Errorf("%s: %d log-probabilities of steps, want 40", name, len(p.StepLogprobs))
			}
		}
		if v := got.Outcome.Coalitions["a+b"]; v < 300_000 {
			t.Errorf("%s: both together gave a step a probability of %d millionths", name, v)
		}
		if name == "fast" && !strings.Contains(got.Outcome.Reason, " tokens that b proposed were as a writes") {
			t.Errorf("reason %q", got.Outcome.Reason)
		}
	}
}
