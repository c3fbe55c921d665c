package fusion

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
)

// account says what a member was expected to cost and what it cost.
func account(o *llm.Outcome) string {
	text := func(c *llm.Cost) string {
		if c == nil {
			return "?"
		}
		return c.Amount.String()
	}
	return fmt.Sprintf("%s %s/%s", o.Member, text(o.Expected), text(o.Cost))
}

// What is expected of an answer follows the answers that came before, and the
// strategy expects what its members' are expected to cost.
func TestExpectedCost(t *testing.T) {
	speaks := func(id string, tokens int64, call money.Amount) *llmtest.Script {
		s := llmtest.Text(id, "42", 0)
		s.Facts.Prices = []llm.Price{{Currency: "CNY", Output: money.Rate(money.Micro), Call: call}} // a millionth for a token
		s.Outcome.Usage.Output = llm.Count{N: tokens, From: llm.Upstream}
		s.Outcome.Cost = &llm.Cost{Amount: call + money.Amount(tokens), Currency: "CNY", From: llm.Upstream}
		return s
	}
	m := build(t, "cascade", nil, speaks("a", 40, 1000), speaks("b", 2000, 7000))
	for _, want := range []string{"model 0.009/0.01004", "model 0.01004/0.01004"} {
		s := watch(t.Context(), m, user("6*7?"))
		if got := account(s.done); got != want && !strings.HasPrefix(want, "model 0.009") || s.err != nil {
			t.Errorf("expected/cost %s, %v, want %s\n%v", got, s.err, want, s.done.Parts[0].Expected)
		}
		if s.done.Stop != "enough members agree" {
			t.Errorf("stopped because %q", s.done.Stop)
		}
	}
	short := user("6*7?")
	short.MaxTokens = 10
	s := watch(t.Context(), m, short)
	if got := account(s.done.Parts[1]); got != "b 0.00701/0.009" {
		t.Errorf("with at most 10 tokens: %s, want b 0.00701/0.009", got)
	}
	// An unknown price leaves the sum unknown.
	s = watch(t.Context(), build(t, "cascade", nil, speaks("a", 40, 1), llmtest.Text("free", "42", 0)), user("6*7?"))
	if s.done.Expected != nil || s.done.Parts[0].Expected == nil {
		t.Errorf("%s of %s, want an unknown sum", account(s.done), account(s.done.Parts[0]))
	}
}

// Each way to stop says so.
func TestStopIsSaid(t *testing.T) {
	f := func(strategy string, params any, budget llm.Budget, want string, members ...llm.Member) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			r := user("Which?")
			r.Summit.Budget = budget
			s := watch(t.Context(), build(t, strategy, params, members...), r)
			if s.err != nil || s.done.Stop != want {
				t.Errorf("%s: stopped because %q, %v, want %q\n%s", strategy, s.done.Stop, s.err, want, tree(s.done))
			}
		})
	}
	say := func(id, text string) llm.Member { return llmtest.Text(id, text, 10*ms) }
	f("auto", nil, llm.Budget{}, "enough members agree", say("a", "1"), say("b", "1"), say("c", "2"))
	f("auto", nil, llm.Budget{}, "all were asked", say("a", "1"), say("b", "2"), say("c", "3"))
	f("auto", nil, llm.Budget{Prefer: "quality"}, "enough members agree", say("a", "1"), say("b", "1"), say("c", "1"), say("d", "1"))
	f("auto", nil, llm.Budget{Prefer: "speed"}, "one member answers and keeps the conversation", say("a", "1"), say("b", "1"))
	f("auto", nil, llm.Budget{MaxSeconds: 4}, "the time limit has passed",
		say("a", "1"), llmtest.Behaving("b", llmtest.Hangs), llmtest.Behaving("c", llmtest.Hangs))
	f("vote", nil, llm.Budget{}, "the answers that were still missing could not change the choice",
		say("a", "1"), say("b", "1"), llmtest.Text("slow", "2", time.Hour))
}

// A server's own limit holds beside the caller's, and beside whose cost it is.
func TestServersLimit(t *testing.T) {
	members := func() []llm.Member {
		return []llm.Member{priced("a", "1", 10), priced("b", "2", 20), priced("c", "3", 40)}
	}
	f := func(budget, limit llm.Budget, want int) {
		t.Helper()
		r := user("Which?")
		r.Summit.Budget, r.Summit.Limit, r.Summit.Question = budget, limit, &llm.Question{}
		if s := watch(t.Context(), build(t, "vote", nil, members()...), r); s.err != nil || len(s.done.Parts) != want {
			t.Errorf("%+v within %+v: %d asked, %v, want %d", budget, limit, len(s.done.Parts), s.err, want)
		}
	}
	f(llm.Budget{}, llm.Budget{}, 3)
	f(llm.Budget{}, llm.Budget{MaxCost: 30}, 2)
	f(llm.Budget{MaxCost: 30}, llm.Budget{MaxCost: 60}, 2)
	f(llm.Budget{MaxCostOf: "c"}, llm.Budget{MaxCostOf: "a"}, 1)
	f(llm.Budget{MaxCostOf: "a"}, llm.Budget{MaxCostOf: "c"}, 1)
	f(llm.Budget{MaxCalls: 3}, llm.Budget{MaxCalls: 2}, 2)
}
