package tensor

import "math"

// Q8_0 is 32 numbers of 8 bits with one float16 scale; x = d*q.
// Block: d, 32 x int8. 34 bytes, 8.5 bits a number.
const Q8_0 DType = 8

func init() {
	register(Q8_0, form{name: "Q8_0", blockLen: 32, blockBytes: 34, narrow: true, decode: decodeQ8_0, encode: encodeQ8_0})
}

func decodeQ8_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[34:] {
		b, y := src[:34], dst[:32]
		d := f16At(b)
		for j := range y {
			y[j] = d * float32(int8(b[2+j]))
		}
	}
}

func encodeQ8_0(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[34:], src[32:] {
		b, x := dst[:34], src[:32]
		d := absMax(x) / 127
		putF16(b, d)
		id := inverse(d)
		for j, v := range x {
			b[2+j] = byte(int8(roundAway(v * id)))
		}
	}
}

// roundAway rounds to the nearest whole number, halves away from zero. It
// adds a half of x's own sign: a branch on the sign would mostly be guessed
// wrong.
func roundAway(x float32) int {
	half := math.Float32frombits(math.Float32bits(x)&(1<<31) | math.Float32bits(0.5))
	return int(int32(x + half))
}
