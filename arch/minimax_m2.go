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
		hfTypes: []string{"MiniMaxM2ForCausalLM", "minimax_m2"},
		hfNames: hfNames.with(names{
			router:     "model.layers.%d.block_sparse_moe.gate",
			choiceBias: "model.layers.%d.block_sparse_moe.e_score_correction_bias!",
			expertGate: "model.layers.%d.block_sparse_moe.experts.%d.w1", expertUp: "model.layers.%d.block_sparse_moe.experts.%d.w3",
			expertDown: "model.layers.%d.block_sparse_moe.experts.%d.w2",
		}),
		hf: func(r *reader) *Config {
			r.noQuantised()
			c := r.hfDecoder(RopeNeoX).each(func(_ int, l *LayerConfig) { l.Attn.QKNorm = FullNorm })
			r.hfMixture(c, Router{
				Experts: r.int("num_local_experts"), Used: r.int("num_experts_per_tok"), Hidden: c.hidden(), Score: Sigmoid, Renormalise: true,
			}, always)
			return c
		},
	})
}
