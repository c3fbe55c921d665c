package distill

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"summit/internal/sqlite"
)

// Store keeps samples in a file, which other processes may read.
type Store struct{ db *sql.DB }

var schema = sqlite.Schema{Room: "distill", Migrations: []string{
	// at is in Unix milliseconds, messages is JSON.
	`CREATE TABLE samples (
		run      TEXT    NOT NULL PRIMARY KEY,
		tenant   TEXT    NOT NULL,
		at       INTEGER NOT NULL,
		model    TEXT    NOT NULL,
		messages TEXT    NOT NULL,
		answer   TEXT    NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE INDEX samples_at ON samples (at)`,
}}

// OpenStore opens the store in the file, which is made where it is missing.
func OpenStore(ctx context.Context, path string) (*Store, error) {
	db, err := sqlite.Open(ctx, path, schema)
	if err != nil {
		return nil, err
	}
	return &Store{db}, nil
}

// Add keeps a sample; one of a run that is there already is left out.
func (s *Store) Add(ctx context.Context, x Sample) error {
	messages, err := json.Marshal(x.Messages)
	if err == nil {
		_, err = s.db.ExecContext(ctx, `INSERT INTO samples (run, tenant, at, model, messages, answer) VALUES (?,?,?,?,?,?) ON CONFLICT (run) DO NOTHING`,
			x.Run, x.Tenant, x.At.UnixMilli(), x.Model, string(messages), x.Answer)
	}
	if err != nil {
		return fmt.Errorf("distill: keep %q: %w", x.Run, err)
	}
	return nil
}

// Scan calls visit with the tenant's samples, the oldest first, until it
// returns an error, which Scan returns.
func (s *Store) Scan(ctx context.Context, tenant string, visit func(Sample) error) error {
	rows, err := s.db.QueryContext(ctx, `SELECT run, tenant, at, model, messages, answer FROM samples WHERE tenant = ? ORDER BY at, run`, tenant)
	if err != nil {
		return fmt.Errorf("distill: read samples: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var x Sample
		var at int64
		var messages string
		if err := rows.Scan(&x.Run, &x.Tenant, &at, &x.Model, &messages, &x.Answer); err != nil {
			return fmt.Errorf("distill: read samples: %w", err)
		}
		x.At = time.UnixMilli(at).UTC()
		if err := json.Unmarshal([]byte(messages), &x.Messages); err != nil {
			return fmt.Errorf("distill: sample %q: messages: %w", x.Run, err)
		}
		if err := visit(x); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("distill: read samples: %w", err)
	}
	return nil
}

// Prune removes samples from before the time, and the oldest beyond keep.
func (s *Store) Prune(ctx context.Context, before time.Time, keep int) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM samples WHERE at < ? OR run IN (SELECT run FROM samples ORDER BY at DESC, run LIMIT -1 OFFSET ?)`, before.UnixMilli(), max(keep, 0))
	if err != nil {
		return fmt.Errorf("distill: remove old samples: %w", err)
	}
	return nil
}

// Forget removes all samples of a tenant and returns how many there were.
func (s *Store) Forget(ctx context.Context, tenant string) (int64, error) {
	done, err := s.db.ExecContext(ctx, `DELETE FROM samples WHERE tenant = ?`, tenant)
	if err == nil {
		return done.RowsAffected()
	}
	return 0, fmt.Errorf("distill: forget %q: %w", tenant, err)
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }
