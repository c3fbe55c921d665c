package run

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"summit/internal/sqlite"
	"summit/llm"
)

// SQLite keeps entries in a file, which other processes may read.
type SQLite struct {
	db     *sql.DB
	insert *sql.Stmt
}

var schema = sqlite.Schema{
	Room: "run",
	Migrations: []string{
		// seq is the order of appending; at is in Unix milliseconds.
		`CREATE TABLE runs (
			seq        INTEGER PRIMARY KEY,
			id         TEXT    NOT NULL UNIQUE,
			request_id TEXT    NOT NULL,
			at         INTEGER NOT NULL,
			tenant     TEXT    NOT NULL,
			key_id     TEXT    NOT NULL,
			protocol   TEXT    NOT NULL,
			model      TEXT    NOT NULL,
			stream     INTEGER NOT NULL,
			status     INTEGER NOT NULL,
			error      TEXT    NOT NULL,
			ttft_us    INTEGER NOT NULL,
			took_us    INTEGER NOT NULL,
			outcome    TEXT
		) STRICT`,
		// A run's feedback goes with it, whoever deletes the run.
		`CREATE TABLE feedback (
			run       INTEGER NOT NULL,
			key_id    TEXT    NOT NULL,
			source    TEXT    NOT NULL,
			at        INTEGER NOT NULL,
			score_ppm INTEGER NOT NULL,
			PRIMARY KEY (run, key_id, source)
		) STRICT, WITHOUT ROWID;
		CREATE TRIGGER feedback_goes AFTER DELETE ON runs BEGIN
			DELETE FROM feedback WHERE run = OLD.seq;
		END`,
		// lesson, ask and value are JSON. Accounts are kept by day and stay when
		// runs go: bounds by month need them.
		`ALTER TABLE runs ADD COLUMN lesson TEXT;
		CREATE TABLE shadows (
			run    INTEGER NOT NULL,
			member TEXT    NOT NULL,
			ask    TEXT    NOT NULL,
			PRIMARY KEY (run, member)
		) STRICT, WITHOUT ROWID;
		CREATE TRIGGER shadows_go AFTER DELETE ON runs BEGIN
			DELETE FROM shadows WHERE run = OLD.seq;
		END;
		CREATE TABLE spending (
			account  TEXT    NOT NULL,
			day      TEXT    NOT NULL,
			currency TEXT    NOT NULL,
			micros   INTEGER NOT NULL,
			PRIMARY KEY (account, day, currency)
		) STRICT, WITHOUT ROWID;
		CREATE TABLE learned (
			kind   TEXT    NOT NULL,
			tenant TEXT    NOT NULL,
			member TEXT    NOT NULL,
			at     INTEGER NOT NULL,
			value  TEXT    NOT NULL,
			PRIMARY KEY (kind, tenant, member)
		) STRICT, WITHOUT ROWID`,
	},
}

const columns = `id, request_id, at, tenant, key_id, protocol, model, stream, status, error, ttft_us, took_us, outcome, lesson`

// selected is what scan reads: an entry and its feedback in one statement,
// and so of one moment.
const selected = columns + `, (SELECT json_group_array(json_array(at, score_ppm, source, key_id)) FROM feedback WHERE run = runs.seq),
	(SELECT json_group_array(json(ask)) FROM shadows WHERE run = runs.seq)`

// OpenSQLite opens the store in the file, which is made where it is missing.
func OpenSQLite(ctx context.Context, path string) (*SQLite, error) {
	db, err := sqlite.Open(ctx, path, schema)
	if err != nil {
		return nil, err
	}
	insert, err := db.PrepareContext(ctx, `INSERT INTO runs (`+columns+`) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO NOTHING`)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("run: %s: %w", path, err), db.Close())
	}
	return &SQLite{db: db, insert: insert}, nil
}

// Append adds entries in one transaction.
func (s *SQLite) Append(ctx context.Context, entries []Entry) error {
	if err := s.append(ctx, entries); err != nil {
		return fmt.Errorf("run: append %d entries: %w", len(entries), err)
	}
	return nil
}

func (s *SQLite) append(ctx context.Context, entries []Entry) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	insert := tx.StmtContext(ctx, s.insert)
	for _, e := range entries {
		var outcome any
		if e.Outcome != nil {
			outcome = string(e.Outcome)
		}
		var lesson any
		if e.Lesson != nil {
			text, err := json.Marshal(e.Lesson)
			if err != nil {
				return err
			}
			lesson = string(text)
		}
		done, err := insert.ExecContext(ctx, e.ID, e.RequestID, e.At.UnixMilli(), e.Tenant, e.KeyID, e.Protocol, e.Model,
			e.Stream, e.Status, e.Error, e.TTFT.Microseconds(), e.Took.Microseconds(), outcome, lesson)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			continue // it is there already
		}
		if err := spend(ctx, tx, TenantAccount(e.Tenant), e.At, e.Spent); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Latest returns the last entries.
func (s *SQLite) Latest(ctx context.Context, n int) ([]Entry, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+selected+` FROM runs ORDER BY seq DESC LIMIT ?`, max(n, 0))
	if err != nil {
		return nil, fmt.Errorf("run: read the latest: %w", err)
	}
	defer rows.Close()
	var all []Entry
	for rows.Next() {
		e, err := scan(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("run: read the latest: %w", err)
		}
		all = append(all, e)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("run: read the latest: %w", err)
	}
	return all, nil
}

// Get returns one entry.
func (s *SQLite) Get(ctx context.Context, id string) (Entry, error) {
	e, err := scan(s.db.QueryRowContext(ctx, `SELECT `+selected+` FROM runs WHERE id = ?`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Entry{}, notFound(id)
	}
	if err != nil {
		return Entry{}, fmt.Errorf("run: read %q: %w", clip(id, 60), err)
	}
	return e, nil
}

// AddFeedback keeps feedback.
func (s *SQLite) AddFeedback(ctx context.Context, f Feedback) error {
	if err := f.check(); err != nil {
		return err
	}
	found, err := s.addFeedback(ctx, f.grain())
	if err != nil {
		return fmt.Errorf("run: add feedback to %q: %w", clip(f.Run, 60), err)
	}
	if !found {
		return notFound(f.Run)
	}
	return nil
}

func (s *SQLite) addFeedback(ctx context.Context, f Feedback) (found bool, err error) {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // after Commit it does nothing
	var run int64
	err = tx.QueryRowContext(ctx, `SELECT seq FROM runs WHERE id = ? AND tenant = ?`, f.Run, f.Tenant).Scan(&run)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO feedback (run, key_id, source, at, score_ppm) VALUES (?,?,?,?,?)`,
		run, f.KeyID, f.Source, f.At.UnixMilli(), f.ppm()); err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, `
		DELETE FROM feedback WHERE run = ?1 AND (key_id, source) IN
		(SELECT key_id, source FROM feedback WHERE run = ?1 ORDER BY at DESC, key_id DESC, source DESC LIMIT -1 OFFSET ?2)`, run, maxFeedback); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

// Prune removes old entries. Only the oldest n are looked at, so the table
// needs no index for it and nobody waits long for the lock.
func (s *SQLite) Prune(ctx context.Context, before time.Time, keep, n int) (int, error) {
	// Only the oldest are ever removed, so seq has no gaps to miscount.
	r, err := s.db.ExecContext(ctx, `
		DELETE FROM runs WHERE seq IN (SELECT seq FROM runs ORDER BY seq LIMIT ?)
		AND (at < ? OR seq <= (SELECT max(seq) FROM runs) - ?)`, n, before.UnixMilli(), keep)
	if err != nil {
		return 0, fmt.Errorf("run: prune: %w", err)
	}
	removed, err := r.RowsAffected()
	if err != nil {
		return 0, fmt.Errorf("run: prune: %w", err)
	}
	return int(removed), nil
}

// Close closes the file.
func (s *SQLite) Close() error {
	if err := errors.Join(s.insert.Close(), s.db.Close()); err != nil {
		return fmt.Errorf("run: close: %w", err)
	}
	return nil
}

func scan(into func(dest ...any) error) (Entry, error) {
	var e Entry
	var at, ttft, took int64
	var kind string
	var outcome, lesson sql.NullString
	var feedback, shadows string
	err := into(&e.ID, &e.RequestID, &at, &e.Tenant, &e.KeyID, &e.Protocol, &e.Model, &e.Stream, &e.Status, &kind, &ttft, &took, &outcome, &lesson,
		&feedback, &shadows)
	if err != nil {
		return Entry{}, err
	}
	e.At, e.TTFT, e.Took = time.UnixMilli(at).UTC(), time.Duration(ttft)*time.Microsecond, time.Duration(took)*time.Microsecond
	e.Error = llm.ErrorKind(kind)
	if outcome.Valid {
		e.Outcome = []byte(outcome.String)
	}
	if e.Lesson, err = readLesson(lesson.String, shadows); err != nil {
		return Entry{}, err
	}
	e.Feedback, err = feedbackOf(e, feedback)
	return e, err
}
