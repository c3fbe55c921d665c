package simd

import (
	"encoding/binary"

	"summit/tensor"
)

// The pieces that forms are packed of. "Group g" is the weights 4g to 4g+3 of
// a block of 32, one 32-bit word of a row; 16 rows' words are one vector.

func word(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }

// putGroup stores a row's word of vector v.
func putGroup(vectors []byte, v, row int, w uint32) {
	binary.LittleEndian.PutUint32(vectors[64*v+4*row:], w)
}

// packNibbles packs 32 four-bit weights of a row: vector v has group 2v in the
// low and 2v+1 in the high nibbles. group gives the weights of a group, each in
// the low four bits of its byte.
func packNibbles(vectors []byte, row int, group func(g int) uint32) {
	for v := range 4 {
		putGroup(vectors, v, row, group(2*v)&0x0f0f0f0f|group(2*v+1)&0x0f0f0f0f<<4)
	}
}

// packSimple packs the 16 bytes of nibbles of the small types: weights 0 to 15
// in the low nibbles, 16 to 31 in the high ones.
func packSimple(vectors []byte, row int, qs []byte) {
	a, b, c, d := word(qs, 0), word(qs, 1), word(qs, 2), word(qs, 3)
	const low = 0x0f0f0f0f
	putGroup(vectors, 0, row, a&low|b&low<<4)
	putGroup(vectors, 1, row, c&low|d&low<<4)
	putGroup(vectors, 2, row, a>>4&low|b&^low)
	putGroup(vectors, 3, row, c>>4&low|d&^low)
}

// packHalf packs block s of a K type, whose 64 weights of two blocks share 32
// bytes: the even block in the low nibbles, the odd one in the high ones.
func packHalf(vectors []byte, row int, qs []byte, s int) {
	qs = qs[32*(s/2):][:32]
	const low = 0x0f0f0f0f
	for v := range 4 {
		a, b := word(qs, 2*v), word(qs, 2*v+1)
		if s%2 == 0 {
			putGroup(vectors, v, row, a&low|b&low<<4)
		} else {
			putGroup(vectors, v, row, a>>4&low|b&^low)
		}
	}
}

// packBits packs a single bit of each weight: bit g of the vector's bytes is group g's.
func packBits(vector []byte, row int, bits func(g int) uint32) {
	w := uint32(0)
	for g := range 8 {
		w |= bits(g) & 0x01010101 << g
	}
	putGroup(vector, 0, row, w)
}

// packPairs packs two bits of each weight: two vectors, four groups in each.
func packPairs(vectors []byte, row int, pairs func(g int) uint32) {
	for v := range 2 {
		w := uint32(0)
		for f := range 4 {
			w |= pairs(4*v+f) & 0x03030303 << (2 * f)
		}
		putGroup(vectors, v, row, w)
	}
}

// spread puts the four low bits of n in the lowest bits of four bytes.
func spread(n uint32) uint32 { return n & 15 * 0x00204081 & 0x01010101 }

// The same backwards, for the kernels in Go.

func expandNibbles(e *expanded, vectors []byte, value func(n byte) int32) {
	for k := range 32 {
		g, at := k/4, k%4
		for r := range PanelRows {
			n := vectors[64*(g/2)+4*r+at]
			e.w[k][r] = value(n >> (4 * (g % 2)) & 15)
		}
	}
}

func expandBits(e *expanded, vector []byte, weight int32) {
	for k := range 32 {
		for r := range PanelRows {
			e.w[k][r] += int32(vector[4*r+k%4]>>(k/4)&1) * weight
		}
	}
}

func expandPairs(e *expanded, vectors []byte, weight int32) {
	for k := range 32 {
		g := k / 4
		for r := range PanelRows {
			e.w[k][r] += int32(vectors[64*(g/4)+4*r+k%4]>>(2*(g%4))&3) * weight
		}
	}
}

func same(n byte) int32 { return int32(n) }

// readHalves reads 16 half floats.
func readHalves(dst *[PanelRows]float32, src []byte) {
	for r := range dst {
		dst[r] = tensor.FromF16(binary.LittleEndian.Uint16(src[2*r:]))
	}
}

// copyHalf copies one half float of a row.
func copyHalf(dst []byte, row int, src []byte) {
	dst[2*row], dst[2*row+1] = src[0], src[1]
}

// scaled multiplies the half floats of the head by a byte of each row.
func scaled(dst *[PanelRows]float32, head, bytes []byte, value func(b byte) int32) {
	readHalves(dst, head)
	for r := range dst {
		dst[r] *= float32(value(bytes[r]))
	}
}

func signedByte(b byte) int32 { return int32(int8(b)) }
