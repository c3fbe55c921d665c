package learn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
	"summit/run"
)

// council is a model that asked the first of its members.
type council struct{ llm.Member }

func (c council) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, "council", func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		part, err := llm.Relay(c.Member.Generate(ctx, r), emit)
		own := *part
		own.Answer = "42"
		return &llm.Outcome{Strategy: "auto", Answer: "42", Cost: own.Cost, Parts: []*llm.Outcome{&own}}, err
	})
}

func paid(name, text string, cost money.Amount, after time.Duration) *llmtest.Script {
	s := llmtest.Text(name, text, after)
	s.Facts.Prices = []llm.Price{{Currency: "CNY", Call: cost}}
	s.Outcome.Cost = &llm.Cost{Amount: cost, Currency: "CNY", From: llm.Upstream}
	return s
}

// service is a Learner, and a model before it as the server asks it.
type service struct {
	*Learner
	t     *testing.T
	store *run.Memory
	model llm.Member
	n     int
}

func serve(t *testing.T, s Shadow, members ...llm.Member) *service {
	t.Helper()
	store := run.NewMemory()
	c := Config{Watch: true, Shadow: s, Currency: "CNY", Logger: slog.New(slog.DiscardHandler)}
	l, err := New(t.Context(), run.NewLog(store, run.Config{Lessons: true, Logger: c.Logger}), c)
	if err != nil {
		t.Fatal(err)
	}
	return &service{l, t, store, l.Watch(council{members[0]}, members), 0}
}

func (s *service) ask(change func(*llm.Request)) time.Duration {
	s.t.Helper()
	r := &llm.Request{Model: "m", Messages: []llm.Message{llm.Text(llm.RoleUser, "What is six times seven?")}}
	if change != nil {
		change(r)
	}
	s.n++
	id := fmt.Sprintf("run-%d", s.n)
	start := time.Now()
	reply, err := llm.Collect(s.model.Generate(run.Recording(s.t.Context(), id), r))
	if err != nil {
		s.t.Fatal(err)
	}
	took := time.Since(start)
	s.Add(run.Entry{ID: id, At: start, Tenant: "lab", Unlearned: r.Summit.Unlearned}, reply.Outcome)
	return took
}

func (s *service) asks(id string) string {
	s.t.Helper()
	e, err := s.Get(s.t.Context(), id)
	if err != nil || e.Lesson == nil {
		return fmt.Sprint("none ", err)
	}
	var all []string
	for _, a := range e.Lesson.Asks {
		text := a.Member
		if a.Shadow {
			text += " shadow"
		}
		if a.Asked {
			text += " asked"
		}
		if a.Cluster != "" && a.Cluster == e.Lesson.Answer {
			text += " agrees"
		}
		if a.Error != "" {
			text += " " + string(a.Error)
		}
		all = append(all, fmt.Sprintf("%s %d", text, a.Chance))
	}
	return strings.Join(all, "; ")
}

// Those who were not asked are asked after the answer, which waits for nobody.
func TestShadow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := llmtest.Behaving("broken", llmtest.Hangs)
		broken.Facts.Prices = []llm.Price{{Currency: "CNY"}}
		unpriced := llmtest.Text("unpriced", "42", 0)
		s := serve(t, Shadow{Share: 1, MaxDay: 1000}, paid("first", "The answer is 42.", 1, 10*time.Millisecond), paid("slow", "So the answer is 42.", 100, time.Minute),
			paid("wrong", "The answer is 41.", 100, 0), paid("dear", "42", 100_000, 0), broken, unpriced)
		if took := s.ask(nil); took > 20*time.Millisecond {
			t.Errorf("the answer took %v", took)
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		const want = "first asked agrees 0; slow shadow asked agrees 1000000; wrong shadow asked 1000000; broken shadow asked timeout 1000000"
		if got := s.asks("run-1"); got != want {
			t.Errorf("asked\n%s\nwant\n%s", got, want)
		}
		if got, err := s.store.Spent(t.Context(), run.ShadowAccount, "2000-01-01"); err != nil || len(got) != 1 || got[0].Amount != 200 {
			t.Errorf("the shadow has spent %v, %v, want 200", got, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What a day may cost holds; the next day begins anew.
func TestShadowKeepsItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(12 * time.Hour)
		other := paid("other", "42", 100, 0)
		s := serve(t, Shadow{Share: 1, MaxDay: 250}, paid("first", "42", 1, 0), other)
		for range 5 {
			s.ask(nil)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if n := len(other.Asked()); n != 2 {
			t.Errorf("asked %d times, want 2: a third would pass 250", n)
		}
		// Where nobody could be asked, nobody has a chance.
		if got := s.asks("run-5"); got != "first asked agrees 0" {
			t.Errorf("asked %s", got)
		}
		time.Sleep(24 * time.Hour)
		s.ask(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(other.Asked()); n != 3 {
			t.Errorf("asked %d times the next day, want once more", n)
		}
		s.Close()
	})
}

// Calls of tools may act, so such requests are never asked again; nor are
// those that are not to be learned from, nor those that failed.
func TestShadowLeavesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := paid("other", "42", 0, 0)
		other.Facts.Tools = true
		first := paid("first", "42", 0, 0)
		first.Facts.Tools = true
		s := serve(t, Shadow{Share: 1}, first, other)
		s.ask(func(r *llm.Request) { r.Tools = []llm.Tool{{Kind: "function", Name: "pay"}} })
		s.ask(func(r *llm.Request) {
			r.Messages = append(r.Messages, llm.Message{Role: llm.RoleTool, Parts: []llm.Part{{Kind: llm.PartResult, Result: &llm.Result{}}}})
		})
		s.ask(func(r *llm.Request) { r.Summit.Unlearned = true })
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(other.Asked()); n != 0 {
			t.Errorf("asked %d times, want never", n)
		}
		if got := s.asks("run-3"); !strings.HasPrefix(got, "none") {
			t.Errorf("a request that is not to be learned from has a lesson: %s", got)
		}
		s.ask(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(other.Asked()); n != 1 {
			t.Errorf("asked %d times, want once", n)
		}
		s.Close()
	})
}

// Each member is drawn by its chance and by itself, and that chance is what is
// written down.
func TestShadowChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n, share = 2000, 0.25
		a, b := paid("a", "42", 0, 0), paid("b", "42", 0, 0)
		s := serve(t, Shadow{Share: share}, paid("first", "42", 0, 0), a, b)
		both := 0
		for range n {
			before, then := len(a.Asked()), len(b.Asked())
			s.ask(nil)
			time.Sleep(200 * time.Millisecond)
			synctest.Wait()
			if len(a.Asked()) > before && len(b.Asked()) > then {
				both++
			}
		}
		near := func(what string, got int, want float64) {
			if d := math.Abs(float64(got) - want*n); d > 4*math.Sqrt(want*(1-want)*n) {
				t.Errorf("%s: %d of %d, want about %.0f", what, got, n, want*n)
			}
		}
		near("a", len(a.Asked()), share)
		near("b", len(b.Asked()), share)
		near("both", both, share*share)
		if got := s.asks("run-1"); !strings.Contains(got, "a shadow") || !strings.Contains(got, "250000") {
			t.Errorf("written down: %s", got)
		}
		s.Close()
	})
}

// A Learner that is closed with members still being asked stops them.
func TestShadowEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := llmtest.Behaving("slow", llmtest.Hangs)
		slow.Facts.Prices = []llm.Price{{Currency: "CNY"}}
		s := serve(t, Shadow{Share: 1}, paid("first", "42", 0, 0), slow)
		s.ask(nil)
		time.Sleep(time.Second)
		start := time.Now()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("closing took %v", took)
		}
		if err := s.AddFeedback(t.Context(), run.Feedback{Run: "run-1", Tenant: "lab", Source: run.SourceUser}); err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("feedback after the end: %v, want an error", err)
		}
	})
}
