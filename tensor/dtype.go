// Package tensor owns numbers in memory: DType (how numbers are stored, plain
// or in quantised blocks), Tensor (a named, shaped view of bytes) and the
// conversions between stored numbers and float32.
//
// Block layouts are GGUF's, bit for bit, and a DType's number is GGUF's type
// number. To add a type, write quant_<name>.go with its constant and a call of
// register; nothing else is edited. The package imports nothing of ours.
package tensor

import (
	"fmt"
	"math/bits"
	"sort"
	"strings"
)

// DType says how numbers are stored: plain, or in blocks that share scales.
// Its value is GGUF's type number; the zero value is F32. Each type is
// declared in the file that registers it.
type DType uint8

// form is what a type's file registers.
type form struct {
	name       string
	blockLen   int  // numbers in a block; 1 = plain
	blockBytes int  // bytes of a block
	integer    bool // whole numbers, kept as they are: never quantised to
	narrow     bool // values or scales are float16: beyond 65504 nothing fits

	// decode writes len(dst) numbers; encode writes len(src)/blockLen blocks.
	// Both get whole blocks of matching length. A nil one is not offered.
	decode func(dst []float32, src []byte)
	encode func(dst []byte, src []float32)
}

var forms [256]*form

func register(t DType, f form) {
	if forms[t] != nil {
		panic(fmt.Sprintf("tensor: types %s and %s have one number", forms[t].name, f.name))
	}
	forms[t] = &f
}

// DTypes returns all types, in the order of their numbers.
func DTypes() []DType {
	var all []DType
	for i, f := range forms {
		if f != nil {
			all = append(all, DType(i))
		}
	}
	return all
}

// ParseDType returns the type of a name, as String writes it; case does not
// matter.
func ParseDType(name string) (DType, error) {
	names := make([]string, 0, 32)
	for i, f := range forms {
		if f == nil {
			continue
		}
		if strings.EqualFold(f.name, name) {
			return DType(i), nil
		}
		names = append(names, f.name)
	}
	sort.Strings(names)
	return 0, fmt.Errorf("tensor: type: got %q, want one of %s", name, strings.Join(names, " "))
}

// Valid reports whether the type is known.
func (t DType) Valid() bool { return forms[t] != nil }

// String returns the type's usual name, such as "Q4_K".
func (t DType) String() string {
	if f := forms[t]; f != nil {
		return f.name
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// BlockLen returns how many numbers share a block: 1 for plain types, 32 or
// 256 for quantised ones, 0 for an unknown type.
func (t DType) BlockLen() int {
	if f := forms[t]; f != nil {
		return f.blockLen
	}
	return 0
}

// BlockBytes returns the bytes of a block, 0 for an unknown type.
func (t DType) BlockBytes() int {
	if f := forms[t]; f != nil {
		return f.blockBytes
	}
	return 0
}

// Quantized reports whether numbers share blocks.
func (t DType) Quantized() bool { return t.BlockLen() > 1 }

// Integer reports whether the type holds whole numbers, which are read but
// never computed with as weights.
func (t DType) Integer() bool { f := forms[t]; return f != nil && f.integer }

// RowBytes returns the bytes of a row of cols numbers. cols must be a
// multiple of BlockLen and the product must fit an int.
func (t DType) RowBytes(cols int) (int, error) {
	n, err := t.rowBytes(cols)
	if err != nil {
		return 0, fmt.Errorf("tensor: %w", err)
	}
	return n, nil
}

func (t DType) rowBytes(cols int) (int, error) {
	f := forms[t]
	if f == nil {
		return 0, fmt.Errorf("%s is unknown", t)
	}
	if cols < 0 || cols%f.blockLen != 0 {
		return 0, fmt.Errorf("%s: a row of %d numbers, want a multiple of %d", t, cols, f.blockLen)
	}
	n, ok := mul(cols/f.blockLen, f.blockBytes)
	if !ok {
		return 0, fmt.Errorf("%s: a row of %d numbers does not fit into memory", t, cols)
	}
	return n, nil
}

// mul multiplies two numbers of zero or more and reports whether the product
// fits an int.
func mul(a, b int) (int, bool) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi != 0 || lo > uint64(maxInt) {
		return 0, false
	}
	return int(lo), true
}

const maxInt = int(^uint(0) >> 1)
