package tensor

// Q4_1 is 32 numbers of 4 bits with a float16 scale and minimum; x = d*q + m.
// Block: d, m, 16 bytes; byte j holds number j low and number j+16 high.
// 20 bytes, 5 bits a number.
const Q4_1 DType = 3

func init() {
	register(Q4_1, form{name: "Q4_1", blockLen: 32, blockBytes: 20, narrow: true, decode: decodeQ4_1, encode: encodeQ4_1})
}

func decodeQ4_1(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[20:] {
		b, y := src[:20], dst[:32]
		d, m := f16At(b), f16At(b[2:])
		for j := range 16 {
			q := b[4+j]
			y[j] = float32(d*float32(q&15)) + m
			y[j+16] = float32(d*float32(q>>4)) + m
		}
	}
}

func encodeQ4_1(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[20:], src[32:] {
		b, x := dst[:20], src[:32]
		lo, hi := bounds(x)
		d := span(lo, hi, 15)
		putF16(b, d)
		putF16(b[2:], lo)
		id := inverse(d)
		for j := range 16 {
			q0 := min(15, int(float32((x[j]-lo)*id)+0.5))
			q1 := min(15, int(float32((x[j+16]-lo)*id)+0.5))
			b[4+j] = byte(q0 | q1<<4)
		}
	}
}
