package llm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
)

func body(f func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error)) llm.Stream {
	return llm.NewStream(context.Background(), "m", f)
}

func TestNewStreamStampsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := body(func(_ context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
			time.Sleep(2 * time.Second)
			emit(llm.Event{Kind: llm.KindProgress, Progress: &llm.ProgressNote{}})
			time.Sleep(time.Second)
			emit(llm.Event{Kind: llm.KindText, Text: "a"})
			time.Sleep(time.Second)
			return nil, nil
		})
		reply, err := llm.Collect(s)
		if err != nil || reply.Outcome.TTFT != 3*time.Second || reply.Outcome.Took != 4*time.Second || reply.Outcome.Member != "m" {
			t.Errorf("TTFT %v, took %v, member %q, error %v, want 3s, 4s, m, nil", reply.Outcome.TTFT, reply.Outcome.Took, reply.Outcome.Member, err)
		}
	})
}

func TestNewStreamTypesErrors(t *testing.T) {
	cause := errors.New("the reason")
	f := func(name string, ctx context.Context, err error, want llm.ErrorKind, is error) {
		t.Helper()
		s := llm.NewStream(ctx, "m", func(context.Context, func(llm.Event) bool) (*llm.Outcome, error) { return nil, err })
		_, got := llm.Collect(s)
		e := llm.AsError(got)
		if e == nil || e.Kind != want || e.Member != "m" || (is != nil && !errors.Is(got, is)) {
			t.Errorf("%s: %v, want kind %s of member m", name, got, want)
		}
	}
	live := context.Background()
	dead, cancel := context.WithCancelCause(live)
	cancel(cause)
	late, stop := context.WithDeadline(live, time.Now().Add(-time.Second))
	defer stop()
	f("plain error", live, cause, llm.Internal, cause)
	f("typed error", live, llm.Errorf(llm.Filtered, "no"), llm.Filtered, nil)
	f("canceled wins over the body's words", dead, llm.Errorf(llm.Overloaded, "no"), llm.Canceled, cause)
	f("deadline", late, context.DeadlineExceeded, llm.Timeout, context.DeadlineExceeded)
}

func TestNewStreamRefusedEmitIsNoCleanEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := llm.NewStream(ctx, "m", func(_ context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		cancel()
		emit(llm.Event{Kind: llm.KindText, Text: "late"})
		return &llm.Outcome{Finish: llm.FinishStop}, nil // a body that doesn't look at emit's answer
	})
	if reply, err := llm.Collect(s); err == nil || reply.Text != "" {
		t.Errorf("text %q, error %v, want nothing and canceled", reply.Text, err)
	}
}

func TestNewStreamKeepsAMembersOwnError(t *testing.T) {
	shared := llm.Errorf(llm.Overloaded, "busy")
	for _, name := range []string{"a", "b"} {
		_, err := llm.Collect(llm.FailStream(name, shared))
		if llm.AsError(err).Member != name {
			t.Errorf("error of %s names %q", name, llm.AsError(err).Member)
		}
	}
	if shared.Member != "" {
		t.Error("the body's error value was written to")
	}
}

func TestRelayDrainsAfterTheLoopWasLeft(t *testing.T) {
	drained := false
	child := body(func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		for range 3 {
			emit(llm.Event{Kind: llm.KindText, Text: "x"})
		}
		return &llm.Outcome{Usage: llm.Usage{Output: llm.Counted(3)}}, nil
	})
	parent := body(func(_ context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		done, err := llm.Relay(child, emit)
		drained = done != nil && done.Usage.Output.N == 3
		return done, err
	})
	for range parent {
		break
	}
	if !drained {
		t.Error("the wrapper did not get the Outcome of a stream that was left")
	}
}

func TestCollect(t *testing.T) {
	call := func(i int, id, name, args string) llm.Event {
		return llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: i, ID: id, Name: name, ArgsDelta: args}}
	}
	reply, err := llm.Collect(body(func(_ context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		emit(llm.Event{Kind: llm.KindReasoning, Text: "hm"})
		emit(llm.Event{Kind: llm.KindText, Text: "你"})
		emit(llm.Event{Kind: llm.KindText, Text: "好"})
		emit(call(0, "c0", "f", `{"a":`))
		emit(call(1, "c1", "g", "{}"))
		emit(call(0, "", "", "1}"))
		return &llm.Outcome{Finish: llm.FinishCalls}, nil
	}))
	if err != nil || reply.Text != "你好" || reply.Reasoning != "hm" || len(reply.Calls) != 2 || reply.Calls[0] != (llm.Call{ID: "c0", Name: "f", Args: `{"a":1}`}) {
		t.Errorf("reply %+v, error %v", reply, err)
	}
	for name, e := range map[string]llm.Event{"gap": call(5, "x", "f", ""), "negative": call(-1, "x", "f", "")} {
		if _, err := llm.Collect(body(func(_ context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
			emit(e)
			return nil, nil
		})); llm.AsError(err) == nil || llm.AsError(err).Kind != llm.Protocol {
			t.Errorf("%s call index: error %v, want protocol", name, err)
		}
	}
}

func TestCollectIsBounded(t *testing.T) {
	piece := strings.Repeat("x", 1<<20)
	sent := 0
	_, err := llm.Collect(body(func(_ context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		for emit(llm.Event{Kind: llm.KindText, Text: piece}) {
			sent++
		}
		return nil, nil
	}))
	if e := llm.AsError(err); e == nil || e.Kind != llm.Protocol || sent != llm.MaxReplyBytes>>20 {
		t.Errorf("flood: error %v after %d MiB, want protocol after %d", err, sent, llm.MaxReplyBytes>>20)
	}
}

func TestContextErrorCarriesTheCause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	if llm.ContextError(ctx) != nil {
		t.Error("a live context has an error")
	}
	cancel(llm.Errorf(llm.Overloaded, "shutting down"))
	if e := llm.ContextError(ctx); e.Kind != llm.Overloaded {
		t.Errorf("kind %s, want the cause's own", e.Kind)
	}
}
