package train

// Spark3: three layers with a sliding window, then one that sees all, each kind
// with a rope of its own; a gate per head; a GELU channel block. GGUF has no
// name for it, so the file says it in the switches of our generic architecture.
func init() {
	register("spark3", style{about: "Spark3: sliding windows, a gate per head, GELU", arch: "summit", build: func(d *decoder) {
		d.headGate = true
		d.ropeDim = max(2, d.HeadDim/8*2)
		windows := make([]uint32, d.Layers)
		for i := range windows {
			if (i+1)%4 != 0 {
				windows[i] = uint32(d.Window)
			}
		}
		base := d.RopeBase
		d.RopeBase *= 500 // of the layers that see all: 5e6 beside 1e4, as published
		d.plain()
		d.fact("attention.sliding_windows", windows)
		d.fact("rope.pairing", "halves")
		d.fact("rope.freq_base_swa", float32(base))
		d.fact("rope.dimension_count_swa", uint32(d.HeadDim))
		d.fact("attention.output_gate", "head")
		d.fact("activation", "gelu")
	}})
}
