package arch

// Qwen3-Next: three gated delta nets, then one gated full attention; experts and a gated shared expert in every layer.
func init() {
	register(family{
		name: "qwen3next", about: "Qwen3-Next",
		names:    ggufNames.with(names{ffnNorm: "blk.%d.post_attention_norm", attnPostNorm: ""}),
		bindings: bindings{gateInQ: true},
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX)
			r.deltaLayers(c, false)
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
