package tensor

// Q4_K is 256 numbers of 4 bits, 8 groups of 32 with a 6-bit scale and a 6-bit
// minimum each; x = d*scale*q - dmin*minimum.
// Block: d, dmin, 12 bytes of scales and minima, 128 bytes: 32 bytes for two
// groups, the first low, the second high. 144 bytes, 4.5 bits a number.
const Q4_K DType = 12

func init() {
	register(Q4_K, form{name: "Q4_K", blockLen: 256, blockBytes: 144, narrow: true, decode: decodeQ4_K, encode: encodeQ4_K})
}

func decodeQ4_K(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[144:] {
		b, y := src[:144], dst[:256]
		d, dmin := f16At(b), f16At(b[2:])
		for g := range 8 {
			s, m := sixBits(b[4:16], g)
			scale, low := d*float32(s), dmin*float32(m)
			q, shift := b[16+g/2*32:][:32], g%2*4
			for j, v := range q {
				y[32*g+j] = float32(scale*float32(v>>shift&15)) - low
			}
		}
	}
}

func encodeQ4_K(dst []byte, src []float32) {
	var scale, low [8]float32
	var q [256]uint8
	for ; len(src) > 0; dst, src = dst[144:], src[256:] {
		b, x := dst[:144], src[:256]
		d, dmin := fitAffine(x, 32, 15, 63, q[:], scale[:], low[:])
		clear(b)
		putF16(b, d)
		putF16(b[2:], dmin)
		for g := range 8 {
			putSixBits(b[4:16], g, byte(scale[g]), byte(low[g]))
			for j, v := range q[32*g:][:32] {
				b[16+g/2*32+j] |= v << (g % 2 * 4)
			}
		}
	}
}

// sixBits returns scale and minimum of group g (0-7) from the 12 bytes that
// Q4_K and Q5_K keep them in: groups 0-3 in the low six bits of bytes 0-3 and
// 4-7; of groups 4-7 the low four bits in bytes 8-11 and the top two above
// those of groups 0-3.
func sixBits(p []byte, g int) (scale, low byte) {
	if g < 4 {
		return p[g] & 63, p[g+4] & 63
	}
	return p[g+4]&15 | p[g-4]>>6<<4, p[g+4]>>4 | p[g]>>6<<4
}

// putSixBits is the reverse of sixBits on bytes that were cleared.
func putSixBits(p []byte, g int, scale, low byte) {
	if g < 4 {
		p[g] |= scale
		p[g+4] |= low
		return
	}
	p[g+4] |= scale&15 | low&15<<4
	p[g-4] |= scale >> 4 << 6
	p[g] |= low >> 4 << 6
}
