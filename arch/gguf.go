package arch

import "math"

// maxLayers and the other limits stop a file from making us build something absurd before a tensor contradicts it.
// No published model comes near any of them.
const (
	maxLayers  = 1024
	maxDim     = 1 << 20
	maxVocab   = 1 << 24
	maxHeads   = 1 << 14
	maxExperts = 1 << 14
	maxHidden  = 1 << 24
)

// decoder reads what GGUF files of all architectures have in common, as llama.cpp reads it: a pre-norm RMS decoder
// with grouped-query attention and a dense SiLU channel block in every layer. A family changes what is different.
// rope is how the family's files pair the numbers of a head.
func (r *reader) decoder(rope RopeKind) *Config {
	eps := r.epsKey
	if eps == "" {
		eps = "attention.layer_norm_rms_epsilon"
	}
	c := &Config{
		Vocab:        r.vocab(),
		Dim:          r.int("embedding_length"),
		WindowTokens: r.int("context_length"),
		Norm:         RMS, Eps: float32(r.float(eps)),
		EmbedScale: 1, ResidualScale: 1, LogitScale: 1,
	}
	if v, ok := r.src.Value("general.name"); ok {
		c.Name, _ = v.(string)
	}
	n := r.int("block_count")
	c.SkippedLayers = r.intOr("nextn_predict_layers", 0)
	if n < 1 || n > maxLayers {
		r.fail("block_count: got %d, want 1 to %d", n, maxLayers)
		return c
	}
	if c.SkippedLayers < 0 || c.SkippedLayers >= n {
		r.fail("nextn_predict_layers: got %d of %d layers, want fewer than all", c.SkippedLayers, n)
		return c
	}
	n -= c.SkippedLayers

	heads := r.perLayer("attention.head_count", n, 0)
	kv := heads
	if _, ok := r.value("attention.head_count_kv"); ok {
		kv = r.perLayer("attention.head_count_kv", n, 0)
	}
	hidden := r.perLayer("feed_forward_length", n, 0)
	if r.err != nil {
		return c
	}
	for _, h := range heads {
		if h < 1 || h > maxHeads {
			r.fail("attention.head_count: got %d, want 1 to %d", h, maxHeads)
			return c
		}
	}
	keyDim := r.intOr("attention.key_length", c.Dim/heads[0])
	valueDim := r.intOr("attention.value_length", c.Dim/heads[0])
	turn := r.turning(rope, r.intOr("rope.dimension_count", keyDim))
	if err := turn.check(keyDim); err != nil {
		r.fail("%v", err)
	}
	if r.err != nil {
		return c
	}
	c.Layers = make([]LayerConfig, n)
	table := turn.rope()
	for i := range c.Layers {
		c.Layers[i] = LayerConfig{
			Mixer: GQA,
			Attn: AttnConfig{
				Heads: heads[i], KVHeads: kv[i], KeyDim: keyDim, ValueDim: valueDim,
				Rope: table, Scale: float32(1 / math.Sqrt(float64(keyDim))), QKEps: c.Eps, KVLayer: i,
			},
			FFN: FFNConfig{Hidden: hidden[i]},
		}
	}
	return c
}

// vocab is the size of the vocabulary: the tokens in the file, or what the metadata says where there are none.
func (r *reader) vocab() int {
	if v, ok := r.src.Value("tokenizer.ggml.tokens"); ok {
		if l, ok := v.([]string); ok && len(l) > 0 {
			return len(l)
		}
		if l, ok := v.([]any); ok && len(l) > 0 {
			return len(l)
		}
	}
	return r.int("vocab_size")
}

// turning reads the rope keys.
func (r *reader) turning(kind RopeKind, dim int) turning {
	t := turning{
		kind: kind, dim: dim,
		base:       r.floatOr("rope.freq_base", 10000),
		scaling:    r.stringOr("rope.scaling.type", "linear"),
		factor:     r.floatOr("rope.scaling.factor", r.floatOr("rope.scale_linear", 0)),
		origTokens: r.intOr("rope.scaling.original_context_length", r.intOr("context_length", 0)),
	}
	switch t.scaling {
	case "none", "linear", "yarn", "longrope":
	default:
		r.fail("rope.scaling.type: got %q, want none, linear, yarn or longrope", t.scaling)
	}
	attn := r.floatOr("rope.scaling.attn_factor", 1)
	t.magnitude = attn
	if t.scaling == "yarn" {
		t.magnitude = yarnMagnitude(t.scale(), 1) * attn
	}
	return t
}

// scale is the factor by which positions are divided.
func (t turning) scale() float64 {
	if t.factor == 0 || t.scaling == "none" {
		return 1
	}
	return t.factor
}

// divisors reads the rope factor tensors that some families have, into the rope of all layers.
func (r *reader) divisors(c *Config, kind RopeKind) {
	if r.err != nil || len(c.Layers) == 0 {
		return
	}
	dim := c.Layers[0].Attn.Rope.Dim
	t := r.turning(kind, dim)
	if t.scaling == "longrope" {
		t.divisors = r.float32s(ggufNames[ropeShort]+".weight", dim/2)
		t.long = r.float32s(ggufNames[ropeLong]+".weight", dim/2)
	} else {
		t.divisors = r.float32s(ggufNames[ropeFreqs]+".weight", dim/2)
	}
	if r.err != nil || t.divisors == nil && t.long == nil {
		return
	}
	table := t.rope()
	for i := range c.Layers {
		c.Layers[i].Attn.Rope = table
	}
}

// float32s reads a small tensor of divisors, all positive, or nil if the file has none.
func (r *reader) float32s(name string, n int) []float32 {
	t := r.optional(name, n)
	if t == nil {
		return nil
	}
	x, err := t.Float32s()
	if err != nil {
		r.fail("%v", err)
		return nil
	}
	for _, d := range x {
		if !(d > 0) || math.IsInf(float64(d), 0) {
			r.fail("tensor %q: got a divisor of %v, want positive numbers", name, d)
			return nil
		}
	}
	return x
}

// mixture reads the expert keys that architectures share into every layer from first on; before it the layers stay
// dense. hidden is the width of one expert.
func (r *reader) mixture(c *Config, first, hidden int, router Router) {
	router.Experts = r.int("expert_count")
	router.Used = r.int("expert_used_count")
	router.Hidden = hidden
	router.MinSum = 6.103515625e-5 // the least float16 above its subnormals; llama.cpp clamps the sum to it
	router.Scale = float32(r.floatOr("expert_weights_scale", 1))
	if router.Scale == 0 {
		router.Scale = 1
	}
	if groups := r.intOr("expert_group_count", 0); groups > 1 && !r.explicit {
		router.Choice, router.Groups, router.GroupsUsed, router.GroupTop = GroupLimited, groups, r.int("expert_group_used_count"), 2
	}
	for i := first; i < len(c.Layers); i++ {
		c.Layers[i].FFN.Hidden = 0
		c.Layers[i].FFN.Router = router
	}
}

// gating reads the kind of router probabilities by GGUF's number.
func (r *reader) gating(or Score) Score {
	switch n := r.intOr("expert_gating_func", 0); n {
	case 0:
		return or
	case 1:
		return Softmax
	case 2:
		return Sigmoid
	case 3:
		return SoftmaxChosen
	default:
		r.fail("expert_gating_func: got %d, want 1 (softmax), 2 (sigmoid) or 3 (softmax of the chosen)", n)
		return or
	}
}

// leadingDense is the number of layers before the first one with experts.
func (r *reader) leadingDense(c *Config) int {
	n := r.intOr("leading_dense_block_count", 0)
	if n < 0 || n > len(c.Layers) {
		r.fail("leading_dense_block_count: got %d, want 0 to %d layers", n, len(c.Layers))
		return 0
	}
	return n
}

// each lets a family change every layer.
func (c *Config) each(f func(i int, l *LayerConfig)) *Config {
	for i := range c.Layers {
		f(i, &c.Layers[i])
	}
	return c
}

// hidden is the width of the dense channel blocks, by the first layer.
func (c *Config) hidden() int {
	if len(c.Layers) == 0 {
		return 0
	}
	return c.Layers[0].FFN.Hidden
}

// ropeDim is how many numbers of a head are turned, by the first layer.
func (c *Config) ropeDim() int {
	if len(c.Layers) == 0 {
		return 0
	}
	return c.Layers[0].Attn.Rope.Dim
}

// expertHidden is the width of one expert: its own key, or a share of the dense width.
func (r *reader) expertHidden(dense int) int {
	if n := r.intOr("expert_feed_forward_length", 0); n != 0 {
		return n
	}
	if used := r.intOr("expert_used_count", 0); used > 0 {
		return dense / used
	}
	return 0
}

// sharedExperts is the width of the shared experts together, where the file counts them.
func (r *reader) sharedExperts(hidden int) int {
	n := r.int("expert_shared_count")
	if n < 0 || n > maxExperts {
		r.fail("expert_shared_count: got %d, want 0 to %d", n, maxExperts)
		return 0
	}
	return n * hidden
}

// ntk applies NTK-aware scaling by rope.scaling.alpha to every layer's rope.
func (r *reader) ntk(c *Config, kind RopeKind) {
	alpha := r.floatOr("rope.scaling.alpha", 0)
	if alpha <= 0 || r.err != nil || len(c.Layers) == 0 {
		return
	}
	t := r.turning(kind, c.ropeDim())
	t.base, t.scalingName = ntkBase(t.base, alpha, c.Layers[0].Attn.KeyDim), "ntk"
	if err := t.check(c.Layers[0].Attn.KeyDim); err != nil {
		r.fail("%v", err)
		return
	}
	table := t.rope()
	c.each(func(_ int, l *LayerConfig) { l.Attn.Rope = table })
}

// slidingLayers tells which layers have a sliding window: a period p, of which the last layer has none, or a list.
func (r *reader) slidingLayers(n, period int) []bool {
	out := make([]bool, n)
	if v, ok := r.value("attention.sliding_window_pattern"); ok {
		if list, ok := toInts(v); ok {
			if len(list) < n {
				r.fail("attention.sliding_window_pattern: got %d entries, want %d", len(list), n)
				return out
			}
			for i := range out {
				out[i] = list[i] != 0
			}
			return out
		}
		period = r.int("attention.sliding_window_pattern")
	}
	if period < 0 {
		r.fail("attention.sliding_window_pattern: got %d, want 0 or more", period)
		return out
	}
	for i := range out {
		out[i] = period == 0 || i%period < period-1
	}
	return out
}

// deltaLayers makes the recurrent layers of a hybrid gated delta nets, and gates the attention of the others. tiled
// says how value heads find their key head.
func (r *reader) deltaLayers(c *Config, tiled bool) {
	if r.err != nil {
		return
	}
	n := len(c.Layers)
	var recurrent []int
	if _, ok := r.value("attention.recurrent_layers"); ok {
		recurrent = r.perLayer("attention.recurrent_layers", n, 0)
	} else {
		every := r.intOr("full_attention_interval", 4)
		if every < 1 {
			r.fail("full_attention_interval: got %d, want 1 or more", every)
			return
		}
		recurrent = make([]int, n)
		for i := range recurrent {
			if (i+1)%every != 0 {
				recurrent[i] = 1
			}
		}
	}
	d := r.deltaNet(c.Eps, tiled)
	if r.err != nil {
		return
	}
	c.each(func(i int, l *LayerConfig) {
		if recurrent[i] != 0 {
			l.Mixer, l.Attn, l.Delta = DeltaNet, AttnConfig{}, d
			return
		}
		l.Attn.QKNorm, l.Attn.Gate = PerHead, ElementGate
	})
}

// deltaNet reads the keys of a gated delta net.
func (r *reader) deltaNet(eps float32, tiled bool) DeltaConfig {
	d := DeltaConfig{
		KeyHeads: r.int("ssm.group_count"), ValueHeads: r.int("ssm.time_step_rank"),
		KeyDim: r.int("ssm.state_size"), ConvWidth: r.int("ssm.conv_kernel"), Tiled: tiled, Eps: eps,
	}
	inner := r.int("ssm.inner_size")
	if r.err == nil && (d.ValueHeads < 1 || inner%d.ValueHeads != 0) {
		r.fail("ssm.inner_size: got %d for %d value heads, want a multiple", inner, d.ValueHeads)
	}
	if r.err != nil {
		return DeltaConfig{}
	}
	d.ValueDim = inner / d.ValueHeads
	return d
}

// sections gives every attention layer a multi-section rope, if the file has sections. With woven they must be there.
func (r *reader) sections(c *Config, kind RopeKind, woven bool) {
	if r.err != nil || len(c.Layers) == 0 {
		return
	}
	v, ok := r.value("rope.dimension_sections")
	if !ok {
		if woven {
			r.fail("%srope.dimension_sections: the key is missing", r.prefix)
		}
		return
	}
	list, ok := toInts(v)
	if !ok || len(list) < 4 {
		r.fail("%srope.dimension_sections: got %s, want four whole numbers", r.prefix, show(v))
		return
	}
	if !woven && (list[0] == 0 || list[1] == 0) {
		return // plain rope: the sections are a vision model's
	}
	t := r.turning(kind, c.ropeDim())
	t.sections, t.woven = list[:4], woven
	if err := t.check(c.Layers[0].Attn.KeyDim); err != nil {
		r.fail("%v", err)
		return
	}
	table := t.rope()
	c.each(func(_ int, l *LayerConfig) { l.Attn.Rope = table })
}
