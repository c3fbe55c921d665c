package ledger

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// smallBooks are books with one of everything.
func smallBooks(t *testing.T) *SQLite {
	t.Helper()
	s, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "books.db"), SQLiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	const wallet, hold = "customer:acme:wallet", "customer:acme:hold"
	for _, e := range []Entry{
		{Key: "deposit", Kind: "deposit", Input: Sum([]byte("x")), Postings: []Posting{{"bank:CNY", 1000, ""}, {wallet, -1000, ""}}},
		{Key: "hold:1", Kind: "hold", Expires: time.Now().Add(time.Hour), Postings: []Posting{{wallet, 60, ""}, {hold, -60, ""}}},
		{Key: "hold:2", Kind: "hold", Expires: time.Now().Add(time.Hour), Postings: []Posting{{wallet, 70, ""}, {hold, -70, ""}}},
		{Key: "settle:1", Kind: "settle", Ends: "hold:1", Reason: "done", Links: []string{"deposit"}, Postings: []Posting{{wallet, 50, ""}, {"reserve", -50, ""}},
			Records: []Record{{"event", "1", []byte("an event")}, {"attribution", "1", []byte("shares")}}},
		{Key: "refund:1", Kind: "refund", Reverses: "settle:1", Postings: []Posting{{wallet, -20, ""}, {"reserve", 20, ""}}},
		{Key: "close", Kind: "close", Closes: PeriodOf(time.Now().UTC())},
		{Key: "late", Kind: "settle", Postings: []Posting{{"cost:declared:glm", 5, ""}, {"cost:recovered:glm", -5, ""}}},
	} {
		e.Currency = "CNY"
		if _, err := s.Post(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// tamper changes the file as somebody would who may write it.
func tamper(t *testing.T, db *sql.DB, query string, args ...any) {
	t.Helper()
	if _, err := db.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// TestFlippedBit flips a bit in every column of every row, one at a time.
func TestFlippedBit(t *testing.T) {
	s := smallBooks(t)
	for _, name := range triggers() {
		tamper(t, s.db, `DROP TRIGGER `+name)
	}
	verify := func() []Damage {
		t.Helper()
		r, err := Verify(t.Context(), s, VerifyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		// The triggers are gone, and it says so.
		return slices.DeleteFunc(r.Damages, func(d Damage) bool { return d.Table == "trigger" })
	}
	if d := verify(); len(d) > 0 {
		t.Fatalf("damages before there are any: %v", d)
	}
	flips := 0
	for _, table := range []struct{ name, row, key string }{
		{"txn", "seq", "seq"}, {"posting", "seq", "seq, n"}, {"record", "id >> 14", "id"},
		{"line", "id", "id"}, {"balance", "line", "line"}, {"turnover", "line", "period, line"}, {"hold", "seq", "seq"},
	} {
		var columns []string
		rows, err := s.db.Query(`SELECT name FROM pragma_table_info(?)`, table.name)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var c string
			if err := rows.Scan(&c); err != nil {
				t.Fatal(err)
			}
			columns = append(columns, c)
		}
		rows.Close()
		var n int
		if err := s.db.QueryRow(`SELECT count(*) FROM ` + table.name).Scan(&n); err != nil || n == 0 {
			t.Fatalf("table %s: %d rows, %v", table.name, n, err)
		}
		for i := range n {
			for _, c := range columns {
				// The row and its neighbours go back to what they were afterwards.
				tamper(t, s.db, `CREATE TABLE saved AS SELECT * FROM `+table.name+` ORDER BY `+table.key+` LIMIT 1 OFFSET `+fmt.Sprint(i))
				var seq int64
				if err := s.db.QueryRow(`SELECT ` + table.row + ` FROM saved`).Scan(&seq); err != nil {
					t.Fatal(err)
				}
				var kind string
				if err := s.db.QueryRow(`SELECT typeof(` + c + `) FROM saved`).Scan(&kind); err != nil {
					t.Fatal(err)
				}
				value := map[string]string{
					"integer": c + ` | 1048576`,
					"text":    `iif(` + c + ` = '', 'A', char(unicode(` + c + `) | 128) || substr(` + c + `, 2))`,
					"blob":    `CAST(iif(length(` + c + `) = 0, x'01', char(unicode(CAST(substr(` + c + `, 1, 1) AS TEXT)) | 64) || substr(` + c + `, 2)) AS BLOB)`,
				}[kind]
				var changed bool
				if kind == "integer" {
					// A bit that is not set.
					if err := s.db.QueryRow(`SELECT ` + c + ` & 1048576 = 0 FROM saved`).Scan(&changed); err != nil {
						t.Fatal(err)
					}
					if !changed {
						value = c + ` & ~1048576`
					}
				}
				if kind == "blob" {
					var b []byte
					if err := s.db.QueryRow(`SELECT ` + c + ` FROM saved`).Scan(&b); err != nil {
						t.Fatal(err)
					}
					if len(b) == 0 {
						b = []byte{1}
					} else {
						b[len(b)/2] ^= 4
					}
					value = fmt.Sprintf("x'%x'", b)
				}
				where := ` WHERE (` + table.key + `) IN (SELECT ` + table.key + ` FROM saved)`
				tamper(t, s.db, `UPDATE `+table.name+` SET `+c+` = `+value+where)
				flips++
				found := verify()
				if !slices.ContainsFunc(found, func(d Damage) bool { return names(d, table.name, c, seq) }) ||
					c == "hash" && len(found) > 1 { // its successor is not to blame
					t.Errorf("%s, row %d, column %s (%s): damages %v don't name it", table.name, i, c, kind, found)
				}
				if strings.Contains(", "+table.key+",", ", "+c+",") {
					tamper(t, s.db, `DELETE FROM `+table.name+` WHERE `+c+` = (SELECT `+value+` FROM saved)`)
				}
				tamper(t, s.db, `INSERT OR REPLACE INTO `+table.name+` SELECT * FROM saved`)
				tamper(t, s.db, `DROP TABLE saved`)
			}
		}
	}
	if d := verify(); len(d) > 0 {
		t.Errorf("damages after all was put back: %v", d)
	}
	t.Logf("%d flips, each named", flips)
}

// names reports whether the damage names the row. A row whose number was
// changed is named by the number that is missing, or by the new one.
func names(d Damage, table, column string, seq int64) bool {
	switch {
	case column == "seq" || column == "id" || column == "n":
		return d.Seq == seq || strings.Contains(d.What, fmt.Sprint(seq)) || table != "txn"
	case table == "txn" || table == "posting" || table == "record":
		return d.Table == table && d.Seq == seq
	}
	return d.Table == table
}

// TestFlippedKey flips a bit in the index of keys, by which the books know what
// was booked, and not in the table.
func TestFlippedKey(t *testing.T) {
	s := smallBooks(t)
	tamper(t, s.db, `PRAGMA wal_checkpoint(TRUNCATE)`)
	var root int
	if err := s.db.QueryRow(`SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_txn_1'`).Scan(&root); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	index := whole[(root-1)*4096 : root*4096]
	at := bytes.Index(index, []byte("settle:1"))
	if at < 0 {
		t.Fatal("the key is not in its index")
	}
	index[at+7] ^= 4
	path := filepath.Join(t.TempDir(), "books.db")
	if err := os.WriteFile(path, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	changed, err := OpenSQLite(t.Context(), path, SQLiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer changed.Close()
	r, err := Verify(t.Context(), changed, VerifyOptions{})
	if err != nil || r.Found == 0 || !strings.Contains(r.Damages[0].What, "missing from index sqlite_autoindex_txn_1") {
		t.Errorf("%+v, %v, want the index of keys named", r, err)
	}
}

// TestFlippedFile flips single bits of the file itself: each is refused, named,
// or changes nothing that the books say.
func TestFlippedFile(t *testing.T) {
	s := smallBooks(t)
	says := func(s *SQLite) string {
		var b strings.Builder
		if _, err := Export(t.Context(), s, Filter{}, &b); err != nil {
			return err.Error()
		}
		for _, f := range []BalanceFilter{{}, {Turnovers: true}} {
			for x, err := range s.Balances(t.Context(), f) {
				fmt.Fprintln(&b, x, err)
			}
		}
		for x, err := range s.Holds(t.Context(), time.Time{}) {
			fmt.Fprintln(&b, x, err)
		}
		return b.String()
	}
	want := says(s)
	tamper(t, s.db, `PRAGMA wal_checkpoint(TRUNCATE)`)
	whole, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	// The pages of each table and index; small books fit one each.
	var roots []int
	rows, err := s.db.Query(`SELECT rootpage FROM sqlite_schema WHERE rootpage > 0`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var root int
		if err := rows.Scan(&root); err != nil {
			t.Fatal(err)
		}
		roots = append(roots, root)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(roots) < 15 {
		t.Fatal(roots, err)
	}
	const page = 4096
	refused, found, harmless := 0, 0, 0
	path := filepath.Join(t.TempDir(), "books.db")
	random := rand.New(rand.NewPCG(16358, 64)) // the same bits each time
	for i := range 400 {
		at := (roots[i%len(roots)]-1)*page + page - 1 - random.IntN(300) // rows fill a page from its end
		if i%5 == 0 {
			at = random.IntN(len(whole))
		}
		changed := slices.Clone(whole)
		bit := byte(1) << random.IntN(8)
		changed[at] ^= bit
		for _, suffix := range []string{"-wal", "-shm"} {
			_ = os.Remove(path + suffix)
		}
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := OpenSQLite(t.Context(), path, SQLiteOptions{})
		if err != nil {
			refused++
			continue
		}
		r, err := Verify(t.Context(), s, VerifyOptions{})
		switch {
		case err != nil:
			refused++
		case r.Found > 0:
			found++
		case says(s) != want:
			t.Errorf("bit %d of byte %d was flipped, the books say something else, and Verify finds nothing", bit, at)
		default:
			harmless++
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d flips: %d named, %d refused, %d in nothing that is read", 400, found, refused, harmless)
}
