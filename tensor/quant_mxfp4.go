package tensor

import "math"

// MXFP4 is 32 numbers in the 4-bit float E2M1 with one shared power of two.
// Block: exponent byte e (scale 2^(e-127)), 16 bytes; byte j holds number j
// low and number j+16 high. 17 bytes, 4.25 bits a number.
// Source: OCP Microscaling Formats (MX) Specification 1.0.
const MXFP4 DType = 39

// e2m1 has the values of the 16 codes: sign, two exponent bits, one mantissa
// bit.
var e2m1 = [16]float32{0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6}

func init() {
	register(MXFP4, form{name: "MXFP4", blockLen: 32, blockBytes: 17, decode: decodeMXFP4, encode: encodeMXFP4})
}

// powerOfTwo returns 2^(e-127); 2^-127 is subnormal in float32.
func powerOfTwo(e byte) float32 {
	if e == 0 {
		return 0x1p-127
	}
	return math.Float32frombits(uint32(e) << 23) // 255 is infinity: no encoder writes it
}

func decodeMXFP4(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[17:] {
		b, y := src[:17], dst[:32]
		d := powerOfTwo(b[0])
		for j := range 16 {
			y[j] = d * e2m1[b[1+j]&15]
			y[j+16] = d * e2m1[b[1+j]>>4]
		}
	}
}

// As the specification says: the exponent of the largest magnitude less the
// 2 of E2M1's largest exponent, then the nearest code, saturating at 6.
func encodeMXFP4(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[17:], src[32:] {
		b, x := dst[:17], src[:32]
		e := int(math.Float32bits(absMax(x))>>23) - 2
		b[0] = byte(max(0, e))
		d := powerOfTwo(b[0])
		for j := range 16 {
			b[1+j] = nearestE2M1(x[j]/d) | nearestE2M1(x[j+16]/d)<<4
		}
	}
}

// nearestE2M1 returns the code of the nearest value, ties to the even code.
func nearestE2M1(x float32) byte {
	var sign byte
	if x < 0 {
		x, sign = -x, 8
	}
	var code byte
	switch {
	case x > 5:
		code = 7
	case x >= 3.5:
		code = 6
	case x > 2.5:
		code = 5
	case x >= 1.75:
		code = 4
	case x > 1.25:
		code = 3
	case x >= 0.75:
		code = 2
	case x > 0.25:
		code = 1
	}
	return sign | code
}
