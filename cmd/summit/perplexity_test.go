package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"summit/eval"
)

func TestPerplexity(t *testing.T) {
	dir := t.TempDir()
	texts := filepath.Join(dir, "tales.txt")
	if err := os.WriteFile(texts, []byte("Once upon a time, there was a little girl named Lily.\n---\nTom saw a red ball."), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(code int, want string, args ...string) {
		t.Helper()
		if got, _, errs := command(t, "", append([]string{"perplexity"}, args...)...); got != code || !strings.Contains(errs, want) {
			t.Errorf("%q: exit %d, %q, want %d and %q", args, got, errs, code, want)
		}
	}
	f(exitUsage, "want -m MODEL", texts)
	f(exitFailed, "nosuch.txt", "nosuch.txt", "-m", "x.gguf")
	f(exitFailed, "no file either", texts, "-m", "nosuch")
	if _, err := os.Stat(tales); err != nil {
		t.Skip("no weights beside the repository")
	}
	code, out, errs := command(t, "", "perplexity", texts, "-m", tales+","+tales, "-o", "json")
	var r eval.PerplexityReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || code != 0 {
		t.Fatalf("exit %d, %q, %s: %v", code, out, errs, err)
	}
	// Twice the same model is that model, and a good one for tales.
	got := r.Members[0].Perplexity
	if !(got > 1.2 && got < 2) {
		t.Errorf("perplexity %v, want 1.2 to 2", got)
	}
	for _, x := range append(r.Gates, r.Mixtures...) {
		if math.Abs(x.Perplexity-got) > 1e-9 {
			t.Errorf("%s has %v, the model alone %v", x.Name, x.Perplexity, got)
		}
	}
	if r.Bytes != 53+19 || r.Passages != 2 {
		t.Errorf("%d bytes of %d texts", r.Bytes, r.Passages)
	}
}
