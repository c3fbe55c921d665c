package tokenizer

// Qwen2, Qwen2.5, Qwen3 and Hunyuan: GPT-4's rule with each digit apart.
// Published in their tokenizer.json.
func init() {
	w := words{contraction: true, letters: letter, before: letter | number, digits: 1, other: spaces | letter | number, tail: "\r\n"}
	registerPre(pre{
		split:    isolate(w.match),
		patterns: []string{`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	}, "qwen2", "deepseek-r1-qwen", "hunyuan", "stablelm2", "solar-open", "grok-2", "megrez", "kormo", "f2llmv2")
}
