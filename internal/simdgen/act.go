package main

// Activations: float32 to blocks of 32 int8 with the words that the kernels
// of the weight forms start from.
func init() {
	register("act", func(f *file) {
		emitQuantize(f, true)
		emitQuantize(f, false)
	})
}

func emitQuantize(f *file, wide bool) {
	name := "quantizeAVX2"
	if wide {
		name = "quantizeAVX512"
	}
	doc := name + " writes blocks of 32 activations, dstStride bytes apart."
	f.consts["inv127"] = repeat32(floatBits(1.0/127), 8)
	f.consts["f127"] = repeat32(floatBits(127), 8)
	f.consts["tiny"] = repeat32(floatBits(1e-30), 8)
	f.consts["absmask"] = repeat32(0x7fffffff, 8)
	f.consts["sumwords"] = words(^uint32(127), ^uint32(7), ^uint32(15), 0, ^uint32(31), ^uint32(31), 0, 0)
	f.fn(name, doc, []param{{"dst", "*byte"}, {"dstStride", "uintptr"}, {"x", "*float32"}, {"blocks", "uintptr"}}, []string{"DI", "BX", "SI", "CX"}, func(fn *function) {
		o := fn.o
		if wide {
			o("VBROADCASTI64X4 absmask<>(SB), Z15")
		} else {
			o("VMOVDQU absmask<>(SB), Y15")
		}
		o("VMOVSS inv127<>(SB), X14")
		o("VMOVSS f127<>(SB), X13")
		o("VMOVSS tiny<>(SB), X12")
		o("VMOVDQU sumwords<>(SB), X11")
		o("VMOVDQU sumwords<>+16(SB), X10")
		loop, done := fn.label("block"), fn.label("done")
		o("TESTQ CX, CX")
		o("JZ %s", done)
		fn.mark(loop)
		// The largest magnitude.
		if wide {
			o("VMOVUPS (SI), Z0")
			o("VMOVUPS 64(SI), Z1")
			o("VPANDD Z15, Z0, Z4")
			o("VPANDD Z15, Z1, Z5")
			o("VMAXPS Z5, Z4, Z4")
			o("VEXTRACTF64X4 $1, Z4, Y5")
		} else {
			for i := range 4 {
				o("VMOVUPS %d(SI), Y%d", 32*i, i)
				o("VPAND Y15, Y%d, Y%d", i, 4+i)
			}
			o("VMAXPS Y7, Y6, Y6")
			o("VMAXPS Y5, Y4, Y4")
			o("VMOVAPS Y6, Y5")
		}
		o("VMAXPS Y5, Y4, Y4")
		o("VEXTRACTF128 $1, Y4, X5")
		o("VMAXPS X5, X4, X4")
		o("VPERMILPS $0x4e, X4, X5")
		o("VMAXPS X5, X4, X4")
		o("VPERMILPS $0xb1, X4, X5")
		o("VMAXPS X5, X4, X4")
		o("VMULSS X14, X4, X8") // the scale
		o("VDIVSS X4, X13, X5")
		o("VCMPSS $30, X12, X4, X6") // too small to have an inverse: all zero
		o("VANDPS X6, X5, X5")
		if wide {
			o("VBROADCASTSS X5, Z5")
			for i := range 2 {
				o("VMULPS Z5, Z%d, Z%d", i, i)
				o("VCVTPS2DQ Z%d, Z%d", i, i)
				o("VPMOVSDB Z%d, %d(DI)", i, 16*i)
				o("VEXTRACTI64X4 $1, Z%d, Y%d", i, 6+i)
				o("VPADDD Y%d, Y%d, Y%d", 6+i, i, 6+i)
			}
		} else {
			o("VBROADCASTSS X5, Y5")
			for i := range 4 {
				o("VMULPS Y5, Y%d, Y%d", i, i)
				o("VCVTPS2DQ Y%d, Y%d", i, i)
			}
			o("VPADDD Y1, Y0, Y6")
			o("VPADDD Y3, Y2, Y7")
			o("VPACKSSDW Y1, Y0, Y0")
			o("VPACKSSDW Y3, Y2, Y2")
			o("VPACKSSWB Y2, Y0, Y0")
			o("VMOVDQU order<>(SB), Y1")
			o("VPERMD Y0, Y1, Y0")
			o("VMOVDQU Y0, (DI)")
			f.consts["order"] = words(0, 4, 1, 5, 2, 6, 3, 7)
		}
		o("VPHADDD Y7, Y6, Y6")
		o("VPHADDD Y6, Y6, Y6")
		o("VEXTRACTI128 $1, Y6, X7")
		o("VPADDD X7, X6, X6")  // sums of both halves, twice
		o("VPHADDD X6, X6, X7") // the sum, four times
		o("VCVTDQ2PS X7, X5")
		o("VMULSS X8, X5, X5")
		o("VMOVSS X8, %d(DI)", metaScale)
		o("VMOVSS X5, %d(DI)", metaSum)
		o("VPMULLD X11, X7, X7")
		o("VMOVDQU X7, %d(DI)", metaNeg128)
		o("VPMULLD X10, X6, X6")
		o("VMOVQ X6, %d(DI)", metaNeg32)
		o("ADDQ $128, SI")
		o("ADDQ BX, DI")
		o("DECQ CX")
		o("JNZ %s", loop)
		fn.mark(done)
	})
}
