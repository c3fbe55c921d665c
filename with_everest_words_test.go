package summit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"summit/everest"
	"summit/llm"
)

// TestEverestWords asks summit questions as people word them, written apart
// from all training data: of 91 that are a skill's, some beyond it, how many
// are answered rightly, and of 131 that are none's, how many are answered at
// all. docs/everest.md has the figures.
func TestEverestWords(t *testing.T) {
	if testing.Short() {
		t.Skip("222 answers")
	}
	data, err := os.ReadFile("everest/testdata/words.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Discover: Discover{Enabled: new(false)}})
	m, err := s.Model("summit")
	if err != nil {
		t.Fatal(err)
	}
	given := func(text string) bool {
		for _, begin := range []string{onlySmall, onlySmallZH, notSure, notSureZH} {
			if text == begin {
				return false
			}
		}
		return !everest.Refused(text)
	}
	type count struct{ right, refused, wrong int }
	of := map[string]*count{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var q struct {
			Question, Skill, Want string
			Beyond                bool
		}
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			t.Fatal(err)
		}
		r, err := llm.Collect(m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, q.Question)}, Seed: new(int64(1)), MaxTokens: 200}))
		if err != nil {
			t.Fatalf("%q: %v", q.Question, err)
		}
		right := false
		switch {
		case q.Skill == "" || q.Beyond:
			right = !given(r.Text)
		case q.Skill == "poem":
			for _, f := range everest.Forms {
				right = right || f.Has(r.Text)
			}
		case q.Skill == "json":
			right = strings.TrimSpace(r.Text) == q.Want
		default:
			right = strings.TrimSpace(r.Text[strings.LastIndex(r.Text, "→")+1:]) == strings.TrimPrefix(q.Want, "→") || strings.HasSuffix(r.Text, "→"+q.Want)
		}
		c := of[q.Skill]
		if c == nil {
			c = &count{}
			of[q.Skill] = c
		}
		switch {
		case right:
			c.right++
		case !given(r.Text):
			c.refused++
		default:
			c.wrong++
			t.Logf("%q: %q, want %q", q.Question, r.Text, q.Want)
		}
	}
	all := count{}
	for skill, c := range of {
		if skill != "" {
			t.Logf("%-6s %d right, %d refused, %d wrong", skill, c.right, c.refused, c.wrong)
			all = count{all.right + c.right, all.refused + c.refused, all.wrong + c.wrong}
		}
	}
	none := of[""]
	t.Logf("all    %d right, %d refused, %d wrong; for none %d refused, %d answered", all.right, all.refused, all.wrong, none.right, none.wrong)
	if all.right < 50 || none.wrong > 8 {
		t.Errorf("%d of 91 right and %d of 131 that are for none answered, want 50 or more and 8 or less", all.right, none.wrong)
	}
}

// TestEverestExamples: what is given as an example of what the models can do
// is answered, and rightly.
func TestEverestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("eleven answers, slow under the race detector")
	}
	s := open(t, Config{Discover: Discover{Enabled: new(false)}})
	m, err := s.Model("summit")
	if err != nil {
		t.Fatal(err)
	}
	f := func(asked, want string) {
		t.Helper()
		if !strings.Contains(onlySmall+onlySmallZH, asked) {
			t.Errorf("%q is no example", asked)
		}
		r, err := llm.Collect(m.Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, asked)}}))
		if err != nil || !strings.HasSuffix(strings.TrimSpace(r.Text), want) {
			t.Errorf("%q: %q, %v, want %q", asked, r.Text, err, want)
		}
	}
	f("37*48=?", "→1776")
	f("What date is 10 days after 2026-03-27?", "→2026-04-06")
	f("2026-03-27的10天后是哪一天？", "→2026-04-06")
	f("Write 1994 in Roman numerals.", "MCMXCIV")
	f("把1994写成罗马数字", "MCMXCIV")
	f("Reverse summit.", "→timmus")
	f("把summit倒过来写", "→timmus")
	f("Convert to JSON: name=li, age=30", `{"name":"li","age":30}`)
	f("转成JSON：name=li, age=30", `{"name":"li","age":30}`)
	f("Which is larger, 9.11 or 9.9?", "→9.9")
	f("9.11和9.9哪个大？", "→9.9")
}
