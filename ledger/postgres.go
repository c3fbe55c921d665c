package ledger

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

func init() {
	register(func(ctx context.Context, url string) (Store, error) { return OpenPostgres(ctx, url, PostgresOptions{}) }, "postgres", "postgresql")
}

// Postgres keeps the books in a PostgreSQL database. Several servers may post
// to the same books: their commits take turns.
type Postgres struct {
	*writer
	pool  *pgxpool.Pool
	close func()
}

// PostgresOptions are the settings; the zero value works.
type PostgresOptions struct {
	Now    func() time.Time // the clock; nil = time.Now
	Schema string           // of the tables; empty = summit_ledger
}

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// OpenPostgres opens the books in the database that the URL names, such as
// postgres://user@host/database. The schema and its tables are made where they
// are missing.
func OpenPostgres(ctx context.Context, url string, o PostgresOptions) (*Postgres, error) {
	if o.Schema == "" {
		o.Schema = "summit_ledger"
	}
	if !schemaName.MatchString(o.Schema) {
		return nil, fmt.Errorf("ledger: postgres: schema %q: want small letters, digits and _ only", clip(o.Schema))
	}
	// The URL may hold a password, so no error shows it.
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("ledger: postgres: the URL can't be read, want one such as postgres://user@host/database")
	}
	config.MaxConns = max(config.MaxConns, 8) // the writer, Verify's, and readers
	p := config.ConnConfig.RuntimeParams
	p["search_path"], p["synchronous_commit"], p["timezone"] = o.Schema, "on", "UTC"
	p["default_transaction_isolation"] = "read committed"
	// A plan that was made and kept while the tables were empty reads them from
	// end to end until the server's own statistics come, minutes later.
	p["plan_cache_mode"] = "force_custom_plan"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("ledger: postgres: %w", err)
	}
	if err := migratePostgres(ctx, pool, o.Schema); err != nil {
		pool.Close()
		return nil, fmt.Errorf("ledger: postgres: %w", err)
	}
	b := &postgresBackend{pool: pool}
	b.forget()
	s := &Postgres{pool: pool, writer: startWriter(b, o.Now)}
	s.close = sync.OnceFunc(func() {
		s.stop()
		if b.conn != nil {
			b.conn.Release()
		}
		pool.Close()
	})
	return s, nil
}

// Post books entries, all or none, in one durable commit.
func (s *Postgres) Post(ctx context.Context, entries ...Entry) ([]Receipt, error) {
	return s.post(ctx, entries)
}

// Close waits for what is being booked and closes the connections.
func (s *Postgres) Close() error {
	s.close()
	return nil
}

// postgresBackend writes through its own connection.
type postgresBackend struct {
	pool *pgxpool.Pool
	conn *pgxpool.Conn // nil = none, or it failed
	tx   pgx.Tx
	cache
	found map[string]*Txn // of the keys of this batch; nil = there is none
}

// maxTurn bounds how long a writer waits for its turn.
const maxTurn = 30 * time.Second

func (b *postgresBackend) begin(ctx context.Context) (stored, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTurn)
	defer cancel()
	if b.conn != nil && b.conn.Conn().IsClosed() {
		b.conn.Release()
		b.conn = nil
	}
	if b.conn == nil {
		conn, err := b.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		b.conn = conn
	}
	tx, err := b.conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	b.tx = tx
	// Others may read meanwhile, but whoever writes waits here.
	batch := &pgx.Batch{}
	batch.Queue(`LOCK TABLE txn IN EXCLUSIVE MODE`)
	var end Head
	queueHead(batch, &end)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		b.abandon(ctx)
		return nil, err
	}
	b.reached(end)
	b.found = map[string]*Txn{}
	return b, nil
}

// queueHead asks for where the books end.
func queueHead(batch *pgx.Batch, h *Head) {
	batch.Queue(`SELECT seq, hash, booked_at FROM txn ORDER BY seq DESC LIMIT 1`).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var hash []byte
			var booked int64
			if err := rows.Scan(&h.Seq, &hash, &booked); err != nil {
				return err
			}
			h.BookedAt = at(booked)
			if err := sized(&h.Hash, hash, "hash"); err != nil {
				return &rowError{"txn", h.Seq, -1, "", err.Error()}
			}
		}
		return rows.Err()
	})
	batch.Queue(`SELECT closes FROM txn WHERE closes <> '' ORDER BY closes DESC LIMIT 1`).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := rows.Scan(&h.Closed); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// foresee reads what the entries will ask for in one turn to the server and
// back. What it misses is read one by one.
func (b *postgresBackend) foresee(ctx context.Context, entries []Entry) error {
	var keys, accounts, currencies []string
	asked := map[line]bool{}
	for i := range entries {
		e := &entries[i]
		for _, key := range []string{e.Key, e.Ends, e.Reverses} {
			if key != "" && b.holdKeys[key] == nil {
				keys = append(keys, key)
			}
		}
		for _, p := range e.Postings {
			l := line{p.Account, p.Currency}
			if l.currency == "" {
				l.currency = e.Currency
			}
			if _, ok := b.balances[l]; !ok && !asked[l] && l.bookable() {
				asked[l] = true
				accounts, currencies = append(accounts, string(l.account)), append(currencies, string(l.currency))
			}
		}
	}
	batch := &pgx.Batch{}
	if len(keys) > 0 {
		for _, k := range keys {
			b.found[k] = nil
		}
		batch.Queue(`SELECT `+headColumns+` FROM txn WHERE key = ANY($1)`, keys).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				t, err := scanTxn(rows.Scan)
				if err != nil {
					return err
				}
				b.found[t.Key] = t
			}
			return rows.Err()
		})
	}
	if len(accounts) > 0 {
		for l := range asked {
			keep(b.balances, l, 0)
		}
		batch.Queue(`SELECT l.id, l.account, l.currency, b.amount FROM unnest($1::text[], $2::text[]) AS a (account, currency)
			JOIN line l ON l.account = a.account AND l.currency = a.currency JOIN balance b ON b.line = l.id`, accounts, currencies).Query(func(rows pgx.Rows) error {
			for rows.Next() {
				var id int64
				var l line
				var x Units
				if err := rows.Scan(&id, &l.account, &l.currency, &x); err != nil {
					return err
				}
				keep(b.ids, l, id)
				keep(b.balances, l, x)
			}
			return rows.Err()
		})
	}
	if batch.Len() == 0 {
		return nil
	}
	err := b.tx.SendBatch(ctx, batch).Close()
	if err != nil {
		b.forget()
		return err
	}
	// The holds among them, with what they hold.
	var ends []int64
	for i := range entries {
		if t := b.found[entries[i].Ends]; entries[i].Ends != "" && t != nil {
			ends = append(ends, t.Seq)
		}
	}
	if len(ends) == 0 {
		return nil
	}
	open, err := queryAll(ctx, b.tx, func(rows pgx.Rows) (seq int64, err error) { return seq, rows.Scan(&seq) },
		`SELECT seq FROM hold WHERE seq = ANY($1)`, ends)
	if err != nil {
		return err
	}
	type part struct {
		seq int64
		Posting
	}
	parts, err := queryAll(ctx, b.tx, func(rows pgx.Rows) (p part, err error) {
		return p, rows.Scan(&p.seq, &p.Account, &p.Amount, &p.Currency)
	}, `SELECT p.seq, l.account, p.amount, l.currency FROM posting p JOIN line l ON l.id = p.line WHERE p.seq = ANY($1) ORDER BY p.seq, p.n`, open)
	if err != nil {
		return err
	}
	held := map[int64][]Posting{}
	for _, p := range parts {
		held[p.seq] = append(held[p.seq], p.Posting)
	}
	byNumber := map[int64]*Txn{}
	for _, t := range b.found {
		if t != nil {
			byNumber[t.Seq] = t
		}
	}
	for _, seq := range open {
		t := byNumber[seq]
		t.Postings = held[seq]
		b.holds[seq], b.holdKeys[t.Key] = t, t
	}
	return nil
}

// queryAll reads all rows.
func queryAll[T any](ctx context.Context, q interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, scan func(pgx.Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		x, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, rows.Err()
}

func (b *postgresBackend) abandon(ctx context.Context) {
	// A connection that fails here is closed, and the server rolls back.
	if b.tx != nil {
		_ = b.tx.Rollback(ctx)
		b.tx = nil
	}
}

func (b *postgresBackend) booked(ctx context.Context, t *Txn) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTurn)
	defer cancel()
	var hash []byte
	// Where the connection broke, the server may still be at it: the lock
	// waits for the end of what it does.
	tx, err := b.pool.Begin(ctx)
	if err != nil {
		return false, err
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, `LOCK TABLE txn IN EXCLUSIVE MODE`); err != nil {
		return false, err
	}
	err = tx.QueryRow(ctx, `SELECT hash FROM txn WHERE seq = $1`, t.Seq).Scan(&hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return string(hash) == string(t.Hash[:]), err
}

// row reads one row; none is not an error, and found says so.
func (b *postgresBackend) row(query string, args []any, into ...any) (found bool, err error) {
	err = b.tx.QueryRow(context.Background(), query, args...).Scan(into...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (b *postgresBackend) id(l line) (int64, error) {
	if id, ok := b.ids[l]; ok {
		return id, nil
	}
	var id int64
	found, err := b.row(`SELECT id FROM line WHERE account = $1 AND currency = $2`, []any{string(l.account), string(l.currency)}, &id)
	if found {
		keep(b.ids, l, id)
	}
	return id, err
}

func (b *postgresBackend) balance(l line) (Units, error) {
	if x, ok := b.balances[l]; ok {
		return x, nil
	}
	var x Units
	if _, err := b.row(`SELECT b.amount FROM line l JOIN balance b ON b.line = l.id WHERE l.account = $1 AND l.currency = $2`,
		[]any{string(l.account), string(l.currency)}, &x); err != nil {
		return 0, err
	}
	keep(b.balances, l, x)
	return x, nil
}

func (b *postgresBackend) turnover(t turned) (Units, error) {
	if x, ok := b.turnovers[t]; ok {
		return x, nil
	}
	id, err := b.id(t.line)
	if err != nil || id == 0 {
		return 0, err
	}
	var x Units
	if _, err := b.row(`SELECT amount FROM turnover WHERE period = $1 AND line = $2`, []any{string(t.period), id}, &x); err != nil {
		return 0, err
	}
	keep(b.turnovers, t, x)
	return x, nil
}

func (b *postgresBackend) lines(prefix string) ([]line, error) {
	return b.under(prefix, func(low, high string, add func(line)) error {
		all, err := queryAll(context.Background(), b.tx, func(rows pgx.Rows) (l line, err error) { return l, rows.Scan(&l.account, &l.currency) },
			`SELECT account, currency FROM line WHERE account >= $1 AND account < $2`, low, high)
		for _, l := range all {
			add(l)
		}
		return err
	})
}

func (b *postgresBackend) byKey(key string) (*Txn, error) {
	if t := b.holdKeys[key]; t != nil {
		return t, nil
	}
	if t, ok := b.found[key]; ok {
		return t, nil
	}
	return b.txn(`SELECT `+headColumns+` FROM txn WHERE key = $1`, key)
}

func (b *postgresBackend) txn(query string, arg any) (*Txn, error) {
	t, err := scanTxn(b.tx.QueryRow(context.Background(), query, arg).Scan)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return t, err
}

// bySeq returns the transaction with its postings, but without its records.
func (b *postgresBackend) bySeq(seq int64) (*Txn, error) {
	if t := b.holds[seq]; t != nil {
		return t, nil
	}
	t, err := b.txn(`SELECT `+headColumns+` FROM txn WHERE seq = $1`, seq)
	if err != nil || t == nil {
		return t, err
	}
	t.Postings, err = queryAll(context.Background(), b.tx, scanPosting,
		`SELECT l.account, p.amount, l.currency FROM posting p JOIN line l ON l.id = p.line WHERE p.seq = $1 ORDER BY p.n`, seq)
	return t, err
}

func scanPosting(rows pgx.Rows) (p Posting, err error) {
	return p, rows.Scan(&p.Account, &p.Amount, &p.Currency)
}

func (b *postgresBackend) open(hold int64) (bool, error) {
	if b.holds[hold] != nil {
		return true, nil
	}
	var seq int64
	return b.row(`SELECT seq FROM hold WHERE seq = $1`, []any{hold}, &seq)
}

func (b *postgresBackend) reversed(seq int64) (map[line]Units, error) {
	all, err := queryAll(context.Background(), b.tx, scanPosting, `SELECT l.account, p.amount, l.currency FROM txn t
		JOIN posting p ON p.seq = t.seq JOIN line l ON l.id = p.line WHERE t.reverses = $1 AND t.reverses <> 0`, seq)
	if err != nil {
		return nil, err
	}
	sums := map[line]Units{}
	for _, p := range all {
		sums[line{p.Account, p.Currency}] += p.Amount
	}
	return sums, nil
}

// commit writes the stage, column by column, and commits it.
func (b *postgresBackend) commit(ctx context.Context, s *stage) error {
	ctx, cancel := context.WithTimeout(ctx, maxTurn)
	defer cancel()
	err := b.writeStage(ctx, s)
	if err == nil {
		err = b.tx.Commit(ctx)
	}
	if err != nil {
		b.abandon(ctx)
		b.forget()
		return explainPostgres(err)
	}
	b.tx = nil
	b.follow(s)
	return nil
}

func explainPostgres(err error) error {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case "53100":
		return fmt.Errorf("the server's disk is full: %w", err)
	case "25006":
		return fmt.Errorf("the database may not be written: %w", err)
	}
	return err
}

func (b *postgresBackend) writeStage(ctx context.Context, s *stage) error {
	ids := make(map[line]int64, len(s.balances))
	var fresh []line
	for l := range s.balances {
		id, err := b.id(l)
		if err != nil {
			return err
		}
		if ids[l] = id; id == 0 {
			fresh = append(fresh, l)
		}
	}
	batch := &pgx.Batch{}
	if len(fresh) > 0 {
		var last int64
		if _, err := b.row(`SELECT coalesce(max(id), 0) FROM line`, nil, &last); err != nil {
			return err
		}
		var numbers, checks []int64
		var accounts, currencies []string
		for _, l := range fresh {
			last++
			ids[l] = last
			numbers, checks = append(numbers, last), append(checks, l.check(last))
			accounts, currencies = append(accounts, string(l.account)), append(currencies, string(l.currency))
		}
		batch.Queue(`INSERT INTO line (id, account, currency, checked) SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])`,
			numbers, accounts, currencies, checks)
	}
	var t struct {
		seq, booked, expires, ends, reverses, released           []int64
		key, kind, period, effective, closes, reason, links      []string
		input, checks, hash                                      [][]byte
		postingSeq, postingN, postingLine, postingAmount         []int64
		recordSeq, recordN                                       []int64
		recordKind, recordKey                                    []string
		recordBody                                               [][]byte
		holdSeq, holdExpires, holdEnded                          []int64
		balanceLine, balanceAmount, turnoverLine, turnoverAmount []int64
		turnoverPeriod                                           []string
	}
	for _, x := range s.txns {
		links, err := linkText(x.Links)
		if err != nil {
			return err
		}
		t.seq, t.booked, t.expires = append(t.seq, x.Seq), append(t.booked, x.BookedAt.UnixMicro()), append(t.expires, micros(x.Expires))
		t.ends, t.reverses, t.released = append(t.ends, x.Ends), append(t.reverses, x.Reverses), append(t.released, int64(x.Released))
		t.key, t.kind, t.period = append(t.key, x.Key), append(t.kind, x.Kind), append(t.period, string(x.Period))
		t.effective, t.closes, t.reason = append(t.effective, string(x.Effective)), append(t.closes, string(x.Closes)), append(t.reason, x.Reason)
		t.links, t.input = append(t.links, links), append(t.input, x.Input[:])
		t.checks, t.hash = append(t.checks, x.checks), append(t.hash, x.Hash[:])
		for n, p := range x.Postings {
			t.postingSeq, t.postingN = append(t.postingSeq, x.Seq), append(t.postingN, int64(n))
			t.postingLine, t.postingAmount = append(t.postingLine, ids[line{p.Account, p.Currency}]), append(t.postingAmount, int64(p.Amount))
		}
		for n, r := range x.Records {
			t.recordSeq, t.recordN = append(t.recordSeq, x.Seq), append(t.recordN, int64(n))
			t.recordKind, t.recordKey, t.recordBody = append(t.recordKind, r.Kind), append(t.recordKey, r.Key), append(t.recordBody, blob(r.Body))
		}
		if x.Expires != nil && !s.ended[x.Seq] {
			t.holdSeq, t.holdExpires = append(t.holdSeq, x.Seq), append(t.holdExpires, micros(x.Expires))
		}
		if x.Ends != 0 {
			t.holdEnded = append(t.holdEnded, x.Ends)
		}
	}
	batch.Queue(`INSERT INTO txn (`+headColumns+`) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::bigint[], $6::text[], $7::text[],
		$8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::bytea[], $16::bytea[])`,
		t.seq, t.key, t.input, t.kind, t.booked, t.period, t.effective, t.released, t.expires, t.ends, t.reverses, t.closes, t.reason, t.links, t.checks, t.hash)
	if len(t.postingSeq) > 0 {
		batch.Queue(`INSERT INTO posting (seq, n, line, amount) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])`,
			t.postingSeq, t.postingN, t.postingLine, t.postingAmount)
	}
	if len(t.recordSeq) > 0 {
		batch.Queue(`INSERT INTO record (seq, n, kind, key, body) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bytea[])`,
			t.recordSeq, t.recordN, t.recordKind, t.recordKey, t.recordBody)
	}
	if len(t.holdSeq) > 0 {
		batch.Queue(`INSERT INTO hold (seq, expires) SELECT * FROM unnest($1::bigint[], $2::bigint[])`, t.holdSeq, t.holdExpires)
	}
	if len(t.holdEnded) > 0 {
		batch.Queue(`DELETE FROM hold WHERE seq = ANY($1)`, t.holdEnded)
	}
	for l, x := range s.balances {
		t.balanceLine, t.balanceAmount = append(t.balanceLine, ids[l]), append(t.balanceAmount, int64(x))
	}
	for k, x := range s.turnovers {
		t.turnoverPeriod, t.turnoverLine, t.turnoverAmount = append(t.turnoverPeriod, string(k.period)), append(t.turnoverLine, ids[k.line]), append(t.turnoverAmount, int64(x))
	}
	if len(t.balanceLine) > 0 {
		batch.Queue(`INSERT INTO balance (line, amount) SELECT * FROM unnest($1::bigint[], $2::bigint[])
			ON CONFLICT (line) DO UPDATE SET amount = excluded.amount`, t.balanceLine, t.balanceAmount)
		batch.Queue(`INSERT INTO turnover (period, line, amount) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
			ON CONFLICT (period, line) DO UPDATE SET amount = excluded.amount`, t.turnoverPeriod, t.turnoverLine, t.turnoverAmount)
	}
	if err := b.tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	for l, id := range ids {
		keep(b.ids, l, id)
	}
	return nil
}
