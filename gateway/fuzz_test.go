package gateway

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"summit/identity"
	"summit/run"
)

// Whatever comes in is answered by a status below 500 and, if it is no stream
// and not empty, in JSON; nothing panics and nothing stays taken.
func FuzzRequest(f *testing.F) {
	keys := identity.NewMemory()
	_, secret, _ := keys.Create(f.Context(), identity.Draft{Name: "x", Role: identity.Admin})
	var log logText
	runs := run.NewLog(run.NewMemory(), run.Config{})
	f.Cleanup(func() { runs.Close() })
	g, err := New(Config{Models: directory{hello("m")}, Keys: keys, Runs: runs, Loopback: true, Origins: []string{"https://a.example"},
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		f.Fatal(err)
	}
	ask := `{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true,"n":2}`
	f.Add("POST", "v1/chat/completions", "localhost", "", true, ask)
	f.Add("POST", "v1/chat/completions", "[::1]:8600", "http://[::1]:8600", true, `{"model":"none"}`)
	f.Add("GET", "v1/models/a/b", "127.0.0.1:1", "https://a.example", true, "")
	f.Add("OPTIONS", "", "LOCALHOST", "null", false, "")
	f.Add("POST", "admin/v1/keys", "localhost", "", true, `{"name":"a"}`)
	f.Add("POST", "v1/feedback", "localhost", "", true, `{"id":"run-x","score":0.7}`)
	f.Add("GET", "admin/v1/runs", "localhost", "", true, "")
	f.Add("DELETE", "admin/v1/keys/x", "localhost", "", true, "")
	f.Add("GET", "metrics", "[", "://", true, "")
	f.Add("GET", "//..", "localhost", "", false, "")
	f.Fuzz(func(t *testing.T, method, path, host, origin string, known bool, body string) {
		r := &http.Request{Method: method, URL: &url.URL{Path: "/" + path}, Host: host, Header: http.Header{},
			Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}
		if origin != "" {
			r.Header.Set("Origin", origin)
			r.Header.Set("Access-Control-Request-Method", method)
		}
		if known {
			r.Header.Set("Authorization", "Bearer "+secret)
		}
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		text := w.Body.Bytes()
		kind := w.Header().Get("Content-Type")
		if w.Code >= 500 || log.String() != "" {
			t.Fatalf("status %d: %s\n%s", w.Code, text, log.String())
		}
		if kind == "application/json" && !json.Valid(text) {
			t.Errorf("no JSON: %s", text)
		}
		if w.Code != 200 && w.Code != 201 && len(text) > 0 && kind != "application/json" {
			t.Errorf("status %d in %s", w.Code, kind)
		}
		if w.Code == 200 && !known && strings.HasPrefix(path, "v1/") {
			t.Errorf("%s was answered without a key", path)
		}
		if len(g.gate.slots) != 0 || g.inflight.count() != 0 || g.bodies.left != g.limits.BodiesBytes {
			t.Error("something is still taken")
		}
	})
}
