package arch

import "math"

// hfDecoder reads what config.json files of most families have in common: a pre-norm RMS decoder with grouped-query
// attention and a dense gated channel block in every layer. Folders keep q and k as they were trained, so rope is the
// pairing of the family's own code, which for many is another than that of their GGUF files.
func (r *reader) hfDecoder(rope RopeKind) *Config {
	c := &Config{
		Vocab: r.int("vocab_size"), Dim: r.int("hidden_size"), WindowTokens: r.int("max_position_embeddings"),
		Norm: RMS, Eps: float32(r.floatOr("rms_norm_eps", 1e-6)),
		EmbedScale: 1, ResidualScale: 1, LogitScale: 1,
	}
	n := r.int("num_hidden_layers")
	heads := r.int("num_attention_heads")
	if r.err != nil {
		return c
	}
	if n < 1 || n > maxLayers {
		r.fail("num_hidden_layers: got %d, want 1 to %d", n, maxLayers)
		return c
	}
	if heads < 1 || heads > maxHeads {
		r.fail("num_attention_heads: got %d, want 1 to %d", heads, maxHeads)
		return c
	}
	kv := r.intOr("num_key_value_heads", heads)
	keyDim := r.intOr("head_dim", r.intOr("attention_head_dim", c.Dim/heads))
	act := r.hfActivation()
	hidden := r.perLayer("intermediate_size", n, 0)
	t := r.hfTurning(rope, keyDim, "")
	if err := t.check(keyDim); err != nil {
		r.fail("%v", err)
	}
	if r.err != nil {
		return c
	}
	table := t.rope()
	c.Layers = make([]LayerConfig, n)
	return c.each(func(i int, l *LayerConfig) {
		*l = LayerConfig{
			Mixer: GQA,
			Attn: AttnConfig{
				Heads: heads, KVHeads: kv, KeyDim: keyDim, ValueDim: keyDim, Rope: table,
				Scale: float32(1 / math.Sqrt(float64(keyDim))), QKEps: c.Eps, KVLayer: i,
			},
			FFN: FFNConfig{Hidden: hidden[i], Activation: act},
		}
	})
}

// hfActivation reads hidden_act.
func (r *reader) hfActivation() Activation {
	switch a := r.stringOr("hidden_act", "silu"); a {
	case "silu", "swish":
		return Activation{Kind: SiLU}
	case "gelu":
		return Activation{Kind: GELU}
	case "gelu_new", "gelu_pytorch_tanh", "gelu_fast":
		return Activation{Kind: GELUTanh}
	default:
		r.fail("hidden_act: got %q, want silu, gelu or gelu_pytorch_tanh", a)
		return Activation{}
	}
}

// hfTurning reads the rope keys: rope_theta and rope_scaling, or rope_parameters, of one kind of layers if layerType
// is not "". Source of the rules: the published transformers code.
func (r *reader) hfTurning(kind RopeKind, keyDim int, layerType string) turning {
	p := r.object("rope_parameters")
	if nested, ok := p[layerType].(map[string]any); ok {
		p = nested
	}
	if p == nil {
		p = map[string]any{}
	}
	scaling := r.object("rope_scaling")
	if scaling == nil {
		scaling = p
	}
	num := func(m map[string]any, key string, or float64) float64 {
		v, ok := m[key]
		if !ok || v == nil {
			return or
		}
		f, ok := toFloat(v)
		if !ok {
			r.fail("rope %s: got %s, want a number", key, show(v))
		}
		return f
	}
	word := func(key string) string { s, _ := scaling[key].(string); return s }
	part := num(p, "partial_rotary_factor", r.floatOr("partial_rotary_factor", 1))
	if math.IsNaN(part) || part < 0 || part > 1 {
		r.fail("partial_rotary_factor: got %v, want 0 to 1", part)
		return turning{}
	}
	t := turning{kind: kind, dim: int(float64(keyDim) * part), base: num(p, "rope_theta", r.floatOr("rope_theta", 10000)), scaling: "none"}
	t.dim = r.intOr("rotary_dim", t.dim)
	kindOf := word("rope_type")
	if kindOf == "" {
		kindOf = word("type")
	}
	t.factor = num(scaling, "factor", 1)
	t.origTokens = int(num(scaling, "original_max_position_embeddings", r.floatOr("original_max_position_embeddings", r.floatOr("max_position_embeddings", 0))))
	switch kindOf {
	case "", "default":
		t.factor = 0
	case "linear":
		t.scaling = "linear"
	case "dynamic":
		// With alpha the base grows once and for all; without it, only beyond the trained window, which is not reached.
		alpha := num(scaling, "alpha", 0)
		if alpha > 0 {
			t.base, t.scalingName = ntkBase(t.base, alpha, t.dim), "ntk"
		}
		t.factor = 0
	case "yarn":
		t.scaling = "yarn"
		t.betaFast, t.betaSlow = num(scaling, "beta_fast", 32), num(scaling, "beta_slow", 1)
		if exact, ok := scaling["truncate"].(bool); ok {
			t.exactRange = !exact
		}
		m, all := num(scaling, "mscale", 0), num(scaling, "mscale_all_dim", 0)
		switch {
		case scaling["attention_factor"] != nil:
			t.magnitude = num(scaling, "attention_factor", 1)
		case m != 0 && all != 0:
			t.magnitude = yarnMagnitude(t.factor, m) / yarnMagnitude(t.factor, all)
		}
	case "llama3":
		if t.dim < 2 || t.dim > maxDim || t.factor <= 0 || t.origTokens < 1 {
			r.fail("rope_scaling: got %s, want a factor and an original window above 0", show(scaling))
			return turning{}
		}
		t.divisors = llama3Divisors(t.base, t.dim, t.factor, num(scaling, "low_freq_factor", 1), num(scaling, "high_freq_factor", 4), t.origTokens)
		t.scaling, t.scalingName, t.factor = "none", "llama3", 0
	default:
		r.fail("rope_scaling: got the type %q, want default, linear, dynamic, yarn or llama3", kindOf)
	}
	return t
}

// object reads a nested object, or nil.
func (r *reader) object(key string) map[string]any {
	v, ok := r.value(key)
	if !ok {
		return nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		r.fail("%s: got %s, want an object", key, show(v))
	}
	return m
}

// hfSliding reads which layers have a sliding window from layer_types.
func (r *reader) hfSliding(c *Config) []bool {
	out := make([]bool, len(c.Layers))
	v, ok := r.value("layer_types")
	if !ok {
		return out
	}
	list, ok := v.([]any)
	if !ok || len(list) < len(out) {
		r.fail("layer_types: got %s, want a list of %d", show(v), len(out))
		return out
	}
	for i := range out {
		switch s, _ := list[i].(string); s {
		case "sliding_attention":
			out[i] = true
		case "full_attention":
		default:
			r.fail("layer_types: got %s for layer %d, want full_attention or sliding_attention", show(list[i]), i)
			return out
		}
	}
	return out
}

// hfMixture makes the layers where moe says so mixtures of experts.
func (r *reader) hfMixture(c *Config, router Router, moe func(layer int) bool) {
	if router.Scale == 0 {
		router.Scale = 1
	}
	if router.MinSum == 0 {
		router.MinSum = 1e-20 // what the published code adds to the sum
	}
	c.each(func(i int, l *LayerConfig) {
		if moe(i) {
			l.FFN.Hidden, l.FFN.Router = 0, router
		}
	})
}

func always(int) bool { return true }

// refuse stops at a setting that a family's code has and that no switch tells.
func (r *reader) refuse(key string, bad func(any) bool, want string) {
	if v, ok := r.value(key); ok && bad(v) {
		r.fail("%s: got %s, want %s", key, show(v), want)
	}
}

func isTrue(v any) bool { b, ok := v.(bool); return ok && b }

// noQuantised refuses folders whose weights are packed in a way of their own.
func (r *reader) noQuantised() {
	if q := r.object("quantization_config"); q != nil {
		method, _ := q["quant_method"].(string)
		r.fail("quantization_config: got the method %q, want weights in F32, F16 or BF16, or a GGUF file", method)
	}
}

// hfSparse tells which layers have experts by decoder_sparse_step and mlp_only_layers.
func (r *reader) hfSparse() func(int) bool {
	step := r.intOr("decoder_sparse_step", 1)
	dense := map[int]bool{}
	if v, ok := r.value("mlp_only_layers"); ok {
		list, ok := toInts(v)
		if !ok {
			r.fail("mlp_only_layers: got %s, want a list of whole numbers", show(v))
		}
		for _, i := range list {
			dense[i] = true
		}
	}
	if step < 1 {
		r.fail("decoder_sparse_step: got %d, want 1 or more", step)
		return always
	}
	return func(i int) bool { return !dense[i] && (i+1)%step == 0 }
}
