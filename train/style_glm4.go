package train

// GLM-4-0414: norms before and after both halves of a layer, gate and up in one
// matrix, half of each head turned.
func init() {
	register("glm4", style{about: "GLM-4: norms before and after, half of a head turned", arch: "glm4", build: func(d *decoder) {
		d.postNorms, d.gateInUp, d.ropeDim = true, true, d.HeadDim/4*2
		d.plain()
	}})
}
