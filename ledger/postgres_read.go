package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"summit/money"
)

// snapshot runs reads that all see the same moment.
func (s *Postgres) snapshot(ctx context.Context, what string, do func(pgx.Tx) error) error {
	err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, do)
	if err != nil {
		return fmt.Errorf("ledger: postgres: %s: %w", what, err)
	}
	return nil
}

// Head returns where the books end.
func (s *Postgres) Head(ctx context.Context) (Head, error) {
	var h Head
	err := s.snapshot(ctx, "head", func(tx pgx.Tx) error { return headOfPostgres(ctx, tx, &h) })
	return h, err
}

func headOfPostgres(ctx context.Context, tx pgx.Tx, h *Head) error {
	batch := &pgx.Batch{}
	queueHead(batch, h)
	return tx.SendBatch(ctx, batch).Close()
}

// Find returns the transaction that was booked under the key.
func (s *Postgres) Find(ctx context.Context, key string) (*Txn, error) {
	var t *Txn
	if !text(key, MaxKeyBytes) { // the server takes no such text
		return nil, fmt.Errorf("ledger: postgres: %q: %w", clip(key), ErrNotFound)
	}
	err := s.snapshot(ctx, fmt.Sprintf("%q", clip(key)), func(tx pgx.Tx) error {
		var seq int64
		err := tx.QueryRow(ctx, `SELECT seq FROM txn WHERE key = $1`, key).Scan(&seq)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		all, err := pageOf(ctx, tx, `seq = $1`, seq)
		if err == nil {
			t = all[0]
		}
		return err
	})
	return t, err
}

// Balance returns what stands in an account.
func (s *Postgres) Balance(ctx context.Context, a Account, c money.Currency) (Units, error) {
	var x Units
	if l := (line{a, c}); !l.bookable() {
		return 0, nil
	}
	err := s.pool.QueryRow(ctx, `SELECT b.amount FROM line l JOIN balance b ON b.line = l.id WHERE l.account = $1 AND l.currency = $2`, string(a), string(c)).Scan(&x)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return 0, fmt.Errorf("ledger: postgres: account %s: %w", clip(string(a)), err)
	}
	return x, nil
}

// Balances returns balances or turnovers.
func (s *Postgres) Balances(ctx context.Context, f BalanceFilter) iter.Seq2[Balance, error] {
	low, high := bounds(f.Prefix)
	if !text(low, MaxKeyBytes) || !text(string(f.Period), MaxKeyBytes) { // the server takes no such text
		return func(func(Balance, error) bool) {}
	}
	query, args := `SELECT '', l.account, l.currency, b.amount FROM line l JOIN balance b ON b.line = l.id
		WHERE l.account >= $1 AND l.account < $2 ORDER BY l.account, l.currency`, []any{low, high}
	if f.Turnovers || f.Period != "" {
		query = `SELECT t.period, l.account, l.currency, t.amount FROM turnover t JOIN line l ON l.id = t.line
			WHERE l.account >= $1 AND l.account < $2 AND ($3 = '' OR t.period = $3) ORDER BY t.period, l.account, l.currency`
		args = append(args, string(f.Period))
	}
	return postgresRows(s, ctx, "balances", query, args, func(rows pgx.Rows) (b Balance, err error) {
		return b, rows.Scan(&b.Period, &b.Account, &b.Currency, &b.Amount)
	})
}

// postgresRows gives the rows of a query as they come.
func postgresRows[T any](s *Postgres, ctx context.Context, what, query string, args []any, scan func(pgx.Rows) (T, error)) iter.Seq2[T, error] {
	return sequence(func(give func(T) bool) error {
		return s.snapshot(ctx, what, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, query, args...)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				x, err := scan(rows)
				if err != nil {
					return err
				}
				if !give(x) {
					return nil
				}
			}
			return rows.Err()
		})
	})
}

// Txns returns transactions in their order.
func (s *Postgres) Txns(ctx context.Context, f Filter) iter.Seq2[*Txn, error] {
	until := f.Until
	if until <= 0 {
		until = math.MaxInt64
	}
	return sequence(func(give func(*Txn) bool) error {
		return s.snapshot(ctx, "transactions", func(tx pgx.Tx) error {
			// Pages, since a connection has one query at a time.
			const page = 500
			number := func(rows pgx.Rows) (seq int64, err error) { return seq, rows.Scan(&seq) }
			var lines []int64
			if len(f.Accounts) > 0 {
				names := make([]string, 0, len(f.Accounts))
				for _, a := range f.Accounts {
					if _, err := a.Type(); err == nil {
						names = append(names, string(a))
					}
				}
				var err error
				if lines, err = queryAll(ctx, tx, number, `SELECT id FROM line WHERE account = ANY($1)`, names); err != nil {
					return err
				}
			}
			for after := f.After; ; {
				var seqs []int64
				var err error
				if len(f.Accounts) > 0 {
					// Of each account no more than a page is looked at.
					seqs, err = queryAll(ctx, tx, number, `SELECT DISTINCT p.seq FROM unnest($3::bigint[]) AS l (id) CROSS JOIN LATERAL (
						SELECT DISTINCT seq FROM posting WHERE line = l.id AND seq > $1 AND seq <= $2 ORDER BY seq LIMIT $4) AS p
						ORDER BY p.seq LIMIT $4`, after, until, lines, page)
				} else {
					seqs, err = queryAll(ctx, tx, number, `SELECT seq FROM txn WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3`, after, until, page)
				}
				if err != nil || len(seqs) == 0 {
					return err
				}
				var all []*Txn
				if len(f.Accounts) > 0 {
					all, err = pageOf(ctx, tx, `seq = ANY($1)`, seqs)
				} else {
					all, err = pageOf(ctx, tx, `seq > $1 AND seq <= $2`, after, seqs[len(seqs)-1])
				}
				if err != nil {
					return err
				}
				for _, t := range all {
					if f.wants(t) && !give(t) {
						return nil
					}
				}
				after = seqs[len(seqs)-1]
			}
		})
	})
}

// pageOf reads the transactions that fit the condition with all their rows.
func pageOf(ctx context.Context, tx pgx.Tx, where string, args ...any) ([]*Txn, error) {
	var all []*Txn
	byNumber := map[int64]*Txn{}
	var damaged error
	batch := &pgx.Batch{}
	each := func(query string, scan func(pgx.Rows) error) {
		batch.Queue(query, args...).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				if err := scan(rows); err != nil {
					return err
				}
			}
			return rows.Err()
		})
	}
	each(`SELECT `+headColumns+` FROM txn WHERE `+where+` ORDER BY seq`, func(rows pgx.Rows) error {
		t, err := scanTxn(rows.Scan)
		if err != nil {
			return err
		}
		all, byNumber[t.Seq] = append(all, t), t
		return nil
	})
	each(`SELECT p.seq, p.n, coalesce(l.account, ''), coalesce(l.currency, ''), p.amount FROM posting p LEFT JOIN line l ON l.id = p.line WHERE p.`+where+` ORDER BY p.seq, p.n`, func(rows pgx.Rows) error {
		var seq, n int64
		var p Posting
		if err := rows.Scan(&seq, &n, &p.Account, &p.Currency, &p.Amount); err != nil {
			return err
		}
		t := byNumber[seq]
		switch {
		case t == nil:
			damaged = &rowError{"posting", seq, int(n), "", "it belongs to no transaction"}
		case n != int64(len(t.Postings)):
			damaged = &rowError{"posting", seq, int(n), t.Key, fmt.Sprintf("want posting %d of the transaction", len(t.Postings)+1)}
		default:
			t.Postings = append(t.Postings, p)
		}
		return nil
	})
	each(`SELECT seq, n, kind, key, body FROM record WHERE `+where+` ORDER BY seq, n`, func(rows pgx.Rows) error {
		var seq, n int64
		var r Record
		if err := rows.Scan(&seq, &n, &r.Kind, &r.Key, &r.Body); err != nil {
			return err
		}
		t := byNumber[seq]
		switch {
		case t == nil:
			damaged = &rowError{"record", seq, int(n), "", "it belongs to no transaction"}
		case n != int64(len(t.Records)):
			damaged = &rowError{"record", seq, int(n), t.Key, fmt.Sprintf("want record %d of the transaction", len(t.Records)+1)}
		default:
			t.Records = append(t.Records, r)
		}
		return nil
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	return all, damaged
}

// Records returns what was filed with transactions.
func (s *Postgres) Records(ctx context.Context, f RecordFilter) iter.Seq2[Filed, error] {
	until := f.Until
	if until <= 0 {
		until = math.MaxInt64
	}
	if !text(f.Kind, MaxKeyBytes) || !text(f.Key, MaxKeyBytes) {
		return func(func(Filed, error) bool) {}
	}
	query, args := `SELECT seq, kind, key, body FROM record WHERE seq > $1 AND seq <= $2 AND kind = $3`, []any{f.After, until, f.Kind}
	if f.Key != "" {
		query += ` AND key = $4 AND key <> ''`
		args = append(args, f.Key)
	}
	return postgresRows(s, ctx, "records", query+` ORDER BY seq, n`, args, func(rows pgx.Rows) (r Filed, err error) {
		return r, rows.Scan(&r.Seq, &r.Kind, &r.Key, &r.Body)
	})
}

// Holds returns holds that wait for their end.
func (s *Postgres) Holds(ctx context.Context, expired time.Time) iter.Seq2[Hold, error] {
	before := int64(math.MaxInt64)
	if !expired.IsZero() {
		before = expired.UnixMicro()
	}
	return postgresRows(s, ctx, "holds", `SELECT h.seq, coalesce(t.key, ''), h.expires FROM hold h LEFT JOIN txn t ON t.seq = h.seq
		WHERE h.expires < $1 ORDER BY h.expires, h.seq`, []any{before}, func(rows pgx.Rows) (h Hold, err error) {
		var expires int64
		err = rows.Scan(&h.Seq, &h.Key, &expires)
		h.Expires = at(expires)
		return h, err
	})
}

// derived reads what follows from the transactions at one moment, and checks
// the names of accounts.
func (s *Postgres) derived(ctx context.Context) (*derived, error) {
	d := &derived{balances: map[line]Units{}, turnovers: map[turned]Units{}, holds: map[int64]time.Time{}}
	err := s.snapshot(ctx, "verify", func(tx pgx.Tx) error {
		if err := headOfPostgres(ctx, tx, &d.head); err != nil {
			return err
		}
		names := map[int64]line{}
		each := func(query string, scan func(pgx.Rows) error) error {
			rows, err := tx.Query(ctx, query)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				if err := scan(rows); err != nil {
					return err
				}
			}
			return rows.Err()
		}
		return errors.Join(
			each(`SELECT id, account, currency, checked FROM line`, func(rows pgx.Rows) error {
				var id, checked int64
				var l line
				err := rows.Scan(&id, &l.account, &l.currency, &checked)
				d.name(names, id, l, checked)
				return err
			}),
			each(`SELECT line, amount FROM balance`, func(rows pgx.Rows) error {
				var id int64
				var x Units
				err := rows.Scan(&id, &x)
				d.balances[d.named(names, "balance", id)] = x
				return err
			}),
			each(`SELECT period, line, amount FROM turnover`, func(rows pgx.Rows) error {
				var id int64
				var x Units
				var p Period
				err := rows.Scan(&p, &id, &x)
				d.turnovers[turned{p, d.named(names, "turnover", id)}] = x
				return err
			}),
			each(`SELECT seq, expires FROM hold`, func(rows pgx.Rows) error {
				var seq, expires int64
				err := rows.Scan(&seq, &expires)
				d.holds[seq] = at(expires)
				return err
			}),
			each(`SELECT t FROM unnest(ARRAY['txn_stays', 'posting_stays', 'record_stays', 'line_stays']) AS a (t)
				WHERE NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = t AND tgenabled = 'O' AND tgrelid::regclass::text IN ('txn', 'posting', 'record', 'line'))`, func(rows pgx.Rows) error {
				var name string
				err := rows.Scan(&name)
				d.damages = append(d.damages, Damage{Table: "trigger", Key: name, What: "missing: what is booked could be changed"})
				return err
			}))
	})
	return d, err
}

var _ Store = (*Postgres)(nil)
