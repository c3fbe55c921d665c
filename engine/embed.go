package engine

import (
	"context"
	"fmt"
)

// Pooling tells how the rows of a text's tokens become one.
type Pooling string

// Mean is the mean of all rows, Last the row of the last token.
const (
	Mean Pooling = "mean"
	Last Pooling = "last"
)

// Embed returns the model's inner state for a text as one row of Dim numbers:
// the output of its last norm, pooled. It is not scaled to unit length.
func (e *Engine) Embed(ctx context.Context, ids []int, p Pooling, salt string) ([]float32, error) {
	if p != Mean && p != Last {
		return nil, fmt.Errorf("engine: pooling: got %q, want %q or %q", p, Mean, Last)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("engine: embedding: no tokens, want 1 or more")
	}
	if len(ids) > e.opts.WindowTokens {
		return nil, fmt.Errorf("%w: %d tokens, want at most %d", ErrLong, len(ids), e.opts.WindowTokens)
	}
	own, err := e.checkIDs(ids)
	if err != nil {
		return nil, err
	}
	w := &embedding{sum: make([]float64, e.model.Dim), done: make(chan struct{})}
	seq := &sequence{ctx: ctx, work: w, hidden: true, ids: own, root: rootKey(salt)}
	if p == Last {
		seq.outFrom = len(own) - 1
	}
	if err := e.admit(func() { e.loop.enter(seq) }); err != nil {
		return nil, err
	}
	select {
	case <-w.done:
	case <-ctx.Done():
		e.signal()
		<-w.done
	}
	if w.err != nil {
		return nil, w.err
	}
	out := make([]float32, len(w.sum))
	for i, v := range w.sum {
		out[i] = float32(v / float64(w.rows))
	}
	return out, nil
}

// embedding adds rows up, in the order of positions.
type embedding struct {
	sum  []float64
	rows int
	err  error
	done chan struct{}
}

func (w *embedding) row(_ *sequence, _ int, row []float32) {
	for i, v := range row {
		w.sum[i] += float64(v)
	}
	w.rows++
}

func (w *embedding) finish(_ *sequence, err error) {
	w.err = err
	close(w.done)
}

func (w *embedding) over() bool { return true }
