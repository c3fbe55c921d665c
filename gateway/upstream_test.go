package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"summit/member"
)

// protocols is a request in each protocol for a streamed answer of the model,
// and what only a proper end of an answer has.
var protocols = []struct{ name, path, body, end, failure string }{
	{"openai", "/v1/chat/completions", `{"model":"up","stream":true,"messages":[{"role":"user","content":"q"}]}`, "data: [DONE]", `"error":{`},
	{"responses", "/v1/responses", `{"model":"up","stream":true,"input":"q"}`, "event: response.completed", "event: response.failed"},
	{"anthropic", "/v1/messages", `{"model":"up","stream":true,"max_tokens":1000000,"messages":[{"role":"user","content":"q"}]}`, "event: message_stop", "event: error"},
	{"completions", "/v1/completions", `{"model":"up","stream":true,"prompt":"q"}`, "data: [DONE]", `"error":{`},
}

// through serves a gateway over a member on that upstream, all on sockets.
func through(t *testing.T, upstream http.HandlerFunc) string {
	t.Helper()
	above := httptest.NewServer(upstream)
	t.Cleanup(above.Close)
	m, err := member.New(member.Config{Name: "up", Use: "openai", BaseURL: above.URL + "/v1", Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Config{Models: directory{m}, NoAuth: true, Loopback: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	below := httptest.NewServer(g.Handler())
	t.Cleanup(below.Close)
	return below.URL
}

const piece = `data: {"choices":[{"delta":{"content":"word"}}]}` + "\n\n"

func post(t *testing.T, ctx context.Context, url, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// A client that goes away ends the upstream's work within 100 ms.
func TestAbortReachesTheUpstream(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			gone := make(chan time.Time, 1)
			url := through(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "text/event-stream")
				io.WriteString(w, piece)
				w.(http.Flusher).Flush()
				<-r.Context().Done()
				gone <- time.Now()
			})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			resp := post(t, ctx, url+p.path, p.body)
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			for lines.Scan() && !strings.Contains(lines.Text(), "word") {
			}
			left := time.Now()
			cancel()
			select {
			case at := <-gone:
				if took := at.Sub(left); took > 100*time.Millisecond {
					t.Errorf("the upstream was left %v after the client went away, want within 100ms", took)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("the upstream was never left")
			}
		})
	}
}

// An upstream that breaks off gives an error event and no clean end.
func TestCutUpstream(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			url := through(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "text/event-stream")
				io.WriteString(w, piece+piece)
			})
			resp := post(t, t.Context(), url+p.path, p.body)
			defer resp.Body.Close()
			text, err := io.ReadAll(resp.Body)
			if err != nil || !strings.Contains(string(text), "word") || !strings.Contains(string(text), p.failure) || strings.Contains(string(text), p.end) {
				t.Errorf("%v, %s", err, text)
			}
		})
	}
}

// A stream of 200,000 events is passed on piece by piece: what is in memory
// does not grow with it, but by the text that Responses repeats at its end.
// Usage that the upstream does not tell is estimated and marked.
func TestLongStreamHoldsMemoryFlat(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			events := 200_000
			if p.name != "openai" || testing.Short() {
				events = 40_000 // the way to the protocol is the same
			}
			url := through(t, func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "text/event-stream")
				for range events {
					io.WriteString(w, piece)
				}
				fmt.Fprint(w, `data: {"choices":[{"delta":{},"finish_reason":"stop"}]}`+"\n\ndata: [DONE]\n\n")
			})
			body := p.body
			if p.name == "openai" || p.name == "completions" {
				body = strings.Replace(body, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`, 1)
			}
			resp := post(t, t.Context(), url+p.path, body)
			defer resp.Body.Close()
			heap := func() int64 {
				var s runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&s)
				return int64(s.HeapAlloc)
			}
			lines := bufio.NewReaderSize(resp.Body, 64<<10)
			seen, ended, estimated := 0, false, false
			var first, most int64
			for {
				line, err := lines.ReadString('\n')
				if strings.Contains(line, `"word"`) {
					seen++
					switch {
					case seen == events/20:
						first = heap()
					case seen > events/20 && seen%(events/8) == 0:
						most = max(most, heap()-first)
					}
				}
				ended = ended || strings.HasPrefix(line, p.end)
				estimated = estimated || strings.Contains(line, `"estimated":true`)
				if err != nil {
					break
				}
			}
			if seen < events || !ended || !estimated {
				t.Errorf("%d of %d events, ended %v, usage marked as estimated %v", seen, events, ended, estimated)
			}
			if most > 8<<20 {
				t.Errorf("memory grew by %d bytes within the stream, want less than 8 MiB", most)
			}
		})
	}
}

// A member that continues no texts is asked the prompt as a message, which is
// said; a gap in a text it can't fill.
func TestCompletionsOfChatModels(t *testing.T) {
	var sent string
	url := through(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent = r.URL.Path + " " + string(body)
		io.WriteString(w, `{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`)
	})
	resp := post(t, t.Context(), url+"/v1/completions", `{"model":"up","prompt":"Once","echo":true}`)
	text, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if !strings.Contains(string(text), `"text":"Oncehi"`) || !strings.Contains(resp.Header.Get(warningHeader), "continues no texts") || !strings.HasPrefix(sent, "/v1/chat/completions ") {
		t.Errorf("%s, %v, sent %s", text, resp.Header, sent)
	}
	resp = post(t, t.Context(), url+"/v1/completions", `{"model":"up","prompt":"Once","suffix":"end"}`)
	text, _ = io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 400 || !strings.Contains(string(text), "suffix") {
		t.Errorf("%d %s", resp.StatusCode, text)
	}
}
