package run

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
)

// slow is a store whose writes take time or fail; it counts what came.
type slow struct {
	*Memory
	mu      sync.Mutex
	takes   time.Duration
	err     error
	batches []int
	prunes  []time.Duration // since start
	start   time.Time
}

func (s *slow) Append(ctx context.Context, entries []Entry) error {
	time.Sleep(s.takes)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, len(entries))
	if s.err != nil {
		return s.err
	}
	return s.Memory.Append(ctx, entries)
}

func (s *slow) AddFeedback(ctx context.Context, f Feedback) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	return s.Memory.AddFeedback(ctx, f)
}

func (s *slow) Prune(ctx context.Context, before time.Time, keep, n int) (int, error) {
	s.mu.Lock()
	s.prunes = append(s.prunes, time.Since(s.start))
	s.mu.Unlock()
	return s.Memory.Prune(ctx, before, keep, n)
}

// bubble runs check on a log over a slow store, in virtual time. text is what
// was logged.
func bubble(t *testing.T, c Config, check func(l *Log, s *slow, text *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var text bytes.Buffer
		c.Logger = slog.New(slog.NewTextHandler(&text, nil))
		s := &slow{Memory: NewMemory(), start: time.Now()}
		l := NewLog(s, c)
		check(l, s, &text)
		l.Close()
	})
}

var lastID atomic.Int64

func addN(l *Log, n int) {
	for range n {
		l.Add(Entry{ID: fmt.Sprint(lastID.Add(1)), At: time.Now()}, nil)
	}
}

func kept(t *testing.T, l *Log) int {
	t.Helper()
	all, err := l.Latest(t.Context(), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestLogWritesInBatches(t *testing.T) {
	bubble(t, Config{}, func(l *Log, s *slow, _ *bytes.Buffer) {
		addN(l, 3)
		time.Sleep(linger - 1)
		synctest.Wait()
		if n := kept(t, l); n != 0 {
			t.Errorf("%d entries before the linger is over, want none", n)
		}
		addN(l, 2)
		time.Sleep(1 * time.Nanosecond)
		synctest.Wait()
		if n := kept(t, l); n != 5 || len(s.batches) != 1 {
			t.Errorf("%d entries in batches %v, want 5 in one", n, s.batches)
		}
		addN(l, batchMax+1)
		synctest.Wait()
		if n := kept(t, l); n != 5+batchMax {
			t.Errorf("%d entries, want a full batch written at once", n)
		}
	})
}

func TestLogDropsAndNeverWaits(t *testing.T) {
	bubble(t, Config{Queue: 10}, func(l *Log, s *slow, text *bytes.Buffer) {
		s.takes = time.Minute
		addN(l, 1)
		time.Sleep(linger)
		synctest.Wait() // the writer is in Append now
		before := time.Now()
		addN(l, 13)
		if took := time.Since(before); took != 0 {
			t.Errorf("Add took %v, want no time", took)
		}
		if n := l.Dropped(); n != 3 {
			t.Errorf("%d dropped, want 3", n)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if n := kept(t, l); n != 11 {
			t.Errorf("%d entries, want 11", n)
		}
		if got := strings.Count(text.String(), "entries were dropped"); got != 1 || !strings.Contains(text.String(), "dropped=3") {
			t.Errorf("logged %q, want one line about 3 dropped entries", text)
		}
	})
}

func TestLogSurvivesAFailingStore(t *testing.T) {
	bubble(t, Config{}, func(l *Log, s *slow, text *bytes.Buffer) {
		s.err = errors.New("disk full")
		for range 5 {
			addN(l, 2)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if err := l.Err(); err == nil || l.Dropped() != 10 {
			t.Errorf("error %v, %d dropped, want an error and 10", err, l.Dropped())
		}
		if got := strings.Count(text.String(), "disk full"); got != 1 {
			t.Errorf("the same failure was logged %d times, want once: %s", got, text)
		}
		s.mu.Lock()
		s.err = nil
		s.mu.Unlock()
		addN(l, 2)
		time.Sleep(time.Second)
		synctest.Wait()
		if err := l.Err(); err != nil || kept(t, l) != 2 {
			t.Errorf("after the store came back: error %v, %d entries, want none and 2", err, kept(t, l))
		}
	})
}

func TestLogCloseWritesEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory()
		l := NewLog(m, Config{})
		addN(l, 2000)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
		if all, _ := m.Latest(t.Context(), 1<<20); len(all) != 2000 {
			t.Errorf("%d entries, want 2000", len(all))
		}
		l.Add(Entry{ID: "late"}, nil)
		if n := l.Dropped(); n != 1 {
			t.Errorf("%d dropped after Close, want 1", n)
		}
	})
}

func TestLogFindsWhatIsNotWritten(t *testing.T) {
	bubble(t, Config{}, func(l *Log, s *slow, _ *bytes.Buffer) {
		good := Feedback{Run: "run-a", Score: 1, Source: SourceUser, Tenant: "lab"}
		l.Add(Entry{ID: "run-a", At: time.Now(), Tenant: "lab"}, nil)
		before := time.Now()
		if err := l.AddFeedback(context.Background(), good); err != nil {
			t.Errorf("a run in the queue: %v", err)
		}
		if took := time.Since(before); took != 0 {
			t.Errorf("it took %v, want no time: nobody lingers while somebody waits", took)
		}
		if e, err := l.Get(context.Background(), "run-a"); err != nil || len(e.Feedback) != 1 {
			t.Errorf("entry %+v, %v, want one with feedback", e, err)
		}
		l.Add(Entry{ID: "run-b", At: time.Now()}, nil)
		synctest.Wait() // the writer lingers
		if err := l.AddFeedback(context.Background(), Feedback{Run: "run-b", Source: SourceUser}); err != nil {
			t.Errorf("a run that the writer holds: %v", err)
		}
		for _, f := range []Feedback{{Run: "none", Source: SourceUser}, {Run: "run-a", Source: SourceUser, Tenant: "other"}} {
			if err := l.AddFeedback(context.Background(), f); err == nil || llm.AsError(err).Kind != llm.NotFound {
				t.Errorf("run %s of %q: %v, want kind not_found", f.Run, f.Tenant, err)
			}
		}
		if err := l.Err(); err != nil || len(s.batches) != 2 {
			t.Errorf("error %v, batches %v, want none and two: what is wrong with feedback is not the store's fault", err, s.batches)
		}
	})
}

func TestLogRefusesFeedback(t *testing.T) {
	bubble(t, Config{Queue: 1}, func(l *Log, s *slow, text *bytes.Buffer) {
		f := func(ctx context.Context, want llm.ErrorKind) {
			t.Helper()
			if err := l.AddFeedback(ctx, Feedback{Run: "run-a", Source: SourceUser}); llm.AsError(err) == nil || llm.AsError(err).Kind != want {
				t.Errorf("%v, want kind %s", err, want)
			}
		}
		s.takes = time.Minute
		l.Add(Entry{ID: "run-a", At: time.Now()}, nil)
		time.Sleep(linger)
		synctest.Wait() // the writer is in Append now
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		f(ctx, llm.Timeout)
		f(context.Background(), llm.RateLimited) // the first is in the queue
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if e, err := l.Get(context.Background(), "run-a"); err != nil || len(e.Feedback) != 1 {
			t.Errorf("entry %+v, %v, want the feedback that nobody waited for", e, err)
		}
		s.mu.Lock()
		s.err = errors.New("disk full")
		s.mu.Unlock()
		f(context.Background(), llm.Internal)
		if err := l.Err(); err == nil {
			t.Error("the store fails, and nobody knows")
		}
		s.mu.Lock()
		s.err = nil
		s.mu.Unlock()
		if err := l.AddFeedback(context.Background(), Feedback{Run: "run-a", Source: SourceUser}); err != nil || l.Err() != nil {
			t.Errorf("after the store came back: %v, %v, want no error", err, l.Err())
		}
		if l.Dropped() != 0 {
			t.Errorf("%d dropped, want none: feedback is no entry", l.Dropped())
		}
		l.Close()
		f(context.Background(), llm.Overloaded)
	})
}

func TestLogPrunes(t *testing.T) {
	// By age: at the start, then every ten minutes.
	bubble(t, Config{Keep: time.Hour}, func(l *Log, s *slow, _ *bytes.Buffer) {
		synctest.Wait()
		addN(l, 5)
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := kept(t, l); n != 5 {
			t.Errorf("%d entries after an hour, want 5", n)
		}
		time.Sleep(pruneEvery)
		synctest.Wait()
		if n := kept(t, l); n != 0 {
			t.Errorf("%d entries after an hour and ten minutes, want none", n)
		}
		if len(s.prunes) < 2 || s.prunes[0] != 0 || s.prunes[1] != pruneEvery {
			t.Errorf("pruned at %v, want 0s, 10m0s, ...", s.prunes)
		}
	})
	// By number: as soon as a tenth too many has come, in small batches.
	bubble(t, Config{KeepMax: 1000}, func(l *Log, s *slow, _ *bytes.Buffer) {
		for range 10 {
			addN(l, 512)
			time.Sleep(time.Second)
			synctest.Wait()
			if n := kept(t, l); n != min(n, 1000) {
				t.Errorf("%d entries, want at most 1000", n)
			}
		}
	})
	bubble(t, Config{KeepMax: 1}, func(l *Log, s *slow, _ *bytes.Buffer) {
		var many []Entry
		for i := range 3 * pruneBatch {
			many = append(many, Entry{ID: fmt.Sprint(i), At: time.Now()})
		}
		synctest.Wait()
		s.Memory.Append(t.Context(), many)
		time.Sleep(pruneEvery)
		synctest.Wait()
		if n := kept(t, l); n != 2*pruneBatch {
			t.Errorf("%d entries after one batch, want %d", n, 2*pruneBatch)
		}
		time.Sleep(2 * prunePause)
		synctest.Wait()
		if n := kept(t, l); n != 1 {
			t.Errorf("%d entries after three batches, want 1", n)
		}
	})
}

func TestKeptOutcome(t *testing.T) {
	o := &llm.Outcome{
		Member: "summit", Strategy: "vote", Answer: "SECRET 42", Reason: `"SECRET 42" has 2 of 3 answers`,
		Usage: llm.Usage{Input: llm.Counted(7)},
		Parts: []*llm.Outcome{
			{Member: "a", Answer: "SECRET 42", WeightPPM: 500_000},
			nil,
			{Member: "b", Err: &llm.Error{Kind: llm.Filtered, Member: "b", Message: "SECRET", Err: errors.New("SECRET")}, Reason: "judge: SECRET"},
		},
	}
	before, _ := json.Marshal(o)
	text, err := encode(o)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "SECRET") {
		t.Errorf("an answer, a reason or the text of an error is kept: %s", text)
	}
	for _, want := range []string{`"strategy":"vote"`, `"input":{"n":7`, `"weight_ppm":500000`, `"kind":"filtered"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
	if after, _ := json.Marshal(o); !bytes.Equal(before, after) {
		t.Error("the caller's tree was changed")
	}
	if text, err := encode(nil); text != nil || err != nil {
		t.Errorf("no outcome: %s, %v", text, err)
	}
}

func TestKeptOutcomeIsBounded(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	wide := &llm.Outcome{Member: long}
	for range 10_000 {
		wide.Parts = append(wide.Parts, &llm.Outcome{Member: long, Model: long, Strategy: long, Reason: long})
	}
	deep := &llm.Outcome{Member: "leaf"}
	for range 10_000 {
		deep = &llm.Outcome{Member: "d", Parts: []*llm.Outcome{deep}}
	}
	for name, o := range map[string]*llm.Outcome{"wide": wide, "deep": deep} {
		text, err := encode(o)
		if err != nil || len(text) > 200_000 || !strings.Contains(string(text), "parts are not kept") {
			t.Errorf("%s: %d bytes, %v, want less than 200,000 and a note", name, len(text), err)
		}
		t.Logf("%s: %d bytes", name, len(text))
	}
}
