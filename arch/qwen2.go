package arch

// Qwen 2 and 2.5: biases on q, k and v.
func init() {
	register(family{
		name: "qwen2", about: "Qwen2 and Qwen2.5",
		gguf:    func(r *reader) *Config { return r.decoder(RopeNeoX) },
		hfTypes: []string{"Qwen2ForCausalLM", "qwen2"}, hfBindings: bindings{biases: true},
		hf: func(r *reader) *Config {
			r.noQuantised()
			r.refuse("use_sliding_window", isTrue, "false")
			return r.hfDecoder(RopeNeoX)
		},
	})
}
