package tokenizer

// Kimi K2: GPT-4o's rule with runs of Han apart from other letters.
// Source: moonshotai/Kimi-K2-Instruct, tokenization_kimi.py. Other engines read
// it more coarsely, without its classes of upper and lower case.
func init() {
	w := words{letters: letter | mark, cased: true, notHan: true, before: letter | number, digits: 3, other: spaces | letter | number, tail: "\r\n"}
	registerPre(pre{
		split: isolate(w.match),
		patterns: []string{`[\p{Han}]+|` +
			`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
			`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
			`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	}, "kimi-k2")
}
