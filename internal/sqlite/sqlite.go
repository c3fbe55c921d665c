// Package sqlite opens the SQLite file of a room that keeps state: settings,
// owner, schema version and migrations. What is in the tables is the room's
// own business. Its noun is Schema.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	driver "modernc.org/sqlite" // without cgo
)

// Schema says what a room's file looks like.
type Schema struct {
	Room string // who owns the file; the file of another room is refused
	// Migrations are SQL scripts: the i-th leads from version i to i+1. What
	// was released is never edited; a change is one more script.
	Migrations []string
	// Durable makes every commit survive a power cut. Without it the last
	// commits may be lost then, but the file stays sound.
	Durable bool
}

// busyMilliseconds is how long a statement waits for another process's lock.
// The longest writes are single batches, so seconds mean that it is stuck.
const busyMilliseconds = 5000

// Open opens the file, which is made with mode 0600 where it is missing, and
// brings its schema up to date in one transaction. Several processes may have
// it open (WAL). A file of another room or of a newer schema is refused
// untouched. Transactions of the returned DB take the write lock at their
// beginning.
func Open(ctx context.Context, path string, s Schema) (*sql.DB, error) {
	fail := func(err error) (*sql.DB, error) { return nil, fmt.Errorf("%s: %s: %w", s.Room, path, err) }
	// SQLite would make the file readable for everybody; its WAL and its
	// shared memory take over the file's mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Room, err)
	}
	if err := f.Close(); err != nil {
		return fail(err)
	}
	name, err := dsn(path, s.Durable)
	if err != nil {
		return fail(err)
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return fail(err)
	}
	// One connection writes at a time whatever the number; the others read.
	db.SetMaxOpenConns(4)
	if err := connect(ctx, db); err != nil {
		return fail(errors.Join(err, db.Close()))
	}
	if err := s.apply(ctx, db); err != nil {
		return fail(errors.Join(err, db.Close()))
	}
	return db, nil
}

// OpenReadOnly opens a file of the schema's newest version and writes nothing
// to it, so that one on a medium or in a folder that may not be written can be
// read, too. There the file's log, if it has one, can't be: that is an error.
func OpenReadOnly(ctx context.Context, path string, s Schema) (*sql.DB, error) {
	fail := func(err error) (*sql.DB, error) { return nil, fmt.Errorf("%s: %s: %w", s.Room, path, err) }
	if info, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Room, err)
	} else if !info.Mode().IsRegular() {
		return fail(errors.New("it is no file"))
	}
	db, err := s.openReadOnly(ctx, path, url.Values{"mode": {"ro"}})
	var e *driver.Error
	if errors.As(err, &e) && (e.Code()&0xff == cantOpen || e.Code()&0xff == readOnly) {
		// SQLite can't make the memory that readers of a log share.
		if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
			return fail(fmt.Errorf("its log %s-wal has commits that are read only where the folder may be written: copy both there", filepath.Base(path)))
		}
		db, err = s.openReadOnly(ctx, path, url.Values{"mode": {"ro"}, "immutable": {"1"}})
	}
	if err != nil {
		return fail(err)
	}
	return db, nil
}

// Codes of SQLite's errors; their upper bits are details.
const (
	readOnly = 8
	cantOpen = 14
)

func (s Schema) openReadOnly(ctx context.Context, path string, settings url.Values) (*sql.DB, error) {
	settings.Set("_busy_timeout", fmt.Sprint(busyMilliseconds))
	settings.Set("_dqs", "0")
	settings.Set("_pragma", "query_only(1)")
	name, err := uri(path, settings)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	v, err := s.version(ctx, db)
	if err == nil && v < len(s.Migrations) {
		if err = fmt.Errorf("schema version %d, want %d: let a server of this version open it once", v, len(s.Migrations)); v == 0 {
			err = errors.New("there is nothing in it that this program made")
		}
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// connect makes the first connection, which switches a new file to WAL.
// SQLite's own waiting does not cover that switch: of two processes that make
// the file at once, one is told at once that it is busy.
func connect(ctx context.Context, db *sql.DB) error {
	const busy = 5 // SQLITE_BUSY; the upper bits of a code are details
	for start := time.Now(); ; {
		err := db.PingContext(ctx)
		var e *driver.Error
		if err == nil || !errors.As(err, &e) || e.Code()&0xff != busy || time.Since(start) > busyMilliseconds*time.Millisecond {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func dsn(path string, durable bool) (string, error) {
	synchronous := "NORMAL"
	if durable {
		synchronous = "FULL"
	}
	return uri(path, url.Values{
		"_busy_timeout": {fmt.Sprint(busyMilliseconds)},
		"_journal_mode": {"WAL"},
		"_synchronous":  {synchronous},
		"_txlock":       {"immediate"},
		"_dqs":          {"0"},
	})
}

func uri(path string, settings url.Values) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	slashed := filepath.ToSlash(abs)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // file:///C:/...
	}
	u := url.URL{Scheme: "file", Path: slashed, RawQuery: settings.Encode()}
	return u.String(), nil
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// version returns the schema version of the file, 0 for an empty one.
func (s Schema) version(ctx context.Context, q querier) (int, error) {
	var tables int
	err := q.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'summit_schema'`).Scan(&tables)
	if err != nil {
		return 0, err
	}
	if tables == 0 {
		return 0, nil
	}
	var room string
	var version int
	if err := q.QueryRowContext(ctx, `SELECT room, version FROM summit_schema`).Scan(&room, &version); err != nil {
		return 0, err
	}
	if room != s.Room {
		return 0, fmt.Errorf("the file belongs to %q, want one of %q", room, s.Room)
	}
	if newest := len(s.Migrations); version > newest {
		return 0, fmt.Errorf("schema version %d, this program knows versions up to %d: use the newer program that wrote it", version, newest)
	}
	return version, nil
}

// apply runs the migrations that the file lacks, all or none.
func (s Schema) apply(ctx context.Context, db *sql.DB) error {
	if v, err := s.version(ctx, db); err != nil || v == len(s.Migrations) {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	// Another process may have been faster.
	v, err := s.version(ctx, tx)
	if err != nil {
		return err
	}
	if v == 0 {
		if _, err := tx.ExecContext(ctx, `
			CREATE TABLE IF NOT EXISTS summit_schema (room TEXT NOT NULL, version INTEGER NOT NULL);
			DELETE FROM summit_schema;
			INSERT INTO summit_schema (room, version) VALUES (?, 0)`, s.Room); err != nil {
			return err
		}
	}
	for ; v < len(s.Migrations); v++ {
		if _, err := tx.ExecContext(ctx, s.Migrations[v]); err != nil {
			return fmt.Errorf("migration to schema version %d: %w", v+1, err)
		}
	}
	if _, err := tx.ExecContext(ctx, `UPDATE summit_schema SET version = ?`, v); err != nil {
		return err
	}
	return tx.Commit()
}
