package arch

// Seed-OSS: biases on q, k and v; the norm before the channel block is called post-attention norm.
func init() {
	register(family{
		name: "seed_oss", about: "Seed-OSS",
		names:   ggufNames.with(names{ffnNorm: "blk.%d.post_attention_norm", attnPostNorm: ""}),
		gguf:    func(r *reader) *Config { return r.decoder(RopeNeoX) },
		hfTypes: []string{"SeedOssForCausalLM", "seed_oss"},
		hf: func(r *reader) *Config {
			r.noQuantised()
			return r.hfDecoder(RopeNeoX)
		},
	})
}
