package tokenizer

// Youtu: Hangul, CJK punctuation, Bopomofo, and Han with kana set apart, then
// GPT-4o's rule with each digit apart.
func init() {
	w := words{letters: letter | mark, cased: true, before: letter | number, digits: 1, other: spaces | letter | number, tail: "\r\n/"}
	sets := []runeSet{newRuneSet("가-힣ㄱ-ㆎ"), newRuneSet("！…“”‘’—：；，、-〿︰-﹏"), newRuneSet("ㄅ-ㄯ"), kanjiSet}
	scripts := func(r reader, s string, i int) int {
		for _, set := range sets {
			if end := set.run(r, s, i); end > i {
				return end - i
			}
		}
		return 0
	}
	registerPre(pre{
		split: then(isolate(scripts), isolate(w.match)), whole: true,
		patterns: []string{`[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+`,
			`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
				`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
				`\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	}, "youtu")
}
