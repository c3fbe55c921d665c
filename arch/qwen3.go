package arch

// Qwen3: q and k normed head by head, before the rope; the head's width is free.
func init() {
	register(family{
		name: "qwen3", about: "Qwen3",
		gguf: func(r *reader) *Config {
			return r.decoder(RopeNeoX).each(func(_ int, l *LayerConfig) { l.Attn.QKNorm = PerHead })
		},
		hfTypes: []string{"Qwen3ForCausalLM", "qwen3"},
		hf: func(r *reader) *Config {
			r.noQuantised()
			r.refuse("use_sliding_window", isTrue, "false")
			return r.hfDecoder(RopeNeoX).each(func(_ int, l *LayerConfig) { l.Attn.QKNorm = PerHead })
		},
	})
}
