package identity_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/identity"
	"summit/identity/identitytest"
)

func TestMemory(t *testing.T) {
	identitytest.Run(t, func(*testing.T) identity.Keys { return identity.NewMemory() })
}

func TestSQLite(t *testing.T) {
	identitytest.Run(t, func(t *testing.T) identity.Keys { return open(t, filepath.Join(t.TempDir(), "identity.db")) })
}

func open(t testing.TB, path string) *identity.SQLite {
	t.Helper()
	s, err := identity.OpenSQLite(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t testing.TB, keys identity.Keys) (identity.Key, string) {
	t.Helper()
	k, secret, err := keys.Create(t.Context(), identity.Draft{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	return k, secret
}

func TestSQLiteKeepsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "identity.db")
		s := open(t, path)
		k, secret := create(t, s)
		if _, err := s.Check(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
		s = open(t, path)
		defer s.Close()
		k.LastUsed = k.Created // Close wrote it down
		if all, err := s.List(t.Context()); err != nil || len(all) != 1 || all[0] != k {
			t.Errorf("opened again: %+v, %v, want %+v", all, err, k)
		}
		if got, err := s.Check(t.Context(), secret); err != nil || got != k {
			t.Errorf("opened again: %+v, %v, want %+v", got, err, k)
		}
	})
}

func TestSQLiteHoldsNoSecret(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "identity.db"))
	_, secret := create(t, s)
	if _, err := s.Check(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	s.Close()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), secret[len(secret)-30:]) {
			t.Errorf("%s holds the secret", f.Name())
		}
	}
}

// Two stores on one file stand for two processes.
func TestSQLiteSeesAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "identity.db")
		server, command := open(t, path), open(t, path)
		defer server.Close()
		defer command.Close()
		k, secret := create(t, server)
		check := func() error { _, err := server.Check(t.Context(), secret); return err }
		if err := check(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the time of use is written: no wait for a lock moves the clock below
		if _, err := command.Revoke(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(999 * time.Millisecond)
		if err := check(); err != nil {
			t.Errorf("after 999ms: %v, want the key from memory", err)
		}
		time.Sleep(time.Millisecond)
		if err := check(); !errors.Is(err, identity.ErrUnknown) {
			t.Errorf("after 1s: %v, want ErrUnknown", err)
		}
		_, other := create(t, command)
		time.Sleep(time.Second)
		if _, err := server.Check(t.Context(), other); err != nil {
			t.Errorf("a key of another process, after 1s: %v", err)
		}
	})
}

func TestSQLiteRefusesAllWhenItCannotAsk(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "identity.db"))
	_, secret := create(t, s)
	s.Close()
	if _, err := s.Check(t.Context(), secret); err == nil || errors.Is(err, identity.ErrUnknown) {
		t.Errorf("closed: error %v, want one that says why", err)
	}
}

func FuzzCheck(f *testing.F) {
	keys := identity.NewMemory()
	_, right := create(f, keys)
	disk := open(f, filepath.Join(f.TempDir(), "identity.db"))
	f.Cleanup(func() { disk.Close() })
	f.Add(right)
	f.Add("sk-summit-")
	f.Add("sk-summit-\x00\xff")
	f.Fuzz(func(t *testing.T, secret string) {
		if _, err := keys.Check(t.Context(), secret); (err == nil) != (secret == right) {
			t.Errorf("memory: %q: %v", secret, err)
		}
		if _, err := disk.Check(t.Context(), secret); err == nil {
			t.Errorf("sqlite: %q was accepted", secret)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "identity.db"))
	defer s.Close()
	var secret string
	for range 1000 {
		_, secret = create(b, s)
	}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := s.Check(b.Context(), secret); err != nil {
				b.Fatal(err)
			}
		}
	})
}
