package train

// Qwen2, whose form 360Zhinao 7B shares: biases on q, k and v.
func init() {
	register("qwen2", style{about: "Qwen2 and 360Zhinao: biases on q, k and v", arch: "qwen2", build: func(d *decoder) {
		d.qkvBias = true
		d.plain()
	}})
}
