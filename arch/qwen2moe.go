package arch

// Qwen2-MoE: experts weighed without renormalising, and a shared expert behind a sigmoid gate.
func init() {
	register(family{
		name: "qwen2moe", about: "Qwen2-MoE and Qwen1.5-MoE",
		bindings: bindings{ownHead: true},
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX)
			dense := c.hidden()
			r.mixture(c, 0, r.expertHidden(dense), Router{Score: Softmax})
			shared := r.intOr("expert_shared_feed_forward_length", 0)
			if shared == 0 {
				shared = dense
			}
			return c.each(func(_ int, l *LayerConfig) { l.FFN.SharedHidden, l.FFN.SharedGated = shared, true })
		},
	})
}
