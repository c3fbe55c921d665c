package fusion

import (
	"errors"
	"strings"
	"testing"

	"summit/llm"
	"summit/llm/llmtest"
)

// spoken is a script of tokens with their probabilities; a second probability
// is that of a likelier token.
func spoken(tokens ...[3]any) *llmtest.Script {
	s := &llmtest.Script{ID: "one", Facts: llm.Card{Logprobs: true}, Outcome: llm.Outcome{Reason: "asked", Usage: llm.Usage{Output: llm.Counted(3)}}}
	for _, t := range tokens {
		text, own, best := t[0].(string), t[1].(float64), t[2].(float64)
		s.Pieces = append(s.Pieces, llmtest.Piece{Event: llm.Event{Kind: llm.KindText, Text: text,
			Tokens: []llm.TokenLogprob{{Token: text, Logprob: own, Top: []llm.TokenLogprob{{Logprob: max(own, best)}}}}}})
	}
	return s
}

func TestDoubt(t *testing.T) {
	sure, half, draw := [3]any{"a", -0.01, -0.01}, [3]any{"b", -0.9, -0.9}, [3]any{"c", -3.0, -0.2}
	f := func(m llm.Member, r *llm.Request, text, why string) llm.Reply {
		t.Helper()
		g, err := New("gate", Env{Name: "model", Members: []llm.Member{m}, Gate: byWord{"": "one"}}, GateParams{Sure: 0.5, Unsure: "not sure", UnsureZH: "没把握"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := llm.Collect(g.Generate(t.Context(), r))
		if err != nil || got.Text != text {
			t.Errorf("got %q, %v, want %q", got.Text, err, text)
		}
		if part := got.Outcome.Parts[0]; !strings.Contains(part.Reason, why) || part.Usage.Output.N != 3 {
			t.Errorf("%q: reason %q with %d tokens, want %q with 3", got.Text, part.Reason, part.Usage.Output.N, why)
		}
		if !r.Logprobs && m.Card().Logprobs && len(got.Tokens) > 0 {
			t.Errorf("%q: tokens that nobody asked for: %v", got.Text, got.Tokens)
		}
		return *got
	}
	f(spoken(sure, sure), user("x"), "aa", "asked")
	f(spoken(sure, half), user("x"), "not sure", "asked; held back: its least likely token had 41 %")
	f(spoken(half, sure), user("你好"), "没把握", "41 %")
	f(spoken(sure, draw, half), user("x"), "acb", "asked") // drawn: it is no doubt
	f(&llmtest.Script{ID: "one", Facts: llm.Card{Logprobs: true}, Pieces: spoken(sure, half).Pieces[:1], Outcome: llm.Outcome{Reason: "asked", Usage: llm.Usage{Output: llm.Counted(3)}}}, user("x"), "a", "asked")
	r := user("x")
	r.Logprobs = true
	if got := f(spoken(sure, sure), r, "aa", ""); len(got.Tokens) != 2 {
		t.Errorf("%d tokens, want the 2 that were asked for", len(got.Tokens))
	}
	// A member that can't tell is never doubted; one that fails has failed.
	plain := spoken(sure, half)
	plain.Facts.Logprobs = false
	f(plain, user("x"), "ab", "asked")
	bad := spoken(half)
	bad.Err = errors.New("broken")
	g, err := New("gate", Env{Name: "model", Members: []llm.Member{bad}, Gate: byWord{"": "one"}}, GateParams{Sure: 0.5, Unsure: "not sure"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := llm.Collect(g.Generate(t.Context(), user("x"))); err == nil || got.Text != "b" {
		t.Errorf("got %q, %v, want what came and the error", got.Text, err)
	}
	for _, p := range []GateParams{{Sure: 1.5, Unsure: "x"}, {Sure: -1, Unsure: "x"}, {Sure: 0.5}} {
		if _, err := New("gate", Env{Name: "model", Members: []llm.Member{bad}}, p); err == nil || !strings.Contains(err.Error(), "sure") {
			t.Errorf("%+v: %v, want an error about sure", p, err)
		}
	}
}

// TestDoubterIsAMember: it passes the suite of members, streamed and whole.
func TestDoubterIsAMember(t *testing.T) {
	// The suite's members tell no log-probabilities: this is of errors, leaving and cancelling.
	for _, streaming := range []bool{true, false} {
		r := user("Say hello.")
		r.Streaming = streaming
		llmtest.Suite{Request: r, New: func(_ *testing.T, b llmtest.Behaviour) llm.Member {
			return &doubter{llmtest.Behaving("a", b), 0.5, func(*llm.Request) string { return "not sure" }}
		}}.Run(t)
	}
}
