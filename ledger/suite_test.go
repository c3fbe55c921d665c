package ledger_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"summit/ledger"
	"summit/ledger/ledgertest"
)

// stores are those that lie outside the process.
var stores = []struct {
	name string
	open ledgertest.Open
}{
	{"SQLite", openSQLite},
	{"Postgres", openPostgres},
}

func openSQLite(t *testing.T, now func() time.Time) ledger.Store {
	s, err := ledger.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "books.db"), ledger.SQLiteOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestMemory(t *testing.T) {
	ledgertest.Run(t, func(_ *testing.T, now func() time.Time) ledger.Store { return ledger.NewMemory(now) })
}

func TestSQLite(t *testing.T) { ledgertest.Run(t, openSQLite) }

// TestPostgres needs a server: make test-postgres starts one of its own.
func TestPostgres(t *testing.T) { ledgertest.Run(t, openPostgres) }

var schemas atomic.Int64

// openPostgres opens books in a schema of their own.
func openPostgres(t *testing.T, now func() time.Time) ledger.Store {
	url := os.Getenv("SUMMIT_TEST_POSTGRES")
	if url == "" {
		t.Skip("SUMMIT_TEST_POSTGRES names no server (make test-postgres starts one): PostgreSQL is not tested")
	}
	schema := fmt.Sprintf("test_%d_%d", os.Getpid(), schemas.Add(1))
	s, err := ledger.OpenPostgres(t.Context(), url, ledger.PostgresOptions{Now: now, Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
