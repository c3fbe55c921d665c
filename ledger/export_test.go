package ledger

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// exported is the export of small books.
func exported(t testing.TB, s Store) []byte {
	t.Helper()
	var b bytes.Buffer
	end, err := Export(t.Context(), s, Filter{}, &b)
	if err != nil {
		t.Fatal(err)
	}
	if head, err := s.Head(t.Context()); err != nil || head != end {
		t.Fatalf("the export ends at %+v, the books at %+v, %v", end, head, err)
	}
	return b.Bytes()
}

func TestExport(t *testing.T) {
	s := smallBooks(t)
	text := exported(t, s)
	if again := exported(t, s); !bytes.Equal(text, again) {
		t.Error("two exports differ")
	}
	head, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, err := VerifyExport(bytes.NewReader(text), head)
	if err != nil || r.Found > 0 || r.Txns != 7 || r.Head != head || r.Holds != 1 {
		t.Errorf("%+v, %v, want 7 transactions up to %+v", r, err, head)
	}

	lines := strings.SplitAfter(string(text), "\n")
	f := func(name, changed string, want ...int64) {
		t.Helper()
		r, err := VerifyExport(strings.NewReader(changed), head)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		var got []int64
		for _, d := range r.Damages {
			got = append(got, d.Seq)
		}
		if len(got) != len(want) || len(got) > 0 && got[0] != want[0] {
			t.Errorf("%s: damages %v, want of %v", name, r.Damages, want)
		}
	}
	f("a word", strings.Replace(string(text), `"reason":"done"`, `"reason":"dune"`, 1), 4)
	f("a record", strings.Replace(string(text), `"body":"`, `"body":"AAAA`, 1), 4)
	f("the end cut off", strings.Join(lines[:6], ""), 7)
	f("a line left out", strings.Join(append(append([]string{}, lines[:4]...), lines[5:]...), ""), 5)

	bad := func(text, want string) {
		t.Helper()
		if _, err := VerifyExport(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q", text, err, want)
		}
	}
	bad("{\n", "line 1: want a transaction")
	bad(lines[0]+lines[0], "line 2: transaction 1, want 2")
	bad(strings.TrimSuffix(lines[0], "\n"), "line 1: unexpected EOF")
	bad(`{"seq":1,"booked_at":"0001-01-01T00:00:00Z"}`+"\n", "years 1970 to 9999")
}

// forged is an export of transactions as somebody writes them who can compute
// a chain.
func forged(t *testing.T, txns ...Txn) []byte {
	t.Helper()
	var b bytes.Buffer
	var prev Hash
	for i := range txns {
		x := &txns[i]
		x.Seq, x.Key, x.Kind, x.Period, x.Effective = int64(i+1), fmt.Sprint("key", i+1), "x", "2026-11", "2026-11"
		x.BookedAt = time.Date(2026, 11, 1, 0, 0, i, 0, time.UTC)
		bytes, _ := x.canonical(nil)
		x.Hash = chain(prev, bytes)
		prev = x.Hash
		if err := json.NewEncoder(&b).Encode(x); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestExportReversals(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	of := func(x Units) []Posting {
		return []Posting{{"bank:CNY", x, "CNY"}, {"operator:fee", -x, "CNY"}}
	}
	later := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	f := func(name, want string, txns ...Txn) {
		t.Helper()
		for _, most := range []int{spoolBytes, 0} { // in memory, and in a file
			aside := newSpool()
			aside.most = most
			r, err := verifyExport(bytes.NewReader(forged(t, txns...)), aside, nil)
			if most == 0 && aside.file == nil {
				t.Errorf("%s: no file was made", name)
			}
			if err := aside.close(); err != nil {
				t.Error(err)
			}
			var got []string
			for _, d := range r.Damages {
				got = append(got, d.String())
			}
			if err != nil || (want == "") != (len(got) == 0) || !strings.Contains(strings.Join(got, "\n"), want) {
				t.Errorf("%s: %q, %v, want %q", name, got, err, want)
			}
		}
	}
	f("in parts", "", Txn{Postings: of(100)}, Txn{Postings: of(7)}, Txn{Reverses: 1, Postings: of(-60)}, Txn{Reverses: 1, Postings: of(-40)})
	f("too much", "txn 1: account bank:CNY: its reversals sum to 101 of 100 CNY",
		Txn{Postings: of(100)}, Txn{Postings: of(7)}, Txn{Reverses: 1, Postings: of(-60)}, Txn{Reverses: 1, Postings: of(-41)})
	f("the wrong way", "txn 2: account bank:CNY: its reversals sum to -1 of 7", Txn{Postings: of(100)}, Txn{Postings: of(7)}, Txn{Reverses: 2, Postings: of(1)})
	f("of a reversal", "txn 2: account bank:CNY: its reversals sum to -5 of 0", Txn{Postings: of(100)}, Txn{Reverses: 1, Postings: of(-5)}, Txn{Reverses: 2, Postings: of(5)})
	f("of a hold", "txn 2: account bank:CNY: its reversals sum to 5 of 0", Txn{Postings: of(5)}, Txn{Postings: of(5), Expires: &later}, Txn{Reverses: 2, Postings: of(-5)})
	f("of what took a hold back", "txn 3: account bank:CNY: its reversals sum to -5 of 0", Txn{Postings: of(5)}, Txn{Postings: of(5), Expires: &later},
		Txn{Ends: 2, Released: 2, Postings: of(-5)}, Txn{Reverses: 3, Postings: of(5)})
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

func FuzzVerifyExport(f *testing.F) {
	m := NewMemory(nil)
	if _, err := m.Post(f.Context(), Entry{Key: "a", Kind: "x", Currency: "CNY", Postings: []Posting{{"bank:CNY", 5, ""}, {"operator:fee", -5, ""}},
		Records: []Record{{"event", "k", []byte("b")}}, Links: []string{"l"}}); err != nil {
		f.Fatal(err)
	}
	f.Add(exported(f, m))
	f.Add([]byte(`{"seq":1,"booked_at":"2026-12-01T00:00:00Z","released":-1,"ends":-7,"reverses":5,"expires":"2026-12-01T00:00:00Z","postings":[{"account":"reserve","amount":-9223372036854775808}]}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := VerifyExport(bytes.NewReader(text))
		if err != nil || r.Found > 0 {
			return
		}
		if int64(bytes.Count(text, []byte("\n"))) != r.Txns {
			t.Errorf("%d transactions of %d lines", r.Txns, bytes.Count(text, []byte("\n")))
		}
	})
}
