package ledger

import (
	"bytes"
	"strings"
	"testing"
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
