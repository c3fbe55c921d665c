package simd

// nonlinear is the table of IQ4_NL and IQ4_XS.
var nonlinear = [16]int8{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

func nonlinearValue(n byte) int32 { return int32(nonlinear[n]) + 128 }

// IQ4_NL: as Q4_0, with nibbles that are places in a table.
func init() {
	registerForm(Form{
		Name: "iq4_nl", Block: 32, FileBytes: 18, sub: 288, start: metaNeg128,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src)
			packSimple(dst[32:], row, src[2:])
		},
		expand: func(e *expanded, _, sub []byte) {
			readHalves(&e.scale[0], sub)
			expandNibbles(e, sub[32:], nonlinearValue)
		},
	})
}
