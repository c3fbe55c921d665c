package ledger_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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

// A role that may make nothing opens books whose tables are there, and posts.
func TestPostgresPlainRole(t *testing.T) {
	s := openPostgres(t, nil)
	url := os.Getenv("SUMMIT_TEST_POSTGRES")
	schema := fmt.Sprintf("test_%d_%d", os.Getpid(), schemas.Load())
	role := "role_" + schema
	owner, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(context.WithoutCancel(t.Context()))
	for _, q := range []string{
		`CREATE ROLE ` + role + ` LOGIN`, `GRANT USAGE ON SCHEMA ` + schema + ` TO ` + role,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ` + schema + ` TO ` + role,
	} {
		if _, err := owner.Exec(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	plain, err := ledger.OpenPostgres(t.Context(), strings.Replace(url, "//summit@", "//"+role+"@", 1), ledger.PostgresOptions{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		plain.Close()
		if _, err := owner.Exec(t.Context(), `DROP OWNED BY `+role+`; DROP ROLE `+role); err != nil {
			t.Error(err)
		}
	}()
	if err := (ledgertest.Load{Customers: 1}).Fund(t.Context(), plain); err != nil {
		t.Error(err)
	}
	if r, err := ledger.Verify(t.Context(), s, ledger.VerifyOptions{}); err != nil || r.Found > 0 || r.Txns == 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
