package ledger_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"summit/internal/sqlite"
	"summit/ledger"
	"summit/ledger/ledgertest"
)

// benchTime is SUMMIT_BENCH_LEDGER: how long each figure is measured. The
// measurement is skipped without it. The folder of the files is TMPDIR.
func benchTime(t *testing.T) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(os.Getenv("SUMMIT_BENCH_LEDGER"))
	if err != nil || d <= 0 {
		t.Skip("SUMMIT_BENCH_LEDGER is no duration: nothing is measured (make bench-ledger)")
	}
	return d
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:2], " ")
}

// TestFigures measures what the books do, on SQLite with synchronous FULL and,
// where SUMMIT_TEST_POSTGRES names a server, on PostgreSQL.
func TestFigures(t *testing.T) {
	d := benchTime(t)
	for _, store := range stores {
		t.Run(store.name, func(t *testing.T) {
			t.Logf("load average %s", loadAverage())
			ctx := t.Context()
			must := func(f ledgertest.Figures, err error) ledgertest.Figures {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				return f
			}
			post := func(s ledger.Store, e ledger.Entry) error {
				_, err := s.Post(ctx, e)
				return err
			}
			const clients = 1024
			s := store.open(t, nil)
			l := ledgertest.Load{Customers: 1000, Name: "a"}
			if err := l.Fund(ctx, s); err != nil {
				t.Fatal(err)
			}
			// As many holds as will be settled in the time, and more; where they
			// run out, it ends earlier.
			most := int(d.Seconds()) * map[string]int{"SQLite": 12_000, "Postgres": 6_000}[store.name]
			f := must(ledgertest.Closed(clients, most, time.Hour, func(i int) error { return post(s, l.Hold(i)) }))
			t.Logf("holds, %d clients: %v", clients, f)
			f = must(ledgertest.Closed(clients, most, d, func(i int) error { return post(s, l.Settle(i)) }))
			t.Logf("settlements of prepared holds, %d clients: %v", clients, f)

			l.Name = "b"
			f = must(ledgertest.Closed(clients, 1<<30, d, func(i int) error {
				if err := post(s, l.Hold(i)); err != nil {
					return err
				}
				return post(s, l.Settle(i))
			}))
			t.Logf("hold and settlement, %d clients: %v", clients, f)

			l.Name = "c"
			f = must(ledgertest.Paced(500, min(d, 20*time.Second), func(i int) error {
				if err := post(s, l.Hold(i)); err != nil {
					return err
				}
				return post(s, l.Settle(i))
			}))
			t.Logf("hold and settlement at 500/s: %v (goal: p99 of a settlement 100ms)", f)

			bare := ledgertest.Figures{}
			if store.name == "SQLite" {
				bare = bareCommits(t, 50, min(d, 20*time.Second))
				t.Logf("bare FULL commit of one row at 50/s: %v", bare)
			}
			l.Name = "d"
			f = must(ledgertest.Paced(50, min(d, 20*time.Second), func(i int) error {
				if err := post(s, l.Hold(i)); err != nil {
					return err
				}
				return post(s, l.Settle(i))
			}))
			if t.Logf("hold and settlement at 50/s: %v", f); bare.Done > 0 {
				t.Logf("goal: p50 at most %v, twice that of the bare commit and 1ms", (2*bare.P50 + time.Millisecond).Round(10*time.Microsecond))
			}

			start := time.Now()
			r, err := ledger.Verify(ctx, s, ledger.VerifyOptions{})
			if err != nil || r.Found > 0 {
				t.Fatal(err, r)
			}
			t.Logf("verify of %d transactions, %d postings, %d records: %.1fs; load average %s", r.Txns, r.Postings, r.Records, time.Since(start).Seconds(), loadAverage())
		})
	}
}

// bareCommits measures commits of one row, as durable as those of the books.
func bareCommits(t *testing.T, perSecond int, d time.Duration) ledgertest.Figures {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "bare.db"), sqlite.Schema{Room: "bare", Durable: true,
		Migrations: []string{`CREATE TABLE a (x INTEGER NOT NULL)`}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	insert, err := db.PrepareContext(t.Context(), `INSERT INTO a VALUES (?)`)
	if err != nil {
		t.Fatal(err)
	}
	defer insert.Close()
	f, err := ledgertest.Paced(perSecond, d, func(i int) error { return run(t.Context(), insert, i) })
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func run(ctx context.Context, s *sql.Stmt, args ...any) error {
	_, err := s.ExecContext(ctx, args...)
	return err
}

// TestVerifyMillion measures Verify over 10^6 settlements with their holds.
func TestVerifyMillion(t *testing.T) {
	benchTime(t)
	s := stores[0].open(t, nil)
	l := ledgertest.Load{Customers: 1000}
	if err := l.Fund(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	const n = 1_000_000
	f, err := ledgertest.Closed(256, n/100, time.Hour, func(i int) error {
		var batch []ledger.Entry
		for k := range 100 {
			batch = append(batch, l.Hold(i*100+k), l.Settle(i*100+k))
		}
		_, err := s.Post(t.Context(), batch...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d settlements with their holds written in %.0fs", n, f.Took.Seconds())
	start := time.Now()
	r, err := ledger.Verify(t.Context(), s, ledger.VerifyOptions{})
	if err != nil || r.Found > 0 {
		t.Fatal(err, r)
	}
	t.Logf("verify of %d transactions, %d postings, %d records: %.1fs (goal: 30s); load average %s", r.Txns, r.Postings, r.Records, time.Since(start).Seconds(), loadAverage())
}
