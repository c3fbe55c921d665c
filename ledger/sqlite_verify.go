package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"summit/internal/sqlite"
	"summit/money"
)

// sqliteLayout is what a file of books consists of.
var sqliteLayout = sync.OnceValues(func() (*sqlite.Layout, error) { return sqliteSchema.Layout(context.Background()) })

// sqliteReading reads the file page by page, all at one moment, and checks
// what lies beneath the rows as it goes.
type sqliteReading struct {
	s     *SQLite
	conn  *sql.Conn
	walk  *sqlite.Walk
	names map[int64]line
	from  *derived
	found atomic.Bool // damage beneath the rows
}

// read begins to read.
func (s *SQLite) read(ctx context.Context) (_ reading, err error) {
	r := &sqliteReading{s: s, names: map[int64]line{}}
	defer func() {
		if err != nil {
			if r.conn != nil {
				err = errors.Join(err, r.close())
			}
			err = fmt.Errorf("ledger: %s: verify: %w", s.path, err)
		}
	}()
	layout, err := sqliteLayout()
	if err != nil {
		return nil, err
	}
	if r.conn, err = s.db.Conn(ctx); err != nil {
		return nil, err
	}
	if _, err := r.conn.ExecContext(ctx, `BEGIN`); err != nil {
		return nil, err
	}
	if r.walk, err = layout.Walk(ctx, r.conn); err != nil {
		return nil, err
	}
	if r.from, err = r.derive(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *sqliteReading) derived() *derived { return r.from }

// close lets go of the connection.
func (r *sqliteReading) close() error {
	var err error
	if r.walk != nil {
		err = r.walk.Close()
	}
	_, err2 := r.conn.ExecContext(context.Background(), `ROLLBACK`)
	return errors.Join(err, err2, r.conn.Close())
}

// end compares the indexes. Where anything was found beneath the rows, SQLite
// checks its structures itself, which takes longer but names rows.
func (r *sqliteReading) end(ctx context.Context) (damages []Damage, err error) {
	for _, d := range r.walk.End() {
		x := damaged(d).damage()
		if damages = append(damages, x); x.Table == "file" {
			r.found.Store(true)
		}
	}
	if err := r.close(); err != nil {
		return nil, fmt.Errorf("ledger: %s: verify: %w", r.s.path, err)
	}
	if r.found.Load() {
		more, err := r.s.sound(ctx)
		if damages = append(damages, more...); err != nil && ctx.Err() == nil {
			damages = append(damages, Damage{Table: "file", What: "SQLite can't check it: " + err.Error()})
		}
	}
	return damages, context.Cause(ctx)
}

// damaged turns damage beneath the rows into an error that names it.
func damaged(d *sqlite.Damaged) *rowError {
	what := d.What
	if d.Page != 0 {
		what = fmt.Sprintf("page %d: %s", d.Page, what)
	}
	if name, ok := strings.CutPrefix(d.Name, "trigger "); ok {
		return &rowError{"trigger", 0, -1, name, what + ": what is booked could be changed"}
	}
	return &rowError{"file", 0, -1, d.Name, what}
}

// fails returns why a cursor ended early.
func (r *sqliteReading) fails(err error) error {
	var d *sqlite.Damaged
	if errors.As(err, &d) {
		r.found.Store(true)
		return damaged(d)
	}
	return err
}

func (r *sqliteReading) jobs() (all []func(context.Context) error) {
	for _, job := range r.walk.Jobs() {
		all = append(all, func(ctx context.Context) error { return r.fails(job(ctx)) })
	}
	return all
}

// derive reads what follows from the transactions, and the names of accounts.
func (r *sqliteReading) derive(ctx context.Context) (*derived, error) {
	d := &derived{balances: map[line]Units{}, turnovers: map[turned]Units{}, holds: map[int64]time.Time{}}
	var err error
	if d.head, err = headOf(ctx, r.conn); err != nil {
		return nil, err
	}
	each := func(table string, do func(row []sqlite.Value)) error {
		c := r.walk.Rows(ctx, table, math.MinInt64, math.MaxInt64)
		for c.Next() {
			do(c.Values)
		}
		err := r.fails(c.Err())
		var row *rowError
		if errors.As(err, &row) {
			d.damages = append(d.damages, row.damage())
			return nil
		}
		return err
	}
	for _, t := range []struct {
		name string
		do   func(row []sqlite.Value)
	}{
		{"summit_schema", func([]sqlite.Value) {}},
		{"line", func(row []sqlite.Value) {
			d.name(r.names, row[0].Int, line{Account(row[1].Bytes), money.Currency(row[2].Bytes)}, row[3].Int)
		}},
		{"balance", func(row []sqlite.Value) {
			d.balances[d.named(r.names, "balance", row[0].Int)] = Units(row[1].Int)
		}},
		{"turnover", func(row []sqlite.Value) {
			d.turnovers[turned{Period(row[0].Bytes), d.named(r.names, "turnover", row[1].Int)}] = Units(row[2].Int)
		}},
		{"hold", func(row []sqlite.Value) { d.holds[row[0].Int] = at(row[1].Int) }},
	} {
		if err := each(t.name, t.do); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// txns gives the transactions from the tables' pages.
func (r *sqliteReading) txns(ctx context.Context, after, until int64) iter.Seq2[*Txn, error] {
	return sequence(func(give func(*Txn) bool) error {
		first, last := after+1, until
		firstRecord, lastRecord := recordsAfter(after), recordsAfter(last)-1
		if after == 0 { // what lies before or behind all of them belongs to none
			first, firstRecord = math.MinInt64, math.MinInt64
		}
		if until == r.from.head.Seq {
			last, lastRecord = math.MaxInt64, math.MaxInt64
		}
		heads := r.walk.Rows(ctx, "txn", first, last)
		defer heads.Stop()
		postings := r.walk.Rows(ctx, "posting", first, last)
		defer postings.Stop()
		records := r.walk.Rows(ctx, "record", firstRecord, lastRecord)
		defer records.Stop()
		t := &Txn{}
		same := texts{}
		var p postingRow
		var x recordRow
		return merge{
			txn: func() (*Txn, error) {
				if !heads.Next() {
					return nil, r.fails(heads.Err())
				}
				return t, t.take(heads.Values, same)
			},
			posting: func() (postingRow, bool, error) {
				if !postings.Next() {
					return p, false, r.fails(postings.Err())
				}
				row := postings.Values
				l := r.names[row[2].Int] // one without a name is damage, which derive found
				p.seq, p.n, p.Account, p.Currency, p.Amount = row[0].Int, row[1].Int, l.account, l.currency, Units(row[3].Int)
				return p, true, nil
			},
			record: func() (recordRow, bool, error) {
				if !records.Next() {
					return x, false, r.fails(records.Err())
				}
				row := records.Values
				id := row[0].Int
				x.seq, x.n = id>>recordShift, id&(1<<recordShift-1)
				x.Kind, x.Key, x.Body = same.of(row[1].Bytes), string(row[2].Bytes), row[3].Bytes
				return x, true, nil
			},
		}.give(give)
	})
}

// again gives transactions through SQL, at the same moment.
func (r *sqliteReading) again(ctx context.Context, after, until int64) iter.Seq2[*Txn, error] {
	return sequence(func(give func(*Txn) bool) error { return scan(ctx, r.conn, after, until, give) })
}

// texts are texts that come again and again.
type texts map[string]string

func (t texts) of(b []byte) string {
	if s, ok := t[string(b)]; ok {
		return s
	}
	if len(t) >= 1024 {
		clear(t)
	}
	s := string(b)
	t[s] = s
	return s
}

// take reads headColumns, and leaves out postings and records.
func (t *Txn) take(row []sqlite.Value, same texts) error {
	*t = Txn{
		Seq: row[0].Int, Key: string(row[1].Bytes), Kind: same.of(row[3].Bytes), BookedAt: at(row[4].Int), Period: Period(same.of(row[5].Bytes)),
		Effective: Period(same.of(row[6].Bytes)), Released: int(row[7].Int), Ends: row[9].Int, Reverses: row[10].Int, Closes: Period(same.of(row[11].Bytes)),
		Reason: same.of(row[12].Bytes), Postings: t.Postings[:0], Records: t.Records[:0], checks: row[14].Bytes,
	}
	if expires := row[8].Int; expires != 0 {
		x := at(expires)
		t.Expires = &x
	}
	return t.fill(row[2].Bytes, string(row[13].Bytes), row[15].Bytes)
}

// sound has SQLite check its own structures: that every row is in every index
// and every entry of an index has its row, that rows are in order, and that
// each value is of its column's type.
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
