package member

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"summit/llm"
)

// Other tests of the package may have the flag too: whoever comes first
// defines it.
func init() {
	if flag.Lookup("update") == nil {
		flag.Bool("update", false, "rewrite the golden files")
	}
}

// call makes one request and returns status, body and the error of either.
func call(t *testing.T, client *http.Client, method, url, body string, header ...string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(got), err
}

// TestRecordAndPlay records what a server says, checks the file against the
// golden one, which holds no secret, and plays it back.
func TestRecordAndPlay(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/v1/chat/completions":
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Set-Cookie", "session=very-secret-cookie")
			io.WriteString(w, "data: {\"n\":1}\n\n")
			w.(http.Flusher).Flush()
			io.WriteString(w, "data: you sent "+r.Header.Get("X-Vendor-Key")+"\n\n")
		case "/cut":
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "half")
		case "/bytes":
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Write([]byte{0xff, 0x00, 0xfe})
		default:
			w.Header().Set("Retry-After", "7")
			http.Error(w, "no "+string(body), http.StatusTooManyRequests)
		}
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "x.jsonl")
	recorder, err := NewRecorder(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	const prompt = `{"model":"m","messages":[{"role":"user","content":"<hi>"}]}`
	steps := func(client *http.Client, base string) {
		t.Helper()
		f := func(method, path, body string, status int, want string, wantErr error, header ...string) {
			t.Helper()
			s, got, err := call(t, client, method, base+path, body, header...)
			if s != status || got != want || !errors.Is(err, wantErr) {
				t.Errorf("%s %s: %d %q %v, want %d %q %v", method, path, s, got, err, status, want, wantErr)
			}
		}
		shown := "sk-other-secret"
		if base != server.URL {
			shown = redacted
		}
		f("POST", "/v1/chat/completions?api-version=1&key=query-secret", prompt, 200, "data: {\"n\":1}\n\ndata: you sent "+shown+"\n\n", nil,
			"Authorization", "Bearer sk-very-secret", "X-Vendor-Key", "sk-other-secret", "Content-Type", "application/json")
		f("GET", "/cut", "", 200, "half", io.ErrUnexpectedEOF)
		f("GET", "/bytes", "", 200, "\xff\x00\xfe", nil)
		f("POST", "/busy", "first", 429, "no first\n", nil)
		f("POST", "/busy", "second", 429, "no second\n", nil)
		f("POST", "/busy", "first", 429, "no first\n", nil)
	}
	steps(&http.Client{Transport: recorder}, server.URL)
	if err := recorder.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v, want 0600", info.Mode(), err)
	}
	if bytes.Contains(data, []byte("secret")) {
		t.Errorf("a secret was written:\n%s", data)
	}
	data = bytes.ReplaceAll(data, []byte(server.URL), []byte("http://server"))
	golden := filepath.Join("testdata", "replay", "exchanges.jsonl")
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(golden, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, want) {
		t.Errorf("recorded\n%s\nwant\n%s", data, want)
	}
	player, err := OpenPlayer(golden)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: player}
	steps(client, "http://elsewhere")
	// Everything was played once.
	if _, _, err := call(t, client, "GET", "http://elsewhere/bytes", ""); err == nil || !strings.Contains(err.Error(), "no exchange for GET /bytes with this body of 0 bytes among the 0 not yet played of 6") {
		t.Errorf("a seventh request: %v, want an error that says what there is", err)
	}
}

func TestPlayerComparesJSONByValue(t *testing.T) {
	p, err := NewPlayer(strings.NewReader(`{"request":{"method":"POST","url":"http://x/a","body":"{\"a\":1,\"b\":[2.50]}"},"response":{"status":204}}`), "test")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: p}
	for _, body := range []string{`{"a":1,"b":[2.5]}`, `{"a":2,"b":[2.50]}`, `{"a":1,"b":[2.50]} {}`} {
		if _, _, err := call(t, client, "POST", "http://y/a", body); err == nil {
			t.Errorf("body %s was answered", body)
		}
	}
	if status, _, err := call(t, client, "POST", "http://y/a", "{\"b\": [2.50],\n\"a\":1}"); status != 204 || err != nil {
		t.Errorf("the same value written otherwise: %d, %v, want 204", status, err)
	}
}

func TestRecorderKeepsFailures(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	r, err := NewRecorder(path, failing{errors.New("dial: refused for sk-very-secret")})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := call(t, &http.Client{Transport: r}, "GET", "http://user:password-secret@x/", "", "Authorization", "Bearer sk-very-secret"); err == nil {
		t.Error("no error")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(path)
	if bytes.Contains(data, []byte("secret")) {
		t.Errorf("a secret was written: %s", data)
	}
	p, err := OpenPlayer(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := call(t, &http.Client{Transport: p}, "GET", "http://x/", ""); err == nil || !strings.Contains(err.Error(), "dial: refused for REDACTED") {
		t.Errorf("played %v, want the recorded failure", err)
	}
}

type failing struct{ err error }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

// A body that the caller leaves early is recorded as cut, once.
func TestRecorderLeftEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.jsonl")
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "abcdef") }))
	defer server.Close()
	r, err := NewRecorder(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
	resp, err := r.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	io.ReadFull(resp.Body, make([]byte, 3))
	resp.Body.Close()
	resp.Body.Close()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(path)
	if got := string(data); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"body":"abc"`) || !strings.Contains(got, `"cut":true`) {
		t.Errorf("recorded %s, want one cut exchange with abc", got)
	}
	if r.Close() == nil {
		t.Error("writing to a closed recording gave no error")
	}
}

func TestPlayerFileErrors(t *testing.T) {
	f := func(file, want string) {
		t.Helper()
		if _, err := NewPlayer(strings.NewReader(file), "f"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	ok := `{"request":{"method":"GET","url":"/"},"response":{"status":200}}` + "\n"
	f(ok+"{", "member: exchanges: f:2: unexpected end")
	f(`{"request":{"url":"/"},"response":{"status":200}}`, "want a method and an address")
	f(`{"request":{"method":"GET","url":"/"},"response":{}}`, "status 0, want three digits")
	f(strings.Repeat(ok, maxExchangeCount+1), "more than 10000 exchanges")
}

// FuzzPlayer: whatever the file holds, an error or a player that answers or
// refuses; never a panic.
func FuzzPlayer(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "replay", "exchanges.jsonl"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte(`{"request":{"method":"GET","url":"http://x/?a=%zz"},"response":{"error":"e","raw":"AA=="}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := NewPlayer(bytes.NewReader(data), "fuzz")
		if err != nil {
			return
		}
		for _, x := range p.exchanges {
			req, err := http.NewRequest(x.Request.Method, x.Request.URL, strings.NewReader(x.Request.Body))
			if err != nil {
				continue
			}
			if resp, err := p.RoundTrip(req); err == nil {
				io.Copy(io.Discard, resp.Body)
			}
		}
	})
}

// TestReplayOfKind: the kind "replay" records another kind's exchanges, and
// plays them: the same answer without the server.
func TestReplayOfKind(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"forty-two"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}`)
	}))
	path := filepath.Join(t.TempDir(), "x.jsonl")
	build := func(p ReplayParams, base string) llm.Member {
		t.Helper()
		m, err := New(Config{Name: "poet", Use: "replay", BaseURL: base, Key: "sk-very-secret", Model: "m", Params: &p})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	say := func(m llm.Member) *llm.Reply {
		t.Helper()
		r, err := llm.Collect(m.Generate(t.Context(), ask("What is 6 x 7?")))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	recorded := say(build(ReplayParams{Exchanges: path, Record: true}, server.URL+"/v1"))
	server.Close()
	player := build(ReplayParams{Exchanges: path, Of: "openai"}, "http://127.0.0.1:1/v1")
	played := say(player)
	if recorded.Text != "forty-two" || played.Text != recorded.Text || played.Outcome.Usage != recorded.Outcome.Usage {
		t.Errorf("recorded %q with %+v, played %q with %+v", recorded.Text, recorded.Outcome.Usage, played.Text, played.Outcome.Usage)
	}
	if c := player.Card(); c.Name != "poet" || !slices.Contains(c.Labels, LabelRecorded) {
		t.Errorf("card %+v, want the name poet and the label %s", c, LabelRecorded)
	}
	if data, err := os.ReadFile(path); err != nil || bytes.Contains(data, []byte("sk-very-secret")) {
		t.Errorf("the file holds the key, or %v", err)
	}
}
