package ledger

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"summit/internal/sqlite"
)

// SQLite keeps the books in a file. One goroutine writes; every commit is
// synced to the disk and takes everything that waits. Other processes may read
// the file, and post to it, at the same time.
type SQLite struct {
	*writer
	db    *sql.DB
	path  string
	close func() error
}

// SQLiteOptions are the settings of a file; the zero value works.
type SQLiteOptions struct {
	Now func() time.Time // the clock; nil = time.Now
	// MaxBytes bounds the file; posts that need more are refused as if the
	// disk were full. 0 = no bound.
	MaxBytes int64
	// ReadOnly opens a file that is there and writes nothing to it; posts are
	// refused. It may lie where nothing may be written.
	ReadOnly bool
}

// OpenSQLite opens the books in the file, which is made where it is missing.
func OpenSQLite(ctx context.Context, path string, o SQLiteOptions) (*SQLite, error) {
	open := sqlite.Open
	if o.ReadOnly {
		open = sqlite.OpenReadOnly
	}
	db, err := open(ctx, path, sqliteSchema)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8) // the writer, Verify's two, and readers
	b, err := newSQLiteBackend(ctx, db, path, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ledger: %s: %w", path, err), db.Close())
	}
	s := &SQLite{db: db, path: path, writer: startWriter(b, o.Now)}
	s.close = sync.OnceValue(func() error {
		s.stop()
		if err := errors.Join(b.close(), db.Close()); err != nil {
			return fmt.Errorf("ledger: %s: close: %w", path, err)
		}
		return nil
	})
	return s, nil
}

// Post books entries, all or none, in one durable commit.
func (s *SQLite) Post(ctx context.Context, entries ...Entry) ([]Receipt, error) {
	return s.post(ctx, entries)
}

// Close waits for what is being booked and closes the file.
func (s *SQLite) Close() error { return s.close() }

// recordShift is how far a record's id is its transaction's number: the lower
// bits count the records of one transaction, at most MaxRecords.
const recordShift = 14

// sqliteBackend writes the file over its own connection. What it has read
// stays in memory as long as nobody else writes.
type sqliteBackend struct {
	path string
	conn *sql.Conn
	st   map[string]*sql.Stmt
	raw  map[string]rawStmt // those of writeRows
	args []driver.NamedValue
	cache
}

func newSQLiteBackend(ctx context.Context, db *sql.DB, path string, o SQLiteOptions) (*sqliteBackend, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	b := &sqliteBackend{path: path, conn: conn, st: map[string]*sql.Stmt{}, raw: map[string]rawStmt{}}
	// A longer log makes for fewer checkpoints, each of which writes pages
	// that changed often only once. 8192 pages are 32 MiB.
	pragmas := []string{`PRAGMA wal_autocheckpoint = 8192`, `PRAGMA cache_size = -65536`, `PRAGMA temp_store = MEMORY`}
	if o.MaxBytes > 0 {
		var page int64
		if err := conn.QueryRowContext(ctx, `PRAGMA page_size`).Scan(&page); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		pragmas = append(pragmas, fmt.Sprintf(`PRAGMA max_page_count = %d`, max(o.MaxBytes/page, 1)))
	}
	for _, p := range pragmas {
		if _, err := conn.ExecContext(ctx, p); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	b.forget()
	return b, nil
}

// stmt returns the prepared statement.
func (b *sqliteBackend) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := b.st[query]; s != nil {
		return s, nil
	}
	s, err := b.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	b.st[query] = s
	return s, nil
}

// row reads one row; none is not an error, and found says so.
func (b *sqliteBackend) row(query string, args []any, into ...any) (found bool, err error) {
	ctx := context.Background()
	s, err := b.stmt(ctx, query)
	if err != nil {
		return false, err
	}
	err = s.QueryRowContext(ctx, args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func (b *sqliteBackend) exec(ctx context.Context, query string, args ...any) error {
	s, err := b.stmt(ctx, query)
	if err == nil {
		_, err = s.ExecContext(ctx, args...)
	}
	return err
}

func (b *sqliteBackend) begin(ctx context.Context) (stored, error) {
	if err := b.exec(ctx, `BEGIN IMMEDIATE`); err != nil {
		return nil, b.explain(err)
	}
	end, err := b.readHead()
	if err != nil {
		b.abandon(ctx)
		return nil, b.explain(err)
	}
	b.reached(end)
	return b, nil
}

// foresee reads nothing: a row of a file is microseconds away.
func (b *sqliteBackend) foresee(context.Context, []Entry) error { return nil }

const (
	sqlLast   = `SELECT seq, hash, booked_at FROM txn ORDER BY seq DESC LIMIT 1`
	sqlClosed = `SELECT closes FROM txn WHERE closes <> '' ORDER BY closes DESC LIMIT 1`
)

func (b *sqliteBackend) readHead() (Head, error) {
	var h Head
	var hash []byte
	var booked int64
	found, err := b.row(sqlLast, nil, &h.Seq, &hash, &booked)
	if err != nil || !found {
		return h, err
	}
	if err := sized(&h.Hash, hash, "hash"); err != nil {
		return h, &rowError{"txn", h.Seq, -1, "", err.Error()}
	}
	h.BookedAt = at(booked)
	_, err = b.row(sqlClosed, nil, &h.Closed)
	return h, err
}

func (b *sqliteBackend) abandon(ctx context.Context) {
	// Where SQLite has ended the transaction itself there is none to end.
	_, _ = b.conn.ExecContext(ctx, `ROLLBACK`)
}

func (b *sqliteBackend) booked(_ context.Context, t *Txn) (bool, error) {
	var hash []byte
	_, err := b.row(`SELECT hash FROM txn WHERE seq = ?`, []any{t.Seq}, &hash)
	return string(hash) == string(t.Hash[:]), err
}

// id returns the number of a line, 0 where it is new.
func (b *sqliteBackend) id(l line) (int64, error) {
	if id, ok := b.ids[l]; ok {
		return id, nil
	}
	var id int64
	found, err := b.row(`SELECT id FROM line WHERE account = ? AND currency = ?`, []any{string(l.account), string(l.currency)}, &id)
	if found {
		keep(b.ids, l, id)
	}
	return id, err
}

func (b *sqliteBackend) balance(l line) (Units, error) {
	if x, ok := b.balances[l]; ok {
		return x, nil
	}
	id, err := b.id(l)
	if err != nil || id == 0 {
		return 0, err
	}
	var x Units
	if _, err := b.row(`SELECT amount FROM balance WHERE line = ?`, []any{id}, &x); err != nil {
		return 0, err
	}
	keep(b.balances, l, x)
	return x, nil
}

func (b *sqliteBackend) turnover(t turned) (Units, error) {
	if x, ok := b.turnovers[t]; ok {
		return x, nil
	}
	id, err := b.id(t.line)
	if err != nil || id == 0 {
		return 0, err
	}
	var x Units
	if _, err := b.row(`SELECT amount FROM turnover WHERE period = ? AND line = ?`, []any{string(t.period), id}, &x); err != nil {
		return 0, err
	}
	keep(b.turnovers, t, x)
	return x, nil
}

func (b *sqliteBackend) lines(prefix string) ([]line, error) {
	return b.under(prefix, func(low, high string, add func(line)) error {
		rows, err := b.conn.QueryContext(context.Background(), `SELECT account, currency FROM line WHERE account >= ? AND account < ?`, low, high)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var l line
			if err := rows.Scan(&l.account, &l.currency); err != nil {
				return err
			}
			add(l)
		}
		return rows.Err()
	})
}

// headColumns are those of a transaction, but for what is in other tables.
const headColumns = `seq, key, input, kind, booked_at, period, effective, released, expires, ends, reverses, closes, reason, links, checks, hash`

// scanTxn reads headColumns.
func scanTxn(scan func(...any) error) (*Txn, error) {
	t := &Txn{}
	var input, hash []byte
	var booked, expires int64
	var links string
	if err := scan(&t.Seq, &t.Key, &input, &t.Kind, &booked, &t.Period, &t.Effective, &t.Released, &expires, &t.Ends, &t.Reverses,
		&t.Closes, &t.Reason, &links, &t.checks, &hash); err != nil {
		return nil, err
	}
	t.BookedAt = at(booked)
	if expires != 0 {
		x := at(expires)
		t.Expires = &x
	}
	return t, t.fill(input, links, hash)
}

// fill reads what a table keeps in another form.
func (t *Txn) fill(input []byte, links string, hash []byte) error {
	if links != "" {
		if err := json.Unmarshal([]byte(links), &t.Links); err != nil {
			return &rowError{"txn", t.Seq, -1, t.Key, "links: " + err.Error()}
		}
	}
	if err := errors.Join(sized(&t.Input, input, "input"), sized(&t.Hash, hash, "hash")); err != nil {
		return &rowError{"txn", t.Seq, -1, t.Key, err.Error()}
	}
	return nil
}

// linkText is how links are stored.
func linkText(links []string) (string, error) {
	if len(links) == 0 {
		return "", nil
	}
	text, err := json.Marshal(links)
	return string(text), err
}

const (
	sqlByKey = `SELECT ` + headColumns + ` FROM txn WHERE key = ?`
	sqlBySeq = `SELECT ` + headColumns + ` FROM txn WHERE seq = ?`
)

// byKey returns the transaction's own row.
func (b *sqliteBackend) byKey(key string) (*Txn, error) {
	if t := b.holdKeys[key]; t != nil {
		return t, nil
	}
	return b.txn(sqlByKey, key)
}

func (b *sqliteBackend) txn(query string, arg any) (t *Txn, err error) {
	ctx := context.Background()
	s, err := b.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	t, err = scanTxn(s.QueryRowContext(ctx, arg).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return t, err
}

// bySeq returns the transaction with its postings, but without its records.
func (b *sqliteBackend) bySeq(seq int64) (*Txn, error) {
	if t := b.holds[seq]; t != nil {
		return t, nil
	}
	t, err := b.txn(sqlBySeq, seq)
	if err != nil || t == nil {
		return t, err
	}
	t.Postings, err = b.postings(`SELECT l.account, p.amount, l.currency FROM posting p JOIN line l ON l.id = p.line WHERE p.seq = ? ORDER BY p.n`, seq)
	return t, err
}

func (b *sqliteBackend) postings(query string, seq int64) ([]Posting, error) {
	ctx := context.Background()
	s, err := b.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, seq)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Posting
	for rows.Next() {
		var p Posting
		if err := rows.Scan(&p.Account, &p.Amount, &p.Currency); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

func (b *sqliteBackend) open(hold int64) (bool, error) {
	if b.holds[hold] != nil {
		return true, nil
	}
	var seq int64
	return b.row(`SELECT seq FROM hold WHERE seq = ?`, []any{hold}, &seq)
}

func (b *sqliteBackend) reversed(seq int64) (map[line]Units, error) {
	all, err := b.postings(`SELECT l.account, p.amount, l.currency FROM txn t JOIN posting p ON p.seq = t.seq JOIN line l ON l.id = p.line
		WHERE t.reverses = ? AND t.reverses <> 0`, seq)
	if err != nil {
		return nil, err
	}
	sums := map[line]Units{}
	for _, p := range all {
		sums[line{p.Account, p.Currency}] += p.Amount
	}
	return sums, nil
}

// commit writes the stage and commits it.
func (b *sqliteBackend) commit(ctx context.Context, s *stage) error {
	err := b.writeStage(ctx, s)
	if err == nil {
		err = b.exec(ctx, `COMMIT`)
	}
	if err != nil {
		b.abandon(ctx)
		b.forget()
		return b.explain(err)
	}
	b.follow(s)
	return nil
}

// postingRows is how many postings one statement inserts.
const postingRows = 16

var sqlPostings = `INSERT OR ROLLBACK INTO posting (seq, n, line, amount) VALUES (?, ?, ?, ?)` + strings.Repeat(`, (?, ?, ?, ?)`, postingRows-1)

func (b *sqliteBackend) writeStage(ctx context.Context, s *stage) error {
	ids := make(map[line]int64, len(s.balances)) // the cache may begin anew meanwhile
	for l := range s.balances {
		id, err := b.id(l)
		if err != nil {
			return err
		}
		if id == 0 {
			if _, err := b.row(`SELECT ifnull(max(id), 0) + 1 FROM line`, nil, &id); err != nil {
				return err
			}
			if err := b.exec(ctx, `INSERT INTO line (id, account, currency, checked) VALUES (?, ?, ?, ?)`, id, string(l.account), string(l.currency), l.check(id)); err != nil {
				return err
			}
			keep(b.ids, l, id)
		}
		ids[l] = id
	}
	// Thousands of statements: the driver's own way is shorter than that of
	// database/sql.
	return b.conn.Raw(func(conn any) error {
		raw, ok := conn.(driver.ConnPrepareContext)
		if !ok {
			return fmt.Errorf("connection of type %T can't prepare", conn)
		}
		return b.writeRows(ctx, raw, s, ids)
	})
}

// writeRows inserts the rows of a stage.
func (b *sqliteBackend) writeRows(ctx context.Context, conn driver.ConnPrepareContext, s *stage, ids map[line]int64) error {
	exec := func(query string, args ...driver.Value) error {
		st := b.raw[query]
		if st == nil {
			prepared, err := conn.PrepareContext(ctx, query)
			if err != nil {
				return err
			}
			var ok bool
			if st, ok = prepared.(rawStmt); !ok {
				return errors.Join(fmt.Errorf("statement of type %T takes no context", prepared), prepared.Close())
			}
			b.raw[query] = st
		}
		b.args = b.args[:0]
		for i, x := range args {
			b.args = append(b.args, driver.NamedValue{Ordinal: i + 1, Value: x})
		}
		_, err := st.ExecContext(ctx, b.args)
		return err
	}
	rows := make([]driver.Value, 0, 4*postingRows)
	for _, t := range s.txns {
		links, err := linkText(t.Links)
		if err != nil {
			return err
		}
		if err := exec(`INSERT OR ROLLBACK INTO txn (`+headColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			t.Seq, t.Key, t.Input[:], t.Kind, t.BookedAt.UnixMicro(), string(t.Period), string(t.Effective), int64(t.Released), micros(t.Expires),
			t.Ends, t.Reverses, string(t.Closes), t.Reason, links, t.checks, t.Hash[:]); err != nil {
			return err
		}
		for n, p := range t.Postings {
			if rows = append(rows, t.Seq, int64(n), ids[line{p.Account, p.Currency}], int64(p.Amount)); len(rows) == cap(rows) {
				if err := exec(sqlPostings, rows...); err != nil {
					return err
				}
				rows = rows[:0]
			}
		}
		for n, r := range t.Records {
			if err := exec(`INSERT OR ROLLBACK INTO record (id, kind, key, body) VALUES (?, ?, ?, ?)`, t.Seq<<recordShift|int64(n), r.Kind, r.Key, blob(r.Body)); err != nil {
				return err
			}
		}
		if t.Expires != nil && !s.ended[t.Seq] {
			if err := exec(`INSERT OR ROLLBACK INTO hold (seq, expires) VALUES (?, ?)`, t.Seq, micros(t.Expires)); err != nil {
				return err
			}
		}
		if t.Ends != 0 {
			if err := exec(`DELETE FROM hold WHERE seq = ?`, t.Ends); err != nil {
				return err
			}
		}
	}
	for ; len(rows) > 0; rows = rows[4:] {
		if err := exec(`INSERT OR ROLLBACK INTO posting (seq, n, line, amount) VALUES (?, ?, ?, ?)`, rows[:4]...); err != nil {
			return err
		}
	}
	for l, x := range s.balances {
		if err := exec(`INSERT INTO balance (line, amount) VALUES (?, ?) ON CONFLICT (line) DO UPDATE SET amount = excluded.amount`, ids[l], int64(x)); err != nil {
			return err
		}
	}
	for t, x := range s.turnovers {
		if err := exec(`INSERT INTO turnover (period, line, amount) VALUES (?, ?, ?) ON CONFLICT (period, line) DO UPDATE SET amount = excluded.amount`,
			string(t.period), ids[t.line], int64(x)); err != nil {
			return err
		}
	}
	return nil
}

// rawStmt is a prepared statement of the driver.
type rawStmt interface {
	driver.Stmt
	driver.StmtExecContext
}

// close closes the connection with its statements. One that is left open would
// keep SQLite from taking the log into the file.
func (b *sqliteBackend) close() error {
	var err error
	for _, st := range b.st {
		err = errors.Join(err, st.Close())
	}
	if len(b.raw) > 0 {
		err = errors.Join(err, b.conn.Raw(func(any) (err error) {
			for _, st := range b.raw {
				err = errors.Join(err, st.Close())
			}
			return err
		}))
	}
	return errors.Join(err, b.conn.Close())
}

// blob is never NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// explain says what an error of the file means for whoever runs the books.
func (b *sqliteBackend) explain(err error) error {
	var e interface{ Code() int }
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case 13:
		return fmt.Errorf("%s: the disk is full, or the file has reached its bound: %w", b.path, err)
	case 8:
		return fmt.Errorf("%s: the file may not be written: %w", b.path, err)
	case 10:
		return fmt.Errorf("%s: the disk fails: %w", b.path, err)
	case 11, 26:
		return fmt.Errorf("%s: the file is damaged; \"summit ledger verify\" names what it can: %w", b.path, err)
	case 5:
		return fmt.Errorf("%s: another process has been writing for too long: %w", b.path, err)
	}
	return fmt.Errorf("%s: %w", b.path, err)
}
