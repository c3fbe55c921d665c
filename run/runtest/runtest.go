// Package runtest is the suite that every store of the run log passes.
package runtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"summit/llm"
	"summit/run"
)

// Run checks the store that open makes, empty, for each subtest. The suite
// closes it.
func Run(t *testing.T, open func(t *testing.T) run.Store) {
	t.Helper()
	for _, c := range []struct {
		name  string
		check func(t *testing.T, s run.Store)
	}{
		{"round trip", roundTrip},
		{"latest", latest},
		{"append twice", appendTwice},
		{"feedback", feedback},
		{"feedback twice", feedbackTwice},
		{"feedback without a run", feedbackWithoutRun},
		{"feedback that is none", feedbackInvalid},
		{"feedback by many", feedbackByMany},
		{"feedback goes with its run", feedbackGoes},
		{"lessons", lessons},
		{"spending", spending},
		{"learned", learned},
		{"prune by age", pruneAge},
		{"prune by number", pruneNumber},
		{"prune in batches", pruneBatches},
		{"many at once", many},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			c.check(t, s)
			if err := s.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

var start = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// entry returns the i-th entry, one for each minute.
func entry(i int) run.Entry {
	return run.Entry{
		ID: fmt.Sprintf("run-%03d", i), RequestID: "req", At: start.Add(time.Duration(i) * time.Minute),
		Tenant: "default", Protocol: "openai", Model: "summit", Status: 200,
	}
}

func add(t *testing.T, s run.Store, from, to int) {
	t.Helper()
	var all []run.Entry
	for i := from; i < to; i++ {
		all = append(all, entry(i))
	}
	if err := s.Append(t.Context(), all); err != nil {
		t.Fatal(err)
	}
}

// has fails unless exactly those entries are there, newest first.
func has(t *testing.T, s run.Store, want ...int) {
	t.Helper()
	got, err := s.Latest(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	var ids, wanted []string
	for _, e := range got {
		ids = append(ids, e.ID)
	}
	for _, i := range want {
		wanted = append(wanted, entry(i).ID)
	}
	if !reflect.DeepEqual(ids, wanted) {
		t.Errorf("entries %v, want %v", ids, wanted)
	}
}

func prune(t *testing.T, s run.Store, before time.Time, keep, n, want int) {
	t.Helper()
	if got, err := s.Prune(t.Context(), before, keep, n); err != nil || got != want {
		t.Errorf("pruned %d, %v, want %d", got, err, want)
	}
}

func roundTrip(t *testing.T, s run.Store) {
	want := run.Entry{
		ID: "run-a", RequestID: "客户-1", At: start.Add(1234567890), Tenant: "lab", KeyID: "key_x", Protocol: "openai", Model: "summit-max",
		Stream: true, Status: 502, Error: llm.Cut, TTFT: 123456789, Took: 9876543210, Outcome: json.RawMessage(`{"member":"a"}`),
	}
	if err := s.Append(t.Context(), []run.Entry{want, entry(1)}); err != nil {
		t.Fatal(err)
	}
	want.At, want.TTFT, want.Took = start.Add(1234*time.Millisecond), 123456*time.Microsecond, 9876543*time.Microsecond
	if got, err := s.Get(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if got, err := s.Get(t.Context(), entry(1).ID); err != nil || !reflect.DeepEqual(got, entry(1)) {
		t.Errorf("got %+v, %v, want %+v", got, err, entry(1))
	}
	_, err := s.Get(t.Context(), "run-none")
	var e *llm.Error
	if !errors.As(err, &e) || e.Kind != llm.NotFound {
		t.Errorf("an unknown id: %v, want kind not_found", err)
	}
}

func latest(t *testing.T, s run.Store) {
	has(t, s)
	add(t, s, 0, 5)
	for n, want := range map[int]int{-1: 0, 0: 0, 1: 1, 3: 3, 5: 5, 50: 5} {
		got, err := s.Latest(t.Context(), n)
		if err != nil || len(got) != want || (want > 0 && got[0].ID != entry(4).ID) {
			t.Errorf("the latest %d: %d entries, %v, want %d, the last one first", n, len(got), err, want)
		}
	}
	has(t, s, 4, 3, 2, 1, 0)
}

func appendTwice(t *testing.T, s run.Store) {
	add(t, s, 0, 2)
	changed := entry(1)
	changed.Model = "other"
	changed.Feedback = []run.Feedback{opinion(1, "key_a", 1)}
	rated := entry(2)
	rated.Feedback = changed.Feedback
	if err := s.Append(t.Context(), []run.Entry{changed, rated, entry(2)}); err != nil {
		t.Fatal(err)
	}
	has(t, s, 2, 1, 0)
	if got, _ := s.Get(t.Context(), changed.ID); got.Model != entry(1).Model {
		t.Errorf("the second entry of an id took the place of the first")
	}
	rates(t, s, 2) // feedback has a way of its own
	if err := s.Append(t.Context(), nil); err != nil {
		t.Errorf("nothing appended: %v", err)
	}
	prune(t, s, start, 2, 10, 1) // what was left out does not count as kept
	has(t, s, 2, 1)
}

func pruneAge(t *testing.T, s run.Store) {
	prune(t, s, start, 10, 10, 0)
	add(t, s, 0, 6)
	prune(t, s, entry(2).At, 100, 100, 2)
	has(t, s, 5, 4, 3, 2)
	prune(t, s, entry(2).At.Add(time.Millisecond), 100, 100, 1)
	has(t, s, 5, 4, 3)
}

func pruneNumber(t *testing.T, s run.Store) {
	add(t, s, 0, 6)
	prune(t, s, start, 6, 100, 0)
	prune(t, s, start, 4, 100, 2)
	has(t, s, 5, 4, 3, 2)
	add(t, s, 6, 7)
	has(t, s, 6, 5, 4, 3, 2)
	prune(t, s, start, 0, 100, 5)
	has(t, s)
	add(t, s, 7, 9) // emptied, it still knows the order
	has(t, s, 8, 7)
}

func pruneBatches(t *testing.T, s run.Store) {
	add(t, s, 0, 7)
	for _, want := range []int{3, 2, 0} {
		prune(t, s, entry(5).At, 100, 3, want)
	}
	has(t, s, 6, 5)
}

func many(t *testing.T, s run.Store) {
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 10 {
				if err := s.Append(t.Context(), []run.Entry{entry(100*w + i)}); err != nil {
					t.Error(err)
				}
				if err := s.AddFeedback(t.Context(), opinion(100*w+i, "key_a", 1)); err != nil {
					t.Error(err)
				}
				if _, err := s.Latest(t.Context(), 5); err != nil {
					t.Error(err)
				}
				if _, err := s.Prune(t.Context(), start, 1000, 10); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if all, err := s.Latest(t.Context(), 1000); err != nil || len(all) != 40 {
		t.Errorf("%d entries, %v, want 40", len(all), err)
	}
}
