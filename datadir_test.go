package summit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"summit/identity"
)

func TestDataDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	var warned []string
	warn := func(s string) { warned = append(warned, s) }
	d, err := openDataDir(path, warn)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o700) {
		t.Errorf("folder %v, %v, want mode 0700", info.Mode(), err)
	}
	if text, err := os.ReadFile(filepath.Join(path, versionFile)); err != nil || string(text) != "1\n" {
		t.Errorf("version %q, %v, want 1", text, err)
	}

	if got := InUse(path); got != fmt.Sprintf("process %d", os.Getpid()) {
		t.Errorf("in use by %q, want this process", got)
	}

	// A second one is told who has it.
	_, err = openDataDir(path, warn)
	var n *NotReadyError
	want := fmt.Sprintf("is in use by process %d", os.Getpid())
	if !errors.As(err, &n) || !strings.Contains(err.Error(), want) || n.Next == "" {
		t.Errorf("error %v, want a *NotReadyError with %q", err, want)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if got := InUse(path); got != "" {
		t.Errorf("released, yet in use by %q", got)
	}
	if d, err = openDataDir(path, warn); err != nil {
		t.Fatalf("after it was released: %v", err)
	}
	d.Close()
	if len(warned) > 0 {
		t.Errorf("warnings %q", warned)
	}

	if runtime.GOOS != "windows" {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		d, err := openDataDir(path, warn)
		if err != nil {
			t.Fatal(err)
		}
		d.Close()
		if len(warned) != 1 || !strings.Contains(warned[0], "can be entered by others (mode 0755)") {
			t.Errorf("warnings %q, want one about the mode", warned)
		}
	}

	f := func(version, want string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(path, versionFile), []byte(version), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openDataDir(path, warn); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("version %q: error %v, want %q", version, err, want)
		}
	}
	f("2\n", "layout version 2, this program knows versions up to 1")
	f("one", `"one" is no version`)

	if _, err := openDataDir(filepath.Join(path, versionFile), warn); !errors.As(err, &n) {
		t.Errorf("a file instead of a folder: %v, want a *NotReadyError", err)
	}
	if _, err := openDataDir("", warn); !errors.As(err, &n) {
		t.Errorf("no folder: %v, want a *NotReadyError", err)
	}
}

func TestBackup(t *testing.T) {
	ctx := t.Context()
	from := filepath.Join(t.TempDir(), "data")
	if _, err := Backup(ctx, from, t.TempDir()); err == nil || !strings.Contains(err.Error(), "is no data directory") {
		t.Errorf("no data: %v", err)
	}
	keys, err := OpenKeys(ctx, from)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close() // open all the time, as in a running server
	made, secret, err := keys.Create(ctx, identity.Draft{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := KeepAdminKey(from, secret); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy")
	files, err := Backup(ctx, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 2 || files[0].Name != keysFile || files[0].Bytes == 0 || files[1].Name != versionFile {
		t.Errorf("files %v, want keys.db and version", files)
	}
	if _, err := os.Stat(filepath.Join(to, adminFile)); err == nil {
		t.Error("the secret was copied")
	}
	if info, err := os.Stat(filepath.Join(to, keysFile)); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o600) {
		t.Errorf("copy %v, %v, want mode 0600", info.Mode(), err)
	}
	copied, err := OpenKeys(ctx, to)
	if err != nil {
		t.Fatal(err)
	}
	defer copied.Close()
	if k, err := copied.Check(ctx, secret); err != nil || k.ID != made.ID {
		t.Errorf("the key in the copy: %+v, %v", k, err)
	}
	if _, err := Backup(ctx, from, to); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("into a folder with files: %v", err)
	}
}

func TestFirstKey(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	keys, err := OpenKeys(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	secret, err := firstKey(ctx, keys)
	if err != nil || secret == "" {
		t.Fatalf("secret %q, %v", secret, err)
	}
	k, err := keys.Check(ctx, secret)
	if err != nil || k.Role != identity.Admin {
		t.Errorf("key %+v, %v, want an admin's", k, err)
	}
	if again, err := firstKey(ctx, keys); again != "" || err != nil {
		t.Errorf("a second start made another key: %v", err)
	}
	if _, err := keys.Revoke(ctx, k.ID); err != nil {
		t.Fatal(err)
	}
	if again, err := firstKey(ctx, keys); again == "" || err != nil {
		t.Errorf("no key after the only one was revoked: %v", err)
	}
	path, err := KeepAdminKey(dir, secret)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || (runtime.GOOS != "windows" && info.Mode().Perm() != 0o600) {
		t.Errorf("%v, %v, want mode 0600", info.Mode(), err)
	}
}
