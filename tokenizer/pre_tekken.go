package tokenizer

// Mistral's Tekken: GPT-4o's rule with each digit apart and no contractions.
func init() {
	w := words{letters: letter | mark, cased: true, bare: true, before: letter | number, digits: 1, other: spaces | letter | number, tail: "\r\n/"}
	registerPre(pre{
		split: isolate(w.match), whole: true, addBOS: true,
		patterns: []string{`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|` +
			`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|` +
			`\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`},
	}, "tekken")
}
