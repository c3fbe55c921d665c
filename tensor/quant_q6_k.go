package tensor

// Q6_K is 256 numbers of 6 bits, 16 groups of 16 with an int8 scale each;
// x = d*scale*(q-32).
// Block: 128 bytes with the low four bits, 64 with the top two, 16 scales, d.
// 210 bytes, 6.6 bits a number.
const Q6_K DType = 14

func init() {
	register(Q6_K, form{name: "Q6_K", blockLen: 256, blockBytes: 210, narrow: true, decode: decodeQ6_K, encode: encodeQ6_K})
}

// Each half of 128 numbers has 64 low bytes and 32 high ones. Of its groups
// 0-7, group h reads low byte h/2%2*32 + h%2*16 + j (high nibble from group
// 4 on) and bits 2*(h/2) of high byte h%2*16 + j.
func decodeQ6_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[210:] {
		b, y := src[:210], dst[:256]
		d := f16At(b[208:])
		for g := range 16 {
			half, h := g/8, g%8
			scale := d * float32(int8(b[192+g]))
			low, high := b[half*64+h/2%2*32+h%2*16:][:16], b[128+half*32+h%2*16:][:16]
			for j := range 16 {
				v := int(low[j]>>(h/4*4)&15) | int(high[j]>>(h/2*2)&3)<<4
				y[16*g+j] = scale * float32(v-32)
			}
		}
	}
}

func encodeQ6_K(dst []byte, src []float32) {
	var scale [16]int
	var q [256]int8
	for ; len(src) > 0; dst, src = dst[210:], src[256:] {
		b, x := dst[:210], src[:256]
		d := fitSymmetric(x, 16, 32, 128, q[:], scale[:])
		clear(b)
		putF16(b[208:], d)
		for g := range 16 {
			half, h := g/8, g%8
			b[192+g] = byte(int8(scale[g]))
			for j, v := range q[16*g:][:16] {
				u := byte(v + 32)
				b[half*64+h/2%2*32+h%2*16+j] |= u & 15 << (h / 4 * 4)
				b[128+half*32+h%2*16+j] |= u >> 4 << (h / 2 * 2)
			}
		}
	}
}
