// Package learn is what serving teaches: who agrees with the others less than
// it did (Drift), whom a tenant finds more or less reliable than everybody
// does (Overlay), and what those would have said who were not asked (Watch).
// It sees requests only while they are answered: what it keeps, in the store
// of the run log, are figures.
//
// Its nouns are Learner, which stands between the gateway and the run log,
// Overlay, Drift and Shadow. docs/learning.md says for users what is kept. A
// new kind of lesson is one more file that Learner.Add or Learner.rated calls.
package learn

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"summit/llm"
	"summit/money"
	"summit/run"
)

// Config says what is learned. The zero value learns nothing.
type Config struct {
	Watch    bool // notice drift, and keep labels
	Overlays bool // let what a tenant's labels say change whom its requests ask
	Shadow   Shadow
	Currency money.Currency
	Logger   *slog.Logger // nil = slog.Default()
}

// Learner is the run log with what is learned from it on the way. It takes
// the log's place before the gateway.
type Learner struct {
	*run.Log
	config   Config
	overlays Overlays
	drift    Drift
	shadows  shadows
	labels   chan label // to the one goroutine that learns from them
	closing  chan struct{}
	stop     context.CancelFunc
	stopped  sync.WaitGroup

	mu     sync.Mutex // guards closed against labels
	closed bool
}

// label is feedback that was kept, and what it took the place of.
type label struct {
	run.Feedback
	before *run.Feedback
}

// maxLabels is how many labels wait to be learned from; more are kept with
// their runs all the same.
const maxLabels = 1024

// New returns a Learner over the log, with what the store knows from before.
// It owns the log: Close closes it.
func New(ctx context.Context, log *run.Log, c Config) (*Learner, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	l := &Learner{Log: log, config: c, labels: make(chan label, maxLabels), closing: make(chan struct{})}
	if err := l.overlays.load(ctx, log.Store()); err != nil {
		return nil, err
	}
	if err := l.drift.load(ctx, log.Store()); err != nil {
		return nil, err
	}
	if err := l.shadows.open(ctx, log.Store(), c); err != nil {
		return nil, err
	}
	work, stop := context.WithCancel(context.Background())
	l.stop = stop
	l.stopped.Go(func() { l.learn(work) })
	return l, nil
}

// Close ends asks in the shadow, writes down what was learned, and closes the
// log.
func (l *Learner) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	close(l.labels)
	close(l.closing)
	l.mu.Unlock()
	l.shadows.close()
	l.stopped.Wait()
	l.stop()
	return l.Log.Close()
}

// Add keeps the request, learns from it, and asks in the shadow whom Watch
// drew. It never waits.
func (l *Learner) Add(e run.Entry, o *llm.Outcome) {
	l.Log.Add(e, o)
	waiting := l.shadows.take(e.ID)
	if !l.config.Watch || e.Unlearned || o == nil {
		return
	}
	l.drift.watch(o, l.config.Logger)
	if o.Verified != nil {
		score := 0.0
		if *o.Verified {
			score = 1
		}
		l.Note(run.Feedback{Run: e.ID, At: e.At.Add(e.Took), Score: score, Source: run.SourceVerified, Tenant: e.Tenant})
	}
	if waiting != nil {
		l.shadows.ask(l, e, o, waiting)
	}
}

// AddFeedback keeps the feedback with its run and learns from it.
func (l *Learner) AddFeedback(ctx context.Context, f run.Feedback) error {
	before := l.before(ctx, f)
	if err := l.Log.AddFeedback(ctx, f); err != nil {
		return err
	}
	l.hand(label{f, before})
	return nil
}

// Note keeps feedback that was seen and not told, and learns from it. It never
// waits.
func (l *Learner) Note(f run.Feedback) {
	l.Log.Note(f)
	l.hand(label{f, nil})
}

// before returns the feedback that f will take the place of; nil = there is
// none.
func (l *Learner) before(ctx context.Context, f run.Feedback) *run.Feedback {
	e, err := l.Get(ctx, f.Run)
	if err != nil {
		return nil
	}
	for i := range e.Feedback {
		if g := &e.Feedback[i]; g.KeyID == f.KeyID && g.Source == f.Source {
			return g
		}
	}
	return nil
}

// hand gives a label to who learns from it; where too many wait it is left.
func (l *Learner) hand(b label) {
	if !l.config.Watch {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	select {
	case l.labels <- b:
	default:
	}
}

// settleTime is how long a label waits for its run to be written.
const settleTime = 500 * time.Millisecond

// saveEvery is how often what was noticed of drift is written down.
const saveEvery = time.Minute

// learn is the one goroutine that learns from labels and writes down.
func (l *Learner) learn(ctx context.Context) {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	save := func() {
		if err := l.drift.save(ctx, l.Store()); err != nil {
			l.config.Logger.Warn("learn: drift can't be written down", "error", err)
		}
	}
	for {
		select {
		case b, ok := <-l.labels:
			if !ok {
				save()
				return
			}
			l.rated(ctx, b)
		case <-tick.C:
			save()
		}
	}
}

// rated learns from one label.
func (l *Learner) rated(ctx context.Context, b label) {
	e, err := l.Get(ctx, b.Run)
	if llm.AsError(err) != nil { // it may be on its way
		wait := time.NewTimer(settleTime)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-l.closing: // many may wait, and the end is not to
		}
		if e, err = l.Get(ctx, b.Run); err != nil {
			return
		}
	}
	if e.Lesson == nil || e.Tenant != b.Tenant {
		return
	}
	if b.Source.Weight() >= 1 && b.before == nil {
		l.drift.rated(e.Lesson, b.Score, l.config.Logger)
	}
	changed := l.overlays.learn(e, b)
	if len(changed) == 0 {
		return
	}
	if err := l.Store().Learn(ctx, changed); err != nil {
		l.config.Logger.Warn("learn: an overlay can't be written down", "error", err)
	}
}

// read unmarshals what a store kept.
func read[T any](l run.Learned) (v T, ok bool) {
	ok = json.Unmarshal(l.Value, &v) == nil
	return v, ok
}

// write makes a value that a store keeps.
func write(kind, tenant, member string, v any) run.Learned {
	text, err := json.Marshal(v)
	if err != nil { // can't be: plain fields only, and finite numbers
		text = []byte("null")
	}
	return run.Learned{Kind: kind, Tenant: tenant, Member: member, At: time.Now(), Value: text}
}
