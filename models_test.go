package summit

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/alliance"
	"summit/llm"
	"summit/money"
)

func open(t *testing.T, c Config) *Summit {
	t.Helper()
	c.Ephemeral = true
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// said asks a model and returns what it said.
func said(t *testing.T, s *Summit, model string) string {
	t.Helper()
	m, err := s.Model(model)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := llm.Collect(m.Generate(t.Context(), ask("hi")))
	if err != nil {
		t.Fatal(err)
	}
	return reply.Text
}

func says(text string) Member { return Member{Use: "test-echo", Params: &soloParams{Say: text}} }

func names(s *Summit) []string {
	var all []string
	for _, e := range s.Entries() {
		all = append(all, e.Name)
	}
	return all
}

func TestDemonstration(t *testing.T) {
	s := open(t, Config{Discover: Discover{Enabled: new(false), Demonstration: true}})
	all := s.Entries()
	if len(all) != 3+7 {
		t.Fatalf("%d entries, want 3 models and 7 members", len(all))
	}
	for _, e := range all {
		if !slices.Contains(e.Member.Card().Labels, "demonstration") {
			t.Errorf("%s is not labelled as a demonstration: %q", e.Name, e.Member.Card().Labels)
		}
		if !e.Model && e.Source != SourceDemo {
			t.Errorf("%s is from %q", e.Name, e.Source)
		}
	}
	if notes := s.Notes(); len(notes) != 1 || !strings.HasPrefix(notes[0], "DEMONSTRATION") {
		t.Errorf("notes %q, want one loud one", notes)
	}
	if got := said(t, s, "summit"); got == "" {
		t.Error("summit said nothing")
	}
}

func TestModels(t *testing.T) {
	dear, cheap := says("dear"), says("cheap")
	dear.Price = []Price{{Input: 10, Output: 10}}
	cheap.Price = []Price{{Input: 1, Output: 1}}
	s := open(t, Config{
		Members: map[string]Member{"a-dear": dear, "b-cheap": cheap, "c-unknown": says("unknown")},
		Models: map[string]Model{
			// Declared before what they need.
			"a-nested":    {Use: "test-first", Members: []string{"z-leaf"}, Params: &soloParams{Judge: "zz-judge"}},
			"z-leaf":      {Use: "test-first", Members: []string{"b-cheap"}, About: "a leaf"},
			"zz-judge":    {Use: "test-first", Members: []string{"summit-lite"}},
			"summit-lite": {Use: "test-first", Members: []string{"a-dear"}},
		},
	})
	want := []string{"summit", "summit-max", "summit-lite", "a-nested", "z-leaf", "zz-judge", "a-dear", "b-cheap", "c-unknown"}
	if diff := cmp.Diff(want, names(s)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if s.Notes() != nil {
		t.Errorf("notes %q about configured members", s.Notes())
	}
	for model, want := range map[string]string{"a-dear": "dear", "a-nested": "cheap", "zz-judge": "dear", "summit-lite": "dear"} {
		if got := said(t, s, model); got != want {
			t.Errorf("%s said %q, want %q", model, got, want)
		}
	}
	_, err := s.Model("z-laef")
	if e := llm.AsError(err); e.Kind != llm.NotFound || !strings.Contains(e.Message, `did you mean "z-leaf"?`) || e.Code != "model_not_found" {
		t.Errorf("error %v, want not_found with the nearest name", err)
	}
}

func TestDefaultModels(t *testing.T) {
	price := func(rate money.Rate) Member {
		m := says("hi")
		m.Price = []Price{{Input: rate, Output: rate}}
		return m
	}
	s := open(t, Config{Members: map[string]Member{"a": price(300_000), "b": says("hi"), "c": price(0), "d": price(2_000_000)}})
	for _, e := range s.Entries() {
		switch e.Name {
		case modelCheap:
			if want := []string{"c", "a", "d", "b"}; !slices.Equal(e.Parts, want) {
				t.Errorf("%s asks %q, want %q", e.Name, e.Parts, want)
			}
		case modelAuto, modelCouncil:
			if want := []string{"a", "b", "c", "d"}; !slices.Equal(e.Parts, want) {
				t.Errorf("%s asks %q, want %q", e.Name, e.Parts, want)
			}
		}
	}
	// One member is enough for all of them.
	one := open(t, Config{Members: map[string]Member{"only": says("42")}})
	for _, model := range defaultModels {
		if got := said(t, one, model); got != "42" {
			t.Errorf("%s over one member said %q", model, got)
		}
	}
}

func TestCyclesThroughParametersAreSeen(t *testing.T) {
	_, err := Open(t.Context(), Config{
		Ephemeral: true,
		Members:   map[string]Member{"m": says("hi")},
		Models: map[string]Model{
			"a": {Use: "test-first", Members: []string{"m"}, Params: &soloParams{Judge: "b"}},
			"b": {Use: "test-first", Members: []string{"a"}},
		},
	})
	var c *ConfigError
	if !errors.As(err, &c) || !strings.Contains(err.Error(), "made of itself: a -> b -> a") {
		t.Errorf("error %v, want a *ConfigError that shows the way round", err)
	}
}

func TestReload(t *testing.T) {
	first := Config{
		Members: map[string]Member{"a": says("old"), "b": says("b"), "gone": says("gone")},
		Models:  map[string]Model{"m": {Use: "test-first", Members: []string{"a"}}, "n": {Use: "test-first", Members: []string{"b"}}},
	}
	s := open(t, first)
	held, err := s.Model("m")
	if err != nil {
		t.Fatal(err)
	}
	second := Config{
		Listen:  "127.0.0.1:1",
		Members: map[string]Member{"a": says("new"), "b": says("b"), "more": says("more")},
		Models:  map[string]Model{"m": {Use: "test-first", Members: []string{"a"}}, "n": {Use: "test-first", Members: []string{"b", "more"}}},
	}
	changes, err := s.Reload(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	want := "added more; removed gone; changed summit, summit-max, summit-lite, n, a; needs a restart: listen"
	if got := changes.String(); got != want {
		t.Errorf("changes %q, want %q", got, want)
	}
	if got := said(t, s, "m"); got != "new" {
		t.Errorf("after the reload m said %q", got)
	}
	if reply, err := llm.Collect(held.Generate(t.Context(), ask("hi"))); err != nil || reply.Text != "old" {
		t.Errorf("a request that had its model before said %q, %v, want old", reply.Text, err)
	}

	// What is not sound changes nothing.
	for _, bad := range []Config{
		{Members: map[string]Member{"a": {Use: "nothing"}}},
		{Members: map[string]Member{"a": {Use: "test-echo", KeyEnv: "NO_SUCH_KEY"}}},
		{Members: second.Members, Models: map[string]Model{"m": {Use: "test-first", Members: []string{"a"}, Params: &soloParams{Judge: "nobody"}}}},
		{Currency: "USD", Members: second.Members},
	} {
		if _, err := s.Reload(t.Context(), bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	if got := said(t, s, "more"); got != "more" {
		t.Errorf("more said %q", got)
	}
	if changes, err := s.Reload(t.Context(), second); err != nil || changes.String() != "needs a restart: listen" {
		t.Errorf("the same again: %v, %v", changes, err)
	}
}

// What holds from the next start only is said, and has no effect before.
func TestReloadKeepsWhatNeedsARestart(t *testing.T) {
	s := open(t, Config{Discover: Discover{Enabled: new(false), Demonstration: true}, Identity: Identity{Origins: []string{}}})
	before := len(s.Entries())
	c := Config{Discover: Discover{Enabled: new(false)}, Distill: Distill{Tenants: []string{"team"}}, Identity: Identity{Hosts: []string{"here"}},
		Books: Books{Terms: "terms.yaml", Contracts: "contracts"}, FX: map[string]FX{"USD": {Worth: 7, Source: "bank", Date: time.Unix(0, 0)}}}
	want := "changed fx; needs a restart: identity.hosts, books.terms, books.contracts, distill.tenants, discover.demonstration"
	for range 2 { // what needs a restart needs it until then
		changes, err := s.Reload(t.Context(), c)
		if err != nil || changes.String() != want {
			t.Errorf("changes %q, %v, want %q", changes, err, want)
		}
		want = strings.TrimPrefix(want, "changed fx; ")
	}
	for _, e := range s.Entries() {
		if _, contracted := llm.As[*alliance.Contracted](e.Member); contracted || !e.Model && e.Source != SourceDemo {
			t.Errorf("%s is %s, contracted: %v, want a member of the demonstration as at the start", e.Name, e.Source, contracted)
		}
	}
	if got := len(s.Entries()); got != before {
		t.Errorf("%d entries, want %d as before", got, before)
	}
}

func TestReloadWhileAsked(t *testing.T) {
	c := Config{Members: map[string]Member{"a": says("hi")}, Models: map[string]Model{"m": {Use: "test-first", Members: []string{"a"}}}}
	s := open(t, c)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				m, err := s.Model("m")
				if err != nil {
					t.Error(err)
					return
				}
				if reply, err := llm.Collect(m.Generate(t.Context(), ask("hi"))); err != nil || reply.Text != "hi" {
					t.Errorf("said %q, %v", reply.Text, err)
					return
				}
				s.Entries()
			}
		})
	}
	for range 20 {
		if _, err := s.Reload(t.Context(), c); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
}
