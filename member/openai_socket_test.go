package member

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"summit/llm"
)

// Over real sockets: connections are used again, an answer left is given up
// at the server at once, and a redirect is not followed.
func TestOpenAIOverSockets(t *testing.T) {
	var connections atomic.Int64
	gone := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		switch {
		case r.URL.Path == "/moved/chat/completions":
			http.Redirect(w, r, "http://localhost:1/v1/chat/completions", http.StatusTemporaryRedirect)
		case strings.Contains(string(body), "hang"):
			io.WriteString(w, `data: {"choices":[{"delta":{"content":"a"}}]}`+"\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			close(gone)
		default:
			io.WriteString(w, `data: {"choices":[{"delta":{"content":"hello"}}]}`+"\n\n"+properEnd)
		}
	}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	// A connect timeout of its own, so that the test has a client of its own.
	params := OpenAIParams{ConnectTimeout: 9*time.Second + 1}
	member := func(path string) llm.Member {
		m, err := New(Config{Name: "m", Use: "openai", BaseURL: server.URL + path, Key: "k", Model: "m", Params: params})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := member("/v1")
	for range 20 {
		reply, err := llm.Collect(m.Generate(t.Context(), ask("hi")))
		if err != nil || reply.Text != "hello" || reply.Outcome.Usage.Input.N != 9 {
			t.Fatalf("%q, %v", reply.Text, err)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("20 answers took %d connections, want one", n)
	}
	left := errors.New("left")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var last error
	for e, err := range m.Generate(ctx, ask("hang")) {
		if e.Kind == llm.KindText {
			cancel(left)
		}
		last = err
	}
	if e := llm.AsError(last); e == nil || e.Kind != llm.Canceled || !errors.Is(last, left) {
		t.Errorf("canceled: %v, want kind canceled with its cause", last)
	}
	<-gone // the server saw it
	if _, err := llm.Collect(member("/moved").Generate(t.Context(), ask("hi"))); llm.AsError(err).Kind != llm.Protocol {
		t.Errorf("redirect: %v, want protocol", err)
	}
	httpClient(nil, params.ConnectTimeout).CloseIdleConnections()
}
