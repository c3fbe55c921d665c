package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var walked = Schema{Room: "walked", Migrations: []string{`
	CREATE TABLE a (id INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, n INTEGER NOT NULL, body BLOB) STRICT;
	CREATE INDEX a_n ON a (n, name) WHERE n <> 0;
	CREATE INDEX a_body ON a (body);
	CREATE TABLE b (x INTEGER NOT NULL, y TEXT NOT NULL, z INTEGER NOT NULL, w TEXT NOT NULL, PRIMARY KEY (x, y)) STRICT, WITHOUT ROWID;
	CREATE INDEX b_z ON b (z, x);
	CREATE INDEX b_w ON b (w) WHERE w <> '';
	CREATE TABLE c (n INTEGER NOT NULL) STRICT;
	CREATE INDEX c_n ON c (n);
	CREATE TRIGGER a_stays BEFORE UPDATE OF id ON a BEGIN SELECT raise(ROLLBACK, 'no'); END;`}}

// pageSize is small, so that few rows make deep trees.
const pageSize = 512

// fileOf makes a file with so many rows, of which some were changed or deleted
// again, and closes it.
func fileOf(t testing.TB, rows int, more ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	empty, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{fmt.Sprint(`PRAGMA page_size = `, pageSize), `VACUUM`} {
		if _, err := empty.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := empty.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), path, walked)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := tx.Exec(query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	random := rand.New(rand.NewPCG(1, uint64(rows)))
	for i := range rows {
		n := []int64{0, 1, -1, 127, -129, 1 << 15, 1 << 23, -1 << 31, 1 << 40, math.MaxInt64, math.MinInt64, int64(i)}[random.IntN(12)]
		var body any
		if size := []int{-1, 0, 10, 90, 200, 2000}[random.IntN(6)]; size >= 0 {
			body = bytes.Repeat([]byte{byte(i)}, size)
		}
		id := int64(i*3 - rows)
		if i == 0 {
			id = math.MinInt64
		}
		exec(`INSERT INTO a VALUES (?, ?, ?, ?)`, id, fmt.Sprintf("%x %d", random.Uint32(), i), n, body)
		exec(`INSERT INTO b VALUES (?, ?, ?, ?)`, i/3, strings.Repeat("y", random.IntN(300))+fmt.Sprint(i), n, []string{"", "w"}[i%2])
		exec(`INSERT INTO c VALUES (?)`, n)
		if i%5 == 4 {
			exec(`DELETE FROM a WHERE id = ?`, id-6)
			exec(`UPDATE a SET body = x'01', n = 5 WHERE id = ?`, id-3)
			exec(`DELETE FROM b WHERE x = ?`, i/3-1)
		}
	}
	for _, q := range more {
		exec(q)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return path
}

func layoutOf(t testing.TB) *Layout {
	t.Helper()
	l, err := walked.Layout(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// all walks everything and returns the rows of tables as text, and what is
// found.
func all(ctx context.Context, w *Walk, parts ...int64) (string, []string) {
	var found []string
	var b strings.Builder
	take := func(err error) {
		var d *Damaged
		if errors.As(err, &d) {
			found = append(found, d.Error())
		} else if err != nil {
			found = append(found, "other: "+err.Error())
		}
	}
	for _, table := range []string{"summit_schema", "a", "b", "c"} {
		first := int64(math.MinInt64)
		for _, last := range append(slices.Clone(parts), math.MaxInt64) {
			c := w.Rows(ctx, table, first, last)
			for c.Next() {
				if table == "summit_schema" { // it has no index
					continue
				}
				fmt.Fprint(&b, table)
				for _, v := range c.Values {
					switch v.Kind {
					case Null:
						fmt.Fprint(&b, "|NULL")
					case Integer:
						fmt.Fprint(&b, "|", v.Int)
					default:
						fmt.Fprintf(&b, "|%x", v.Bytes)
					}
				}
				fmt.Fprintln(&b)
			}
			take(c.Err())
			first = last + 1
		}
	}
	for _, job := range w.Jobs() {
		take(job(ctx))
	}
	for _, d := range w.End() {
		take(d)
	}
	return b.String(), found
}

// rowsOf are the rows as SQLite has them.
func rowsOf(t *testing.T, db *sql.DB) string {
	t.Helper()
	var b strings.Builder
	for _, q := range []string{
		`SELECT 'a', id, hex(name), n, iif(body IS NULL, 'NULL', hex(body)) FROM a NOT INDEXED ORDER BY id`,
		`SELECT 'b', x, hex(y), z, hex(w) FROM b NOT INDEXED ORDER BY x, y`,
		`SELECT 'c', n, '' FROM c ORDER BY rowid`,
	} {
		rows, err := db.Query(q)
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := rows.Columns()
		for rows.Next() {
			into := make([]string, len(columns))
			at := make([]any, len(columns))
			for i := range into {
				at[i] = &into[i]
			}
			if err := rows.Scan(at...); err != nil {
				t.Fatal(err)
			}
			if into[0] == "c" {
				into = into[:2]
			}
			for i := range into[1:] {
				if into[i+1] != "NULL" {
					into[i+1] = strings.ToLower(into[i+1])
				}
			}
			fmt.Fprintln(&b, strings.Join(into, "|"))
		}
		rows.Close()
	}
	return b.String()
}

// walkOf walks the file through SQLite.
func walkOf(t *testing.T, db *sql.DB, parts ...int64) (rows string, found []string) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), `BEGIN`); err != nil {
		t.Fatal(err)
	}
	defer conn.ExecContext(t.Context(), `ROLLBACK`)
	w, err := layoutOf(t).Walk(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return all(t.Context(), w, parts...)
}

// TestWalk reads what SQLite has written, with tables that are not ours, too,
// and finds nothing.
func TestWalk(t *testing.T) {
	for _, rows := range []int{0, 1, 40, 500} {
		path := fileOf(t, rows, `CREATE TABLE other (x REAL, y TEXT COLLATE NOCASE)`, `CREATE INDEX other_y ON other (y DESC)`,
			`INSERT INTO other SELECT n / 3.0, name || 'ä' FROM a`, `CREATE TABLE strange (k TEXT PRIMARY KEY) WITHOUT ROWID`,
			`INSERT INTO strange SELECT name FROM a`, `ANALYZE`)
		db := open(t, path, walked)
		want := rowsOf(t, db)
		for _, parts := range [][]int64{nil, {0, 7, 8, 300, 301, 4000}} {
			if got, found := walkOf(t, db, parts...); len(found) > 0 {
				t.Errorf("%d rows, parts %v: found %q", rows, parts, found)
			} else if got != want {
				t.Errorf("%d rows, parts %v: read\n%.2000s\nwant\n%.2000s", rows, parts, got, want)
			}
		}
	}
}

// TestWalkNames changes what only somebody who goes round SQLite's checks can
// change, and wants it named.
func TestWalkNames(t *testing.T) {
	f := func(want string, queries ...string) {
		t.Helper()
		db := open(t, fileOf(t, 60), walked)
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range append([]string{`PRAGMA writable_schema = 1`}, queries...) {
			if _, err := conn.ExecContext(t.Context(), q); err != nil {
				t.Fatalf("%s: %v", q, err)
			}
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		_, found := walkOf(t, db)
		if !slices.ContainsFunc(found, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%s: found %q, want %q", queries, found, want)
		}
	}
	f("trigger a_stays: missing", `DROP TRIGGER a_stays`)
	f("trigger more: it was added to table a", `CREATE TRIGGER more AFTER INSERT ON a BEGIN DELETE FROM b; END`)
	f("index more: it was added to table b", `CREATE INDEX more ON b (y)`)
	f("trigger a_stays: it was changed", `DROP TRIGGER a_stays`, `CREATE TRIGGER a_stays BEFORE UPDATE OF id ON a BEGIN SELECT 1; END`)
	f("index b_z: missing", `DROP INDEX b_z`)
	// Two trees from one root, and a tree that nothing leads to.
	f("the page belongs to something else, too", `UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'a_n') WHERE name = 'b_z'`)
	f("are in nothing", `DELETE FROM sqlite_schema WHERE name = 'a_n'`)
}

// image is a file in memory.
type image []byte

func (f image) close() error { return nil }
func (f image) page(n uint32) ([]byte, error) {
	if int(n)*pageSize > len(f) {
		return nil, errors.New("there is no such page")
	}
	return f[(n-1)*pageSize : n*pageSize], nil
}

// imageOf returns a file and the roots in it.
func imageOf(t testing.TB, rows int) (image, []stored) {
	t.Helper()
	path := fileOf(t, rows)
	db, err := Open(t.Context(), path, walked)
	if err != nil {
		t.Fatal(err)
	}
	there, err := objects(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b, there
}

// TestWalkFlips flips single bits of a file with deep trees, in which each
// column is in an index: each is named, or the rows are the same.
func TestWalkFlips(t *testing.T) {
	l := layoutOf(t)
	whole, there := imageOf(t, 120)
	read := func(f image) (string, []string) {
		w, err := l.walk(t.Context(), pageSize, len(f)/pageSize, there, f)
		if err != nil {
			return "", []string{err.Error()}
		}
		return all(t.Context(), w, 20, 21, 100)
	}
	want, found := read(whole)
	if len(found) > 0 {
		t.Fatalf("found %q before anything was changed", found)
	}
	random := rand.New(rand.NewPCG(2026, 11))
	named, flips := 0, 1500
	if testing.Short() {
		flips = 150
	}
	for range flips {
		at, bit := random.IntN(len(whole)), byte(1)<<random.IntN(8)
		whole[at] ^= bit
		if got, found := read(whole); len(found) > 0 {
			named++
		} else if got != want {
			t.Errorf("bit %d of byte %d was flipped, other rows are read, and nothing is found", bit, at)
		}
		whole[at] ^= bit
	}
	if named < flips/2 {
		t.Errorf("%d of %d flips were named, want most", named, flips)
	}
	t.Logf("%d of %d flips named, the others change nothing that is read", named, flips)
}

// Many read a walk at once, and what they find is the same.
func TestWalkAtOnce(t *testing.T) {
	l := layoutOf(t)
	whole, there := imageOf(t, 400)
	w, err := l.walk(t.Context(), pageSize, len(whole)/pageSize, there, whole)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	do := func(c func() error) {
		wg.Go(func() {
			if err := c(); err != nil {
				t.Error(err)
			}
		})
	}
	for _, table := range []string{"summit_schema", "a", "b", "c"} {
		for _, part := range [][2]int64{{math.MinInt64, 50}, {51, 90}, {91, math.MaxInt64}} {
			do(func() error {
				c := w.Rows(t.Context(), table, part[0], part[1])
				for c.Next() {
				}
				return c.Err()
			})
		}
	}
	for _, job := range w.Jobs() {
		do(func() error { return job(t.Context()) })
	}
	wg.Wait()
	if found := w.End(); len(found) > 0 {
		t.Errorf("found %v", found)
	}
}

// FuzzWalk reads files of any bytes: it ends, and needs no more memory than
// the file justifies.
func FuzzWalk(f *testing.F) {
	l := layoutOf(f)
	whole, there := imageOf(f, 12)
	f.Add([]byte(whole))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<16 {
			return
		}
		b = append(b, make([]byte, -len(b)&(pageSize-1))...)
		if w, err := l.walk(t.Context(), pageSize, len(b)/pageSize, there, image(b)); err == nil {
			all(t.Context(), w, 3, 20)
		}
	})
}
