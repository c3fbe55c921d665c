package tensor

import (
	"fmt"
	"math"
)

// Dequantize writes the numbers stored in src to dst as float32.
// len(dst) is a multiple of t's BlockLen and src is exactly their bytes.
// Integer types and unknown ones give an error.
func Dequantize(dst []float32, t DType, src []byte) error {
	n, err := t.RowBytes(len(dst))
	if err != nil {
		return err
	}
	f := forms[t]
	if f.decode == nil {
		return fmt.Errorf("tensor: %s is not read as float32", t)
	}
	if len(src) != n {
		return fmt.Errorf("tensor: %s: %d numbers from %d bytes, want %d bytes", t, len(dst), len(src), n)
	}
	f.decode(dst, src)
	return nil
}

// Quantize writes the numbers of src to dst in t's form, nearest by squared
// error as far as the type's search goes. len(src) is a multiple of t's
// BlockLen and dst is exactly their bytes. NaN, infinity and numbers beyond
// the type's range give an error that says where.
func Quantize(dst []byte, t DType, src []float32) error {
	n, err := t.RowBytes(len(src))
	if err != nil {
		return err
	}
	f := forms[t]
	if f.encode == nil {
		return fmt.Errorf("tensor: %s is not written from float32", t)
	}
	if len(dst) != n {
		return fmt.Errorf("tensor: %s: %d numbers to %d bytes, want %d bytes", t, len(src), len(dst), n)
	}
	limit := float32(math.MaxFloat32)
	if f.narrow {
		limit = maxF16
	}
	for i, x := range src {
		if !(x >= -limit && x <= limit) { // also catches NaN
			return fmt.Errorf("tensor: %s: number %d is %g, want it within %g of zero", t, i, x, limit)
		}
	}
	f.encode(dst, src)
	return nil
}

// CanQuantize reports whether Quantize writes the type.
func (t DType) CanQuantize() bool { f := forms[t]; return f != nil && f.encode != nil }

// CanDequantize reports whether Dequantize reads the type.
func (t DType) CanDequantize() bool { f := forms[t]; return f != nil && f.decode != nil }
