package arch

// Qwen3.5 dense: three gated delta nets, then one gated full attention. Its multi-section rope is plain
// rope for text, but for an extra section.
func init() {
	register(family{
		name: "qwen35", about: "Qwen3.5, dense",
		names:    ggufNames.with(names{ffnNorm: "blk.%d.post_attention_norm", attnPostNorm: ""}),
		bindings: bindings{gateInQ: true},
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX)
			r.sections(c, RopeNeoX, true)
			r.deltaLayers(c, true)
			return c
		},
	})
}
