package tensor

import "encoding/binary"

// Q5_1 is 32 numbers of 5 bits with a float16 scale and minimum; x = d*q + m.
// Block: d, m, 32 bits with the fifth bit of each number, 16 bytes with the
// low four: byte j holds number j low and number j+16 high. 24 bytes, 6 bits
// a number.
const Q5_1 DType = 7

func init() {
	register(Q5_1, form{name: "Q5_1", blockLen: 32, blockBytes: 24, narrow: true, decode: decodeQ5_1, encode: encodeQ5_1})
}

func decodeQ5_1(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[24:] {
		b, y := src[:24], dst[:32]
		d, m, high := f16At(b), f16At(b[2:]), binary.LittleEndian.Uint32(b[4:])
		for j := range 16 {
			q := b[8+j]
			y[j] = float32(d*float32(uint32(q&15)|high>>j<<4&16)) + m
			y[j+16] = float32(d*float32(uint32(q>>4)|high>>(j+16)<<4&16)) + m
		}
	}
}

func encodeQ5_1(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[24:], src[32:] {
		b, x := dst[:24], src[:32]
		lo, hi := bounds(x)
		d := span(lo, hi, 31)
		putF16(b, d)
		putF16(b[2:], lo)
		id := inverse(d)
		var high uint32
		for j := range 16 {
			q0 := min(31, int(float32((x[j]-lo)*id)+0.5))
			q1 := min(31, int(float32((x[j+16]-lo)*id)+0.5))
			b[8+j] = byte(q0&15 | q1&15<<4)
			high |= uint32(q0>>4)<<j | uint32(q1>>4)<<(j+16)
		}
		binary.LittleEndian.PutUint32(b[4:], high)
	}
}
