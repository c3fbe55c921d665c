package everest

import (
	"math/rand/v2"
	"testing"
)

// TestGate measures the gate in the binary on prompts whose problems and, of
// what is no skill's, whose wordings were never learned.
func TestGate(t *testing.T) {
	g, err := TheGate()
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(99, 1))
	const n = 1000
	right, all := 0, 0
	for class := range len(skills) + 1 {
		hits := 0
		for range n {
			p := trainPrompt(r, class, true)
			want := ""
			if class < len(skills) {
				want = skills[class].Member()
			}
			if got, _ := g.Choose(p); got == want {
				hits++
			} else if n-hits < 3 {
				t.Logf("%q goes to %q, want %q", p, got, want)
			}
		}
		name, least := "none", 0.9
		if class < len(skills) {
			name, least = skills[class].Name, 0.97
		}
		t.Logf("%-6s %.1f %%", name, 100*float64(hits)/n)
		if float64(hits) < least*n {
			t.Errorf("%s: %d of %d, want %v", name, hits, n, least)
		}
		right += hits
		all += n
	}
	t.Logf("all    %.2f %%", 100*float64(right)/float64(all))
}

// TestGateWords: what people may write.
func TestGateWords(t *testing.T) {
	g, err := TheGate()
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for _, c := range []struct{ text, want string }{
		{"写一首咏月的七言绝句", "poem"}, {"37*48=?", "sum"}, {"帮我算一下37乘以48", "sum"}, {"请写一首关于秋天的五言绝句", "poem"},
		{"what's 12 + 7", "sum"}, {"1900年是闰年吗", "date"}, {"9.11和9.9哪个大", "logic"}, {"9.11 和 9.9 哪个更大？", "logic"},
		{"Please reverse the word summit", "text"}, {"把 2024 写成罗马数字", "number"}, {"name=Li, age=30 to JSON", "json"},
		{"how many r are in strawberry?", "text"}, {"How many r's are in strawberry?", "text"}, {"3.5千米等于多少米", "date"},
		{"Why is the sky blue?", ""}, {"你好", ""}, {"Hello!", ""}, {"介绍一下你自己", ""}, {"Who won the world cup in 2018?", ""},
		{"写一个关于狐狸的童话", ""}, {"What is the boiling point of iron?", ""}, {"如何做红烧肉？", ""}, {"Write a limerick about a cat", ""},
		{"帮我写一封辞职信", ""}, {"What is love", ""}, {"北京有什么好玩的地方？", ""}, {"", ""},
	} {
		got, p := g.Choose(c.text)
		if c.want != "" {
			c.want = "everest-" + c.want
		}
		if got != c.want {
			wrong++
			t.Logf("%q goes to %q (%.2f), want %q", c.text, got, p, c.want)
		}
	}
	if wrong > 2 {
		t.Errorf("%d of these are wrong", wrong)
	}
}
