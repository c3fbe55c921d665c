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
		hfTypes: []string{"Qwen3NextForCausalLM", "qwen3_next"},
		hfNames: hfNames.with(names{
			deltaQKVZ: "model.layers.%d.linear_attn.in_proj_qkvz", deltaBA: "model.layers.%d.linear_attn.in_proj_ba",
			deltaConv: "model.layers.%d.linear_attn.conv1d", deltaDt: "model.layers.%d.linear_attn.dt_bias!",
			deltaA: "model.layers.%d.linear_attn.A_log!", deltaNorm: "model.layers.%d.linear_attn.norm",
			deltaOut:    "model.layers.%d.linear_attn.out_proj",
			sharedGateP: "model.layers.%d.mlp.shared_expert.gate_proj", sharedUp: "model.layers.%d.mlp.shared_expert.up_proj",
			sharedDown: "model.layers.%d.mlp.shared_expert.down_proj", sharedGate: "model.layers.%d.mlp.shared_expert_gate",
		}),
		hfBindings: bindings{gateInQ: true, decayIsLog: true, onePlus: true},
		hfSkip:     []string{"mtp."},
		hf: func(r *reader) *Config {
			r.noQuantised()
			c := r.hfDecoder(RopeNeoX)
			sparse := r.hfSparse()
			r.hfMixture(c, Router{
				Experts: r.int("num_experts"), Used: r.int("num_experts_per_tok"), Hidden: r.int("moe_intermediate_size"),
				Score: Softmax, Renormalise: r.boolOr("norm_topk_prob", true),
			}, sparse)
			shared, every := r.int("shared_expert_intermediate_size"), r.intOr("full_attention_interval", 4)
			d := DeltaConfig{
				KeyHeads: r.int("linear_num_key_heads"), ValueHeads: r.int("linear_num_value_heads"),
				KeyDim: r.int("linear_key_head_dim"), ValueDim: r.int("linear_value_head_dim"),
				ConvWidth: r.int("linear_conv_kernel_dim"), Eps: c.Eps,
			}
			if every < 1 {
				r.fail("full_attention_interval: got %d, want 1 or more", every)
				return c
			}
			return c.each(func(i int, l *LayerConfig) {
				if sparse(i) {
					l.FFN.SharedHidden, l.FFN.SharedGated = shared, true
				}
				if (i+1)%every != 0 {
					l.Mixer, l.Attn, l.Delta = DeltaNet, AttnConfig{}, d
					return
				}
				l.Attn.QKNorm, l.Attn.Gate = PerHead, ElementGate
			})
		},
	})
}
