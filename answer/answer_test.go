package answer

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNormalize(t *testing.T) {
	f := func(bare string, kind Kind, key string) {
		t.Helper()
		a, ok := Normalize(bare)
		if !ok || a.Kind != kind || a.Key != key {
			t.Errorf("Normalize(%q) = %s %q, %v, want %s %q", bare, a.Kind, a.Key, ok, kind, key)
		}
		again, ok := Normalize(a.Key)
		if !ok || again.Key != a.Key {
			t.Errorf("the key of %q is %q, whose key is %q", bare, a.Key, again.Key)
		}
	}

	// Numbers.
	f("42", KindNumber, "42")
	f(" 42\n", KindNumber, "42")
	f("42.", KindNumber, "42")
	f("-0", KindNumber, "0")
	f("+7", KindNumber, "7")
	f("- 7", KindNumber, "-7")
	f("−7", KindNumber, "-7") // minus sign
	f("３．５０", KindNumber, "3.5")
	f("3.50", KindNumber, "3.5")
	f("3.0", KindNumber, "3")
	f(".5", KindNumber, "0.5")
	f("0.50", KindNumber, "0.5")
	f("1,234,567.80", KindNumber, "1234567.8")
	f("１，２３４", KindNumber, "1234")
	f("1e3", KindNumber, "1000")
	f("1.04e+06", KindNumber, "1040000")
	f("2.5E-3", KindNumber, "0.0025")
	f("1e400", KindNumber, "1"+strings.Repeat("0", 400)[:cutKeyRunes-1]+"…#397fc6671f9e")
	f("1e401", KindText, "1e401")
	f("1e999999999999", KindText, "1e999999999999")
	f("123456789012345678901234567890", KindNumber, "123456789012345678901234567890")
	f("1/2", KindNumber, "0.5")
	f("-3/4", KindNumber, "-0.75")
	f("2/3", KindNumber, "2/3")
	f("2 / 3", KindNumber, "2/3")
	f("1/1024", KindNumber, "0.0009765625")
	f("2 1/2", KindNumber, "2.5")
	f("-2 1/3", KindNumber, "-7/3")
	f("1/0", KindText, "1/0")
	f("$5", KindNumber, "5")
	f("-$5.20", KindNumber, "-5.2")
	f("$-5", KindNumber, "-5")
	f("US$ 1,000", KindNumber, "1000")
	f("￥99", KindNumber, "99")
	f("人民币5元", KindNumber, "5")
	f("5 dollars", KindNumber, "5")
	f("5 Dollars", KindNumber, "5")
	f("5 km", KindNumber, "5")
	f("5km", KindNumber, "5")
	f("5 km/h", KindNumber, "5")
	f("3 m", KindNumber, "3")
	f("3m", KindText, "3m") // perhaps three times m
	f("12元", KindNumber, "12")
	f("12 元。", KindNumber, "12")
	f("20%", KindNumber, "20")
	f("20 percent", KindNumber, "20")
	f("50 square meters", KindNumber, "50")
	f("30°", KindNumber, "30")
	f("$3 million", KindNumber, "3000000")
	f("1.5万", KindNumber, "15000")
	f("3.2亿元", KindNumber, "320000000")
	f("0.07 sq ft", KindNumber, "0.07")
	f("3/4 cup", KindNumber, "0.75")

	// Not numbers.
	f("007", KindText, "007")
	f("2024-05-01", KindText, "2024-05-01")
	f("12:30", KindText, "12:30")
	f("1.2.3", KindText, "1.2.3")
	f("1, 2", KindText, "1, 2")
	f("4 1 6 8", KindText, "4 1 6 8")
	f("3 apples", KindText, "3 apples")
	f("5 feet 3 inches", KindText, "5 feet 3 inches")
	f("3 or 4", KindText, "3 or 4")
	f("90+52/1+36", KindText, "90+52/1+36")
	f("90 + 52 / 1 + 36", KindText, "90+52/1+36")
	f("105 244 -90", KindText, "105 244 -90")
	f("2/4", KindNumber, "2/4") // wrong where a question asks to simplify
	f("4/2", KindNumber, "4/2")

	// Chinese numerals.
	f("零", KindNumber, "0")
	f("十", KindNumber, "10")
	f("十二", KindNumber, "12")
	f("二十", KindNumber, "20")
	f("一百零五", KindNumber, "105")
	f("一百一十二", KindNumber, "112")
	f("一百二", KindNumber, "120")
	f("两千零二十四", KindNumber, "2024")
	f("二〇二四", KindNumber, "2024")
	f("二〇二四年", KindNumber, "2024")
	f("一万二千三百", KindNumber, "12300")
	f("一万二", KindNumber, "12000")
	f("一万零二", KindNumber, "10002")
	f("三亿五千万", KindNumber, "350000000")
	f("一万二千亿", KindNumber, "1200000000000")
	f("两万亿", KindNumber, "2000000000000")
	f("3万5千", KindNumber, "35000")
	f("12亿3000万", KindNumber, "1230000000")
	f("伍万叁仟元整", KindNumber, "53000")
	f("负三", KindNumber, "-3")
	f("三点一四", KindNumber, "3.14")
	f("零点五", KindNumber, "0.5")
	f("一点五万", KindNumber, "15000")
	f("百分之五", KindNumber, "5")
	f("百分之三十二点五", KindNumber, "32.5")
	f("百分之百", KindText, "百分之百")
	f("三分之二", KindNumber, "2/3")
	f("四分之三", KindNumber, "0.75")
	f("三个", KindNumber, "3")
	f("万一", KindText, "万一")
	f("千", KindText, "千")
	f("十十", KindText, "十十")
	f("三国", KindText, "三国")
	f("一心一意", KindText, "一心一意")
	f("零分之一", KindText, "零分之一")

	// Choices.
	f("C", KindChoice, "C")
	f("(C)", KindChoice, "C")
	f("（C）", KindChoice, "C")
	f("(c)", KindChoice, "C")
	f("C.", KindChoice, "C")
	f("C)", KindChoice, "C")
	f("**C**", KindChoice, "C")
	f("C. Paris", KindChoice, "C")
	f("(C) Paris", KindChoice, "C")
	f("C、巴黎", KindChoice, "C")
	f("C：由任立春承担", KindChoice, "C")
	f("选项C", KindChoice, "C")
	f("选C", KindChoice, "C")
	f("C选项", KindChoice, "C")
	f("C项", KindChoice, "C")
	f("【C】", KindChoice, "C")
	f("Option B", KindChoice, "B")
	f("A, C", KindChoice, "AC")
	f("A、C和D", KindChoice, "ACD")
	f("选ABD", KindChoice, "ABD")
	f("C++", KindText, "C++")
	f("C.P.", KindText, "C.P")
	f("A Tale", KindText, "A Tale")
	f("CAB", KindText, "CAB")
	f("C, A", KindText, "C, A")
	f("选举", KindText, "选举")
	f("选CAB", KindText, "选CAB")
	f("c", KindText, "c")

	// Python and JSON.
	f("True", KindLiteral, "true")
	f("None", KindLiteral, "null")
	f("'abc'", KindText, "abc")
	f(`"abc"`, KindText, "abc")
	f("''", KindLiteral, `""`)
	f("'  7 '", KindLiteral, `"  7 "`)
	f(`'a\nb'`, KindLiteral, `"a\nb"`)
	f(`"'a'"`, KindLiteral, `"'a'"`)
	f("'007'", KindText, "007")
	f("[1, 2,3]", KindLiteral, "[1,2,3]")
	f("[1.0, 'a', True, None]", KindLiteral, `[1,"a",true,null]`)
	f("['it\\'s', \"b\"]", KindLiteral, `["it's","b"]`)
	f(`["\u4f60\ud83d\ude00"]`, KindLiteral, `["你😀"]`)
	f("(1, 2)", KindLiteral, "(1,2)")
	f("(1,)", KindLiteral, "(1,)")
	f("(5)", KindNumber, "5")
	f("()", KindLiteral, "()")
	f("{}", KindLiteral, "{}")
	f("{3, 1, 2, 1}", KindLiteral, "{1,2,3}")
	f("{'b': 1, 'a': [1, (2, 3)]}", KindLiteral, `{"a":[1,(2,3)],"b":1}`)
	f(`{"b": 1, "a": 2}`, KindJSON, `{"a":2,"b":1}`)
	f("{1: 'a', 1: 'b'}", KindLiteral, `{1:"b"}`)
	f("[0, 1)", KindLiteral, "[0,1)")
	f("(0, 1/2]", KindLiteral, "(0,0.5]")
	f("[x + 1, f(x, y)]", KindLiteral, "[x+1,f(x, y)]")
	f("[[1, 2], [3, 4]]", KindLiteral, "[[1,2],[3,4]]")
	f("[1, 2", KindText, "[1, 2")
	f("[1 2] [3]", KindText, "[1 2] [3]")
	f("[08, 9]", KindLiteral, "[08,9]")

	// LaTeX.
	f(`\frac{1}{2}`, KindNumber, "0.5")
	f(`$\dfrac{1}{3}$`, KindNumber, "1/3")
	f(`\frac12`, KindNumber, "0.5")
	f(`-\frac{3}{4}`, KindNumber, "-0.75")
	f(`2\frac{1}{3}`, KindNumber, "7/3")
	f(`\(42\)`, KindNumber, "42")
	f(`\$1,200`, KindNumber, "1200")
	f(`25\%`, KindNumber, "25")
	f(`90^\circ`, KindNumber, "90")
	f(`90^{\circ}`, KindNumber, "90")
	f(`12\text{ cm}`, KindNumber, "12")
	f(`12\ \mathrm{cm}^2`, KindNumber, "12")
	f(`\text{(C)}`, KindChoice, "C")
	f(`\textbf{Yes}`, KindLiteral, "yes")
	f(`\frac{25\pi}{2}`, KindLaTeX, "25pi/2")
	f(`\frac{a+b}{2c}`, KindLaTeX, "(a+b)/(2c)")
	f(`18\sqrt{3} + 12`, KindLaTeX, "18sqrt(3)+12")
	f(`18\sqrt3+12`, KindLaTeX, "18sqrt(3)+12")
	f(`18√3+12`, KindLaTeX, "18sqrt(3)+12")
	f(`\sqrt[3]{2}`, KindLaTeX, "2^(1/3)")
	f(`x^{2} + 2 x`, KindLaTeX, "x^2+2x")
	f(`x^{10}y`, KindLaTeX, "x^10y")
	f(`x^{1}0`, KindLaTeX, "x^(1)0")
	f(`x^{ab}`, KindLaTeX, "x^(ab)")
	f(`\log_{8}{5}`, KindLaTeX, "log_(8)5")
	f(`1112112_{3}`, KindLaTeX, "1112112_3")
	f(`\left( 3, \frac{\pi}{2} \right)`, KindLiteral, "(3,pi/2)")
	f(`\{2, 1\}`, KindLiteral, "{1,2}")
	f(`[0, \infty)`, KindLiteral, "[0,∞)")
	f(`(-\infty, 1) \cup (2, 3)`, KindLaTeX, "(-∞,1)∪(2,3)")
	f(`\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}`, KindLiteral, "[1,2;3,4]")
	f(`a \le b`, KindLaTeX, "a<=b")
	f(`\alpha\beta`, KindLaTeX, "alphabeta")
	f(`C:\new`, KindText, `C:\new`)
	f(`a\nb`, KindText, `a\nb`)

	// Text.
	f("Paris", KindText, "paris")
	f("paris", KindText, "paris")
	f("The blue one.", KindText, "the blue one")
	f("**Paris**.", KindText, "paris")
	f("`foo()`", KindText, "foo()")
	f("McKinley", KindText, "McKinley")
	f("YES", KindLiteral, "yes")
	f("mJklbn", KindText, "mJklbn")
	f("珠穆朗玛峰。", KindText, "珠穆朗玛峰")
	f("“红楼梦”", KindText, "红楼梦")
	f("ＡＢＣｄ", KindText, "ABCd")
	f("a  b", KindText, "a  b")
	f("...", KindText, "...")
	f("tie", KindText, "tie")
	f("I can't believe it", KindText, "i can't believe it")
	f("\xff\xfe!", KindText, "\ufffd\ufffd!")
	f(strings.Repeat("ab", 80), KindText, strings.Repeat("ab", 80))
	f(strings.Repeat("ab", 81), KindText, strings.Repeat("ab", 40)+"…#f54d4f8b2770")
	f(strings.Repeat("山", 161), KindText, strings.Repeat("山", 80)+"…#4617d8b6f8a6")

	none := func(bare string) {
		t.Helper()
		if a, ok := Normalize(bare); ok {
			t.Errorf("Normalize(%q) = %s %q, want none", bare, a.Kind, a.Key)
		}
	}
	none("")
	none(" \n\t ")
	none("I can't answer that.")
	none("I’m sorry, but I can't help with this.")
	none("Sorry, I cannot decode the message")
	none("As an AI language model, I have no opinion.")
	none("无法回答")
	none("抱歉，我无法回答这个问题。")
	none("作为AI，我没有观点")
	none("I don't know.")
}

func TestSame(t *testing.T) {
	f := func(a, b string, want bool) {
		t.Helper()
		if got := Same(a, b); got != want {
			t.Errorf("Same(%q, %q) = %v", a, b, got)
		}
		if got := Same(b, a); got != want {
			t.Errorf("Same(%q, %q) = %v", b, a, got)
		}
	}
	f("1/2", "0.5", true)
	f("百分之五", "5%", true)
	f("一万二千三百", "12,300元", true)
	f(`\frac{2}{3}`, "三分之二", true)
	f("'a'", `"a"`, true)
	f("[1, 'a']", `[1,"a"]`, true)
	f("Yes", "yes.", true)
	f("(B)", "选项B", true)
	f(`{"a": 1, "b": 2}`, "{'b': 2, 'a': 1}", true)
	f("ab c", "ab  c", false)
	f("AbB", "Abb", false)
	f("[1, 2]", "(1, 2)", false)
	f("[1, 2]", "[2, 1]", false)
	f("['1']", "[1]", false)
	f("1112112_3", "1112112", false)
	f("0.33", "1/3", false)
	f("007", "7", false)
	f("2/4", "1/2", false)
	f("5", "-5", false)
	f("", "", false)
	f("无法回答", "无法回答", false)
}

// FuzzNormalize: no panic, valid keys of bounded length, and a key that is
// its own key.
func FuzzNormalize(f *testing.F) {
	for _, s := range []string{
		"42", "1,234.50 dollars", "一万二千三百", "(C) Paris", `\frac{25\pi}{2}`, "[1, 'a', {2: (3,)}]", `"a\u00e9"`, "**x**.", "$$5$$",
		"A, C and D", "1e400", "x + 1", "12亿3000万", `\sqrt[3]{x_{1}^{2}}`, "'", `\`, "[[", "(((", "I can't", "...", "“”", "2 1/2",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, ok := Normalize(s)
		if !ok {
			return
		}
		if a.Key == "" || !utf8.ValidString(a.Key) || utf8.RuneCountInString(a.Key) > maxKeyRunes {
			t.Fatalf("Normalize(%q) has key %q", s, a.Key)
		}
		if b, ok := Normalize(a.Key); !ok || b.Key != a.Key {
			t.Errorf("the key of %q is %q, whose key is %q, %v", s, a.Key, b.Key, ok)
		}
	})
}
