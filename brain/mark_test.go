package brain

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestMarkOf(t *testing.T) {
	if markOf("") != (mark{}) {
		t.Error("no answer has a mark")
	}
	for _, c := range []struct {
		a, b string
		same bool // of one form
	}{
		{"12", "7", true}, {"-3", "-14", true}, {"3", "-3", false}, {"1.5", "20.25", true}, {"1.5", "15", false},
		{"A", "D", true}, {"A", "a", false}, {"x", "word", true}, {"盗窃罪", "诈骗", true}, {"盗窃罪", "12", false},
		{"[1,2]", "[30,4]", true}, {"[1,2]", "(1,2)", false}, {"((", "(", false},
	} {
		a, b := markOf(c.a), markOf(c.b)
		if a.key == b.key || a.key == 0 || b.key == 0 || a.form == 0 {
			t.Errorf("%q and %q: marks %v and %v, want two keys", c.a, c.b, a, b)
		}
		if (a.form == b.form) != c.same {
			t.Errorf("%q and %q: forms %d and %d, want the same: %v", c.a, c.b, a.form, b.form, c.same)
		}
		if markOf(c.a) != a {
			t.Errorf("%q has two marks", c.a)
		}
	}
}

// Two members say A where they don't know, and A is seldom right. That is to
// be seen from what was said to other questions only.
func TestEcho(t *testing.T) {
	o := Options{Members: []Member{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	choices := func(n int, seed uint64, prompts bool) []Example {
		random := rand.New(rand.NewPCG(seed, 1))
		var all []Example
		for range n {
			e := Example{}
			if prompts {
				e.Prompt = fmt.Sprintf("Which one of A to D is it, given %d and %d?", random.IntN(99), random.IntN(99))
			}
			truth := 1 + random.IntN(3)
			if random.Float64() < 0.05 {
				truth = 0
			}
			for j, able := range []float64{0.45, 0.45, 0.5} {
				said := truth
				if random.Float64() > able {
					if said = 0; j == 2 {
						said = random.IntN(4)
					}
				}
				r := Reply{Member: j, Key: string(rune('A' + said)), Cost: 1}
				if said == truth {
					r.Score = 1
				}
				e.Replies = append(e.Replies, r)
			}
			all = append(all, e)
		}
		return all
	}
	for _, prompts := range []bool{true, false} {
		b := trained(t, choices(250, 1, prompts), o)
		deaf := *b
		deaf.header.Model.Key, deaf.header.Model.KeyOwn = 0, 0
		var with, without float64
		for _, e := range choices(400, 2, prompts) {
			for _, one := range []struct {
				b   *Brain
				sum *float64
			}{{b, &with}, {&deaf, &without}} {
				c := one.b.Case(e.Prompt, seatsOf(o))
				for j, r := range e.Replies {
					c.Answer(j, r.Key, 0)
				}
				*one.sum += e.Replies[c.Verdict().Supporters[0].Seat].Score / 400
			}
		}
		if with < without+0.05 {
			t.Errorf("prompts %v: %.3f right, and %.3f without the echo, want a gain of 0.05", prompts, with, without)
		}
	}
}
