package arch

import "slices"

// The generic architecture: every switch of Config is a metadata key, so that any mix of them is a file and no code.
// Its keys are GGUF's usual ones plus those below; its tensors have GGUF's usual names. A key that is missing means
// what is said in brackets.
//
//	norm                            rms | layer [rms]; layer reads attention.layer_norm_epsilon
//	norm_placement                  pre | post | sandwich | parallel [pre]
//	mixers                          gqa | mla | delta | none: one word, or a list of one per layer [gqa]
//	attention.qk_norm               none | head | full [none]; attention.qk_norm_after_rope [false]
//	attention.sliding_windows       tokens per layer, or one number; 0 = all earlier tokens [0]
//	attention.output_gate           none | element | head [none]; attention.sinks [false]
//	attention.kv_layers             per layer, the layer whose keys and values it reads [its own]
//	attention.scale                 [1/sqrt(key_length)]; attention.score_cap [0 = none]
//	rope.pairing                    neighbours | halves | none [halves]
//	rope.freq_base_swa, rope.dimension_count_swa, rope.pairing_swa   of layers with a window [as the others]
//	activation                      silu | gelu | gelu_tanh | clamped_swiglu | limited_silu [silu]
//	activation_alpha [1.702], activation_limit [7]
//	moe_layers                      per layer true or false [from leading_dense_block_count on, if expert_count > 0]
//	expert_choice                   top | groups | one_per_group [top]; expert_group_top [2], expert_min_sum [6.1e-5]
//	expert_shared_gated             [false]; expert_shared_feed_forward_length [0]
//	ssm.tiled                       [false]
//	embedding_scale, residual_scale, logit_scale [1]; final_logit_softcapping [0 = none]
func init() {
	register(family{
		name: "summit", about: "any mix of switches, read from metadata",
		gguf: genericConfig,
	})
}

func genericConfig(r *reader) *Config {
	r.explicit = true
	kind := oneOf(r, "rope.pairing", RopeNeoX, map[string]RopeKind{"neighbours": RopeNorm, "halves": RopeNeoX, "none": NoRope})
	norm := oneOf(r, "norm", RMS, map[string]NormKind{"rms": RMS, "layer": LayerNorm})
	if norm == LayerNorm {
		r.epsKey = "attention.layer_norm_epsilon"
	}
	c := r.decoder(kind)
	c.Norm = norm
	c.EmbedScale = float32(r.floatOr("embedding_scale", 1))
	c.ResidualScale = float32(r.floatOr("residual_scale", 1))
	c.LogitScale = float32(r.floatOr("logit_scale", 1))
	c.LogitCap = float32(r.floatOr("final_logit_softcapping", 0))
	n := len(c.Layers)
	if r.err != nil || n == 0 {
		return c
	}
	r.divisors(c, kind)
	placement := oneOf(r, "norm_placement", Pre, map[string]Placement{"pre": Pre, "post": Post, "sandwich": Sandwich, "parallel": Parallel})
	qk := oneOf(r, "attention.qk_norm", NoQKNorm, map[string]QKNorm{"none": NoQKNorm, "head": PerHead, "full": FullNorm})
	gate := oneOf(r, "attention.output_gate", NoGate, map[string]OutputGate{"none": NoGate, "element": ElementGate, "head": HeadGate})
	after, sinks := r.boolOr("attention.qk_norm_after_rope", false), r.boolOr("attention.sinks", false)
	scale, scoreCap := r.floatOr("attention.scale", float64(c.Layers[0].Attn.Scale)), r.floatOr("attention.score_cap", 0)
	windows := r.perLayer("attention.sliding_windows", n, 0)
	act := Activation{Kind: oneOf(r, "activation", SiLU, map[string]ActivationKind{
		"silu": SiLU, "gelu": GELU, "gelu_tanh": GELUTanh, "clamped_swiglu": ClampedSwiGLU, "limited_silu": LimitedSiLU,
	})}
	if act.Kind >= ClampedSwiGLU {
		act.Alpha, act.Limit = float32(r.floatOr("activation_alpha", 1.702)), float32(r.floatOr("activation_limit", 7))
	}
	windowed := r.windowedRope(c, kind)
	c.each(func(i int, l *LayerConfig) {
		l.Placement = placement
		a := &l.Attn
		a.QKNorm, a.QKNormAfterRope, a.Gate, a.Sinks = qk, after, gate, sinks
		a.Scale, a.ScoreCap = float32(scale), float32(scoreCap)
		if a.WindowTokens = windows[i]; windows[i] > 0 {
			a.Rope = windowed
		}
		l.FFN.Activation = act
	})
	r.kvLayers(c)
	r.genericExperts(c)
	r.mixers(c, kind)
	return c
}

// windowedRope is the rope of layers with a sliding window.
func (r *reader) windowedRope(c *Config, kind RopeKind) Rope {
	first := &c.Layers[0].Attn
	pairing := oneOf(r, "rope.pairing_swa", kind, map[string]RopeKind{"neighbours": RopeNorm, "halves": RopeNeoX, "none": NoRope})
	_, base := r.value("rope.freq_base_swa")
	dim, wide := r.whole("rope.dimension_count_swa")
	if !base && !wide && pairing == kind {
		return first.Rope
	}
	if !wide {
		dim = r.intOr("rope.dimension_count", first.KeyDim)
	}
	t := r.turning(pairing, dim)
	t.base = r.floatOr("rope.freq_base_swa", t.base)
	if err := t.check(first.KeyDim); err != nil {
		r.fail("sliding layers: %v", err)
		return Rope{}
	}
	return t.rope()
}

func (r *reader) kvLayers(c *Config) {
	if _, ok := r.value("attention.kv_layers"); !ok {
		return
	}
	of := r.perLayer("attention.kv_layers", len(c.Layers), 0)
	c.each(func(i int, l *LayerConfig) { l.Attn.KVLayer = of[i] })
}

func (r *reader) genericExperts(c *Config) {
	if r.err != nil || r.intOr("expert_count", 0) == 0 {
		return
	}
	n, dense := len(c.Layers), make([]int, len(c.Layers))
	c.each(func(i int, l *LayerConfig) { dense[i] = l.FFN.Hidden })
	router := Router{
		Score:       r.gating(Softmax),
		Renormalise: r.boolOr("expert_weights_norm", false),
		Choice:      oneOf(r, "expert_choice", TopK, map[string]Choice{"top": TopK, "groups": GroupLimited, "one_per_group": OnePerGroup}),
	}
	if router.Choice != TopK {
		router.Groups = r.int("expert_group_count")
	}
	if router.Choice == GroupLimited {
		router.GroupsUsed, router.GroupTop = r.int("expert_group_used_count"), r.intOr("expert_group_top", 2)
	}
	first := r.leadingDense(c)
	moe := make([]int, n)
	for i := first; i < n; i++ {
		moe[i] = 1
	}
	if _, ok := r.value("moe_layers"); ok {
		moe = r.perLayer("moe_layers", n, 0)
	}
	shared, gated := r.intOr("expert_shared_feed_forward_length", 0), r.boolOr("expert_shared_gated", false)
	r.mixture(c, 0, r.expertHidden(c.hidden()), router)
	minSum := r.floatOr("expert_min_sum", float64(c.Layers[0].FFN.Router.MinSum))
	c.each(func(i int, l *LayerConfig) {
		if moe[i] == 0 {
			l.FFN.Hidden, l.FFN.Router = dense[i], Router{}
			return
		}
		l.FFN.Router.MinSum = float32(minSum)
		l.FFN.SharedHidden, l.FFN.SharedGated = shared, gated && shared > 0
	})
}

// mixers turns the layers that are not GQA into what they are.
func (r *reader) mixers(c *Config, kind RopeKind) {
	words := make([]string, len(c.Layers))
	switch v, _ := r.value("mixers"); l := v.(type) {
	case nil:
		return
	case string:
		for i := range words {
			words[i] = l
		}
	case []string:
		copy(words, l)
	case []any:
		for i := range min(len(l), len(words)) {
			words[i], _ = l[i].(string)
		}
	}
	has := map[string]bool{}
	for i, w := range words {
		switch w {
		case "gqa", "mla", "delta", "none":
			has[w] = true
		default:
			r.fail("mixers: got %q for layer %d, want gqa, mla, delta or none", w, i)
			return
		}
	}
	var latent MLAConfig
	if has["mla"] {
		probe := &Config{Eps: c.Eps, Layers: slices.Clone(c.Layers)}
		r.latent(probe, kind)
		latent = probe.Layers[0].MLA
	}
	var delta DeltaConfig
	if has["delta"] {
		delta = r.deltaNet(c.Eps, r.boolOr("ssm.tiled", false))
	}
	c.each(func(i int, l *LayerConfig) {
		heads := l.Attn.Heads
		switch words[i] {
		case "mla":
			l.Mixer, l.MLA, l.Attn = MLA, latent, AttnConfig{}
			l.MLA.Heads = heads
		case "delta":
			l.Mixer, l.Delta, l.Attn = DeltaNet, delta, AttnConfig{}
		case "none":
			l.Mixer, l.Attn = NoMixer, AttnConfig{}
		}
	})
}

// oneOf reads a key that is one word of a few.
func oneOf[T any](r *reader, key string, or T, words map[string]T) T {
	s := r.stringOr(key, "")
	if s == "" {
		return or
	}
	v, ok := words[s]
	if !ok {
		r.fail("%s%s: got %q, want one of %s", r.prefix, key, s, sortedWords(words))
		return or
	}
	return v
}
