package summit

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"summit/identity"
	"summit/llm"
)

func TestMembersThatAreFiles(t *testing.T) {
	f := func(want string, m Member) {
		t.Helper()
		_, err := Open(t.Context(), Config{Members: map[string]Member{"m": m}, Ephemeral: true})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	f("no file", Member{Use: "local"})
	f("take no file", Member{Use: "openai", File: "x.gguf", BaseURL: "http://127.0.0.1:1/v1"})
	f("neither address nor key", Member{Use: "local", File: "x.gguf", BaseURL: "http://127.0.0.1:1/v1"})
	f("no such file", Member{Use: "local", File: "nosuch.gguf"})
	f("no such file", Member{Use: "local", File: "nosuch.gguf", Params: &LocalParams{Template: "nosuch.jinja"}})

	_, err := Open(t.Context(), Config{Members: map[string]Member{"m": {Use: "local", File: "nosuch.gguf"}}, Ephemeral: true})
	var notReady *NotReadyError
	if !errors.As(err, &notReady) {
		t.Errorf("a missing file is %T, want a *NotReadyError", err)
	}
}

func TestStoriesByConfiguration(t *testing.T) {
	const file = "../shared/weights/stories260K.gguf"
	if _, err := os.Stat(file); err != nil {
		t.Skip("no weights beside the repository")
	}
	s, err := Open(t.Context(), Config{
		Members:   map[string]Member{"tales": {Use: "local", File: file, Params: &LocalParams{Exact: true, Threads: 1}}},
		Engine:    Engine{MemoryBytes: 1 << 30},
		Ephemeral: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	m, err := s.Model("tales")
	if err != nil {
		t.Fatal(err)
	}
	if c := m.Card(); c.Name != "tales" || c.WindowTokens != 512 || c.Family != "llama" {
		t.Errorf("card %+v", c)
	}
	r := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "Once upon a time")}, MaxTokens: 12, Temperature: new(0.0)}
	got, err := llm.Collect(m.Generate(t.Context(), r))
	if err != nil || !strings.HasPrefix(got.Text, ", there was a little girl") {
		t.Errorf("got %q, %v", got.Text, err)
	}
	for _, ability := range []bool{has[llm.Stepper](m), has[llm.TokenCounter](m), has[llm.Embedder](m)} {
		if !ability {
			t.Error("an ability is lost on the way through the configuration")
		}
	}
}

// What was computed for one tenant's prompt is never found for another's.
func TestPrefixCacheOfTenants(t *testing.T) {
	const file = "../shared/weights/stories260K.gguf"
	if _, err := os.Stat(file); err != nil {
		t.Skip("no weights beside the repository")
	}
	f := func(setting string, own, others bool) {
		t.Helper()
		s, err := Open(t.Context(), Config{
			Members:   map[string]Member{"tales": {Use: "local", File: file, Params: &LocalParams{Threads: 1}}},
			Engine:    Engine{PrefixCache: setting},
			Ephemeral: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		m, err := s.Model("tales")
		if err != nil {
			t.Fatal(err)
		}
		found := func(ctx context.Context) bool {
			t.Helper()
			r := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, strings.Repeat("One day a girl saw a big dog. ", 6))}, MaxTokens: 1, Temperature: new(0.0)}
			got, err := llm.Collect(m.Generate(ctx, r))
			if err != nil {
				t.Fatal(err)
			}
			return got.Outcome.Usage.CacheRead.N > 0
		}
		of := func(tenant, id string) context.Context {
			return identity.Asking(t.Context(), identity.Key{ID: id, Tenant: tenant})
		}
		if found(of("a", "1")) {
			t.Errorf("%q: found before anything was asked", setting)
		}
		for _, c := range []struct {
			ctx  context.Context
			want bool
		}{{of("b", "2"), others}, {t.Context(), others}, {of("a", "3"), own}, {of("b", "2"), own}} {
			if got := found(c.ctx); got != c.want {
				k, _ := identity.Asker(c.ctx)
				t.Errorf("%q: asked by %q: found %v, want %v", setting, k.Tenant, got, c.want)
			}
		}
	}
	f("", true, false)
	f("tenant", true, false)
	f("shared", true, true)
	f("off", false, false)
	if _, err := Open(t.Context(), Config{Engine: Engine{PrefixCache: "some"}, Ephemeral: true}); err == nil || !strings.Contains(err.Error(), "tenant, shared or off") {
		t.Errorf("got %v", err)
	}
}

func has[T any](m llm.Member) bool {
	_, ok := llm.As[T](m)
	return ok
}
