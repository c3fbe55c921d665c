package cpu

import (
	"sync"
	"sync/atomic"
	"time"

	"summit/backend/cpu/simd"
)

func init() {
	newPool = func(threads int) pool {
		if threads <= 1 {
			return &serial{}
		}
		return newWorkers(threads)
	}
}

// grained is a phase that knows how many of its units are worth a worker's
// attention: a few microseconds of work.
type grained interface{ grain(r *run) int }

// workers are persistent goroutines that take chunks of a phase by themselves.
// The caller takes chunks too and waits only for chunks that somebody has
// begun: a worker whose core is taken by another process finds no work left
// when it comes back, and nobody waited for it.
type workers struct {
	helpers []helper
	scratch []scratch // [0] is the caller's

	// state is how many helpers are inside the phase, or closed between phases.
	state   atomic.Int64
	round   atomic.Uint32 // one more for each phase
	next    atomic.Int64  // first unit that nobody has taken
	waiting atomic.Bool   // the caller sleeps until state is 0
	idle    chan struct{}
	stop    atomic.Bool
	ended   sync.WaitGroup

	phase        phase
	run          *run
	total, chunk int64

	// The caller's own: after a helper was late it works alone for a while.
	pause  time.Duration // how long, the next time; 0 = nobody was late of late
	alone  time.Time     // until then; zero = it doesn't
	inTime int           // phases since somebody was late
}

const (
	// late is the least wait for the last helper that tells of a lost core: most
	// chunks take ten microseconds.
	late = 300 * time.Microsecond
	// A caller that was kept waiting works alone for pauseMin, and twice as long
	// each time after that, up to pauseMax: a neighbour that stays costs one
	// slice of the scheduler (some milliseconds) in that time, and not one in
	// every few phases.
	pauseMin, pauseMax = 4 * time.Millisecond, 128 * time.Millisecond
	// forgiven is after how many phases in time the next pause is halved.
	forgiven = 512
)

type helper struct {
	parked atomic.Bool
	wake   chan struct{}
	_      [64]byte // helpers do not share a cache line
}

const closed = -1

// A helper looks for the next phase for spins pauses before it parks, a few
// microseconds: longer than the caller needs from one phase of a token to the
// next, short enough that a neighbour gets the core.
const spins = 64

func newWorkers(threads int) *workers {
	p := &workers{helpers: make([]helper, threads-1), scratch: make([]scratch, threads), idle: make(chan struct{}, 1)}
	p.state.Store(closed)
	for i := range p.helpers {
		h := &p.helpers[i]
		h.wake = make(chan struct{}, 1)
		p.ended.Go(func() { p.help(h, &p.scratch[i+1]) })
	}
	return p
}

func (p *workers) do(ph phase, r *run) {
	total := ph.units(r)
	if total == 0 {
		return
	}
	grain := 1
	if g, ok := ph.(grained); ok {
		grain = max(1, g.grain(r))
	}
	if total <= grain || p.isAlone() {
		ph.do(r, 0, total, &p.scratch[0])
		return
	}
	p.phase, p.run, p.total, p.chunk = ph, r, int64(total), int64(grain)
	p.next.Store(0)
	p.state.Store(0)
	p.round.Add(1)
	for i := range p.helpers[:min(len(p.helpers), (total-1)/grain)] {
		if h := &p.helpers[i]; h.parked.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
	began := time.Now()
	p.take(&p.scratch[0])
	p.leave(time.Since(began))
}

// isAlone reports whether the caller does without helpers for now.
func (p *workers) isAlone() bool {
	if p.alone.IsZero() {
		return false
	}
	if time.Now().Before(p.alone) {
		return true
	}
	p.alone, p.inTime = time.Time{}, 0
	return false
}

// take works until nothing is left. Chunks get smaller towards the end, so that
// all finish at nearly the same time: half a chunk of waiting in each phase
// would be a twentieth of a token.
func (p *workers) take(s *scratch) {
	share := 2 * int64(len(p.scratch))
	for {
		lo := p.next.Load()
		if lo >= p.total {
			return
		}
		hi := lo + max(1, min(p.chunk, (p.total-lo)/share))
		if p.next.CompareAndSwap(lo, hi) {
			p.phase.do(p.run, int(lo), int(hi), s)
		}
	}
}

// leave closes the phase once every helper has left it. The caller worked for
// that long itself.
func (p *workers) leave(worked time.Duration) {
	var began time.Time // of waiting longer than a chunk takes
	for {
		for range spins {
			if p.state.CompareAndSwap(0, closed) {
				p.left(began, worked)
				return
			}
			simd.Pause()
		}
		if began.IsZero() {
			began = time.Now()
		}
		p.waiting.Store(true)
		if p.state.CompareAndSwap(0, closed) {
			if !p.waiting.CompareAndSwap(true, false) {
				<-p.idle // a helper has sent, or is about to
			}
			p.left(began, worked)
			return
		}
		<-p.idle
	}
}

// left ends a phase that was waited for since began; zero = hardly. A chunk may
// be long, but no longer than what the caller did itself: only what goes on
// beyond that means that a helper lost its core.
func (p *workers) left(began time.Time, worked time.Duration) {
	if !began.IsZero() {
		if d := time.Since(began); d >= late && d >= worked {
			p.pause = min(max(2*p.pause, pauseMin), pauseMax)
			p.alone = time.Now().Add(p.pause)
			return
		}
	}
	if p.inTime++; p.inTime >= forgiven && p.pause > 0 {
		p.inTime = 0
		if p.pause /= 2; p.pause < pauseMin {
			p.pause = 0
		}
	}
}

// help is a helper's life.
func (p *workers) help(h *helper, s *scratch) {
	seen := uint32(0)
	for !p.stop.Load() {
		if !p.await(h, seen) {
			continue
		}
		seen = p.round.Load()
		p.join(s)
	}
}

// await waits for another round than seen; false means look again.
func (p *workers) await(h *helper, seen uint32) bool {
	for range spins {
		if p.round.Load() != seen {
			return true
		}
		simd.Pause()
	}
	h.parked.Store(true)
	if (p.round.Load() != seen || p.stop.Load()) && h.parked.CompareAndSwap(true, false) {
		return p.round.Load() != seen
	}
	<-h.wake
	return p.round.Load() != seen
}

// join takes part in a phase, if one is open and has work left.
func (p *workers) join(s *scratch) {
	for {
		n := p.state.Load()
		if n == closed {
			return
		}
		if p.state.CompareAndSwap(n, n+1) {
			break
		}
	}
	p.take(s)
	if p.state.Add(-1) == 0 && p.waiting.CompareAndSwap(true, false) {
		p.idle <- struct{}{}
	}
}

func (p *workers) close() {
	p.stop.Store(true)
	for i := range p.helpers {
		if h := &p.helpers[i]; h.parked.CompareAndSwap(true, false) {
			h.wake <- struct{}{}
		}
	}
	p.ended.Wait()
}
