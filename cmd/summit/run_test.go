package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

const tales = "../../../shared/weights/stories260K.gguf"

// command runs one command line and returns its exit code and what it wrote.
func command(t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), &app{in: strings.NewReader(in), out: &o, err: &e, signals: &signals{}}, args)
	return code, o.String(), e.String()
}

func TestRunAModelFile(t *testing.T) {
	if _, err := os.Stat(tales); err != nil {
		t.Skip("no weights beside the repository")
	}
	code, out, errs := command(t, "", "run", tales, "-p", "Once upon a time", "--temperature", "0", "-n", "20", "--exact", "--stats")
	if code != 0 || !strings.HasPrefix(out, ", there was a little girl named Lily.") || !strings.HasSuffix(out, "\n") {
		t.Errorf("exit %d, %q, %s", code, out, errs)
	}
	if !strings.Contains(errs, "5 tokens in") || !strings.Contains(errs, "20 out") {
		t.Errorf("stats: %q", errs)
	}
	_, again, _ := command(t, "Once upon a time", "run", tales, "--seed", "5", "-n", "20")
	_, same, _ := command(t, "Once upon a time", "run", tales, "--seed", "5", "-n", "20", "--threads", "1")
	if again != same || again == "" {
		t.Errorf("one seed, two answers: %q and %q", again, same)
	}
	code, out, errs = command(t, "A cat", "run", tales, "--seed", "1", "-n", "5", "--stop", "zzz", "-o", "json")
	var v struct {
		Text   string
		Finish string
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil || code != 0 || v.Finish != "length" {
		t.Errorf("exit %d, %q, %s: %v", code, out, errs, err)
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	f := func(code int, want string, args ...string) {
		t.Helper()
		if got, _, errs := command(t, "", args...); got != code || !strings.Contains(errs, want) {
			t.Errorf("%q: exit %d, %q, want %d and %q", args, got, errs, code, want)
		}
	}
	f(exitUsage, "nothing to ask", "run", "model.gguf")
	f(exitUsage, "accepts 1 arg", "run")
	f(exitFailed, "nosuch.gguf", "run", "nosuch.gguf", "-p", "x")
	f(exitFailed, "nosuch.json", "run", "nosuch.gguf", "-p", "x", "--json-schema", "nosuch.json")
}
