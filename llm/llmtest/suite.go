// Package llmtest is the suite that every member passes, and the scripted
// members that strategies are tested on. Its nouns are Suite, Behaviour and
// Script. Time in it is the virtual time of testing/synctest, so that it
// asserts exactly.
package llmtest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
)

// Behaviour is what the upstream of the member under test does.
type Behaviour string

// The behaviours that a member is built over.
const (
	Answers  Behaviour = "answers"   // a few pieces of text, then a proper end
	Hangs    Behaviour = "hangs"     // takes the request and never says anything
	HangsMid Behaviour = "hangs mid" // says something, then never anything more
	Cuts     Behaviour = "cuts"      // says something, then breaks off
	Fails    Behaviour = "fails"     // refuses the request
)

// Suite says how to build the member under test.
type Suite struct {
	// New builds the member over an upstream that behaves like that. It runs
	// inside a synctest bubble: goroutines and timers that it makes belong to
	// it, real sockets don't work in it. A member that has no upstream returns
	// nil for the behaviours it can't show.
	New     func(t *testing.T, upstream Behaviour) llm.Member
	Request *llm.Request // what is asked; nil = "Say hello."
}

// ErrLeft is the cause with which the suite cancels.
var ErrLeft = errors.New("llmtest: the caller went away")

// Run runs every check of the suite as a subtest.
func (s Suite) Run(t *testing.T) {
	t.Helper()
	t.Run("answers", func(t *testing.T) { s.bubble(t, Answers, s.answers) })
	t.Run("second range is refused", func(t *testing.T) { s.bubble(t, Answers, s.secondRange) })
	t.Run("leaving early leaks nothing", func(t *testing.T) { s.bubble(t, Answers, s.leave) })
	t.Run("leaving a hanging upstream leaks nothing", func(t *testing.T) { s.bubble(t, HangsMid, s.leave) })
	t.Run("many at once", func(t *testing.T) { s.bubble(t, Answers, s.many) })
	t.Run("canceled before", func(t *testing.T) { s.bubble(t, Answers, s.canceledBefore) })
	t.Run("canceled while nothing came", func(t *testing.T) { s.bubble(t, Hangs, s.canceled) })
	t.Run("canceled in the middle", func(t *testing.T) { s.bubble(t, HangsMid, s.canceled) })
	t.Run("deadline", func(t *testing.T) { s.bubble(t, HangsMid, s.deadline) })
	t.Run("cut upstream", func(t *testing.T) { s.bubble(t, Cuts, s.fails) })
	t.Run("failing upstream", func(t *testing.T) { s.bubble(t, Fails, s.fails) })
}

func (s Suite) bubble(t *testing.T, b Behaviour, check func(t *testing.T, m llm.Member)) {
	synctest.Test(t, func(t *testing.T) {
		m := s.New(t, b)
		if m == nil {
			t.Skipf("the member has no upstream that %s", b)
		}
		check(t, m)
		// The bubble itself fails the test if a goroutine is still blocked
		// when this function returns.
		synctest.Wait()
	})
}

func (s Suite) request() *llm.Request {
	if s.Request != nil {
		return s.Request
	}
	return &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "Say hello.")}}
}

// seen is what one range over a stream showed.
type seen struct {
	events int
	text   string
	done   *llm.Outcome
	err    error
	took   time.Duration
}

// watch ranges to the end and checks what holds for every stream.
func watch(t *testing.T, m llm.Member, stream llm.Stream) seen {
	t.Helper()
	var s seen
	start := time.Now()
	dones := 0
	for e, err := range stream {
		s.events++
		if dones > 0 {
			t.Errorf("event %v after Done", e.Kind)
		}
		switch e.Kind {
		case llm.KindDone:
			dones++
			s.done, s.err = e.Done, err
		case llm.KindText:
			s.text += e.Text
		case llm.KindStart:
			if s.events != 1 {
				t.Errorf("Start is event %d, want first", s.events)
			}
		case llm.KindReasoning, llm.KindProgress, llm.KindCall:
		default:
			t.Errorf("event of unknown kind %d", e.Kind)
		}
		if e.Kind != llm.KindDone && err != nil {
			t.Errorf("%v event has error %v, want it on Done only", e.Kind, err)
		}
	}
	s.took = time.Since(start)
	if dones != 1 {
		t.Fatalf("%d Done events, want exactly one, last", dones)
	}
	if s.done == nil {
		t.Fatal("Done has no Outcome")
	}
	if s.done.Member == "" {
		t.Error("the Outcome names no member")
	}
	if (s.err != nil) != (s.done.Err != nil) {
		t.Errorf("stream error %v beside Outcome error %v", s.err, s.done.Err)
	}
	if s.err != nil {
		var e *llm.Error
		if !errors.As(s.err, &e) || e.Kind == "" {
			t.Errorf("error %v is no *llm.Error with a kind", s.err)
		}
	}
	if s.done.Took < 0 || s.done.Took > s.took || s.done.TTFT > s.done.Took+1 {
		t.Errorf("TTFT %v, took %v, the loop took %v", s.done.TTFT, s.done.Took, s.took)
	}
	if c := m.Card(); c == nil || c.Name == "" {
		t.Error("the card names no member")
	}
	return s
}

func (s Suite) answers(t *testing.T, m llm.Member) {
	got := watch(t, m, m.Generate(t.Context(), s.request()))
	if got.err != nil || got.text == "" {
		t.Errorf("text %q, error %v, want text and no error", got.text, got.err)
	}
	if got.done.Finish == "" {
		t.Error("the Outcome says no reason to finish")
	}
}

func (s Suite) secondRange(t *testing.T, m llm.Member) {
	stream := m.Generate(t.Context(), s.request())
	watch(t, m, stream)
	if got := watch(t, m, stream); got.err == nil || got.events != 1 {
		t.Errorf("second range: %d events, error %v, want one Done with an error", got.events, got.err)
	}
}

func (s Suite) leave(t *testing.T, m llm.Member) {
	for range m.Generate(t.Context(), s.request()) {
		break
	}
}

func (s Suite) many(t *testing.T, m llm.Member) {
	const callers = 8
	results := make(chan seen, callers)
	for range callers {
		go func() { results <- watch(t, m, m.Generate(t.Context(), s.request())) }()
	}
	for range callers {
		if got := <-results; got.err != nil || got.text == "" {
			t.Errorf("one of %d callers at once: text %q, error %v", callers, got.text, got.err)
		}
	}
}

func (s Suite) canceledBefore(t *testing.T, m llm.Member) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ErrLeft)
	got := watch(t, m, m.Generate(ctx, s.request()))
	s.wantCanceled(t, got, 0)
}

func (s Suite) canceled(t *testing.T, m llm.Member) {
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(time.Second, func() { cancel(ErrLeft) })
	got := watch(t, m, m.Generate(ctx, s.request()))
	s.wantCanceled(t, got, time.Second)
}

func (s Suite) wantCanceled(t *testing.T, got seen, after time.Duration) {
	t.Helper()
	if e := llm.AsError(got.err); e == nil || e.Kind != llm.Canceled || !errors.Is(got.err, ErrLeft) {
		t.Errorf("error %v, want kind canceled with its cause", got.err)
	}
	if got.took != after {
		t.Errorf("ended after %v, want %v", got.took, after)
	}
}

func (s Suite) deadline(t *testing.T, m llm.Member) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	got := watch(t, m, m.Generate(ctx, s.request()))
	if e := llm.AsError(got.err); e == nil || e.Kind != llm.Timeout {
		t.Errorf("error %v, want kind timeout", got.err)
	}
	if got.took != time.Second {
		t.Errorf("ended after %v, want 1s", got.took)
	}
}

func (s Suite) fails(t *testing.T, m llm.Member) {
	if got := watch(t, m, m.Generate(t.Context(), s.request())); got.err == nil {
		t.Errorf("ended cleanly with %q, want an error", got.text)
	}
}
