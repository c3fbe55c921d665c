package tensor

// Q5_K is 256 numbers of 5 bits, 8 groups of 32 with a 6-bit scale and a 6-bit
// minimum each; x = d*scale*q - dmin*minimum.
// Block: d, dmin, 12 bytes of scales and minima, 32 bytes with the fifth bits
// (bit g of byte j is of number j of group g), 128 bytes as in Q4_K.
// 176 bytes, 5.5 bits a number.
const Q5_K DType = 13

func init() {
	register(Q5_K, form{name: "Q5_K", blockLen: 256, blockBytes: 176, narrow: true, decode: decodeQ5_K, encode: encodeQ5_K})
}

func decodeQ5_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[176:] {
		b, y := src[:176], dst[:256]
		d, dmin, high := f16At(b), f16At(b[2:]), b[16:48]
		for g := range 8 {
			s, m := sixBits(b[4:16], g)
			scale, low := d*float32(s), dmin*float32(m)
			q, shift := b[48+g/2*32:][:32], g%2*4
			for j, v := range q {
				y[32*g+j] = float32(scale*float32(v>>shift&15|high[j]>>g&1<<4)) - low
			}
		}
	}
}

func encodeQ5_K(dst []byte, src []float32) {
	var scale, low [8]float32
	var q [256]uint8
	for ; len(src) > 0; dst, src = dst[176:], src[256:] {
		b, x := dst[:176], src[:256]
		d, dmin := fitAffine(x, 32, 31, 63, q[:], scale[:], low[:])
		clear(b)
		putF16(b, d)
		putF16(b[2:], dmin)
		for g := range 8 {
			putSixBits(b[4:16], g, byte(scale[g]), byte(low[g]))
			for j, v := range q[32*g:][:32] {
				b[48+g/2*32+j] |= v & 15 << (g % 2 * 4)
				b[16+j] |= v >> 4 << g
			}
		}
	}
}
