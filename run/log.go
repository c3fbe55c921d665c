package run

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"summit/llm"
)

// Config bounds a Log. The zero value works.
type Config struct {
	Keep    time.Duration // entries older than this go; 0 = 30 days
	KeepMax int           // and so do those beyond this many, a tenth late; 0 = 100,000
	Queue   int           // entries that wait to be written; 0 = 4096
	Logger  *slog.Logger  // nil = slog.Default()
}

// The rhythm of the writer.
const (
	linger     = 100 * time.Millisecond // an entry waits so long for others to share its transaction
	batchMax   = 512                    // entries in one transaction
	pruneEvery = 10 * time.Minute
	pruneBatch = 1000                  // entries removed in one transaction: milliseconds
	prunePause = 10 * time.Millisecond // between two of them, for readers
	writeLimit = 10 * time.Second      // a transaction that takes longer has failed
	reportWait = 10 * time.Second      // between two lines about the same trouble
)

// Log writes entries to a Store behind the requests' back: Add never waits.
// One goroutine writes in batches and prunes; where it can't keep up, entries
// are dropped, counted and the loss is logged.
type Log struct {
	store   Store
	config  Config
	dropped atomic.Int64
	failure atomic.Pointer[error] // of the last write; nil = it worked

	mu      sync.RWMutex // guards closed against Add
	closed  bool
	queue   chan item
	written sync.WaitGroup
}

// item is an entry on its way, whose tree is encoded by the writer, or
// feedback on its way.
type item struct {
	entry    Entry
	outcome  *llm.Outcome
	feedback *rating // nil = an entry
}

// rating is feedback and where the writer says what became of it.
type rating struct {
	feedback Feedback
	done     chan error // takes one without waiting
}

// NewLog starts the log over the store, which it owns from then on.
func NewLog(store Store, c Config) *Log {
	if c.Keep <= 0 {
		c.Keep = 30 * 24 * time.Hour
	}
	if c.KeepMax <= 0 {
		c.KeepMax = 100_000
	}
	if c.Queue <= 0 {
		c.Queue = 4096
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	l := &Log{store: store, config: c, queue: make(chan item, c.Queue)}
	l.written.Go(l.write)
	return l
}

// Add puts the entry on the way to the store, with the Outcome in place of
// e.Outcome. It never waits: where the queue is full, the entry is dropped.
// The Outcome is read later and must not change any more; nil = none.
func (l *Log) Add(e Entry, o *llm.Outcome) {
	if l.send(item{entry: e, outcome: o}) != nil {
		l.dropped.Add(1)
	}
}

// AddFeedback keeps the feedback with its run and returns when that is done.
// It takes the entries' way, so that a run that was added before is found,
// also one that is not written yet. Beyond the store's errors there is kind
// RateLimited where the queue is full, and Overloaded after Close.
func (l *Log) AddFeedback(ctx context.Context, f Feedback) error {
	r := &rating{f, make(chan error, 1)}
	if err := l.send(item{feedback: r}); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return llm.ContextError(ctx)
	}
}

func (l *Log) send(it item) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return llm.Errorf(llm.Overloaded, "the run log is closed")
	}
	select {
	case l.queue <- it:
		return nil
	default:
		return &llm.Error{Kind: llm.RateLimited, Message: "the run log can't keep up at the moment", RetryAfter: time.Second}
	}
}

// Latest returns the n entries that were written last, the last one first.
// What was just added follows within a fraction of a second.
func (l *Log) Latest(ctx context.Context, n int) ([]Entry, error) { return l.store.Latest(ctx, n) }

// Get returns the entry with that ID; the error is of kind llm.NotFound where
// there is none.
func (l *Log) Get(ctx context.Context, id string) (Entry, error) { return l.store.Get(ctx, id) }

// Dropped returns how many entries were lost since the start.
func (l *Log) Dropped() int64 { return l.dropped.Load() }

// Err returns why the last write failed; nil = it worked.
func (l *Log) Err() error {
	if e := l.failure.Load(); e != nil {
		return *e
	}
	return nil
}

// Close writes what is in the queue and closes the store.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	close(l.queue)
	l.mu.Unlock()
	l.written.Wait()
	return errors.Join(l.Err(), l.store.Close())
}

// write is the one goroutine that changes the store.
func (l *Log) write() {
	prune := time.NewTimer(0)
	defer prune.Stop()
	report := reporter{log: l}
	batch := make([]Entry, 0, batchMax)
	sincePrune := 0
	for {
		select {
		case first, ok := <-l.queue:
			if !ok {
				report.now()
				return
			}
			var r *rating
			batch, r = l.gather(batch[:0], first)
			if len(batch) > 0 {
				l.append(batch)
			}
			if r != nil {
				r.done <- l.rate(r.feedback)
			}
			clear(batch) // the trees are not held while nothing happens
			if sincePrune += len(batch); sincePrune >= max(l.config.KeepMax/10, 1) {
				sincePrune = 0
				prune.Reset(0)
			}
		case <-prune.C:
			prune.Reset(l.prune())
		}
		report.maybe()
	}
}

// gather collects a batch: what comes within linger of the first. Feedback
// ends it, because somebody waits for that.
func (l *Log) gather(batch []Entry, first item) ([]Entry, *rating) {
	if first.feedback != nil {
		return batch, first.feedback
	}
	batch = append(batch, first.encoded())
	wait := time.NewTimer(linger)
	defer wait.Stop()
	for len(batch) < batchMax {
		select {
		case it, ok := <-l.queue:
			if !ok {
				return batch, nil
			}
			if it.feedback != nil {
				return batch, it.feedback
			}
			batch = append(batch, it.encoded())
		case <-wait.C:
			return batch, nil
		}
	}
	return batch, nil
}

// encoded returns the entry with its tree. A tree that can't be written (it
// holds nothing that could fail today) costs the tree, not the entry.
func (it item) encoded() Entry {
	it.entry.Outcome, _ = encode(it.outcome)
	return it.entry
}

func (l *Log) append(batch []Entry) {
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	err := l.store.Append(ctx, batch)
	l.settle(err)
	if err != nil {
		l.dropped.Add(int64(len(batch)))
	}
}

// rate keeps feedback. What is wrong with the feedback itself says nothing
// about the store.
func (l *Log) rate(f Feedback) error {
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	err := l.store.AddFeedback(ctx, f)
	if _, ours := errors.AsType[*llm.Error](err); !ours {
		l.settle(err)
	}
	return err
}

// prune removes one batch and returns when to look again.
func (l *Log) prune() time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	n, err := l.store.Prune(ctx, time.Now().Add(-l.config.Keep), l.config.KeepMax, pruneBatch)
	l.settle(err)
	if err == nil && n == pruneBatch {
		return prunePause
	}
	return pruneEvery
}

func (l *Log) settle(err error) {
	if err == nil {
		l.failure.Store(nil)
	} else {
		l.failure.Store(&err)
	}
}

// reporter logs losses and failures, but not each one.
type reporter struct {
	log     *Log
	told    int64 // drops that were logged
	last    time.Time
	trouble error // that was logged
}

func (r *reporter) maybe() {
	if time.Since(r.last) >= reportWait {
		r.now()
	}
}

func (r *reporter) now() {
	if dropped := r.log.Dropped(); dropped > r.told {
		r.log.config.Logger.Warn("run log: entries were dropped", "dropped", dropped-r.told, "dropped_total", dropped)
		r.told, r.last = dropped, time.Now()
	}
	err := r.log.Err()
	if err != nil && (r.trouble == nil || err.Error() != r.trouble.Error()) {
		r.log.config.Logger.Error("run log: the store fails", "error", err)
		r.last = time.Now()
	}
	r.trouble = err
}
