package simd

// Q4_1: half-float scale and minimum, 32 nibbles. Packed: 16 scales, 16
// minima, 4 vectors of nibbles.
func init() {
	registerForm(Form{
		Name: "q4_1", Block: 32, FileBytes: 20, sub: 320, minSign: 1,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src)
			copyHalf(dst[32:], row, src[2:])
			packSimple(dst[64:], row, src[4:])
		},
		expand: func(e *expanded, _, sub []byte) {
			readHalves(&e.scale[0], sub)
			readHalves(&e.min[0], sub[32:])
			expandNibbles(e, sub[64:], same)
		},
	})
}
