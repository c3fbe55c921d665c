package ledger

import (
	"context"
	"strings"
	"testing"
)

// A store is one file that registers the scheme of its URLs.
func TestOpen(t *testing.T) {
	register(func(context.Context, string) (Store, error) { return NewMemory(nil), nil }, "test-memory")
	defer delete(openers, "test-memory")
	for _, url := range []string{"test-memory://x", "TEST-MEMORY://"} {
		if s, err := Open(t.Context(), url); err != nil {
			t.Errorf("%s: %v", url, err)
		} else if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, url := range []string{"", "books.db", "mysql://root:secret@h/d", "secret", "postgres://u:secret@h:port/d"} {
		if _, err := Open(t.Context(), url); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "postgres://") {
			t.Errorf("%s: %v, want an error that names the schemes and not the URL", url, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a scheme was registered twice")
		}
	}()
	register(nil, "postgres")
}
