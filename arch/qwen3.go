package arch

// Qwen3: q and k normed head by head, before the rope; the head's width is free.
func init() {
	register(family{
		name: "qwen3", about: "Qwen3",
		gguf: func(r *reader) *Config {
			return r.decoder(RopeNeoX).each(func(_ int, l *LayerConfig) { l.Attn.QKNorm = PerHead })
		},
	})
}
