package tokenizer

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// reference runs the published patterns of a family with a backtracking
// engine: slow and independent. The dialects differ in a few spellings.
func reference(t testing.TB, patterns []string) []*regexp2.Regexp {
	var steps []*regexp2.Regexp
	for _, p := range patterns {
		p = strings.NewReplacer(
			`&&[^\p{Han}]]`, `-[\p{Han}]]`, // intersection is subtraction here
			`]?+`, `]?`, `]++`, `]+`, // possessive: nothing is given back anyway
			// Fold ASCII only, as the reference engine: ſ is no s.
			`(?i:'s|'t|'re|'ve|'m|'ll|'d)`, `(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])`,
			`'(?i:[sdmt]|ll|ve|re)`, `'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])`,
			`\s+$`, `\s+\z`,
		).Replace(p)
		if strings.HasPrefix(p, `[\p{L`) { // never: keeps the list of spellings honest
			t.Fatal(p)
		}
		steps = append(steps, regexp2.MustCompile(p, regexp2.None))
	}
	return steps
}

func (s slow) split(t testing.TB, text string) []string {
	pieces := []string{text}
	for _, re := range s {
		var next []string
		for _, p := range pieces {
			chars := []rune(p)
			at := 0
			m, err := re.FindRunesMatch(chars)
			for m != nil && err == nil {
				if m.Index > at {
					next = append(next, string(chars[at:m.Index]))
				}
				if m.Length > 0 {
					next = append(next, m.String())
				}
				at = m.Index + m.Length
				m, err = re.FindNextMatch(m)
			}
			if err != nil {
				t.Fatal(err)
			}
			if at < len(chars) {
				next = append(next, string(chars[at:]))
			}
		}
		pieces = next
	}
	return pieces
}

type slow []*regexp2.Regexp

func pieces(s split, text string) []string {
	var all []string
	s(text, func(p string) { all = append(all, p) })
	return all
}

// families maps each distinct family to one of its names.
func families() []string {
	seen := map[string]bool{}
	var names []string
	for _, n := range Pres() {
		key := strings.Join(pres[n].patterns, "\n")
		if !seen[key] {
			seen[key] = true
			names = append(names, n)
		}
	}
	return names
}

// known reports whether the text can be compared: UTF-8, of characters whose
// class both sides know, and without what DeepSeek LLM reads another way.
func known(name, text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, c := range text {
		if c >= 0x2ebf0 && c <= 0x2ee5d || c >= 0x2ffc && c <= 0x2fff || c == 0x31ef {
			return false // Unicode 15.1
		}
		// Their sets hold white space, which wins here as in the reference engine.
		if strings.HasPrefix(name, "deepseek") && c > 0xff && unicode.Is(unicode.White_Space, c) {
			return false
		}
	}
	return true
}

var tricky = []string{
	"", " ", "  ", "   a", "a ", "a  ", "\n", "\r\n", " \n ", "\n \n", "\t\tx", " \r\n\r\n x\r\n", "x \u00a0\u3000 y",
	"It's they'LL we'Ve 'SAY' I'M ''s 's", "’s don’t", "'", "''", "'r", "'re", "a'", "a'R", "it'ſ",
	"1", "12", "123", "1234", "1234567 89", "½²Ⅳ３４５", " 12", "a1b2", "12½345", "x\u0301y", "\u0301", "\u0301\u0301A", "e\u0301E\u0301",
	"\u0301ABC", "ABC\u0301DEF", "日ABC本", "ABC日", "aB", "HelloWorld", "HTTPServer's", "ÉCOLEécole", "ǅx", "ʰA", "ªB",
	"日本語カタカナひらがな한국어", "中文abc中文", "〇々⺀中", "、。，", "\u3000全角\u3000", "\u2003\u202f\u00a0\u200b\u200d",
	"🏔️ 👩\u200d👩\u200d👧 🇨🇳", "!!!???\n\n", "a.b/c\n", "foo/\n/bar", "x=+1;\r\ny", " _x .append", "{}[]()<>", "`~$^|", "\x00\x01\x7f",
	"\u0085\u2028\u2029", "﷽", "\ufffd", "\U0010ffff", "ﬀﬁ", "Ω K", "ⅰⅱ", "1\u0301", " 1\u0301", "\u0301 a", " \u0301a", "-\u0301-", "ไทย สวัสดี", "हिन्दी", "བོད་ཡིག",
}

func TestPreTokenizersAsPublished(t *testing.T) {
	for _, name := range families() {
		ref := slow(reference(t, pres[name].patterns))
		texts := slices.Clone(tricky)
		for _, a := range tricky {
			for _, b := range tricky[:40] {
				texts = append(texts, a+b)
			}
		}
		for _, text := range texts {
			if !known(name, text) {
				continue
			}
			got, want := pieces(pres[name].split, text), ref.split(t, text)
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q\n got %q\nwant %q", name, text, got, want)
			}
		}
	}
}

// DeepSeek LLM's classes hold white space that the reference engine takes for
// white space only.
func TestDeepSeekLLMWhiteSpace(t *testing.T) {
	f := func(text string, want ...string) {
		t.Helper()
		if got := pieces(pres["deepseek-llm"].split, text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	f("\u3000\u3000。", "\u3000", "\u3000", "。")
	f("中\u3000文", "中", "\u3000", "文")
	f("1\u2003\u2003", "1", "\u2003\u2003")
	f("\u2003中", "\u2003", "中")
}

func TestBytesThatAreNotUTF8StayAsTheyAre(t *testing.T) {
	for _, name := range families() {
		for _, text := range []string{"a\xff b", "\xe4\xbd", "\xc0\x80 x", "1\xf0\x9f\x98", "\xed\xa0\x80", "a\x80\x80\x80'", "\xff\n\xff"} {
			if got := strings.Join(pieces(pres[name].split, text), ""); got != text {
				t.Errorf("%s: %q came out as %q", name, text, got)
			}
		}
	}
}

// Much of one thing, which a backtracking engine would choke on.
func TestPreTokenizersAreLinear(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	for _, name := range families() {
		for _, unit := range []string{"a", "A", " ", "\n", " \n", "1", "!", "中", "\u0301", "A\u0301", "'", "\xff", "\u3000", "ʰA"} {
			text := strings.Repeat(unit, 1<<18/len(unit))
			start := time.Now()
			n := 0
			pres[name].split(text, func(p string) { n += len(p) })
			if n != len(text) {
				t.Errorf("%s: %q: %d bytes of %d came out", name, unit, n, len(text))
			}
			// A few milliseconds when alone; a quadratic rule takes minutes.
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("%s: 256 KiB of %q took %v", name, unit, took)
			}
		}
	}
}
