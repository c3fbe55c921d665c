package simd

// IQ4_XS: 256 weights with half-float d, and for each 32 a scale of six bits
// less 32; nibbles as IQ4_NL. Packed: 16 d; then 8 times 16 signed bytes of
// scale and 4 vectors of nibbles.
func init() {
	registerForm(Form{
		Name: "iq4_xs", Block: 256, FileBytes: 136, head: 32, sub: 272, start: metaNeg128,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src)
			high := uint32(src[2]) | uint32(src[3])<<8
			for s := range 8 {
				sub := dst[32+272*s:]
				low := src[4+s/2] >> (4 * (s % 2)) & 15
				sub[row] = (low | byte(high>>(2*s)&3)<<4) - 32
				packSimple(sub[16:], row, src[8+16*s:])
			}
		},
		expand: func(e *expanded, head, sub []byte) {
			scaled(&e.scale[0], head, sub, signedByte)
			expandNibbles(e, sub[16:], nonlinearValue)
		},
	})
}
