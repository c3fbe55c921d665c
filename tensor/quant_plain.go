package tensor

import (
	"encoding/binary"
	"math"
)

// Plain types: one number a block. Bytes are little-endian.
const (
	F32  DType = 0
	F16  DType = 1
	I8   DType = 24
	I16  DType = 25
	I32  DType = 26
	I64  DType = 27
	F64  DType = 28
	BF16 DType = 30
)

func init() {
	register(F32, form{name: "F32", blockLen: 1, blockBytes: 4,
		decode: func(dst []float32, src []byte) {
			for i := range dst {
				dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
			}
		},
		encode: func(dst []byte, src []float32) {
			for i, x := range src {
				binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(x))
			}
		}})
	register(F16, form{name: "F16", blockLen: 1, blockBytes: 2, narrow: true,
		decode: func(dst []float32, src []byte) {
			for i := range dst {
				dst[i] = FromF16(binary.LittleEndian.Uint16(src[2*i:]))
			}
		},
		encode: func(dst []byte, src []float32) {
			for i, x := range src {
				binary.LittleEndian.PutUint16(dst[2*i:], ToF16(x))
			}
		}})
	register(BF16, form{name: "BF16", blockLen: 1, blockBytes: 2,
		decode: func(dst []float32, src []byte) {
			for i := range dst {
				dst[i] = FromBF16(binary.LittleEndian.Uint16(src[2*i:]))
			}
		},
		encode: func(dst []byte, src []float32) {
			for i, x := range src {
				binary.LittleEndian.PutUint16(dst[2*i:], ToBF16(x))
			}
		}})
	register(F64, form{name: "F64", blockLen: 1, blockBytes: 8,
		decode: func(dst []float32, src []byte) {
			for i := range dst {
				dst[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:])))
			}
		}})
	register(I8, form{name: "I8", blockLen: 1, blockBytes: 1, integer: true})
	register(I16, form{name: "I16", blockLen: 1, blockBytes: 2, integer: true})
	register(I32, form{name: "I32", blockLen: 1, blockBytes: 4, integer: true})
	register(I64, form{name: "I64", blockLen: 1, blockBytes: 8, integer: true})
}
