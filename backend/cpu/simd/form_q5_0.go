package simd

// Q5_0: half-float scale, 32 fifth bits, 32 nibbles; a weight is the five bits
// - 16. Packed: 16 scales, 4 vectors of nibbles, one vector of fifth bits.
func init() {
	registerForm(Form{
		Name: "q5_0", Block: 32, FileBytes: 22, sub: 352, start: metaNeg16,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src)
			fifth := uint32At(src, 2)
			packSimple(dst[32:], row, src[6:])
			packBits(dst[288:], row, func(g int) uint32 { return spread(fifth >> (4 * g)) })
		},
		expand: func(e *expanded, _, sub []byte) {
			readHalves(&e.scale[0], sub)
			expandNibbles(e, sub[32:], same)
			expandBits(e, sub[288:], 16)
		},
	})
}
