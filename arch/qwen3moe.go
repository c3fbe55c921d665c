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
		hfTypes: []string{"Qwen3MoeForCausalLM", "qwen3_moe"},
		hf: func(r *reader) *Config {
			r.noQuantised()
			r.refuse("use_sliding_window", isTrue, "false")
			c := r.hfDecoder(RopeNeoX).each(func(_ int, l *LayerConfig) { l.Attn.QKNorm = PerHead })
			r.hfMixture(c, Router{
				Experts: r.int("num_experts"), Used: r.int("num_experts_per_tok"), Hidden: r.int("moe_intermediate_size"),
				Score: Softmax, Renormalise: r.boolOr("norm_topk_prob", false),
			}, r.hfSparse())
			return c
		},
	})
}
