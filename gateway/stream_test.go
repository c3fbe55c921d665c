package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
	"summit/llm/llmtest"
)

func TestStreams(t *testing.T) {
	start0 := llmtest.Piece{Event: llm.Event{Kind: llm.KindStart, Model: "m-1"}}
	council := &llmtest.Script{ID: "council", Pieces: []llmtest.Piece{
		start0,
		{Event: llm.Event{Kind: llm.KindProgress, Progress: &llm.ProgressNote{Member: "a", State: llm.StateAsked}}},
		{Event: llm.Event{Kind: llm.KindReasoning, Text: "想一想"}},
		text("你好", time.Second),
	}, Outcome: llm.Outcome{Member: "council", Strategy: "vote", Usage: llm.Usage{Input: llm.Counted(3), Output: llm.Counted(2)},
		Parts: []*llm.Outcome{{Member: "a", WeightPPM: 1_000_000, Reason: "alone"}}}}
	tools := &llmtest.Script{ID: "tools", Pieces: []llmtest.Piece{
		{Event: llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{ID: "call_1", Name: "get_weather"}}},
		{Event: llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{ArgsDelta: `{"city":"上海"}`}}},
	}, Outcome: llm.Outcome{Finish: llm.FinishCalls}}
	f := func(name string, m llm.Member, fields string) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, nil, m)
				a := s.chat(fields)
				if a.status != 200 || a.err != nil {
					t.Errorf("status %d, %v, want 200", a.status, a.err)
				}
				golden(t, strings.ReplaceAll(name, " ", "_")+".txt", a.body)
			})
		})
	}
	f("stream", hello("m"), `"stream":true`)
	f("stream with usage", hello("m"), `"stream":true,"stream_options":{"include_usage":true}`)
	f("stream explained", council, `"stream":true,"summit":{"explain":true}`)
	f("stream of a tool call", tools, `"stream":true`)
	f("stream cut", llmtest.Behaving("m", llmtest.Cuts), `"stream":true`)
	f("stream without a word", &llmtest.Script{ID: "m"}, `"stream":true`)
	f("whole", hello("m"), ``)
	f("whole explained", council, `"summit":{"explain":true}`)
}

func TestStreamHeaders(t *testing.T) {
	s := start(t, nil, hello("m"))
	a := s.chat(`"stream":true`)
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a.header.Get("X-Request-Id") == "" {
		t.Error("no x-request-id")
	}
}

// open begins a stream and returns a reader of its lines.
func (s *server) open(ctx context.Context, fields string) (*bufio.Reader, func()) {
	s.t.Helper()
	resp, err := s.client.Do(s.request(ctx, "POST", "/v1/chat/completions", s.ask(`"stream":true`+fields)))
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		text, _ := io.ReadAll(resp.Body)
		s.t.Fatalf("status %d: %s", resp.StatusCode, text)
	}
	return bufio.NewReader(resp.Body), func() { resp.Body.Close() }
}

// event reads up to the next empty line.
func event(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var all strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return all.String() + err.Error()
		}
		if line == "\n" {
			return all.String()
		}
		all.WriteString(line)
	}
}

func TestStreamSendsEachEventAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, &llmtest.Script{ID: "m", Pieces: []llmtest.Piece{text("one", time.Second), text("two", time.Second), text("three", time.Second)}})
		began := time.Now()
		r, done := s.open(t.Context(), "")
		defer done()
		event(t, r) // the role
		for i, want := range []string{"one", "two", "three"} {
			if got := event(t, r); !strings.Contains(got, want) || time.Since(began) != time.Duration(i+1)*time.Second {
				t.Errorf("after %v: %s, want %q after %ds", time.Since(began), got, want, i+1)
			}
		}
	})
}

// An answer that fails before its first piece is an HTTP error, whatever Start said.
func TestStreamFailsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &llmtest.Script{ID: "m", Pieces: []llmtest.Piece{{Event: llm.Event{Kind: llm.KindStart}}, {After: 9 * time.Second}},
			Err: llm.Errorf(llm.Overloaded, "busy")}
		m.Pieces[1].Event = llm.Event{Kind: llm.KindStart}
		s := start(t, nil, m)
		began := time.Now()
		a := s.chat(`"stream":true`)
		a.wantError(t, 503, `"message":"m: busy"`, `"code":"overloaded"`)
		if took := time.Since(began); took != 9*time.Second {
			t.Errorf("took %v, want 9s", took)
		}
	})
}

// After ten seconds without a word it is a stream, which a comment begins, and
// which ends with an error event if the answer fails.
func TestStreamFailsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &llmtest.Script{ID: "m", Pieces: []llmtest.Piece{{After: 11 * time.Second, Event: llm.Event{Kind: llm.KindStart}}},
			Err: llm.Errorf(llm.Overloaded, "busy")}
		s := start(t, nil, m)
		began := time.Now()
		r, done := s.open(t.Context(), "")
		defer done()
		if got := event(t, r); got != ": keep-alive\n" || time.Since(began) != peekTime {
			t.Errorf("after %v: %q, want a comment after %v", time.Since(began), got, peekTime)
		}
		if got := event(t, r); !strings.Contains(got, `"message":"m: busy"`) || time.Since(began) != 11*time.Second {
			t.Errorf("after %v: %q, want an error event after 11s", time.Since(began), got)
		}
		if got := event(t, r); got != "EOF" {
			t.Errorf("then %q, want the end without [DONE]", got)
		}
	})
}

func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, &llmtest.Script{ID: "m", Pieces: []llmtest.Piece{text("one", 5*time.Second), text("two", 40*time.Second), text("three", 14*time.Second)}})
		began := time.Now()
		r, done := s.open(t.Context(), "")
		defer done()
		for _, want := range []struct {
			after time.Duration
			text  string
		}{
			{5 * time.Second, `"role":"assistant"`}, {5 * time.Second, "one"},
			{20 * time.Second, ": keep-alive"}, {35 * time.Second, ": keep-alive"},
			{45 * time.Second, "two"}, {59 * time.Second, "three"}, {59 * time.Second, "stop"}, {59 * time.Second, "[DONE]"},
		} {
			if got := event(t, r); !strings.Contains(got, want.text) || time.Since(began) != want.after {
				t.Errorf("after %v: %q, want %q after %v", time.Since(began), got, want.text, want.after)
			}
		}
	})
}

// spy is a member that tells when its context ended and why.
type spy struct {
	llm.Member
	ended chan error
}

func (s spy) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return func(yield func(llm.Event, error) bool) {
		s.Member.Generate(ctx, r)(yield)
		s.ended <- context.Cause(ctx)
	}
}

func TestClientAbortEndsTheMemberAtOnce(t *testing.T) {
	for _, fields := range []string{`"stream":true`, `"stream":false`, `"stream":true,"n":3`} {
		synctest.Test(t, func(t *testing.T) {
			m := spy{llmtest.Behaving("m", llmtest.HangsMid), make(chan error, 3)}
			s := start(t, nil, m)
			ctx, cancel := context.WithCancel(t.Context())
			began := time.Now()
			time.AfterFunc(7*time.Second, cancel)
			s.send(s.request(ctx, "POST", "/v1/chat/completions", s.ask(fields)))
			<-m.ended
			if took := time.Since(began); took != 7*time.Second {
				t.Errorf("%s: the member ended after %v, want 7s", fields, took)
			}
			got := s.entries()
			if len(got) != 1 || got[0].Error != llm.Canceled || !strings.Contains(string(got[0].Outcome), `"canceled"`) {
				t.Errorf("%s: run log %+v, want one canceled run with its outcome", fields, got)
			}
		})
	}
}

// raw sends a request by hand and returns the connection.
func (s *server) raw(fields string) net.Conn {
	s.t.Helper()
	c, err := s.net.dial()
	if err != nil {
		s.t.Fatal(err)
	}
	body := s.ask(fields)
	_, err = fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", s.user, len(body), body)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// A client that takes the headers and then reads nothing is dropped when a
// write has waited for WriteTime, and so is the member.
func TestReaderThatStops(t *testing.T) {
	for _, fields := range []string{`"stream":true`, `"stream":true,"n":2`} {
		synctest.Test(t, func(t *testing.T) {
			m := spy{&llmtest.Script{ID: "m", Pieces: []llmtest.Piece{text(strings.Repeat("x", 200<<10), time.Second), text("more", 0)}, Hang: true}, make(chan error, 2)}
			s := start(t, nil, m)
			began := time.Now()
			c := s.raw(fields)
			defer c.Close()
			cause := <-m.ended
			if took := time.Since(began); took != time.Second+30*time.Second {
				t.Errorf("the member ended after %v, want 31s", took)
			}
			if e := llm.AsError(cause); e == nil || e.Kind != llm.Canceled {
				t.Errorf("cause %v, want kind canceled", cause)
			}
			if got := s.entries(); len(got) != 1 || got[0].Error != llm.Canceled || got[0].Status != 200 {
				t.Errorf("run log %+v, want one canceled run", got)
			}
		})
	}
}

func TestWholeAnswerToAReaderThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, llmtest.Text("m", strings.Repeat("x", 1<<20), time.Second))
		c := s.raw("")
		defer c.Close()
		time.Sleep(31 * time.Second)
		synctest.Wait()
		if n := s.inflight.count(); n != 0 {
			t.Errorf("%d requests in flight after 31s, want none", n)
		}
	})
}

// A slow reader that does read gets everything.
func TestSlowReaderGetsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pieces = 100
		m := &llmtest.Script{ID: "m"}
		for range pieces {
			m.Pieces = append(m.Pieces, text(strings.Repeat("x", 10<<10), 0))
		}
		s := start(t, nil, m)
		r, done := s.open(t.Context(), "")
		defer done()
		var all strings.Builder
		buf := make([]byte, 16<<10)
		for {
			time.Sleep(time.Second)
			n, err := r.Read(buf)
			all.Write(buf[:n])
			if err != nil {
				break
			}
		}
		if got := strings.Count(all.String(), "x"); got < pieces*10<<10 || !strings.HasSuffix(all.String(), "data: [DONE]\n\n") {
			t.Errorf("%d bytes of content, want %d and [DONE]", got, pieces*10<<10)
		}
	})
}

func TestRequestTime(t *testing.T) {
	f := func(fields string, m llm.Member, check func(a answer)) {
		synctest.Test(t, func(t *testing.T) {
			s := start(t, func(c *Config) { c.Limits.RequestTime = time.Minute }, m)
			began := time.Now()
			a := s.chat(fields)
			if took := time.Since(began); took != time.Minute {
				t.Errorf("%s: took %v, want 1m", fields, took)
			}
			check(a)
		})
	}
	hangs := llmtest.Behaving("m", llmtest.Hangs)
	f(``, hangs, func(a answer) { a.wantError(t, 504, "within 1m0s", `"code":"timeout"`) })
	f(`"n":2`, hangs, func(a answer) { a.wantError(t, 504, "within 1m0s") })
	f(`"stream":true`, hangs, func(a answer) {
		if a.status != 200 || !strings.Contains(a.body, `data: {"error":{"message":`) || strings.Contains(a.body, "[DONE]") {
			t.Errorf("status %d, %s, want an error event and no [DONE]", a.status, a.body)
		}
	})
}

func TestChoices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, &counting{})
		a := s.chat(`"n":3`)
		for i := range 3 {
			if want := fmt.Sprintf(`{"index":%d,"message":{"role":"assistant","content":"answer`, i); !strings.Contains(a.body, want) {
				t.Errorf("%s is not in %s", want, a.body)
			}
		}
		// Each choice has its own role, texts and finish, at its own time.
		began := time.Now()
		r, done := s.open(t.Context(), `,"n":3,"stream_options":{"include_usage":true}`)
		defer done()
		finished := map[int]time.Duration{}
		var last string
		for {
			e := event(t, r)
			if e == "EOF" {
				break
			}
			last = e
			for i := range 3 {
				if strings.Contains(e, fmt.Sprintf(`"index":%d,"delta":{},"finish_reason":"stop"`, i)) {
					finished[i] = time.Since(began)
				}
			}
		}
		if len(finished) != 3 || !strings.Contains(last, "[DONE]") {
			t.Errorf("finished %v, last event %q, want three choices and [DONE]", finished, last)
		}
		seen := map[time.Duration]bool{}
		for _, at := range finished {
			seen[at] = true
		}
		if !seen[time.Second] || !seen[2*time.Second] || !seen[3*time.Second] {
			t.Errorf("choices finished after %v, want 1s, 2s and 3s: interleaved", finished)
		}
		if got := s.entries(); len(got) != 2 || strings.Count(string(got[0].Outcome), `"member":"m"`) != 4 {
			t.Errorf("run log %+v, want three parts in each tree", got)
		}
	})
}

// counting answers its i-th request after i seconds (from 1 to 3, over again).
type counting struct{ n atomic.Int64 }

func (*counting) Card() *llm.Card { return &llm.Card{Name: "m"} }

func (c *counting) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	half := time.Duration((c.n.Add(1)-1)%3+1) * time.Second / 2
	return (&llmtest.Script{ID: "m", Pieces: []llmtest.Piece{text("answer ", half), text("end", half)}}).Generate(ctx, r)
}

// One choice that fails ends the others and the answer.
func TestChoiceFails(t *testing.T) {
	for _, fields := range []string{`"n":2`, `"n":2,"stream":true`} {
		synctest.Test(t, func(t *testing.T) {
			m := &flaky{Script: llmtest.Behaving("m", llmtest.HangsMid)}
			s := start(t, nil, m)
			began := time.Now()
			a := s.chat(fields)
			if took := time.Since(began); took != 2*time.Second {
				t.Errorf("%s: took %v, want 2s", fields, took)
			}
			if strings.Contains(fields, "stream") {
				if a.status != 200 || strings.Count(a.body, `"error"`) != 1 || strings.Contains(a.body, "[DONE]") || !strings.Contains(a.body, "broke") {
					t.Errorf("status %d, %s, want one error event and no [DONE]", a.status, a.body)
				}
			} else {
				a.wantError(t, 502, "broke")
			}
		})
	}
}

// flaky fails its second request after two seconds.
type flaky struct {
	*llmtest.Script
	n atomic.Int64
}

func (f *flaky) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	if f.n.Add(1) == 2 {
		return (&llmtest.Script{ID: "m", Pieces: []llmtest.Piece{{After: 2 * time.Second, Event: llm.Event{Kind: llm.KindStart}}},
			Err: llm.Errorf(llm.Cut, "broke")}).Generate(ctx, r)
	}
	return f.Script.Generate(ctx, r)
}
