package cpu

import (
	"math"

	"summit/tensor"
)

// refConv convolves columns by themselves: a unit is up to convCols columns
// of one sequence.
type refConv struct {
	*tensor.Conv
	w, bias []float32
	state   *buffer
}

const convCols = 64

func (k *refConv) blocks() int { return (k.X.Cols + convCols - 1) / convCols }

func (k *refConv) units(r *run) int { return len(r.batch.Seqs) * k.blocks() }

func (k *refConv) do(r *run, lo, hi int, _ *scratch) {
	cols, old := k.X.Cols, k.Taps-1
	for u := lo; u < hi; u++ {
		seq := &r.batch.Seqs[u/k.blocks()]
		from := u % k.blocks() * convCols
		state := k.state.f32[int(seq.Slot)*k.state.item:][:k.state.item]
		for c := from; c < min(from+convCols, cols); c++ {
			if seq.Pos == 0 {
				for j := range old {
					state[j*cols+c] = 0
				}
			}
			w := k.w[c*k.Taps : (c+1)*k.Taps]
			for t := range seq.N {
				x := r.row(k.X, seq.Row+t)[c]
				sum := w[old] * x
				for j := range old {
					sum += w[j] * state[j*cols+c]
				}
				for j := range old - 1 {
					state[j*cols+c] = state[(j+1)*cols+c]
				}
				state[(old-1)*cols+c] = x
				if k.bias != nil {
					sum += k.bias[c]
				}
				if k.SiLU {
					sum = activate(tensor.SiLU, sum, 0)
				}
				r.row(k.Out, seq.Row+t)[c] = sum
			}
		}
	}
}

// refDeltaNet runs the recurrence token by token: a unit is one value head of
// one sequence.
type refDeltaNet struct {
	*tensor.DeltaNet
	a, dt []float32
	state *buffer
}

func (k *refDeltaNet) units(r *run) int { return len(r.batch.Seqs) * k.VHeads }

func (k *refDeltaNet) do(r *run, lo, hi int, s *scratch) {
	for u := lo; u < hi; u++ {
		seq, h := &r.batch.Seqs[u/k.VHeads], u%k.VHeads
		size := k.KDim * k.VDim
		state := k.state.f32[int(seq.Slot)*k.state.item+h*size:][:size]
		if seq.Pos == 0 {
			clear(state)
		}
		for t := range seq.N {
			k.one(r, seq.Row+t, h, state, grow(&s.a, k.VDim), grow(&s.b, k.KDim))
		}
	}
}

func (k *refDeltaNet) one(r *run, row, h int, state, d, decay []float32) {
	kh := h / (k.VHeads / k.KHeads)
	if k.Tiled {
		kh = h % k.KHeads
	}
	q := r.row(k.Q, row)[kh*k.KDim : (kh+1)*k.KDim]
	key := r.row(k.K, row)[kh*k.KDim : (kh+1)*k.KDim]
	val := r.row(k.V, row)[h*k.VDim : (h+1)*k.VDim]
	out := r.row(k.Out, row)[h*k.VDim : (h+1)*k.VDim]
	beta := sigmoid(r.row(k.Beta, row)[h])
	k.decay(decay, r.row(k.Alpha, row), h)

	clear(d)
	for i, f := range decay {
		s := state[i*k.VDim : (i+1)*k.VDim]
		ki := key[i]
		for j := range s {
			s[j] *= f
			d[j] += ki * s[j]
		}
	}
	for j, v := range val {
		d[j] = (v - d[j]) * beta
	}
	clear(out)
	for i, ki := range key {
		s := state[i*k.VDim : (i+1)*k.VDim]
		qi := q[i] * k.Scale
		for j, dj := range d {
			s[j] += ki * dj
			out[j] += qi * s[j]
		}
	}
}

// decay fills in the factor of every row of the state.
func (k *refDeltaNet) decay(dst, alpha []float32, h int) {
	f := func(c int) float32 {
		x := float64(alpha[c])
		if k.dt != nil {
			x += float64(k.dt[c])
		}
		return float32(math.Exp(float64(k.a[h]) * softplus(x)))
	}
	if len(alpha) == k.VHeads {
		v := f(h)
		for i := range dst {
			dst[i] = v
		}
		return
	}
	for i := range dst {
		dst[i] = f(h*k.KDim + i)
	}
}

// softplus is ln(1+e^x) without overflow.
func softplus(x float64) float64 {
	if x > 20 {
		return x
	}
	return math.Log1p(math.Exp(x))
}
