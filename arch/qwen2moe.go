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
		hfTypes: []string{"Qwen2MoeForCausalLM", "qwen2_moe"}, hfBindings: bindings{biases: true},
		hfNames: hfNames.with(names{
			sharedGateP: "model.layers.%d.mlp.shared_expert.gate_proj", sharedUp: "model.layers.%d.mlp.shared_expert.up_proj",
			sharedDown: "model.layers.%d.mlp.shared_expert.down_proj", sharedGate: "model.layers.%d.mlp.shared_expert_gate",
		}),
		hf: func(r *reader) *Config {
			r.noQuantised()
			r.refuse("use_sliding_window", isTrue, "false")
			c := r.hfDecoder(RopeNeoX)
			r.hfMixture(c, Router{
				Experts: r.int("num_experts"), Used: r.int("num_experts_per_tok"), Hidden: r.int("moe_intermediate_size"),
				Score: Softmax, Renormalise: r.boolOr("norm_topk_prob", false),
			}, r.hfSparse())
			shared := r.int("shared_expert_intermediate_size")
			return c.each(func(_ int, l *LayerConfig) {
				if l.FFN.Router.Experts > 0 {
					l.FFN.SharedHidden, l.FFN.SharedGated = shared, true
				}
			})
		},
	})
}
