package fusion

import (
	"math"
	"sync/atomic"
	"time"

	"summit/llm"
	"summit/money"
)

const (
	// usualOutputTokens is how long an answer is taken to be until its member
	// has given one: a guess at a short explanation.
	usualOutputTokens = 500
	// lengthMemory is how much of the mean length the last answer is: it
	// follows a change of the traffic within some dozens of answers. A guess.
	lengthMemory = 1.0 / 16
)

// lengths is the running mean of the tokens that a member answers with, its
// thoughts among them. The zero value knows none.
type lengths struct{ mean atomic.Uint64 } // bits of a float64; zero = none yet

// note takes down how long an answer was.
func (l *lengths) note(part *llm.Outcome) {
	if part == nil || part.Err != nil || !part.Usage.Output.Known() {
		return
	}
	tokens := float64(part.Usage.OutputTotal())
	for {
		old := l.mean.Load()
		mean := math.Float64frombits(old)
		next := mean + lengthMemory*(tokens-mean)
		if old == 0 {
			next = max(tokens, 1)
		}
		if l.mean.CompareAndSwap(old, math.Float64bits(next)) {
			return
		}
	}
}

// tokens returns how long the answer to the request is expected to be.
func (l *lengths) tokens(r *llm.Request) int64 {
	n := int64(math.Round(math.Float64frombits(l.mean.Load())))
	if n <= 0 {
		n = usualOutputTokens
	}
	if r.MaxTokens > 0 {
		n = min(n, int64(r.MaxTokens))
	}
	return n
}

// expect returns what a call of the seat will cost if its answer is as long as
// its answers were so far; nil where its price is unknown, and for a strategy,
// which says so itself.
func (w *work) expect(s *seat, r *llm.Request) *llm.Cost {
	if s.strategy || len(s.card.Prices) == 0 {
		return nil
	}
	input := w.input
	if r != w.r || input == 0 {
		if input = inputTokens(r); r == w.r {
			w.input = input
		}
	}
	p, ok := s.card.PriceAt(time.Now(), input)
	if !ok {
		return nil
	}
	a, err := money.Charge(money.Line{Units: input, Rate: p.Input}, money.Line{Units: s.lengths.tokens(r), Rate: p.Output})
	if err == nil {
		a, err = a.Add(p.Call)
	}
	if err != nil {
		return nil
	}
	return &llm.Cost{Amount: a, Currency: p.Currency, From: llm.Estimated}
}
