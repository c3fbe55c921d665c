package tensor

// Q2_K is 256 numbers of 2 bits, 16 groups of 16 with a 4-bit scale and a 4-bit
// minimum each; x = d*scale*q - dmin*minimum.
// Block: 16 bytes of groups (scale low, minimum high), 64 bytes of numbers,
// d, dmin. 84 bytes, 2.6 bits a number.
const Q2_K DType = 10

func init() {
	register(Q2_K, form{name: "Q2_K", blockLen: 256, blockBytes: 84, narrow: true, decode: decodeQ2_K, encode: encodeQ2_K})
}

func decodeQ2_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[84:] {
		b, y := src[:84], dst[:256]
		d, dmin := f16At(b[80:]), f16At(b[82:])
		for g := range 16 {
			scale, low := d*float32(b[g]&15), dmin*float32(b[g]>>4)
			q, shift := b[16+g/8*32+g%2*16:][:16], g%8/2*2
			for j, v := range q {
				y[16*g+j] = float32(scale*float32(v>>shift&3)) - low
			}
		}
	}
}

func encodeQ2_K(dst []byte, src []float32) {
	var scale, low [16]float32
	var q [256]uint8
	for ; len(src) > 0; dst, src = dst[84:], src[256:] {
		b, x := dst[:84], src[:256]
		d, dmin := fitAffine(x, 16, 3, 15, q[:], scale[:], low[:])
		clear(b)
		putF16(b[80:], d)
		putF16(b[82:], dmin)
		for g := range 16 {
			b[g] = byte(scale[g]) | byte(low[g])<<4
			for j, v := range q[16*g:][:16] {
				b[16+g/8*32+g%2*16+j] |= v << (g % 8 / 2 * 2)
			}
		}
	}
}
