package ledger

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// derived reads what follows from the transactions at one moment, and checks
// the names of accounts and that the triggers are there.
func (s *SQLite) derived(ctx context.Context) (*derived, error) {
	d := &derived{balances: map[line]Units{}, turnovers: map[turned]Units{}, holds: map[int64]time.Time{}}
	err := s.snapshot(ctx, "verify", func(tx *sql.Tx) (err error) {
		if d.head, err = headOf(ctx, tx); err != nil {
			return err
		}
		names := map[int64]line{}
		each := func(query string, do func(scan func(...any) error) error) error {
			rows, err := tx.QueryContext(ctx, query)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				if err := do(rows.Scan); err != nil {
					return err
				}
			}
			return rows.Err()
		}
		if err := each(`SELECT id, account, currency, checked FROM line`, func(scan func(...any) error) error {
			var id, checked int64
			var l line
			err := scan(&id, &l.account, &l.currency, &checked)
			d.name(names, id, l, checked)
			return err
		}); err != nil {
			return err
		}
		if err := each(`SELECT line, amount FROM balance`, func(scan func(...any) error) error {
			var id int64
			var x Units
			err := scan(&id, &x)
			d.balances[d.named(names, "balance", id)] = x
			return err
		}); err != nil {
			return err
		}
		if err := each(`SELECT period, line, amount FROM turnover`, func(scan func(...any) error) error {
			var id int64
			var x Units
			var p Period
			err := scan(&p, &id, &x)
			d.turnovers[turned{p, d.named(names, "turnover", id)}] = x
			return err
		}); err != nil {
			return err
		}
		if err := each(`SELECT seq, expires FROM hold`, func(scan func(...any) error) error {
			var seq, expires int64
			err := scan(&seq, &expires)
			d.holds[seq] = at(expires)
			return err
		}); err != nil {
			return err
		}
		there := map[string]bool{}
		if err := each(`SELECT name FROM sqlite_schema WHERE type = 'trigger'`, func(scan func(...any) error) error {
			var name string
			err := scan(&name)
			there[name] = true
			return err
		}); err != nil {
			return err
		}
		for _, name := range triggers() {
			if !there[name] {
				d.damages = append(d.damages, Damage{Table: "trigger", Key: name, What: "missing: what is booked could be changed"})
			}
		}
		return nil
	})
	return d, err
}

// sound has SQLite check its own structures: that every row is in every index
// and every entry of an index has its row, that rows are in order, and that
// each value is of its column's type. What rows say is checked by Verify.
func (s *SQLite) sound(ctx context.Context) (damages []Damage, err error) {
	err = s.snapshot(ctx, "verify", func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, fmt.Sprintf(`PRAGMA integrity_check(%d)`, maxDamages))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var what string
			if err := rows.Scan(&what); err != nil {
				return err
			}
			if what != "ok" {
				damages = append(damages, Damage{Table: "file", What: what})
			}
		}
		return rows.Err()
	})
	return damages, err
}

// triggers returns the names of the triggers that keep what is booked.
func triggers() (names []string) {
	for _, script := range sqliteSchema.Migrations {
		for _, word := range strings.Split(script, "CREATE TRIGGER ")[1:] {
			names = append(names, strings.Fields(word)[0])
		}
	}
	return names
}
