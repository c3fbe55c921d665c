package cpu

import (
	"summit/backend/cpu/simd"
	"summit/tensor"
)

// fastQuantize rounds a step's input to int8, a unit a row.
type fastQuantize struct {
	x    tensor.Ref
	acts *simd.Activations
	rest *simd.Activations // nil, or what rounding lost, rounded in its turn
	tier simd.Tier
}

// units also says how many rows there are: it is called once, before do.
func (k *fastQuantize) units(r *run) int {
	n := r.rows(k.x.Reg)
	if n > 0 {
		must(k.acts.Reset(n, k.x.Cols))
		if k.rest != nil {
			must(k.rest.Reset(n, k.x.Cols))
		}
	}
	return n
}

// grain: 16k numbers are quantised in about 5 microseconds.
func (k *fastQuantize) grain(*run) int { return max(1, 16384/k.x.Cols) }

func (k *fastQuantize) do(r *run, lo, hi int, s *scratch) {
	for i := lo; i < hi; i++ {
		x := r.row(k.x, i)
		must(k.acts.Quantize(k.tier, i, x))
		if k.rest != nil {
			lost := grow(&s.a, len(x))
			must(k.acts.Residual(lost, i, x))
			must(k.rest.Quantize(k.tier, i, lost))
		}
	}
}

// must is for errors of shapes that Compile has checked.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// fastMatMul multiplies all matrices of a step: a unit is a panel of 16 rows
// of one of them, for all tokens.
type fastMatMul struct {
	x    tensor.Ref
	out  []tensor.Ref
	w    []*simd.Matrix
	bias [][]float32
	acts *simd.Activations // nil: float matrices
	rest *simd.Activations // nil, or the input's lower bits
	tier simd.Tier
}

// matmuls returns the phases of a step: those of its quantised matrices, those
// of its float ones, and the reference's for what is not packed.
func (f fast) matmuls(x *compiler, i *tensor.MatMul) []phase {
	quant := &fastMatMul{x: i.X, tier: f.tier}
	float := &fastMatMul{x: i.X, tier: f.tier}
	var out []phase
	for k, id := range i.W {
		var bias []float32
		if i.Bias != nil {
			bias = x.vec(i.Bias[k])
		}
		p, ok := x.weights[id].fast.(*packed)
		if !ok {
			out = append(out, &refMatMul{x: i.X, out: i.Out[k], w: x.weights[id], bias: bias})
			continue
		}
		m := quant
		if p.parts[0].Float != nil {
			m = float
		}
		m.out, m.w, m.bias = append(m.out, i.Out[k]), append(m.w, p.parts[0]), append(m.bias, bias)
	}
	if len(quant.w) > 0 {
		quant.acts = x.scratchActs(&x.acts, i.X.Cols)
		if i.Precise {
			quant.rest = x.scratchActs(&x.rest, i.X.Cols)
		}
		out = append(out, &fastQuantize{x: i.X, acts: quant.acts, rest: quant.rest, tier: f.tier}, quant)
	}
	if len(float.w) > 0 {
		out = append(out, float)
	}
	return out
}

func (k *fastMatMul) units(r *run) int {
	if r.rows(k.x.Reg) == 0 {
		return 0
	}
	n := 0
	for _, w := range k.w {
		n += w.Panels()
	}
	return n
}

// grain is about ten microseconds of memory for one token, or of arithmetic
// for many.
func (k *fastMatMul) grain(r *run) int {
	w := k.w[0]
	bytes := len(w.Data) / w.Panels()
	macs := simd.PanelRows * w.Cols * r.rows(k.x.Reg)
	return max(1, min(160_000/max(1, bytes), 2_000_000/max(1, macs)))
}

func (k *fastMatMul) do(r *run, lo, hi int, s *scratch) {
	for i, w := range k.w {
		n := w.Panels()
		if lo < n && hi > 0 {
			k.some(r, i, max(lo, 0), min(hi, n), s)
		}
		lo, hi = lo-n, hi-n
	}
}

// some does panels of one matrix.
func (k *fastMatMul) some(r *run, i, lo, hi int, s *scratch) {
	g := &r.regs[k.out[i].Reg]
	out := simd.Out{Dst: g.f[k.out[i].Off:], Stride: g.cols, From: k.bias[i]}
	if k.acts != nil {
		must(simd.MatMul(k.tier, &s.tile, out, k.w[i], k.acts, lo, hi))
		if k.rest != nil { // the panels are still in the cache
			out.From, out.FromStride = out.Dst, out.Stride
			must(simd.MatMul(k.tier, &s.tile, out, k.w[i], k.rest, lo, hi))
		}
		return
	}
	x := &r.regs[k.x.Reg]
	must(simd.MatMulFloat(k.tier, &s.tile, out, k.w[i], x.f[k.x.Off:], x.cols, r.rows(k.x.Reg), lo, hi))
}
