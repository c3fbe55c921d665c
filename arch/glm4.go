package arch

// GLM-4-0414 and GLM-Z1: norms before and after both halves of a layer, gate and up in one matrix.
func init() {
	register(family{
		name: "glm4", about: "GLM-4-0414 (9B, 32B) and GLM-Z1",
		bindings: bindings{gateInUp: true},
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNorm).each(func(_ int, l *LayerConfig) { l.Placement = Sandwich })
			r.sections(c, RopeNeoX, false) // files with sections pair halves, those without pair neighbours
			return c
		},
		hfTypes: []string{"Glm4ForCausalLM", "glm4"},
		hfNames: hfNames.with(names{
			attnPostNorm: "model.layers.%d.post_self_attn_layernorm", ffnNorm: "model.layers.%d.post_attention_layernorm",
			ffnPostNorm: "model.layers.%d.post_mlp_layernorm",
		}),
		hf: func(r *reader) *Config {
			r.noQuantised()
			return r.hfDecoder(RopeNorm).each(func(_ int, l *LayerConfig) { l.Placement = Sandwich })
		},
	})
}
