package fusion

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
	"summit/llm/llmtest"
)

func everything(id string) *llmtest.Script {
	s := events(id,
		after(10*ms, llm.Event{Kind: llm.KindStart, Model: id + "-0613"}),
		after(10*ms, llm.Event{Kind: llm.KindReasoning, Text: "Hm.", Signature: "sig"}),
		after(10*ms, llm.Event{Kind: llm.KindText, Text: "Let me look.", Tokens: []llm.TokenLogprob{{Token: "Let", Logprob: -0.5}}}),
		after(10*ms, llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{ID: "c1", Name: "look", ArgsDelta: `{"at":`}}),
		after(10*ms, llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{ArgsDelta: `"it"}`}}),
	)
	s.Outcome = llm.Outcome{Model: id + "-0613", Finish: llm.FinishCalls, Usage: llm.Usage{Input: llm.Counted(7), Output: llm.Counted(5), Calls: llm.Counted(1)}}
	s.Facts.Tools = true
	return s
}

func withTools(r *llm.Request) *llm.Request {
	r.Tools = []llm.Tool{{Kind: "function", Name: "look"}}
	return r
}

func TestSingle(t *testing.T) {
	scenario(t, "single", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "single", nil, everything("a")), withTools(user("Look at it."))
	})
	scenario(t, "single-cut", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "single", nil, llmtest.Behaving("a", llmtest.Cuts)), user("Say hello.")
	})
	scenario(t, "single-seconds", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "single", SingleParams{Budget: Budget{MaxSeconds: 2}}, llmtest.Behaving("a", llmtest.HangsMid)), user("Say hello.")
	})
}

func TestFallback(t *testing.T) {
	scenario(t, "fallback", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "fallback", FallbackParams{FirstSeconds: 5},
			failing("down", llm.Overloaded, 10*ms),
			events("empty", after(10*ms, llm.Event{Kind: llm.KindStart, Model: "never-seen"})),
			llmtest.Behaving("hangs", llmtest.Hangs),
			everything("a"),
		), user("Look at it.")
	})
	scenario(t, "fallback-cut", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "fallback", nil, llmtest.Behaving("a", llmtest.Cuts), llmtest.Behaving("b", llmtest.Answers)), user("Say hello.")
	})
	scenario(t, "fallback-invalid", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "fallback", nil, failing("a", llm.Invalid, ms), llmtest.Behaving("b", llmtest.Answers)), user("Say hello.")
	})
	scenario(t, "fallback-all-fail", func(t *testing.T) (llm.Member, *llm.Request) {
		limited := failing("c", llm.RateLimited, ms)
		limited.Err = &llm.Error{Kind: llm.RateLimited, Message: "slow down", RetryAfter: 7 * time.Second}
		return build(t, "fallback", nil, failing("a", llm.Unauthorized, ms), failing("b", llm.Timeout, ms), limited), user("Say hello.")
	})
	scenario(t, "fallback-seconds", func(t *testing.T) (llm.Member, *llm.Request) {
		return build(t, "fallback", FallbackParams{Budget: Budget{MaxSeconds: 3}},
			llmtest.Behaving("hangs", llmtest.Hangs), llmtest.Behaving("b", llmtest.Answers)), user("Say hello.")
	})
}

// Dead targets are not walked again by each request, for as long as they said.
func TestFallbackCoolsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := failing("a", llm.Overloaded, 0), failing("b", llm.RateLimited, 0)
		b.Err = &llm.Error{Kind: llm.RateLimited, RetryAfter: time.Minute}
		c := llmtest.Text("c", "hello", 0)
		m := build(t, "fallback", nil, a, b, c)
		asked := func(wantA, wantB, wantC int) {
			t.Helper()
			if s := watch(t.Context(), m, user("Say hello.")); s.err != nil || s.text != "hello" {
				t.Errorf("got %q, %v", s.text, s.err)
			}
			if ga, gb, gc := len(a.Asked()), len(b.Asked()), len(c.Asked()); ga != wantA || gb != wantB || gc != wantC {
				t.Errorf("asked a, b, c %d, %d, %d times, want %d, %d, %d", ga, gb, gc, wantA, wantB, wantC)
			}
		}
		asked(1, 1, 1)
		asked(1, 1, 2)
		time.Sleep(coolDown - 1)
		asked(1, 1, 3)
		time.Sleep(time.Nanosecond)
		asked(2, 1, 4) // a is tried again, b still rests
		time.Sleep(time.Minute)
		asked(3, 2, 5)

		// A success ends the rest at once.
		a.Err, a.Pieces = nil, []llmtest.Piece{{Event: text("hello")}}
		time.Sleep(coolDown)
		asked(4, 2, 5)
		asked(5, 2, 5)
	})
}

// Where everybody rests, the one that is ready first is asked, and only that.
func TestFallbackAllRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := failing("a", llm.QuotaExhausted, 0), failing("b", llm.Overloaded, 0)
		m := build(t, "fallback", FallbackParams{RestSeconds: 3}, a, b)
		watch(t.Context(), m, user("Say hello."))
		time.Sleep(time.Second)
		s := watch(t.Context(), m, user("Say hello."))
		if s.err == nil || len(a.Asked()) != 1 || len(b.Asked()) != 2 {
			t.Errorf("asked a %d, b %d times, error %v, want 1 and 2 and b's error", len(a.Asked()), len(b.Asked()), s.err)
		}
		golden(t, "fallback-all-rest", tree(s.done))
	})
}

// The request's own faults say nothing of the member's health.
func TestFallbackRequestFaultsDontCool(t *testing.T) {
	for _, kind := range []llm.ErrorKind{llm.Filtered, llm.TooLong, llm.Unsupported} {
		a, b := failing("a", kind, 0), llmtest.Text("b", "hello", 0)
		m := build(t, "fallback", nil, a, b)
		for range 2 {
			watch(t.Context(), m, user("Say hello."))
		}
		if n := len(a.Asked()); n != 2 {
			t.Errorf("%s: asked %d times, want 2", kind, n)
		}
	}
}

// What is cut after the first content is the caller's error and the member's
// rest: the next request goes elsewhere.
func TestFallbackCutCools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := build(t, "fallback", nil, llmtest.Behaving("a", llmtest.Cuts), llmtest.Behaving("b", llmtest.Answers))
		if s := watch(t.Context(), m, user("Say hello.")); s.err == nil || s.text != "hello" {
			t.Errorf("first: %q, %v, want the piece and the cut", s.text, s.err)
		}
		if s := watch(t.Context(), m, user("Say hello.")); s.err != nil || s.text != "hello world" {
			t.Errorf("second: %q, %v, want b's answer", s.text, s.err)
		}
	})
}

// A member that rests and is asked all the same is back once it has answered.
func TestSuccessEndsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := failing("a", llm.Overloaded, 0), failing("b", llm.QuotaExhausted, 0)
		m := build(t, "fallback", nil, b, a)
		watch(t.Context(), m, user("Say hello."))
		a.Err, a.Pieces = nil, []llmtest.Piece{{Event: text("hello")}}
		for range 2 {
			if s := watch(t.Context(), m, user("Say hello.")); s.text != "hello" {
				t.Fatalf("%q, %v, want a's answer", s.text, s.err)
			}
		}
		s := watch(t.Context(), m, user("Say hello."))
		if want := "b failed lately and rests for 5m0s"; s.done.Reason != want {
			t.Errorf("reason %q, want %q and nothing of a", s.done.Reason, want)
		}
	})
}

// The wait for the first content ends with it: what comes after takes its time.
func TestFirstSecondsAreForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := events("slow", after(900*ms, text("hel")), after(time.Hour, text("lo")))
		s := watch(t.Context(), build(t, "fallback", FallbackParams{FirstSeconds: 1}, slow), user("Say hello."))
		if s.text != "hello" || s.err != nil || s.took != time.Hour+900*ms {
			t.Errorf("%q after %v, %v, want hello after 1h0m0.9s", s.text, s.took, s.err)
		}
	})
}

// A caller that gave up early says nothing of the member.
func TestCallersDeadlineDoesntCool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := llmtest.Behaving("a", llmtest.Hangs)
		m := build(t, "fallback", nil, a, llmtest.Behaving("b", llmtest.Answers))
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			watch(ctx, m, user("Say hello."))
			cancel()
		}
		if n := len(a.Asked()); n != 2 {
			t.Errorf("a was asked %d times, want twice", n)
		}
	})
}
