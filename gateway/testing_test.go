package gateway

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"summit/identity"
	"summit/llm"
	"summit/llm/llmtest"
	"summit/run"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// directory is the models of a test, by the name on their card.
type directory []llm.Member

func (d directory) Model(name string) (llm.Member, error) {
	for _, m := range d {
		if m.Card().Name == name {
			return m, nil
		}
	}
	return nil, llm.Errorf(llm.NotFound, "the model %q does not exist", name)
}

func (d directory) Models() []Model {
	var all []Model
	for _, m := range d {
		c := m.Card()
		all = append(all, Model{Name: c.Name, Owner: c.Vendor, About: c.About, Labels: c.Labels})
	}
	return all
}

func (d directory) Members() []llm.Member { return d }

// server is a gateway that listens on pipes, and a client of it.
type server struct {
	*Gateway
	t      *testing.T
	net    *pipes
	client *http.Client
	keys   *identity.Memory
	user   string // a key
	admin  string // a key
	userID string
	runs   *run.Memory
	runLog *run.Log
	log    *logText
}

// start starts a gateway in front of the members. change may alter its
// configuration. It ends with the test; in a synctest bubble all of it lives
// in virtual time.
func start(t *testing.T, change func(*Config), members ...llm.Member) *server {
	t.Helper()
	s := &server{t: t, net: newPipes(), keys: identity.NewMemory(), runs: run.NewMemory(), log: &logText{}}
	logger := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.runLog = run.NewLog(s.runs, run.Config{Logger: logger})
	var k identity.Key
	k, s.user, _ = s.keys.Create(t.Context(), identity.Draft{Name: "user"})
	s.userID = k.ID
	_, s.admin, _ = s.keys.Create(t.Context(), identity.Draft{Name: "admin", Role: identity.Admin})
	c := Config{Models: directory(members), Keys: s.keys, Runs: s.runLog, Logger: logger, Version: "v0.test"}
	if change != nil {
		change(&c)
	}
	var err error
	if s.Gateway, err = New(c); err != nil {
		t.Fatal(err)
	}
	s.client = &http.Client{Transport: &http.Transport{
		DialContext:         func(context.Context, string, string) (net.Conn, error) { return s.net.dial() },
		MaxIdleConnsPerHost: 100, DisableCompression: true,
	}}
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Serve(s.net); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		served.Wait()
		s.runLog.Close()
		for _, secret := range []string{s.user, s.admin, "Say hello", "hello world"} {
			if strings.Contains(s.log.String(), secret) {
				t.Error("the log holds a key, a prompt or an answer")
			}
		}
	})
	return s
}

// logText is what was logged.
type logText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// pipes is a listener whose connections are pipes in memory.
type pipes struct {
	conns  chan net.Conn
	done   chan struct{}
	once   sync.Once
	dialed atomic.Int64
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		p.dialed.Add(1)
		return client, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

// request makes a request with the user's key. headers are name, value, ...
func (s *server) request(ctx context.Context, method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1:8600"+path, in)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.user)
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return r
}

// do makes a request and reads the whole answer.
func (s *server) do(method, path, body string, headers ...string) answer {
	s.t.Helper()
	return s.send(s.request(s.t.Context(), method, path, body, headers...))
}

func (s *server) send(r *http.Request) answer {
	resp, err := s.client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text), err}
}

// chat asks the first model "Say hello."; fields are more of the request.
func (s *server) chat(fields string) answer {
	s.t.Helper()
	return s.do("POST", "/v1/chat/completions", s.ask(fields))
}

func (s *server) ask(fields string) string {
	name := s.models.Models()[0].Name
	if fields != "" {
		fields = "," + fields
	}
	return fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"Say hello."}]%s}`, name, fields)
}

// entries returns the run log, the last entry first, once all is written.
func (s *server) entries() []run.Entry {
	s.t.Helper()
	time.Sleep(time.Second)
	all, err := s.runs.Latest(s.t.Context(), 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// wantError fails unless the answer is an OpenAI error like that.
func (a answer) wantError(t *testing.T, status int, parts ...string) {
	t.Helper()
	if a.err != nil || a.status != status || !strings.HasPrefix(a.body, `{"error":{"message":`) {
		t.Errorf("status %d, body %s, %v, want %d and an error object", a.status, clip(a.body, 300), a.err, status)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q, want application/json", got)
	}
	if a.header.Get("X-Request-Id") == "" {
		t.Error("no x-request-id")
	}
	for _, p := range parts {
		if !strings.Contains(a.body, p) {
			t.Errorf("%s is not in %s", p, clip(a.body, 300))
		}
	}
}

var idPattern = regexp.MustCompile(`run-[a-z0-9]{26}`)

// golden compares with a file in testdata. Ids are random and left out.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = idPattern.ReplaceAllString(got, "run-ID")
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}

// hello answers "hello world" in three pieces, 10 ms before each.
func hello(name string) *llmtest.Script { return llmtest.Behaving(name, llmtest.Answers) }

func text(s string, after time.Duration) llmtest.Piece {
	return llmtest.Piece{After: after, Event: llm.Event{Kind: llm.KindText, Text: s}}
}
