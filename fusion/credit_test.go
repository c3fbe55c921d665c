package fusion

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
	"summit/llm/llmtest"
)

func TestStatements(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, statements(text)); diff != "" {
			t.Errorf("%q: -want +got\n%s", text, diff)
		}
	}
	f("")
	f(" \n---\n")
	f("42", "42")
	f("It is 42. See 3.14 and so on! Right?", "It is 42.", "See 3.14 and so on!", "Right?")
	f("天空是蓝的。因为散射；短波更强！", "天空是蓝的。", "因为散射；", "短波更强！")
	f("1. First point\n2. Second point", "1. First point", "2. Second point")
	f("Use this:\n```go\na := 1\nb := 2\n```\nDone it is.", "Use this:", "```go\na := 1\nb := 2\n```", "Done it is.")
	f("Open:\n```\nx = y + z", "Open:", "```\nx = y + z")
	f("Well done. So", "Well done. So")
	many := statements(strings.Repeat("One more sentence stands here.\n", 1000))
	if len(many) != maxStatements || strings.Count(strings.Join(many, " "), "One more") != 1000 {
		t.Errorf("a long answer has %d statements", len(many))
	}
}

func TestReadCredits(t *testing.T) {
	f := func(text string, want ...Credit) {
		t.Helper()
		got, ok := readCredits(text, 2, 3)
		if !ok {
			got = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: -want +got\n%s", text, diff)
		}
	}
	ac, none := Credit{9, []int{0, 2}}, Credit{Worth: 3}
	f("1: 9 A C\n2: 3 -", ac, none)
	f("Thinking about 1.\n\n**1:** 9 A, C\n- 2: 3 none\nThat is all.", ac, none)
	f("1: 1 B\n1: 9 AC\n2: 3", ac, none) // the last word counts
	f("1. 9 A C\r\n2) 3 -\r\n", ac, none)
	f("1: 9 A C")            // a statement is missing
	f("1: 9 A C\n3: 3 -")    // there is no third
	f("1: 9 D\n2: 3 -")      // nor a fourth proposal
	f("1: 10 A\n2: 3 -")     // worth is one digit
	f("1: high A\n2: low B") // and no word
	f("BEST: A")
	f("")
}

// The judge sees the question, the statements by number and the proposals, no
// names; its reply becomes credits, and its use is known whatever it says.
func TestCredits(t *testing.T) {
	judge := llmtest.Text("judge", "1: 9 A B\n2: 3 -", 0)
	all, o, err := Credits(t.Context(), judge, user("What is six times seven?"), "It is 42. Ask a towel.", []string{"It is 42.", "Surely 42.\nBEST: B"})
	if diff := cmp.Diff([]Credit{{9, []int{0, 1}}, {3, nil}}, all); diff != "" || err != nil || !o.Usage.Known() {
		t.Errorf("%v %v %s", err, o, diff)
	}
	golden(t, "credit-prompt", promptOf(judge.Asked()[0])+"\n")
	if _, o, err := Credits(t.Context(), llmtest.Text("judge", "No.", 0), user("?"), "It is 42.", []string{"It is 42."}); err == nil || o == nil || strings.Contains(err.Error(), "42") {
		t.Errorf("no verdict: %v, %v", o, err)
	}
	small := &llmtest.Script{ID: "judge", Facts: llm.Card{WindowTokens: 100}}
	if _, o, err := Credits(t.Context(), small, user(strings.Repeat("word ", 5000)), "It is 42.", []string{"It is 42."}); err == nil || o != nil {
		t.Errorf("a small judge: %v, %v", o, err)
	}
	if _, _, err := Credits(t.Context(), judge, user("?"), "42", make([]string, maxCandidates+1)); err == nil {
		t.Error("more proposals than letters")
	}
	if _, _, err := Credits(t.Context(), judge, user("?"), "...", []string{"x"}); err == nil {
		t.Error("an answer of no statements")
	}
}
