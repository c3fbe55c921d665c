package fusion

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	yaml "go.yaml.in/yaml/v3"

	"summit/llm"
	"summit/llm/llmtest"
)

// Every field has one name in YAML, JSON and the schema, and says what it is.
func TestParamsAreNamedAndDescribed(t *testing.T) {
	var check func(t *testing.T, at string, typ reflect.Type)
	check = func(t *testing.T, at string, typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			y, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			j, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if y == "" || y != j || y != strings.ToLower(y) {
				t.Errorf("%s.%s is %q in YAML and %q in JSON, want one snake_case name", at, f.Name, y, j)
			}
			if f.Tag.Get("jsonschema_description") == "" {
				t.Errorf("%s.%s has no description", at, f.Name)
			}
			inner := f.Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if inner.Kind() == reflect.Struct {
				check(t, at+"."+f.Name, inner)
			}
		}
	}
	for _, s := range Strategies() {
		t.Run(s.Name, func(t *testing.T) {
			p := s.Params()
			check(t, s.Name, reflect.TypeOf(p).Elem())
			if name := reflect.TypeOf(p).Elem().Name(); strings.ToLower(name) != s.Name+"params" {
				t.Errorf("the parameters are a %s, want <Strategy>Params", name)
			}
			if s.About == "" {
				t.Error("it says nothing about itself")
			}
			if _, err := json.Marshal(jsonschema.Reflect(p)); err != nil {
				t.Error(err)
			}
			if reflect.TypeOf(p).Elem().NumField() == 0 {
				return
			}
			if _, ok := reflect.TypeOf(p).Elem().FieldByName("Budget"); !ok {
				t.Error("it has no Budget")
			}
		})
	}
}

func TestParamsFromYAML(t *testing.T) {
	for strategy, c := range map[string]struct {
		text string
		want any
	}{
		"vote":    {"weights: {a: 1.5}\njudge: a\nbudget: {max_calls: 5, max_cost: 0.02, max_cost_of: a, max_seconds: 2.5}", &VoteParams{Weights: map[string]float64{"a": 1.5}, Judge: "a", Budget: Budget{5, 20_000, "a", 2.5}}},
		"cascade": {"accept: judge\nagree: 1\nthreshold: 2\njudge: a", &CascadeParams{Accept: "judge", Agree: 1, Threshold: 2, Judge: "a"}},
		"fuse":    {"aggregator: a\nrounds: 2", &FuseParams{Aggregator: "a", Rounds: 2}},
		"route":   {"rules: [{to: a, language: zh, tools: false}]\nweights: {a: 1}", &RouteParams{Rules: []RouteRule{{To: "a", Language: "zh", Tools: new(bool)}}, Weights: map[string]float64{"a": 1}}},
	} {
		for _, s := range Strategies() {
			if s.Name != strategy {
				continue
			}
			p := s.Params()
			d := yaml.NewDecoder(strings.NewReader(c.text))
			d.KnownFields(true)
			if err := d.Decode(p); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, p); d != "" {
				t.Errorf("%s (-want +got):\n%s", strategy, d)
			}
			if _, err := New(strategy, Env{Name: "m", Members: []llm.Member{llmtest.Text("a", "", 0)}}, p); err != nil {
				t.Error(err)
			}
			// And through JSON without loss.
			text, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			again := s.Params()
			if err := json.Unmarshal(text, again); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(p, again); d != "" {
				t.Errorf("%s through JSON (-want +got):\n%s", strategy, d)
			}
		}
	}
}

func TestBadParams(t *testing.T) {
	two := []llm.Member{llmtest.Text("a", "", 0), llmtest.Text("b", "", 0)}
	nan := 0.0
	nan /= nan
	for _, c := range []struct {
		strategy string
		params   any
		want     string
	}{
		{"single", nil, "2 members, want exactly one"},
		{"nonsense", nil, `use "nonsense" is no known strategy`},
		{"vote", FuseParams{}, "parameters are fusion.FuseParams, want fusion.VoteParams"},
		{"vote", VoteParams{Judge: "x"}, `judge: "x" is no member of the model, which has a, b`},
		{"vote", VoteParams{Weights: map[string]float64{"a": nan}}, "weights: a is NaN, want zero or more"},
		{"vote", VoteParams{Budget: Budget{MaxCalls: -1}}, "budget: a bound is negative"},
		{"vote", VoteParams{Budget: Budget{MaxSeconds: nan}}, "budget: a bound is negative"},
		{"vote", VoteParams{Budget: Budget{MaxCostOf: "x"}}, `budget: max_cost_of: "x" is no member`},
		{"cascade", CascadeParams{Accept: "hope"}, `accept: "hope", want agreement or judge`},
		{"cascade", CascadeParams{Accept: "judge"}, "judge: none, want a member's name where accept is judge"},
		{"cascade", CascadeParams{Judge: "a"}, `judge: "a" has nothing to judge where accept is agreement`},
		{"cascade", CascadeParams{Agree: 3}, "agree: 3, want 1 to 2"},
		{"cascade", CascadeParams{Threshold: -1}, "threshold: -1, want zero or more"},
		{"rank", nil, "judge: none, want a member's name"},
		{"rank", RankParams{Judge: "a", Mode: "best"}, `mode: "best", want listwise or pairwise`},
		{"fuse", FuseParams{Rounds: 4}, "rounds: 4, want 1 to 3"},
		{"fuse", FuseParams{Aggregator: "x"}, `aggregator: "x" is no member`},
		{"fallback", FallbackParams{FirstSeconds: -1}, "first_seconds -1, rest_seconds 0, want zero to 86400"},
		{"auto", AutoParams{Order: []string{"a"}}, "order: a, want each of a, b once"},
		{"auto", AutoParams{Order: []string{"a", "x"}}, "order: a, x, want each of a, b once"},
		{"auto", AutoParams{Agree: -1}, "agree: -1, want 1 to 2"},
	} {
		m, err := New(c.strategy, Env{Name: "model", Members: two}, c.params)
		if err == nil || m != nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "fusion: model: ") {
			t.Errorf("%s %+v: %v, want an error with %q", c.strategy, c.params, err, c.want)
		}
	}
	for want, env := range map[string]Env{
		"fusion: vote: the model has no name":          {Members: two},
		"fusion: model: no members, want at least one": {Name: "model"},
		"fusion: model: member 2 is missing":           {Name: "model", Members: []llm.Member{two[0], nil}},
	} {
		if _, err := New("vote", env, nil); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestCards(t *testing.T) {
	a := llmtest.Text("a", "", 0)
	a.Facts = llm.Card{Vendor: "v", Family: "f", WindowTokens: 8000, MaxOutputTokens: 1000, Tools: true, Inputs: []llm.Modality{llm.ModalityImage}, Labels: []string{"demonstration"}, Prices: []llm.Price{{}}}
	b := llmtest.Text("b", "", 0)
	b.Facts = llm.Card{Vendor: "v", Family: "g", WindowTokens: 32000, Structured: true, Logprobs: true, Labels: []string{"demonstration", "fictional"}}
	for strategy, want := range map[string]llm.Card{
		"vote":  {WindowTokens: 8000, MaxOutputTokens: 1000, Logprobs: true},
		"fuse":  {WindowTokens: 8000, MaxOutputTokens: 1000},
		"route": {WindowTokens: 32000, MaxOutputTokens: 0, Logprobs: true}, // one of them sets no bound
		"auto":  {WindowTokens: 32000, MaxOutputTokens: 0, Logprobs: true},
	} {
		want.Name, want.About, want.Vendor = "model", strategy+" of a, b", "v"
		want.Tools, want.Structured = true, true
		want.Inputs, want.Labels = []llm.Modality{llm.ModalityImage}, []string{"demonstration", "fictional"}
		m := build(t, strategy, nil, a, b)
		if d := cmp.Diff(&want, m.Card()); d != "" {
			t.Errorf("%s (-want +got):\n%s", strategy, d)
		}
		if first, second := m.Card(), m.Card(); first != second {
			t.Errorf("%s: the card changes", strategy)
		}
	}
}
