package arch

import (
	"encoding/binary"
	"fmt"
	"math"

	"summit/tensor"
)

// This file makes the copies that views can't be: rows in another order, numbers in another form. Rows are whole
// blocks in every type, so moving rows never changes a weight.

// taken is a copy of the rows of t in the given order.
func (b *binder) taken(t *tensor.Tensor, order []int) *tensor.Tensor {
	if t == nil || b.err != nil {
		return nil
	}
	if len(t.Shape) == 1 { // a vector: its numbers are the rows
		m, err := t.Reshape(t.Shape[0], 1)
		if err != nil {
			b.err = fmt.Errorf("arch: %s: %w", b.arch, err)
			return nil
		}
		v := b.taken(&m, order)
		if v != nil {
			v.Shape = v.Shape[:1]
		}
		return v
	}
	size := len(t.Data) / t.Shape[0]
	out := tensor.Tensor{Name: t.Name, Type: t.Type, Shape: append([]int{len(order)}, t.Shape[1:]...)}
	out.Data = make([]byte, 0, len(order)*size)
	for _, r := range order {
		out.Data = append(out.Data, t.Data[r*size:(r+1)*size]...)
	}
	return &out
}

// deal gives the rows of t, which repeat n times the runs of these lengths, out to one tensor per run.
func (b *binder) deal(t *tensor.Tensor, n int, runs []int) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(runs))
	if t == nil || b.err != nil { // the runs are what the file says: without its tensor they may be of any length
		return out
	}
	period := 0
	for _, r := range runs {
		period += r
	}
	start := 0
	for i, r := range runs {
		var order []int
		for g := range n {
			for j := range r {
				order = append(order, g*period+start+j)
			}
		}
		out[i] = b.taken(t, order)
		start += r
	}
	return out
}

// dealNumbers is deal over the last dimension of a matrix [n, Σ runs] of plain numbers.
func (b *binder) dealNumbers(t *tensor.Tensor, n int, runs []int) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(runs))
	flat, err := t.Reshape(t.Elements())
	if err != nil {
		b.err = fmt.Errorf("arch: %s: %w", b.arch, err)
		return out
	}
	for i, p := range b.deal(&flat, n, runs) {
		if p != nil {
			p.Shape = []int{n, runs[i]}
		}
		out[i] = p
	}
	return out
}

// unzip parts a matrix whose rows are, n times over, run rows of the first and run of the second.
func (b *binder) unzip(l Linear, n, run int) (first, second Linear) {
	w := b.deal(l.Weight, n, []int{run, run})
	first.Weight, second.Weight = w[0], w[1]
	if l.Bias != nil {
		v := b.deal(l.Bias, n, []int{run, run})
		first.Bias, second.Bias = v[0], v[1]
	}
	return first, second
}

// ungroup puts a fused qkv that lies KV head by KV head into the order q, k, v.
func (b *binder) ungroup(l Linear, a *AttnConfig) Linear {
	runs := []int{a.Heads / a.KVHeads * a.KeyDim, a.KeyDim, a.ValueDim}
	var out Linear
	w := b.deal(l.Weight, a.KVHeads, runs)
	out.Weight = b.stacked(l.Weight, w...)
	if l.Bias != nil {
		v := b.deal(l.Bias, a.KVHeads, runs)
		out.Bias = b.stacked(l.Bias, v...)
	}
	return out
}

// stacked lays tensors of one type and width under each other; like names the result.
func (b *binder) stacked(like *tensor.Tensor, parts ...*tensor.Tensor) *tensor.Tensor {
	if b.err != nil || like == nil {
		return nil
	}
	out := tensor.Tensor{Name: like.Name, Type: like.Type, Shape: append([]int{0}, like.Shape[1:]...)}
	for _, p := range parts {
		if p == nil {
			return nil
		}
		out.Shape[0] += p.Shape[0]
		out.Data = append(out.Data, p.Data...)
	}
	return &out
}

// splitKVB parts the trained kv_b [Heads·(NopeDim+ValueDim), KVRank] into what absorbed attention multiplies with:
// KB [Heads, KVRank, NopeDim], transposed and so as float32, and VB [Heads, ValueDim, KVRank], rows as they are.
func (b *binder) splitKVB(t *tensor.Tensor, a *MLAConfig) (kb, vb *tensor.Tensor) {
	if t == nil || b.err != nil {
		return nil, nil
	}
	parts := b.deal(t, a.Heads, []int{a.NopeDim, a.ValueDim})
	if b.err != nil {
		return nil, nil
	}
	k, err := parts[0].Float32s()
	if err != nil {
		b.err = fmt.Errorf("arch: %s: %w", b.arch, err)
		return nil, nil
	}
	turned := make([]float32, len(k))
	for h := range a.Heads {
		block := h * a.NopeDim * a.KVRank
		for n := range a.NopeDim {
			for c := range a.KVRank {
				turned[block+c*a.NopeDim+n] = k[block+n*a.KVRank+c]
			}
		}
	}
	kb = float32Tensor(t.Name, turned, a.Heads, a.KVRank, a.NopeDim)
	vb = parts[1]
	vb.Shape = []int{a.Heads, a.ValueDim, a.KVRank}
	return kb, vb
}

// mapped is a float32 copy of t with f on every number; for vectors, not for matrices.
func (b *binder) mapped(t *tensor.Tensor, f func(float32) float32) *tensor.Tensor {
	if t == nil || b.err != nil {
		return nil
	}
	x, err := t.Float32s()
	if err != nil {
		b.err = fmt.Errorf("arch: %s: %w", b.arch, err)
		return nil
	}
	for i := range x {
		x[i] = f(x[i])
	}
	return float32Tensor(t.Name, x, t.Shape...)
}

// foldKeyNorm multiplies a layer's key weight into its query weight, so that keys are normed without a weight and any
// layer can read them. It holds where the norm comes after the rope and is per head.
func (b *binder) foldKeyNorm(i int, a *AttnConfig, w *Layer) {
	if w.QNorm == nil || w.KNorm == nil || b.err != nil {
		return
	}
	if a.QKNorm != PerHead || !a.QKNormAfterRope {
		b.fail("layer %d: shared keys are normed otherwise than per head after the rope", i)
		return
	}
	k, err := w.KNorm.Float32s()
	if err != nil {
		b.err = fmt.Errorf("arch: %s: %w", b.arch, err)
		return
	}
	at := 0
	w.QNorm = b.mapped(w.QNorm, func(q float32) float32 { at++; return q * k[at-1] })
	w.KNorm = b.mapped(w.KNorm, func(float32) float32 { return 1 })
	if a.KVLayer != i {
		w.KNorm = nil
	}
}

func float32Tensor(name string, x []float32, shape ...int) *tensor.Tensor {
	data := make([]byte, 0, 4*len(x))
	for _, v := range x {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return &tensor.Tensor{Name: name, Type: tensor.F32, Shape: shape, Data: data}
}
