// Package engine runs a decoder: it batches sequences step by step, keeps
// their keys and values in blocks that equal prefixes share, and gives logits,
// tokens or embeddings. It speaks token ids only.
//
// One goroutine, the loop, owns everything that sequences share. Generate,
// Embed and Session hand it work and wait. A step takes one token of every
// sequence that decodes and fills its budget with pieces of prompts; work is
// cancelled between steps. When blocks run out, the youngest sequence is put
// back to the queue and later computed again.
//
// Results of a sequence do not depend on what else runs, on how its tokens
// were cut into steps, or on what was found in the cache, as far as the
// backend promises that (tensor.Caps.Invariant).
package engine

import (
	"errors"
	"fmt"
	"sync"

	"summit/arch"
	"summit/tensor"
)

// Errors that callers act on; errors.Is finds them.
var (
	ErrClosed = errors.New("engine: closed")
	ErrBusy   = errors.New("engine: too many requests are waiting")
	ErrLong   = errors.New("engine: longer than the window")
	ErrToken  = errors.New("engine: token out of range")
)

// Options say how much an engine may take. The zero value works.
type Options struct {
	Cache        string // type of the KV cache: "F16", "F32", "Q8_0"; "" = F32 on an exact backend, else its best
	WindowTokens int    // longest sequence; 0 = the smaller of the model's and CacheTokens
	CacheTokens  int    // positions in the KV cache, shared by all sequences; 0 = 8192
	BlockTokens  int    // positions in a block of it; 0 = 16
	Batch        int    // sequences at work together; 0 = 16
	StepTokens   int    // tokens of a step; 0 = 512
	Queue        int    // requests that may wait for a place; 0 = 256

	// For models with recurrent layers: states kept for prefixes, and how far
	// apart they are taken.
	Snapshots      int // 0 = 16; -1 = none
	SnapshotTokens int // 0 = 256; a multiple of BlockTokens
}

func (o *Options) fill(m *arch.Model, caps tensor.Caps) (tensor.DType, error) {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.BlockTokens, 16)
	def(&o.CacheTokens, 8192)
	def(&o.Batch, 16)
	def(&o.StepTokens, 512)
	def(&o.Queue, 256)
	def(&o.Snapshots, 16)
	def(&o.SnapshotTokens, 256/max(1, o.BlockTokens)*o.BlockTokens)
	if o.Snapshots == -1 {
		o.Snapshots = 0
	}
	for _, v := range []struct {
		name   string
		got    int
		lo, hi int
	}{
		{"block_tokens", o.BlockTokens, 1, 1024},
		{"cache_tokens", o.CacheTokens, o.BlockTokens, 1 << 30},
		{"window_tokens", o.WindowTokens, 0, 1 << 30},
		{"batch", o.Batch, 1, 4096},
		{"step_tokens", o.StepTokens, 1, 1 << 20},
		{"queue", o.Queue, 1, 1 << 20},
		{"snapshots", o.Snapshots, 0, 1 << 16},
		{"snapshot_tokens", o.SnapshotTokens, o.BlockTokens, 1 << 30},
	} {
		if v.got < v.lo || v.got > v.hi {
			return 0, fmt.Errorf("engine: option %s: got %d, want %d to %d", v.name, v.got, v.lo, v.hi)
		}
	}
	if o.SnapshotTokens%o.BlockTokens != 0 {
		return 0, fmt.Errorf("engine: option snapshot_tokens: got %d, want a multiple of block_tokens %d", o.SnapshotTokens, o.BlockTokens)
	}
	o.CacheTokens = o.CacheTokens / o.BlockTokens * o.BlockTokens
	if o.WindowTokens == 0 {
		o.WindowTokens = o.CacheTokens
	}
	if m.WindowTokens > 0 {
		o.WindowTokens = min(o.WindowTokens, m.WindowTokens)
	}
	o.WindowTokens = min(o.WindowTokens, o.CacheTokens)
	o.StepTokens = max(o.StepTokens, o.Batch)
	if o.Cache != "" {
		return tensor.ParseDType(o.Cache)
	}
	if caps.Exact || len(caps.Caches) == 0 {
		return tensor.F32, nil
	}
	return caps.Caches[0], nil
}

// Engine runs one model on one backend. Its methods may be called from many
// goroutines.
type Engine struct {
	model   *arch.Model
	backend tensor.Backend
	opts    Options
	forward forward

	mu      sync.Mutex
	calls   []func() // for the loop, between steps
	closed  bool
	waiting int // requests taken and not yet at work, for ErrBusy
	stats   Stats
	wake    chan struct{}
	done    chan struct{}

	loop loop
}

// Open loads a model's weights into a backend, reserves its cache and starts
// the loop. The engine closes the backend when it is closed, or if it cannot
// be opened. The model's file must stay open until then.
func Open(m *arch.Model, b tensor.Backend, o Options) (*Engine, error) {
	e := &Engine{model: m, backend: b, opts: o, wake: make(chan struct{}, 1), done: make(chan struct{})}
	cache, err := e.opts.fill(m, b.Caps())
	if err == nil {
		err = e.forward.open(m, b, &e.opts, cache)
	}
	if err != nil {
		e.forward.close()
		b.Close()
		return nil, err
	}
	e.loop.init(e)
	go e.run()
	return e, nil
}

// Model is what the engine runs.
func (e *Engine) Model() *arch.Model { return e.model }

// Backend tells what it runs on.
func (e *Engine) Backend() tensor.Caps { return e.backend.Caps() }

// WindowTokens is the length of the longest sequence, prompt and answer.
func (e *Engine) WindowTokens() int { return e.opts.WindowTokens }

// Plan is the compiled program.
func (e *Engine) Plan() *arch.Plan { return e.forward.plan }

// Close cancels all work and frees everything.
func (e *Engine) Close() error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		<-e.done
		return nil
	}
	e.closed = true
	e.mu.Unlock()
	e.signal()
	<-e.done
	e.forward.close()
	return e.backend.Close()
}

// call has the loop run f between two steps. It does not wait.
func (e *Engine) call(f func()) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return ErrClosed
	}
	e.calls = append(e.calls, f)
	e.signal()
	return nil
}

func (e *Engine) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Stats is what an engine has done and is doing.
type Stats struct {
	Steps        int64 // batches run
	Tokens       int64 // tokens computed
	CachedTokens int64 // tokens found in the cache instead
	Preempted    int64 // sequences put back for want of blocks
	Waiting      int   // sequences in the queue
	Running      int   // sequences at work
	Idle         int   // sessions between two calls that keep their blocks
	Blocks       int   // of the cache
	UsedBlocks   int   // held by sequences
	CachedBlocks int   // kept for prefixes, held by nobody
}

// Stats returns a copy as of the last step.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

// checkIDs returns tokens as the engine keeps them.
func (e *Engine) checkIDs(ids []int) ([]int32, error) {
	out := make([]int32, len(ids))
	for i, id := range ids {
		if id < 0 || id >= e.model.Vocab {
			return nil, fmt.Errorf("%w: id %d at %d, want 0 to %d", ErrToken, id, i, e.model.Vocab-1)
		}
		out[i] = int32(id)
	}
	return out, nil
}
