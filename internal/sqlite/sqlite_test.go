package sqlite

import (
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

var one = Schema{Room: "test", Migrations: []string{`CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1)`}}

func open(t *testing.T, path string, s Schema) *sql.DB {
	t.Helper()
	db, err := Open(t.Context(), path, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func count(t *testing.T, db *sql.DB, query string) int {
	t.Helper()
	var n int
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func TestOpen(t *testing.T) {
	// A path with everything that an URI gives a meaning to.
	path := filepath.Join(t.TempDir(), "a b?c#d%20&e.db")
	db := open(t, path, one)
	if n := count(t, db, `SELECT count(*) FROM a`); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	var mode string
	if err := db.QueryRow(`PRAGMA journal_mode`).Scan(&mode); err != nil || mode != "wal" {
		t.Errorf("journal mode %q, %v, want wal", mode, err)
	}
	if n := count(t, db, `PRAGMA busy_timeout`); n != busyMilliseconds {
		t.Errorf("busy timeout %d, want %d", n, busyMilliseconds)
	}
	if n := count(t, db, `PRAGMA synchronous`); n != 1 {
		t.Errorf("synchronous %d, want 1 (normal)", n)
	}
	if runtime.GOOS != "windows" {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			info, err := os.Stat(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if got := info.Mode().Perm(); got != 0o600 {
				t.Errorf("mode of the file%s is %o, want 600", suffix, got)
			}
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), filepath.Base(path)) {
			t.Errorf("stray file %q: the path was not taken literally", e.Name())
		}
	}
	// Opened again, nothing is applied twice.
	if n := count(t, open(t, path, one), `SELECT count(*) FROM a`); n != 1 {
		t.Errorf("%d rows after opening twice, want 1", n)
	}
}

func TestDurable(t *testing.T) {
	s := one
	s.Durable = true
	if n := count(t, open(t, filepath.Join(t.TempDir(), "x.db"), s), `PRAGMA synchronous`); n != 2 {
		t.Errorf("synchronous %d, want 2 (full)", n)
	}
}

func TestMigrateFromEveryVersion(t *testing.T) {
	s := Schema{Room: "test", Migrations: []string{
		`CREATE TABLE a (x INTEGER)`,
		`ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7`,
		`CREATE INDEX a_y ON a (y)`,
	}}
	for from := 1; from <= len(s.Migrations); from++ {
		path := filepath.Join(t.TempDir(), "x.db")
		old := s
		old.Migrations = s.Migrations[:from]
		db := open(t, path, old)
		if _, err := db.Exec(`INSERT INTO a (x) VALUES (5)`); err != nil {
			t.Fatal(err)
		}
		db.Close()
		db = open(t, path, s)
		if n := count(t, db, `SELECT y FROM a WHERE x = 5`); n != 7 {
			t.Errorf("from version %d: y is %d, want 7", from, n)
		}
		if n := count(t, db, `SELECT version FROM summit_schema`); n != 3 {
			t.Errorf("from version %d: version %d, want 3", from, n)
		}
	}
}

func TestFailedMigrationChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	bad := Schema{Room: "test", Migrations: []string{one.Migrations[0], `CREATE TABLE b (x INTEGER)`, `CREATE TABLE a (x INTEGER)`}}
	if _, err := Open(t.Context(), path, bad); err == nil || !strings.Contains(err.Error(), "schema version 3") {
		t.Fatalf("error %v, want one that names schema version 3", err)
	}
	db := open(t, path, one)
	if n := count(t, db, `SELECT count(*) FROM sqlite_schema WHERE name = 'b'`); n != 0 {
		t.Error("a failed migration left a table")
	}
}

func TestRefuses(t *testing.T) {
	f := func(name string, prepare func(path string), want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "x.db")
		prepare(path)
		before, _ := os.ReadFile(path)
		db, err := Open(t.Context(), path, one)
		if err == nil {
			db.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
		if after, _ := os.ReadFile(path); string(before) != string(after) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	f("newer schema", func(path string) {
		newer := one
		newer.Migrations = append(newer.Migrations[:1:1], `CREATE TABLE b (x INTEGER)`)
		open(t, path, newer).Close()
	}, "schema version 2, this program knows versions up to 1")
	f("other room", func(path string) {
		other := one
		other.Room = "other"
		open(t, path, other).Close()
	}, `belongs to "other", want one of "test"`)
	f("no database", func(path string) {
		if err := os.WriteFile(path, []byte(strings.Repeat("plain text\n", 100)), 0o600); err != nil {
			t.Fatal(err)
		}
	}, "not a database")
	f("a folder", func(path string) {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}, "is a directory")
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "missing", "x.db"), one); err == nil {
		t.Error("a missing folder was accepted")
	}
}

func TestManyOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			db, err := Open(t.Context(), path, one)
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			if _, err := db.Exec(`INSERT INTO a VALUES (2)`); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := count(t, open(t, path, one), `SELECT count(*) FROM a`); n != 9 {
		t.Errorf("%d rows, want 9", n)
	}
}

// TestReadOnly reads files as a backup leaves them, also where SQLite can't
// make anything beside them, and changes nothing.
func TestReadOnly(t *testing.T) {
	from := filepath.Join(t.TempDir(), "x.db")
	db := open(t, from, one)
	if _, err := db.Exec(`INSERT INTO a VALUES (2)`); err != nil { // it is in the log only
		t.Fatal(err)
	}
	copied := func(suffixes ...string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "x.db")
		for _, s := range suffixes {
			b, err := os.ReadFile(from + s)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path+s, b, 0o400); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	f := func(name, path string, s Schema, rows int, want string) {
		t.Helper()
		before, _ := os.ReadFile(path)
		db, err := OpenReadOnly(t.Context(), path, s)
		if err != nil || want != "" {
			if err == nil || want == "" || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want %q", name, err, want)
			}
			return
		}
		if n := count(t, db, `SELECT count(*) FROM a`); n != rows {
			t.Errorf("%s: %d rows, want %d", name, n, rows)
		}
		if _, err := db.Exec(`INSERT INTO a VALUES (3)`); err == nil {
			t.Errorf("%s: it was written to", name)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if after, _ := os.ReadFile(path); string(before) != string(after) {
			t.Errorf("%s: the file was changed", name)
		}
	}
	shut := func(path string) string { // nothing can be made beside it
		if err := os.Chmod(filepath.Dir(path), 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(filepath.Dir(path), 0o700) })
		return path
	}
	bound := runtime.GOOS != "windows" && os.Geteuid() != 0 // by a folder's mode; the ledger's test becomes another user
	f("with its log", copied("", "-wal"), one, 2, "")
	if bound {
		f("with its log, shut", shut(copied("", "-wal")), one, 0, "its log x.db-wal has commits")
	}
	if _, err := db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		t.Fatal(err)
	}
	f("without", copied(""), one, 2, "")
	if bound {
		f("without, shut", shut(copied("")), one, 2, "")
	}
	f("beside who writes", from, one, 2, "")
	newer := one
	newer.Migrations = append(newer.Migrations[:1:1], `CREATE TABLE b (x INTEGER)`)
	f("an old one", copied(""), newer, 0, "schema version 1, want 2")
	f("a folder", t.TempDir(), one, 0, "it is no file")
	f("nothing", filepath.Join(t.TempDir(), "x.db"), one, 0, "no such file")
	empty := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f("an empty one", empty, one, 0, "nothing in it that this program made")
	other := one
	other.Room = "other"
	f("of another room", copied(""), other, 0, `belongs to "test"`)
}
