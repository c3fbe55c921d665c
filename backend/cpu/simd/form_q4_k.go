package simd

// Q4_K: 256 weights with half-float d and dmin, and for each 32 a scale and a
// minimum of six bits. Packed: 16 d, 16 dmin; then 8 times 16 scales and 16
// minima of a byte and 4 vectors of nibbles, 2.8 % more than in the file.
func init() {
	registerForm(Form{
		Name: "q4_k", Block: 256, FileBytes: 144, head: 64, sub: 288, minSign: -1,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src)
			copyHalf(dst[32:], row, src[2:])
			for s := range 8 {
				sub := dst[64+288*s:]
				sub[row], sub[16+row] = sixBits(src[4:16], s)
				packHalf(sub[32:], row, src[16:], s)
			}
		},
		expand: func(e *expanded, head, sub []byte) {
			scaled(&e.scale[0], head, sub, same)
			scaled(&e.min[0], head[32:], sub[16:], same)
			expandNibbles(e, sub[32:], same)
		},
	})
}

// sixBits unpacks scale and minimum of block s from the 12 bytes of Q4_K and Q5_K.
func sixBits(q []byte, s int) (scale, minimum byte) {
	if s < 4 {
		return q[s] & 63, q[s+4] & 63
	}
	return q[s+4]&15 | q[s-4]>>6<<4, q[s+4]>>4 | q[s]>>6<<4
}
