package eval

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"
)

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

func TestIntervals(t *testing.T) {
	b := newBootstrap(100)
	f := func(name string, diffs []float64, low, high, slack float64) {
		t.Helper()
		l, h := b.interval(diffs)
		if math.Abs(l-low) > slack || math.Abs(h-high) > slack {
			t.Errorf("%s: interval %v to %v, want %v to %v", name, l, h, low, high)
		}
	}
	all := func(v float64) []float64 { return slices.Repeat([]float64{v}, 100) }
	f("no difference", all(0), 0, 0, 0)
	f("always better", all(1), 1, 1, 1e-9)
	// 10 of 100 better: the normal interval of a mean of 0.1 is 0.1 ± 1.96 x 0.03.
	some := make([]float64, 100)
	for i := range 10 {
		some[i] = 1
	}
	f("some better", some, 0.0412, 0.1588, 0.015)
	first, _ := b.interval(some)
	if again, _ := newBootstrap(100).interval(some); again != first {
		t.Errorf("the same questions gave %v and %v", first, again)
	}
	sum := 0
	for _, n := range b.counts[:100] {
		sum += int(n)
	}
	if sum != 100 {
		t.Errorf("a resample has %d questions, want 100", sum)
	}
	if l, h := newBootstrap(0).interval(nil); l != 0 || h != 0 {
		t.Errorf("no questions: %v to %v, want 0 to 0", l, h)
	}
}

func TestQuantile(t *testing.T) {
	f := func(q, want float64) {
		t.Helper()
		if got := quantile([]float64{1, 2, 4}, q); !near(got, want) {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	f(0, 1)
	f(0.25, 1.5)
	f(0.5, 2)
	f(0.75, 3)
	f(1, 4)
}

func TestCalibrationError(t *testing.T) {
	f := func(confidences, scores []float64, want float64) {
		t.Helper()
		if got := calibrationError(confidences, scores); !near(got, want) {
			t.Errorf("ECE of %v against %v is %v, want %v", confidences, scores, got, want)
		}
	}
	f(nil, nil, 0)
	f([]float64{1, 1}, []float64{1, 1}, 0)
	f([]float64{0.95, 0.95}, []float64{1, 0}, 0.45)
	// One bin is 0.3 too sure with two answers, another 0.2 too modest with one: (2 x 0.3 + 0.2) / 3.
	f([]float64{0.8, 0.8, 0.3}, []float64{1, 0, 0.5}, (2*0.3+0.2)/3)
}

func TestWilson(t *testing.T) {
	f := func(mean float64, n int, low, high float64) {
		t.Helper()
		if l, h := wilson(mean, n); math.Abs(l-low) > 5e-4 || math.Abs(h-high) > 5e-4 {
			t.Errorf("wilson(%v, %d) = %v, %v, want %v, %v", mean, n, l, h, low, high)
		}
	}
	f(0.8, 10, 0.4902, 0.9433) // a textbook example
	f(0, 10, 0, 0.2775)
	f(1, 10, 0.7225, 1)
	f(0, 0, 0, 1)
}

func TestParallel(t *testing.T) {
	var sum atomic.Int64
	if err := parallel(t.Context(), 3, 100, func(i int) error { sum.Add(int64(i)); return nil }); err != nil || sum.Load() != 4950 {
		t.Errorf("sum %d, %v, want 4950", sum.Load(), err)
	}
	third := errors.New("third")
	err := parallel(t.Context(), 1, 100, func(i int) error {
		if i == 3 {
			return third
		}
		if i > 3 {
			t.Errorf("%d was called after an error", i)
		}
		return nil
	})
	if err != third {
		t.Errorf("error %v, want %v", err, third)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if err := parallel(ctx, 2, 5, func(int) error { return nil }); !errors.Is(err, gone) {
		t.Errorf("error %v, want the cause %v", err, gone)
	}
}
