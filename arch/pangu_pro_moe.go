package arch

// Pangu Pro MoE (72B-A16B): grouped experts. The softmax goes over all experts, the best one of each group works, its
// probability times a trained scale of the expert is its weight; nothing is renormalised. A shared expert works for
// every token. Biases on q, k, v and the attention output; norms before both halves of a layer.
//
// Source: the configuration and model code in vLLM-Ascend (pangu_moe.py); Tang et al. 2025, arXiv:2505.21411.
func init() {
	register(family{
		name: "pangu-pro-moe", about: "Pangu Pro MoE 72B-A16B",
		unverified: "written from the configuration and code in vLLM-Ascend; not tried on the vendor's weights",
		hfTypes:    []string{"PanguProMoEForCausalLM", "PanGuMoE"},
		hfNames: hfNames.with(names{
			expertScale: "model.layers.%d.mlp.router_scale!",
			sharedGateP: "model.layers.%d.mlp.shared_expert.gate_proj", sharedUp: "model.layers.%d.mlp.shared_expert.up_proj",
			sharedDown: "model.layers.%d.mlp.shared_expert.down_proj",
		}),
		hfBindings: bindings{biases: true, outBias: true},
		hf: func(r *reader) *Config {
			r.noQuantised()
			c := r.hfDecoder(RopeNeoX)
			used := r.int("num_experts_per_tok")
			sparse := r.hfSparse()
			r.hfMixture(c, Router{
				Experts: r.int("num_experts"), Used: used, Hidden: r.int("moe_intermediate_size"),
				Score: Softmax, Choice: OnePerGroup, Groups: used,
			}, sparse)
			shared := r.intOr("shared_expert_intermediate_size", 0)
			return c.each(func(i int, l *LayerConfig) {
				if sparse(i) {
					l.FFN.SharedHidden = shared
				}
			})
		},
	})
}
