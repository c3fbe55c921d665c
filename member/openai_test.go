package member

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"summit/dialect"
	"summit/llm"
	"summit/llm/llmtest"
)

// fakeServer is an http.RoundTripper that answers from memory, in virtual
// time where the test has it. It starts no goroutine.
type fakeServer struct {
	status int // 0 = 200
	header map[string]string
	pieces []fakePiece   // the body, piece by piece
	end    error         // after the pieces; nil = a proper end
	hang   bool          // after the pieces: nothing more
	wait   time.Duration // before the header; negative = for ever
	down   error         // no connection

	mu    sync.Mutex
	asked []*http.Request
	sent  []string // the bodies that came
	open  int      // bodies not yet closed
}

type fakePiece struct {
	after time.Duration
	text  string
}

func (f *fakeServer) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		body, _ = io.ReadAll(req.Body)
		req.Body.Close()
	}
	f.mu.Lock()
	f.asked, f.sent = append(f.asked, req), append(f.sent, string(body))
	f.mu.Unlock()
	if f.down != nil {
		return nil, f.down
	}
	if err := pauseFor(req.Context(), f.wait); err != nil {
		return nil, err
	}
	resp := &http.Response{StatusCode: f.status, Header: http.Header{}, Request: req, Body: &fakeBody{f: f, ctx: req.Context(), left: f.pieces}}
	if resp.StatusCode == 0 {
		resp.StatusCode = 200
	}
	for k, v := range f.header {
		resp.Header.Set(k, v)
	}
	f.mu.Lock()
	f.open++
	f.mu.Unlock()
	return resp, nil
}

func pauseFor(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	var done <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		done = t.C
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type fakeBody struct {
	f    *fakeServer
	ctx  context.Context
	left []fakePiece
	part string
}

func (b *fakeBody) Read(p []byte) (int, error) {
	for b.part == "" {
		if len(b.left) == 0 {
			switch {
			case b.f.hang:
				return 0, pauseFor(b.ctx, -1)
			case b.f.end != nil:
				return 0, b.f.end
			}
			return 0, io.EOF
		}
		if err := pauseFor(b.ctx, b.left[0].after); err != nil {
			return 0, err
		}
		b.part, b.left = b.left[0].text, b.left[1:]
	}
	n := copy(p, b.part)
	b.part = b.part[n:]
	return n, nil
}

func (b *fakeBody) Close() error {
	b.f.mu.Lock()
	b.f.open--
	b.f.mu.Unlock()
	return nil
}

// sseText is a stream of contents and what ends it.
func sseText(end string, contents ...string) []fakePiece {
	var all []fakePiece
	for _, c := range contents {
		all = append(all, fakePiece{10 * time.Millisecond, `data: {"model":"m-1","choices":[{"delta":{"content":"` + c + `"}}]}` + "\n\n"})
	}
	return append(all, fakePiece{0, end})
}

const properEnd = `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\n" +
	`data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}` + "\n\ndata: [DONE]\n\n"

var streamHeader = map[string]string{"Content-Type": "text/event-stream"}

// newFake builds a member of the kind over the server.
func newFake(t *testing.T, f *fakeServer, change func(*Config)) llm.Member {
	t.Helper()
	c := Config{Name: "fake", Use: "openai", BaseURL: "http://fake.example/v1/", Key: "sk-very-secret", Model: "m-1", Client: &http.Client{Transport: f}}
	if change != nil {
		change(&c)
	}
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Every kind that speaks the OpenAI protocol passes the suite.
func TestOpenAIPassesSuite(t *testing.T) {
	for _, k := range Kinds() {
		if k.Params == nil {
			continue
		}
		p, ok := k.Params().(params)
		if !ok {
			continue
		}
		own := nativeSuite[k.Name]
		t.Run(k.Name, func(t *testing.T) {
			llmtest.Suite{New: func(t *testing.T, b llmtest.Behaviour) llm.Member {
				f := &fakeServer{header: streamHeader}
				switch b {
				case llmtest.Answers:
					f.pieces = own.text(properEnd, "hello", " wor", "ld")
				case llmtest.Hangs:
					f.wait = -1
				case llmtest.HangsMid:
					f.pieces, f.hang = own.text("", "hello"), true
				case llmtest.Cuts:
					f.pieces = own.text("", "hello")
				case llmtest.Fails:
					f.status, f.pieces = 503, []fakePiece{{0, `{"error":{"message":"busy"}}`}}
				}
				t.Cleanup(func() {
					if f.open != 0 {
						t.Errorf("%d bodies were not closed", f.open)
					}
				})
				return newFake(t, f, func(c *Config) {
					c.Use, c.Params = k.Name, p
					if own.change != nil {
						own.change(c)
					}
				})
			}}.Run(t)
		})
	}
}

// answered collects an answer in virtual time.
func answered(t *testing.T, f *fakeServer, change func(*Config), r *llm.Request) (reply *llm.Reply, took time.Duration, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if r == nil {
			r = ask("你好")
		}
		start := time.Now()
		reply, err = llm.Collect(newFake(t, f, change).Generate(t.Context(), r))
		took = time.Since(start)
		if f.open != 0 {
			t.Errorf("%d bodies were not closed", f.open)
		}
	})
	return reply, took, err
}

func TestOpenAIAnswer(t *testing.T) {
	f := &fakeServer{header: streamHeader, pieces: sseText(properEnd, "hello", " world")}
	reply, took, err := answered(t, f, nil, nil)
	if err != nil || reply.Text != "hello world" {
		t.Fatalf("%q, %v", reply.Text, err)
	}
	o := reply.Outcome
	if o.Member != "fake" || o.Model != "m-1" || o.Finish != llm.FinishStop || o.Usage.Input != llm.Counted(9) || o.Usage.Output != llm.Counted(3) ||
		o.Usage.Calls != (llm.Count{N: 1, From: llm.OwnCount}) || o.TTFT != 10*time.Millisecond || o.Took != 20*time.Millisecond || took != o.Took {
		t.Errorf("outcome %+v", o)
	}
	req := f.asked[0]
	if req.Method != "POST" || req.URL.String() != "http://fake.example/v1/chat/completions" || req.Header.Get("Authorization") != "Bearer sk-very-secret" ||
		req.Header.Get("Accept") != "text/event-stream" || req.Header.Get("Content-Type") != "application/json" || req.ContentLength != int64(len(f.sent[0])) {
		t.Errorf("request %s %s %v, %d bytes", req.Method, req.URL, req.Header, req.ContentLength)
	}
	if want := `{"model":"m-1","messages":[{"role":"user","content":"你好"}],"stream":true,"stream_options":{"include_usage":true}}`; f.sent[0] != want {
		t.Errorf("sent %s, want %s", f.sent[0], want)
	}
}

func TestOpenAIWholeAnswers(t *testing.T) {
	const body = `{"model":"m-1","choices":[{"message":{"role":"assistant","content":"hi","reasoning_content":"hm"},"finish_reason":"length"}],"usage":{"prompt_tokens":9,"completion_tokens":3}}`
	f := func(name string, s *fakeServer, change func(*Config)) {
		t.Helper()
		reply, _, err := answered(t, s, change, nil)
		if err != nil || reply.Text != "hi" || reply.Outcome.Usage.Input.N != 9 {
			t.Errorf("%s: %q, %v, %+v", name, reply.Text, err, reply.Outcome)
		}
	}
	noStream := func(c *Config) { c.Params = &OpenAIParams{Quirks: dialect.Quirks{NoStream: true}} }
	s := &fakeServer{pieces: []fakePiece{{time.Second, body}}}
	f("no stream", s, noStream)
	if strings.Contains(s.sent[0], "stream") || s.asked[0].Header.Get("Accept") != "application/json" {
		t.Errorf("sent %s, %v", s.sent[0], s.asked[0].Header)
	}
	f("a stream was asked for", &fakeServer{header: map[string]string{"Content-Type": "application/json"}, pieces: []fakePiece{{0, body}}}, nil)
	f("blank lines first", &fakeServer{pieces: []fakePiece{{time.Minute, "\n"}, {time.Minute, "\r\n\n \t"}, {time.Minute, body}}}, nil)
	sse := sseText(properEnd, "hi")
	f("a whole answer with the wrong type", &fakeServer{header: streamHeader, pieces: []fakePiece{{0, body}}}, nil)
	f("a stream with the wrong type", &fakeServer{header: map[string]string{"Content-Type": "application/json"}, pieces: sse}, nil)
	f("a stream without a type", &fakeServer{pieces: sse}, nil)
}

func TestOpenAIEstimatesUsage(t *testing.T) {
	rate := llm.Price{Currency: "CNY", Input: 1_000_000, Output: 2_000_000}
	f := &fakeServer{header: streamHeader, pieces: append([]fakePiece{
		{0, `data: {"choices":[{"delta":{"reasoning_content":"` + strings.Repeat("想", 160) + `"}}]}` + "\n\n"},
		{0, `data: {"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]}}]}` + "\n\n"},
	}, sseText(`data: {"choices":[{"delta":{},"finish_reason":"stop"}]}`+"\n\n", strings.Repeat("字", 16_000))...)}
	r := ask(strings.Repeat("问", 16))
	r.Tools = []llm.Tool{{Kind: "function", Name: "f", Parameters: []byte(`{"type":"object"}`)}}
	reply, _, err := answered(t, f, func(c *Config) { c.Card.Prices = []llm.Price{rate} }, r)
	u := reply.Outcome.Usage
	guess := func(n int64) llm.Count { return llm.Count{N: n, From: llm.Estimated} }
	if err != nil || u.Input != guess(15) || u.Output != guess(10_001) || u.Reasoning != guess(100) {
		t.Fatalf("usage %+v, %v", u, err)
	}
	if c := reply.Outcome.Cost; c == nil || c.Amount != 15+2*10_101 || c.From != llm.Estimated {
		t.Errorf("cost %+v", c)
	}
	// What was cut is estimated too; what never began is unknown.
	f = &fakeServer{header: streamHeader, pieces: sseText("", "12345678")}
	reply, _, _ = answered(t, f, nil, nil)
	if u := reply.Outcome.Usage; u.Input.From != llm.Estimated || u.Output != guess(3) {
		t.Errorf("usage of a cut answer %+v", u)
	}
	reply, _, _ = answered(t, &fakeServer{status: 500}, nil, nil)
	if u := reply.Outcome.Usage; u.Known() || u.Calls.N != 1 {
		t.Errorf("usage of a refused request %+v", u)
	}
}

// fault collects an answer and checks its error and what came before it.
func TestOpenAIFailures(t *testing.T) {
	f := func(name string, s *fakeServer, kind llm.ErrorKind, message, text string) {
		t.Helper()
		reply, _, err := answered(t, s, nil, nil)
		e := llm.AsError(err)
		if e == nil || e.Kind != kind || !strings.Contains(e.Message, message) || reply.Text != text || e.Member != "fake" {
			t.Errorf("%s: %q, error %v, want %q, %s: %s", name, reply.Text, err, text, kind, message)
		}
		if e != nil && strings.Contains(e.Error(), "very-secret") {
			t.Errorf("%s: the key is in the error %v", name, e)
		}
	}
	sse := func(end string, contents ...string) *fakeServer {
		return &fakeServer{header: streamHeader, pieces: sseText(end, contents...)}
	}
	f("refused", &fakeServer{status: 429, header: map[string]string{"Retry-After": "7"}, pieces: []fakePiece{{0, `{"error":{"message":"slow down"}}`}}}, llm.RateLimited, "slow down", "")
	f("the key in an error", &fakeServer{status: 401, pieces: []fakePiece{{0, `{"error":{"message":"wrong key sk-very-secret.","code":"invalid_api_key"}}`}}}, llm.Unauthorized, "wrong key REDACTED.", "")
	f("the key in a stream's error", sse(`data: {"error":{"message":"no balance for sk-very-secret","code":"insufficient_quota"}}`+"\n\n", "a"), llm.QuotaExhausted, "no balance for REDACTED", "a")
	f("an error page", &fakeServer{status: 502, pieces: []fakePiece{{0, strings.Repeat("<html>", 1<<20)}}}, llm.Overloaded, "answered HTTP 502", "")
	f("a page", &fakeServer{header: map[string]string{"Content-Type": "text/html"}, pieces: []fakePiece{{0, "<html>\nhello</html>"}}}, llm.Protocol, "content of the type text/html", "")
	f("an encoding", &fakeServer{header: map[string]string{"Content-Type": "text/event-stream", "Content-Encoding": "gzip"}, pieces: []fakePiece{{0, "\x1f\x8b\x08"}}}, llm.Protocol, `the encoding "gzip"`, "")
	f("nothing", &fakeServer{}, llm.Protocol, "without an answer", "")
	f("a redirect", &fakeServer{status: 307, header: map[string]string{"Location": "http://elsewhere.example/"}}, llm.Protocol, "redirect, which is not followed", "")
	f("no connection", &fakeServer{down: errors.New("connection refused")}, llm.Overloaded, "can't be reached", "")
	f("cut", sse("", "a"), llm.Cut, "broke the stream off", "a")
	f("cut in a chunk", sse(`data: {"choices":[{"del`, "a"), llm.Cut, "in the middle of a chunk", "a")
	broken := sse("", "a")
	broken.end = io.ErrUnexpectedEOF
	f("the connection breaks", broken, llm.Cut, "connection broke off", "a")
	f("[DONE] without a finish", sse("data: [DONE]\n\n", "a"), llm.Cut, "said [DONE] without", "a")
	f("nonsense", sse("data: nonsense\n\n", "a"), llm.Protocol, "not JSON", "a")
	f("an endless event", sse("data: "+strings.Repeat("x", dialect.MaxFrameBytes+1), "a"), llm.Protocol, "an event of more than", "a")
	whole := &fakeServer{header: map[string]string{"Content-Type": "application/json"}, pieces: []fakePiece{{0, `{"choices":[`}}, end: io.ErrUnexpectedEOF}
	f("a whole answer cut", whole, llm.Cut, "connection broke off", "")
	// A finish_reason makes the answer whole, however it ends.
	s := sse(`data: {"choices":[{"delta":{},"finish_reason":"stop"}]}`+"\n\n", "a")
	s.end = io.ErrUnexpectedEOF
	if reply, _, err := answered(t, s, nil, nil); err != nil || reply.Text != "a" {
		t.Errorf("cut after the finish: %q, %v", reply.Text, err)
	}
}

func TestOpenAIRetryAfter(t *testing.T) {
	_, _, err := answered(t, &fakeServer{status: 429, header: map[string]string{"Retry-After": "7"}}, nil, nil)
	if e := llm.AsError(err); e.RetryAfter != 7*time.Second || e.Status != 429 {
		t.Errorf("error %+v", e)
	}
}

func TestOpenAITimeouts(t *testing.T) {
	f := func(name string, s *fakeServer, p OpenAIParams, want time.Duration, message string) {
		t.Helper()
		_, took, err := answered(t, s, func(c *Config) { c.Params = p }, nil)
		if e := llm.AsError(err); e == nil || e.Kind != llm.Timeout || e.Message != message || took != want {
			t.Errorf("%s: error %v after %v, want %q after %v", name, err, took, message, want)
		}
	}
	f("no header", &fakeServer{wait: -1}, OpenAIParams{}, 5*time.Minute, "no answer began within 5m0s")
	f("no header, sooner", &fakeServer{wait: -1}, OpenAIParams{HeaderTimeout: time.Second}, time.Second, "no answer began within 1s")
	f("silence", &fakeServer{header: streamHeader, pieces: sseText("", "a"), hang: true}, OpenAIParams{}, 2*time.Minute+10*time.Millisecond, "nothing came for 2m0s in the middle of the answer")
	f("silence in an error", &fakeServer{status: 500, hang: true}, OpenAIParams{IdleTimeout: time.Second}, time.Second, "nothing came for 1s in the middle of the answer")
	var slow []fakePiece
	for range 100 {
		slow = append(slow, fakePiece{time.Minute, ": keep-alive\n\n"})
	}
	f("signs of life and no answer", &fakeServer{header: streamHeader, pieces: slow}, OpenAIParams{}, 30*time.Minute, "the answer took longer than 30m0s")
	// A server that keeps the connection after its end does not hold the answer up.
	s := &fakeServer{header: streamHeader, pieces: sseText(properEnd, "a"), hang: true}
	if reply, took, err := answered(t, s, nil, nil); err != nil || reply.Text != "a" || took != 60*time.Millisecond {
		t.Errorf("%q, %v after %v, want the answer after 60ms", reply.Text, err, took)
	}
	// One that never says [DONE] ends when it is silent.
	s = &fakeServer{header: streamHeader, pieces: sseText(`data: {"choices":[{"delta":{},"finish_reason":"stop"}]}`+"\n\n", "a"), hang: true}
	if reply, took, err := answered(t, s, nil, nil); err != nil || reply.Text != "a" || took != 2*time.Minute+10*time.Millisecond {
		t.Errorf("%q, %v after %v, want the answer after the idle time", reply.Text, err, took)
	}
}

func TestOpenAIFlood(t *testing.T) {
	small := func(c *Config) { c.Params = OpenAIParams{MaxAnswerBytes: 1000} }
	var flood []string
	for range 200 {
		flood = append(flood, strings.Repeat("x", 10))
	}
	reply, _, err := answered(t, &fakeServer{header: streamHeader, pieces: sseText("", flood...)}, small, nil)
	if e := llm.AsError(err); e == nil || e.Kind != llm.Protocol || e.Message != "the answer is longer than 1000 bytes" || len(reply.Text) != 1000 {
		t.Errorf("%d bytes, error %v", len(reply.Text), err)
	}
	_, _, err = answered(t, &fakeServer{pieces: []fakePiece{{0, `{"x":"` + strings.Repeat("x", 3000)}}}, small, nil)
	if e := llm.AsError(err); e == nil || e.Message != "the answer is longer than 1000 bytes" {
		t.Errorf("error %v", err)
	}
}

func TestOpenAIUnencodable(t *testing.T) {
	r := &llm.Request{Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartFile, Media: &llm.Media{URL: "x"}}}}}}
	f := &fakeServer{}
	reply, _, err := answered(t, f, nil, r)
	if e := llm.AsError(err); e == nil || e.Kind != llm.Unsupported || len(f.asked) != 0 || reply.Outcome.Usage.Calls.Known() {
		t.Errorf("error %v, %d calls", err, len(f.asked))
	}
}

// A redirect to another host must not carry the key there.
func TestOpenAIFollowsNoRedirect(t *testing.T) {
	f := &fakeServer{status: 308, header: map[string]string{"Location": "http://elsewhere.example/v1"}}
	answered(t, f, nil, nil)
	if len(f.asked) != 1 {
		t.Errorf("%d requests, want one", len(f.asked))
	}
}

// modelServer lists models and answers.
type modelServer struct {
	fakeServer
	list   string
	status int
}

func (s *modelServer) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/models") {
		list := &fakeServer{status: s.status, wait: time.Second, pieces: []fakePiece{{0, s.list}}}
		s.mu.Lock()
		s.asked = append(s.asked, req)
		s.mu.Unlock()
		return list.RoundTrip(req)
	}
	return s.fakeServer.RoundTrip(req)
}

func TestOpenAIFirstListedModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &modelServer{fakeServer: fakeServer{header: streamHeader, pieces: sseText(properEnd, "a")}, list: `{"object":"list","data":[{"id":"first"},{"id":"second"}]}`}
		m := newFake(t, nil, func(c *Config) { c.Model, c.Client = "", &http.Client{Transport: s} })
		var callers sync.WaitGroup
		for range 5 {
			callers.Go(func() {
				if reply, err := llm.Collect(m.Generate(t.Context(), ask("hi"))); err != nil || reply.Text != "a" {
					t.Errorf("%q, %v", reply.Text, err)
				}
			})
		}
		// Who waits for the list can still go away.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := llm.Collect(m.Generate(ctx, ask("hi"))); llm.AsError(err).Kind != llm.Timeout || time.Since(start) != 10*time.Millisecond {
			t.Errorf("error %v after %v", err, time.Since(start))
		}
		callers.Wait()
		for _, body := range s.sent {
			if !strings.HasPrefix(body, `{"model":"first",`) {
				t.Errorf("sent %s", body)
			}
		}
		if len(s.sent) != 5 || len(s.asked) > 5+2 {
			t.Errorf("%d answers, %d requests, want 5 and the list once or twice", len(s.sent), len(s.asked))
		}
	})
	f := func(list string, status int, kind llm.ErrorKind, message string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			m := newFake(t, nil, func(c *Config) {
				c.Model, c.Client = "", &http.Client{Transport: &modelServer{list: list, status: status}}
			})
			_, err := llm.Collect(m.Generate(t.Context(), ask("hi")))
			if e := llm.AsError(err); e == nil || e.Kind != kind || !strings.Contains(e.Message, message) {
				t.Errorf("%s: error %v, want %s: %s", list, err, kind, message)
			}
		})
	}
	f(`{"data":[]}`, 200, llm.NotFound, "lists no model, and none is configured")
	f(`<html>`, 200, llm.Protocol, "no JSON of the form")
	f(`{"data":[{"id":"`+strings.Repeat("x", maxModelsBytes)+`"}]}`, 200, llm.Protocol, "longer than")
	f(`{"error":{"message":"wrong key"}}`, 401, llm.Unauthorized, "wrong key")
}

func TestOpenAIProbe(t *testing.T) {
	f := func(name string, s *modelServer, want llm.ErrorKind) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			m := newFake(t, nil, func(c *Config) { c.Client = &http.Client{Transport: s} })
			p, ok := llm.As[llm.Prober](m)
			if !ok {
				t.Fatal("no Prober")
			}
			err := p.Probe(t.Context())
			if e := llm.AsError(err); (e == nil) != (want == "") || e != nil && (e.Kind != want || e.Member != "fake") {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		})
	}
	f("healthy", &modelServer{list: `{"data":[]}`}, "")
	f("no list", &modelServer{status: 404, list: "404 page not found"}, "")
	f("wrong key", &modelServer{status: 401}, llm.Unauthorized)
	f("down", &modelServer{status: 503}, llm.Overloaded)
}

func TestOpenAIQuote(t *testing.T) {
	dear := llm.Price{Currency: "CNY", Input: 1_000_000, Output: 2_000_000}
	f := func(name string, card llm.Card, maxTokens int, want int64) {
		t.Helper()
		r := ask(strings.Repeat("问", 160)) // 100 tokens, at worst 150
		r.MaxTokens = maxTokens
		m := newFake(t, &fakeServer{}, func(c *Config) { c.Card = card })
		q, _ := llm.As[llm.Quoter](m)
		cost, err := q.Quote(r)
		if err != nil || (cost == nil) != (want == 0) || cost != nil && (int64(cost.Amount) != want || cost.From != llm.Estimated) {
			t.Errorf("%s: %+v, %v, want %d", name, cost, err, want)
		}
	}
	prices := []llm.Price{dear}
	f("as the request says", llm.Card{Prices: prices}, 50, 150+2*50)
	f("as the model allows", llm.Card{Prices: prices, MaxOutputTokens: 500}, 0, 150+2*500)
	f("the lower of both", llm.Card{Prices: prices, MaxOutputTokens: 40}, 50, 150+2*40)
	f("what the window leaves", llm.Card{Prices: prices, WindowTokens: 1150}, 0, 150+2*1000)
	f("nobody knows how long", llm.Card{Prices: prices}, 0, 0)
	f("no price", llm.Card{}, 50, 0)
	thoughts := dear
	thoughts.Reasoning = &thoughts.Input
	f("cheap thoughts", llm.Card{Prices: []llm.Price{thoughts}}, 50, 150+2*50)
	nine := dear.Output * 4
	thoughts.Reasoning = &nine
	f("dear thoughts", llm.Card{Prices: []llm.Price{thoughts}}, 50, 150+8*50)
}

func TestOpenAIConfigErrors(t *testing.T) {
	f := func(change func(*Config), want string) {
		t.Helper()
		c := Config{Name: "x", Use: "openai", BaseURL: "http://127.0.0.1:1/v1", Model: "m"}
		change(&c)
		_, err := New(c)
		if err == nil || !strings.Contains(err.Error(), "member: x: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the secret is in %v", err)
		}
	}
	f(func(c *Config) { c.BaseURL = "127.0.0.1:8000" }, "base_url is no URL")
	f(func(c *Config) { c.BaseURL = "ftp://x/v1" }, `base_url "ftp://x/v1", want http or https`)
	f(func(c *Config) { c.BaseURL = "http://u:secret@x/v1" }, "holds a user name or a password")
	f(func(c *Config) { c.BaseURL = "http://x/v1?key=1" }, "want http or https, a host and a path")
	f(func(c *Config) { c.BaseURL = "http://x/v1/chat/completions/" }, "want the address before /chat/completions")
	f(func(c *Config) { c.BaseURL = "http://x:secret\x7f/" }, "base_url is no URL")
	f(func(c *Config) { c.Key = "two secret" }, "the key has blanks")
	f(func(c *Config) { c.Key = "密钥secret" }, "the key has blanks or characters")
	f(func(c *Config) { c.Params = 7 }, "parameters are int, want *member.OpenAIParams")
	f(func(c *Config) { c.Params = OpenAIParams{IdleTimeout: -1} }, "params.idle_timeout: negative")
	f(func(c *Config) { c.Params = OpenAIParams{MaxAnswerBytes: -1} }, "params.max_answer_bytes: negative")
	f(func(c *Config) { c.Params = OpenAIParams{Quirks: dialect.Quirks{Think: "loud"}} }, `think: got "loud"`)
	f(func(c *Config) { c.Params = OpenAIParams{Headers: map[string]string{"authorization": "Bearer secret"}} }, "authorization is set by Summit")
	f(func(c *Config) { c.Params = OpenAIParams{Headers: map[string]string{"x y": "1"}} }, `"x y" is no name of a header`)
	f(func(c *Config) { c.Params = OpenAIParams{Headers: map[string]string{"x": "secret\n"}} }, "the value of x has control characters")
}

func TestOpenAIHeaders(t *testing.T) {
	f := &fakeServer{header: streamHeader, pieces: sseText(properEnd, "a")}
	answered(t, f, func(c *Config) {
		c.Key = " sk-key\n"
		c.Params = &OpenAIParams{Headers: map[string]string{"x-team": "blue"}}
	}, nil)
	if h := f.asked[0].Header; h.Get("X-Team") != "blue" || h.Get("Authorization") != "Bearer sk-key" || h.Get("Accept-Encoding") != "" {
		t.Errorf("headers %v", h)
	}
	f = &fakeServer{header: streamHeader, pieces: sseText(properEnd, "a")}
	answered(t, f, func(c *Config) { c.Key = "" }, nil)
	if _, ok := f.asked[0].Header["Authorization"]; ok {
		t.Error("Authorization without a key")
	}
}
