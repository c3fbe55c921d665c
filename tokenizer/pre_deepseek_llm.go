package tokenizer

import "sort"

// DeepSeek LLM (V1): five cuts one after the other. Where its classes hold
// exotic white space (U+2000, U+3000, ...), white space wins, as in the
// reference engine.
func init() {
	registerPre(pre{
		split: then(isolate(oneBreak), isolate(deepseekLetters), isolate(deepseekPunct), trailing, isolate(deepseekCJK), isolate(digitRun)),
		patterns: []string{`[\r\n]`, `\s?[` + deepseekLetterClass + `]+`, `\s?[!-/:-~！-／：-～‘-‟　-。]+`, `\s+$`,
			`[一-龥ࠀ-一가-퟿]+`, `\p{N}+`},
	}, "deepseek-llm")
}

// Escaped, since some of these (the Kelvin sign) look like others.
const deepseekLetterClass = "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af" +
	"\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5" +
	"\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba" +
	"\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45" +
	"\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe" +
	"\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102" +
	"\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139" +
	"\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3" +
	"\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06" +
	"\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3" +
	"\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df" +
	"\U0001e900-\U0001e943"

// runeSet is a set of characters as ranges, sorted.
type runeSet [][2]rune

// newRuneSet reads the inside of a bracket expression without escapes.
func newRuneSet(class string) runeSet {
	var set runeSet
	chars := []rune(class)
	for i := 0; i < len(chars); i++ {
		lo, hi := chars[i], chars[i]
		if i+2 < len(chars) && chars[i+1] == '-' {
			hi = chars[i+2]
			i += 2
		}
		set = append(set, [2]rune{lo, hi})
	}
	sort.Slice(set, func(i, k int) bool { return set[i][0] < set[k][0] })
	return set
}

func (set runeSet) has(c rune) bool {
	i := sort.Search(len(set), func(i int) bool { return set[i][0] > c })
	return i > 0 && c <= set[i-1][1]
}

// run returns where the run of characters of the set, white space left out,
// ends.
func (set runeSet) run(r reader, s string, i int) int {
	for {
		c, k, n := r.at(s, i)
		if n == 0 || k&spaces != 0 || !set.has(c) {
			return i
		}
		i += n
	}
}

var (
	deepseekLetterSet = newRuneSet(deepseekLetterClass)
	deepseekPunctSet  = newRuneSet("!-/:-~！-／：-～‘-‟　-。")
	deepseekCJKSet    = newRuneSet("ࠀ-一一-龥가-퟿")
)

// oneBreak matches [\r\n].
func oneBreak(_ reader, s string, i int) int {
	if s[i] == '\r' || s[i] == '\n' {
		return 1
	}
	return 0
}

func deepseekLetters(r reader, s string, i int) int { return afterSpace(r, s, i, deepseekLetterSet) }
func deepseekPunct(r reader, s string, i int) int   { return afterSpace(r, s, i, deepseekPunctSet) }
func deepseekCJK(r reader, s string, i int) int     { return deepseekCJKSet.run(r, s, i) - i }

// afterSpace matches \s?[set]+.
func afterSpace(r reader, s string, i int, set runeSet) int {
	from := i
	if _, k, n := r.at(s, i); k&spaces != 0 {
		i += n
	}
	if end := set.run(r, s, i); end > i {
		return end - from
	}
	return 0
}

// trailing sets apart the white space at the end of a piece: \s+$.
func trailing(s string, piece func(string)) {
	r := reader{classes()}
	end := 0 // of what is not white space
	for i := 0; i < len(s); {
		_, k, n := r.at(s, i)
		i += n
		if k&spaces == 0 {
			end = i
		}
	}
	if end > 0 {
		piece(s[:end])
	}
	if end < len(s) {
		piece(s[end:])
	}
}
