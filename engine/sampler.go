package engine

import (
	"fmt"
	"math"
	"math/rand/v2"

	"summit/grammar"
)

// Sampling says how a Sampler chooses. The zero value is greedy.
type Sampling struct {
	Temperature float64 // 0 = the most likely token, ties to the lowest id
	TopK        int     // only the k most likely; 0 = all
	TopP        float64 // only the most likely that together reach p; 0 or 1 = all
	MinP        float64 // only those at least p times as likely as the most likely; 0 = all

	Repetition float64 // divides the logits of tokens seen in prompt and answer if above 0, else multiplies; 0 or 1 = off
	Frequency  float64 // taken off a token's logit for each time it is in the answer
	Presence   float64 // taken off a token's logit if it is in the answer

	Bias map[int]float64 // added to logits
	Seed uint64          // the same seed and logits give the same tokens, whatever else runs

	Logprobs    bool // Explain tells the probability of each choice
	TopLogprobs int  // and of the so many most likely tokens, up to MaxTopLogprobs
}

// MaxTopLogprobs is the most that TopLogprobs may be.
const MaxTopLogprobs = 20

// Check says which number is out of its range, if any. vocab is the number of tokens.
func (s Sampling) Check(vocab int) error {
	for _, f := range []struct {
		name         string
		got          float64
		least, most  float64
		exclusiveTop bool
	}{
		{"temperature", s.Temperature, 0, 100, false},
		{"top_p", s.TopP, 0, 1, false},
		{"min_p", s.MinP, 0, 1, true},
		{"repetition penalty", s.Repetition, 0, 100, false},
		{"frequency penalty", s.Frequency, -100, 100, false},
		{"presence penalty", s.Presence, -100, 100, false},
	} {
		if !(f.got >= f.least && f.got <= f.most) || f.exclusiveTop && f.got == f.most {
			return fmt.Errorf("engine: %s: got %v, want %v to %v", f.name, f.got, f.least, f.most)
		}
	}
	if s.TopK < 0 {
		return fmt.Errorf("engine: top_k: got %d, want 0 or more", s.TopK)
	}
	if s.TopLogprobs < 0 || s.TopLogprobs > MaxTopLogprobs {
		return fmt.Errorf("engine: top logprobs: got %d, want 0 to %d", s.TopLogprobs, MaxTopLogprobs)
	}
	for id, b := range s.Bias {
		if id < 0 || id >= vocab {
			return fmt.Errorf("engine: logit bias: token %d, want 0 to %d", id, vocab-1)
		}
		if math.IsNaN(b) || math.IsInf(b, 0) {
			return fmt.Errorf("engine: logit bias of token %d: got %v, want a finite number", id, b)
		}
	}
	return nil
}

// Constraint narrows the choice and follows it; a grammar.Matcher is one.
type Constraint interface {
	Mask() (grammar.Mask, error)
	Accept(id int) error
	Forced() []int
}

// Sampler is a Picker with the usual settings. It serves one answer; after the first token it allocates nothing but
// the lists of logprobs that it gives away.
//
// Order: bias, penalties and constraint change the logits; temperature divides them; top-k keeps the likeliest, top-p
// the likeliest of those, min-p the likely enough of those; one of the rest is drawn. Logprobs are of the model's own
// logits, before all that.
type Sampler struct {
	set   Sampling
	vocab int
	limit Constraint
	rng   *rand.PCG
	err   error

	counts []int32 // times in the answer, by token; with penalties only
	inText []bool  // in prompt or answer
	seen   []int32 // the tokens in inText
	biases []bias

	heap  []int32   // tokens, the likeliest on top
	picks []int32   // those that are left
	likes []float64 // and their weights

	raw     []float32
	logprob float32
	top     []Logprob
	arena   []Logprob
}

type bias struct {
	id int
	by float32
}

// NewSampler makes a sampler for an answer to prompt. limit may be nil.
func NewSampler(set Sampling, vocab int, prompt []int, limit Constraint) (*Sampler, error) {
	if vocab < 1 {
		return nil, fmt.Errorf("engine: sampler: got %d tokens, want 1 or more", vocab)
	}
	if err := set.Check(vocab); err != nil {
		return nil, err
	}
	s := &Sampler{set: set, vocab: vocab, limit: limit, rng: rand.NewPCG(set.Seed, 0x5ca1ab1e)}
	for id, b := range set.Bias {
		s.biases = append(s.biases, bias{id, float32(b)}) // each its own token: their order does not matter
	}
	if s.repeats() || set.Frequency != 0 || set.Presence != 0 {
		s.counts, s.inText, s.seen = make([]int32, vocab), make([]bool, vocab), make([]int32, 0, vocab)
		for _, id := range prompt {
			if id >= 0 && id < vocab {
				s.note(id, 0)
			}
		}
	}
	if set.Temperature > 0 {
		s.heap, s.picks, s.likes = make([]int32, 0, vocab), make([]int32, 0, vocab), make([]float64, 0, vocab)
	}
	if s.explains() {
		s.raw = make([]float32, 0, vocab)
	}
	return s, nil
}

func (s *Sampler) repeats() bool  { return s.set.Repetition != 0 && s.set.Repetition != 1 }
func (s *Sampler) explains() bool { return s.set.Logprobs || s.set.TopLogprobs > 0 }

// note counts a token of the prompt (0 times in the answer) or of the answer (1).
func (s *Sampler) note(id int, times int32) {
	if s.counts == nil {
		return
	}
	if !s.inText[id] {
		s.inText[id] = true
		s.seen = append(s.seen, int32(id))
	}
	s.counts[id] += times
}

// Err is why Next has given no token, if it was not for the constraint's end.
func (s *Sampler) Err() error { return s.err }

// Next chooses a token from a row of logits, which it changes; -1 if none is allowed.
func (s *Sampler) Next(logits []float32) int {
	if s.err != nil {
		return -1
	}
	if len(logits) != s.vocab {
		s.err = fmt.Errorf("engine: sampler: got %d logits, want %d", len(logits), s.vocab)
		return -1
	}
	if s.explains() {
		s.raw = append(s.raw[:0], logits...)
	}
	s.change(logits)
	if s.limit != nil {
		mask, err := s.limit.Mask()
		if err != nil {
			s.err = fmt.Errorf("engine: sampler: %w", err)
			return -1
		}
		forbid(logits, mask)
	}
	id := -1
	if s.set.Temperature > 0 {
		id = s.draw(logits)
	} else {
		id = best(logits)
	}
	if id < 0 {
		return -1
	}
	if s.limit != nil {
		if err := s.limit.Accept(id); err != nil {
			s.err = fmt.Errorf("engine: sampler: %w", err)
			return -1
		}
	}
	s.note(id, 1)
	if s.explains() {
		s.explain(id)
	}
	return id
}

// change adds the biases and takes off the penalties.
func (s *Sampler) change(logits []float32) {
	for _, b := range s.biases {
		logits[b.id] += b.by
	}
	repetition, repeats := float32(s.set.Repetition), s.repeats()
	for _, id := range s.seen {
		v := logits[id]
		if repeats {
			if v > 0 {
				v /= repetition
			} else {
				v *= repetition
			}
		}
		if n := s.counts[id]; n > 0 {
			v -= float32(n)*float32(s.set.Frequency) + float32(s.set.Presence)
		}
		logits[id] = v
	}
}

// forbid makes the tokens that are not in the mask impossible.
func forbid(logits []float32, mask grammar.Mask) {
	never := float32(math.Inf(-1))
	for i := range logits {
		if !mask.Has(i) {
			logits[i] = never
		}
	}
}

// best is the token of the highest logit, the lowest id of equal ones; -1 if none is possible.
func best(logits []float32) int {
	id, top := -1, float32(math.Inf(-1))
	for i, v := range logits {
		if v > top {
			id, top = i, v
		}
	}
	return id
}

// draw chooses by chance. A token's weight is exp((logit - top) / temperature).
func (s *Sampler) draw(logits []float32) int {
	first := best(logits)
	if first < 0 {
		return -1
	}
	top := float64(logits[first])
	if math.IsInf(top, 1) {
		return first
	}
	weight := func(id int32) float64 { return math.Exp((float64(logits[id]) - top) / s.set.Temperature) }
	s.picks, s.likes = s.picks[:0], s.likes[:0]
	sum := 0.0
	add := func(id int32) {
		if w := weight(id); w > 0 {
			s.picks, s.likes = append(s.picks, id), append(s.likes, w)
			sum += w
		}
	}
	narrowP := s.set.TopP > 0 && s.set.TopP < 1
	narrowK := s.set.TopK > 0 && s.set.TopK < s.vocab
	if !narrowP && !narrowK && s.set.MinP == 0 {
		for i, v := range logits {
			if v == v {
				add(int32(i))
			}
		}
		return s.spin(sum)
	}
	// The likeliest come off the heap one by one, so that a narrow choice needs no sorting of the vocabulary.
	all := 0.0
	s.heap = s.heap[:0]
	for i, v := range logits {
		if v == v && !math.IsInf(float64(v), -1) {
			s.heap = append(s.heap, int32(i))
			if narrowP && !narrowK {
				all += weight(int32(i))
			}
		}
	}
	heapify(s.heap, logits)
	for len(s.heap) > 0 && !(narrowK && len(s.picks) == s.set.TopK) {
		id := s.heap[0]
		if len(s.picks) > 0 && (weight(id) < s.set.MinP || weight(id) == 0) {
			break // the first weighs 1
		}
		add(id)
		if narrowP && !narrowK && sum >= s.set.TopP*all {
			break
		}
		s.heap = pop(s.heap, logits)
	}
	if narrowP && narrowK {
		part, n := 0.0, 0
		for n < len(s.likes) && (n == 0 || part < s.set.TopP*sum) {
			part += s.likes[n]
			n++
		}
		s.picks, s.likes, sum = s.picks[:n], s.likes[:n], part
	}
	return s.spin(sum)
}

// spin draws one of the picks by their weights.
func (s *Sampler) spin(sum float64) int {
	at := float64(s.rng.Uint64()>>11) / (1 << 53) * sum
	for i, w := range s.likes {
		if at < w {
			return int(s.picks[i])
		}
		at -= w
	}
	return int(s.picks[len(s.picks)-1]) // what rounding left over
}

// ahead says whether token a comes before b: likelier, or as likely with a lower id.
func ahead(a, b int32, logits []float32) bool {
	return logits[a] > logits[b] || logits[a] == logits[b] && a < b
}

func heapify(h []int32, logits []float32) {
	for i := len(h)/2 - 1; i >= 0; i-- {
		sink(h, i, logits)
	}
}

func pop(h []int32, logits []float32) []int32 {
	h[0] = h[len(h)-1]
	h = h[:len(h)-1]
	sink(h, 0, logits)
	return h
}

func sink(h []int32, i int, logits []float32) {
	for {
		c := 2*i + 1
		if c >= len(h) {
			return
		}
		if c+1 < len(h) && ahead(h[c+1], h[c], logits) {
			c++
		}
		if !ahead(h[c], h[i], logits) {
			return
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
}

// Forced returns what the constraint says must follow.
func (s *Sampler) Forced() []int {
	if s.limit == nil || s.err != nil {
		return nil
	}
	ids := s.limit.Forced()
	for _, id := range ids {
		if id >= 0 && id < s.vocab {
			s.note(id, 1)
		}
	}
	return ids
}
