package tensor

import "math"

const maxF16 = 65504 // the largest finite float16

// FromF16 returns the value of a float16's bits. Every value is exact, NaN
// stays NaN.
func FromF16(h uint16) float32 {
	// Shift exponent and mantissa into place, then let one multiplication move
	// the bias from 15 to 127; subnormals come out right by themselves.
	const scale = 0x1p112
	u := uint32(h&0x7fff) << 13
	f := math.Float32frombits(u) * scale
	if h&0x7c00 == 0x7c00 { // infinity or NaN
		f = math.Float32frombits(u | 0x7f800000)
	}
	return math.Float32frombits(math.Float32bits(f) | uint32(h&0x8000)<<16)
}

// ToF16 returns the bits of the float16 nearest to f, ties to even. Beyond
// 65519 it is infinity, NaN stays NaN.
func ToF16(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00
	case b >= 0x477ff000: // 65520 rounds up to infinity
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14: subnormal; adding 0.5 rounds at 2^-24
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	b += 0xfff + b>>13&1 // ties to even
	return sign | uint16((b-0x38000000)>>13)
}

// FromBF16 returns the value of a bfloat16's bits.
func FromBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// ToBF16 returns the bits of the bfloat16 nearest to f, ties to even; NaN
// stays NaN.
func ToBF16(f float32) uint16 {
	b := math.Float32bits(f)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}
