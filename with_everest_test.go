package summit

import (
	"strings"
	"testing"

	"summit/everest"
	"summit/llm"
)

// TestEverest: with nothing configured the small models inside answer, each
// what it is for, and what none is for gets an honest sentence.
func TestEverest(t *testing.T) {
	s := open(t, Config{Discover: Discover{Enabled: new(false)}})
	all := s.Entries()
	if len(all) != 3+7 {
		t.Fatalf("%d entries, want 3 models and 7 members", len(all))
	}
	for _, e := range all {
		if !e.Model && (e.Source != SourceInside || !strings.HasPrefix(e.Name, "everest-")) {
			t.Errorf("%s is from %q", e.Name, e.Source)
		}
	}
	if notes := s.Notes(); len(notes) != 1 || !strings.HasPrefix(notes[0], "EVEREST") {
		t.Errorf("notes %q, want one", notes)
	}
	ask := func(model, text string) *llm.Reply {
		m, err := s.Model(model)
		if err != nil {
			t.Fatal(err)
		}
		r, err := llm.Collect(m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, text)}, Seed: new(int64(1))}))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, c := range []struct{ asked, member string }{
		{"12+7=?", "everest-sum"}, {"写一首咏月的七言绝句", "everest-poem"}, {"把1994写成罗马数字", "everest-number"},
	} {
		r := ask("summit", c.asked)
		if len(r.Outcome.Parts) != 1 || r.Outcome.Parts[0].Member != c.member || r.Text == "" {
			t.Errorf("%q: %q by %+v, want %s", c.asked, r.Text, r.Outcome.Parts, c.member)
		}
		if alone := ask(c.member, c.asked); alone.Text != r.Text {
			t.Errorf("%q: summit says %q, %s says %q", c.asked, r.Text, c.member, alone.Text)
		}
	}
	if r := ask("summit-max", "12+7=?"); len(r.Outcome.Parts) != 5 || r.Text == "" {
		t.Errorf("summit-max says %q by %d answers, want five", r.Text, len(r.Outcome.Parts))
	}
	f, _ := everest.FormNamed("七绝")
	if r := ask("summit", "写一首咏月的七言绝句"); !f.Has(r.Text) {
		t.Errorf("%q is no quatrain", r.Text)
	}
	for asked, want := range map[string]string{"Why is the sky blue?": onlySmall, "为什么天空是蓝色的？": onlySmallZH} {
		if r := ask("summit", asked); r.Text != want || len(r.Outcome.Parts) != 0 {
			t.Errorf("%q: %q", asked, r.Text)
		}
	}
}
