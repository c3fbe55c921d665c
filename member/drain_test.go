package member

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
)

// slow says a word a second, ten in all.
type slow struct{ said int }

func (*slow) Card() *llm.Card { return &llm.Card{Name: "slow"} }

func (s *slow) Generate(ctx context.Context, _ *llm.Request) llm.Stream {
	return llm.NewStream(ctx, "slow", func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		for range 10 {
			if err := pauseFor(ctx, time.Second); err != nil {
				return &llm.Outcome{Usage: llm.Usage{Output: llm.Count{N: int64(s.said), From: llm.Estimated}}}, err
			}
			s.said++
			emit(llm.Event{Kind: llm.KindText, Text: "word "})
		}
		return &llm.Outcome{Finish: llm.FinishStop, Usage: llm.Usage{Output: llm.Counted(10)}}, nil
	})
}

func TestDrain(t *testing.T) {
	f := func(name string, most time.Duration, leave func(context.Context) (context.Context, func()), took time.Duration, said int, from llm.Provenance, kind llm.ErrorKind) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := &slow{}
			ctx, free := leave(t.Context())
			defer free()
			start := time.Now()
			var done *llm.Outcome
			var last error
			for e, err := range Drain(s, most).Generate(ctx, ask("hi")) {
				done, last = e.Done, err
			}
			got := llm.ErrorKind("")
			if last != nil {
				got = llm.AsError(last).Kind
			}
			if time.Since(start) != took || s.said != said || done == nil || done.Usage.Output.From != from || got != kind {
				t.Errorf("%s: after %v, %d words, %+v, %v", name, time.Since(start), s.said, done, last)
			}
		})
	}
	canceled := func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(2500*time.Millisecond, cancel)
		return ctx, cancel
	}
	f("to the end", 0, func(ctx context.Context) (context.Context, func()) { return ctx, func() {} }, 10*time.Second, 10, llm.Upstream, "")
	f("left", 0, canceled, 10*time.Second, 10, llm.Upstream, llm.Canceled)
	f("left for too long", 3*time.Second, canceled, 5500*time.Millisecond, 5, llm.Estimated, llm.Canceled)
	f("a deadline", 0, func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithTimeout(ctx, 2500*time.Millisecond)
		return ctx, cancel
	}, 2500*time.Millisecond, 2, llm.Estimated, llm.Timeout)
}
