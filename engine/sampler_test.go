package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"summit/grammar"
)

func sampler(t testing.TB, set Sampling, vocab int, prompt ...int) *Sampler {
	t.Helper()
	s, err := NewSampler(set, vocab, prompt, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestGreedyChoice(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	f := func(set Sampling, logits []float32, want int) {
		t.Helper()
		if got := sampler(t, set, len(logits), 0, 1).Next(logits); got != want {
			t.Errorf("got token %d, want %d", got, want)
		}
	}
	f(Sampling{}, []float32{1, 3, 3, 2}, 1)
	f(Sampling{}, []float32{nan, -5, nan, -4}, 3)
	f(Sampling{}, []float32{nan, -inf}, -1)
	f(Sampling{Temperature: 1}, []float32{nan, -inf}, -1)
	f(Sampling{Temperature: 1}, []float32{0, inf}, 1)
	f(Sampling{Bias: map[int]float64{0: 3}}, []float32{1, 3, 3, 2}, 0)
	f(Sampling{Repetition: 2}, []float32{4, 3, 2.5, 2}, 2)       // 4/2, 3/2: both in the prompt
	f(Sampling{Repetition: 2}, []float32{-1.5, -3, -2.5, -9}, 2) // -1.5*2 = -3
	f(Sampling{Presence: 5, Frequency: 5}, []float32{4, 3, 2, 1}, 0)
}

// TestPenalties follows penalties over an answer: they count the answer, repetition the prompt too.
func TestPenalties(t *testing.T) {
	s := sampler(t, Sampling{Frequency: 1, Presence: 0.5}, 3)
	var got []int
	for range 6 {
		got = append(got, s.Next([]float32{3, 1.6, 0}))
	}
	// 3, then 3-1.5=1.5 < 1.6, then 1.6-1.5 = 0.1: 1.5 again, then 3-2.5=0.5, then 3-3.5 and 0.1: token 1 ...
	if fmt.Sprint(got) != "[0 1 0 0 1 2]" {
		t.Errorf("got %v, want [0 1 0 0 1 2]", got)
	}
}

// TestDistribution draws many times: each token comes as often as its probability says, within five standard
// deviations.
func TestDistribution(t *testing.T) {
	p := []float64{0.5, 0.25, 0.125, 0.0625, 0.0625}
	logits := make([]float32, len(p))
	f := func(set Sampling, want []float64) {
		t.Helper()
		set.Seed = 42
		s := sampler(t, set, len(p))
		const n = 40000
		got := make([]int, len(p))
		for range n {
			for i := range p {
				logits[i] = float32(math.Log(p[i]))
			}
			got[s.Next(logits)]++
		}
		for i, w := range want {
			if dev := math.Sqrt(n * w * (1 - w)); math.Abs(float64(got[i])-n*w) > 5*dev+1e-9 {
				t.Errorf("%+v: token %d came %d times of %d, want %.0f ± %.0f", set, i, got[i], n, n*w, 5*dev)
			}
		}
	}
	f(Sampling{Temperature: 1}, p)
	f(Sampling{Temperature: 1, TopK: 2}, []float64{2. / 3, 1. / 3, 0, 0, 0})
	f(Sampling{Temperature: 1, TopK: 4}, []float64{8. / 15, 4. / 15, 2. / 15, 1. / 15, 0}) // the tie goes to the lower id
	f(Sampling{Temperature: 1, TopK: 99}, p)
	f(Sampling{Temperature: 1, TopP: 0.7}, []float64{2. / 3, 1. / 3, 0, 0, 0})
	f(Sampling{Temperature: 1, TopP: 0.5}, []float64{1, 0, 0, 0, 0})
	f(Sampling{Temperature: 1, TopP: 0.01}, []float64{1, 0, 0, 0, 0})
	f(Sampling{Temperature: 1, TopP: 1}, p)
	f(Sampling{Temperature: 1, TopK: 3, TopP: 0.8}, []float64{2. / 3, 1. / 3, 0, 0, 0}) // of 7/8 the first two are 6/7
	f(Sampling{Temperature: 1, MinP: 0.2}, []float64{4. / 7, 2. / 7, 1. / 7, 0, 0})
	f(Sampling{Temperature: 0.5}, []float64{256. / 344, 64. / 344, 16. / 344, 4. / 344, 4. / 344}) // squares
	f(Sampling{Temperature: 2, TopK: 1}, []float64{1, 0, 0, 0, 0})
	f(Sampling{Temperature: 1, Bias: map[int]float64{0: -1000}}, []float64{0, 0.5, 0.25, 0.125, 0.125})
}

// TestSeed: the same seed gives the same tokens, another one others.
func TestSeed(t *testing.T) {
	run := func(seed uint64) string {
		s := sampler(t, Sampling{Temperature: 1, Seed: seed, TopK: 50}, 100)
		var out []int
		for i := range 20 {
			logits := make([]float32, 100)
			for j := range logits {
				logits[j] = float32((i*31+j*17)%23) / 5
			}
			out = append(out, s.Next(logits))
		}
		return fmt.Sprint(out)
	}
	first, again, other := run(1), run(1), run(2)
	if first != again || first == other {
		t.Error("seeds do not decide what is drawn")
	}
}

func TestSamplingCheck(t *testing.T) {
	nan := math.NaN()
	f := func(s Sampling, want string) {
		t.Helper()
		if _, err := NewSampler(s, 10, nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want an error with %q", s, err, want)
		}
	}
	f(Sampling{Temperature: -1}, "temperature: got -1")
	f(Sampling{Temperature: nan}, "temperature: got NaN")
	f(Sampling{Temperature: math.Inf(1)}, "temperature: got +Inf")
	f(Sampling{TopK: -3}, "top_k: got -3")
	f(Sampling{TopP: 1.1}, "top_p: got 1.1")
	f(Sampling{TopP: nan}, "top_p: got NaN")
	f(Sampling{MinP: 1}, "min_p: got 1")
	f(Sampling{Repetition: -1}, "repetition penalty: got -1")
	f(Sampling{Frequency: nan}, "frequency penalty: got NaN")
	f(Sampling{Presence: 1000}, "presence penalty: got 1000")
	f(Sampling{TopLogprobs: 21}, "top logprobs: got 21")
	f(Sampling{Bias: map[int]float64{10: 1}}, "logit bias: token 10")
	f(Sampling{Bias: map[int]float64{3: nan}}, "logit bias of token 3: got NaN")
	s := sampler(t, Sampling{}, 10)
	if got := s.Next(make([]float32, 9)); got != -1 || s.Err() == nil {
		t.Errorf("a row of another length gave %d and %v", got, s.Err())
	}
	if _, err := NewSampler(Sampling{}, 0, nil, nil); err == nil {
		t.Error("no vocabulary was accepted")
	}
}

// TestLogprobs are of the model's own logits: bias and temperature do not show.
func TestLogprobs(t *testing.T) {
	p := []float64{0.1, 0.2, 0.4, 0.2, 0.1}
	s := sampler(t, Sampling{Temperature: 3, TopLogprobs: 3, Bias: map[int]float64{4: 900}, Seed: 9}, len(p))
	var kept [][]Logprob
	for range 100 {
		logits := make([]float32, len(p))
		for i := range p {
			logits[i] = float32(math.Log(p[i]) + 7)
		}
		if got := s.Next(logits); got != 4 {
			t.Fatalf("got token %d, want 4", got)
		}
		lp, top := s.Explain()
		if math.Abs(float64(lp)-math.Log(0.1)) > 1e-5 {
			t.Fatalf("logprob %v, want %v", lp, math.Log(0.1))
		}
		kept = append(kept, top)
	}
	for _, top := range kept {
		var ids []int
		for _, x := range top {
			ids = append(ids, x.ID)
			if math.Abs(float64(x.Logprob)-math.Log(p[x.ID])) > 1e-5 {
				t.Fatalf("token %d has logprob %v, want %v", x.ID, x.Logprob, math.Log(p[x.ID]))
			}
		}
		if !slices.Equal(ids, []int{2, 1, 3}) {
			t.Fatalf("likeliest %v, want [2 1 3]", ids)
		}
	}
}

// TestConstraint draws only what a grammar allows, and skips what it forces.
func TestConstraint(t *testing.T) {
	words := []string{"{", `"`, "n", ":", "1", "}", `{"n`, "x", "", `":`}
	tokens := make([][]byte, len(words))
	for i, w := range words {
		tokens[i] = []byte(w)
	}
	v, err := grammar.NewVocab(tokens, []int{8})
	if err != nil {
		t.Fatal(err)
	}
	g, err := grammar.Parse(`root ::= "{\"n\":" "1"+ "}"`, grammar.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(20) {
		s, err := NewSampler(Sampling{Temperature: 2, Seed: seed}, len(words)+3, nil, g.With(v).Matcher())
		if err != nil {
			t.Fatal(err)
		}
		text, ended := "", false
		for range 200 {
			id := s.Next(make([]float32, len(words)+3))
			if id < 0 || id >= len(words) {
				t.Fatalf("got token %d after %q: %v", id, text, s.Err())
			}
			if text += words[id]; id == 8 {
				ended = true
				break
			}
			for _, id := range s.Forced() {
				text += words[id]
			}
		}
		if !ended || strings.Trim(text, "1") != `{"n":1}` && !strings.HasPrefix(text, `{"n":1`) {
			t.Fatalf("wrote %q, ended %v", text, ended)
		}
		if got := s.Next(make([]float32, len(words)+3)); got != -1 {
			t.Fatalf("got token %d after the end", got)
		}
	}
}

// TestSamplerAllocates nothing once it runs.
func TestSamplerAllocates(t *testing.T) {
	const n = 5000
	s := sampler(t, Sampling{Temperature: 0.8, TopK: 40, TopP: 0.95, MinP: 0.01, Repetition: 1.1, Frequency: 0.1, Logprobs: true}, n, 1, 2, 3)
	logits := make([]float32, n)
	i := 0
	if got := testing.AllocsPerRun(200, func() {
		for j := range logits {
			logits[j] = float32((j*7919+i*104729)%1000) / 200
		}
		i++
		s.Next(logits)
	}); got != 0 {
		t.Errorf("%v allocations per token, want 0", got)
	}
}

func BenchmarkSampler(b *testing.B) {
	const n = 150000
	s := sampler(b, Sampling{Temperature: 0.8, TopK: 40, TopP: 0.95}, n)
	from, logits := make([]float32, n), make([]float32, n)
	for j := range from {
		from[j] = float32(j*7919%100000) / 10000
	}
	for b.Loop() {
		copy(logits, from)
		s.Next(logits)
	}
}
