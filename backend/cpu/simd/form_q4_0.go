package simd

// Q4_0: half-float scale and 32 nibbles; a weight is nibble - 8. Packed: 16
// scales, then 4 vectors of nibbles.
func init() {
	registerForm(Form{
		Name: "q4_0", Block: 32, FileBytes: 18, sub: 288, start: metaNeg8,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src)
			packSimple(dst[32:], row, src[2:])
		},
		expand: func(e *expanded, _, sub []byte) {
			readHalves(&e.scale[0], sub)
			expandNibbles(e, sub[32:], same)
		},
	})
}
