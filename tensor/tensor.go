package tensor

import (
	"fmt"
	"slices"
)

// Tensor is a named, shaped view of stored numbers. Data may be a mapped file:
// read it, never write it.
type Tensor struct {
	Name  string
	Type  DType
	Shape []int // outermost first; the last dimension is contiguous. A weight matrix is [rows out, columns in], a stack of experts [experts, rows, columns]
	Data  []byte
}

// New returns a tensor after checking that the shape is of positive
// dimensions, that blocks divide the rows and that data has exactly its bytes.
func New(name string, t DType, shape []int, data []byte) (Tensor, error) {
	x := Tensor{Name: name, Type: t, Shape: shape, Data: data}
	return x, x.Check()
}

// Check reports what is wrong between type, shape and data, if anything.
func (t Tensor) Check() error {
	n, err := ByteSize(t.Type, t.Shape)
	if err != nil {
		return fmt.Errorf("tensor: tensor %q: %w", t.Name, err)
	}
	if len(t.Data) != n {
		return fmt.Errorf("tensor: tensor %q: %s %v has %d bytes, want %d", t.Name, t.Type, t.Shape, len(t.Data), n)
	}
	return nil
}

// ByteSize returns the bytes of a tensor of that type and shape. Every
// product is checked; dimensions are positive. Its errors begin with the
// fault, so that a caller puts the tensor's name before it.
func ByteSize(t DType, shape []int) (int, error) {
	if len(shape) == 0 {
		return 0, fmt.Errorf("a shape of no dimensions, want 1 or more")
	}
	for _, d := range shape {
		if d <= 0 {
			return 0, fmt.Errorf("shape %v, want positive dimensions", shape)
		}
	}
	n, err := t.rowBytes(shape[len(shape)-1])
	if err != nil {
		return 0, err
	}
	// The count of numbers must fit too: a block may hold more numbers than bytes.
	elements := shape[len(shape)-1]
	for _, d := range shape[:len(shape)-1] {
		var ok, fits bool
		n, ok = mul(n, d)
		elements, fits = mul(elements, d)
		if !ok || !fits {
			return 0, fmt.Errorf("shape %v does not fit into memory", shape)
		}
	}
	return n, nil
}

// Elements returns how many numbers the tensor has.
func (t Tensor) Elements() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Cols returns the last dimension: the length of a row.
func (t Tensor) Cols() int {
	if len(t.Shape) == 0 {
		return 0
	}
	return t.Shape[len(t.Shape)-1]
}

// NumRows returns the product of all dimensions but the last.
func (t Tensor) NumRows() int {
	n := 1
	for _, d := range t.Shape[:max(0, len(t.Shape)-1)] {
		n *= d
	}
	return n
}

// Row returns the bytes of row i, counted over all dimensions but the last.
func (t Tensor) Row(i int) []byte {
	n := len(t.Data) / t.NumRows()
	return t.Data[i*n : (i+1)*n : (i+1)*n]
}

// Rows returns a view of lo to hi (not included) of the outermost dimension,
// without a copy: rows of a matrix, experts of a stack, numbers of a vector.
// So a fused matrix and its bias are split with the same call.
func (t Tensor) Rows(lo, hi int) (Tensor, error) {
	if len(t.Shape) == 0 || lo < 0 || hi > t.Shape[0] || lo >= hi {
		return Tensor{}, fmt.Errorf("tensor: tensor %q: rows %d to %d of shape %v", t.Name, lo, hi, t.Shape)
	}
	var a, b int
	if len(t.Shape) == 1 {
		var err, err2 error
		a, err = t.Type.RowBytes(lo)
		b, err2 = t.Type.RowBytes(hi)
		if err != nil || err2 != nil {
			return Tensor{}, fmt.Errorf("tensor: tensor %q: %d to %d cuts a block of %s", t.Name, lo, hi, t.Type)
		}
	} else {
		n := len(t.Data) / t.Shape[0]
		a, b = lo*n, hi*n
	}
	shape := slices.Clone(t.Shape)
	shape[0] = hi - lo
	return Tensor{Name: t.Name, Type: t.Type, Shape: shape, Data: t.Data[a:b:b]}, nil
}

// At returns element i of the outermost dimension without that dimension and
// without a copy: one expert's matrix of a stack.
func (t Tensor) At(i int) (Tensor, error) {
	if len(t.Shape) < 2 {
		return Tensor{}, fmt.Errorf("tensor: tensor %q: element %d of shape %v, want 2 dimensions or more", t.Name, i, t.Shape)
	}
	v, err := t.Rows(i, i+1)
	v.Shape = slices.Clone(t.Shape[1:])
	return v, err
}

// Reshape returns a view with another shape of as many numbers.
func (t Tensor) Reshape(shape ...int) (Tensor, error) {
	v := Tensor{Name: t.Name, Type: t.Type, Shape: slices.Clone(shape), Data: t.Data}
	if v.Check() != nil || v.Elements() != t.Elements() {
		return Tensor{}, fmt.Errorf("tensor: tensor %q: %s %v as %v", t.Name, t.Type, t.Shape, shape)
	}
	return v, nil
}

// Float32s returns all numbers as a new slice of float32.
func (t Tensor) Float32s() ([]float32, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	out := make([]float32, t.Elements())
	if err := Dequantize(out, t.Type, t.Data); err != nil {
		return nil, fmt.Errorf("tensor: tensor %q: %w", t.Name, err)
	}
	return out, nil
}

// String returns name, type and shape for people.
func (t Tensor) String() string { return fmt.Sprintf("%s %s %v", t.Name, t.Type, t.Shape) }
