package tensor

import "encoding/binary"

// Q5_0 is 32 numbers of 5 bits with one float16 scale; x = d*(q-16).
// Block: d, 32 bits with the fifth bit of each number, 16 bytes with the low
// four: byte j holds number j low and number j+16 high. 22 bytes, 5.5 bits a
// number.
const Q5_0 DType = 6

func init() {
	register(Q5_0, form{name: "Q5_0", blockLen: 32, blockBytes: 22, narrow: true, decode: decodeQ5_0, encode: encodeQ5_0})
}

func decodeQ5_0(dst []float32, src []byte) {
	for ; len(dst) > 0; dst, src = dst[32:], src[22:] {
		b, y := src[:22], dst[:32]
		d, high := f16At(b), binary.LittleEndian.Uint32(b[2:])
		for j := range 16 {
			q := b[6+j]
			y[j] = d * float32(int(uint32(q&15)|high>>j<<4&16)-16)
			y[j+16] = d * float32(int(uint32(q>>4)|high>>(j+16)<<4&16)-16)
		}
	}
}

func encodeQ5_0(dst []byte, src []float32) {
	for ; len(src) > 0; dst, src = dst[22:], src[32:] {
		b, x := dst[:22], src[:32]
		d := widest(x) / -16
		putF16(b, d)
		id := inverse(d)
		var high uint32
		for j := range 16 {
			lo := min(31, int(float32(x[j]*id)+16.5))
			hi := min(31, int(float32(x[j+16]*id)+16.5))
			b[6+j] = byte(lo&15 | hi&15<<4)
			high |= uint32(lo>>4)<<j | uint32(hi>>4)<<(j+16)
		}
		binary.LittleEndian.PutUint32(b[2:], high)
	}
}
