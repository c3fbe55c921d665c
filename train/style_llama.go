package train

// Llama: nothing but the common parts, with a rope of neighbours.
func init() {
	register("llama", style{about: "Llama", arch: "llama", build: func(d *decoder) { d.plain() }})
}
