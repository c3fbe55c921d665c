package arch

// openPangu-Embedded 1B and 7B: biases on q, k, v and the attention output.
func init() {
	register(family{
		name: "pangu-embedded", about: "openPangu-Embedded 1B and 7B",
		bindings: bindings{outBias: true},
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX)
			r.divisors(c, RopeNeoX)
			return c
		},
		hfTypes: []string{"PanguEmbeddedForCausalLM", "PanguEmbedded"}, hfBindings: bindings{biases: true, outBias: true},
		hf: func(r *reader) *Config {
			r.noQuantised()
			return r.hfDecoder(RopeNeoX)
		},
	})
}
