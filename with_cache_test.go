package summit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"summit/identity"
	"summit/llm"
)

// A configured cache keeps tenants apart and is off where nobody turned it on.
func TestCacheOfConfiguration(t *testing.T) {
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, `{"model":"m","choices":[{"message":{"content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`)
	}))
	defer server.Close()
	s, err := Open(t.Context(), Config{Ephemeral: true, Members: map[string]Member{
		"kept":  {Use: "openai", BaseURL: server.URL + "/v1", Model: "m", Cache: Cache{Enabled: true}},
		"plain": {Use: "openai", BaseURL: server.URL + "/v1", Model: "m"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f := func(name, tenant string, want int64) {
		t.Helper()
		for _, e := range s.Entries() {
			if e.Name != name {
				continue
			}
			ctx := identity.Asking(t.Context(), identity.Key{Tenant: tenant})
			r, err := llm.Collect(e.Member.Generate(ctx, &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "q")}, Temperature: new(0.0)}))
			if err != nil || r.Text != "hi" || asked.Load() != want {
				t.Errorf("%s for %s: %q, %v, asked %d times, want %d", name, tenant, r.Text, err, asked.Load(), want)
			}
		}
	}
	f("kept", "a", 1)
	f("kept", "a", 1)
	f("kept", "b", 2)
	f("plain", "a", 3)
	f("plain", "a", 4)
	for name, m := range map[string]Member{"members.m.cache": {Cache: Cache{Bytes: -1}}, "members.m.on_abort": {OnAbort: "wait"}} {
		m.Use, m.BaseURL = "openai", server.URL
		if _, err = Open(t.Context(), Config{Ephemeral: true, Members: map[string]Member{"m": m}}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want an error that names %s", err, name)
		}
	}
}
