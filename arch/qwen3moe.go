package arch

// Qwen3-MoE: Qwen3 with renormalised softmax experts and no shared one.
func init() {
	register(family{
		name: "qwen3moe", about: "Qwen3-MoE",
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX).each(func(_ int, l *LayerConfig) { l.Attn.QKNorm = PerHead })
			r.mixture(c, 0, r.expertHidden(c.hidden()), Router{Score: Softmax, Renormalise: true})
			return c
		},
	})
}
