package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// backend is a database under the one writer.
type backend interface {
	// begin takes the lock of whoever writes and returns what the books say.
	begin(ctx context.Context) (stored, error)
	// commit makes the stage durable. After an error, booked tells whether the
	// transaction is in the books all the same.
	commit(ctx context.Context, s *stage) error
	// abandon ends what begin began.
	abandon(ctx context.Context)
	// booked reports whether the transaction is in the books.
	booked(ctx context.Context, t *Txn) (bool, error)
	// foresee may read at once what the entries will need.
	foresee(ctx context.Context, entries []Entry) error
}

// writer is the one goroutine that writes the books. While it commits, jobs
// queue up; the next commit takes all of them.
type writer struct {
	backend
	now  func() time.Time
	jobs chan *job

	mu      sync.RWMutex // held for reading while a job is handed over
	closed  bool
	stopped sync.WaitGroup
}

// maxQueue and maxBatch bound how many posts wait, and how many entries one
// commit takes: with 10 postings each, 4096 are some 50 ms of work.
const (
	maxQueue = 4096
	maxBatch = 4096
)

// job is one call of Post.
type job struct {
	entries  []Entry
	state    atomic.Int32
	receipts []Receipt
	err      error
	panicked any
	done     chan struct{}
}

const (
	waiting int32 = iota
	taken
	withdrawn
)

func startWriter(b backend, now func() time.Time) *writer {
	if now == nil {
		now = time.Now
	}
	w := &writer{backend: b, now: now, jobs: make(chan *job, maxQueue)}
	w.stopped.Go(w.run)
	return w
}

// post hands entries to the writer and waits for what becomes of them.
func (w *writer) post(ctx context.Context, entries []Entry) ([]Receipt, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("ledger: post: %w", err)
	}
	for i := range entries { // beside the writer, which has less to do then
		if err := entries[i].ready(); err != nil {
			return nil, err
		}
	}
	j := &job{entries: entries, done: make(chan struct{})}
	w.mu.RLock()
	if w.closed {
		w.mu.RUnlock()
		return nil, fmt.Errorf("ledger: post: %w", ErrStopped)
	}
	select {
	case w.jobs <- j:
		w.mu.RUnlock()
	case <-ctx.Done():
		w.mu.RUnlock()
		return nil, fmt.Errorf("ledger: post: %w", context.Cause(ctx))
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.state.CompareAndSwap(waiting, withdrawn) {
			return nil, fmt.Errorf("ledger: post: %w", context.Cause(ctx))
		}
		<-j.done
	}
	if j.panicked != nil {
		panic(j.panicked) // where the Decide came from
	}
	return j.receipts, j.err
}

// stop lets the writer finish what it was given.
func (w *writer) stop() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.jobs)
	}
	w.mu.Unlock()
	w.stopped.Wait()
}

func (w *writer) run() {
	var batch []*job
	for j := range w.jobs {
		batch = append(batch[:0], j)
		n := len(j.entries)
	more:
		for n < maxBatch {
			select {
			case next, ok := <-w.jobs:
				if !ok {
					break more
				}
				batch = append(batch, next)
				n += len(next.entries)
			default:
				break more
			}
		}
		w.write(batch)
		for _, j := range batch {
			close(j.done)
		}
		clear(batch)
	}
}

// write stages and commits the jobs.
func (w *writer) write(batch []*job) {
	ctx := context.Background() // a commit serves many callers
	var mine []*job
	for _, j := range batch {
		if j.state.CompareAndSwap(waiting, taken) {
			mine = append(mine, j)
		}
	}
	if len(mine) == 0 {
		return
	}
	fail := func(err error) {
		for _, j := range mine {
			j.receipts, j.err = nil, err
		}
	}
	books, err := w.begin(ctx)
	if err != nil {
		fail(fmt.Errorf("ledger: post: nothing was booked: %w", err))
		return
	}
	var all []Entry
	for _, j := range mine {
		all = append(all, j.entries...)
	}
	if err := w.foresee(ctx, all); err != nil {
		w.abandon(ctx)
		fail(fmt.Errorf("ledger: post: nothing was booked: %w", err))
		return
	}
	s := newStage(books, w.now)
	for _, j := range mine {
		w.stage(s, j)
	}
	if len(s.txns) == 0 {
		w.abandon(ctx)
		return
	}
	err = w.commit(ctx, s)
	if err == nil {
		return
	}
	// What stood on this commit stands on nothing, refusals too.
	last := s.txns[len(s.txns)-1]
	switch booked, err2 := w.booked(ctx, last); {
	case err2 != nil:
		fail(fmt.Errorf("ledger: post: %w: %w", ErrUnknown, errors.Join(err, err2)))
	case !booked:
		fail(fmt.Errorf("ledger: post: nothing was booked: %w", err))
	}
}

// stage stages one job. A Decide that panics fails its own caller.
func (w *writer) stage(s *stage, j *job) {
	defer func() {
		if p := recover(); p != nil {
			j.panicked = p
		}
	}()
	j.receipts, j.err = s.post(j.entries)
}
