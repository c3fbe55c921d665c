package arch

// Qwen3.5-MoE: Qwen3.5 with experts and a gated shared expert in every layer.
func init() {
	register(family{
		name: "qwen35moe", about: "Qwen3.5-MoE",
		names:    ggufNames.with(names{ffnNorm: "blk.%d.post_attention_norm", attnPostNorm: ""}),
		bindings: bindings{gateInQ: true},
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX)
			r.sections(c, RopeNeoX, true)
			r.deltaLayers(c, true)
			dense := c.hidden()
			r.mixture(c, 0, r.expertHidden(dense), Router{Score: Softmax, Renormalise: true})
			shared := r.intOr("expert_shared_feed_forward_length", 0)
			if shared == 0 {
				shared = dense
			}
			return c.each(func(_ int, l *LayerConfig) { l.FFN.SharedHidden, l.FFN.SharedGated = shared, true })
		},
	})
}
