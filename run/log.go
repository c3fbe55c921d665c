package run

import (
	"context"
	"crypto/rand"
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
	Lessons bool          // keep what can be learned from each
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
	secret  secret
}

// item is an entry on its way, whose tree is encoded by the writer, or
// feedback on its way.
type item struct {
	entry    Entry
	outcome  *llm.Outcome
	feedback *rating // nil = an entry
	shadow   *shadow // nil = an entry or feedback
}

// shadow is what became of a member that was asked after the answer.
type shadow struct {
	id, tenant string
	at         time.Time
	ask        Ask
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
	rand.Read(l.secret[:]) // never fails: the program ends before
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

// Note keeps feedback that was seen and not told, such as a retry, when there
// is time for it. It never waits; where the queue is full, it is lost.
func (l *Log) Note(f Feedback) { _ = l.send(item{feedback: &rating{f, make(chan error, 1)}}) }

// AddShadow keeps what became of a member that was asked after the tenant's
// answer with that ID, and by chance. It never waits.
func (l *Log) AddShadow(id, tenant string, part *llm.Outcome, chancePPM int64) {
	a := l.secret.ask(id, part)
	a.Shadow, a.Chance, a.Share = true, chancePPM, 0
	if l.send(item{shadow: &shadow{id, tenant, time.Now(), a}}) != nil {
		l.dropped.Add(1)
	}
}

// Store returns the store, for what takes no part in writing entries.
func (l *Log) Store() Store { return l.store }

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
			var last item
			batch, last = l.gather(batch[:0], first)
			if len(batch) > 0 {
				l.append(batch)
			}
			if r := last.feedback; r != nil {
				r.done <- l.rate(r.feedback)
			}
			if last.shadow != nil {
				l.addShadow(last.shadow)
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
// ends it, because somebody waits for that, and so does anything else that is
// no entry; it is returned.
func (l *Log) gather(batch []Entry, first item) ([]Entry, item) {
	if first.other() {
		return batch, first
	}
	batch = append(batch, l.encoded(first))
	wait := time.NewTimer(linger)
	defer wait.Stop()
	for len(batch) < batchMax {
		select {
		case it, ok := <-l.queue:
			if !ok {
				return batch, item{}
			}
			if it.other() {
				return batch, it
			}
			batch = append(batch, l.encoded(it))
		case <-wait.C:
			return batch, item{}
		}
	}
	return batch, item{}
}

// other reports whether the item is no entry.
func (it item) other() bool { return it.feedback != nil || it.shadow != nil }

// encoded returns the entry with its tree, its lesson and what it cost. A tree
// that can't be written (it holds nothing that could fail today) costs the
// tree, not the entry.
func (l *Log) encoded(it item) Entry {
	it.entry.Outcome, _ = encode(it.outcome)
	if it.outcome != nil {
		it.entry.Spent = moneyOf(it.outcome.Cost)
	}
	if l.config.Lessons && !it.entry.Unlearned {
		it.entry.Lesson = l.secret.lesson(it.entry.ID, it.outcome)
	}
	return it.entry
}

func (l *Log) addShadow(s *shadow) {
	ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
	defer cancel()
	err := l.store.AddShadow(ctx, s.id, s.tenant, s.at, s.ask)
	if _, ours := errors.AsType[*llm.Error](err); !ours {
		l.settle(err)
	}
	if err != nil {
		l.dropped.Add(1)
	}
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
