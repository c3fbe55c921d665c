package tokenizer

// Llama 3 and GLM-4: GPT-4's rule (cl100k). Published in their tokenizer.json.
func init() {
	w := words{contraction: true, letters: letter, before: letter | number, digits: 3, other: spaces | letter | number, tail: "\r\n"}
	published := []string{`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`}
	// Llama 3 takes a piece that is a token whole; its merges don't reach all.
	registerPre(pre{split: isolate(w.match), whole: true, addBOS: true, patterns: published},
		"llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2")
	registerPre(pre{split: isolate(w.match), patterns: published},
		"glm4", "chatglm-bpe", "dbrx", "smaug-bpe")
}
