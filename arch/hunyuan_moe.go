package arch

// Hunyuan-A13B: q and k normed head by head after the rope; renormalised softmax experts and a plain shared one.
func init() {
	register(family{
		name: "hunyuan-moe", about: "Hunyuan-A13B",
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX).each(func(_ int, l *LayerConfig) { l.Attn.QKNorm, l.Attn.QKNormAfterRope = PerHead, true })
			r.divisors(c, RopeNeoX)
			dense := c.hidden()
			shared := r.intOr("expert_shared_feed_forward_length", 0)
			if shared == 0 {
				shared = dense
			}
			r.mixture(c, 0, dense, Router{Score: Softmax, Renormalise: true})
			return c.each(func(_ int, l *LayerConfig) { l.FFN.SharedHidden = shared })
		},
		hfTypes: []string{"HunYuanMoEV1ForCausalLM", "hunyuan_v1_moe"},
		hfNames: hunyuanNames,
		hf: func(r *reader) *Config {
			c := r.hunyuan()
			r.hunyuanExperts(c)
			return c
		},
	})
}
