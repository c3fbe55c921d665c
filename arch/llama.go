package arch

// Llama 2 and 3, Mixtral and everything that is written in their form.
func init() {
	register(family{
		name: "llama", about: "Llama 2 and 3, Mixtral and what follows their form",
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNorm)
			r.divisors(c, RopeNorm)
			if r.intOr("expert_count", 0) > 0 {
				hidden := 0
				if len(c.Layers) > 0 {
					hidden = c.Layers[0].FFN.Hidden
				}
				r.mixture(c, 0, hidden, Router{Score: Softmax, Renormalise: true})
				shared := r.intOr("expert_shared_feed_forward_length", 0)
				c.each(func(_ int, l *LayerConfig) { l.FFN.SharedHidden = shared })
			}
			return c
		},
		hfTypes: []string{"LlamaForCausalLM", "MistralForCausalLM", "llama", "mistral"},
		hf: func(r *reader) *Config {
			r.noQuantised()
			window := r.intOr("sliding_window", 0) // Mistral's first ones
			return r.hfDecoder(RopeNeoX).each(func(_ int, l *LayerConfig) { l.Attn.WindowTokens = window })
		},
	})
}
