package everest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMixed(t *testing.T) {
	var a, b bytes.Buffer
	if err := Mixed(&a, 50); err != nil {
		t.Fatal(err)
	}
	if err := Mixed(&b, 50); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Fatalf("a second time: %v, or other bytes; want the same", err)
	}
	lines := strings.Split(strings.TrimSpace(a.String()), "\n")
	if len(lines) != 50 {
		t.Fatalf("%d texts, want 50", len(lines))
	}
	owner := map[string]string{} // skill by question
	for _, s := range Skills() {
		all, err := Tests(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range all {
			owner[q.Text] = s.Name
		}
	}
	for _, line := range lines {
		var one struct{ Messages []message }
		if err := json.Unmarshal([]byte(line), &one); err != nil || len(one.Messages) != 2 {
			t.Fatalf("%s: %v, want two messages", line, err)
		}
		text := one.Messages[0].Content
		if n := utf8.RuneCountInString(text + one.Messages[1].Content); n > maxMixed {
			t.Errorf("%d characters, want at most %d", n, maxMixed)
		}
		found := map[string]bool{}
		for q, skill := range owner {
			if strings.HasPrefix(text, q+"\n") || strings.HasSuffix(text, "\n"+q) {
				found[skill] = true
			}
		}
		if len(found) < 2 {
			t.Errorf("%q is of %v, want two skills", text, found)
		}
	}
	if err := Mixed(&a, -1); err == nil {
		t.Error("-1 texts: no error")
	}
}
