package simd

// Q6_K: 256 weights with half-float d and a signed byte of scale for each 16; a
// weight is six bits - 32. Packed: 16 d; then 8 times 2 x 16 scales, 4 vectors
// of nibbles and 2 of the upper two bits: as many bytes as in the file.
func init() {
	registerForm(Form{
		Name: "q6_k", Block: 256, FileBytes: 210, head: 32, sub: 416, halves: true, start: metaNeg32,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src[208:])
			for s := range 8 {
				sub := dst[32+416*s:]
				sub[row], sub[16+row] = src[192+2*s], src[192+2*s+1]
				half, j := s/4, s%4
				low, high := src[64*half+32*(j%2):], src[128+32*half:]
				packNibbles(sub[32:], row, func(g int) uint32 { return word(low, g) >> (4 * (j / 2)) })
				packPairs(sub[288:], row, func(g int) uint32 { return word(high, g) >> (2 * j) })
			}
		},
		expand: func(e *expanded, head, sub []byte) {
			scaled(&e.scale[0], head, sub, signedByte)
			scaled(&e.scale[1], head, sub[16:], signedByte)
			expandNibbles(e, sub[32:], same)
			expandPairs(e, sub[288:], 16)
		},
	})
}
