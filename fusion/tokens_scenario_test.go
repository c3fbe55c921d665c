package fusion

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"summit/llm"
	"summit/llm/llmtest"
)

// knowing reads one text and is unsure of everything else.
func knowing(id, text string, sure float64, tokens ...string) *llmtest.Steps {
	s := &llmtest.Steps{ID: id, Tokens: append(tokens, llmtest.End), Pause: 10 * ms}
	read := llmtest.Reading(text, s.Tokens)
	s.Next = func(answer string) map[string]float64 {
		next := map[string]float64{}
		for _, t := range s.Tokens {
			next[t] = (1 - sure) / float64(len(s.Tokens))
		}
		if strings.HasPrefix(text, answer) {
			for t, p := range read(answer) {
				next[t] += sure * p
			}
		}
		return next
	}
	return s
}

func TestTokensScenarios(t *testing.T) {
	greedy := func(change func(*llm.Request)) *llm.Request {
		r := user("q")
		r.Temperature = new(0.0)
		if change != nil {
			change(r)
		}
		return r
	}
	tea := func(id string, sure float64) *llmtest.Steps {
		return knowing(id, "tea for two", sure, "tea", " for", " two", "t", "e", "a", " ", "f", "o", "r", "w")
	}
	letters := func(id, text string, sure float64) *llmtest.Steps {
		return knowing(id, text, sure, "a", "e", "f", "m", "n", "o", "r", "t", "w", " ")
	}
	scenario(t, "tokens-same", func(t *testing.T) (llm.Member, *llm.Request) {
		r := greedy(func(r *llm.Request) { r.Logprobs, r.TopLogprobs = true, 2 })
		return build(t, "tokens", TokensParams{Weigh: "fixed", Weights: map[string]float64{"a": 3}}, tea("a", 0.9), tea("b", 0.6)), r
	})
	scenario(t, "tokens-bytes", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "tokens", nil, tea("a", 0.9), letters("b", "team", 0.7)), greedy(nil)
	})
	scenario(t, "tokens-confidence", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "tokens", TokensParams{Weigh: "confidence"}, tea("a", 0.5), letters("b", "two", 0.99)), greedy(nil)
	})
	scenario(t, "tokens-drop", func(t *testing.T) (llm.Member, *llm.Request) {
		b := letters("b", "tea", 0.9)
		b.After, b.Err = 1, llm.Errorf(llm.Overloaded, "busy")
		return build(t, "tokens", nil, tea("a", 0.9), b), greedy(nil)
	})
	scenario(t, "tokens-window", func(t *testing.T) (llm.Member, *llm.Request) {
		b := letters("b", "tea for two", 0.9)
		b.Window = 5
		return build(t, "tokens", nil, tea("a", 0.9), b), greedy(nil)
	})
	scenario(t, "tokens-seconds", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "tokens", TokensParams{Budget: Budget{MaxSeconds: 0.075}}, tea("a", 0.9), letters("b", "tea for two", 0.9)), greedy(nil)
	})
	scenario(t, "tokens-stop", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "tokens", nil, tea("a", 0.9), letters("b", "tea for two", 0.9)), greedy(func(r *llm.Request) { r.Stop = []string{"r t"} })
	})
	scenario(t, "tokens-length", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "tokens", nil, tea("a", 0.9), tea("b", 0.9)), greedy(func(r *llm.Request) { r.MaxTokens = 2 })
	})
	scenario(t, "tokens-draft", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "tokens", TokensParams{Draft: "b"}, tea("a", 0.99), letters("b", "tea for one", 0.9)), greedy(nil)
	})
	scenario(t, "tokens-draft-fails", func(t *testing.T) (llm.Member, *llm.Request) {
		b := tea("b", 0.9)
		b.After, b.Err = 1, llm.Errorf(llm.Overloaded, "busy")
		return build(t, "tokens", TokensParams{Draft: "b"}, tea("a", 0.99), b), greedy(nil)
	})
	scenario(t, "tokens-tools", func(t *testing.T) (llm.Member, *llm.Request) {
		a, b := tea("a", 0.9), tea("b", 0.9)
		b.Facts.Tools = true
		return build(t, "tokens", nil, a, b), greedy(func(r *llm.Request) { r.Tools = []llm.Tool{{Name: "f"}} })
	})
	scenario(t, "tokens-contrast", func(t *testing.T) (llm.Member, *llm.Request) {
		// The weaker one's habits are held against the answer.
		a := &llmtest.Steps{ID: "a", Tokens: []string{"well", "ten", llmtest.End}, Next: func(s string) map[string]float64 {
			if s == "" {
				return map[string]float64{"well": 0.55, "ten": 0.45}
			}
			return map[string]float64{llmtest.End: 1}
		}}
		b := &llmtest.Steps{ID: "b", Tokens: a.Tokens, Next: func(s string) map[string]float64 {
			return map[string]float64{"well": 0.8, "ten": 0.1, llmtest.End: 0.1}
		}}
		return build(t, "tokens", TokensParams{Against: "b"}, a, b), greedy(nil)
	})
}

// No session stays open, whatever happens.
func TestTokensCloseTheirSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := llmtest.StepsBehaving("a", llmtest.Answers, 0), llmtest.StepsBehaving("b", llmtest.Answers, 1)
		for _, p := range []TokensParams{{}, {Draft: "a"}, {Against: "b"}} {
			watch(t.Context(), build(t, "tokens", p, a, b), user("q"))
			r := user("q")
			r.Streaming = false
			for range build(t, "tokens", p, a, b).Generate(t.Context(), r) {
				break
			}
		}
		for _, s := range []*llmtest.Steps{a, b} {
			if opened, open := s.Sessions(); opened != 6 || open != 0 {
				t.Errorf("%s: %d of %d sessions are open", s.ID, open, opened)
			}
		}
	})
}

// The likeliest character need not begin with the likeliest byte.
func TestGreedyTakesCharacters(t *testing.T) {
	s := &llmtest.Steps{ID: "a", Tokens: []string{"月", "日", "é", "a", "\xe6", "\x9c", llmtest.End}, Next: func(answer string) map[string]float64 {
		if answer == "" {
			return map[string]float64{"月": 0.3, "日": 0.3, "é": 0.35, "a": 0.05} // both begin with 0xe6
		}
		return map[string]float64{llmtest.End: 1}
	}}
	other := &llmtest.Steps{ID: "b", Tokens: []string{"é", llmtest.End}, Next: func(answer string) map[string]float64 {
		return map[string]float64{llmtest.End: 1}
	}}
	f := func(weight float64, want string, members ...llm.Member) {
		t.Helper()
		r := user("q")
		r.Temperature = new(0.0)
		p := TokensParams{Weigh: "fixed", Weights: map[string]float64{"b": weight}}
		got, err := llm.Collect(build(t, "tokens", p, members...).Generate(t.Context(), r))
		if err != nil || got.Text != want {
			t.Errorf("%q, %v, want %q", got.Text, err, want)
		}
	}
	f(0.1, "é", s, other)
	f(9, "", s, other)
}

// What is sampled is UTF-8 even where members would stop in the middle.
func TestSampledTextIsWhole(t *testing.T) {
	s := noisy("a", 1, 7, "\xe6", "\x9c", "\x88", "a", "\xc3", "月", llmtest.End)
	other := noisy("b", 2, 7, llmtest.End, "月", "a", "\xff")
	for text := range answersOf(t, build(t, "tokens", TokensParams{Weigh: "confidence"}, s, other), 300, nil) {
		// A character that is begun can't be refused later: where nobody goes on
		// it is replaced, at the end only.
		if i := strings.IndexRune(text, '\ufffd'); i >= 0 && i != len(text)-len("\ufffd") {
			t.Errorf("%q has a broken character", text)
		}
	}
}

func TestScaleFollowsTheText(t *testing.T) {
	p := func(v ...float64) *expectation { return &expectation{plain: v} }
	near := func(name string, got []float64, want ...float64) {
		t.Helper()
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-9 {
				t.Errorf("%s: %v, want %v", name, got, want)
				return
			}
		}
	}
	all := []*expectation{p(0.5, 0.5), p(1, 0), nil}
	near("fixed", newScale(weighFixed, []float64{1, 3, 4}, 1, 0.1).weigh(all), 0.25, 0.75, 0)
	near("confidence", newScale(weighConfidence, []float64{1, 1, 1}, 1, 0.1).weigh(all), 1./3, 2./3, 0)
	near("agreement", newScale(weighAgreement, []float64{1, 1, 1}, 1, 0.1).weigh(all), 0.5, 0.5, 0)
	near("nothing left", newScale(weighFixed, []float64{1, 0, 0}, 1, 0.1).weigh([]*expectation{nil, p(1), p(1)}), 0, 0.5, 0.5)
	gate := newScale(weighGate, []float64{1, 1}, 1, 0.1)
	gate.learn([]float64{0.9, 0.1})
	near("gate", gate.weigh([]*expectation{p(1), p(1)}), 0.9*0.9+0.05, 0.9*0.1+0.05)
	gate.learn([]float64{0, 0})
	near("gate after the impossible", gate.weigh([]*expectation{p(1), p(1)}), 0.9*0.86+0.05, 0.9*0.14+0.05)
}

func TestCoalitionsAreMixturesOfTheFew(t *testing.T) {
	s := newSteps(2)
	s.note(mixLinear, []float64{0.25, 0.75}, []float64{0.8, 0.4})
	s.note(mixLinear, []float64{0.5, 0.5}, []float64{0.2, 0.1})
	out := &llm.Outcome{Parts: []*llm.Outcome{{Member: "a"}, {Member: "b"}}}
	s.close(out, out.Parts)
	want := map[string]int64{
		"a": int64(math.Round(1e6 * math.Sqrt(0.8*0.2))), "b": int64(math.Round(1e6 * math.Sqrt(0.4*0.1))),
		"a+b": int64(math.Round(1e6 * math.Sqrt((0.25*0.8+0.75*0.4)*0.15))),
	}
	for k, v := range want {
		if out.Coalitions[k] != v {
			t.Errorf("%s is worth %d, want %d", k, out.Coalitions[k], v)
		}
	}
	if got := out.Parts[0].StepLogprobs; len(got) != 2 || got[0] != math.Log(0.8) {
		t.Errorf("log-probabilities %v", got)
	}
	if a, b := out.Parts[0].WeightPPM, out.Parts[1].WeightPPM; a+b != ppm || a != int64(math.Round(1e6*(0.4+2./3)/2)) {
		t.Errorf("shares %d and %d", a, b)
	}
	if got := split(10, []float64{1, 1, 1}); !slices.Equal(got, []int64{4, 3, 3}) {
		t.Errorf("split %v", got)
	}
}

// The cost of a step does not grow with the answer.
func TestBytesComputeLittleTwice(t *testing.T) {
	text := strings.Repeat("tea for two and two for tea ", 20)
	s := knowing("a", text, 0.95, "tea", " for", " two", " and", "t", "e", "a", " ", "f", "o", "r", "w", "n", "d", " tea", " t")
	s.Pause = 0
	v := openBytes(t, s, nil)
	v.wide, v.least = maxPaths, leastPath
	for i := range len(text) - 1 {
		if _, err := v.expect(t.Context()); err != nil {
			t.Fatal(err)
		}
		v.take(int(text[i]))
	}
	if tokens := len(text) * 2 / 7; v.spent > 3*tokens {
		t.Errorf("computed %d tokens for a text of about %d", v.spent, tokens)
	}
}

// far is a member elsewhere that goes on with an answer that was begun and
// names its likeliest tokens.
type far struct {
	*llmtest.Steps
	top   int
	asked []string // how the answer had begun
}

// Open hides that of Steps.
func (f *far) Open() {}

func (f *far) Card() *llm.Card {
	c := f.Steps.Card()
	c.Continues = true
	return c
}

func (f *far) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, f.ID, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		text := ""
		if r.Continue {
			text = r.Messages[len(r.Messages)-1].Text()
		}
		f.asked = append(f.asked, text)
		done := &llm.Outcome{Finish: llm.FinishStop, Usage: llm.Usage{Input: llm.Counted(5), Output: llm.Counted(0), Calls: llm.Counted(1)}}
		if f.Err != nil && len(f.asked) > f.After {
			return done, f.Err
		}
		for range r.MaxTokens {
			next := f.Next(text)
			order := slices.Clone(f.Tokens)
			slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(next[b], next[a]) })
			if order[0] == llmtest.End {
				return done, nil
			}
			t := llm.TokenLogprob{Token: order[0], Bytes: []byte(order[0]), Logprob: math.Log(next[order[0]])}
			for _, o := range order[:min(f.top, len(order))] {
				name := o
				if o == llmtest.End {
					name = "<|im_end|>"
				}
				t.Top = append(t.Top, llm.TokenLogprob{Token: name, Logprob: math.Log(next[o])})
			}
			text += order[0]
			done.Usage.Output.N++
			if !emit(llm.Event{Kind: llm.KindText, Text: order[0], Tokens: []llm.TokenLogprob{t}}) {
				return done, context.Cause(ctx)
			}
		}
		done.Finish = llm.FinishLength
		return done, nil
	})
}

func TestMembersElsewhereTakePart(t *testing.T) {
	words := []string{"tea", " for", " two", " one", "t", "e", "a", " ", "f", "o", "r", "w", "n"}
	there := func(text string, top int) *far {
		return &far{Steps: knowing("far", text, 0.9, words...), top: top}
	}
	greedy := user("q")
	greedy.Temperature = new(0.0)
	near := func(text string) *llmtest.Steps { return knowing("near", text, 0.8, slices.Clone(words)...) }

	// One call is enough where both would say the same.
	f := there("tea for two", 5)
	got := watch(t.Context(), build(t, "tokens", TokensParams{Weigh: "fixed"}, near("tea for two"), f), greedy)
	if got.err != nil || got.text != "tea for two" || len(f.asked) != 1 {
		t.Errorf("%q, %v, calls %q", got.text, got.err, f.asked)
	}
	// It is asked again where the answer went another way, with the answer so far:
	// here after a word that it had named as less likely.
	f = there("tea for one", 5)
	got = watch(t.Context(), build(t, "tokens", TokensParams{Weigh: "fixed", Weights: map[string]float64{"near": 2}}, near("tea for two"), f), greedy)
	if got.err != nil || got.text != "tea for two" || !slices.Equal(f.asked, []string{"", "tea for two"}) {
		t.Errorf("%q, %v, calls %q", got.text, got.err, f.asked)
	}
	if u := got.done.Parts[1].Usage; u.Calls.N != 2 || u.Input.N != 10 {
		t.Errorf("usage %+v, want that of two calls", u)
	}
	checkOutcome(t, got.done)
	// A heavier one leads.
	f = there("tea for one", 5)
	got = watch(t.Context(), build(t, "tokens", TokensParams{Weigh: "fixed", Weights: map[string]float64{"far": 2}}, near("tea for two"), f), greedy)
	if got.text != "tea for one" {
		t.Errorf("%q, want the heavier one's", got.text)
	}
	// It alone is enough.
	f = there("tea for one", 3)
	if got = watch(t.Context(), build(t, "tokens", nil, f), greedy); got.text != "tea for one" || got.done.Finish != llm.FinishStop {
		t.Errorf("alone: %q, %v", got.text, got.err)
	}
	// Where its calls are used up, or it fails, the others go on.
	f = there("tea for one", 5)
	got = watch(t.Context(), build(t, "tokens", TokensParams{Weigh: "fixed", Weights: map[string]float64{"near": 2}, Budget: Budget{MaxCalls: 2}}, near("tea for two"), f), greedy)
	if got.text != "tea for two" || len(f.asked) != 1 || !strings.Contains(got.done.Reason, "far dropped out: unsupported") {
		t.Errorf("%q, calls %q, %s", got.text, f.asked, got.done.Reason)
	}
	f = there("tea for one", 5)
	f.Err = llm.Errorf(llm.Overloaded, "busy")
	got = watch(t.Context(), build(t, "tokens", nil, near("tea for two"), f), greedy)
	if got.text != "tea for two" || got.done.Parts[1].Err == nil {
		t.Errorf("%q, %v", got.text, got.err)
	}
	// One that tells no log-probabilities is of no use.
	mute := llmtest.Text("mute", "tea", 0)
	mute.Facts.Continues = true
	got = watch(t.Context(), build(t, "tokens", nil, mute), greedy)
	if got.err == nil || !strings.Contains(got.err.Error(), "no log-probabilities") {
		t.Errorf("%q, %v", got.text, got.err)
	}
	if _, err := New("tokens", Env{Name: "model", Members: []llm.Member{near("x"), there("x", 3)}}, TokensParams{Draft: "far"}); err == nil || !strings.Contains(err.Error(), "far names the likeliest tokens only") {
		t.Errorf("a draft elsewhere: %v", err)
	}
}
