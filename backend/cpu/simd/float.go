package simd

import (
	"encoding/binary"
	"fmt"
	"math"

	"summit/tensor"
)

// FloatForm is how a matrix of floats is packed: panels of 16 rows, column by
// column. Products are summed in float32, the even and the odd columns apart.
type FloatForm struct {
	Name    string
	Size    int // bytes of a weight
	value   func(b []byte) float32
	kernels [tiers]floatKernels
}

type floatKernel func(dst *float32, dstStride uintptr, from *float32, fromStride uintptr, w *byte, x *float32, xStride, columns uintptr)

type floatKernels struct{ one, two, four, eight floatKernel }

var floatForms = map[string]*FloatForm{
	"f32": {Name: "f32", Size: 4, value: func(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }},
	"f16": {Name: "f16", Size: 2, value: func(b []byte) float32 { return tensor.FromF16(binary.LittleEndian.Uint16(b)) }},
	"bf16": {Name: "bf16", Size: 2, value: func(b []byte) float32 {
		return math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
	}},
}

func registerFloat(name string, t Tier, k floatKernels) { floatForms[name].kernels[t] = k }

// FloatFormOf returns the form of f32, f16 or bf16, or nil.
func FloatFormOf(name string) *FloatForm { return floatForms[name] }

// PackedBytes is what a matrix takes once packed.
func (f *FloatForm) PackedBytes(rows, cols int) int { return panels(rows) * cols * PanelRows * f.Size }

// Pack packs one panel: src has up to 16 rows of cols floats, row by row.
func (f *FloatForm) Pack(dst, src []byte, cols int) error {
	rowBytes := cols * f.Size
	if cols <= 0 || len(dst) != PanelRows*rowBytes || len(src)%rowBytes != 0 || len(src) > len(dst) {
		return fmt.Errorf("simd: pack %s: got %d bytes to %d, want up to 16 rows of %d to %d", f.Name, len(src), len(dst), rowBytes, PanelRows*rowBytes)
	}
	if len(src) < len(dst) {
		clear(dst)
	}
	rows := len(src) / rowBytes
	for k := range cols {
		line := dst[k*PanelRows*f.Size:]
		for r := range rows {
			if f.Size == 4 {
				binary.LittleEndian.PutUint32(line[4*r:], binary.LittleEndian.Uint32(src[r*rowBytes+4*k:]))
			} else {
				binary.LittleEndian.PutUint16(line[2*r:], binary.LittleEndian.Uint16(src[r*rowBytes+2*k:]))
			}
		}
	}
	return nil
}

// plain is the kernel in Go; strides count floats.
func (f *FloatForm) plain(dst []float32, dstStride int, from []float32, fromStride int, w []byte, x []float32, xStride, tokens, columns int) {
	var sum [2][8][PanelRows]float32
	for k := range columns {
		var line [PanelRows]float32
		for r := range line {
			line[r] = f.value(w[(k*PanelRows+r)*f.Size:])
		}
		for t := range tokens {
			v, s := x[t*xStride+k], &sum[k%2][t]
			for r := range line {
				s[r] = fma(v, line[r], s[r])
			}
		}
	}
	for t := range tokens {
		for r := range PanelRows {
			dst[t*dstStride+r] = sum[0][t][r] + sum[1][t][r] + from[t*fromStride+r]
		}
	}
}

// Panel sets dst to from plus one packed panel of 16 rows times some vectors:
// dst[t][row] = from[t][row] + sum over columns of w[column][row] * x[t][column].
// Nil from is zero. Strides count numbers. The sum's order does not depend on
// vectors. It panics on lengths that do not fit: its callers own all of them.
func (f *FloatForm) Panel(tier Tier, dst []float32, dstStride int, from []float32, fromStride int, w []byte, x []float32, xStride, vectors, columns int) {
	if columns > kernelBytes/(PanelRows*4) {
		panic(fmt.Sprintf("simd: panel: got %d columns, want at most %d", columns, kernelBytes/(PanelRows*4)))
	}
	if from == nil {
		from, fromStride = zeros[:], 0
	}
	for vectors > 0 && columns > 0 {
		room := 1
		if vectors >= 8 {
			room = 8
		} else if vectors >= 4 {
			room = 4
		} else if vectors >= 2 {
			room = 2
		}
		f.call(tier, dst, dstStride, from, fromStride, w, x, xStride, room, columns)
		if vectors -= room; vectors > 0 {
			dst, from, x = dst[room*dstStride:], from[room*fromStride:], x[room*xStride:]
		}
	}
}
