package tokenizer

// Ling (BailingMoE): Qwen2's rule under another spelling. The pattern takes
// one line break after white space where Qwen2's takes a run, which is the
// same, since white space holds line breaks too.
func init() {
	w := words{contraction: true, letters: letter, before: letter | number, digits: 1, other: spaces | letter | number, tail: "\r\n"}
	registerPre(pre{
		split:    isolate(w.match),
		patterns: []string{`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`},
	}, "bailingmoe", "bailingmoe2", "llada-moe")
}
