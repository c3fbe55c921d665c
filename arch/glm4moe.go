package arch

// GLM-4.5, 4.6 and 4.7: the first layers dense, then sigmoid experts chosen with a bias, and a shared one. Some sizes
// norm q and k.
func init() {
	register(family{
		name: "glm4moe", about: "GLM-4.5, 4.6 and 4.7",
		names: ggufNames.with(names{ffnNorm: "blk.%d.post_attention_norm", attnPostNorm: ""}),
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX)
			r.sections(c, RopeNeoX, false)
			if r.has("blk.0.attn_q_norm.weight") {
				c.each(func(_ int, l *LayerConfig) { l.Attn.QKNorm = PerHead })
			}
			first, hidden := r.leadingDense(c), r.int("expert_feed_forward_length")
			r.mixture(c, first, hidden, Router{Score: r.gating(Sigmoid), Renormalise: r.boolOr("expert_weights_norm", false)})
			shared := r.sharedExperts(hidden)
			return c.each(func(i int, l *LayerConfig) {
				if i >= first {
					l.FFN.SharedHidden = shared
				}
			})
		},
	})
}
