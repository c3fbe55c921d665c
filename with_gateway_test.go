package summit

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
	"summit/run"
)

func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	c := Config{DataDir: dir, Members: map[string]Member{"a": says("hello")}, Log: Log{Level: "error"}}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.AdminKey(), "sk-summit-") {
		t.Errorf("admin key %q", s.AdminKey())
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()

	get := func(path, key string, into any) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if into != nil {
			if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
				t.Fatal(err)
			}
		}
		return answer.StatusCode
	}
	var models struct {
		Data []struct {
			ID    string `json:"id"`
			Owner string `json:"owned_by"`
		} `json:"data"`
	}
	if status := get("/v1/models", s.AdminKey(), &models); status != http.StatusOK || len(models.Data) != 4 || models.Data[3].ID != "a" || models.Data[3].Owner != "summit" {
		t.Errorf("status %d, models %+v", status, models)
	}
	if status := get("/v1/models", "sk-summit-nobody", nil); status != http.StatusUnauthorized {
		t.Errorf("a wrong key: status %d", status)
	}
	http.DefaultClient.CloseIdleConnections()

	// The directory is taken until it is closed.
	var n *NotReadyError
	if _, err := Open(t.Context(), c); !errors.As(err, &n) {
		t.Errorf("opened twice: %v", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Errorf("served: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed: %v", err)
	}
	again, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if again.AdminKey() != "" {
		t.Error("a second admin key was made")
	}
	if again.Handler() == nil {
		t.Error("no handler")
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestServeGuardsTheNetwork(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		c.DataDir = filepath.Join(t.TempDir(), "data")
		c.Members = map[string]Member{"a": says("hello")}
		s, err := Open(t.Context(), c)
		if err == nil {
			var l net.Listener
			if l, err = net.Listen("tcp", "0.0.0.0:0"); err == nil {
				err = s.Serve(t.Context(), l)
			}
			err = errors.Join(err, s.Close())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	f(Config{Listen: ":0", Identity: Identity{Auth: "none"}}, "identity.auth: none with listen :0")
	f(Config{Listen: "127.0.0.1:0"}, "want one that only this machine reaches")
	f(Config{Listen: "127.0.0.1:0", Identity: Identity{Origins: []string{"not an origin"}}}, "origin")
}

func TestEphemeral(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := open(t, Config{DataDir: dir, Members: map[string]Member{"a": says("hello")}})
	if s.Handler() != nil || s.AdminKey() != "" {
		t.Error("an ephemeral Summit has a server")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context(), l); err == nil {
		t.Error("an ephemeral Summit served")
	}
	if _, err := filepath.EvalSymlinks(dir); err == nil {
		t.Error("an ephemeral Summit made its data directory")
	}
	if m, err := s.Model("a"); err != nil {
		t.Error(err)
	} else if _, err := llm.Collect(m.Generate(t.Context(), ask("hi"))); err != nil {
		t.Error(err)
	}
}

func TestOnLoopback(t *testing.T) {
	f := func(address string, want bool) {
		t.Helper()
		if got := onLoopback(address); got != want {
			t.Errorf("onLoopback(%q) = %v", address, got)
		}
	}
	f("127.0.0.1:8600", true)
	f("127.8.0.1:1", true)
	f("[::1]:8600", true)
	f("localhost:8600", true)
	f(":8600", false)
	f("0.0.0.0:8600", false)
	f("[::]:8600", false)
	f("10.0.0.1:8600", false)
	f("example.com:8600", false)
	f("127.0.0.1", false)
}

func TestRunsAreKeptAsConfigured(t *testing.T) {
	f := func(runs Runs, want ...string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			c := Config{DataDir: dir, Members: map[string]Member{"a": says("hello")}, Log: Log{Level: "error"}, Runs: runs}
			var kept []string
			for start := range 2 { // the second finds old runs
				s, err := Open(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				for i := range 2 - 2*start {
					s.serving.runs.Add(run.Entry{ID: []string{"older", "newer"}[i], At: time.Now().Add(time.Duration(i-2) * time.Hour)}, nil)
				}
				synctest.Wait()
				all, err := s.serving.runs.Latest(t.Context(), 10)
				if err != nil {
					t.Fatal(err)
				}
				kept = nil
				for _, e := range all {
					kept = append(kept, e.ID)
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(kept, want) {
				t.Errorf("%+v: runs %v, want %v", runs, kept, want)
			}
		})
	}
	f(Runs{}, "newer", "older")
	f(Runs{KeepMax: 1}, "newer")
	f(Runs{Keep: 90 * time.Minute}, "newer")
	for _, runs := range []Runs{{Keep: -1}, {KeepMax: -1}} {
		var c *ConfigError
		if _, err := Open(t.Context(), Config{Ephemeral: true, Runs: runs}); !errors.As(err, &c) || !strings.Contains(err.Error(), "want zero or more") {
			t.Errorf("%+v: error %v, want a *ConfigError", runs, err)
		}
	}
}
