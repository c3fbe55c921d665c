package tensor

// Q4_0 is 32 numbers of 4 bits with one float16 scale; x = d*(q-8).
// Block: d, 16 bytes; byte j holds number j low and number j+16 high.
// 18 bytes, 4.5 bits a number.
const Q4_0 DType = 2

func init() {
	register(Q4_0, form{name: "Q4_0", blockLen: 32, blockBytes: 18, narrow: true, decode: decodeQ4_0, encode: encodeQ4_0})
}

func decodeQ4_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[18:] {
		b, y := src[:18], dst[:32]
		d := f16At(b)
		for j := range 16 {
			q := b[2+j]
			y[j] = d * float32(int(q&15)-8)
			y[j+16] = d * float32(int(q>>4)-8)
		}
	}
}

// The number of largest magnitude becomes exactly -8: the wider side of the
// range is used by the side that needs it.
func encodeQ4_0(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[18:], src[32:] {
		b, x := dst[:18], src[:32]
		d := widest(x) / -8
		putF16(b, d)
		id := inverse(d)
		for j := range 16 {
			lo := min(15, int(float32(x[j]*id)+8.5))
			hi := min(15, int(float32(x[j+16]*id)+8.5))
			b[2+j] = byte(lo | hi<<4)
		}
	}
}
