package arch

// ERNIE 4.5 dense.
func init() {
	register(family{
		name: "ernie4_5", about: "ERNIE 4.5, dense",
		gguf: func(r *reader) *Config { return r.decoder(RopeNorm) },
	})
}
