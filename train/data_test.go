package train

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestDocumentRefused(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		err := ReadDocuments(strings.NewReader(`{"text":"good"}`+"\n\n"+line), func(*Document) error { return nil })
		if err == nil || !strings.Contains(err.Error(), "line 2") && !strings.Contains(err.Error(), "line 3") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q of its line", line, err, want)
		}
	}
	f(`{`, "unexpected EOF")
	f(`{"text":"a"} {"text":"b"}`, "more than one")
	f(`{"texts":"a"}`, "unknown field")
	f(`{}`, "either messages or text")
	f(`{"text":"a","messages":[{"role":"user","content":"b"}]}`, "either messages or text")
	f(`{"messages":[{"role":"tool","content":"b"}]}`, `role: got "tool"`)
	f(`{"messages":[{"role":"user","content":"b"}]}`, "nothing to learn")
}

// FuzzDocument: a line is refused or comes back the same once written.
func FuzzDocument(f *testing.F) {
	f.Add(`{"text":"a"}`)
	f.Add(`{"messages":[{"role":"user","content":"1+1"},{"role":"assistant","content":"2"}]}`)
	f.Fuzz(func(t *testing.T, line string) {
		d, err := parseDocument([]byte(line))
		if err != nil {
			return
		}
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseDocument(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if b2, err := json.Marshal(again); err != nil || string(b2) != string(b) {
			t.Errorf("%s became %s (%v)", b, b2, err)
		}
	})
}

// Documents come by weight of tokens, each once an epoch, in another order the
// next time; sequences are filled and never overfull.
func TestStream(t *testing.T) {
	source := func(n, length int) *corpus {
		c := &corpus{starts: []int{0}}
		for i := range n {
			ids, learn := make([]int32, length+1), make([]bool, length+1)
			for j := range ids {
				ids[j] = int32(i)
			}
			c.add(ids, learn, 100, false)
		}
		return c
	}
	s := newStream([]*corpus{source(50, 4), source(20, 10)}, []float64{3, 1}, 1)
	seen, order := map[int32]int{}, [][]int32{nil}
	for _, seq := range s.sequences(40, 32) {
		tokens := 0
		for _, d := range seq {
			n := len(d.ids) - 1
			if tokens += n; n == 4 {
				seen[d.ids[0]]++
				if last := len(order) - 1; len(order[last]) == 50 {
					order = append(order, nil)
				}
				order[len(order)-1] = append(order[len(order)-1], d.ids[0])
			}
		}
		if tokens > 32 || tokens < 32-9 {
			t.Errorf("a sequence has %d tokens, want 23 to 32", tokens)
		}
	}
	a, b := s.places[0].Tokens, s.places[1].Tokens
	if got := float64(a) / float64(a+b); got < 0.72 || got > 0.78 {
		t.Errorf("the source of weight 3 has %.2f of the tokens, want 0.75", got)
	}
	low, high := 1<<30, 0
	for i := range int32(50) {
		low, high = min(low, seen[i]), max(high, seen[i])
	}
	if high-low > 1 {
		t.Errorf("documents were read %d to %d times, want the same within one", low, high)
	}
	if len(order) < 2 || equalIDs(order[0], order[1]) {
		t.Error("the second epoch has the first one's order")
	}
}

func equalIDs(a, b []int32) bool {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestCurve(t *testing.T) {
	svg := string(drawCurve("a<b&c", []point{{1, 3}, {2, 2}, {3, 1.5}}, []point{{3, 1.6}}))
	for _, want := range []string{"<svg ", "a&lt;b&amp;c", "</svg>", "polyline"} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %q in the curve", want)
		}
	}
	if svg := string(drawCurve("empty", nil, nil)); strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("a curve of nothing: %s", svg)
	}
}
