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
		hfTypes: []string{"Ernie4_5_MoeForCausalLM", "Ernie4_5_MoEForCausalLM", "ernie4_5_moe"},
		hfNames: hfNames.with(names{choiceBias: "model.layers.%d.mlp.moe_statics.e_score_correction_bias!"}),
		hf: func(r *reader) *Config {
			r.noQuantised()
			c := r.hfDecoder(RopeNorm)
			first, step, hidden := r.intOr("moe_layer_start_index", 0), r.intOr("moe_layer_interval", 1), r.int("moe_intermediate_size")
			last, shared := r.intOr("moe_layer_end_index", -1), r.intOr("moe_num_shared_experts", 0)
			if step < 1 || shared < 0 || shared > maxExperts {
				r.fail("moe_layer_interval and moe_num_shared_experts: got %d and %d, want 1 or more and 0 to %d", step, shared, maxExperts)
				return c
			}
			if last < 0 {
				last = len(c.Layers) - 1
			}
			moe := func(i int) bool { return (i+1)%step == 0 && i >= first && i <= last }
			r.hfMixture(c, Router{
				Experts: r.int("moe_num_experts"), Used: r.int("moe_k"), Hidden: hidden, Score: Softmax, Renormalise: true,
				MinSum: float32(r.floatOr("moe_norm_min", 1e-12)),
			}, moe)
			return c.each(func(i int, l *LayerConfig) {
				if moe(i) {
					l.FFN.SharedHidden = shared * hidden
				}
			})
		},
	})
}
