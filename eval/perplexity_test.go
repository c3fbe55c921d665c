package eval

import (
	"math"
	"strings"
	"testing"

	"summit/llm"
	"summit/llm/llmtest"
)

func TestReadPassages(t *testing.T) {
	f := func(name, text string, want ...string) {
		t.Helper()
		got, err := ReadPassages(strings.NewReader(text), name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if len(got) != len(want) {
			t.Errorf("%s: %d passages, want %d", name, len(got), len(want))
			return
		}
		for i, w := range want {
			if got[i].Text != w {
				t.Errorf("%s: passage %d is %q, want %q", name, i, got[i].Text, w)
			}
		}
	}
	f("a.txt", "one\r\ntwo\r\n---\nthree\n---\n\n", "one\ntwo", "three")
	f("a.jsonl", `{"text": "one"}`+"\n\n"+`{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}`, "one", "a")
	bad := func(name, text, want string) {
		t.Helper()
		if _, err := ReadPassages(strings.NewReader(text), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	bad("a.txt", "\n---\n", "no text")
	bad("a.jsonl", `{"text": ""}`, "line 1: want")
	bad("a.jsonl", "{}\n", "line 1: want")
	bad("a.jsonl", `{"text": "x", "messages": [{"role": "user"}, {"role": "assistant", "content": "x"}]}`, "line 1: want")
	bad("a.jsonl", `{"messages": [{"role": "user", "content": "q"}, {"role": "user", "content": "q"}]}`, "line 1: want")
	bad("a.jsonl", `[`, "line 1: unexpected end")
	bad("a.txt", strings.Repeat("x", maxPassageBytes+1), "want at most")
}

// speaking is a member that knows words of its own and spells the rest.
func speaking(id string, tokens ...string) llm.Member {
	s := &llmtest.Steps{ID: id, Tokens: tokens}
	for c := 'a'; c <= 'z'; c++ {
		s.Tokens = append(s.Tokens, string(c))
	}
	s.Tokens = append(s.Tokens, " ", llmtest.End)
	s.Next = func(string) map[string]float64 {
		next := map[string]float64{}
		for i, t := range s.Tokens {
			if i < len(tokens) {
				next[t] = 0.8 / float64(len(tokens))
			} else {
				next[t] = 0.2 / float64(len(s.Tokens)-len(tokens))
			}
		}
		return next
	}
	return s
}

// Where a text changes its subject, members together expect it better than any
// one of them, and better than the best chosen for each text.
func TestMixtureBeatsGatesOnMixedText(t *testing.T) {
	o := PerplexityOptions{
		Members:  []llm.Member{speaking("tea", "tea ", "cup ", "pot "), speaking("sea", "wave ", "ship ", "sail ")},
		Passages: []Passage{{Text: "tea cup pot tea cup wave ship sail wave ship pot tea"}, {Text: "ship sail sail"}},
	}
	r, err := Perplexity(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	find := func(rows []ExpectedWell, name string) float64 {
		t.Helper()
		for _, x := range rows {
			if x.Name == name {
				if math.Abs(math.Exp2(x.Bits)-x.Perplexity) > 1e-9 {
					t.Errorf("%s: %v bits are no perplexity of %v", name, x.Bits, x.Perplexity)
				}
				return x.Perplexity
			}
		}
		t.Fatalf("no row %q in %+v", name, rows)
		return 0
	}
	gate, hindsight, best := find(r.Mixtures, "gate"), find(r.Gates, GateHindsight), find(r.Gates, GateBest)
	if !(gate < hindsight && hindsight <= best && best < 256) {
		t.Errorf("mixture %v, best member each text %v, best member %v", gate, hindsight, best)
	}
	if leader := find(r.Gates, GateLeader); !(leader > gate) {
		t.Errorf("leader %v, mixture %v", leader, gate)
	}
	if r.Bytes != 52+14 || r.Passages != 2 || len(r.Members) != 2 {
		t.Errorf("%d bytes of %d texts by %d members", r.Bytes, r.Passages, len(r.Members))
	}
	// The first text alone: each word of three letters and a blank is one token
	// of three that have 0.8 together; what a member has no word for it spells.
	o.Passages = []Passage{{Text: "tea "}}
	if r, err = Perplexity(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	letters := math.Pow(0.2/28, 4)
	if got, want := find(r.Members, "tea"), math.Pow(0.8/3+letters, -1./4); math.Abs(got-want) > 0.01 {
		t.Errorf("the word of its own has perplexity %v, want %v", got, want)
	}
	if _, err := Perplexity(t.Context(), PerplexityOptions{Members: []llm.Member{llmtest.Text("far", "x", 0)}, Passages: o.Passages}); err == nil || !strings.Contains(err.Error(), "far doesn't show") {
		t.Errorf("a member without steps: %v", err)
	}
}
