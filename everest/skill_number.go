package everest

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

func init() {
	register(Skill{
		Name: "number", Arch: "glm4",
		About:   "numbers in other writings: Chinese, financial Chinese, Roman, English words, and back",
		AboutZH: "数字的各种写法：中文数字、大写金额、罗马数字、英文，以及换回阿拉伯数字",
		Can:     "rewrite numbers", CanZH: "数字的写法",
		Limit:   "write whole numbers up to 999999 in Chinese, up to 3999 in Roman numerals and up to 9999 in English words, and read them",
		LimitZH: "整数的中文写法（到999999）、罗马数字（到3999）和英文写法（到9999），以及读回来",
		Make:    makeNumber, Free: freeNumber, Right: sameText,
	})
}

// sameText compares replies but for blanks around them.
func sameText(reply, reference string) bool {
	return strings.TrimSpace(reply) == strings.TrimSpace(reference)
}

func makeNumber(r *rand.Rand) Example {
	var n int
	var kind, written string
	var zh, en []string
	switch r.IntN(4) {
	case 0:
		n, kind = digits(r, 6), "c"
		written = Chinese(n)
		zh = []string{"%d用中文数字怎么写？", "把%d写成中文数字", "%d的中文写法", "%d转中文数字"}
		en = []string{"Write %d in Chinese numerals.", "%d in Chinese characters"}
	case 1:
		n, kind = digits(r, 6), "m"
		written = Financial(n)
		zh = []string{"%d元的大写金额", "把%d元写成大写金额", "%d元大写怎么写？", "人民币%d元大写"}
		en = []string{"Write %d yuan in financial Chinese.", "%d yuan in capital Chinese numerals"}
	case 2:
		n, kind = between(r, 1, 3999), "r"
		written = Roman(n)
		zh = []string{"%d的罗马数字", "把%d写成罗马数字", "%d用罗马数字怎么写？"}
		en = []string{"Write %d in Roman numerals.", "%d as a Roman numeral", "What is %d in Roman numerals?"}
	default:
		n, kind = digits(r, 4), "e"
		written = English(n)
		zh = []string{"%d用英文怎么写？", "把%d写成英文", "%d的英文单词"}
		en = []string{"Write %d in words.", "Spell out %d.", "%d in English words"}
	}
	e := Example{Key: fmt.Sprintf("number %s%d", kind, n), Answer: written}
	if r.IntN(2) == 0 { // and back
		e.Answer = fmt.Sprint(n)
		e.Prompt, e.Lang = wording(r,
			[]string{"%s是多少？", "把%s写成阿拉伯数字", "%s用数字怎么写？", "%s转成数字"},
			[]string{"What number is %s?", "Write %s as a number.", "%s in digits"}, written)
		if kind == "m" && e.Lang == "zh" {
			e.Prompt = strings.Replace(e.Prompt, "是多少？", "是多少元？", 1)
		}
		return e
	}
	e.Prompt, e.Lang = wording(r, zh, en, n)
	return e
}

var (
	plainNumerals     = [...]string{"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"}
	financialNumerals = [...]string{"零", "壹", "贰", "叁", "肆", "伍", "陆", "柒", "捌", "玖"}
)

// Chinese writes 0 to 99,999,999 in Chinese numerals; ten to nineteen begin
// with 十.
func Chinese(n int) string {
	s := chinese(n, plainNumerals[:], [...]string{"", "十", "百", "千"})
	if n >= 10 && n < 20 || n >= 100000 && n < 200000 {
		s = strings.TrimPrefix(s, "一")
	}
	return s
}

// Financial writes an amount of whole yuan as cheques have it.
func Financial(n int) string {
	return chinese(n, financialNumerals[:], [...]string{"", "拾", "佰", "仟"}) + "元整"
}

func chinese(n int, numerals []string, units [4]string) string {
	if n == 0 {
		return numerals[0]
	}
	section := func(n int) string {
		var b strings.Builder
		zero := false
		for i, p := 3, 1000; i >= 0; i, p = i-1, p/10 {
			d := n / p % 10
			if d == 0 {
				zero = b.Len() > 0
				continue
			}
			if zero {
				b.WriteString(numerals[0])
				zero = false
			}
			b.WriteString(numerals[d] + units[i])
		}
		return b.String()
	}
	high, low := n/10000, n%10000
	var s string
	if high > 0 {
		s = section(high) + "万"
		if low > 0 && low < 1000 {
			s += numerals[0]
		}
	}
	if low > 0 {
		s += section(low)
	}
	return s
}

// Roman writes 1 to 3999 in Roman numerals.
func Roman(n int) string {
	var b strings.Builder
	for _, v := range []struct {
		n int
		s string
	}{{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}} {
		for n >= v.n {
			b.WriteString(v.s)
			n -= v.n
		}
	}
	return b.String()
}

// English writes 0 to 9999 in English words.
func English(n int) string {
	ones := strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
	tens := strings.Fields("- - twenty thirty forty fifty sixty seventy eighty ninety")
	switch {
	case n < 20:
		return ones[n]
	case n < 100:
		s := tens[n/10]
		if n%10 > 0 {
			s += "-" + ones[n%10]
		}
		return s
	}
	unit, word := 100, " hundred"
	if n >= 1000 {
		unit, word = 1000, " thousand"
	}
	s := English(n/unit) + word
	if n%unit > 0 {
		s += " " + English(n%unit)
	}
	return s
}
