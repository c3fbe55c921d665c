package cpu

import (
	"math"

	"summit/tensor"
)

// Kernels that work on one row by itself: a unit is a row.

type refEmbed struct {
	*tensor.Embed
	w *weight
}

func (k *refEmbed) units(r *run) int { return len(r.batch.IDs) }

func (k *refEmbed) do(r *run, lo, hi int, s *scratch) {
	buf := grow(&s.a, k.Out.Cols)
	for i := lo; i < hi; i++ {
		src := k.w.row(0, int(r.batch.IDs[i]), buf)
		dst := r.row(k.Out, i)
		for j, v := range src {
			dst[j] = v * k.Scale
		}
	}
}

type refNorm struct {
	*tensor.Norm
	w, b []float32
}

func (k *refNorm) units(r *run) int { return r.rows(k.X.Reg) }

func (k *refNorm) do(r *run, lo, hi int, _ *scratch) {
	n := k.X.Cols / k.Groups
	for i := lo; i < hi; i++ {
		x := r.row(k.X, i)
		if k.Add.Ok() {
			for j, v := range r.row(k.Add, i) {
				x[j] += v * k.AddScale
			}
		}
		out := r.row(k.Out, i)
		for g := range k.Groups {
			w, b := part(k.w, g, n), part(k.b, g, n)
			k.one(out[g*n:(g+1)*n], x[g*n:(g+1)*n], w, b)
		}
	}
}

// part returns group g's numbers of a vector that is shared or has all groups.
func part(v []float32, g, n int) []float32 {
	if len(v) > n {
		return v[g*n : (g+1)*n]
	}
	return v
}

// one normalises one group. Sums are float64.
func (k *refNorm) one(out, x, w, b []float32) {
	var mean float64
	if k.Kind == tensor.Layer {
		for _, v := range x {
			mean += float64(v)
		}
		mean /= float64(len(x))
	}
	var sum float64
	for _, v := range x {
		d := float64(v) - mean
		sum += d * d
	}
	var scale float64
	if k.Kind == tensor.L2 {
		scale = 1 / max(math.Sqrt(sum), float64(k.Eps))
	} else {
		scale = 1 / math.Sqrt(sum/float64(len(x))+float64(k.Eps))
	}
	m, f := float32(mean), float32(scale)
	for j, v := range x {
		v = (v - m) * f
		if w != nil {
			v *= w[j]
		}
		if b != nil {
			v += b[j]
		}
		out[j] = v
	}
}

type refActivate struct{ *tensor.Activate }

func (k *refActivate) units(r *run) int { return r.rows(k.Gate.Reg) }

func (k *refActivate) do(r *run, lo, hi int, _ *scratch) {
	for i := lo; i < hi; i++ {
		gate, out := r.row(k.Gate, i), r.row(k.Out, i)
		if !k.Up.Ok() {
			for j, g := range gate {
				if k.Limit > 0 {
					g = min(g, k.Limit)
				}
				out[j] = activate(k.Kind, g, k.Alpha)
			}
			continue
		}
		up := r.row(k.Up, i)
		for j, g := range gate {
			u := up[j]
			if k.Limit > 0 {
				g, u = min(g, k.Limit), clamp(u, k.Limit)
			}
			if k.Kind == tensor.ClampedSiLU {
				u++
			}
			out[j] = activate(k.Kind, g, k.Alpha) * u
		}
	}
}

type refAdd struct{ *tensor.Add }

func (k *refAdd) units(r *run) int { return r.rows(k.X.Reg) }

func (k *refAdd) do(r *run, lo, hi int, _ *scratch) {
	for i := lo; i < hi; i++ {
		x, out := r.row(k.X, i), r.row(k.Out, i)
		if !k.Y.Ok() {
			for j, v := range x {
				out[j] = v * k.XScale
			}
			continue
		}
		for j, v := range r.row(k.Y, i) {
			out[j] = x[j]*k.XScale + v*k.YScale
		}
	}
}

type refGate struct{ *tensor.Gate }

func (k *refGate) units(r *run) int { return r.rows(k.X.Reg) }

func (k *refGate) do(r *run, lo, hi int, _ *scratch) {
	n := k.X.Cols / k.G.Cols
	for i := lo; i < hi; i++ {
		x, out := r.row(k.X, i), r.row(k.Out, i)
		for g, v := range r.row(k.G, i) {
			f := sigmoid(v)
			for j := g * n; j < (g+1)*n; j++ {
				out[j] = x[j] * f
			}
		}
	}
}

type refSoftcap struct{ *tensor.Softcap }

func (k *refSoftcap) units(r *run) int { return r.rows(k.X.Reg) }

func (k *refSoftcap) do(r *run, lo, hi int, _ *scratch) {
	for i := lo; i < hi; i++ {
		out := r.row(k.Out, i)
		for j, v := range r.row(k.X, i) {
			out[j] = softcap(v, k.Cap)
		}
	}
}

func softcap(x, c float32) float32 {
	return float32(float64(c) * math.Tanh(float64(x)/float64(c)))
}

type refCopy struct{ *tensor.Copy }

func (k *refCopy) units(r *run) int { return r.rows(k.Dst.Reg) }

func (k *refCopy) do(r *run, lo, hi int, _ *scratch) {
	for i := lo; i < hi; i++ {
		src, dst := r.row(k.Src, i), r.row(k.Dst, i)
		for g := range k.Groups {
			copy(dst[g*k.DstStride:g*k.DstStride+k.Cols], src[g*k.SrcStride:])
		}
	}
}

type refGather struct{ *tensor.Gather }

func (k *refGather) units(r *run) int { return len(r.batch.Outputs) }

func (k *refGather) do(r *run, lo, hi int, _ *scratch) {
	for i := lo; i < hi; i++ {
		copy(r.row(k.Out, i), r.row(k.X, int(r.batch.Outputs[i])))
	}
}
