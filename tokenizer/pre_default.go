package tokenizer

// The rule of files that name no pre-tokenizer: punctuation apart, then
// GPT-2's rule, then digits by three.
func init() {
	registerPre(pre{
		split:    then(isolate(defaultPunct), isolate(gpt2), isolate(digitRun), isolate(threeDigits)),
		patterns: []string{`[\p{P}\$\+<=>\^~\|]+`, gpt2Pattern, `\p{N}+`, `[0-9][0-9][0-9]`},
	}, "default")
}

func defaultPunct(r reader, s string, i int) int { return punctRun(r, s, i, "$+<=>^~|") }

// punctRun matches \p{P} and further ASCII characters, one or more.
func punctRun(r reader, s string, i int, more string) int {
	end := i
	for {
		c, k, n := r.at(s, end)
		if n == 0 || k&punct == 0 && (c >= 0x80 || !has(more, byte(c))) {
			return end - i
		}
		end += n
	}
}

// digitRun matches \p{N}+.
func digitRun(r reader, s string, i int) int { return r.run(s, i, number) - i }

// threeDigits matches [0-9][0-9][0-9].
func threeDigits(_ reader, s string, i int) int {
	for k := range 3 {
		if i+k >= len(s) || s[i+k] < '0' || s[i+k] > '9' {
			return 0
		}
	}
	return 3
}
