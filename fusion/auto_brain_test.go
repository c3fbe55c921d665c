package fusion

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"summit/brain"
	"summit/llm"
	"summit/llm/llmtest"
)

// taught returns a brain that knows a and b, which are cheap, and c, which is
// dear: right with 74, 68 and 90 % of the questions.
func taught(t testing.TB) *brain.Brain { return taughtBy(t, 0.74, 0.68, 0.9) }

// taughtBy is taught with members that are right so often.
func taughtBy(t testing.TB, able ...float64) *brain.Brain {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	var examples []brain.Example
	for i := range 400 {
		e := brain.Example{Prompt: fmt.Sprintf("What is %d times %d?", i, i+1)}
		for j, p := range able {
			r := brain.Reply{Member: j, Key: fmt.Sprint(10000 + 10*i + 1 + random.IntN(5)), Cost: []float64{1, 1, 20}[j], Tokens: 10}
			if random.Float64() < p {
				r.Key, r.Score = fmt.Sprint(10000+10*i), 1
			}
			e.Replies = append(e.Replies, r)
		}
		examples = append(examples, e)
	}
	b, err := brain.Train(examples, brain.Options{Members: []brain.Member{{Name: "a"}, {Name: "b"}, {Name: "c"}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func minded(t testing.TB, p AutoParams, members ...llm.Member) llm.Member {
	t.Helper()
	m, err := New("auto", Env{Name: "summit", Members: members, Brain: taught(t)}, p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func named(texts ...string) []llm.Member {
	var all []llm.Member
	for i, text := range texts {
		all = append(all, &instant{llm.Card{Name: string(rune('a' + i))}, text})
	}
	return all
}

// The brain asks the cheap ones first, and the dear one only where they differ.
func TestAutoWithABrain(t *testing.T) {
	f := func(texts []string, p AutoParams, text string, asked ...string) *llm.Outcome {
		t.Helper()
		s := watch(t.Context(), minded(t, p, named(texts...)...), user("What is 6 times 7?"))
		var got []string
		for _, part := range s.done.Parts {
			got = append(got, part.Member)
			if part.Reason == "" {
				t.Errorf("%s has no reason", part.Member)
			}
		}
		if s.err != nil || s.text != text || strings.Join(got, "") != strings.Join(asked, "") {
			t.Errorf("%v: %q from %v (%v), want %q from %v: %s", texts, s.text, got, s.err, text, asked, s.done.Reason)
		}
		return s.done
	}
	price := AutoParams{Price: 0.1}
	agreed := f([]string{"42", "42", "41"}, price, "42", "a", "b")
	if c := agreed.ConfidencePPM; c < 800_000 || c >= ppm {
		t.Errorf("confidence %d, want above 800,000", c)
	}
	if !strings.Contains(agreed.Reason, "has 2 of 2 answers") || !strings.Contains(agreed.Reason, "expected to cost") {
		t.Errorf("reason %q, want the count and the expected cost", agreed.Reason)
	}
	if a := agreed.Author(); a == nil || agreed.Parts[0].WeightPPM+agreed.Parts[1].WeightPPM != ppm {
		t.Errorf("shares %d and %d, want all together", agreed.Parts[0].WeightPPM, agreed.Parts[1].WeightPPM)
	}
	differ := f([]string{"42", "40", "41"}, AutoParams{Price: 0.1}, "41", "a", "b", "c")
	if differ.ConfidencePPM >= agreed.ConfidencePPM {
		t.Errorf("confidence %d where they differ, want below %d", differ.ConfidencePPM, agreed.ConfidencePPM)
	}
	together := f([]string{"42", "42", "41"}, AutoParams{Price: 0.1, Parallel: 2}, "42", "a", "b")
	if together.Parts[1].Reason != "at the same time" {
		t.Errorf("reason %q, want at the same time", together.Parts[1].Reason)
	}
}

func TestAutoWithABrainKeepsLimits(t *testing.T) {
	r := user("What is 6 times 7?")
	r.Summit.Budget.MaxCalls = 1
	s := watch(t.Context(), minded(t, AutoParams{Price: 0.001}, named("42", "41", "40")...), r)
	if s.err != nil || len(s.done.Parts) != 1 || !strings.Contains(s.done.Reason, "limit of 1 calls") {
		t.Errorf("%d members asked (%v): %s, want one and the reason", len(s.done.Parts), s.err, s.done.Reason)
	}
}

func TestAutoWithABrainAndFailures(t *testing.T) {
	fails := llmtest.Behaving("a", llmtest.Fails)
	members := append([]llm.Member{fails}, named("", "42", "42")[1:]...)
	s := watch(t.Context(), minded(t, AutoParams{Price: 0.1}, members...), user("What is 6 times 7?"))
	if s.err != nil || s.text != "42" {
		t.Errorf("%q, %v, want 42 from the others", s.text, s.err)
	}
	s = watch(t.Context(), minded(t, AutoParams{}, fails), user("What is 6 times 7?"))
	if s.err == nil {
		t.Error("the only member failed, want its error")
	}
}

// Free text can't be compared: the most reliable of the others answers alone.
func TestAutoWithABrainAndFreeText(t *testing.T) {
	essay := "Once upon a time there was a mountain, and nobody had climbed it yet. Then somebody came along."
	s := watch(t.Context(), minded(t, AutoParams{Price: 0.1}, named(essay, essay, "The end of it all. It was long.")...), user("Tell a story."))
	if s.err != nil || s.done.Author().Member != "c" || len(s.done.Parts) != 2 {
		t.Errorf("%v by %v after %d, want c after one other: %s", s.err, s.done.Author(), len(s.done.Parts), s.done.Reason)
	}
}

// Where nothing was measured to be better than one member, it is asked alone,
// also where what it says can't be compared.
func TestAutoWithABrainAlone(t *testing.T) {
	essay := "Once upon a time there was a mountain, and nobody had climbed it yet. Then somebody came along."
	m, err := New("auto", Env{Name: "summit", Members: named("42", "42", essay), Brain: taughtBy(t, 0.2, 0.2, 1)}, AutoParams{})
	if err != nil {
		t.Fatal(err)
	}
	s := watch(t.Context(), m, user("Tell a story."))
	if s.err != nil || s.text != essay || len(s.done.Parts) != 1 {
		t.Errorf("%q after %d (%v), want c's alone", s.text, len(s.done.Parts), s.err)
	}
}

func TestAutoBrainParams(t *testing.T) {
	f := func(want string, p AutoParams) {
		t.Helper()
		if _, err := New("auto", Env{Name: "summit", Members: named("1", "2")}, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", p, err, want)
		}
	}
	f("effort", AutoParams{Effort: "utmost"})
	f("cost_x", AutoParams{CostX: -1})
	f("price", AutoParams{Price: -1})
	f("parallel", AutoParams{Parallel: 99})
	for prefer, effort := range map[string]string{"cost": "fast", "quality": "best"} {
		m := minded(t, AutoParams{}, named("1", "2", "3")...).(*auto).mind
		own := minded(t, AutoParams{Effort: effort}, named("1", "2", "3")...).(*auto).mind
		if got, want := m.paces[prefer].Policy(), own.paces[""].Policy(); got != want {
			t.Errorf("prefer %s spends %+v, want that of %s: %+v", prefer, got, effort, want)
		}
	}
}

func BenchmarkAutoWithABrain(b *testing.B) {
	m := minded(b, AutoParams{Price: 0.1}, named("42", "41", "42")...)
	r := user("What is 6 times 7?")
	for b.Loop() {
		for range m.Generate(context.Background(), r) {
		}
	}
}
