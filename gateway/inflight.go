package gateway

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"summit/llm"
)

// inflight counts the requests on their way, and waits for the last one.
// sync.WaitGroup can't: requests still begin while somebody waits.
type inflight struct {
	mu     sync.Mutex
	n      int
	closed bool
	idle   chan struct{} // closed when n is zero; nil while nobody waits
}

// enter counts a request, and refuses it after close.
func (f *inflight) enter() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.n++
	return true
}

func (f *inflight) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n--; f.n == 0 && f.idle != nil {
		close(f.idle)
		f.idle = nil
	}
}

func (f *inflight) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

func (f *inflight) closing() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

func (f *inflight) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// wait reports whether all requests ended within the time and before ctx.
func (f *inflight) wait(ctx context.Context, most time.Duration) bool {
	f.mu.Lock()
	if f.n == 0 {
		f.mu.Unlock()
		return true
	}
	if f.idle == nil {
		f.idle = make(chan struct{})
	}
	idle := f.idle
	f.mu.Unlock()
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-idle:
		return true
	case <-t.C:
	case <-ctx.Done():
	}
	return false
}

// gate lets so many requests through at a time and lets some wait.
type gate struct {
	slots   chan struct{}
	queue   int64 // most that wait
	waiting atomic.Int64
}

// full reports whether there is neither a place nor room to wait for one.
func (g *gate) full() bool { return len(g.slots) == cap(g.slots) && g.waiting.Load() >= g.queue }

// tooMany is the error for whom there is no place. It is of kind RateLimited,
// whoever asks.
func (g *gate) tooMany() *llm.Error {
	e := llm.Errorf(llm.RateLimited, "%d requests are being answered and %d may wait, which is all that this server takes on", cap(g.slots), g.queue)
	e.RetryAfter = retryTime
	return e
}

// enter waits for a place.
func (g *gate) enter(ctx context.Context) *llm.Error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	if g.waiting.Add(1) > g.queue {
		g.waiting.Add(-1)
		return g.tooMany()
	}
	defer g.waiting.Add(-1)
	t := time.NewTimer(queueTime)
	defer t.Stop()
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-t.C:
		return g.tooMany()
	case <-ctx.Done():
		return llm.ContextError(ctx)
	}
}

func (g *gate) leave() { <-g.slots }

// weight is what can be taken up to a sum.
type weight struct {
	mu   sync.Mutex
	left int64
}

// take takes n if they are there. It doesn't wait: bodies are held as long as
// their requests run, and a queue of clients with half-sent bodies helps nobody.
func (w *weight) take(n int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n > w.left {
		return false
	}
	w.left -= n
	return true
}

func (w *weight) give(n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left += n
}
