package simd

// Q5_1: half-float scale and minimum, 32 fifth bits, 32 nibbles. Packed: 16
// scales, 16 minima, 4 vectors of nibbles, one of fifth bits.
func init() {
	registerForm(Form{
		Name: "q5_1", Block: 32, FileBytes: 24, sub: 384, minSign: 1,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src)
			copyHalf(dst[32:], row, src[2:])
			fifth := uint32At(src, 4)
			packSimple(dst[64:], row, src[8:])
			packBits(dst[320:], row, func(g int) uint32 { return spread(fifth >> (4 * g)) })
		},
		expand: func(e *expanded, _, sub []byte) {
			readHalves(&e.scale[0], sub)
			readHalves(&e.min[0], sub[32:])
			expandNibbles(e, sub[64:], same)
			expandBits(e, sub[320:], 16)
		},
	})
}
