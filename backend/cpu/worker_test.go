package cpu

import (
	"runtime"
	"sync/atomic"
	"testing"
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
