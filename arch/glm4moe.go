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
		hfTypes: []string{"Glm4MoeForCausalLM", "glm4_moe"},
		hf: func(r *reader) *Config {
			r.noQuantised()
			c := r.hfDecoder(RopeNeoX)
			if r.boolOr("use_qk_norm", false) {
				c.each(func(_ int, l *LayerConfig) { l.Attn.QKNorm = PerHead })
			}
			first, hidden := r.intOr("first_k_dense_replace", 0), r.int("moe_intermediate_size")
			router := Router{
				Experts: r.int("n_routed_experts"), Used: r.int("num_experts_per_tok"), Hidden: hidden, Score: Sigmoid,
				Renormalise: r.boolOr("norm_topk_prob", true), Scale: float32(r.floatOr("routed_scaling_factor", 1)),
			}
			if groups := r.intOr("n_group", 1); groups > 1 {
				router.Choice, router.Groups, router.GroupsUsed, router.GroupTop = GroupLimited, groups, r.int("topk_group"), 2
			}
			shared := r.intOr("n_shared_experts", 0)
			if shared < 0 || shared > maxExperts {
				r.fail("n_shared_experts: got %d, want 0 to %d", shared, maxExperts)
			}
			r.hfMixture(c, router, func(i int) bool { return i >= first })
			return c.each(func(i int, l *LayerConfig) {
				if i >= first {
					l.FFN.SharedHidden = shared * hidden
				}
			})
		},
	})
}
