package tokenizer

// Qwen3-Next and Qwen3.5: Qwen2's rule with marks as parts of words.
func init() {
	w := words{contraction: true, letters: letter | mark, before: letter | number, digits: 1, other: spaces | letter | mark | number, tail: "\r\n"}
	registerPre(pre{
		split:    isolate(w.match),
		patterns: []string{`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	}, "qwen35")
}
