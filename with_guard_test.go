package summit

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"summit/llm"
)

// A member with several keys and addresses is asked at all of them, each with
// its own key, and goes on where one of them fails.
func TestEndpoints(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	refuse := "nobody"
	serve := func(name string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body struct{ Model string }
			json.NewDecoder(r.Body).Decode(&body)
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, name+" "+r.Header.Get("Authorization")+" "+body.Model)
			if refuse == r.Header.Get("Authorization") {
				w.Header().Set("Retry-After", "60")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			w.Write([]byte(`{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":1}}`))
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	a, b := serve("a"), serve("b")
	t.Setenv("FIRST_KEY", "first")
	t.Setenv("SECOND_KEY", "second")
	t.Setenv("THIRD_KEY", "third")
	text := `
data_dir: ` + t.TempDir() + `
members:
  m:
    use: openai
    base_url: ` + a + `
    key_env: FIRST_KEY
    model: one
    weight: 2
    endpoints:
      - {key_env: SECOND_KEY}
      - {base_url: ` + b + `, key_env: THIRD_KEY, model: two}
      - {base_url: ` + b + `}
`
	l, err := Load(Sources{Path: write(t, text), Env: env()})
	if err != nil {
		t.Fatal(err)
	}
	l.Config.Ephemeral = true
	s, err := Open(t.Context(), l.Config)
	if err != nil {
		t.Fatal(l.Place(err))
	}
	defer s.Close()
	m, err := s.Model("m")
	if err != nil {
		t.Fatal(err)
	}
	say := func(n int) []string {
		t.Helper()
		seen = nil
		for range n {
			reply, err := llm.Collect(m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "hi")}}))
			if err != nil || reply.Text != "hi" {
				t.Errorf("%q, %v", reply.Text, err)
			}
		}
		slices.Sort(seen)
		return seen
	}
	// A key goes to no other host than its own.
	if got, want := say(5), []string{"a Bearer first one", "a Bearer first one", "a Bearer second one", "b  one", "b Bearer third two"}; !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
	refuse = "Bearer first"
	if got := say(5); len(got) != 6 || got[0] != "a Bearer first one" || got[1] == got[0] {
		t.Errorf("asked %q, want the first key once", got)
	}
	r, ok := llm.As[llm.HealthReporter](m)
	if !ok {
		t.Fatal("the member tells nothing of its health")
	}
	if h := r.Health(); len(h.Targets) != 4 || h.Targets[0].State != llm.TargetCooling || h.Targets[1].State != llm.TargetUp || h.Targets[2].Address != b || h.Retries != 1 {
		t.Errorf("health %+v", h)
	}
}

func TestEndpointErrors(t *testing.T) {
	f := func(member, want string) {
		t.Helper()
		l, err := Load(Sources{Path: write(t, "members:\n  m: "+member+"\n"), Env: env()})
		if err == nil {
			l.Config.Ephemeral = true
			var s *Summit
			if s, err = Open(t.Context(), l.Config); err == nil {
				s.Close()
			}
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", member, err, want)
		}
	}
	f(`{use: openai, base_url: "http://127.0.0.1:1/v1", weight: 2}`, "a weight without endpoints")
	f(`{use: openai, base_url: "http://127.0.0.1:1/v1", endpoints: [{weight: 2}]}`, "neither another address nor another key")
	f(`{use: openai, base_url: "http://127.0.0.1:1/v1", endpoints: [{key_env: A, key_file: b}]}`, "both key_env and key_file are set")
	f(`{use: openai, base_url: "http://127.0.0.1:1/v1", endpoints: [{base_url: "ftp://x"}]}`, "want an address such as")
	f(`{use: openai, base_url: "http://127.0.0.1:1/v1", guard: {off: true}, endpoints: [{model: b}]}`, "several endpoints need the guard")
	f(`{use: openai, base_url: "http://127.0.0.1:1/v1", guard: {retries: 11}}`, "11, want 0 to 10")
	f(`{use: openai, base_url: "http://127.0.0.1:1/v1", endpoints: [{key_env: SUMMIT_TEST_UNSET}]}`, "members.m.endpoints[0]: the environment has no SUMMIT_TEST_UNSET")
	var missing *NotReadyError
	l, _ := Load(Sources{Path: write(t, `members: {m: {use: openai, base_url: "http://127.0.0.1:1/v1", endpoints: [{key_env: SUMMIT_TEST_UNSET}]}}`), Env: env()})
	l.Config.Ephemeral = true
	if _, err := Open(t.Context(), l.Config); !errors.As(err, &missing) {
		t.Errorf("a missing key: %v, want a *NotReadyError", err)
	}
}
