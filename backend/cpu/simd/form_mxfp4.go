package simd

import "math"

// fp4 has twice the values of a four-bit float (E2M1), plus 16.
var fp4 = [16]int32{16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4}

// MXFP4: 32 four-bit floats with a power of two. Packed: 16 bytes of exponent,
// 4 vectors of nibbles. A scale below the smallest normal float32, 2^-126, is
// taken as zero.
func init() {
	registerForm(Form{
		Name: "mxfp4", Block: 32, FileBytes: 17, sub: 272, start: metaNeg16,
		pack: func(dst []byte, row int, src []byte) {
			dst[row] = src[0]
			packSimple(dst[16:], row, src[1:])
		},
		expand: func(e *expanded, _, sub []byte) {
			for r := range PanelRows {
				e.scale[0][r] = math.Float32frombits((max(uint32(sub[r]), 1) - 1) << 23)
			}
			expandNibbles(e, sub[16:], func(n byte) int32 { return fp4[n] })
		},
	})
}
