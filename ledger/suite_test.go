package ledger_test

import (
	"path/filepath"
	"testing"
	"time"

	"summit/ledger"
	"summit/ledger/ledgertest"
)

func TestMemory(t *testing.T) {
	ledgertest.Run(t, func(_ *testing.T, now func() time.Time) ledger.Store { return ledger.NewMemory(now) })
}

func TestSQLite(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T, now func() time.Time) ledger.Store {
		s, err := ledger.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "books.db"), ledger.SQLiteOptions{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
