package verify

import (
	"context"
	"testing"
	"unicode/utf8"
)

// find checks a text that needs no final answer, through what bounds all.
func find(t *testing.T, c Checker, text string) Finding {
	t.Helper()
	f, err := bounded{c}.Check(t.Context(), &Case{Text: text})
	if err != nil {
		t.Errorf("%q: %v", clip(text, 80), err)
	}
	if len(f.Message) > MaxMessageBytes || !utf8.ValidString(f.Message) {
		t.Errorf("%q: message of %d bytes, want at most %d of valid UTF-8", clip(text, 80), len(f.Message), MaxMessageBytes)
	}
	return f
}

// checkFunc is a checker that never fails to check.
type checkFunc func(*Case) Finding

func (f checkFunc) Check(_ context.Context, c *Case) (Finding, error) { return f(c), nil }
