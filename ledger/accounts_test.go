package ledger

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// Transactions of accounts are found by walks over their postings, which give
// the same as reading all of them.
func TestTxnsOfAccounts(t *testing.T) {
	s := smallBooks(t)
	random := rand.New(rand.NewPCG(8, 15))
	account := func(i int) Account { return Account(fmt.Sprintf("member:m%d:payable", i)) }
	var batch []Entry
	for i := range 600 {
		a, b := account(i%7), account(random.IntN(120))
		if i%50 < 40 { // with gaps between those of some accounts
			a = account(100 + random.IntN(20))
		}
		batch = append(batch, Entry{Key: fmt.Sprint("t", i), Kind: "x", Currency: "CNY", Postings: []Posting{{a, 5, ""}, {b, 6, ""}, {a, -11, ""}}})
	}
	if _, err := s.Post(t.Context(), batch...); err != nil {
		t.Fatal(err)
	}
	list := func(f Filter) (seqs []int64) {
		for x, err := range s.Txns(t.Context(), f) {
			if err != nil {
				t.Fatal(err)
			}
			seqs = append(seqs, x.Seq)
		}
		return seqs
	}
	for _, n := range []int{1, 2, 7, 60} {
		f := Filter{After: 20, Until: 590}
		for range n {
			f.Accounts = append(f.Accounts, account(random.IntN(130)))
		}
		var want []int64
		for x, err := range s.Txns(t.Context(), Filter{After: f.After, Until: f.Until}) {
			if err != nil {
				t.Fatal(err)
			}
			if f.wants(x) {
				want = append(want, x.Seq)
			}
		}
		if got := list(f); !slices.Equal(got, want) {
			t.Errorf("%d accounts %v: %v, want %v", n, f.Accounts, got, want)
		}
	}
}

// A hold and what ends it may each have all the postings that are allowed.
func TestMostPostings(t *testing.T) {
	s := smallBooks(t)
	n := MaxPostings
	if testing.Short() {
		n = 66_000 // with those of the hold, more than 2^17
	}
	postings := make([]Posting, n)
	for i := range postings {
		postings[i] = Posting{"bank:CNY", Units(1 - i%2*2), "CNY"}
	}
	for _, e := range []Entry{
		{Key: "hold:many", Kind: "hold", Expires: time.Now().Add(time.Hour), Postings: postings},
		{Key: "settle:many", Kind: "settle", Ends: "hold:many", Postings: postings},
	} {
		if _, err := s.Post(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if x, err := s.Find(t.Context(), "settle:many"); err != nil || len(x.Postings) != 2*n || x.Released != n {
		t.Errorf("%v, want %d postings", err, 2*n)
	}
	if r, err := Verify(t.Context(), s, VerifyOptions{}); err != nil || r.Found > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	text := exported(t, s)
	if r, err := VerifyExport(bytes.NewReader(text)); err != nil || r.Found > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
