package cpu

import "summit/tensor"

// refMatMul multiplies one matrix: a unit is a row of it, decoded once for
// all tokens.
type refMatMul struct {
	x, out tensor.Ref
	w      *weight
	bias   []float32
}

func refMatMuls(x *compiler, i *tensor.MatMul) []phase {
	var out []phase
	for k, w := range i.W {
		m := &refMatMul{x: i.X, out: i.Out[k], w: x.weights[w]}
		if i.Bias != nil {
			m.bias = x.vec(i.Bias[k])
		}
		out = append(out, m)
	}
	return out
}

func (k *refMatMul) units(r *run) int {
	if r.rows(k.x.Reg) == 0 {
		return 0
	}
	return k.out.Cols
}

func (k *refMatMul) do(r *run, lo, hi int, s *scratch) {
	buf := grow(&s.a, k.x.Cols)
	n := r.rows(k.x.Reg)
	for o := lo; o < hi; o++ {
		w := k.w.row(0, o, buf)
		var b float32
		if k.bias != nil {
			b = k.bias[o]
		}
		for i := range n {
			r.row(k.out, i)[o] = dot(w, r.row(k.x, i)) + b
		}
	}
}

// refHeadMatMul multiplies one matrix a head: a unit is a row of one of them.
type refHeadMatMul struct {
	*tensor.HeadMatMul
	w *weight
}

func (k *refHeadMatMul) units(r *run) int { return len(k.w.spec.Parts) * k.w.spec.Rows() }

func (k *refHeadMatMul) do(r *run, lo, hi int, s *scratch) {
	rows, cols := k.w.spec.Rows(), k.w.spec.Cols()
	buf := grow(&s.a, cols)
	n := r.rows(k.X.Reg)
	for u := lo; u < hi; u++ {
		h, o := u/rows, u%rows
		w := k.w.row(h, o, buf)
		for i := range n {
			x := r.row(k.X, i)[h*k.XStride:]
			r.row(k.Out, i)[h*k.OutStride+o] = dot(w, x[:cols])
		}
	}
}
