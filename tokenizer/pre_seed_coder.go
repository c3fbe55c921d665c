package tokenizer

// Seed-Coder and Seed-OSS: Qwen2's rule, but line breaks never join the
// punctuation before them.
func init() {
	w := words{contraction: true, letters: letter, before: letter | number, digits: 1, other: spaces | letter | number}
	registerPre(pre{
		split:    isolate(w.match),
		patterns: []string{`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+`},
	}, "seed-coder")
}
