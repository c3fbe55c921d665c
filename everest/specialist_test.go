package everest

import (
	"slices"
	"strings"
	"testing"

	"summit/llm"
	"summit/local"
	"summit/weights"

	_ "summit/backend/cpu"
)

// accuracy asks the first n questions of the skill's test set.
func accuracy(t *testing.T, s *Skill, data []byte, n int) float64 {
	t.Helper()
	store := local.NewStore(local.Options{})
	defer store.Close()
	m, err := Open(store, s, data)
	if err != nil {
		t.Fatal(err)
	}
	questions, err := Tests(s.Name)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for _, q := range questions[:n] {
		r, err := llm.Collect(m.Generate(t.Context(), &llm.Request{
			Messages: []llm.Message{llm.Text(llm.RoleUser, q.Text)}, Seed: new(int64(1)), MaxTokens: 110,
		}))
		if err == nil && s.Right(r.Text, q.Reference) {
			right++
		}
	}
	return float64(right) / float64(n)
}

// TestSpecialists: each answers what it was trained for, far from chance. The
// figures of docs/everest.md are of all questions; this is a sample of them.
func TestSpecialists(t *testing.T) {
	for _, s := range Skills() {
		const n, least = 15, 0.3
		if got := accuracy(t, s, nil, n); got < least {
			t.Errorf("%s: %.0f %% of %d right, want %.0f %%", s.Name, 100*got, n, 100*least)
		}
	}
}

// TestNothingAnswersWithoutWeights: with the numbers of a model set to zero,
// and all else as it is, no question is answered; without its file there is
// no member.
func TestNothingAnswersWithoutWeights(t *testing.T) {
	for _, s := range Skills() {
		data, err := Weights(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		data = slices.Clone(data)
		f, err := weights.FromMemory(s.Name, data)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range f.Tensors() {
			if len(w.Shape) > 1 { // the norms' vectors stay
				clear(w.Data)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if got := accuracy(t, s, data, 3); got != 0 {
			t.Errorf("%s: %.0f %% right without weights", s.Name, 100*got)
		}
	}
	if _, err := Weights("cooking"); err == nil || !strings.Contains(err.Error(), "built without its weights") {
		t.Errorf("weights that are not there: %v", err)
	}
	store := local.NewStore(local.Options{})
	defer store.Close()
	if _, err := Open(store, &Skill{Name: "cooking"}, nil); err == nil {
		t.Error("a member without weights was made")
	}
}

// TestLastMessageOnly: what came before does not reach the model.
func TestLastMessageOnly(t *testing.T) {
	store := local.NewStore(local.Options{})
	defer store.Close()
	s, err := Find("sum")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Open(store, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	say := func(messages ...llm.Message) string {
		r, err := llm.Collect(m.Generate(t.Context(), &llm.Request{Messages: messages}))
		if err != nil {
			t.Fatal(err)
		}
		return r.Text
	}
	q := llm.Text(llm.RoleUser, "12+7=?")
	long := llm.Text(llm.RoleUser, strings.Repeat("a long story ", 100))
	if a, b := say(q), say(llm.Text(llm.RoleSystem, "Be brief."), long, llm.Text(llm.RoleAssistant, "ok"), q); a != b {
		t.Errorf("%q alone, %q after a conversation", a, b)
	}
}
