package tokenizer

// DeepSeek Coder: line breaks, words, punctuation, CJK and digits set apart,
// one after the other.
func init() {
	registerPre(pre{
		split:    then(isolate(oneBreak), isolate(spacedLetters), isolate(spacedPunct), isolate(deepseekCJK), isolate(oneDigit)),
		patterns: []string{`[\r\n]`, `\s?\p{L}+`, `\s?\p{P}+`, `[一-龥ࠀ-一가-퟿]+`, `\p{N}`},
	}, "deepseek-coder")
}

func spacedLetters(r reader, s string, i int) int { return spaced(r, s, i, letter) }
func spacedPunct(r reader, s string, i int) int   { return spaced(r, s, i, punct) }

// spaced matches \s? and one or more characters of the set.
func spaced(r reader, s string, i int, set class) int {
	from := i
	if _, k, n := r.at(s, i); k&spaces != 0 {
		i += n
	}
	if end := r.run(s, i, set); end > i {
		return end - from
	}
	return 0
}
