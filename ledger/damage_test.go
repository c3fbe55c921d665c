package ledger

import (
	"bytes"
	"database/sql"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// Rows before the first transaction or behind the last belong to none.
func TestStrayRows(t *testing.T) {
	for _, q := range []string{
		`INSERT INTO posting (seq, n, line, amount) VALUES (0, 0, 1, 5)`, `INSERT INTO posting (seq, n, line, amount) VALUES (99, 0, 1, 5)`,
		`INSERT INTO record (id, kind, key, body) VALUES (-5, 'a', 'b', x'00')`, `INSERT INTO record (id, kind, key, body) VALUES (99 << 14, 'a', 'b', x'00')`,
	} {
		s := smallBooks(t)
		tamper(t, s.db, q)
		r, err := Verify(t.Context(), s, VerifyOptions{})
		if err != nil || !slices.ContainsFunc(r.Damages, func(d Damage) bool { return d.What == "it belongs to no transaction" }) {
			t.Errorf("%s: %+v, %v, want it named", q, r, err)
		}
	}
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
	for _, want := range []string{"index sqlite_autoindex_txn_1): its entries are not the rows of table txn", "missing from index sqlite_autoindex_txn_1"} {
		if err != nil || !slices.ContainsFunc(r.Damages, func(d Damage) bool { return strings.Contains(d.String(), want) }) {
			t.Errorf("%+v, %v, want %q", r, err, want)
		}
	}
}

// TestFlippedFile flips single bits of the file itself: each is refused, named,
// or changes nothing that the books say. SUMMIT_TEST_FLIPS is how many; with it,
// those of books whose trees are deep are flipped, too.
func TestFlippedFile(t *testing.T) {
	flips := 400
	if testing.Short() {
		flips = 100
	}
	if n, err := strconv.Atoi(os.Getenv("SUMMIT_TEST_FLIPS")); err == nil {
		flips = n
		s := smallBooks(t)
		deposit := Entry{Kind: "deposit", Currency: "CNY", Postings: []Posting{{"bank:CNY", 1000, ""}, {"customer:acme:wallet", -1000, ""}}}
		for i := range 150 {
			e := deposit
			e.Key = fmt.Sprint("deposit:", i)
			e.Postings = slices.Clone(e.Postings)
			e.Postings[1].Account = Account(fmt.Sprintf("customer:c%d:wallet", i))
			e.Records = []Record{{"event", e.Key, bytes.Repeat([]byte{'x'}, 7*i)}, {"note", "", nil}}
			if i%10 == 0 {
				e.Expires = time.Now().Add(time.Hour)
			} else if i%10 == 5 {
				e.Reverses, e.Postings, e.Kind = fmt.Sprint("deposit:", i-1), nil, "refund"
			}
			if _, err := s.Post(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		flipFile(t, s, flips)
	}
	flipFile(t, smallBooks(t), flips)
}

// saysAll is everything that the books say, however they are asked.
func saysAll(t *testing.T, s *SQLite) string {
	t.Helper()
	var b strings.Builder
	if _, err := Export(t.Context(), s, Filter{}, &b); err != nil {
		return err.Error()
	}
	accounts := map[Account]bool{}
	for _, f := range []BalanceFilter{{}, {Turnovers: true}} {
		for x, err := range s.Balances(t.Context(), f) {
			fmt.Fprintln(&b, x, err)
			accounts[x.Account] = true
		}
	}
	for x, err := range s.Holds(t.Context(), time.Time{}) {
		fmt.Fprintln(&b, x, err)
	}
	for x, err := range s.Txns(t.Context(), Filter{}) {
		if err != nil {
			return err.Error()
		}
		found, err := s.Find(t.Context(), x.Key)
		fmt.Fprintln(&b, found, err)
		for _, r := range x.Records {
			for filed, err := range s.Records(t.Context(), RecordFilter{Kind: r.Kind, Key: r.Key}) {
				fmt.Fprintln(&b, filed, err)
			}
		}
	}
	for _, a := range slices.Sorted(maps.Keys(accounts)) {
		x, err := s.Balance(t.Context(), a, "CNY")
		fmt.Fprintln(&b, a, x, err)
		for x, err := range s.Txns(t.Context(), Filter{Accounts: []Account{a}}) {
			if err != nil {
				return err.Error()
			}
			fmt.Fprintln(&b, x.Seq)
		}
	}
	return b.String()
}

func flipFile(t *testing.T, s *SQLite, flips int) {
	t.Helper()
	want := saysAll(t, s)
	tamper(t, s.db, `PRAGMA wal_checkpoint(TRUNCATE)`)
	whole, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	refused, found, harmless := 0, 0, 0
	path := filepath.Join(t.TempDir(), "books.db")
	random := rand.New(rand.NewPCG(16358, 64)) // the same bits each time
	for i := range flips {
		at := i%(len(whole)/page)*page + page - 1 - random.IntN(300) // rows fill a page from its end
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
		case saysAll(t, s) != want:
			t.Errorf("bit %d of byte %d was flipped, the books say something else, and Verify finds nothing", bit, at)
		default:
			harmless++
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d flips in %d pages: %d named, %d refused, %d in nothing that is read", flips, len(whole)/page, found, refused, harmless)
}
