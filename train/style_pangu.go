package train

// Pangu-Embedded: biases on all four matrices of attention.
func init() {
	register("pangu-embedded", style{about: "Pangu-Embedded: attention with biases", arch: "pangu-embedded", build: func(d *decoder) {
		d.qkvBias, d.outBias = true, true
		d.plain()
	}})
}
