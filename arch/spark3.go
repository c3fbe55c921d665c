package arch

// Spark3 and Spark-X2.5 (1.7B, 4B): three layers with a sliding window, then one that sees all, each kind with a rope
// of its own; a gate per head on the attention output; a GELU channel block; q, k and v in one matrix.
//
// Source: the configuration and model code that iFlytek published for vLLM (model_type spark3).
func init() {
	register(family{
		name: "spark3", about: "iFlytek Spark3 and Spark-X2.5, 1.7B and 4B",
		unverified: "written from the configuration and vLLM code that iFlytek published; not tried on the vendor's weights",
		hfTypes:    []string{"Spark3ForCausalLM", "spark3"},
		hfNames: hfNames.with(names{
			embed: "model.embedding", attnQKV: "model.layers.%d.self_attn.q_k_v_proj", attnOut: "model.layers.%d.self_attn.out_proj",
		}),
		hf: func(r *reader) *Config {
			r.noQuantised()
			c := r.hfDecoder(RopeNeoX)
			if r.err != nil {
				return c
			}
			sliding := r.hfSliding(c)
			if _, ok := r.value("layer_types"); !ok {
				for i := range sliding {
					sliding[i] = (i+1)%4 != 0
				}
			}
			keyDim := c.Layers[0].Attn.KeyDim
			full, near := turning{kind: RopeNeoX, dim: keyDim / 4, base: 5e6}, turning{kind: RopeNeoX, dim: keyDim, base: 1e4}
			if _, ok := r.value("rope_parameters"); ok {
				full, near = r.hfTurning(RopeNeoX, keyDim, "full_attention"), r.hfTurning(RopeNeoX, keyDim, "sliding_attention")
			}
			for _, t := range []turning{full, near} {
				if err := t.check(keyDim); err != nil {
					r.fail("%v", err)
					return c
				}
			}
			window := r.intOr("sliding_window", 512)
			fullRope, nearRope := full.rope(), near.rope()
			gate := NoGate
			if r.boolOr("headwise_attn_output_gate", true) {
				gate = HeadGate
			}
			return c.each(func(i int, l *LayerConfig) {
				l.Attn.Gate, l.Attn.Rope = gate, fullRope
				if sliding[i] {
					l.Attn.WindowTokens, l.Attn.Rope = window, nearRope
				}
				l.FFN.Activation = Activation{Kind: GELU}
			})
		},
	})
}
