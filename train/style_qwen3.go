package train

// Qwen3: q and k normed head by head before the rope.
func init() {
	register("qwen3", style{about: "Qwen3: q and k normed", arch: "qwen3", build: func(d *decoder) {
		d.qkNorm = true
		d.plain()
	}})
}
