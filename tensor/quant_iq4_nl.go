package tensor

// IQ4_NL is 32 numbers of 4 bits that point into a table of 16 values, dense
// near zero, with one float16 scale; x = d*table[q].
// Block: d, 16 bytes; byte j holds number j low and number j+16 high.
// 18 bytes, 4.5 bits a number.
const IQ4_NL DType = 20

// levels is the table of IQ4_NL and IQ4_XS, fixed by the format.
var levels = [16]float32{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

func init() {
	register(IQ4_NL, form{name: "IQ4_NL", blockLen: 32, blockBytes: 18, narrow: true, decode: decodeIQ4_NL, encode: encodeIQ4_NL})
}

func decodeIQ4_NL(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[18:] {
		b, y := src[:18], dst[:32]
		d := f16At(b)
		for j := range 16 {
			y[j] = d * levels[b[2+j]&15]
			y[j+16] = d * levels[b[2+j]>>4]
		}
	}
}

func encodeIQ4_NL(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[18:], src[32:] {
		b, x := dst[:18], src[:32]
		putF16(b, fitLevels(x))
		id := inverse(f16At(b))
		for j := range 16 {
			b[2+j] = nearestLevel(x[j]*id) | nearestLevel(x[j+16]*id)<<4
		}
	}
}
