package verify

import (
	"strings"
	"testing"
	"time"
)

func TestArithmetic(t *testing.T) {
	const none = "no equations"
	f := func(text, want string) {
		t.Helper()
		got := find(t, arithmetic{}, text)
		if what := got.Message; got.Pass != (want == none || strings.HasSuffix(want, "equation") || strings.HasSuffix(want, "equations")) || what != want {
			t.Errorf("%q: pass %v, %q, want %q", text, got.Pass, what, want)
		}
	}
	// What holds.
	f("So 2 + 3 = 5.", "1 equation")
	f("2+3=5", "1 equation")
	f("12 / 4 = 3, then 3 * 7 = 21", "2 equations")
	f("3 × 4 ÷ 2 = 6", "1 equation")
	f("总价是３×（４＋５）＝２７，正确。", "1 equation")
	f("一共 25 ÷ 5 = 5 个", "1 equation")
	f("20乘以5等于100。", "1 equation")
	f("$5 × 3 = $15 and ¥1,200 + ¥300 = ¥1,500", "2 equations")
	f("<<48/2=24>>24 clips, 48+24 = <<48+24=72>>72", "2 equations")
	f("1/2 + 1/3 = 5/6", "1 equation")
	f("0.1 + 0.2 = 0.3", "1 equation")
	f("-5 + 3 = -2", "1 equation")
	f("(2 + 3) * 4 = 5 * 4 = 20", "2 equations")
	f("(2 + 3 = 5)", "1 equation")
	f("Total = 3 * 5 = 15", "1 equation")
	f("1. 2 + 3 = 5\n- 3 + 5 = 8\n* 1 + 1 = 2\n| 2 + 2 = 4 |", "4 equations")
	f("**2 + 3 = 5**", "1 equation")
	f(`$12 \times 3 = 36$ and $12 \div 3 = 4$`, "2 equations")
	f("50 × 20% = 10, 20% of 50 = 10, 15/60 = 25%, 10% + 20% = 30%", "4 equations")
	f("50的20%是10; 20%的50=10", "1 equation")
	f("3 x 4 = 12 and 3x4=12", "2 equations")
	f("60 / 2 = 30 minutes = 0.5 hours", "1 equation")
	f("assert 2 + 3 == 5", "1 equation")
	f("7 = 3 + 4", "1 equation")
	f("2 + 3 = 5!", "1 equation")
	// What doesn't.
	f("2 + 2 = 5", "2 + 2 = 5 is false: 4 is not 5")
	f("So 7 × 8 = 54, and 1 + 1 = 2.", "7 * 8 = 54 is false: 56 is not 54")
	f("10 / 3 = 3.33", "10 / 3 = 3.33 is false: about 3.333333 is not 3.33")
	f("2 + 2 = 4 = 5 - 2", "4 = 5 - 2 is false: 4 is not 3")
	f("1 / 0 = 5", "1 / 0 divides by zero")
	f("1 / (2 - 2) = 5", "1 / (2 - 2) divides by zero")
	f("Total = 3 * 5 = 16", "3 * 5 = 16 is false: 15 is not 16")
	f("1,000 + 2,000 = 30,00", none)
	f("1,000 + 2,000 = 4,000", "1,000 + 2,000 = 4,000 is false: 3000 is not 4000")
	// What isn't plainly an equation between numbers.
	for _, text := range []string{
		"", "no numbers", "5", "5 = 5", "x + 3 = 7", "2x + 3 = 7", "x - 2 + 3 = 7", "2 + 3 = 5 + y", "2 + 3 = 5x", "2^3 + 1 = 10",
		"f(2) + 3 = 7", "sqrt 4 + 3 = 7", "half of 6 + 2 = 5", "10 ÷ 3 = 3 remainder 1", "10÷3=3……1", "10÷3=3余1", "10 / 3 = 3.333...", "10 / 3 ≈ 3.33",
		"100 + 20% = 120", "2 × 5000 = 1万", "2 * 500 = 1 thousand", "10:30 + 2 = 12:30", "7 % 3 = 1", "7 % 3 + 1 = 2", "2(3) + 1 = 8",
		"version 1.2.3 + 1 = 2", "1e3 + 1 = 2", "2**3 = 9", "X￠256=73/24", "3 ⊕ 2 + 1 = 9", "x**2 + 39 = 0", "(y)**2 - 1 = 0", "2 ** 3 = 9", `\frac{1}{2} + 3 = 9`, "2 + 3 = ?", "2 + 3 => 6", "2 + 3 != 6", "5 * 1.5 = 7 and a half", "1 1/2 + 1 = 9",
	} {
		f(text, none)
	}
}

func TestArithmeticRounded(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		if got := find(t, arithmetic{rounded: true}, text); got.Pass != want || got.Message == "no equations" {
			t.Errorf("%q: pass %v, %q, want %v", text, got.Pass, got.Message, want)
		}
	}
	f("10 / 3 = 3.33", true)
	f("20 / 3 = 6.67", true)
	f("20 / 3 = 6.66", true) // cut
	f("20 / 3 = 6.68", false)
	f("20 / 3 = 6.65", false)
	f("-20 / 3 = -6.66", true)
	f("10 / 3 = 3", false) // a whole number is meant exactly
	f("1 / 3 = 33.3%", true)
	f("1 / 3 = 33.9%", false)
	f("3.33 = 10 / 3", true)
}

// Time is linear, whatever the text.
func TestArithmeticOfLongTexts(t *testing.T) {
	for _, piece := range []string{"+ 1 ", "1+", "(", "((1+", "1 = ", "1=1+", "$", "$$5 ", "-$-$1", "-", "9", "1,000", "x ", "**1", "1 ", " ", "% of ", "1(", "a1", "(1/7+", "(1/997*3=1/991+"} {
		start := time.Now()
		find(t, arithmetic{rounded: true}, strings.Repeat(piece, MaxTextBytes/len(piece)))
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("%q repeated: %v", piece, took)
		}
	}
}

func FuzzArithmetic(f *testing.F) {
	f.Add("2 + 3 = 5, (1/0)*2 = ３×４")
	f.Add("$$5 + $$6 = ¥-¥3")
	f.Add("20% of 50 = 10 = **5** x 2")
	f.Fuzz(func(t *testing.T, text string) {
		got := find(t, arithmetic{rounded: true}, text)
		if got.Pass == (strings.Contains(got.Message, " is false: ") || strings.Contains(got.Message, " divides by zero")) {
			t.Errorf("%q: pass %v with %q", text, got.Pass, got.Message)
		}
	})
}
