package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
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
