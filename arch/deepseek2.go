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
