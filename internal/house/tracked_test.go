package house

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mostBytes is more than the largest of Everest's models has, 3.6 MB.
const mostBytes = 4 << 20

// TestNoProgramIsTracked: what was built here, or is large, stays out of git.
func TestNoProgramIsTracked(t *testing.T) {
	list, err := exec.Command("git", "-C", "../..", "ls-files", "-z").Output()
	if err != nil {
		t.Skipf("git ls-files: %v: this is no checkout", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(list), "\x00"), "\x00") {
		if what := unwanted(t, filepath.Join("../..", name)); what != "" {
			t.Errorf("%s is %s", name, what)
		}
	}
}

// unwanted says what is wrong with a file; empty = nothing.
func unwanted(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return "" // deleted, and git not yet told
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > mostBytes {
		return "larger than 4 MiB"
	}
	head, err := io.ReadAll(io.LimitReader(f, 4))
	if err != nil {
		t.Fatal(err)
	}
	for _, magic := range []string{"\x7fELF", "MZ\x90\x00", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe"} {
		if bytes.Equal(head, []byte(magic)) {
			return "a program"
		}
	}
	return ""
}

func TestUnwanted(t *testing.T) {
	dir := t.TempDir()
	f := func(content, want string) {
		t.Helper()
		name := filepath.Join(dir, "file")
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := unwanted(t, name); got != want {
			t.Errorf("%.8q: %q, want %q", content, got, want)
		}
	}
	f("", "")
	f("package house", "")
	f("\x7fELF\x02", "a program")
	f(strings.Repeat("x", mostBytes+1), "larger than 4 MiB")
}
