package simd

// Q2_K: 256 weights with half-float d and dmin, and for each 16 a scale and a
// minimum of four bits. Packed: 16 d, 16 dmin; then 8 times 2 x 16 bytes of
// scale and minimum and 2 vectors of weights: as many bytes as in the file.
func init() {
	registerForm(Form{
		Name: "q2_k", Block: 256, FileBytes: 84, head: 64, sub: 160, halves: true, minSign: -1,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src[80:])
			copyHalf(dst[32:], row, src[82:])
			for s := range 8 {
				sub := dst[64+160*s:]
				sub[row], sub[16+row] = src[2*s], src[2*s+1]
				packPairs(sub[32:], row, func(g int) uint32 { return word(src[16+32*(s/4):], g) >> (2 * (s % 4)) })
			}
		},
		expand: func(e *expanded, head, sub []byte) {
			for h := range 2 {
				scaled(&e.scale[h], head, sub[16*h:], func(b byte) int32 { return int32(b & 15) })
				scaled(&e.min[h], head[32:], sub[16*h:], func(b byte) int32 { return int32(b >> 4) })
			}
			e.w = [32][PanelRows]int32{}
			expandPairs(e, sub[32:], 1)
		},
	})
}
