package cpu

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// tally is a phase that counts how often each unit was done.
type tally struct {
	n, size int
	done    []atomic.Int32
	inside  atomic.Int32
	most    atomic.Int32
}

func (p *tally) units(*run) int { return p.n }
func (p *tally) grain(*run) int { return p.size }

func (p *tally) do(_ *run, lo, hi int, _ *scratch) {
	now := p.inside.Add(1)
	for {
		m := p.most.Load()
		if now <= m || p.most.CompareAndSwap(m, now) {
			break
		}
	}
	for i := lo; i < hi; i++ {
		p.done[i].Add(1)
		if i%7 == 0 {
			runtime.Gosched() // as if the core was taken away
		}
	}
	p.inside.Add(-1)
}

// Every unit is done exactly once and all are done when the phase returns, for
// many phases of all sizes in a row, on more workers than cores.
func TestWorkersDoEveryUnitOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := newPool(threads)
		for round := range 3000 {
			ph := &tally{n: round % 97, size: 1 + round%5, done: make([]atomic.Int32, 97)}
			p.do(ph, nil)
			if in := ph.inside.Load(); in != 0 {
				t.Fatalf("%d workers, round %d: %d are still inside", threads, round, in)
			}
			for i := range ph.done {
				want := int32(0)
				if i < ph.n {
					want = 1
				}
				if got := ph.done[i].Load(); got != want {
					t.Fatalf("%d workers, round %d: unit %d was done %d times, want %d", threads, round, i, got, want)
				}
			}
			if round%500 == 0 {
				for range 200 {
					runtime.Gosched() // long enough that helpers park
				}
			}
		}
		p.close()
	}
}

// held is a phase of two units, of which the helper holds its own for a while.
type held struct {
	mine     *scratch
	began    chan bool
	hold     time.Duration
	byHelper atomic.Int32
}

func (p *held) units(*run) int { return 2 }

func (p *held) do(_ *run, lo, hi int, s *scratch) {
	if s != p.mine {
		p.byHelper.Add(1)
		p.began <- true
		time.Sleep(p.hold)
	} else if hi-lo == 1 {
		select { // the helper takes the other one
		case <-p.began:
		case <-time.After(time.Second):
		}
	}
}

// A caller that a helper kept waiting works alone for a while, longer each
// time, and then takes it back.
func TestLateHelperIsLeftAlone(t *testing.T) {
	p := newWorkers(2)
	defer p.close()
	phase := func(hold time.Duration) *held {
		h := &held{mine: &p.scratch[0], began: make(chan bool, 1), hold: hold}
		p.do(h, nil)
		return h
	}
	if h := phase(20 * time.Millisecond); h.byHelper.Load() != 1 || !p.isAlone() || p.pause != pauseMin {
		t.Fatalf("the helper did %d units; alone %v for %v, want 1, true, %v", h.byHelper.Load(), p.isAlone(), p.pause, pauseMin)
	}
	if h := phase(0); h.byHelper.Load() != 0 && p.isAlone() {
		t.Error("the helper was asked in the pause")
	}
	time.Sleep(2 * pauseMin)
	if h := phase(20 * time.Millisecond); h.byHelper.Load() != 1 || p.pause != 2*pauseMin {
		t.Errorf("after the pause the helper did %d units, the next pause is %v, want 1, %v", h.byHelper.Load(), p.pause, 2*pauseMin)
	}
}

// A run allocates nothing on the hot path.
func TestRunAllocatesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("packs a small decoder")
	}
	d := newTinyDecoder(t, 2)
	one, many := d.batch(1, 1, 8, 64), d.batch(2, 24, 0, 64)
	for _, b := range []struct {
		name string
		run  func() error
	}{
		{"decode", func() error { return d.exe.Run(one) }},
		{"prompt", func() error { return d.exe.Run(many) }},
	} {
		for range 20 { // workers' memory grows to what they need
			if err := b.run(); err != nil {
				t.Fatal(err)
			}
		}
		if got := testing.AllocsPerRun(20, func() {
			if err := b.run(); err != nil {
				t.Fatal(err)
			}
		}); got > 1 { // one may be a worker's, that had no part in the runs before
			t.Errorf("%s: %v allocations, want none", b.name, got)
		}
	}
}
