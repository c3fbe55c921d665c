package distill

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"summit/llm"
	"summit/run"
)

// Config says whose texts are kept. The zero value keeps nobody's.
type Config struct {
	Tenants []string      // who agreed
	Keep    time.Duration // samples older than this go; 0 = 30 days
	KeepMax int           // and so do those beyond this many; 0 = 100,000
	// Tenant says whose request the context is of; "" = nobody's.
	Tenant func(ctx context.Context) string
	Logger *slog.Logger // nil = slog.Default()
}

const (
	defaultKeep    = 30 * 24 * time.Hour
	defaultKeepMax = 100_000
	// maxSampleBytes is how much text of one request is kept: more is no
	// lesson for a small model, and is left.
	maxSampleBytes = 64 << 10
	// queued is how many samples wait to be written; beyond them they are lost.
	queued     = 256
	pruneEvery = 256 // samples between two looks at what is too old
	writeLimit = 10 * time.Second
)

// Keeper keeps questions and answers of tenants that agreed, while they are
// answered. A request never waits for it.
type Keeper struct {
	store   *Store
	config  Config
	queue   chan Sample
	dropped atomic.Int64
	mu      sync.RWMutex // guards closed against add
	closed  bool
	done    sync.WaitGroup
}

// NewKeeper starts a keeper over the store, which it owns.
func NewKeeper(store *Store, c Config) *Keeper {
	if c.Keep == 0 {
		c.Keep = defaultKeep
	}
	if c.KeepMax == 0 {
		c.KeepMax = defaultKeepMax
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	k := &Keeper{store: store, config: c, queue: make(chan Sample, queued)}
	k.done.Go(k.write)
	return k
}

// Close writes what waits and closes the store.
func (k *Keeper) Close() error {
	k.mu.Lock()
	if k.closed {
		k.mu.Unlock()
		return nil
	}
	k.closed = true
	close(k.queue)
	k.mu.Unlock()
	k.done.Wait()
	return k.store.Close()
}

// Dropped is how many samples were lost because too many came at once.
func (k *Keeper) Dropped() int64 { return k.dropped.Load() }

func (k *Keeper) write() {
	prune := func() {
		ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
		defer cancel()
		if err := k.store.Prune(ctx, time.Now().Add(-k.config.Keep), k.config.KeepMax); err != nil {
			k.config.Logger.Error("old samples could not be removed", "error", err)
		}
	}
	prune()
	n := 0
	for s := range k.queue {
		ctx, cancel := context.WithTimeout(context.Background(), writeLimit)
		if err := k.store.Add(ctx, s); err != nil {
			k.config.Logger.Error("a sample could not be kept", "error", err)
		}
		cancel()
		if n++; n%pruneEvery == 0 {
			prune()
		}
	}
}

func (k *Keeper) add(s Sample) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.closed {
		return
	}
	select {
	case k.queue <- s:
	default:
		k.dropped.Add(1)
	}
}

// Watch returns the member with its answers to those tenants kept.
func (k *Keeper) Watch(m llm.Member) llm.Member { return &watched{m, k} }

type watched struct {
	llm.Member
	keeper *Keeper
}

// Unwrap returns the member itself.
func (w *watched) Unwrap() llm.Member { return w.Member }

// Generate passes everything on; of an answer that came to its end it keeps
// the text.
func (w *watched) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	id, tenant := run.ID(ctx), ""
	if w.keeper.config.Tenant != nil {
		tenant = w.keeper.config.Tenant(ctx)
	}
	if id == "" || tenant == "" || r.Summit.Unlearned || !slices.Contains(w.keeper.config.Tenants, tenant) {
		return w.Member.Generate(ctx, r)
	}
	messages, ok := texts(r)
	if !ok {
		return w.Member.Generate(ctx, r)
	}
	return llm.NewStream(ctx, w.Card().Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		var text strings.Builder
		whole := true
		done, err := llm.Relay(w.Member.Generate(ctx, r), func(e llm.Event) bool {
			switch {
			case e.Kind == llm.KindCall:
				whole = false
			case e.Kind == llm.KindText && text.Len()+len(e.Text) > maxSampleBytes:
				whole = false
			case e.Kind == llm.KindText:
				text.WriteString(e.Text)
			}
			return emit(e)
		})
		if err == nil && whole && done != nil && done.Finish == llm.FinishStop && strings.TrimSpace(text.String()) != "" {
			w.keeper.add(Sample{Run: id, Tenant: tenant, At: time.Now(), Model: w.Card().Name, Messages: messages, Answer: text.String()})
		}
		return done, err
	})
}

// texts returns the conversation, if it is one of texts alone.
func texts(r *llm.Request) ([]Message, bool) {
	if len(r.Tools) > 0 || r.Completion != nil || r.Continue {
		return nil, false
	}
	var all []Message
	size := 0
	for i := range r.Messages {
		m := &r.Messages[i]
		role := m.Role
		if role == llm.RoleDeveloper {
			role = llm.RoleSystem
		}
		for _, p := range m.Parts {
			if p.Kind != llm.PartText && p.Kind != llm.PartReasoning {
				return nil, false
			}
		}
		text := m.Text()
		if size += len(text); size > maxSampleBytes || role == llm.RoleTool {
			return nil, false
		}
		all = append(all, Message{string(role), text})
	}
	return all, len(all) > 0
}
