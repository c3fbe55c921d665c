package arch

// Hunyuan dense (0.5B to 7B): q and k normed head by head after the rope. Its NTK scaling is in the file's rope base.
func init() {
	register(family{
		name: "hunyuan-dense", about: "Hunyuan dense, 0.5B to 7B",
		gguf: func(r *reader) *Config {
			c := r.decoder(RopeNeoX).each(func(_ int, l *LayerConfig) { l.Attn.QKNorm, l.Attn.QKNormAfterRope = PerHead, true })
			r.ntk(c, RopeNeoX)
			r.divisors(c, RopeNeoX)
			return c
		},
	})
}
