package arch

// Hunyuan-Large (389B-A52B): neighbouring layers share keys and values, one expert of 16 a token and a shared one.
//
// The later layer norms the shared keys with a weight of its own. So the cache keeps keys normed without a weight, and
// each layer's key weight is multiplied into its query weight: the product of both is the same, as the norm comes
// after the rope.
//
// Source: vLLM's hunyuan_v1.py and the published config.json (use_cla, cla_share_factor).
func init() {
	register(family{
		name: "hunyuan-large", about: "Hunyuan-Large 389B-A52B",
		unverified: "written from the published configuration and vLLM's code; not tried on the vendor's weights",
		hfTypes:    []string{"HunYuanForCausalLM", "hunyuan"},
		hfNames:    hunyuanNames.with(names{ffnGateUp: "", sharedGateUp: ""}),
		hfBindings: bindings{groupedQKV: true, sharedKeyNorm: true},
		hf: func(r *reader) *Config {
			c := r.hunyuan()
			r.hunyuanExperts(c)
			if !r.boolOr("use_cla", false) {
				return c
			}
			share := r.intOr("cla_share_factor", 1)
			if share < 1 {
				r.fail("cla_share_factor: got %d, want 1 or more", share)
				return c
			}
			return c.each(func(i int, l *LayerConfig) { l.Attn.KVLayer = i - i%share })
		},
	})
}
