package arch

// Hunyuan dense (0.5B to 7B): q and k normed head by head after the rope. Its NTK scaling is in the file's rope base.
func init() {
	register(family{
		name: "hunyuan-dense", about: "Hunyuan dense, 0.5B to 7B",
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX).each(func(_ int, l *LayerConfig) { l.Attn.QKNorm, l.Attn.QKNormAfterRope = PerHead, true })
			r.ntk(c, RopeNeoX)
			r.divisors(c, RopeNeoX)
			return c
		},
		hfTypes: []string{"HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense"},
		hfNames: hunyuanNames,
		hf:      func(r *reader) *Config { return r.hunyuan() },
	})
}

// hunyuanNames are those of all folders of this family.
var hunyuanNames = hfNames.with(names{
	attnQNorm: "model.layers.%d.self_attn.query_layernorm", attnKNorm: "model.layers.%d.self_attn.key_layernorm",
	router: "model.layers.%d.mlp.gate.wg", sharedGateP: "model.layers.%d.mlp.shared_mlp.gate_proj",
	sharedUp: "model.layers.%d.mlp.shared_mlp.up_proj", sharedDown: "model.layers.%d.mlp.shared_mlp.down_proj",
})

// hunyuan reads what the folders of this family share: q and k are normed after the rope, if at all.
func (r *reader) hunyuan() *Config {
	r.noQuantised()
	c := r.hfDecoder(RopeNeoX)
	if r.boolOr("use_qk_norm", false) {
		c.each(func(_ int, l *LayerConfig) { l.Attn.QKNorm, l.Attn.QKNormAfterRope = PerHead, true })
	}
	return c
}

// hunyuanExperts makes every layer a mixture as the keys of this family say. One expert alone keeps its probability
// as weight; several are renormalised. Source: vLLM's hunyuan_v1.py.
func (r *reader) hunyuanExperts(c *Config) {
	n := len(c.Layers)
	if r.err != nil || n == 0 {
		return
	}
	experts, used := r.perLayer("num_experts", n, 0), r.perLayer("moe_topk", n, 1)
	wide := r.perLayer("moe_intermediate_size", n, 0)
	shared := r.perLayer("num_shared_expert", n, 0)
	mixed := r.boolOr("use_mixed_mlp_moe", false)
	c.each(func(i int, l *LayerConfig) {
		hidden := wide[i]
		if hidden == 0 {
			hidden = l.FFN.Hidden
		}
		if mixed && shared[i] > 0 && shared[i] <= maxExperts {
			l.FFN.SharedHidden = shared[i] * l.FFN.Hidden
		}
		l.FFN.Hidden = 0
		l.FFN.Router = Router{
			Experts: experts[i], Used: used[i], Hidden: hidden, Score: Softmax, Renormalise: used[i] > 1, MinSum: 1e-20, Scale: 1,
		}
	})
}
