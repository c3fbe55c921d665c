package arch

import "math"

// DeepSeek V2, V3 and R1, Kimi K2: latent attention, the first layers dense, then experts in groups and shared ones.
func init() {
	register(family{
		name: "deepseek2", about: "DeepSeek V2, V3, R1 and Kimi K2",
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNorm)
			r.latent(c, RopeNorm)
			first, hidden := r.leadingDense(c), r.int("expert_feed_forward_length")
			r.mixture(c, first, hidden, Router{Score: r.gating(Softmax), Renormalise: r.boolOr("expert_weights_norm", false)})
			shared := r.sharedExperts(hidden)
			return c.each(func(i int, l *LayerConfig) {
				if i >= first {
					l.FFN.SharedHidden = shared
				}
			})
		},
		hfTypes: []string{"DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM", "deepseek_v2", "deepseek_v3"},
		hf:      deepseekFolder,
	})
}

// deepseekFolder reads config.json. Source: the published modeling_deepseek.py of V2 and V3.
func deepseekFolder(r *reader) *Config {
	r.noQuantised()
	c := r.hfDecoder(RopeNorm)
	nope, rope := r.int("qk_nope_head_dim"), r.int("qk_rope_head_dim")
	if r.err == nil && (nope < 1 || rope < 2 || nope > maxDim || rope > maxDim) {
		r.fail("qk_nope_head_dim and qk_rope_head_dim: got %d and %d, want 1 and 2 or more", nope, rope)
	}
	if r.err != nil {
		return c
	}
	t := r.hfTurning(RopeNorm, rope, "")
	if err := t.check(rope); err != nil {
		r.fail("%v", err)
		return c
	}
	scale := 1 / math.Sqrt(float64(nope+rope))
	if all, ok := toFloat(r.object("rope_scaling")["mscale_all_dim"]); ok && t.scaling == "yarn" {
		m := yarnMagnitude(t.factor, all)
		scale *= m * m
	}
	a := MLAConfig{
		Heads: c.Layers[0].Attn.Heads, QRank: r.intOr("q_lora_rank", 0), KVRank: r.int("kv_lora_rank"),
		NopeDim: nope, RopeDim: rope, ValueDim: r.int("v_head_dim"), Rope: t.rope(), Scale: float32(scale), Eps: c.Eps,
	}
	c.each(func(_ int, l *LayerConfig) { l.Mixer, l.MLA, l.Attn = MLA, a, AttnConfig{} })
	if r.intOr("n_routed_experts", 0) == 0 {
		return c
	}
	hidden := r.int("moe_intermediate_size")
	router := Router{
		Experts: r.int("n_routed_experts"), Used: r.int("num_experts_per_tok"), Hidden: hidden,
		Score:       oneOf(r, "scoring_func", Softmax, map[string]Score{"softmax": Softmax, "sigmoid": Sigmoid}),
		Renormalise: r.boolOr("norm_topk_prob", false), Scale: float32(r.floatOr("routed_scaling_factor", 1)),
	}
	router.GroupTop = oneOf(r, "topk_method", 2, map[string]int{"greedy": 0, "group_limited_greedy": 1, "noaux_tc": 2})
	if groups := r.intOr("n_group", 1); groups > 1 && router.GroupTop > 0 {
		router.Choice, router.Groups, router.GroupsUsed = GroupLimited, groups, r.int("topk_group")
	}
	first, every, shared := r.intOr("first_k_dense_replace", 0), r.intOr("moe_layer_freq", 1), r.intOr("n_shared_experts", 0)
	if every < 1 || shared < 0 || shared > maxExperts {
		r.fail("moe_layer_freq and n_shared_experts: got %d and %d, want 1 or more and 0 to %d", every, shared, maxExperts)
		return c
	}
	moe := func(i int) bool { return i >= first && i%every == 0 }
	r.hfMixture(c, router, moe)
	return c.each(func(i int, l *LayerConfig) {
		if moe(i) {
			l.FFN.SharedHidden = shared * hidden
		}
	})
}

// latent reads the keys of latent attention into every layer. With YaRN the magnitude of cos and sin and the scale of
// the scores follow llama.cpp, which cancels the one and puts its square into the other.
func (r *reader) latent(c *Config, kind RopeKind) {
	if r.err != nil || len(c.Layers) == 0 {
		return
	}
	first := c.Layers[0].Attn
	key, value := r.intOr("attention.key_length_mla", first.KeyDim), r.intOr("attention.value_length_mla", first.ValueDim)
	t := r.turning(kind, first.Rope.Dim)
	if err := t.check(key); err != nil {
		r.fail("%v", err)
		return
	}
	grow := math.Log(t.scale())
	logMul := r.floatOr("rope.scaling.yarn_log_multiplier", 0) / 0.1
	attn := r.floatOr("rope.scaling.attn_factor", 1)
	if t.scaling == "yarn" && logMul != 0 {
		m := 1.0
		if math.Abs(logMul-1) > 1e-6 {
			m = logMul
		}
		t.magnitude = yarnMagnitude(t.scale(), m) / yarnMagnitude(t.scale(), logMul) * attn
	}
	before := t.magnitude // what YaRN would have scaled q and k with
	if t.scaling != "yarn" {
		before = attn * (1 + 0.1*grow)
	}
	scale := before * (1 + 0.1*logMul*grow)
	a := MLAConfig{
		Heads: first.Heads, QRank: r.intOr("attention.q_lora_rank", 0), KVRank: r.int("attention.kv_lora_rank"),
		NopeDim: key - first.Rope.Dim, RopeDim: first.Rope.Dim, ValueDim: value,
		Rope: t.rope(), Scale: float32(scale * scale / math.Sqrt(float64(key))), Eps: c.Eps,
	}
	split := false
	for i := range c.Layers {
		split = split || r.has(ggufNames.name(mlaQA, ".weight", i))
	}
	if !split {
		a.QRank = 0 // the small ones have one matrix for q, whatever the key says
	}
	c.each(func(_ int, l *LayerConfig) {
		l.Mixer, l.Attn, l.MLA = MLA, AttnConfig{}, a
		l.MLA.Heads = a.Heads
	})
}
