package weights

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"summit/tensor"
)

// Kept reports whether a tensor is better left as it is when a model is
// quantised: vectors, embeddings, routers and convolutions are small beside
// what an error in them costs. Only big matrices of plain numbers are worth
// it.
func Kept(t tensor.Tensor) bool {
	if len(t.Shape) < 2 || t.NumRows() < 2 || t.Type.Quantized() || !t.Type.CanDequantize() {
		return true
	}
	if isEmbedding(t.Name) {
		return true
	}
	for _, part := range []string{"gate_inp", "router", "conv1d", "mlp.gate.", "norm"} {
		if strings.Contains(t.Name, part) {
			return true
		}
	}
	return false
}

func isEmbedding(name string) bool {
	return strings.Contains(name, "embd") || strings.Contains(name, "embed")
}

// Fitting returns the type that a matrix of that many columns can have when
// typ is wanted: typ itself, Q8_0 where only its blocks divide the rows, else
// own, its present type.
func Fitting(typ, own tensor.DType, cols int) tensor.DType {
	for _, t := range []tensor.DType{typ, tensor.Q8_0} {
		if cols%t.BlockLen() == 0 {
			return t
		}
	}
	return own
}

// Convert writes the tensor in another type to dst, which has exactly the
// bytes it takes. It works on all processors, row by row.
func Convert(dst []byte, typ tensor.DType, t tensor.Tensor) error {
	fail := func(err error) error { return fmt.Errorf("tensor %q: %w", t.Name, err) }
	if err := t.Check(); err != nil {
		return err
	}
	size, err := tensor.ByteSize(typ, t.Shape)
	if err != nil {
		return fail(err)
	}
	if len(dst) != size {
		return fail(fmt.Errorf("%s %v to %d bytes, want %d", typ, t.Shape, len(dst), size))
	}
	if typ == t.Type {
		copy(dst, t.Data)
		return nil
	}
	if !typ.CanQuantize() || !t.Type.CanDequantize() {
		return fail(fmt.Errorf("%s does not convert to %s", t.Type, typ))
	}
	rows, rowBytes := t.NumRows(), size/t.NumRows()
	var next atomic.Int64
	var stop atomic.Bool
	errs := make([]error, min(runtime.GOMAXPROCS(0), rows))
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			row := make([]float32, t.Cols())
			for !stop.Load() {
				i := int(next.Add(1)) - 1
				if i >= rows {
					return
				}
				err := tensor.Dequantize(row, t.Type, t.Row(i))
				if err == nil {
					err = tensor.Quantize(dst[i*rowBytes:(i+1)*rowBytes], typ, row)
				}
				if err != nil {
					errs[w] = fail(fmt.Errorf("row %d: %w", i, err))
					stop.Store(true)
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// quantize replaces the big matrices by converted copies in memory, and gives
// back the pages of the file that they came from.
func (f *File) quantize(o Options) error {
	if !o.Quantize.CanQuantize() {
		return fmt.Errorf("%s is not a type to quantise to", o.Quantize)
	}
	keep := o.Keep
	if keep == nil {
		keep = Kept
	}
	total, done := f.Bytes(), int64(0)
	for i, t := range f.tensors {
		size := int64(len(t.Data))
		if !t.Type.Quantized() && t.Type.CanDequantize() && !keep(t) {
			typ := Fitting(o.Quantize, t.Type, t.Cols())
			n, err := tensor.ByteSize(typ, t.Shape)
			if err != nil {
				return fmt.Errorf("tensor %q: %w", t.Name, err)
			}
			if typ != t.Type {
				out := tensor.Tensor{Name: t.Name, Type: typ, Shape: t.Shape, Data: make([]byte, n)}
				if err := Convert(out.Data, typ, t); err != nil {
					return err
				}
				f.Release(t)
				f.tensors[i] = out
			}
		}
		done += size
		if o.Progress != nil {
			o.Progress(done, total)
		}
	}
	return nil
}
