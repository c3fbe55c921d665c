package tensor

import "encoding/binary"

// IQ4_XS is 256 numbers of 4 bits that point into IQ4_NL's table, 8 groups of
// 32 with a signed 6-bit scale each; x = d*(scale-32)*table[q].
// Block: d, 16 bits with the scales' top two bits, 4 bytes with their low
// four, 128 bytes: 16 for a group as in IQ4_NL. 136 bytes, 4.25 bits a number.
const IQ4_XS DType = 23

func init() {
	register(IQ4_XS, form{name: "IQ4_XS", blockLen: 256, blockBytes: 136, narrow: true, decode: decodeIQ4_XS, encode: encodeIQ4_XS})
}

func decodeIQ4_XS(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[256:], src[136:] {
		b, y := src[:136], dst[:256]
		d, high := f16At(b), binary.LittleEndian.Uint16(b[2:])
		for g := range 8 {
			s := int(b[4+g/2]>>(g%2*4)&15) | int(high>>(2*g)&3)<<4
			scale := d * float32(s-32)
			q, z := b[8+16*g:][:16], y[32*g:][:32]
			for j, v := range q {
				z[j] = scale * levels[v&15]
				z[j+16] = scale * levels[v>>4]
			}
		}
	}
}

func encodeIQ4_XS(dst []byte, src []float32) {
	var scale [8]float32
	for ; len(src) > 0; dst, src = dst[136:], src[256:] {
		b, x := dst[:136], src[:256]
		clear(b)
		for g := range scale {
			scale[g] = fitLevels(x[32*g:][:32])
		}
		// The widest scale becomes -32, the end of the range that has no twin.
		putF16(b, widest(scale[:])/-32)
		d := f16At(b)
		var high uint16
		for g := range scale {
			s := max(-32, min(31, roundAway(scale[g]*inverse(d))))
			id := inverse(d * float32(s))
			b[4+g/2] |= byte((s+32)&15) << (g % 2 * 4)
			high |= uint16(s+32) >> 4 << (2 * g)
			for j := range 16 {
				b[8+16*g+j] = nearestLevel(x[32*g+j]*id) | nearestLevel(x[32*g+j+16]*id)<<4
			}
		}
		binary.LittleEndian.PutUint16(b[2:], high)
	}
}
