package tokenizer

// GPT-4o, gpt-oss (o200k) and MiniMax-M2: words end where upper case follows
// lower case, and a contraction stays with its word.
// Source: openai/tiktoken, openai_public.py, o200k_base. Other engines read it
// more coarsely: marks and upper case outside of ASCII fall elsewhere there.
func init() {
	w := words{letters: letter | mark, cased: true, before: letter | number, digits: 3, other: spaces | letter | number, tail: "\r\n/"}
	registerPre(pre{
		split: isolate(w.match),
		patterns: []string{`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
			`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|` +
			`\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	}, "gpt-4o", "llama4", "kanana2", "minimax-m2")
}
