package fusion

import (
	"strings"
	"testing"

	"summit/llm"
	"summit/llm/llmtest"
)

// byWord is a gate that knows one word of each member.
type byWord map[string]string

func (g byWord) Choose(text string) (string, float64) {
	for word, member := range g {
		if strings.Contains(text, word) {
			return member, 0.9
		}
	}
	return "", 0.8
}

func TestGate(t *testing.T) {
	members := []llm.Member{llmtest.Text("poet", "a poem", 0), llmtest.Text("sum", "6*7=42", 0)}
	f := func(p GateParams, g Gate, asked, text, why string) {
		t.Helper()
		m, err := New("gate", Env{Name: "model", Members: members, Gate: g}, p)
		if err != nil {
			t.Fatal(err)
		}
		r, err := llm.Collect(m.Generate(t.Context(), user(asked)))
		got, reason := "", ""
		if err != nil {
			got = "error: " + string(llm.AsError(err).Kind)
		} else {
			got, reason = r.Text, r.Outcome.Reason
		}
		if got != text || !strings.Contains(reason, why) {
			t.Errorf("%q gives %q because %q, want %q because %q", asked, got, reason, text, why)
		}
	}
	words := byWord{"moon": "poet", "*": "sum", "sing": "singer"}
	say := GateParams{Otherwise: "I can't", OtherwiseZH: "我不会"}
	f(say, words, "6*7", "6*7=42", "the gate gives sum 90 %")
	f(say, words, "the moon", "a poem", "poet 90 %")
	f(say, words, "hello", "I can't", "80 % sure that it is for no member")
	f(say, words, "你好吗", "我不会", "no member")
	f(say, words, "sing", "I can't", "singer 90 %, who is not there")
	f(GateParams{Otherwise: "No"}, words, "你好吗", "No", "no member")
	f(GateParams{}, words, "hello", "error: unsupported", "")
	f(say, nil, "6*7", "a poem", "no gate was learned")
	f(GateParams{Samples: 3}, words, "6*7", "6*7=42", "\"6*7=42\" has ") // 2 of 2, decided before the third had answered, or 3 of 3
	if _, err := New("gate", Env{Name: "model", Members: members}, GateParams{Samples: 33}); err == nil {
		t.Error("33 samples are accepted")
	}
}
