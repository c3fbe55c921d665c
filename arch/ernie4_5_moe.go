package arch

// ERNIE 4.5 MoE: the first layers dense, then every step-th with experts chosen with a bias, and shared ones.
func init() {
	register(family{
		name: "ernie4_5-moe", about: "ERNIE 4.5 MoE",
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNorm)
			step := r.int("interleave_moe_layer_step")
			if step < 1 {
				r.fail("interleave_moe_layer_step: got %d, want 1 or more", step)
				return c
			}
			first, dense := r.leadingDense(c), make([]int, len(c.Layers))
			c.each(func(i int, l *LayerConfig) { dense[i] = l.FFN.Hidden })
			r.mixture(c, first, r.int("expert_feed_forward_length"), Router{Score: Softmax, Renormalise: true})
			shared := r.intOr("expert_shared_feed_forward_length", 0)
			return c.each(func(i int, l *LayerConfig) {
				switch {
				case i < first:
				case (i+1)%step != 0:
					l.FFN = FFNConfig{Hidden: dense[i]}
				default:
					l.FFN.SharedHidden = shared
				}
			})
		},
	})
}
