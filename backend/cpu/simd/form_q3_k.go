package simd

// Q3_K: 256 weights with half-float d and six bits of scale for each 16; a
// weight is three bits - 4. Packed: 16 d; then 8 times 2 x 16 signed bytes of
// scale, 2 vectors of the lower two bits and one of the third: 3.6 % more than
// in the file.
func init() {
	registerForm(Form{
		Name: "q3_k", Block: 256, FileBytes: 110, head: 32, sub: 224, halves: true, start: metaNeg32, right: 3,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src[108:])
			scales := src[96:108]
			for s := range 8 {
				sub := dst[32+224*s:]
				for h := range 2 {
					i := 2*s + h
					low := scales[i%8] >> (4 * (i / 8)) & 15
					high := scales[8+i%4] >> (2 * (i / 4)) & 3
					sub[16*h+row] = (low | high<<4) - 32
				}
				half, j := s/4, s%4
				packPairs(sub[32:], row, func(g int) uint32 { return word(src[32+32*half:], g) >> (2 * j) })
				packBits(sub[160:], row, func(g int) uint32 { return word(src, g) >> s })
			}
		},
		expand: func(e *expanded, head, sub []byte) {
			scaled(&e.scale[0], head, sub, signedByte)
			scaled(&e.scale[1], head, sub[16:], signedByte)
			e.w = [32][PanelRows]int32{}
			expandPairs(e, sub[32:], 1)
			expandBits(e, sub[160:], 4)
		},
	})
}
