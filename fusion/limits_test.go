package fusion

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
)

func numbered(n int) []llm.Member {
	var all []llm.Member
	for i := range n {
		all = append(all, llmtest.Text(fmt.Sprintf("m%02d", i), fmt.Sprint(i), 0))
	}
	return all
}

// askedCalls counts the calls of plain members in the tree; a strategy that
// could ask nobody has no parts.
func askedCalls(o *llm.Outcome) int {
	n := 0
	for _, leaf := range o.Leaves() {
		if leaf.Strategy == "" {
			n++
		}
	}
	return n
}

func TestCallLimit(t *testing.T) {
	for _, c := range []struct {
		config, request, want int
	}{
		{0, 0, 16}, {0, 3, 3}, {2, 5, 2}, {18, 0, 18}, {18, 30, 18}, {0, 100, 16},
	} {
		m := build(t, "vote", VoteParams{Budget: Budget{MaxCalls: c.config}}, numbered(20)...)
		r := user("Which?")
		r.Summit.Budget.MaxCalls = c.request
		s := watch(t.Context(), m, r)
		if got := askedCalls(s.done); got != c.want || s.err != nil {
			t.Errorf("%d configured, %d asked for: %d calls, %v, want %d", c.config, c.request, got, s.err, c.want)
		}
		if want := fmt.Sprintf("m19 was not asked: the limit of %d calls is reached", c.want); !strings.Contains(s.done.Reason, want) {
			t.Errorf("reason %q doesn't say %q", s.done.Reason, want)
		}
	}
}

// Strategies inside a strategy share its calls; an inner limit binds the
// inner one only.
func TestCallLimitIsShared(t *testing.T) {
	votes := func(inner int) []llm.Member {
		var all []llm.Member
		for i := range 4 {
			v, err := New("vote", Env{Name: fmt.Sprintf("v%d", i), Members: numbered(5)}, VoteParams{Budget: Budget{MaxCalls: inner}})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, v)
		}
		return all
	}
	for inner, want := range map[int]int{0: 16, 2: 9} {
		// A question, so that all are waited for.
		r := user("Which?")
		r.Summit.Question = &llm.Question{Suite: "s", ID: "1"}
		judge := llmtest.Text("writer", "fused", 0)
		m := build(t, "fuse", FuseParams{Aggregator: "writer"}, append(votes(inner), helper{judge})...)
		s := watch(t.Context(), m, r)
		if got := askedCalls(s.done); got != want || s.err != nil || s.text != "fused" {
			t.Errorf("inner limit %d: %d calls, %q, %v, want %d with the aggregator's\n%s", inner, got, s.text, s.err, want, tree(s.done))
		}
	}
}

// A judge's or an aggregator's call is kept back.
func TestCallIsHeldForTheJudge(t *testing.T) {
	r := user("Which?")
	r.Summit.Budget.MaxCalls = 3
	for strategy, params := range map[string]any{"fuse": FuseParams{Aggregator: "j"}, "rank": RankParams{Judge: "j"}} {
		m := build(t, strategy, params, append(numbered(5), helper{llmtest.Text("j", "BEST: A", 0)})...)
		s := watch(t.Context(), m, r)
		if n := len(s.done.Parts); n != 3 || s.done.Parts[2].Member != "j" || s.err != nil {
			t.Errorf("%s: %v\n%s", strategy, s.err, tree(s.done))
		}
	}
	// An unused one is given back.
	m := build(t, "vote", VoteParams{Judge: "j"}, append(numbered(5), helper{llmtest.Text("j", "GROUPS: A", 0)})...).(*vote)
	s := watch(t.Context(), m, r)
	if n := len(s.done.Parts); n != 2 {
		t.Errorf("%d were asked, want 2: one call is held back for the judge", n)
	}
}

func priced(id, text string, call money.Amount) *llmtest.Script {
	return facts(llmtest.Text(id, text, 0), llm.Card{}, call)
}

func TestCostLimit(t *testing.T) {
	gratis := llmtest.Text("gratis", "5", 0)
	gratis.Facts.Prices = []llm.Price{{Currency: "CNY"}}
	members := func() []llm.Member {
		return []llm.Member{priced("a", "1", 10), priced("b", "2", 20), priced("c", "3", 40), llmtest.Text("free", "4", 0), gratis}
	}
	asked := func(o *llm.Outcome) string {
		var names []string
		for _, p := range o.Parts {
			names = append(names, p.Member)
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct {
		budget llm.Budget
		want   string
		why    string
	}{
		{llm.Budget{}, "a b c free gratis", ""},
		{llm.Budget{MaxCost: 70}, "a b c gratis", "free was not asked: its price is unknown, and the cost is limited to 0.00007"},
		{llm.Budget{MaxCost: 69}, "a b gratis", "c was not asked: it may cost 0.00004 CNY, 0.000039 of 0.000069 are left"},
		{llm.Budget{MaxCostOf: "c"}, "a b gratis", "c was not asked"},
		{llm.Budget{MaxCostOf: "a"}, "a gratis", "b was not asked"},
		{llm.Budget{MaxCostOf: "c", MaxCost: 15}, "a gratis", "b was not asked"},
		{llm.Budget{MaxCostOf: "gratis"}, "gratis", "a was not asked"}, // nothing is a bound too
	} {
		r := user("Which?")
		r.Summit.Budget = c.budget
		r.Summit.Question = &llm.Question{}
		s := watch(t.Context(), build(t, "vote", nil, members()...), r)
		if got := asked(s.done); got != c.want || s.err != nil || !strings.Contains(s.done.Reason, c.why) {
			t.Errorf("%+v: asked %q because %q, %v, want %q because %q", c.budget, got, s.done.Reason, s.err, c.want, c.why)
		}
	}
	configured := build(t, "vote", VoteParams{Budget: Budget{MaxCostOf: "b", MaxCost: 1000}}, members()...)
	if s := watch(t.Context(), configured, user("Which?")); asked(s.done) != "a gratis" {
		t.Errorf("configured: asked %q, want a gratis", asked(s.done))
	}

	// What a call cost replaces what it could have: the next ones are asked.
	cheap := priced("a", "1", 60)
	cheap.Outcome.Cost = &llm.Cost{Amount: 5, Currency: "CNY", From: llm.Upstream}
	r := user("Which?")
	r.Summit.Budget.MaxCost = 70
	s := watch(t.Context(), build(t, "cascade", nil, cheap, priced("b", "2", 65)), r)
	if got := asked(s.done); got != "a b" {
		t.Errorf("after a cheap call: asked %q, want a b\n%s", got, tree(s.done))
	}
}

func TestBudgetErrors(t *testing.T) {
	dollars := llmtest.Text("dollars", "5", 0)
	dollars.Facts.Prices = []llm.Price{{Currency: "USD", Call: 1}}
	members := []llm.Member{priced("a", "1", 10), llmtest.Text("free", "4", 0), dollars}
	for _, c := range []struct {
		budget      llm.Budget
		kind        llm.ErrorKind
		param, text string
	}{
		{llm.Budget{MaxCostOf: "nobody"}, llm.Invalid, "summit.budget.max_cost_of", `max_cost_of "nobody" is no known member`},
		{llm.Budget{MaxCostOf: "free"}, llm.Unsupported, "summit.budget.max_cost_of", `what that member costs is unknown`},
		{llm.Budget{MaxCost: 5, MaxCostOf: "a"}, llm.Unsupported, "summit.budget", "a: it may cost 0.00001 CNY, 0.000005 of 0.000005 are left"},
	} {
		for _, strategy := range []string{"vote", "cascade", "fallback", "fuse", "auto"} {
			r := user("Which?")
			r.Summit.Budget = c.budget
			s := watch(t.Context(), build(t, strategy, nil, members...), r)
			e := llm.AsError(s.err)
			if e == nil || e.Kind != c.kind || e.Param != c.param || !strings.Contains(e.Error(), c.text) {
				t.Errorf("%s, %+v: %v (%+v), want %s of %s: %s", strategy, c.budget, s.err, e, c.kind, c.param, c.text)
			}
			if len(s.done.Parts) != 0 {
				t.Errorf("%s: somebody was asked:\n%s", strategy, tree(s.done))
			}
		}
	}
}

// The time of the outermost strategy holds inside: an inner vote decides with
// what it has in time for the outer one to go on.
func TestTimeLimitInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, err := New("vote", Env{Name: "votes", Members: []llm.Member{
			llmtest.Text("a", "41", 10*ms), llmtest.Text("b", "42", 20*ms), llmtest.Behaving("hangs", llmtest.Hangs)}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		m := build(t, "fuse", FuseParams{Aggregator: "writer"}, inner, llmtest.Behaving("hangs too", llmtest.Hangs), helper{llmtest.Text("writer", "fused", 10*ms)})
		r := user("Which?")
		r.Summit.Budget.MaxSeconds = 6
		s := watch(t.Context(), m, r)
		if s.took != 3*time.Second+10*ms || s.text != "fused" || s.err != nil {
			t.Errorf("%q after %v, %v, want the fused answer after 3.01s: half of the time is the proposers'", s.text, s.took, s.err)
		}
		golden(t, "limit-inside", tree(s.done))
	})
}

// Without any limit a member that hangs is given up in the end.
func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := build(t, "vote", nil, llmtest.Text("a", "42", 10*ms), llmtest.Behaving("hangs", llmtest.Hangs))
		if s := watch(t.Context(), m, user("Which?")); s.took != patience || s.text != "42" {
			t.Errorf("%q after %v, %v, want 42 after %v", s.text, s.took, s.err, patience)
		}
	})
}

func TestHugeSecondsAreNoLimit(t *testing.T) {
	r := user("Which?")
	r.Summit.Budget.MaxSeconds = 1e300
	if s := watch(t.Context(), build(t, "single", nil, llmtest.Text("a", "42", 0)), r); s.err != nil || s.text != "42" {
		t.Errorf("%q, %v", s.text, s.err)
	}
}

func TestQuote(t *testing.T) {
	price := func(id string, in, out money.Rate) *llmtest.Script {
		s := llmtest.Text(id, "1", 0)
		s.Facts = llm.Card{MaxOutputTokens: 1000, Prices: []llm.Price{{Currency: "CNY", Input: in, Output: out}}}
		return s
	}
	// 1,000,000 a million tokens is 1 a token. 38 letters are 10 tokens.
	members := []llm.Member{price("a", 1_000_000, 2_000_000), price("b", 0, 3_000_000)}
	r := user(strings.Repeat("x", 38))
	r.MaxTokens = 100
	const a, b = 10 + 200, 300
	for _, c := range []struct {
		strategy string
		params   any
		want     money.Amount
	}{
		{"route", nil, b},
		{"fallback", nil, a + b},
		{"cascade", nil, a + b},
		{"cascade", CascadeParams{Accept: "judge", Judge: "a"}, a + b + (a + 100)},
		{"vote", nil, a + b},
		{"vote", VoteParams{Judge: "a"}, a + b + a + 200},
		{"rank", RankParams{Judge: "a"}, a + b + a + 200},
		{"rank", RankParams{Judge: "a", Mode: "pairwise"}, a + b + 2*(a+200)},
		{"fuse", nil, a + b + (a + 200)},
		{"fuse", FuseParams{Rounds: 2}, 2*(a+b) + 200 + (a + 200)},
		{"auto", nil, a + b},
	} {
		m := build(t, c.strategy, c.params, members...)
		q, ok := llm.As[llm.Quoter](m)
		if !ok {
			t.Fatalf("%s quotes nothing", c.strategy)
		}
		got, err := q.Quote(r)
		if err != nil || got == nil || got.Amount != c.want || got.Currency != "CNY" {
			t.Errorf("%s %+v: %+v, %v, want %d", c.strategy, c.params, got, err, c.want)
		}
		// Inside another it is asked for its quote.
		outer := build(t, "single", nil, m)
		if got, _ := outer.(llm.Quoter).Quote(r); got == nil || got.Amount != c.want {
			t.Errorf("single over %s: %+v, want %d", c.strategy, got, c.want)
		}
		unknown := build(t, c.strategy, c.params, append(members, llmtest.Text("free", "", 0))...)
		if got, err := unknown.(llm.Quoter).Quote(r); got != nil || err != nil {
			t.Errorf("%s with a member of unknown price: %+v, %v, want nothing", c.strategy, got, err)
		}
	}
}

// flooding answers for ever and doesn't look at its context.
type flooding struct{ stopped chan bool }

func (f flooding) Card() *llm.Card { return &llm.Card{Name: "floods"} }

func (f flooding) Generate(context.Context, *llm.Request) llm.Stream {
	return func(yield func(llm.Event, error) bool) {
		piece := strings.Repeat("blah", 16<<10)
		for yield(llm.Event{Kind: llm.KindText, Text: piece}, nil) {
		}
		f.stopped <- true
	}
}

type panicking struct{ llm.Member }

func (p panicking) Generate(context.Context, *llm.Request) llm.Stream {
	return func(yield func(llm.Event, error) bool) {
		if yield(text("half an ans"), nil) {
			panic("index out of range")
		}
	}
}

// mute ends without saying how, which no member may.
type mute struct{ llm.Member }

func (m mute) Generate(context.Context, *llm.Request) llm.Stream {
	return func(yield func(llm.Event, error) bool) { yield(text("41"), nil) }
}

func TestCouncilSurvivesBadMembers(t *testing.T) {
	for _, strategy := range []string{"vote", "rank", "fuse", "cascade"} {
		flood := flooding{make(chan bool, 10)}
		caller := events("caller", after(0, llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Name: "rm"}}))
		m := build(t, strategy, map[string]any{"rank": RankParams{Judge: "judge"}, "fuse": FuseParams{Aggregator: "judge"}}[strategy],
			flood, mute{llmtest.Text("mute", "", 0)}, caller, llmtest.Text("good", "42", 0), llmtest.Text("good2", "42", 0),
			helper{llmtest.Text("judge", "BEST: A", 0)})
		if strategy != "cascade" { // there it runs on the caller's goroutine, where a panic is the caller's to see
			m = build(t, "vote", nil, m, panicking{llmtest.Text("panics", "", 0)})
		}
		s := watch(t.Context(), m, user("Which?"))
		if s.err != nil || (s.text != "42" && s.text != "BEST: A") {
			t.Errorf("%s: %q, %v\n%s", strategy, s.text, s.err, tree(s.done))
		}
		if !<-flood.stopped {
			t.Error("the flood goes on")
		}
		kinds := map[string]llm.ErrorKind{"floods": llm.Protocol, "mute": llm.Protocol, "caller": llm.Protocol, "panics": llm.Internal}
		for _, p := range s.done.Leaves() {
			if want := kinds[p.Member]; (p.Err == nil) != (want == "") || (p.Err != nil && p.Err.Kind != want) {
				t.Errorf("%s: %s has error %v, want kind %q", strategy, p.Member, p.Err, want)
			}
			if p.Member == "floods" && p.Usage.Output.N < llm.MaxReplyBytes/bytesPerToken {
				t.Errorf("%s: the flood's use is said to be %d tokens", strategy, p.Usage.Output.N)
			}
			if p.Member == "panics" && strings.Contains(p.Err.Public(), "index") {
				t.Errorf("the caller is shown %q", p.Err.Public())
			}
		}
	}
}

// A member that never stops is left once its caller has gone.
func TestPassingOnSurvivesAFlood(t *testing.T) {
	for _, strategy := range []string{"single", "fallback"} {
		flood := flooding{make(chan bool, 1)}
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		var last error
		for _, err := range build(t, strategy, nil, flood).Generate(ctx, user("Which?")) {
			if last = err; n == 10 {
				cancel()
			}
			n++
		}
		if !<-flood.stopped || n != 12 || llm.AsError(last).Kind != llm.Canceled {
			t.Errorf("%s: %d events, then %v, want 11 and the cancel", strategy, n, last)
		}
		cancel()
	}
}

// However many calls are allowed, only so many are made at the same time.
func TestParallelLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var members []llm.Member
		for i := range maxParallel + 4 {
			members = append(members, llmtest.Text(fmt.Sprintf("m%02d", i), essay(fmt.Sprint(i)), time.Second))
		}
		m := build(t, "vote", VoteParams{Budget: Budget{MaxCalls: 100}}, members...)
		if s := watch(t.Context(), m, user("Which?")); s.took != 2*time.Second || len(s.done.Parts) != len(members) {
			t.Errorf("%d members took %v, want %d in two waves of a second", len(s.done.Parts), s.took, len(members))
		}
	})
}

// Recordings are asked one after the other, for they answer at once; members
// that turn out to be slow are asked in parallel all the same.
func TestRecordedButSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var members []llm.Member
		for i := range 5 {
			members = append(members, llmtest.Text(fmt.Sprint(i), "42", time.Second))
		}
		r := user("Which?")
		r.Streaming, r.Summit.Question = false, &llm.Question{Suite: "s", ID: "1"}
		s := watch(t.Context(), build(t, "vote", nil, members...), r)
		if s.took != 2*time.Second || len(s.done.Parts) != 5 || s.err != nil {
			t.Errorf("took %v for %d members, %v, want 2s for all five", s.took, len(s.done.Parts), s.err)
		}
	})
}
