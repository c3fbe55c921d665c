package weights

import (
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"

	"summit/tensor"
)

// Random makes tensors of Gaussian numbers, quickly and the same for the same
// seed. The zero value has seed 0.
type Random struct {
	Seed uint64

	pools map[pool][]byte
}

// pool is a set of encoded pieces that big tensors are put together from:
// encoding every number anew would take minutes for a model of a billion.
type pool struct {
	typ       tensor.DType
	piece     int // numbers
	deviation float64
}

const (
	poolPieces = 1024
	smallest   = 1 << 16 // below so many numbers, each is drawn for itself
)

// Fill writes the bytes of a tensor of that type and shape. Big tensors are
// drawn from a pool of encoded pieces with mean 0: blocks repeat, numbers
// within one do not. The mean is for small tensors, such as norms.
func (r *Random) Fill(w io.Writer, t tensor.Tensor, mean, deviation float64) error {
	size, err := tensor.ByteSize(t.Type, t.Shape)
	if err != nil {
		return fmt.Errorf("weights: tensor %q: %w", t.Name, err)
	}
	h := fnv.New64a()
	_, _ = io.WriteString(h, t.Name) // never fails
	src := rand.NewPCG(r.Seed, h.Sum64())
	if n := t.Elements(); n < smallest {
		x, err := gaussian(src, t.Type, n, mean, deviation)
		if err == nil {
			_, err = w.Write(x)
		}
		return err
	}
	piece := 256
	for t.Cols()%piece != 0 {
		piece /= 2
	}
	piece = max(piece, t.Type.BlockLen())
	all, err := r.pool(pool{t.Type, piece, deviation})
	if err != nil {
		return err
	}
	n := len(all) / poolPieces
	buf := make([]byte, 0, max(n, 1<<20/n*n))
	for size > 0 {
		buf = buf[:0]
		for len(buf)+n <= cap(buf) && len(buf) < size {
			i := int(src.Uint64()%poolPieces) * n
			buf = append(buf, all[i:i+n]...)
		}
		if _, err := w.Write(buf); err != nil {
			return err
		}
		size -= len(buf)
	}
	return nil
}

func (r *Random) pool(p pool) ([]byte, error) {
	if b, ok := r.pools[p]; ok {
		return b, nil
	}
	b, err := gaussian(rand.NewPCG(r.Seed, uint64(p.piece)), p.typ, p.piece*poolPieces, 0, p.deviation)
	if err != nil {
		return nil, err
	}
	if r.pools == nil {
		r.pools = map[pool][]byte{}
	}
	r.pools[p] = b
	return b, nil
}

func gaussian(src rand.Source, typ tensor.DType, n int, mean, deviation float64) ([]byte, error) {
	g := rand.New(src)
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(mean + deviation*g.NormFloat64())
	}
	size, err := typ.RowBytes(n)
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	return b, tensor.Quantize(b, typ, x)
}
