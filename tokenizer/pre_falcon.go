package tokenizer

// Falcon: as the default rule, but digits stay with the space before them
// until they are cut by three.
func init() {
	punct := func(r reader, s string, i int) int { return punctRun(r, s, i, "$+<=>^~|`") }
	registerPre(pre{
		split:    then(isolate(punct), isolate(gpt2), isolate(threeDigits)),
		patterns: []string{"[\\p{P}\\$\\+<=>\\^~\\|`]+", gpt2Pattern, `[0-9][0-9][0-9]`},
	}, "falcon")
}
