package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"summit/ledger"
	"summit/ledger/ledgertest"
)

// full posts until the file takes no more, and checks that the books are right
// and go on once there is room.
func full(t *testing.T, path string, o ledger.SQLiteOptions, room func()) {
	t.Helper()
	ctx := t.Context()
	s, err := ledger.OpenSQLite(ctx, path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	l := ledgertest.Load{Customers: 2}
	if err := l.Fund(ctx, s); err != nil {
		t.Fatal(err)
	}
	booked := 0
	for err == nil && booked < 100_000 {
		batch := []ledger.Entry{}
		for i := range 20 {
			batch = append(batch, l.Hold(booked+i), l.Settle(booked+i))
		}
		if _, err = s.Post(ctx, batch...); err == nil {
			booked += 20
		}
	}
	if err == nil || !strings.Contains(err.Error(), "full") || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "nothing was booked") {
		t.Fatalf("error %v after %d requests, want one that says that %s is full and nothing was booked", err, booked, path)
	}
	right := func() {
		t.Helper()
		r, err := ledger.Verify(ctx, s, ledger.VerifyOptions{})
		if err != nil || r.Found > 0 {
			t.Errorf("the books on a full disk: %v, %+v", err, r)
		}
		if x, err := s.Balance(ctx, "operator:fee", "CNY"); err != nil || x != ledger.Units(-2_358*booked) {
			t.Errorf("the fee is %d, %v, after %d settlements", x, err, booked)
		}
	}
	right()
	if room == nil {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if s, err = ledger.OpenSQLite(ctx, path, ledger.SQLiteOptions{}); err != nil {
			t.Fatal(err)
		}
	} else {
		room()
	}
	for i := range 5 {
		if _, err := s.Post(ctx, l.Hold(booked), l.Settle(booked)); err != nil {
			t.Fatalf("with room again: request %d: %v", i, err)
		}
		booked++
	}
	right()
}

func TestFull(t *testing.T) {
	full(t, filepath.Join(t.TempDir(), "books.db"), ledger.SQLiteOptions{MaxBytes: 600_000}, nil)
}

// Two servers on one file take turns, and neither counts with old balances.
func TestTwoWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "books.db")
	var stores []ledger.Store
	for range 2 {
		s, err := ledger.OpenSQLite(t.Context(), path, ledger.SQLiteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		stores = append(stores, s)
	}
	takeTurns(t, stores)
}

func TestPostgresTwoWriters(t *testing.T) {
	first := openPostgres(t, nil)
	second, err := ledger.OpenPostgres(t.Context(), os.Getenv("SUMMIT_TEST_POSTGRES"), ledger.PostgresOptions{Schema: fmt.Sprintf("test_%d_%d", os.Getpid(), schemas.Load())})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	takeTurns(t, []ledger.Store{first, second})
}

func takeTurns(t *testing.T, stores []ledger.Store) {
	t.Helper()
	const n = 100
	if err := (ledgertest.Load{Customers: 1}).Fund(t.Context(), stores[0]); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			l := ledgertest.Load{Customers: 1}
			s, other := stores[i%2], stores[(i+1)%2]
			_, err := s.Post(t.Context(), l.Hold(i))
			if err == nil {
				_, err = other.Post(t.Context(), l.Settle(i)) // what one holds, the other ends
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, s := range stores {
		r, err := ledger.Verify(t.Context(), s, ledger.VerifyOptions{Workers: 2})
		if err != nil || r.Found > 0 || r.Txns != 2*n+1 {
			t.Errorf("%v, %+v", err, r)
		}
		if x, err := s.Balance(t.Context(), "operator:fee", "CNY"); err != nil || x != -2_358*n {
			t.Errorf("the fee is %d, %v", x, err)
		}
	}
}

// A long chain is read in parts, whose seams are checked like the rest.
func TestVerifyInParts(t *testing.T) {
	s := ledger.NewMemory(nil)
	l := ledgertest.Load{Customers: 3}
	if err := l.Fund(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for i := range 6_000 { // each hold is ended a thousand requests later, most in the same part, some in the next
		if _, err := s.Post(t.Context(), l.Hold(i)); err != nil {
			t.Fatal(err)
		}
		if i < 1_000 {
			continue
		}
		if _, err := s.Post(t.Context(), l.Settle(i-1_000)); err != nil {
			t.Fatal(err)
		}
	}
	head, _ := s.Head(t.Context())
	r, err := ledger.Verify(t.Context(), s, ledger.VerifyOptions{Workers: 4, Known: []ledger.Head{head}})
	if err != nil || r.Found > 0 || r.Txns != 11_003 || r.Holds != 1_000 {
		t.Errorf("%v, %+v", err, r)
	}
	other := head
	other.Hash[0] ^= 1
	longer := head
	longer.Seq++
	r, err = ledger.Verify(t.Context(), s, ledger.VerifyOptions{Known: []ledger.Head{other, longer}})
	if err != nil || r.Found != 2 || r.Damages[0].Seq != head.Seq || r.Damages[1].Seq != head.Seq+1 {
		t.Errorf("against heads of other books: %v, %+v", err, r)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := ledger.Verify(ctx, s, ledger.VerifyOptions{}); err == nil {
		t.Error("Verify ends well after its context has ended")
	}
}

// Books that are closed are one file: nothing of them stays in the log beside
// it, which a copy would leave behind.
func TestCloseLeavesOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "books.db")
	s, err := ledger.OpenSQLite(t.Context(), path, ledger.SQLiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l := ledgertest.Load{Customers: 2}
	if err := l.Fund(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := s.Post(t.Context(), l.Hold(i), l.Settle(i)); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := ledger.Verify(t.Context(), s, ledger.VerifyOptions{}); err != nil || r.Found > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v, want the file alone", left, err)
	}
}

// Books that may only be read are read and verified, and take nothing.
func TestOpenReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "books.db")
	s, err := ledger.OpenSQLite(t.Context(), path, ledger.SQLiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l := ledgertest.Load{Customers: 2}
	if err := l.Fund(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if s, err = ledger.OpenSQLite(t.Context(), path, ledger.SQLiteOptions{ReadOnly: true}); err != nil {
		t.Fatal(err)
	}
	r, err := ledger.Verify(t.Context(), s, ledger.VerifyOptions{})
	if err != nil || r.Found > 0 || r.Txns == 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := s.Post(t.Context(), l.Hold(1)); err == nil || !strings.Contains(err.Error(), "may not be written") || !strings.Contains(err.Error(), "nothing was booked") {
		t.Errorf("a post to books that may not be written: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed, %v", err)
	}
}
