package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"summit/money"
)

// snapshot runs reads that all see the same moment.
func (s *SQLite) snapshot(ctx context.Context, what string, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err == nil {
		err = errors.Join(do(tx), tx.Rollback())
	}
	if err != nil {
		return fmt.Errorf("ledger: %s: %s: %w", s.path, what, err)
	}
	return nil
}

// Head returns where the books end.
func (s *SQLite) Head(ctx context.Context) (Head, error) {
	var h Head
	err := s.snapshot(ctx, "head", func(tx *sql.Tx) (err error) {
		h, err = headOf(ctx, tx)
		return err
	})
	return h, err
}

// queryer is a database, a connection or a transaction.
type queryer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func headOf(ctx context.Context, tx queryer) (Head, error) {
	var h Head
	var hash []byte
	var booked int64
	err := tx.QueryRowContext(ctx, sqlLast).Scan(&h.Seq, &hash, &booked)
	if errors.Is(err, sql.ErrNoRows) {
		return h, nil
	}
	if err != nil {
		return h, err
	}
	h.BookedAt = at(booked)
	copy(h.Hash[:], hash)
	err = tx.QueryRowContext(ctx, sqlClosed).Scan(&h.Closed)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return h, err
}

// Find returns the transaction that was booked under the key.
func (s *SQLite) Find(ctx context.Context, key string) (*Txn, error) {
	var t *Txn
	err := s.snapshot(ctx, fmt.Sprintf("%q", clip(key)), func(tx *sql.Tx) error {
		var seq int64
		err := tx.QueryRowContext(ctx, `SELECT seq FROM txn WHERE key = ?`, key).Scan(&seq)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return scan(ctx, tx, seq-1, seq, func(found *Txn) bool { t = found; return false })
	})
	return t, err
}

// Balance returns what stands in an account.
func (s *SQLite) Balance(ctx context.Context, a Account, c money.Currency) (Units, error) {
	var x Units
	err := s.db.QueryRowContext(ctx, `SELECT b.amount FROM line l JOIN balance b ON b.line = l.id WHERE l.account = ? AND l.currency = ?`, string(a), string(c)).Scan(&x)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("ledger: %s: account %s: %w", s.path, clip(string(a)), err)
	}
	return x, nil
}

// sequence turns a read that calls give into an iterator.
func sequence[T any](read func(give func(T) bool) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		left := false
		err := read(func(x T) bool {
			left = !yield(x, nil)
			return !left
		})
		if err != nil && !left {
			var none T
			yield(none, err)
		}
	}
}

// Balances returns balances or turnovers.
func (s *SQLite) Balances(ctx context.Context, f BalanceFilter) iter.Seq2[Balance, error] {
	low, high := bounds(f.Prefix)
	query, args := `SELECT '', l.account, l.currency, b.amount FROM line l JOIN balance b ON b.line = l.id
		WHERE l.account >= ? AND l.account < ? ORDER BY l.account, l.currency`, []any{low, high}
	if f.Turnovers || f.Period != "" {
		query = `SELECT t.period, l.account, l.currency, t.amount FROM turnover t JOIN line l ON l.id = t.line
			WHERE l.account >= ? AND l.account < ? AND (? = '' OR t.period = ?) ORDER BY t.period, l.account, l.currency`
		args = append(args, string(f.Period), string(f.Period))
	}
	return sequence(func(give func(Balance) bool) error {
		return s.snapshot(ctx, "balances", func(tx *sql.Tx) error {
			rows, err := tx.QueryContext(ctx, query, args...)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var b Balance
				if err := rows.Scan(&b.Period, &b.Account, &b.Currency, &b.Amount); err != nil {
					return err
				}
				if !give(b) {
					return nil
				}
			}
			return rows.Err()
		})
	})
}

// Txns returns transactions in their order.
func (s *SQLite) Txns(ctx context.Context, f Filter) iter.Seq2[*Txn, error] {
	until := f.Until
	if until <= 0 {
		until = math.MaxInt64
	}
	return sequence(func(give func(*Txn) bool) error {
		return s.snapshot(ctx, "transactions", func(tx *sql.Tx) error {
			if len(f.Accounts) > 0 {
				return scanAccounts(ctx, tx, f, until, give)
			}
			return scan(ctx, tx, f.After, until, func(t *Txn) bool { return !f.wants(t) || give(t) })
		})
	})
}

// maxWalks bounds how many accounts are walked side by side. Of more, nearly
// every transaction is wanted, so all of them are read.
const maxWalks = 50

// scanAccounts gives the transactions with a posting in one of the accounts.
func scanAccounts(ctx context.Context, tx queryer, f Filter, until int64, give func(*Txn) bool) error {
	var ids []int64
	for _, a := range f.Accounts {
		rows, err := tx.QueryContext(ctx, `SELECT id FROM line WHERE account = ?`, string(a))
		if err != nil {
			return err
		}
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				return errors.Join(err, rows.Close())
			}
			ids = append(ids, id)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
	}
	wanted := func(t *Txn) bool { return !f.wants(t) || give(t) }
	if len(ids) > maxWalks {
		return scan(ctx, tx, f.After, until, wanted)
	}
	w := &lineWalks{}
	defer w.close()
	for _, id := range ids {
		rows, err := tx.QueryContext(ctx, `SELECT seq FROM posting WHERE line = ? AND seq > ? AND seq <= ? ORDER BY seq`, id, f.After, until)
		if err != nil {
			return err
		}
		w.rows, w.seqs = append(w.rows, rows), append(w.seqs, 0)
		if err := w.step(len(w.rows) - 1); err != nil {
			return err
		}
	}
	for next, err := w.next(); next > 0 || err != nil; {
		if err != nil {
			return err
		}
		// Those that lie close together are read together.
		const close, most = 32, 500
		first, last := next, next
		for next, err = w.next(); err == nil && next > 0 && next-last <= close && next-first < most; next, err = w.next() {
			last = next
		}
		more := true
		if err := scan(ctx, tx, first-1, last, func(t *Txn) bool {
			more = wanted(t)
			return more
		}); err != nil || !more {
			return err
		}
	}
	return nil
}

// lineWalks are walks over the postings of accounts, side by side.
type lineWalks struct {
	rows []*sql.Rows
	seqs []int64 // the next of each; 0 = there is none
	last int64
}

func (w *lineWalks) close() {
	for _, r := range w.rows {
		_ = r.Close() // what went wrong is in Err, which step has asked for
	}
}

// step moves one walk on.
func (w *lineWalks) step(i int) error {
	if w.seqs[i] = 0; w.rows[i].Next() {
		return w.rows[i].Scan(&w.seqs[i])
	}
	return w.rows[i].Err()
}

// next returns the next transaction of any walk, each once, 0 after the last.
func (w *lineWalks) next() (int64, error) {
	for {
		least := -1
		for i, seq := range w.seqs {
			if seq > 0 && (least < 0 || seq < w.seqs[least]) {
				least = i
			}
		}
		if least < 0 {
			return 0, nil
		}
		seq := w.seqs[least]
		if err := w.step(least); err != nil {
			return 0, err
		}
		if seq > w.last {
			w.last = seq
			return seq, nil
		}
	}
}

// recordsAfter returns the first number that a record after the transaction can
// have.
func recordsAfter(seq int64) int64 {
	if seq >= math.MaxInt64>>recordShift {
		return math.MaxInt64
	}
	return max(seq+1, 0) << recordShift
}

// scan gives the transactions after one and up to another with all their
// rows: three walks side by side, each in the order of its table. Rows that
// belong to no transaction are errors.
func scan(ctx context.Context, tx queryer, after, until int64, give func(*Txn) bool) error {
	heads, err := tx.QueryContext(ctx, `SELECT `+headColumns+` FROM txn WHERE seq > ? AND seq <= ? ORDER BY seq`, after, until)
	if err != nil {
		return err
	}
	defer heads.Close()
	postings, err := tx.QueryContext(ctx, `SELECT seq * 262144 + n, line, amount FROM posting WHERE seq > ? AND seq <= ? ORDER BY seq, n`, after, until)
	if err != nil {
		return err
	}
	defer postings.Close()
	records, err := tx.QueryContext(ctx, `SELECT id, kind, key, body FROM record WHERE id >= ? AND id <= ? ORDER BY id`, recordsAfter(after), recordsAfter(until)-1)
	if err != nil {
		return err
	}
	defer records.Close()

	names, err := tx.PrepareContext(ctx, `SELECT account, currency FROM line WHERE id = ?`)
	if err != nil {
		return err
	}
	defer names.Close()
	known := map[int64]line{}
	name := func(id int64) (line, error) {
		l, ok := known[id]
		if !ok {
			if err := names.QueryRowContext(ctx, id).Scan(&l.account, &l.currency); err != nil && !errors.Is(err, sql.ErrNoRows) {
				return l, err
			}
			if len(known) >= maxCached {
				clear(known)
			}
			known[id] = l // one without a name is damage, which Verify finds
		}
		return l, nil
	}

	unread := func(table string, seq, n int64, err error) error {
		var row *rowError
		if err == nil || ctx.Err() != nil || errors.As(err, &row) {
			return err
		}
		return &rowError{table, seq, int(n), "", "this row or the one after it can't be read: " + err.Error()}
	}
	last := after
	var p postingRow
	var r recordRow
	return merge{
		txn: func() (*Txn, error) {
			if !heads.Next() {
				return nil, unread("txn", last+1, -1, heads.Err())
			}
			t, err := scanTxn(heads.Scan)
			if err != nil {
				return nil, unread("txn", last+1, -1, err)
			}
			last = t.Seq
			return t, nil
		},
		posting: func() (postingRow, bool, error) {
			if !postings.Next() {
				return p, false, unread("posting", p.seq, p.n+1, postings.Err())
			}
			var id, number int64 // one column less, for there are many: up to 2*MaxPostings of a transaction
			if err := postings.Scan(&id, &number, &p.Amount); err != nil {
				return p, false, unread("posting", p.seq, p.n+1, err)
			}
			l, err := name(number)
			p.seq, p.n, p.Account, p.Currency = id>>18, id&(1<<18-1), l.account, l.currency
			return p, true, err
		},
		record: func() (recordRow, bool, error) {
			if !records.Next() {
				return r, false, unread("record", r.seq, r.n+1, records.Err())
			}
			var id int64
			r.Body = nil
			if err := records.Scan(&id, &r.Kind, &r.Key, &r.Body); err != nil {
				return r, false, unread("record", r.seq, r.n+1, err)
			}
			r.seq, r.n = id>>recordShift, id&(1<<recordShift-1)
			return r, true, nil
		},
	}.give(give)
}

// Records returns what was filed with transactions.
func (s *SQLite) Records(ctx context.Context, f RecordFilter) iter.Seq2[Filed, error] {
	from, until := recordsAfter(f.After), int64(math.MaxInt64)
	if f.Until > 0 {
		until = recordsAfter(f.Until) - 1
	}
	query, args := `SELECT id, kind, key, body FROM record WHERE id >= ? AND id <= ? AND kind = ?`, []any{from, until, f.Kind}
	if f.Key != "" {
		query += ` AND key = ? AND key <> ''`
		args = append(args, f.Key)
	}
	return sequence(func(give func(Filed) bool) error {
		return s.snapshot(ctx, "records", func(tx *sql.Tx) error {
			rows, err := tx.QueryContext(ctx, query+` ORDER BY id`, args...)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var r Filed
				if err := rows.Scan(&r.Seq, &r.Kind, &r.Key, &r.Body); err != nil {
					return err
				}
				if r.Seq >>= recordShift; !give(r) {
					return nil
				}
			}
			return rows.Err()
		})
	})
}

// Holds returns holds that wait for their end.
func (s *SQLite) Holds(ctx context.Context, expired time.Time) iter.Seq2[Hold, error] {
	before := int64(math.MaxInt64)
	if !expired.IsZero() {
		before = expired.UnixMicro()
	}
	return sequence(func(give func(Hold) bool) error {
		return s.snapshot(ctx, "holds", func(tx *sql.Tx) error {
			rows, err := tx.QueryContext(ctx, `SELECT h.seq, ifnull(t.key, ''), h.expires FROM hold h LEFT JOIN txn t ON t.seq = h.seq
				WHERE h.expires < ? ORDER BY h.expires, h.seq`, before)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var h Hold
				var expires int64
				if err := rows.Scan(&h.Seq, &h.Key, &expires); err != nil {
					return err
				}
				h.Expires = at(expires)
				if !give(h) {
					return nil
				}
			}
			return rows.Err()
		})
	})
}

var _ Store = (*SQLite)(nil)
