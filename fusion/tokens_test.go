package fusion

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"summit/llm"
	"summit/llm/llmtest"
)

// stepping makes members that show their steps, with these vocabularies.
func stepping(variants ...int) func(llmtest.Behaviour) []llm.Member {
	return func(b llmtest.Behaviour) []llm.Member {
		var all []llm.Member
		for i, v := range variants {
			all = append(all, llmtest.StepsBehaving(string(rune('a'+i)), b, v))
		}
		return all
	}
}

func TestTokensPassTheMemberSuite(t *testing.T) {
	f := func(name string, p TokensParams, variants ...int) {
		t.Run(name, func(t *testing.T) {
			llmtest.Suite{Request: user("Say hello."), New: func(t *testing.T, b llmtest.Behaviour) llm.Member {
				return build(t, "tokens", p, stepping(variants...)(b)...)
			}}.Run(t)
		})
	}
	f("same vocabulary", TokensParams{Weigh: "confidence"}, 0, 0, 0)
	f("one member", TokensParams{}, 1)
	f("geometric bytes", TokensParams{Mix: "geometric", Weigh: "agreement"}, 0, 1)
	f("contrast", TokensParams{Against: "b"}, 0, 0)
	f("contrast of bytes", TokensParams{Against: "a"}, 0, 1)
	f("draft", TokensParams{Draft: "a"}, 1, 1)
	f("draft across vocabularies", TokensParams{Draft: "a"}, 0, 1)
}

// noisy makes a member whose expectations depend on the text so far, at random
// but the same each time. Answers have at most so many bytes.
func noisy(id string, seed uint64, longest int, tokens ...string) *llmtest.Steps {
	return &llmtest.Steps{ID: id, Tokens: tokens, Next: func(answer string) map[string]float64 {
		h := hash(answer)
		rng := rand.New(rand.NewPCG(seed, h))
		next, total := map[string]float64{}, 0.0
		for _, t := range tokens {
			if t != llmtest.End && len(answer)+len(t) > longest {
				continue
			}
			next[t] = -math.Log(1 - rng.Float64())
			total += next[t]
		}
		for t := range next {
			next[t] /= total
		}
		return next
	}}
}

// spelled is the probability of each whole answer of a member, by all ways to
// spell it.
func spelled(s *llmtest.Steps) map[string]float64 {
	out := map[string]float64{}
	var walk func(answer string, p float64)
	walk = func(answer string, p float64) {
		for t, q := range s.Next(answer) {
			if t == llmtest.End {
				out[answer] += p * q
			} else {
				walk(answer+t, p*q)
			}
		}
	}
	walk("", 1)
	return out
}

// after is the exact distribution of the byte after a beginning.
func nextByte(answers map[string]float64, begin string) []float64 {
	p := make([]float64, byteSize)
	for a, q := range answers {
		if rest, ok := strings.CutPrefix(a, begin); !ok {
			continue
		} else if rest == "" {
			p[bytesEnd] += q
		} else {
			p[rest[0]] += q
		}
	}
	scaleTo1(p)
	return p
}

func openBytes(t *testing.T, s *llmtest.Steps, f *filter) *byteVoice {
	t.Helper()
	session, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	v, err := newByteVoice(session, newLexicon(session.Vocab()), f, true)
	if err != nil {
		t.Fatal(err)
	}
	v.least, v.wide = 0, 1<<20
	return v
}

// The byte distributions are those of the tokens, whatever the ways to spell.
func TestBytesAreThoseOfTheTokens(t *testing.T) {
	s := noisy("m", 3, 6, "a", "b", "ab", "ba", "aab", "bbb", "é", "\xc3", "\xa9", llmtest.End)
	answers := spelled(s)
	for _, whole := range []string{"aabab", "bbbb", "aéb", "éé", "", "bababa"} {
		v := openBytes(t, s, nil)
		for i := 0; ; i++ {
			e, err := v.expect(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := nextByte(answers, whole[:i])
			for c := range want {
				if math.Abs(e.plain[c]-want[c]) > 1e-6 {
					t.Fatalf("%q, symbol %d after %q: %v, want %v", whole, c, whole[:i], e.plain[c], want[c])
				}
			}
			if i == len(whole) {
				break
			}
			ahead := []byte(whole[i:])
			if i+1 < len(whole) && ahead[0] == 'a' && ahead[1] == 'b' {
				// Tokens that stop in between don't count there: at most the truth.
				if got, most := v.ahead(ahead[:2]), want['a']; !(got <= most+1e-9) {
					t.Errorf("ahead(ab) after %q = %v, want at most %v", whole[:i], got, most)
				}
			}
			v.take(int(whole[i]))
		}
	}
}

// Few paths are enough, and what none of them has is spelled anew.
func TestBytesWithFewPaths(t *testing.T) {
	s := noisy("m", 5, 8, "a", "b", "ab", "ba", "aab", llmtest.End)
	v := openBytes(t, s, nil)
	v.wide, v.least = 1, 0.4
	for _, c := range "abaabab" {
		e, err := v.expect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, p := range e.plain {
			sum += p
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("after %q: the probabilities sum to %v", v.text, sum)
		}
		v.take(int(c))
	}
	v.take('x') // no token has it
	v.take('a')
	if e, err := v.expect(t.Context()); err != nil || e == nil {
		t.Fatalf("after a byte that no token has: %v", err)
	}
	if _, out := v.used(); out == 0 || v.length() == 0 {
		t.Errorf("used %d tokens, length %d", out, v.length())
	}
}

// A space that a vocabulary puts before the first word is no part of the text.
func TestLeadingSpaceIsNoText(t *testing.T) {
	s := &llmtest.Steps{Tokens: []string{" once", " upon", " ", "o", "n", "c", "e", "u", "p", llmtest.End}}
	s.Next = llmtest.Reading(" once upon", s.Tokens)
	v := openBytes(t, s, nil)
	text := "once upon"
	for i := range text {
		e, err := v.expect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e.plain[text[i]] < 0.99 {
			t.Fatalf("%q after %q has %v", text[i], text[:i], e.plain[text[i]])
		}
		v.take(int(text[i]))
	}
}

// answersOf asks n times and counts the answers.
func answersOf(t *testing.T, m llm.Member, n int, change func(*llm.Request)) map[string]int {
	t.Helper()
	count := map[string]int{}
	for i := range n {
		r := user("q")
		r.Streaming, r.Temperature, r.Seed = false, new(1.0), new(int64(i))
		if change != nil {
			change(r)
		}
		reply, err := llm.Collect(m.Generate(t.Context(), r))
		if err != nil {
			t.Fatal(err)
		}
		count[reply.Text]++
	}
	return count
}

// fits holds counts against probabilities by Pearson's chi-squared, answers
// with less than five expected put together. It allows four standard
// deviations: chance alone would fail it once in some ten thousand runs, and
// the seeds are fixed.
func fits(t *testing.T, got map[string]int, want map[string]float64) {
	t.Helper()
	n, chi, free, rest, restGot := 0, 0.0, -1, 0.0, 0
	for a, c := range got {
		n += c
		if want[a] == 0 {
			t.Errorf("%d times %q, which is impossible", c, a)
		}
	}
	for _, a := range slices.Sorted(maps.Keys(want)) {
		expected := want[a] * float64(n)
		if expected < 5 {
			rest, restGot = rest+expected, restGot+got[a]
			continue
		}
		chi += (float64(got[a]) - expected) * (float64(got[a]) - expected) / expected
		free++
	}
	if rest >= 5 {
		chi += (float64(restGot) - rest) * (float64(restGot) - rest) / rest
		free++
	}
	if free < 3 {
		t.Fatalf("only %d degrees of freedom", free)
	}
	if most := float64(free) + 4*math.Sqrt(2*float64(free)); chi > most {
		t.Errorf("chi-squared %.1f of %d degrees of freedom, want at most %.1f", chi, free, most)
	}
}

// Speculation writes what the big member alone would, by chance as well.
func TestSpeculationKeepsTheDistribution(t *testing.T) {
	big := noisy("big", 7, 4, "a", "b", "ab", "c", llmtest.End)
	f := func(name string, small *llmtest.Steps, k int, change func(*llm.Request), want map[string]float64) {
		t.Run(name, func(t *testing.T) {
			m := build(t, "tokens", TokensParams{Draft: small.ID, DraftTokens: k}, small, big)
			fits(t, answersOf(t, m, 2000, change), want)
		})
	}
	// Of an answer that is spelled in several ways the ways add up.
	want := spelled(big)
	f("same vocabulary", noisy("small", 8, 4, "a", "b", "ab", "c", llmtest.End), 3, nil, want)
	f("other vocabulary", noisy("small", 9, 5, llmtest.End, "b", "a", "aa", "bc", "c"), 4, nil, want)
	f("little in common", noisy("small", 10, 5, "x", "aa", "b", llmtest.End), 2, nil, want)
	cool := coolest(big, func(p []float64) { (&filter{temperature: 0.5, topK: 3}).warm(p) })
	f("narrowed", noisy("small", 8, 4, "a", "b", "ab", "c", llmtest.End), 3, func(r *llm.Request) { r.Temperature, r.TopK = new(0.5), 3 }, cool)
}

// coolest is spelled with each step's distribution changed.
func coolest(s *llmtest.Steps, change func([]float64)) map[string]float64 {
	changed := &llmtest.Steps{ID: s.ID, Tokens: s.Tokens, Next: func(answer string) map[string]float64 {
		next := s.Next(answer)
		p := make([]float64, len(s.Tokens))
		for i, t := range s.Tokens {
			p[i] = next[t]
		}
		change(p)
		out := map[string]float64{}
		for i, t := range s.Tokens {
			if p[i] > 0 {
				out[t] = p[i]
			}
		}
		return out
	}}
	return spelled(changed)
}

// At temperature 0 it is word for word what the big one says, whatever is
// proposed.
func TestGreedySpeculationIsTheBigOnesAnswer(t *testing.T) {
	big := noisy("big", 11, 12, "a", "b", "ab", "c", llmtest.End)
	r := user("q")
	r.Temperature = new(0.0)
	alone, err := llm.Collect(big.Generate(t.Context(), r))
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(6) {
		small := noisy("small", seed, 12, "a", "b", "c", "ab", llmtest.End)
		got, err := llm.Collect(build(t, "tokens", TokensParams{Draft: "small"}, big, small).Generate(t.Context(), r))
		if err != nil || got.Text != alone.Text {
			t.Errorf("got %q, %v, want %q", got.Text, err, alone.Text)
		}
	}
}

// A draft that knows saves the big one's rounds.
func TestSpeculationSavesSteps(t *testing.T) {
	big, small := llmtest.StepsBehaving("big", llmtest.Answers, 1), llmtest.StepsBehaving("small", llmtest.Answers, 1)
	synctest.Test(t, func(t *testing.T) {
		small.Pause = 0
		got := watch(t.Context(), build(t, "tokens", TokensParams{Draft: "small", DraftTokens: 8}, small, big), user("q"))
		if got.text != "hello world" || got.took > 20*ms {
			t.Errorf("%q after %v, want hello world by two steps of the big one", got.text, got.took)
		}
		if !strings.Contains(got.done.Reason, "of 5 tokens that small proposed") {
			t.Errorf("reason %q", got.done.Reason)
		}
	})
}

// A mixture's answers are distributed as the mixture of the members'
// expectations, in tokens and in bytes.
func TestMixtureIsSampledExactly(t *testing.T) {
	a := noisy("a", 21, 4, "a", "b", "c", llmtest.End)
	b := noisy("b", 22, 4, "a", "b", "c", llmtest.End)
	c := noisy("c", 23, 4, llmtest.End, "c", "a", "ab", "b", "bc")
	f := func(name string, p TokensParams, x, y *llmtest.Steps, wx, wy float64) {
		t.Run(name, func(t *testing.T) {
			ax, ay := spelled(x), spelled(y)
			want := map[string]float64{}
			var walk func(text string, p float64)
			walk = func(text string, p float64) {
				px, py := nextByte(ax, text), nextByte(ay, text)
				for i := range px {
					q := p * (wx*px[i] + wy*py[i])
					if q == 0 {
						continue
					}
					if i == bytesEnd {
						want[text] += q
					} else {
						walk(text+string(rune(i)), q)
					}
				}
			}
			walk("", 1)
			fits(t, answersOf(t, build(t, "tokens", p, x, y), 2000, nil), want)
		})
	}
	f("tokens", TokensParams{Weigh: "fixed", Weights: map[string]float64{"a": 3}}, a, b, 0.75, 0.25)
	f("bytes", TokensParams{Weigh: "fixed"}, a, c, 0.5, 0.5)
}

func TestTokensParameters(t *testing.T) {
	f := func(p TokensParams, want string, members ...llm.Member) {
		t.Helper()
		if members == nil {
			members = stepping(0, 1)(llmtest.Answers)
		}
		_, err := New("tokens", Env{Name: "model", Members: members}, p)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", p, err, want)
		}
	}
	f(TokensParams{Weigh: "luck"}, `weigh: "luck"`)
	f(TokensParams{Mix: "up"}, `mix: "up"`)
	f(TokensParams{Change: 2}, "change: 2")
	f(TokensParams{Strength: -1}, "strength: -1")
	f(TokensParams{Draft: "z"}, `draft: "z" is no member`)
	f(TokensParams{Draft: "a", Against: "b"}, "want one of them")
	f(TokensParams{Draft: "a"}, "3 members, want exactly two", stepping(0, 0, 0)(llmtest.Answers)...)
	f(TokensParams{}, "member far doesn't show", llmtest.Text("far", "x", 0))
}

func ExampleTokensParams() {
	a := llmtest.StepsBehaving("a", llmtest.Answers, 0)
	b := llmtest.StepsBehaving("b", llmtest.Answers, 1)
	m, _ := New("tokens", Env{Name: "both", Members: []llm.Member{a, b}}, nil)
	reply, _ := llm.Collect(m.Generate(context.Background(), &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "Say hello.")}}))
	fmt.Println(reply.Text, reply.Outcome.Coalitions)
	// Output: hello world map[a:1000000 a+b:1000000 b:1000000]
}
