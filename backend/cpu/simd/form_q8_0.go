package simd

import "encoding/binary"

// Q8_0: half-float scale and 32 int8. Packed: 16 scales, then 8 groups of 64
// bytes, each weight + 128 so that it is unsigned.
func init() {
	registerForm(Form{
		Name: "q8_0", Block: 32, FileBytes: 34, sub: 544, start: metaNeg128,
		pack: func(dst []byte, row int, src []byte) {
			copyHalf(dst, row, src)
			src, dst = src[2:34], dst[32+4*row:]
			for g := range 8 {
				binary.LittleEndian.PutUint32(dst[64*g:], binary.LittleEndian.Uint32(src[4*g:])^0x80808080)
			}
		},
		expand: func(e *expanded, _, sub []byte) {
			readHalves(&e.scale[0], sub)
			for k := range 32 {
				for r := range PanelRows {
					e.w[k][r] = int32(sub[32+64*(k/4)+4*r+k%4])
				}
			}
		},
	})
}
