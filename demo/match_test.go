package demo

import (
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	b := theBook()
	f := func(asked, want string) {
		t.Helper()
		got := ""
		if i, ok := b.find(asked); ok {
			got = b.items[i].ID
		}
		if got != want {
			t.Errorf("%q is taken for %q, want %q", asked, got, want)
		}
	}
	for _, q := range b.items {
		f(q.Text, q.ID)
		f(strings.ToUpper(q.Text)+"  ", q.ID)
		f(strings.Map(func(r rune) rune { // full width
			if r > ' ' && r <= '~' {
				return r - '!' + 0xFF01
			}
			return r
		}, q.Text), q.ID)
	}
	f("why is the sky blue", "en-open-sky")
	f("Please, why is the sky blue?", "en-open-sky")
	f("Why is teh sky blue?", "") // three letters are too few for a typo
	f("Which moutain is the higest above sea level?", "en-fact-highest")
	f("Which mountain is the highest above sea levels", "en-fact-highest")
	f("请问，五岳中的东岳是哪座山呢", "zh-fact-east")
	f("谜语:一口咬掉牛尾巴(打一字).谜底是什么字", "zh-puzzle-riddle")

	// One word makes another question.
	f("五岳中的西岳是哪座山？", "")
	f("Which mountain range separates France from Italy?", "")
	f("Which mountain is the lowest above sea level?", "")
	f("If today is Wednesday, what day of the week is it in 101 days?", "")
	f("If today is Thursday, what day of the week is it in 100 days?", "")
	f("How many metres are 25 kilometres?", "")
	f("世界上最短的陆地山脉是哪一座？", "")
	f("What is the plural of the English word 'fox'?", "")
	f("Why is the sky not blue?", "")
	f("", "")
	f("?", "")
	f("Hello", "")
	f(strings.Repeat("Why is the sky blue? ", 1000), "")
}

// FuzzFind: no panic, and only what is like a question is taken for it.
func FuzzFind(f *testing.F) {
	for _, q := range theBook().items[:4] {
		f.Add(q.Text)
	}
	f.Add("\xff２.５ ｋm.")
	f.Fuzz(func(t *testing.T, asked string) {
		b := theBook()
		i, ok := b.find(asked)
		if !ok {
			return
		}
		a := formOf(asked)
		if a.text != b.forms[i].text && likeness(a.pairs, b.forms[i].pairs) < similar {
			t.Errorf("%q is taken for %q", asked, b.items[i].Text)
		}
	})
}
