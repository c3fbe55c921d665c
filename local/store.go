package local

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"summit/arch"
	"summit/engine"
	"summit/tensor"
	"summit/weights"
)

// Options bound a Store. The zero value works.
type Options struct {
	MemoryBytes int64         // of the weights that are loaded at a time; 0 = no bound
	Idle        time.Duration // a model that nobody asked for so long is let go; 0 = 5 minutes, below 0 = never

	// Namespace says whose request a context is of. What was computed for a
	// prompt is used again only in the same namespace: who could see that
	// another's prompt is found, by how soon the answer begins, could guess
	// it. nil = all share one.
	Namespace func(ctx context.Context) string
}

// Store holds the models of this machine. Members of one file with one set of
// settings share what is loaded.
type Store struct {
	options Options

	mu     sync.Mutex
	models map[modelKey]*model
	closed bool
}

// NewStore makes a store without models.
func NewStore(o Options) *Store {
	if o.Idle == 0 {
		o.Idle = 5 * time.Minute
	}
	if o.Namespace == nil {
		o.Namespace = func(context.Context) string { return "" }
	}
	return &Store{options: o, models: map[modelKey]*model{}}
}

// Open makes the member that c describes. The file is looked at, not loaded.
func (s *Store) Open(c Config) (*Member, error) { return s.open(c) }

// Close lets all models go; requests that run are canceled.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	var errs []error
	var waits []chan struct{}
	for _, m := range s.models {
		if m.loading != nil {
			waits = append(waits, m.loading.over)
			continue
		}
		errs = append(errs, m.unload())
	}
	s.mu.Unlock()
	for _, w := range waits { // they find the store closed
		<-w
	}
	return errors.Join(errs...)
}

// modelKey is what makes two members one model.
type modelKey struct {
	file, backend, kernels, cache, quantize string
	exact                                   bool
	threads, cacheTokens, window            int
	batch                                   int
}

// model is a file that may be loaded. The store's lock guards it.
type model struct {
	store *Store
	key   modelKey
	open  func(modelKey) (computer, int64, func() error, error) // tests put their own here

	engine  computer
	bytes   int64
	close   func() error
	users   int
	used    time.Time
	timer   *time.Timer
	loading *loading // nil = none
}

// loading is one attempt to load a model, for all who wait for it.
type loading struct {
	over chan struct{}
	err  error // once it is over
}

// computer is what a member needs of an engine.
type computer interface {
	Generate(ctx context.Context, r engine.Request, emit func(engine.Token) bool) (engine.Result, error)
	Embed(ctx context.Context, ids []int, p engine.Pooling, salt string) ([]float32, error)
	NewSession(salt string) (*engine.Session, error)
	WindowTokens() int
	Close() error
}

func (s *Store) model(c Config) *model {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := modelKey{
		file: c.File, backend: c.Backend, kernels: c.Kernels, cache: c.Cache, quantize: c.Quantize, exact: c.Exact,
		threads: c.Threads, cacheTokens: c.CacheTokens, window: c.WindowTokens, batch: c.Batch,
	}
	if k.backend == "" {
		k.backend = "cpu"
	}
	m, ok := s.models[k]
	if !ok {
		m = &model{store: s, key: k, open: func(k modelKey) (computer, int64, func() error, error) { return load(k, c.Embedded) }}
		s.models[k] = m
	}
	return m
}

var (
	errClosed = errors.New("local: the store is closed")
	errRoom   = errors.New("no room for another model in memory while the others are at work")
)

// lease returns the loaded model and keeps it loaded until release.
func (m *model) lease(ctx context.Context) (computer, func(), error) {
	s := m.store
	s.mu.Lock()
	for {
		if s.closed {
			s.mu.Unlock()
			return nil, nil, errClosed
		}
		if m.engine != nil {
			m.users++
			e := m.engine
			s.mu.Unlock()
			return e, sync.OnceFunc(m.release), nil
		}
		if m.loading == nil {
			m.loading = &loading{over: make(chan struct{})}
			go m.load()
		}
		wait := m.loading
		s.mu.Unlock()
		select {
		case <-wait.over:
		case <-ctx.Done():
			return nil, nil, context.Cause(ctx)
		}
		if wait.err != nil {
			return nil, nil, wait.err
		}
		s.mu.Lock()
	}
}

// load opens the model; it runs beside, so that a caller who goes away leaves
// the load to the others.
func (m *model) load() {
	s := m.store
	engine, bytes, closer, err := m.open(m.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	attempt := m.loading
	m.loading = nil
	if err == nil {
		switch {
		case s.closed:
			err = errors.Join(errClosed, closer())
		case !s.makeRoom(bytes):
			err = errors.Join(fmt.Errorf("local: %s: %d bytes of weights: %w", m.key.file, bytes, errRoom), closer())
		default:
			m.engine, m.bytes, m.close = engine, bytes, closer
			m.used = time.Now()
			m.rest()
		}
	}
	attempt.err = err
	close(attempt.over)
}

// makeRoom lets idle models go, the longest idle first, until so many bytes
// fit. A model that alone is larger than the bound is refused.
func (s *Store) makeRoom(bytes int64) bool {
	if s.options.MemoryBytes <= 0 {
		return true
	}
	for {
		held := bytes
		var oldest *model
		for _, m := range s.models {
			if m.engine == nil {
				continue
			}
			held += m.bytes
			if m.users == 0 && (oldest == nil || m.used.Before(oldest.used)) {
				oldest = m
			}
		}
		if held <= s.options.MemoryBytes {
			return true
		}
		if oldest == nil {
			return false
		}
		_ = oldest.unload() // its file is only read: nothing is lost
	}
}

func (m *model) release() {
	s := m.store
	s.mu.Lock()
	defer s.mu.Unlock()
	m.users--
	m.used = time.Now()
	m.rest()
}

// rest sets the clock of an idle model.
func (m *model) rest() {
	idle := m.store.options.Idle
	if m.users > 0 || m.engine == nil || idle < 0 {
		return
	}
	if m.timer != nil {
		m.timer.Stop()
	}
	m.timer = time.AfterFunc(idle, func() {
		m.store.mu.Lock()
		defer m.store.mu.Unlock()
		if m.engine != nil && m.users == 0 && time.Since(m.used) >= idle {
			_ = m.unload()
		}
	})
}

// unload lets the model go; the store's lock is held.
func (m *model) unload() error {
	if m.engine == nil {
		return nil
	}
	if m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
	closer := m.close
	m.engine, m.close, m.bytes = nil, nil, 0
	return closer()
}

// load opens a file, binds its weights and starts an engine on them.
func load(k modelKey, data []byte) (computer, int64, func() error, error) {
	var o weights.Options
	if k.quantize != "" {
		t, err := tensor.ParseDType(k.quantize)
		if err != nil {
			return nil, 0, nil, fmt.Errorf("local: quantize: %w", err)
		}
		o.Quantize = t
	}
	f, err := openWeights(k.file, data, o)
	if err != nil {
		return nil, 0, nil, err
	}
	m, err := arch.Load(f)
	if err != nil {
		return nil, 0, nil, errors.Join(fmt.Errorf("local: %s: %w", k.file, err), f.Close())
	}
	b, err := tensor.Open(k.backend, tensor.Options{Exact: k.exact, Threads: k.threads, Kernels: k.kernels})
	if err != nil {
		return nil, 0, nil, errors.Join(err, f.Close())
	}
	e, err := engine.Open(m, b, engine.Options{Cache: k.cache, CacheTokens: k.cacheTokens, WindowTokens: k.window, Batch: k.batch})
	if err != nil {
		return nil, 0, nil, errors.Join(fmt.Errorf("local: %s: %w", k.file, err), f.Close())
	}
	return e, f.Bytes(), func() error { return errors.Join(e.Close(), f.Close()) }, nil
}
