package tokenizer

// StarCoder and others that set each digit apart and then go on as GPT-2.
func init() {
	registerPre(pre{split: then(isolate(oneDigit), isolate(gpt2)), patterns: []string{`\p{N}`, gpt2Pattern}},
		"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2")
}

// oneDigit matches \p{N}.
func oneDigit(r reader, s string, i int) int {
	if _, k, n := r.at(s, i); k&number != 0 {
		return n
	}
	return 0
}
