package arch

// MiniMax-M2: q and k normed over all heads together, sigmoid experts chosen with a bias.
func init() {
	register(family{
		name: "minimax-m2", about: "MiniMax-M2",
		bindings: bindings{ownHead: true},
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX).each(func(_ int, l *LayerConfig) { l.Attn.QKNorm = FullNorm })
			r.mixture(c, 0, c.hidden(), Router{Score: r.gating(Sigmoid), Renormalise: true})
			return c
		},
	})
}
