package member

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
	"summit/llm/llmtest"
)

// scripted is a member that plays one script a call, the last one for ever.
type scripted struct {
	name    string
	scripts []*llmtest.Script

	mu    sync.Mutex
	times []time.Duration // of the calls, since the first
	first time.Time
}

func (s *scripted) Card() *llm.Card { return &llm.Card{Name: "m"} }

func (s *scripted) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, "m", func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		s.mu.Lock()
		if s.first.IsZero() {
			s.first = time.Now()
		}
		script := s.scripts[min(len(s.times), len(s.scripts)-1)]
		s.times = append(s.times, time.Since(s.first))
		s.mu.Unlock()
		if !emit(llm.Event{Kind: llm.KindStart, Model: s.name}) {
			return nil, context.Cause(ctx)
		}
		done, err := llm.Relay(script.Generate(ctx, r), emit)
		done.Member = "m"
		return done, err
	})
}

func plays(name string, scripts ...*llmtest.Script) *scripted {
	return &scripted{name: name, scripts: scripts}
}

func says(text string, after time.Duration) *llmtest.Script { return llmtest.Text("m", text, after) }

func fails(kind llm.ErrorKind, change ...func(*llm.Error)) *llmtest.Script {
	e := llm.Errorf(kind, "by script")
	for _, c := range change {
		c(e)
	}
	return &llmtest.Script{ID: "m", Err: e}
}

func after(d time.Duration) func(*llm.Error) { return func(e *llm.Error) { e.RetryAfter = d } }
func status(n int) func(*llm.Error)          { return func(e *llm.Error) { e.Status = n } }

// guard makes a guard without jitter.
func guard(t *testing.T, p GuardParams, members ...*scripted) *Guard {
	t.Helper()
	var all []Target
	for _, m := range members {
		all = append(all, Target{Member: m})
	}
	g, err := NewGuard(p, all...)
	if err != nil {
		t.Fatal(err)
	}
	g.jitter = func() float64 { return 1 }
	return g
}

// story is what a stream brought, in words.
func story(s llm.Stream) string {
	var b strings.Builder
	for e, err := range s {
		switch e.Kind {
		case llm.KindStart:
			fmt.Fprintf(&b, "start %s, ", e.Model)
		case llm.KindText:
			fmt.Fprintf(&b, "%q, ", e.Text)
		case llm.KindDone:
			o := e.Done
			fmt.Fprintf(&b, "done after %v, %d calls, %d+%d tokens", o.Took, o.Usage.Calls.N, o.Usage.Input.N, o.Usage.Output.N)
			if err != nil {
				fmt.Fprintf(&b, ", error %s", llm.AsError(err).Kind)
			}
			for _, t := range o.Tries {
				fmt.Fprintf(&b, "; %s", t.Target)
				if t.Hedge {
					b.WriteString(" hedge")
				}
				if t.Lost {
					b.WriteString(" lost")
				} else if t.Kind != "" {
					fmt.Fprintf(&b, " %s", t.Kind)
				}
				fmt.Fprintf(&b, " %v", t.Took)
			}
		}
	}
	return b.String()
}

func TestGuardPassesSuite(t *testing.T) {
	for name, p := range map[string]GuardParams{"plain": {Retries: new(0)}, "retries": {}, "hedged": {Hedge: time.Millisecond}, "bounded": {Streams: 3, MaxWait: time.Minute}} {
		t.Run(name, func(t *testing.T) {
			llmtest.Suite{New: func(t *testing.T, b llmtest.Behaviour) llm.Member {
				a, c := plays("a", llmtest.Behaving("m", b)), plays("b", llmtest.Behaving("m", b))
				return guard(t, p, a, c)
			}}.Run(t)
		})
	}
}

func TestGuardRetries(t *testing.T) {
	tool := &llm.Request{Messages: ask("hi").Messages, Tools: []llm.Tool{{Kind: "web_search"}}}
	f := func(name string, p GuardParams, r *llm.Request, want string, members ...*scripted) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			if r == nil {
				r = ask("hi")
			}
			if got := story(guard(t, p, members...).Generate(t.Context(), r)); got != want {
				t.Errorf("%s:\n got %s\nwant %s", name, got, want)
			}
		})
	}
	const ms = time.Millisecond
	f("at once", GuardParams{}, nil, `start a, "x", done after 10ms, 1 calls, 10+1 tokens`, plays("a", says("x", 10*ms)))
	f("again, later", GuardParams{}, nil, `start a, "x", done after 1.51s, 3 calls, 10+1 tokens; 1 overloaded 0s; 1 overloaded 0s; 1 10ms`,
		plays("a", fails(llm.Overloaded), fails(llm.Overloaded), says("x", 10*ms)))
	f("as often as it may be", GuardParams{}, nil, `done after 1.5s, 3 calls, 0+0 tokens, error overloaded; 1 overloaded 0s; 1 overloaded 0s; 1 overloaded 0s`, plays("a", fails(llm.Overloaded)))
	f("never", GuardParams{Retries: new(0)}, nil, `done after 0s, 1 calls, 0+0 tokens, error overloaded`, plays("a", fails(llm.Overloaded)))
	f("as it was told", GuardParams{}, nil, `start a, "x", done after 3.31s, 2 calls, 10+1 tokens; 1 rate_limited 0s; 1 10ms`,
		plays("a", fails(llm.RateLimited, after(3*time.Second)), says("x", 10*ms)))
	f("told to wait too long", GuardParams{}, nil, `done after 0s, 1 calls, 0+0 tokens, error rate_limited`, plays("a", fails(llm.RateLimited, after(time.Minute))))
	f("another endpoint at once", GuardParams{}, nil, `start b, "x", done after 10ms, 2 calls, 10+1 tokens; 1 rate_limited 0s; 2 10ms`,
		plays("a", fails(llm.RateLimited, after(time.Minute))), plays("b", says("x", 10*ms)))
	f("another key", GuardParams{}, nil, `start b, "x", done after 10ms, 2 calls, 10+1 tokens; 1 quota_exhausted 0s; 2 10ms`,
		plays("a", fails(llm.QuotaExhausted)), plays("b", says("x", 10*ms)))
	f("the same key", GuardParams{}, nil, `done after 0s, 1 calls, 0+0 tokens, error quota_exhausted`, plays("a", fails(llm.QuotaExhausted)))
	f("a fault of the request", GuardParams{}, nil, `done after 0s, 1 calls, 0+0 tokens, error filtered`, plays("a", fails(llm.Filtered)), plays("b", says("x", 0)))

	// What was delivered is not taken back.
	cut := says("x", 10*ms)
	cut.Err = llm.Errorf(llm.Cut, "broke off")
	f("not after content", GuardParams{}, nil, `start a, "x", done after 10ms, 1 calls, 10+1 tokens, error cut`, plays("a", cut), plays("b", says("y", 0)))
	f("before content", GuardParams{}, nil, `start b, "y", done after 0s, 2 calls, 10+1 tokens; 1 cut 0s; 2 0s`, plays("a", fails(llm.Cut)), plays("b", says("y", 0)))

	// What a vendor runs on its own side is not run twice.
	f("not what may have run", GuardParams{}, tool, `done after 0s, 1 calls, 0+0 tokens, error cut`, plays("a", fails(llm.Cut)), plays("b", says("y", 0)))
	f("not what broke off on the way", GuardParams{}, tool, `done after 0s, 1 calls, 0+0 tokens, error overloaded`, plays("a", fails(llm.Overloaded)), plays("b", says("y", 0)))
	f("what was turned away", GuardParams{}, tool, `start b, "y", done after 0s, 2 calls, 10+1 tokens; 1 overloaded 0s; 2 0s`, plays("a", fails(llm.Overloaded, status(503))), plays("b", says("y", 0)))
	f("what was turned away for its rate", GuardParams{}, tool, `start b, "y", done after 0s, 2 calls, 10+1 tokens; 1 rate_limited 0s; 2 0s`, plays("a", fails(llm.RateLimited)), plays("b", says("y", 0)))

	f("silence", GuardParams{First: time.Second}, nil, `start b, "y", done after 1s, 2 calls, 10+1 tokens; 1 timeout 1s; 2 0s`, plays("a", silent()), plays("b", says("y", 0)))

	// What a failed call used is paid for too.
	used := fails(llm.Cut)
	used.Outcome.Usage = llm.Usage{Input: llm.Counted(7), Output: llm.Counted(2)}
	f("what was used", GuardParams{}, nil, `start b, "y", done after 0s, 2 calls, 17+3 tokens; 1 cut 0s; 2 0s`, plays("a", used), plays("b", says("y", 0)))
}

// A retry that the caller's deadline leaves no time for is not made.
func TestGuardKeepsTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := plays("a", fails(llm.Overloaded))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, want := story(guard(t, GuardParams{}, m).Generate(ctx, ask("hi"))), `done after 500ms, 2 calls, 0+0 tokens, error overloaded; 1 overloaded 0s; 1 overloaded 0s`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestGuardHedges(t *testing.T) {
	f := func(name string, want string, members ...*scripted) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			g := guard(t, GuardParams{Hedge: time.Second, Retries: new(1)}, members...)
			if got := story(g.Generate(t.Context(), ask("hi"))); got != want {
				t.Errorf("%s:\n got %s\nwant %s", name, got, want)
			}
			synctest.Wait()
			for _, target := range g.Health().Targets {
				if target.Streams != 0 {
					t.Errorf("%s: %d streams are left", name, target.Streams)
				}
			}
		})
	}
	const s = time.Second
	f("fast enough", `start a, "x", done after 900ms, 1 calls, 10+1 tokens`, plays("a", says("x", 900*time.Millisecond)), plays("b", says("y", 0)))
	f("the second is faster", `start b, "y", done after 1.5s, 2 calls, 11+1 tokens; 1 lost 1.5s; 2 hedge 500ms`, plays("a", silent()), plays("b", says("y", s/2)))
	f("the first is faster after all", `start a, "x", done after 2s, 2 calls, 11+1 tokens; 2 hedge lost 1s; 1 2s`, plays("a", says("x", 2*s)), plays("b", silent()))
	f("the second fails", `start a, "x", done after 2s, 2 calls, 10+1 tokens; 2 hedge overloaded 0s; 1 2s`, plays("a", says("x", 2*s)), plays("b", fails(llm.Overloaded)))
	f("the first fails, then the second answers", `start b, "y", done after 4s, 2 calls, 10+1 tokens; 1 cut 3s; 2 hedge 3s`, plays("a", late(3*s, llm.Cut)), plays("b", says("y", 3*s)))
	f("both fail", `done after 3s, 3 calls, 0+0 tokens, error cut; 2 hedge cut 500ms; 1 cut 2s; 2 cut 500ms`, plays("a", late(2*s, llm.Cut)), plays("b", late(s/2, llm.Cut)))
	f("one endpoint", `start a, "y", done after 1.5s, 2 calls, 11+1 tokens; 1 lost 1.5s; 1 hedge 500ms`, plays("a", silent(), says("y", s/2)))
}

// silent says nothing, and nobody knows what it used.
func silent() *llmtest.Script { return &llmtest.Script{ID: "m", Hang: true} }

// late fails after a while without content.
func late(d time.Duration, kind llm.ErrorKind) *llmtest.Script {
	s := fails(kind)
	s.Pieces = []llmtest.Piece{{After: d, Event: llm.Event{Kind: llm.KindProgress, Progress: &llm.ProgressNote{}}}}
	return s
}

// The circuit opens after failures in a row, lets one request through after a
// while, and opens for twice as long where that one fails.
func TestGuardCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := plays("a", fails(llm.Overloaded))
		g := guard(t, GuardParams{Retries: new(0), Failures: 3}, m)
		say := func(want llm.ErrorKind, calls int) *llm.Error {
			t.Helper()
			_, err := llm.Collect(g.Generate(t.Context(), ask("hi")))
			e := llm.AsError(err)
			if want == "" && err != nil || want != "" && (e == nil || e.Kind != want) || len(m.times) != calls {
				t.Errorf("error %v after %d calls, want %q after %d", err, len(m.times), want, calls)
			}
			return e
		}
		say(llm.Overloaded, 1)
		say(llm.Overloaded, 2)
		say(llm.Overloaded, 3)
		if e := say(llm.Overloaded, 3); e.RetryAfter != 10*time.Second || e.Member != "m" || !strings.Contains(e.Message, "failed 3 times in a row (overloaded)") {
			t.Errorf("error %+v", e)
		}
		if h := g.Health().Targets[0]; h.State != llm.TargetOpen || h.InARow != 3 || h.Asked != 3 || h.Failed != 3 || h.LastKind != llm.Overloaded || time.Until(h.Until) != 10*time.Second {
			t.Errorf("health %+v", h)
		}
		time.Sleep(10 * time.Second)
		if h := g.Health().Targets[0]; h.State != llm.TargetProbing {
			t.Errorf("health %+v", h)
		}
		say(llm.Overloaded, 4) // the probe
		if e := say(llm.Overloaded, 4); e.RetryAfter != 20*time.Second {
			t.Errorf("error %+v, want twice the while", e)
		}
		time.Sleep(20 * time.Second)
		// Two at once: one probes, the other waits for what comes of it.
		m.scripts = []*llmtest.Script{fails(llm.Overloaded), fails(llm.Overloaded), fails(llm.Overloaded), fails(llm.Overloaded), says("x", time.Second)}
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if reply, err := llm.Collect(g.Generate(t.Context(), ask("hi"))); err != nil || reply.Text != "x" {
					t.Errorf("%q, %v", reply.Text, err)
				}
			})
		}
		both.Wait()
		if n := len(m.times); n != 6 || m.times[5]-m.times[4] != time.Second {
			t.Errorf("calls at %v, want the second after the probe", m.times)
		}
		if h := g.Health().Targets[0]; h.State != llm.TargetUp || h.InARow != 0 {
			t.Errorf("health %+v", h)
		}
	})
}

// A probe whose caller leaves says nothing: the next request probes.
func TestGuardProbeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := plays("a", fails(llm.Overloaded), says("x", time.Hour), says("x", 0))
		g := guard(t, GuardParams{Retries: new(0), Failures: 1}, m)
		llm.Collect(g.Generate(t.Context(), ask("hi")))
		time.Sleep(10 * time.Second)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errors.New("left")) })
		llm.Collect(g.Generate(ctx, ask("hi")))
		if h := g.Health().Targets[0]; h.State != llm.TargetProbing || h.Failed != 1 {
			t.Errorf("health %+v", h)
		}
		if reply, err := llm.Collect(g.Generate(t.Context(), ask("hi"))); err != nil || reply.Text != "x" {
			t.Errorf("%q, %v", reply.Text, err)
		}
	})
}

// A probe that is turned away for its rate shows that the target works: the
// circuit closes, and the target's own word holds.
func TestGuardProbeTurnedAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := plays("a", fails(llm.Cut), fails(llm.RateLimited, after(30*time.Second)), says("x", 0))
		g := guard(t, GuardParams{Retries: new(0), Failures: 1}, m)
		llm.Collect(g.Generate(t.Context(), ask("hi")))
		time.Sleep(10 * time.Second)
		llm.Collect(g.Generate(t.Context(), ask("hi")))
		if h := g.Health().Targets[0]; h.State != llm.TargetCooling || time.Until(h.Until) != 30*time.Second || h.InARow != 0 {
			t.Errorf("health %+v", h)
		}
		if _, err := llm.Collect(g.Generate(t.Context(), ask("hi"))); llm.AsError(err).Kind != llm.RateLimited || len(m.times) != 2 {
			t.Errorf("error %v after %d calls", err, len(m.times))
		}
		time.Sleep(30 * time.Second)
		if reply, err := llm.Collect(g.Generate(t.Context(), ask("hi"))); err != nil || reply.Text != "x" {
			t.Errorf("%q, %v", reply.Text, err)
		}
	})
}

// A target that said to wait is not asked until then; one that did not say for
// how long is asked last.
func TestGuardCoolDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := plays("a", fails(llm.RateLimited, after(30*time.Second)), says("x", 0)), plays("b", says("y", 0))
		g := guard(t, GuardParams{}, a, b)
		for range 5 {
			if reply, err := llm.Collect(g.Generate(t.Context(), ask("hi"))); err != nil || reply.Text != "y" {
				t.Errorf("%q, %v, want b's answer", reply.Text, err)
			}
		}
		if len(a.times) != 1 {
			t.Errorf("a was asked %d times, want once", len(a.times))
		}
		time.Sleep(30 * time.Second)
		for range 2 {
			llm.Collect(g.Generate(t.Context(), ask("hi")))
		}
		if len(a.times) != 2 {
			t.Errorf("a was asked %d times, want again after its time", len(a.times))
		}

		alone := plays("a", fails(llm.RateLimited, after(30*time.Second)))
		g = guard(t, GuardParams{}, alone)
		llm.Collect(g.Generate(t.Context(), ask("hi")))
		time.Sleep(10 * time.Second)
		_, err := llm.Collect(g.Generate(t.Context(), ask("hi")))
		if e := llm.AsError(err); e.Kind != llm.RateLimited || e.RetryAfter != 20*time.Second || len(alone.times) != 1 {
			t.Errorf("error %+v after %d calls", e, len(alone.times))
		}

		soft := plays("a", fails(llm.RateLimited), says("x", 0))
		g = guard(t, GuardParams{Retries: new(0)}, soft)
		llm.Collect(g.Generate(t.Context(), ask("hi")))
		if reply, err := llm.Collect(g.Generate(t.Context(), ask("hi"))); err != nil || reply.Text != "x" {
			t.Errorf("%q, %v, want the only target to be asked all the same", reply.Text, err)
		}
	})
}

func TestGuardWeights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := plays("a", says("x", 0)), plays("b", says("y", 0))
		g, err := NewGuard(GuardParams{}, Target{Member: a, Weight: 3}, Target{Member: b})
		if err != nil {
			t.Fatal(err)
		}
		var order strings.Builder
		for range 8 {
			reply, _ := llm.Collect(g.Generate(t.Context(), ask("hi")))
			order.WriteString(reply.Text)
		}
		if order.String() != "xxyxxxyx" {
			t.Errorf("order %s, want three of four to the first, mixed", order.String())
		}

		// A conversation stays where it began, whatever is said in it.
		g, _ = NewGuard(GuardParams{Spread: "conversation"}, Target{Member: a, Weight: 3}, Target{Member: b})
		seen := map[string]int{}
		for i := range 400 {
			r := ask(fmt.Sprint("question ", i))
			first, _ := llm.Collect(g.Generate(t.Context(), r))
			r.Messages = append(r.Messages, llm.Text(llm.RoleAssistant, "hm"), llm.Text(llm.RoleUser, "more"))
			second, _ := llm.Collect(g.Generate(t.Context(), r))
			if first.Text != second.Text {
				t.Errorf("conversation %d went from %s to %s", i, first.Text, second.Text)
			}
			seen[first.Text]++
		}
		if n := seen["x"]; n < 260 || n > 340 {
			t.Errorf("%d of 400 conversations at the first, want about 300", n)
		}
	})
}

// More answers than a target may have wait for their turn, but not for ever.
func TestGuardStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := plays("a", says("x", time.Second))
		g := guard(t, GuardParams{Streams: 2, MaxWait: 1500 * time.Millisecond}, m)
		start := time.Now()
		var all sync.WaitGroup
		var mu sync.Mutex
		var ends []string
		for range 5 {
			all.Go(func() {
				_, err := llm.Collect(g.Generate(t.Context(), ask("hi")))
				mu.Lock()
				defer mu.Unlock()
				ends = append(ends, fmt.Sprint(time.Since(start), " ", kindOf(err)))
			})
		}
		all.Wait()
		if got := strings.Join(ends, ", "); got != "1s , 1s , 1.5s overloaded, 2s , 2s " {
			t.Errorf("ends %s", got)
		}
	})
}

// Retries are a share of the answers, so that a vendor in trouble is not asked
// three times as much.
func TestGuardRetryBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := plays("a", fails(llm.Overloaded))
		g := guard(t, GuardParams{Failures: 1_000_000}, m)
		for range 100 {
			llm.Collect(g.Generate(t.Context(), ask("hi")))
		}
		if n := len(m.times); n != 100+budgetMost {
			t.Errorf("%d calls for 100 requests, want %d", n, 100+int(budgetMost))
		}
		m.scripts = []*llmtest.Script{says("x", 0)}
		for range 10 {
			llm.Collect(g.Generate(t.Context(), ask("hi")))
		}
		if g.budget < 1.9 || g.budget > 2.1 || g.Health().Retries != budgetMost {
			t.Errorf("budget %v, %d retries", g.budget, g.Health().Retries)
		}
	})
}

func TestGuardParamErrors(t *testing.T) {
	f := func(p GuardParams, want string, all ...Target) {
		t.Helper()
		if _, err := NewGuard(p, all...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	one := Target{Member: plays("a", says("x", 0))}
	f(GuardParams{}, "0 endpoints")
	f(GuardParams{Hedge: -1}, "guard.hedge_after: negative", one)
	f(GuardParams{Retries: new(11)}, "guard.retries: 11", one)
	f(GuardParams{Spread: "wide"}, `guard.spread: "wide"`, one)
	f(GuardParams{}, "endpoint 1: weight -1", Target{Member: one.Member, Weight: -1})
}
