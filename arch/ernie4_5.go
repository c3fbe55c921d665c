package arch

// ERNIE 4.5 dense.
func init() {
	register(family{
		name: "ernie4_5", about: "ERNIE 4.5, dense",
		gguf:    func(r *reader) *Config { return r.decoder(RopeNorm) },
		hfTypes: []string{"Ernie4_5ForCausalLM", "Ernie4_5_ForCausalLM", "ernie4_5"},
		hf: func(r *reader) *Config {
			r.noQuantised()
			return r.hfDecoder(RopeNorm)
		},
	})
}
