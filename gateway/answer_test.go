package gateway

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"summit/dialect"
	"summit/llm"
	"summit/llm/llmtest"
)

func TestBadInput(t *testing.T) {
	m := hello("m")
	s := start(t, nil, m)
	f := func(body string, status int, parts ...string) {
		t.Helper()
		s.do("POST", "/v1/chat/completions", body).wantError(t, status, parts...)
	}
	message := `"messages":[{"role":"user","content":"x"}]`
	f(``, 400)
	f(`{`, 400)
	f(`{"model":`, 400)
	f(`[]`, 400)
	f(`null`, 400)
	f(`"text"`, 400)
	f(`{"model":"m",`+message+`} trailing`, 400)
	f(`{}`, 400)
	f(`{"model":"m"}`, 400, `"param":"messages"`)
	f(`{"model":"m","messages":[]}`, 400, `"param":"messages"`)
	f(`{"model":"m","messages":"x"}`, 400)
	f(`{"model":"m","messages":[{"role":"king","content":"x"}]}`, 400)
	f(`{"model":7,`+message+`}`, 400, `"param":"model"`)
	f(`{`+message+`}`, 400, `"param":"model"`)
	f(`{"model":"",`+message+`}`, 400, `"param":"model"`)
	f(`{"model":"none",`+message+`}`, 404, `"code":"model_not_found"`, `"param":"model"`)
	f(`{"model":"`+strings.Repeat("x", 100_000)+`",`+message+`}`, 404)
	f(`{"model":"m",`+message+`,"temperature":-1}`, 400, `"param":"temperature"`)
	f(`{"model":"m",`+message+`,"max_tokens":-5}`, 400, `"param":"max_tokens"`)
	f(`{"model":"m",`+message+`,"temperature":"hot"}`, 400, `"param":"temperature"`)
	f(`{"model":"m",`+message+`,"stream":"yes"}`, 400, `"param":"stream"`)
	f(`{"model":"m",`+message+`,"n":0}`, 400, `"param":"n"`)
	f(`{"model":"m",`+message+`,"n":-1}`, 400, `"param":"n"`)
	f(`{"model":"m",`+message+`,"n":9}`, 400, `"param":"n"`, "1 to 8")
	f(`{"model":"m",`+message+`,"n":1e99}`, 400)
	f(`{"model":"m",`+message+`,"summit":{"explain":"yes"}}`, 400)
	f(`{"model":"m","messages":[{"role":"user","content":"`+"\xff\xfe"+`"}]}`, 400, "UTF-8")
	f(strings.Repeat("[", 100_000), 400)
	f(`{"model":"m","messages":`+strings.Repeat(`[`, 50_000)+strings.Repeat(`]`, 50_000)+`}`, 400)
	f(`{"model":"m",`+message+`,"extra":`+strings.Repeat(`{"a":`, 50_000)+`1`+strings.Repeat(`}`, 50_000)+`}`, 400)
	s.do("POST", "/v1/chat/completions", "x", "Content-Encoding", "gzip").wantError(t, 415, "gzip")
	if n := len(m.Asked()); n != 0 {
		t.Errorf("the member was asked %d times", n)
	}
	if a := s.chat(""); a.status != 200 {
		t.Errorf("then: status %d, want a living server", a.status)
	}
}

// A hundred megabytes are refused by their length, and where the length is
// not told, as soon as there are too many.
func TestHugeBody(t *testing.T) {
	s := start(t, nil, hello("m"))
	const size = 100 << 20
	c, err := s.net.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n", s.user, size)
	buf := make([]byte, 1000)
	n, _ := c.Read(buf)
	if got := string(buf[:n]); !strings.HasPrefix(got, "HTTP/1.1 413") || !strings.Contains(got, "application/json") || !strings.Contains(got, "Connection: close") {
		t.Errorf("told %d bytes, sent none: %s", size, got)
	}

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := s.request(t.Context(), "POST", "/v1/chat/completions", "")
	r.Body, r.ContentLength = zeros{size: size, sent: new(int)}, -1
	a := s.send(r)
	runtime.ReadMemStats(&after)
	if a.err == nil { // else the connection was closed while we were still sending
		a.wantError(t, 413, "more than 33554432 bytes", `"code":"request_too_large"`)
	}
	// Doubling up to 32 MiB makes 64 MiB of buffers, not 100 and more.
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 90<<20 {
		t.Errorf("%d MiB were allocated", grown>>20)
	}
	if s.bodies.left != s.limits.BodiesBytes {
		t.Errorf("%d of %d bytes are left for bodies", s.bodies.left, s.limits.BodiesBytes)
	}
}

// zeros is a body of so many bytes.
type zeros struct {
	size int
	sent *int
}

func (z zeros) Read(p []byte) (int, error) {
	n := min(len(p), z.size-*z.sent)
	*z.sent += n
	if n == 0 {
		return 0, fmt.Errorf("all was sent")
	}
	return n, nil
}

func (zeros) Close() error { return nil }

func TestBodyLimit(t *testing.T) {
	s := start(t, func(c *Config) { c.Limits.BodyBytes = 1000 }, hello("m"))
	body := func(size int) string {
		b := s.ask("")
		return b + strings.Repeat(" ", size-len(b))
	}
	f := func(size int, chunked bool, want int) {
		t.Helper()
		r := s.request(t.Context(), "POST", "/v1/chat/completions", body(size))
		if chunked {
			r.ContentLength = -1
		}
		if a := s.send(r); a.status != want {
			t.Errorf("%d bytes, chunked %v: status %d, %v, want %d", size, chunked, a.status, a.err, want)
		}
	}
	for _, chunked := range []bool{false, true} {
		f(999, chunked, 200)
		f(1000, chunked, 200)
		f(1001, chunked, 413)
	}
	// A long body of unknown length arrives whole.
	s = start(t, nil, hello("m"))
	for _, size := range []int{32<<10 - 1, 32 << 10, 32<<10 + 1, 64<<10 + 1, 1 << 20} {
		f(size, true, 200)
		f(size, false, 200)
	}
	if s.bodies.left != s.limits.BodiesBytes {
		t.Errorf("%d of %d bytes are left for bodies", s.bodies.left, s.limits.BodiesBytes)
	}
}

func TestSlowBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, hello("m"))
		c, err := s.net.dial()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n{", s.user)
		began := time.Now()
		buf := make([]byte, 1000)
		n, _ := c.Read(buf)
		if got := string(buf[:n]); !strings.HasPrefix(got, "HTTP/1.1 408") || time.Since(began) != bodyTime {
			t.Errorf("after %v: %s, want 408 after %v", time.Since(began), got, bodyTime)
		}
	})
}

// The deadline of a body must not end a long answer, nor the next request on
// the connection.
func TestDeadlinesEndWithTheirRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, &llmtest.Script{ID: "m", Pieces: []llmtest.Piece{text("late", 5*time.Minute)}})
		for range 2 {
			for _, fields := range []string{``, `"stream":true`} {
				if a := s.chat(fields); a.status != 200 || !strings.Contains(a.body, "late") {
					t.Errorf("%q: status %d, %v, %s", fields, a.status, a.err, a.body)
				}
			}
			time.Sleep(time.Minute) // longer than WriteTime, shorter than idleTime
			if a := s.do("OPTIONS", "/", "", "Origin", "https://chat.example.com", "Access-Control-Request-Method", "GET"); a.status != 204 {
				t.Errorf("an answer without a body: status %d, %v", a.status, a.err)
			}
			time.Sleep(time.Minute)
		}
		if n := s.net.dialed.Load(); n != 1 {
			t.Errorf("%d connections, want all on one", n)
		}
	})
}

// rogue is a member that does as it likes.
type rogue func(ctx context.Context, yield func(llm.Event, error) bool)

func (rogue) Card() *llm.Card { return &llm.Card{Name: "m"} }

func (r rogue) Generate(ctx context.Context, _ *llm.Request) llm.Stream {
	return func(yield func(llm.Event, error) bool) { r(ctx, yield) }
}

func TestMembersThatMisbehave(t *testing.T) {
	hi := llm.Event{Kind: llm.KindText, Text: "hi"}
	end := llm.Event{Kind: llm.KindDone, Done: &llm.Outcome{Member: "m", Finish: llm.FinishStop}}
	f := func(name string, status int, part string, m llm.Member) {
		t.Helper()
		for _, fields := range []string{``, `"stream":true`, `"n":2`, `"n":2,"stream":true`} {
			t.Run(name+fields, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := start(t, nil, m)
					a := s.chat(fields)
					if strings.Contains(fields, "stream") && a.status == 200 {
						if strings.Count(a.body, `data: {"error":`) != 1 || strings.Contains(a.body, "[DONE]") || !strings.Contains(a.body, part) {
							t.Errorf("%s, want one error event with %q and no [DONE]", clip(a.body, 500), part)
						}
					} else {
						a.wantError(t, status, part)
					}
					if got := s.entries(); len(got) != 1 || got[0].Error == "" || got[0].Outcome == nil {
						t.Errorf("run log %+v, want one run that failed, with its outcome", got)
					}
					if strings.Contains(s.log.String(), "secret") {
						t.Error("the log tells what a member panicked with")
					}
				})
			})
		}
	}
	f("fails", 503, "busy", llmtest.Behaving("m", llmtest.Fails))
	f("cuts", 502, "broke off", llmtest.Behaving("m", llmtest.Cuts))
	f("hangs", 504, "within 10m0s", llmtest.Behaving("m", llmtest.Hangs))
	f("hangs in the middle", 504, "within 10m0s", llmtest.Behaving("m", llmtest.HangsMid))
	f("its key is wrong", 502, "upstream_unauthorized", &llmtest.Script{ID: "m", Err: llm.Errorf(llm.Unauthorized, "bad key")})
	f("panics", 500, "internal error", rogue(func(context.Context, func(llm.Event, error) bool) { panic("secret") }))
	f("panics in the middle", 500, "internal error", rogue(func(_ context.Context, yield func(llm.Event, error) bool) {
		yield(hi, nil)
		var none *llm.Outcome
		_ = none.Finish
	}))
	f("has no stream", 500, "internal error", nilStream{})
	f("ends without Done", 502, "has no end", rogue(func(_ context.Context, yield func(llm.Event, error) bool) { yield(hi, nil) }))
	f("ends when told to, without Done", 504, "within 10m0s", rogue(func(ctx context.Context, _ func(llm.Event, error) bool) { <-ctx.Done() }))
	f("says nothing at all", 502, "has no end", rogue(func(context.Context, func(llm.Event, error) bool) {}))
	f("Done without outcome", 502, "without an outcome", rogue(func(_ context.Context, yield func(llm.Event, error) bool) {
		yield(llm.Event{Kind: llm.KindDone}, nil)
	}))
	f("error in the middle", 502, "in the middle", rogue(func(_ context.Context, yield func(llm.Event, error) bool) {
		_ = yield(hi, fmt.Errorf("secret")) && yield(end, nil)
	}))
	f("unknown event", 502, "no known kind", rogue(func(_ context.Context, yield func(llm.Event, error) bool) {
		_ = yield(llm.Event{Kind: 77}, nil) && yield(end, nil)
	}))
	f("call of nothing", 502, "tool call", rogue(func(_ context.Context, yield func(llm.Event, error) bool) {
		_ = yield(llm.Event{Kind: llm.KindCall}, nil) && yield(end, nil)
	}))
	f("call with a wild index", 502, "tool call", rogue(func(_ context.Context, yield func(llm.Event, error) bool) {
		_ = yield(llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: 1 << 40}}, nil) && yield(end, nil)
	}))
	f("floods", 502, "longer than", rogue(func(ctx context.Context, yield func(llm.Event, error) bool) {
		e := llm.Event{Kind: llm.KindText, Text: strings.Repeat("x", 1<<20)}
		for yield(e, nil) {
		}
	}))
	// What only looks odd is no failure.
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, rogue(func(_ context.Context, yield func(llm.Event, error) bool) {
			_ = yield(hi, nil) && yield(end, nil)
			panic("secret") // after Done, while it is left
		}))
		for _, fields := range []string{``, `"stream":true`, `"n":3`} {
			if a := s.chat(fields); a.status != 200 || !strings.Contains(a.body, "hi") || strings.Contains(a.body, "error") {
				t.Errorf("%q: status %d, %s", fields, a.status, a.body)
			}
		}
	})
}

type nilStream struct{}

func (nilStream) Card() *llm.Card                                   { return &llm.Card{Name: "m"} }
func (nilStream) Generate(context.Context, *llm.Request) llm.Stream { return nil }

// brokenEncoder panics at the second event of an answer.
type brokenEncoder struct {
	dialect.Encoder
	n *int
}

func (e brokenEncoder) AppendEvent(dst []byte, choice int, ev llm.Event, err error) []byte {
	if *e.n++; *e.n == 2 {
		panic("secret")
	}
	return e.Encoder.AppendEvent(dst, choice, ev, err)
}

type brokenDialect struct{ dialect.OpenAI }

func (brokenDialect) Decode(body []byte) (*dialect.Call, error) {
	call, err := dialect.OpenAI{}.Decode(body)
	if err == nil {
		whole := call.Encoder
		call.Encoder = func(m dialect.Meta) dialect.Encoder { return brokenEncoder{whole(m), new(int)} }
	}
	return call, err
}

// A stream that can't even say that it failed is torn off, not ended.
func TestBrokenEncoder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(c *Config) { c.Servers = []dialect.Server{brokenDialect{}} }, hello("m"))
		a := s.chat(`"stream":true`)
		if a.status != 200 || a.err == nil || strings.Contains(a.body, "[DONE]") {
			t.Errorf("status %d, %v, %s, want a torn stream", a.status, a.err, a.body)
		}
		if got := s.entries(); len(got) != 1 || got[0].Error != llm.Internal {
			t.Errorf("run log %+v, want kind internal", got)
		}
		if n := strings.Count(s.log.String(), "panic"); n == 0 || strings.Contains(s.log.String(), "http: panic") {
			t.Errorf("want one panic, caught: %s", s.log)
		}
	})
}

func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(c *Config) { c.Limits.Requests, c.Limits.Queue = 2, 1 },
			&llmtest.Script{ID: "m", Pieces: []llmtest.Piece{text("hello", 3*time.Second)}})
		began := time.Now()
		type end struct {
			answer
			at time.Duration
		}
		ends := make(chan end, 10)
		for range 4 {
			go func() { a := s.chat(""); ends <- end{a, time.Since(began)} }()
			synctest.Wait()
		}
		refused := <-ends
		refused.wantError(t, 429, `"code":"rate_limit_exceeded"`)
		if refused.at != 0 || refused.header.Get("Retry-After") != "1" {
			t.Errorf("refused after %v with Retry-After %q, want at once and 1", refused.at, refused.header.Get("Retry-After"))
		}
		for _, want := range []time.Duration{3 * time.Second, 3 * time.Second, 6 * time.Second} {
			if e := <-ends; e.status != 200 || e.at != want {
				t.Errorf("status %d after %v, want 200 after %v", e.status, e.at, want)
			}
		}
	})
	// Waiting has an end, and so has a client who goes away while it waits.
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(c *Config) { c.Limits.Requests = 1 }, llmtest.Behaving("m", llmtest.HangsMid))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go s.send(s.request(ctx, "POST", "/v1/chat/completions", s.ask("")))
		synctest.Wait()
		began := time.Now()
		s.chat("").wantError(t, 429)
		if took := time.Since(began); took != queueTime {
			t.Errorf("refused after %v, want %v", took, queueTime)
		}
		left, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		s.send(s.request(left, "POST", "/v1/chat/completions", s.ask("")))
		synctest.Wait()
		if n := s.gate.waiting.Load(); n != 0 {
			t.Errorf("%d wait, want none", n)
		}
	})
}

func TestBodiesInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(c *Config) { c.Limits.BodyBytes, c.Limits.BodiesBytes = 10_000, 15_000 },
			&llmtest.Script{ID: "m", Pieces: []llmtest.Piece{text("hello", time.Second)}})
		large := s.ask("") + strings.Repeat(" ", 9000)
		first := make(chan answer)
		go func() { first <- s.do("POST", "/v1/chat/completions", large) }()
		synctest.Wait()
		a := s.do("POST", "/v1/chat/completions", large)
		a.wantError(t, 429, "15000 bytes")
		if a.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
		}
		if a := s.chat(""); a.status != 200 {
			t.Errorf("a small one beside it: status %d", a.status)
		}
		if a := <-first; a.status != 200 {
			t.Errorf("the first: status %d", a.status)
		}
		if a := s.do("POST", "/v1/chat/completions", large); a.status != 200 {
			t.Errorf("after it: status %d", a.status)
		}
	})
}

func TestShutdown(t *testing.T) {
	for _, fields := range []string{``, `"stream":true`} {
		synctest.Test(t, func(t *testing.T) {
			stream := fields != ""
			quick := &llmtest.Script{ID: "m", Pieces: []llmtest.Piece{text("one", time.Second), text("two", 20*time.Second)}}
			long := llmtest.Behaving("long", llmtest.HangsMid)
			s := start(t, nil, quick, long)
			began := time.Now()
			type end struct {
				answer
				at time.Duration
			}
			ask := func(body string) chan end {
				c := make(chan end, 1)
				go func() { a := s.do("POST", "/v1/chat/completions", body); c <- end{a, time.Since(began)} }()
				return c
			}
			a := ask(s.ask(fields))
			b := ask(strings.Replace(s.ask(fields), `"model":"m"`, `"model":"long"`, 1))
			idle := s.do("GET", "/healthz", "")
			time.Sleep(2 * time.Second)
			shut := make(chan time.Duration, 1)
			go func() {
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				shut <- time.Since(began)
			}()
			synctest.Wait()
			if c, err := s.net.dial(); err == nil {
				c.Close()
				t.Error("a new connection was accepted")
			}
			if idle.status != 200 || s.inflight.enter() {
				t.Error("a new request was let in")
			}
			if e := <-a; e.status != 200 || !strings.Contains(e.body, "two") || e.at != 21*time.Second || stream && !strings.Contains(e.body, "[DONE]") {
				t.Errorf("the short answer: status %d after %v, %s, want it whole", e.status, e.at, e.body)
			}
			e := <-b
			if e.at != 32*time.Second {
				t.Errorf("the long answer ended after %v, want 32s", e.at)
			}
			if stream {
				if e.status != 200 || !strings.Contains(e.body, "shutting down") || strings.Contains(e.body, "[DONE]") {
					t.Errorf("the long answer: status %d, %s, want an error event", e.status, e.body)
				}
			} else {
				e.wantError(t, 503, "shutting down")
			}
			if at := <-shut; at < 32*time.Second || at > 33*time.Second {
				t.Errorf("Shutdown returned after %v, want 32s and a little", at)
			}
			if got := s.entries(); len(got) != 2 {
				t.Errorf("%d entries in the run log, want both", len(got))
			}
		})
	}
}

// While a gateway shuts down behind a server of somebody else, it says so.
func TestShutdownOfTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, hello("m"), llmtest.Behaving("long", llmtest.HangsMid))
		l := newPipes()
		other := &http.Server{Handler: s.Handler()}
		go other.Serve(l)
		defer other.Close()
		s.client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) { return l.dial() }
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		ended := make(chan answer)
		go func() { ended <- s.do("POST", "/v1/chat/completions", strings.Replace(s.ask(""), `"m"`, `"long"`, 1)) }()
		synctest.Wait()
		shut := make(chan struct{})
		go func() { s.Shutdown(ctx); close(shut) }()
		synctest.Wait()
		if a := s.do("GET", "/readyz", ""); a.status != 503 || !strings.Contains(a.body, "shutting down") {
			t.Errorf("readyz: status %d, %s", a.status, a.body)
		}
		if a := s.do("GET", "/healthz", ""); a.status != 200 {
			t.Errorf("healthz: status %d", a.status)
		}
		a := s.chat("")
		a.wantError(t, 503, "shutting down")
		began := time.Now()
		(<-ended).wantError(t, 503, "shutting down")
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("ended after %v, want 5s: the caller's patience", took)
		}
		<-shut
		if err := s.Serve(newPipes()); err == nil {
			t.Error("Serve after Shutdown worked")
		}
	})
}

// bubbled returns the stacks of the goroutines in synctest bubbles. The runtime
// starts and ends others of its own when it likes: a count of all is no count.
func bubbled() []string {
	stacks := make([]byte, 1<<20)
	all := strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n")
	return slices.DeleteFunc(all, func(stack string) bool {
		head, _, _ := strings.Cut(stack, "\n")
		return !strings.Contains(head, "synctest bubble")
	})
}

// 1,000 requests of 64 clients, some of which go away, leave nothing behind.
func TestNothingIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil, hello("m"), llmtest.Behaving("hangs", llmtest.HangsMid), llmtest.Behaving("cuts", llmtest.Cuts))
		synctest.Wait()
		before := bubbled()
		var clients sync.WaitGroup
		for c := range 64 {
			clients.Go(func() {
				for i := range 16 {
					ctx, cancel := context.WithCancel(t.Context())
					body := s.ask([]string{``, `"stream":true`, `"n":3`, `"stream":true,"n":2`}[i%4])
					switch (c + i) % 5 {
					case 3:
						body = strings.Replace(body, `"m"`, `"hangs"`, 1)
						time.AfterFunc(time.Second, cancel)
					case 4:
						body = strings.Replace(body, `"m"`, `"cuts"`, 1)
					}
					s.send(s.request(ctx, "POST", "/v1/chat/completions", body))
					cancel()
				}
			})
		}
		clients.Wait()
		s.client.CloseIdleConnections()
		synctest.Wait()
		if after := bubbled(); len(after) > len(before) {
			t.Errorf("%d goroutines before, %d after\n%s", len(before), len(after), strings.Join(after, "\n\n"))
		}
		if n, w, b := len(s.gate.slots), s.inflight.count(), s.bodies.left; n != 0 || w != 0 || b != s.limits.BodiesBytes {
			t.Errorf("%d places, %d requests are still taken, %d bytes left", n, w, b)
		}
		if n := len(s.entries()); n != 1000 { // what the run log was asked for
			t.Errorf("%d entries in the run log, want 1000 of 1024", n)
		}
	})
}
