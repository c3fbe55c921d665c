package simd

import (
	"fmt"
	"math"
	"slices"
)

// PanelRows is how many rows of a matrix lie together: one lane each.
const PanelRows = 16

// Form is how one quantised type is packed: panels of 16 rows, in which the
// weights that one instruction multiplies lie side by side. The numbers of
// the file are kept exactly.
type Form struct {
	Name      string // as GGUF spells the type, in lower case
	Block     int    // weights of a row in one block of the file
	FileBytes int    // bytes of such a block in the file

	head, sub int  // bytes of a packed super-block's head, and of each block of 32
	halves    bool // one scale for each 16 weights
	start     int  // word of the activations with which a dot product starts; 0: none
	right     int  // arithmetic shift of it
	minSign   float32
	pack      func(dst []byte, row int, src []byte)
	expand    func(e *expanded, head, sub []byte)
	kernels   [tiers]quantKernels
}

// expanded is one block of 32 weights of a panel, as numbers.
type expanded struct {
	w          [32][PanelRows]int32 // before start is added
	scale, min [2][PanelRows]float32
}

var forms = map[string]*Form{}

// registerForm adds a form; each is in the file of its name.
func registerForm(f Form) {
	if old := forms[f.Name]; old != nil { // its assembly was first
		f.kernels = old.kernels
	}
	forms[f.Name] = &f
}

type quantKernel func(dst *float32, dstStride uintptr, from *float32, fromStride uintptr, w, x *byte, xStride, blocks uintptr)

// quantKernels are the kernels of 1, 4 and 8 tokens; without one of 8, that
// of 4 is called twice.
type quantKernels struct{ one, four, eight quantKernel }

func registerQuant(name string, t Tier, k quantKernels) {
	if forms[name] == nil {
		forms[name] = &Form{Name: name}
	}
	forms[name].kernels[t] = k
}

// FormOf returns the form of a type's name, or nil.
func FormOf(name string) *Form { return forms[name] }

// Forms lists the names of the forms, sorted.
func Forms() []string {
	var names []string
	for n := range forms {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// blockBytes is one packed super-block of a panel.
func (f *Form) blockBytes() int { return f.head + f.Block/32*f.sub }

// PackedBytes is what a matrix takes once packed: rows are filled up to a
// multiple of 16.
func (f *Form) PackedBytes(rows, cols int) int {
	return panels(rows) * (cols / f.Block) * f.blockBytes()
}

func panels(rows int) int { return (rows + PanelRows - 1) / PanelRows }

// Pack packs one panel: src has up to 16 rows of cols weights in the file's
// layout, dst one panel. Rows that are missing become zero.
func (f *Form) Pack(dst, src []byte, cols int) error {
	rowBytes := cols / f.Block * f.FileBytes
	size := cols / f.Block * f.blockBytes()
	if cols <= 0 || cols%f.Block != 0 {
		return fmt.Errorf("simd: pack %s: got %d columns, want a multiple of %d", f.Name, cols, f.Block)
	}
	if len(dst) != size || len(src)%rowBytes != 0 || len(src) > PanelRows*rowBytes {
		return fmt.Errorf("simd: pack %s: got %d bytes to %d, want up to 16 rows of %d to %d", f.Name, len(src), len(dst), rowBytes, size)
	}
	if len(src) < PanelRows*rowBytes {
		clear(dst) // a scale of zero makes a row zero
	}
	// Block by block over the rows: a line of the panel is filled by all 16.
	for b := range cols / f.Block {
		block := dst[b*f.blockBytes():][:f.blockBytes()]
		for r := 0; r*rowBytes < len(src); r++ {
			f.pack(block, r, src[r*rowBytes+b*f.FileBytes:][:f.FileBytes])
		}
	}
	return nil
}

// plain is the kernel in Go, the oracle of the others:
// dst[t][row] = from[t][row] + the sum over blocks, in order, of the exact
// integer dot product x scales. x has blocks of activations xStride apart,
// tokens next to each other.
func (f *Form) plain(dst []float32, dstStride int, from []float32, fromStride int, w, x []byte, xStride, tokens, blocks int) {
	var e expanded
	for t := range tokens {
		copy(dst[t*dstStride:][:PanelRows], from[t*fromStride:])
	}
	subs := f.Block / 32
	for b := range blocks {
		super := w[b*f.blockBytes():][:f.blockBytes()]
		for s := range subs {
			f.expand(&e, super[:f.head], super[f.head+s*f.sub:][:f.sub])
			for t := range tokens {
				f.plainBlock(dst[t*dstStride:][:PanelRows], &e, x[(b*subs+s)*xStride+t*actBlock:][:actBlock])
			}
		}
	}
}

func (f *Form) plainBlock(dst []float32, e *expanded, x []byte) {
	dst = dst[:PanelRows]
	parts := 1
	if f.halves {
		parts = 2
	}
	scale := word32(x, metaScale)
	for p := range parts {
		var sum [PanelRows]int32
		if f.start != 0 {
			v := int32(uint32At(x, f.start+4*p)) >> f.right
			for r := range sum {
				sum[r] = v
			}
		}
		for k := p * 32 / parts; k < (p+1)*32/parts; k++ {
			v := int32(int8(x[k]))
			w := &e.w[k]
			for r := range sum {
				sum[r] += v * w[r]
			}
		}
		for r := range dst {
			dst[r] = fma(float32(sum[r]), e.scale[p][r]*scale, dst[r])
		}
		if f.minSign == 0 {
			continue
		}
		total := word32(x, metaSum)
		if f.halves {
			total = float32(int32(uint32At(x, metaNeg32+4*p))) * scale * (-1.0 / 32)
		}
		for r := range dst {
			dst[r] = fma(total*f.minSign, e.min[p][r], dst[r])
		}
	}
}

// fma rounds once, but for the rare double rounding of float64 to float32.
func fma(a, b, c float32) float32 { return float32(math.FMA(float64(a), float64(b), float64(c))) }
