package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Picker chooses the next token from a row of logits, which it may change. It
// is called by the engine's loop, for one sequence in order. A negative answer
// ends the answer: nothing is allowed any more.
type Picker interface {
	Next(logits []float32) int
}

// Explainer is a Picker that tells how likely its last choice was.
type Explainer interface {
	Explain() (logprob float32, top []Logprob)
}

// Forcer is a Picker that knows what must follow its last choice: tokens that
// are taken without asking for logits.
type Forcer interface {
	Forced() []int
}

// Logprob is the natural logarithm of a token's probability.
type Logprob struct {
	ID      int
	Logprob float32
}

// Token is one token of an answer.
type Token struct {
	ID      int
	Logprob float32   // 0 unless the picker explains
	Top     []Logprob // nil unless the picker explains
}

// Request asks for an answer.
type Request struct {
	Prompt    []int
	MaxTokens int    // 0 = as many as the window allows
	Picker    Picker // nil = greedy
	Stop      []int  // tokens that end the answer; the one that does is its last
	Salt      string // requests of different salts share no cached prefixes
}

// Reason tells why an answer ended.
type Reason string

// The reasons. A Blocked answer ended because its picker allowed no token.
const (
	Stopped Reason = "stop"
	Length  Reason = "length"
	Blocked Reason = "blocked"
	Left    Reason = "left" // the caller wanted no more
)

// Result is what an answer took.
type Result struct {
	Reason       Reason
	PromptTokens int
	CachedTokens int // of the prompt, found in the cache
	Tokens       int // of the answer
	First        time.Duration
	Took         time.Duration
}

// Greedy picks the most likely token, ties to the lowest id.
type Greedy struct{}

// Next picks.
func (Greedy) Next(logits []float32) int {
	best := 0
	for i, v := range logits {
		if v > logits[best] || logits[best] != logits[best] {
			best = i
		}
	}
	return best
}

// Generate computes an answer and gives its tokens to emit one by one, from
// the calling goroutine; emit returns false to leave. The result tells what
// was done also if there is an error. Errors: ErrLong, ErrToken, ErrBusy,
// ErrClosed, and the context's.
func (e *Engine) Generate(ctx context.Context, r Request, emit func(Token) bool) (Result, error) {
	res := Result{PromptTokens: len(r.Prompt)}
	if len(r.Prompt) == 0 {
		return res, fmt.Errorf("engine: prompt: no tokens, want 1 or more")
	}
	if r.MaxTokens < 0 {
		return res, fmt.Errorf("engine: max tokens: got %d, want 0 or more", r.MaxTokens)
	}
	ids, err := e.checkIDs(r.Prompt)
	if err != nil {
		return res, err
	}
	room := e.opts.WindowTokens - len(ids)
	if room <= 0 {
		return res, fmt.Errorf("%w: a prompt of %d tokens, want at most %d", ErrLong, len(ids), e.opts.WindowTokens-1)
	}
	limit := room
	if r.MaxTokens > 0 {
		limit = min(limit, r.MaxTokens)
	}
	if r.Picker == nil {
		r.Picker = Greedy{}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	start := time.Now()
	w := &generation{picker: r.Picker, stop: r.Stop, limit: limit, ready: make(chan struct{}, 1)}
	seq := &sequence{ctx: ctx, work: w, ids: ids, outFrom: len(ids) - 1, root: rootKey(r.Salt)}
	if err := e.admit(func() { e.loop.enter(seq) }); err != nil {
		return res, err
	}
	var batch []Token
	left := false
	for {
		select {
		case <-w.ready:
		case <-ctx.Done():
			e.signal()
			<-w.ready
		}
		w.mu.Lock()
		batch, w.tokens = w.tokens, batch[:0]
		ended, cached, reason, err := w.ended, w.cached, w.reason, w.err
		w.mu.Unlock()
		for _, t := range batch {
			if left {
				break
			}
			if res.Tokens == 0 {
				res.First = time.Since(start)
			}
			res.Tokens++
			if !emit(t) {
				left = true
				cancel()
			}
		}
		if ended {
			res.CachedTokens, res.Reason, res.Took = cached, reason, time.Since(start)
			if left {
				res.Reason, err = Left, nil
			}
			return res, err
		}
	}
}

// admit is call for new requests: too many of them are refused.
func (e *Engine) admit(f func()) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	if e.waiting >= e.opts.Queue {
		return fmt.Errorf("%w: %d, want at most %d", ErrBusy, e.waiting, e.opts.Queue)
	}
	e.waiting++
	e.calls = append(e.calls, f)
	e.signal()
	return nil
}

// generation is an answer at work: the loop adds tokens, the caller takes
// them away.
type generation struct {
	picker Picker
	stop   []int
	limit  int
	count  int // tokens of the answer so far; the loop's own

	mu     sync.Mutex
	tokens []Token // not yet taken
	cached int
	reason Reason
	ended  bool
	err    error
	ready  chan struct{}
}

func (g *generation) signal() {
	select {
	case g.ready <- struct{}{}:
	default:
	}
}

func (g *generation) row(s *sequence, _ int, row []float32) {
	id := g.picker.Next(row)
	if id < 0 || id >= len(row) {
		g.end(s, Blocked)
		return
	}
	t := Token{ID: id}
	if x, ok := g.picker.(Explainer); ok {
		t.Logprob, t.Top = x.Explain()
	}
	more := g.take(s, t)
	if f, ok := g.picker.(Forcer); ok && more {
		for _, id := range f.Forced() {
			if id < 0 || id >= len(row) {
				g.end(s, Blocked)
				return
			}
			if !g.take(s, Token{ID: id}) {
				break
			}
		}
	}
	s.outFrom = len(s.ids) - 1
}

// take adds a token to the answer and tells whether there may be more.
func (g *generation) take(s *sequence, t Token) bool {
	g.mu.Lock()
	g.tokens = append(g.tokens, t)
	g.mu.Unlock()
	g.count++
	g.signal()
	switch {
	case slices.Contains(g.stop, t.ID):
		g.end(s, Stopped)
	case g.count >= g.limit:
		g.end(s, Length)
	default:
		s.ids = append(s.ids, int32(t.ID))
		return true
	}
	return false
}

// end leaves nothing to compute, not even what was forced just before.
func (g *generation) end(s *sequence, r Reason) {
	s.ids = s.ids[:s.done]
	g.mu.Lock()
	g.reason = r
	g.mu.Unlock()
}

func (g *generation) finish(s *sequence, err error) {
	g.mu.Lock()
	g.cached, g.ended, g.err = s.cached, true, err
	g.mu.Unlock()
	g.signal()
}

func (g *generation) over() bool { return true }
