package llm_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
)

func TestUsageAdd(t *testing.T) {
	a := llm.Usage{Input: llm.Counted(10), Output: llm.Count{N: 5, From: llm.Estimated}}
	b := llm.Usage{Input: llm.Counted(1), Output: llm.Counted(2), Reasoning: llm.Counted(7)}
	got := a.Add(b)
	want := llm.Usage{Input: llm.Counted(11), Output: llm.Count{N: 7, From: llm.Estimated}, Reasoning: llm.Counted(7)}
	if got != want {
		t.Errorf("sum %+v, want %+v", got, want)
	}
	if got.CacheRead.Known() {
		t.Error("unknown became zero")
	}
	huge := llm.Usage{Input: llm.Counted(math.MaxInt64)}
	if n := huge.Add(b).Input.N; n != math.MaxInt64 {
		t.Errorf("huge sum %d, want it at the top", n)
	}
}

func TestCost(t *testing.T) {
	hit := money.Rate(200_000)
	day := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	card := &llm.Card{Prices: []llm.Price{
		{Currency: "CNY", Input: 2_000_000, Output: 8_000_000, CacheRead: &hit},
		{Currency: "CNY", Input: 1_000_000, Output: 4_000_000, From: day},
		{Currency: "CNY", Input: 6_000_000, Output: 9_000_000, AboveInputTokens: 1000},
		{Currency: "CNY", Input: 9, Until: day.AddDate(-1, 0, 0)},
	}}
	use := func(in, cached, out int64) llm.Usage {
		return llm.Usage{Input: llm.Counted(in), CacheRead: llm.Counted(cached), Output: llm.Counted(out)}
	}
	f := func(name string, at time.Time, u llm.Usage, want money.Amount) {
		t.Helper()
		got := card.Cost(u, at)
		if got == nil || got.Amount != want || got.Currency != "CNY" {
			t.Errorf("%s: cost %+v, want %d", name, got, want)
		}
	}
	before := day.Add(-time.Second)
	f("cache hits are cheaper", before, use(100, 100, 10), 200+20+80)
	f("the newer price holds from its day", day, use(100, 0, 10), 100+40)
	f("the tier for long requests", before, use(900, 101, 0), 1001*6)
	f("the tier starts above its threshold", before, use(900, 100, 0), 1800+20)
	if got := card.Cost(llm.Usage{Input: llm.Counted(1)}, day); got != nil {
		t.Errorf("unknown output cost %+v, want unknown", got)
	}
	if got := (&llm.Card{}).Cost(use(1, 0, 1), day); got != nil {
		t.Errorf("unknown price cost %+v, want unknown", got)
	}
}

func TestSumParts(t *testing.T) {
	cny := func(a money.Amount) *llm.Cost { return &llm.Cost{Amount: a, Currency: "CNY", From: llm.Upstream} }
	f := func(want *llm.Cost, costs ...*llm.Cost) {
		t.Helper()
		o := &llm.Outcome{}
		for _, c := range costs {
			o.Parts = append(o.Parts, &llm.Outcome{Cost: c})
		}
		o.SumParts()
		if (o.Cost == nil) != (want == nil) || (want != nil && *o.Cost != *want) {
			t.Errorf("sum of %v is %+v, want %+v", costs, o.Cost, want)
		}
	}
	f(nil)
	f(cny(3), cny(1), cny(2))
	f(nil, cny(1), nil, cny(2))
	f(nil, nil, cny(2))
	f(nil, cny(1), &llm.Cost{Amount: 1, Currency: "USD"})
	f(nil, cny(math.MaxInt64), cny(1))
}

func TestAuthor(t *testing.T) {
	leaf := func(name string, ppm int64) *llm.Outcome { return &llm.Outcome{Member: name, WeightPPM: ppm} }
	tree := &llm.Outcome{Parts: []*llm.Outcome{
		leaf("a", 300_000),
		{Member: "council", WeightPPM: 700_000, Parts: []*llm.Outcome{leaf("b", 0), leaf("c", 500_000), leaf("d", 500_000)}},
	}}
	if got := tree.Author(); got == nil || got.Member != "c" {
		t.Errorf("author %+v, want c", got)
	}
	if got := (&llm.Outcome{Parts: []*llm.Outcome{leaf("a", 0)}}).Author(); got != nil {
		t.Errorf("author %+v, want none", got)
	}
	if got := len(tree.Leaves()); got != 4 {
		t.Errorf("%d leaves, want 4", got)
	}
}

func TestOutcomeJSON(t *testing.T) {
	o := &llm.Outcome{
		Member: "summit", Strategy: "vote", Finish: llm.FinishStop, Took: 1500 * time.Millisecond,
		Usage: llm.Usage{Input: llm.Counted(3)},
		Cost:  &llm.Cost{Amount: 1500, Currency: "CNY", From: llm.Estimated},
		Parts: []*llm.Outcome{{Member: "glm", Err: &llm.Error{Kind: llm.Internal, Err: context.Canceled}}},
	}
	got, err := json.Marshal(o)
	want := `{"member":"summit","strategy":"vote","finish":"stop","usage":{"input":{"n":3,"from":"upstream"}},` +
		`"cost":{"amount":"0.0015","currency":"CNY","from":"estimated"},"ttft_ms":0,"took_ms":1500,"weight_ppm":0,` +
		`"parts":[{"member":"glm","usage":{},"cost":null,"ttft_ms":0,"took_ms":0,"weight_ppm":0,"error":{"kind":"internal","message":"internal error"}}]}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

func TestFits(t *testing.T) {
	r := &llm.Request{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartImage, Media: &llm.Media{URL: "x"}}}}}}
	f := func(name string, c llm.Card, r *llm.Request, want llm.ErrorKind) {
		t.Helper()
		e := c.Fits(r)
		if (e == nil) != (want == "") || (e != nil && e.Kind != want) {
			t.Errorf("%s: %v, want %q", name, e, want)
		}
	}
	f("image to a text model", llm.Card{}, r, llm.Unsupported)
	f("image to a seeing model", llm.Card{Inputs: []llm.Modality{llm.ModalityImage}}, r, "")
	tools := &llm.Request{Tools: []llm.Tool{{Kind: "function", Name: "f"}}}
	f("tools", llm.Card{}, tools, llm.Unsupported)
	f("tools it has", llm.Card{Tools: true}, tools, "")
	long := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, string(make([]byte, 40_000)))}}
	f("plainly too long", llm.Card{WindowTokens: 4096}, long, llm.TooLong)
	f("unknown window", llm.Card{}, long, "")
	agent := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "look"), {Role: llm.RoleTool, Parts: []llm.Part{
		{Kind: llm.PartResult, Result: &llm.Result{CallID: "c", Parts: []llm.Part{{Kind: llm.PartText, Text: string(make([]byte, 40_000))}}}}}}}}
	f("a long result of a tool", llm.Card{WindowTokens: 4096}, agent, llm.TooLong)
	tools.Tools[0].Parameters = make([]byte, 40_000)
	f("long tools", llm.Card{Tools: true, WindowTokens: 4096}, tools, llm.TooLong)
}

func TestValid(t *testing.T) {
	ok := func() *llm.Request {
		return &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "hi")}}
	}
	if err := ok().Valid(); err != nil {
		t.Errorf("a plain request: %v", err)
	}
	nan, hot := math.NaN(), 2.5
	for param, spoil := range map[string]func(*llm.Request){
		"messages":                func(r *llm.Request) { r.Messages = nil },
		"messages[0].role":        func(r *llm.Request) { r.Messages[0].Role = "king" },
		"temperature":             func(r *llm.Request) { r.Temperature = &hot },
		"top_p":                   func(r *llm.Request) { r.TopP = &nan },
		"max_tokens":              func(r *llm.Request) { r.MaxTokens = -1 },
		"summit.budget.prefer":    func(r *llm.Request) { r.Summit.Budget.Prefer = "luck" },
		"summit.budget.max_calls": func(r *llm.Request) { r.Summit.Budget.MaxCalls = -1 },
		"summit.budget.max_cost":  func(r *llm.Request) { r.Summit.Budget.MaxCost = -1 },
	} {
		r := ok()
		spoil(r)
		if e := llm.AsError(r.Valid()); e == nil || e.Kind != llm.Invalid || e.Param != param {
			t.Errorf("%s: error %v, want invalid", param, e)
		}
	}
}

// Figures that can only be mistakes are refused: nobody waits for a year.
func TestBudgetValid(t *testing.T) {
	f := func(b llm.Budget, param string) {
		t.Helper()
		e := b.Valid()
		if (e == nil) != (param == "") || (e != nil && (e.Kind != llm.Invalid || e.Param != param || !strings.Contains(e.Message, "want "))) {
			t.Errorf("%+v: %v, want an error about %q", b, e, param)
		}
	}
	f(llm.Budget{}, "")
	f(llm.Budget{MaxCostOf: "a", MaxCost: 1, MaxSeconds: 0.5, MaxCalls: 1000, Prefer: "quality"}, "")
	f(llm.Budget{MaxSeconds: 86_400}, "")
	f(llm.Budget{MaxSeconds: 86_401}, "max_seconds")
	f(llm.Budget{MaxSeconds: -1}, "max_seconds")
	f(llm.Budget{MaxSeconds: math.NaN()}, "max_seconds")
	f(llm.Budget{MaxSeconds: math.Inf(1)}, "max_seconds")
	f(llm.Budget{MaxCalls: 1001}, "max_calls")
	f(llm.Budget{MaxCalls: -1}, "max_calls")
	f(llm.Budget{MaxCost: -1}, "max_cost")
	f(llm.Budget{Prefer: "luck"}, "prefer")
}

func TestAsLooksThroughWrappers(t *testing.T) {
	inner := &llmtest.Script{ID: "inner"}
	got, ok := llm.As[interface{ Asked() []*llm.Request }](wrapper{wrapper{inner}})
	if !ok || got != any(inner) {
		t.Errorf("found %v, %v, want the inner member", got, ok)
	}
	if _, ok := llm.As[llm.Embedder](wrapper{inner}); ok {
		t.Error("found an ability that nobody has")
	}
}

type wrapper struct{ llm.Member }

func (w wrapper) Unwrap() llm.Member { return w.Member }

func TestEstimateTokens(t *testing.T) {
	f := func(text string, want int64) {
		t.Helper()
		if got := llm.EstimateTokens(text); got != want {
			t.Errorf("EstimateTokens(%q) = %d, want %d", text, got, want)
		}
	}
	f("", 0)
	f("12345678", 3)
	f("你好世界", 3)
	f("你好 ok", 3)
}
