package fusion

import (
	"fmt"
	"strings"
	"testing"

	"summit/llm"
	"summit/llm/llmtest"
)

func TestRoute(t *testing.T) {
	scenario(t, "route", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "route", RouteParams{Rules: []RouteRule{
			{To: "b", Language: "en"},
			{To: "a", Language: "zh", Contains: "看"},
		}}, everything("a"), llmtest.Text("b", "hello", 0)), user("看一下这个东西")
	})
	scenario(t, "route-unfit", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "route", RouteParams{Rules: []RouteRule{{To: "b"}}}, everything("a"), llmtest.Text("b", "hello", 0)), withTools(user("Look at it."))
	})
	scenario(t, "route-none-fits", func(t *testing.T) (llm.Member, *llm.Request) {
		r := withTools(user("Look at it."))
		small := facts(llmtest.Text("c", "x", 0), llm.Card{WindowTokens: 1, Tools: true}, 0)
		return build(t, "route", nil, llmtest.Text("a", "x", 0), llmtest.Text("b", "x", 0), small), r
	})
}

// The error of a request that fits nobody is one the caller can act on.
func TestNoneFits(t *testing.T) {
	small := func(id string) llm.Member { return facts(llmtest.Text(id, "x", 0), llm.Card{WindowTokens: 1}, 0) }
	for _, strategy := range []string{"route", "fallback", "vote", "cascade", "fuse", "auto"} {
		m := build(t, strategy, nil, small("a"), small("b"))
		if e := llm.AsError(watch(t.Context(), m, user("Look at it.")).err); e == nil || e.Kind != llm.TooLong || e.Param != "messages" {
			t.Errorf("%s, too long: %+v", strategy, e)
		}
		e := llm.AsError(watch(t.Context(), m, withTools(user("Hi"))).err)
		if e == nil || e.Kind != llm.Unsupported || e.Param != "tools" || !strings.Contains(e.Message, "a (calls no tools), b (calls no tools)") {
			t.Errorf("%s, tools: %+v", strategy, e)
		}
	}
}

func TestRouteRules(t *testing.T) {
	yes, no := true, false
	base := func() *llm.Request { return user("Please sort this list for me.") }
	with := func(change func(*llm.Request)) *llm.Request {
		r := base()
		change(r)
		return r
	}
	say := func(s string) *llm.Request {
		return with(func(r *llm.Request) { r.Messages = append(r.Messages, llm.Text(llm.RoleUser, s)) })
	}
	image := with(func(r *llm.Request) {
		r.Messages[0].Parts = append(r.Messages[0].Parts, llm.Part{Kind: llm.PartImage, Media: &llm.Media{URL: "http://127.0.0.1/x.png"}})
	})
	for _, c := range []struct {
		rule RouteRule
		r    *llm.Request
		want bool
	}{
		{RouteRule{}, base(), true},
		{RouteRule{Language: "en"}, base(), true},
		{RouteRule{Language: "zh"}, base(), false},
		{RouteRule{Language: "zh"}, say("请排序"), true},
		{RouteRule{Contains: "SORT this"}, base(), true},
		{RouteRule{Contains: "shuffle"}, base(), false},
		{RouteRule{Contains: "sort"}, say("now shuffle"), false}, // only the last user message
		{RouteRule{Matches: `(?i)^please\b`}, base(), true},
		{RouteRule{Matches: `^sort`}, base(), false},
		{RouteRule{Model: "summit"}, with(func(r *llm.Request) { r.Model = "summit" }), true},
		{RouteRule{Model: "summit"}, base(), false},
		{RouteRule{Format: "text"}, base(), true},
		{RouteRule{Format: "json"}, base(), false},
		{RouteRule{Format: "json"}, with(func(r *llm.Request) { r.Format = &llm.Format{Kind: "json_schema"} }), true},
		{RouteRule{Format: "json_object"}, with(func(r *llm.Request) { r.Format = &llm.Format{Kind: "json_schema"} }), false},
		{RouteRule{MinInputTokens: 5, MaxInputTokens: 20}, base(), true},
		{RouteRule{MinInputTokens: 20}, base(), false},
		{RouteRule{MaxInputTokens: 5}, base(), false},
		{RouteRule{Tools: &yes}, base(), false},
		{RouteRule{Tools: &no}, base(), true},
		{RouteRule{Tools: &yes}, withTools(base()), true},
		{RouteRule{Images: &yes}, image, true},
		{RouteRule{Images: &yes}, base(), false},
		{RouteRule{Code: &yes}, say("fix this:\n```\nx\n```"), true},
		{RouteRule{Code: &no}, base(), true},
		{RouteRule{Language: "en", Contains: "list", Code: &yes}, base(), false}, // all have to hold
	} {
		c.rule.To = "b"
		b, err := newBase("route", Env{Name: "model", Members: []llm.Member{llmtest.Text("a", "", 0), llmtest.Text("b", "", 0)}}, needsOne, Budget{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		compiled, err := b.compile(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled.holds(c.r, c.r.LastUser()); got != c.want {
			t.Errorf("rule (%s) on %q: %v, want %v", compiled.text, c.r.LastUser(), got, c.want)
		}
	}
}

// A conversation stays with its member; the split follows the weights; a
// member that drops out moves only its own conversations.
func TestRouteSplit(t *testing.T) {
	members := []llm.Member{llmtest.Text("a", "A", 0), llmtest.Text("b", "B", 0), llmtest.Text("c", "C", 0)}
	m := build(t, "route", RouteParams{Weights: map[string]float64{"a": 1, "b": 2, "c": 1}}, members...)
	fewer := build(t, "route", RouteParams{Weights: map[string]float64{"a": 1, "b": 2}}, members...)
	const n = 2000
	count := map[string]int{}
	for i := range n {
		r := user(fmt.Sprintf("question %d", i))
		first := watch(t.Context(), m, r).text
		count[first]++
		later := r.Clone()
		later.Messages = append(later.Messages, llm.Text(llm.RoleAssistant, "yes"), llm.Text(llm.RoleUser, "and then?"))
		if second := watch(t.Context(), m, later).text; second != first {
			t.Fatalf("conversation %d went from %s to %s", i, first, second)
		}
		if moved := watch(t.Context(), fewer, r).text; first != "C" && moved != first {
			t.Fatalf("conversation %d moved from %s to %s though only C left", i, first, moved)
		}
	}
	for name, share := range map[string]float64{"A": 0.25, "B": 0.5, "C": 0.25} {
		// Five standard deviations of a binomial.
		if got := float64(count[name]) / n; got < share-0.056 || got > share+0.056 {
			t.Errorf("%s has %.3f of the conversations, want about %.2f", name, got, share)
		}
	}
}

func TestRouteRefusesBadRules(t *testing.T) {
	for want, p := range map[string]RouteParams{
		`rule 1: to: "x" is no member`:                      {Rules: []RouteRule{{To: "x"}}},
		`rule 2: language "de", want zh or en`:              {Rules: []RouteRule{{To: "a"}, {To: "a", Language: "de"}}},
		`matches: error parsing regexp`:                     {Rules: []RouteRule{{To: "a", Matches: "("}}},
		`format "xml", want text, json`:                     {Rules: []RouteRule{{To: "a", Format: "xml"}}},
		`9 to 3 input tokens`:                               {Rules: []RouteRule{{To: "a", MinInputTokens: 9, MaxInputTokens: 3}}},
		`weights: "x" is no member of the model, which has`: {Weights: map[string]float64{"x": 1}},
		`weights: a is -1, want zero or more`:               {Weights: map[string]float64{"a": -1}},
		`weights: none is above zero`:                       {Weights: map[string]float64{"a": 0}},
	} {
		_, err := New("route", Env{Name: "model", Members: []llm.Member{llmtest.Text("a", "", 0)}}, p)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "fusion: model: ") {
			t.Errorf("error %v, want one of the model with %q", err, want)
		}
	}
}

func TestLanguage(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"123 + 456 = ?":             "",
		"What is six times seven?":  "en",
		"六乘七等于多少？":                  "zh",
		"用 Python 写一个 quicksort 函数": "zh",
		"Translate 你好 into English": "en",
		"Quelle heure est-il ?":     "en", // Latin letters: close enough to choose a member by
		"こんにちは、今日は何をしますか。":           "",
		"Сколько будет шестью семь?": "",
		"don't":                       "en",
		"你好 hello":                    "zh",
		"GPT 和 Qwen 比较,which is best": "en",
	} {
		if got := language(text); got != want {
			t.Errorf("language(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestLooksLikeCode(t *testing.T) {
	for text, want := range map[string]bool{
		"":                                     false,
		"What does this mean?":                 false,
		"def f(x):\n    return x + (1)":        true,
		"x = 1;\ny = 2;":                       true,
		"```\nanything\n```":                   true,
		"func main() {\n}":                     true,
		"Return to sender.\nimport taxes.":     false,
		"Let me know.\nfrom here on, go left.": false,
	} {
		if got := looksLikeCode(text); got != want {
			t.Errorf("looksLikeCode(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestHash(t *testing.T) {
	if hash("ab", "c") == hash("a", "bc") || hash("a") == hash("a", "") {
		t.Error("texts run into each other")
	}
	if got := hash("summit"); got != hash("summit") || got == 0 {
		t.Errorf("hash is %d", got)
	}
}
