package arch

// gpt-oss: sinks, every second layer with a sliding window, biases everywhere, a clamped activation, and experts
// weighed by a softmax over the chosen ones.
func init() {
	register(family{
		name: "gpt-oss", about: "gpt-oss 20B and 120B",
		names:    ggufNames.with(names{ffnNorm: "blk.%d.post_attention_norm", attnPostNorm: ""}),
		bindings: bindings{ownHead: true, biases: true, outBias: true},
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX)
			window := r.int("attention.sliding_window")
			sliding := r.slidingLayers(len(c.Layers), 2)
			t := r.turning(RopeNeoX, c.ropeDim())
			t.base = r.floatOr("rope.freq_base_swa", t.base)
			if err := t.check(c.ropeDim()); err != nil {
				r.fail("%v", err)
				return c
			}
			table := t.rope()
			c.each(func(i int, l *LayerConfig) {
				l.Attn.Sinks = true
				if sliding[i] {
					l.Attn.WindowTokens, l.Attn.Rope = window, table
				}
				l.FFN.Activation = Activation{Kind: ClampedSwiGLU, Alpha: 1.702, Limit: 7}
			})
			r.mixture(c, 0, r.int("expert_feed_forward_length"), Router{Score: SoftmaxChosen})
			return c
		},
	})
}
