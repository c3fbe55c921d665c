package ledger

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func TestPeriod(t *testing.T) {
	if got := PeriodOf(time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)); got != "2026-12" || got.Next() != "2027-01" || got.Valid() != nil {
		t.Errorf("%s, then %s, %v", got, got.Next(), got.Valid())
	}
	for _, bad := range []Period{"", "2026", "2026-13", "2026-1", "0000-01", "2026-12-01"} {
		if bad.Valid() == nil {
			t.Errorf("%q is a period, want an error", bad)
		}
	}
}

func TestHashText(t *testing.T) {
	h := Sum([]byte("a"), []byte("bc"))
	text, err := json.Marshal(h)
	if want := `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
	var back Hash
	if err := json.Unmarshal(text, &back); err != nil || back != h {
		t.Errorf("%s, %v, want %s", back, err, h)
	}
	for _, bad := range []string{"", "00", "zz7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"} {
		if back.UnmarshalText([]byte(bad)) == nil {
			t.Errorf("%q is a hash, want an error", bad)
		}
	}
}

// One request from its hold to its refund.
func TestOneRequest(t *testing.T) {
	s := NewMemory(nil)
	book := func(e Entry) Receipt {
		t.Helper()
		e.Currency = "CNY"
		r, err := s.Post(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		return r[0]
	}
	stands := func(a Account, want Units) {
		t.Helper()
		if got, err := s.Balance(t.Context(), a, "CNY"); err != nil || got != want {
			t.Errorf("%s: %d, %v, want %d", a, got, err, want)
		}
	}
	const wallet, hold = "customer:acme:wallet", "customer:acme:hold"
	book(Entry{Key: "deposit", Kind: "deposit", Postings: []Posting{{"bank:CNY", 100, ""}, {wallet, -100, ""}}})
	book(Entry{Key: "hold:1", Kind: "hold", Expires: time.Now().Add(time.Hour), Postings: []Posting{{wallet, 60, ""}, {hold, -60, ""}}})
	stands(wallet, -40)
	book(Entry{Key: "settle:1", Kind: "settle", Ends: "hold:1", Postings: []Posting{{wallet, 50, ""}, {"reserve", -50, ""}}})
	stands(wallet, -50)
	stands(hold, 0)
	book(Entry{Key: "refund:1", Kind: "refund", Reverses: "settle:1"})
	stands(wallet, -100)
	stands("reserve", 0)
	if _, err := s.Post(t.Context(), Entry{Key: "refund:2", Kind: "refund", Reverses: "settle:1"}); !errors.Is(err, ErrReversed) {
		t.Errorf("a second refund: %v, want %v", err, ErrReversed)
	}
}
