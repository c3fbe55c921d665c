package train

// Hunyuan dense: q and k normed head by head after the rope.
func init() {
	register("hunyuan-dense", style{about: "Hunyuan dense: q and k normed after the rope", arch: "hunyuan-dense", build: func(d *decoder) {
		d.qkNorm = true
		d.plain()
	}})
}
