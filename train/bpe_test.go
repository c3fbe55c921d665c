package train

import (
	"strings"
	"testing"
)

// Sennrich's own example: the merges of low, lower, newest, widest by their counts.
func TestBytePairs(t *testing.T) {
	d, err := buildBPE("gpt-2", map[string]int{"low": 5, "lower": 2, "newest": 6, "widest": 3}, 6+256+8)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(d.Merges, ", ")
	if want := "e s, es t, l o, lo w, e w, ew est, n ewest, d est"; got != want {
		t.Errorf("merges: got %s, want %s", got, want)
	}
	if last := d.Tokens[len(d.Tokens)-1]; last != "dest" {
		t.Errorf("last token: got %q, want %q", last, "dest")
	}
	if _, err := buildBPE("gpt-2", nil, 100); err == nil {
		t.Error("a vocabulary of 100 tokens: got no error, want one that names the least size")
	}
	// All pairs stand once: nothing is merged.
	if d, err = buildBPE("gpt-2", map[string]int{"abc": 1}, 300); err != nil || len(d.Merges) != 0 {
		t.Errorf("merges of a word that stands once: got %v, %v, want none", d.Merges, err)
	}
}
