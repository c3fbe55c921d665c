package tensor

// Q3_K is 256 numbers of 3 bits, 16 groups of 16 with a signed 6-bit scale
// each; x = d*(scale-32)*(q-4).
// Block: 32 bytes with the third bits, 64 bytes with the low two, 12 bytes of
// scales, d. 110 bytes, 3.4 bits a number.
const Q3_K DType = 11

func init() {
	register(Q3_K, form{name: "Q3_K", blockLen: 256, blockBytes: 110, narrow: true, decode: decodeQ3_K, encode: encodeQ3_K})
}

func decodeQ3_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[110:] {
		b, y := src[:110], dst[:256]
		high, packed, d := b[:32], b[96:108], f16At(b[108:])
		for g := range 16 {
			// Low four bits: bytes 0-7, groups 8-15 in the high halves. Top two
			// bits: bytes 8-11, four groups a byte.
			s := int(packed[g%8]>>(g/8*4)&15) | int(packed[8+g%4]>>(g/4*2)&3)<<4
			scale := d * float32(s-32)
			q, h, shift := b[32+g/8*32+g%2*16:][:16], high[g%2*16:][:16], g%8/2*2
			for j := range 16 {
				v := int(q[j]>>shift&3) | int(h[j]>>(g/2)&1)<<2
				y[16*g+j] = scale * float32(v-4)
			}
		}
	}
}

func encodeQ3_K(dst []byte, src []float32) {
	var scale [16]int
	var q [256]int8
	for ; len(src) > 0; dst, src = dst[110:], src[256:] {
		b, x := dst[:110], src[:256]
		d := fitSymmetric(x, 16, 4, 32, q[:], scale[:])
		clear(b)
		putF16(b[108:], d)
		for g := range 16 {
			s := scale[g] + 32
			b[96+g%8] |= byte(s&15) << (g / 8 * 4)
			b[104+g%4] |= byte(s>>4) << (g / 4 * 2)
			for j, v := range q[16*g:][:16] {
				u := byte(v + 4)
				b[32+g/8*32+g%2*16+j] |= u & 3 << (g % 8 / 2 * 2)
				b[g%2*16+j] |= u >> 2 << (g / 2)
			}
		}
	}
}
