package simd

import "math"

// F16 is the float32 value of a half float.
func F16(h uint16) float32 {
	sign := uint32(h&0x8000) << 16
	exp := uint32(h>>10) & 31
	frac := uint32(h & 0x3ff)
	switch exp {
	case 0: // zero or subnormal: frac x 2^-24
		v := float32(frac) * (1.0 / (1 << 24))
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 31:
		if frac != 0 {
			frac |= 0x200 // quiet, as the processor's conversion makes it
		}
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
}

// ToF16 rounds to the nearest half float, ties to even; what is too large
// becomes infinite.
func ToF16(f float32) uint16 {
	b := math.Float32bits(f)
	sign := uint16(b>>16) & 0x8000
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00 | uint16(b>>13)&0x3ff
	case b >= 0x47800000: // 65536 and above, infinity
		return sign | 0x7c00
	case b < 0x38800000: // below the smallest normal half: multiples of 2^-24
		v := math.Float32frombits(b)
		return sign | uint16(math.RoundToEven(float64(v)*(1<<24)))
	}
	b += 0xfff + b>>13&1 // round to even; may carry into the exponent
	return sign | uint16((b-0x38000000)>>13)
}
