package run

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// AddShadow adds what became of a member that was asked in the shadow.
func (s *SQLite) AddShadow(ctx context.Context, id, tenant string, at time.Time, a Ask) error {
	found, err := s.addShadow(ctx, id, tenant, at, a)
	if err != nil {
		return fmt.Errorf("run: add to %q: %w", clip(id, 60), err)
	}
	if !found {
		return notFound(id)
	}
	return nil
}

func (s *SQLite) addShadow(ctx context.Context, id, tenant string, at time.Time, a Ask) (found bool, err error) {
	text, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	defer tx.Rollback() // after Commit it does nothing
	var run int64
	err = tx.QueryRowContext(ctx, `SELECT seq FROM runs WHERE id = ? AND tenant = ?`, id, tenant).Scan(&run)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO shadows (run, member, ask) VALUES (?,?,?)`, run, a.Member, string(text)); err != nil {
		return false, err
	}
	if err := spend(ctx, tx, ShadowAccount, at, a.Cost); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

// spend adds to what an account has spent on a day; nil = unknown.
func spend(ctx context.Context, tx *sql.Tx, account string, at time.Time, c *Money) error {
	if c == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO spending (account, day, currency, micros) VALUES (?,?,?,?)
		ON CONFLICT (account, day, currency) DO UPDATE SET micros = micros + excluded.micros`, account, Day(at), string(c.Currency), int64(c.Amount))
	return err
}

// Scan visits all entries.
func (s *SQLite) Scan(ctx context.Context, visit func(Entry) error) error {
	rows, err := s.db.QueryContext(ctx, `SELECT `+selected+` FROM runs ORDER BY seq`)
	if err != nil {
		return fmt.Errorf("run: scan: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		e, err := scan(rows.Scan)
		if err != nil {
			return fmt.Errorf("run: scan: %w", err)
		}
		if err := visit(e); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("run: scan: %w", err)
	}
	return nil
}

// Spent returns what an account has spent.
func (s *SQLite) Spent(ctx context.Context, account, day string) ([]Spending, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT day, micros, currency FROM spending WHERE account = ? AND day >= ? ORDER BY day, currency`, account, day)
	if err != nil {
		return nil, fmt.Errorf("run: read spending: %w", err)
	}
	defer rows.Close()
	var all []Spending
	for rows.Next() {
		var p Spending
		if err := rows.Scan(&p.Day, &p.Amount, &p.In); err != nil {
			return nil, fmt.Errorf("run: read spending: %w", err)
		}
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("run: read spending: %w", err)
	}
	return all, nil
}

// Learn keeps what was learned, in one transaction.
func (s *SQLite) Learn(ctx context.Context, all []Learned) error {
	if err := s.learn(ctx, all); err != nil {
		return fmt.Errorf("run: keep what was learned: %w", err)
	}
	return nil
}

func (s *SQLite) learn(ctx context.Context, all []Learned) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	for _, l := range all {
		if l.Value == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM learned WHERE kind = ? AND tenant = ? AND member = ?`, l.Kind, l.Tenant, l.Member)
		} else {
			_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO learned (kind, tenant, member, at, value) VALUES (?,?,?,?,?)`,
				l.Kind, l.Tenant, l.Member, l.At.UnixMilli(), string(l.Value))
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Learned returns all of a kind.
func (s *SQLite) Learned(ctx context.Context, kind string) ([]Learned, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT tenant, member, at, value FROM learned WHERE kind = ? ORDER BY tenant, member`, kind)
	if err != nil {
		return nil, fmt.Errorf("run: read what was learned: %w", err)
	}
	defer rows.Close()
	var all []Learned
	for rows.Next() {
		l := Learned{Kind: kind}
		var at int64
		var value string
		if err := rows.Scan(&l.Tenant, &l.Member, &at, &value); err != nil {
			return nil, fmt.Errorf("run: read what was learned: %w", err)
		}
		l.At, l.Value = time.UnixMilli(at).UTC(), json.RawMessage(value)
		all = append(all, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("run: read what was learned: %w", err)
	}
	return all, nil
}
