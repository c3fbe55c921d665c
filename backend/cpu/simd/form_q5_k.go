package simd

// Q5_K: as Q4_K with a fifth bit. Packed: as Q4_K, with a vector of fifth bits
// after the nibbles of each block.
func init() {
	registerForm(Form{
		Name: "q5_k", Block: 256, FileBytes: 176, head: 64, sub: 352, minSign: -1,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src)
			copyHalf(dst[32:], row, src[2:])
			for s := range 8 {
				sub := dst[64+352*s:]
				sub[row], sub[16+row] = sixBits(src[4:16], s)
				packHalf(sub[32:], row, src[48:], s)
				packBits(sub[288:], row, func(g int) uint32 { return word(src[16:], g) >> s })
			}
		},
		expand: func(e *expanded, head, sub []byte) {
			scaled(&e.scale[0], head, sub, same)
			scaled(&e.min[0], head[32:], sub[16:], same)
			expandNibbles(e, sub[32:], same)
			expandBits(e, sub[288:], 16)
		},
	})
}
