package whole

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	broken := errors.New("broken")
	f := func(text string, mode os.FileMode, fail error, want string, wantMode os.FileMode) {
		t.Helper()
		err := File(path, mode, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return errors.Join(err, fail)
		})
		if !errors.Is(err, fail) {
			t.Errorf("error %v, want %v", err, fail)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != wantMode {
			t.Errorf("mode %v, %v, want %v", info.Mode(), err, wantMode)
		}
		if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
			t.Errorf("%v, %v, want the file alone", all, err)
		}
	}
	f("one", 0o600, nil, "one", 0o600)
	f("two", 0o644, broken, "one", 0o600)
	f("three", 0o644, nil, "three", 0o644)
	if err := File(filepath.Join(dir, "nowhere", "x"), 0o600, func(io.Writer) error { return nil }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("into a folder that is not there: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := File(filepath.Join(dir, "folder"), 0o600, func(io.Writer) error { return nil }); err == nil {
		t.Error("a folder was replaced")
	}
	if all, _ := os.ReadDir(dir); len(all) != 2 {
		t.Errorf("%v is left", all)
	}
}
