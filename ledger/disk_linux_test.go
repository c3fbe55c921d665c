package ledger_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"summit/ledger"
)

// TestFullDisk fills a real, small file system.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m,mode=700"); err != nil {
		t.Skipf("a small file system can't be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	full(t, filepath.Join(dir, "books.db"), ledger.SQLiteOptions{}, func() {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=16m,mode=700"); err != nil {
			t.Fatal(err)
		}
	})
}

// TestReadOnly opens books that may not be written, as a user whom the file's
// mode binds.
func TestReadOnly(t *testing.T) {
	if where := os.Getenv("SUMMIT_TEST_READ_ONLY"); where != "" {
		s, err := ledger.OpenSQLite(t.Context(), where, ledger.SQLiteOptions{})
		if err == nil {
			_, err = s.Post(t.Context(), ledger.Entry{Key: "a", Kind: "x"})
		}
		if err == nil || !strings.Contains(err.Error(), where) || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("error %v, want one that says that %s may not be written", err, where)
		}
		return
	}
	dir, err := os.MkdirTemp("", "ledger") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "books.db")
	s, err := ledger.OpenSQLite(t.Context(), path, ledger.SQLiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	self := filepath.Join(dir, "test")
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(self, program, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chmod(path, 0o444), os.Chmod(dir, 0o555)); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o755)
	cmd := exec.Command(self, "-test.run", "^TestReadOnly$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SUMMIT_TEST_READ_ONLY="+path, "TMPDIR=/tmp")
	if os.Geteuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
