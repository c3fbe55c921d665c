package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Session is one sequence that a caller extends and cuts back as it likes,
// with logits for every token. Between calls it keeps its blocks as long as
// nobody else needs them. It is used by one goroutine at a time.
type Session struct {
	e      *Engine
	seq    *sequence
	length int
	closed bool
}

// NewSession opens an empty sequence. Sessions of different salts share no
// cached prefixes.
func (e *Engine) NewSession(salt string) (*Session, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	return &Session{e: e, seq: &sequence{root: rootKey(salt)}}, nil
}

// Len is how many tokens the sequence has.
func (s *Session) Len() int { return s.length }

// Append adds tokens and returns one row of logits for each: the prediction of
// the token after it. After an error the sequence is as it was before.
func (s *Session) Append(ctx context.Context, ids []int) ([][]float32, error) {
	return s.extend(ctx, ids, len(ids))
}

// AppendLast adds tokens and returns the row of the last one only.
func (s *Session) AppendLast(ctx context.Context, ids []int) ([]float32, error) {
	rows, err := s.extend(ctx, ids, 1)
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

func (s *Session) extend(ctx context.Context, ids []int, rows int) ([][]float32, error) {
	if s.closed {
		return nil, fmt.Errorf("engine: session: %w", ErrClosed)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("engine: session: no tokens, want 1 or more")
	}
	add, err := s.e.checkIDs(ids)
	if err != nil {
		return nil, err
	}
	if s.length+len(ids) > s.e.opts.WindowTokens {
		return nil, fmt.Errorf("%w: %d tokens, want at most %d", ErrLong, s.length+len(ids), s.e.opts.WindowTokens)
	}
	w := &sessionWork{from: s.length + len(ids) - rows, rows: make([][]float32, 0, rows), done: make(chan struct{})}
	err = s.e.call(func() {
		q := s.seq
		q.ctx, q.work = ctx, w
		q.ids = append(q.ids, add...)
		q.outFrom = w.from
		s.e.loop.enter(q)
	})
	if err != nil {
		return nil, err
	}
	// The loop looks at ctx between steps, so this takes no longer than one.
	select {
	case <-w.done:
	case <-ctx.Done():
		s.e.signal()
		<-w.done
	}
	if w.err != nil {
		s.Truncate(s.length)
		return nil, w.err
	}
	s.length += len(ids)
	return w.rows, nil
}

// Truncate cuts the sequence to its first n tokens.
func (s *Session) Truncate(n int) error {
	if s.closed {
		return fmt.Errorf("engine: session: %w", ErrClosed)
	}
	if n < 0 || n > s.length {
		return fmt.Errorf("engine: session: truncate: got %d, want 0 to %d", n, s.length)
	}
	s.length = n
	return s.e.call(func() { s.e.loop.truncate(s.seq, n) })
}

// Close gives the sequence up.
func (s *Session) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.e.call(func() { s.e.loop.leave(s.seq) })
	if err == ErrClosed {
		return nil
	}
	return err
}

// truncate keeps the first n tokens of a sequence at rest, and of its blocks
// what is of use for them.
func (l *loop) truncate(s *sequence, n int) {
	size := l.e.opts.BlockTokens
	s.ids = s.ids[:min(n, len(s.ids))]
	s.keys = s.keys[:min(len(s.keys), n/size)]
	if !s.seated || n >= s.done {
		return
	}
	if l.e.forward.recurrent {
		// A state cannot go back: begin again from the last one that was kept.
		l.drop(s, 0)
		s.done = 0
		s.outFrom = n
		found, _ := l.lookup(s)
		l.resume(s, found)
		return
	}
	l.drop(s, (n+size-1)/size)
	s.done = n
	if n%size == 0 {
		return
	}
	// The last block will be written to: it must be the sequence's own.
	last := len(s.blocks) - 1
	if l.blocks.writable(s.blocks[last]) {
		return
	}
	if id, ok := l.blocks.take(); ok {
		err := l.e.forward.copyBlock(id, s.blocks[last])
		if err == nil {
			l.blocks.release(s.blocks[last])
			s.blocks[last] = id
			return
		}
		l.blocks.release(id)
	}
	l.drop(s, last) // no room for a copy: compute those few tokens again
	s.done = last * size
}

// sessionWork collects rows.
type sessionWork struct {
	from int
	rows [][]float32
	err  error
	once sync.Once
	done chan struct{}
}

func (w *sessionWork) row(_ *sequence, pos int, row []float32) {
	if pos-w.from == len(w.rows) {
		w.rows = append(w.rows, slices.Clone(row))
	}
}

func (w *sessionWork) finish(_ *sequence, err error) {
	w.once.Do(func() {
		w.err = err
		close(w.done)
	})
}

func (w *sessionWork) over() bool { return false }
