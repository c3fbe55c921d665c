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
		// To be read, it needs no writing, unless its log is beside it.
		s, err = ledger.OpenSQLite(t.Context(), where, ledger.SQLiteOptions{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		r, err := ledger.Verify(t.Context(), s, ledger.VerifyOptions{})
		if err = errors.Join(err, s.Close()); err != nil || r.Found > 0 || r.Txns != 1 {
			t.Errorf("%+v, %v, want one transaction", r, err)
		}
		logged := filepath.Join(filepath.Dir(where), "logged.db")
		if _, err = ledger.OpenSQLite(t.Context(), logged, ledger.SQLiteOptions{ReadOnly: true}); err == nil || !strings.Contains(err.Error(), "its log logged.db-wal has commits") {
			t.Errorf("error %v, want one that says that the log can't be read", err)
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
	if _, err := s.Post(t.Context(), ledger.Entry{Key: "a", Kind: "x"}); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} { // as a crash leaves them
		b, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "logged.db"+suffix), b, 0o444)
		}
		if err != nil {
			t.Fatal(err)
		}
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
