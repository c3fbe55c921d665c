package cpu

import (
	"summit/backend/cpu/simd"
	"summit/tensor"
)

// Matrices of a stack: experts, and one matrix a head. Each has inputs of its
// own, quantised into activations of its own that share memory.

// experts returns the phases of a step on the chosen experts, or nil if one of
// its stacks is not packed.
func (f fast) experts(x *compiler, i *tensor.ExpertMatMul) []phase {
	v := newVisits(x, i)
	out := []phase{v}
	var quant *visitActs
	for k, id := range i.W {
		p, ok := x.weights[id].fast.(*packed)
		if !ok {
			return nil
		}
		m := &fastExpert{visits: v, x: i.X, out: i.Out[k], w: p.parts, tier: f.tier}
		if i.Bias != nil {
			m.bias = x.vec(i.Bias[k])
		}
		if p.parts[0].Quant != nil {
			if quant == nil {
				// A group of two visits takes the room of four: at most twice the visits.
				quant = &visitActs{visits: v, x: i.X, cols: p.parts[0].Cols, acts: make([]simd.Activations, len(p.parts)), tier: f.tier,
					mem: make([]byte, simd.ActivationBytes(8*((2*x.lim.Tokens*i.K+7)/8), p.parts[0].Cols))}
				out = append(out, quant)
			}
			m.acts = quant
		}
		out = append(out, m)
	}
	return out
}

// input is the vector of visit at, which is token*k + which.
func (v *visits) input(r *run, x tensor.Ref, at int32, cols int) []float32 {
	t, j := int(at)/v.k, int(at)%v.k
	row := r.row(x, t)
	if len(row) == cols {
		return row
	}
	return row[j*cols:][:cols]
}

// visitActs quantises the inputs of every chosen expert: a unit is an expert.
type visitActs struct {
	*visits
	x    tensor.Ref
	cols int
	acts []simd.Activations // by expert
	mem  []byte
	tier simd.Tier
}

func (k *visitActs) units(*run) int {
	mem := k.mem
	for _, e := range k.active {
		rest, err := k.acts[e].Use(mem, int(k.start[e+1]-k.start[e]), k.cols)
		must(err)
		mem = rest
	}
	return len(k.active)
}

func (k *visitActs) grain(r *run) int {
	return max(1, rowGrain(k.cols)*len(k.active)/max(1, r.rows(k.idx.Reg)*k.k))
}

func (k *visitActs) do(r *run, lo, hi int, _ *scratch) {
	for _, e := range k.active[lo:hi] {
		for i, at := range k.list[k.start[e]:k.start[e+1]] {
			must(k.acts[e].Quantize(k.tier, i, k.input(r, k.x, at, k.cols)))
		}
	}
}

// fastExpert multiplies one stack: a unit is a panel of a chosen expert.
type fastExpert struct {
	*visits
	x, out tensor.Ref
	w      []*simd.Matrix
	bias   []float32 // [experts, rows]
	acts   *visitActs
	tier   simd.Tier
}

func (k *fastExpert) units(*run) int { return len(k.active) * k.w[0].Panels() }

func (k *fastExpert) grain(r *run) int {
	w := k.w[0]
	visits := max(1, r.rows(k.idx.Reg)*k.k/max(1, len(k.active)))
	return max(1, min(160_000/max(1, len(w.Data)/w.Panels()), 2_000_000/(simd.PanelRows*w.Cols*visits)))
}

func (k *fastExpert) do(r *run, lo, hi int, s *scratch) {
	panels := k.w[0].Panels()
	for lo < hi {
		i, p := lo/panels, lo%panels
		n := min(panels-p, hi-lo)
		k.some(r, int(k.active[i]), p, p+n, s)
		lo += n
	}
}

// some does panels of one expert for all its visits: into memory of the
// worker's, then row by row to where the visits' results belong.
func (k *fastExpert) some(r *run, e, first, last int, s *scratch) {
	w := k.w[e]
	list := k.list[k.start[e]:k.start[e+1]]
	lo, hi := first*simd.PanelRows, min(last*simd.PanelRows, w.Rows)
	out := simd.Out{Dst: grow(&s.a, len(list)*w.Rows), Stride: w.Rows}
	if k.bias != nil {
		out.From = k.bias[e*w.Rows:][:w.Rows]
	}
	if k.acts != nil {
		must(simd.MatMul(k.tier, &s.tile, out, w, &k.acts.acts[e], first, last))
	} else {
		x := grow(&s.b, len(list)*w.Cols)
		for i, at := range list {
			copy(x[i*w.Cols:], k.input(r, k.x, at, w.Cols))
		}
		must(simd.MatMulFloat(k.tier, &s.tile, out, w, x, w.Cols, len(list), first, last))
	}
	for i, at := range list {
		t, j := int(at)/k.k, int(at)%k.k
		copy(r.row(k.out, t)[j*w.Rows+lo:j*w.Rows+hi], out.Dst[i*w.Rows+lo:])
	}
}

// heads returns the phases of one matrix a head.
func (f fast) heads(x *compiler, i *tensor.HeadMatMul) []phase {
	p, ok := x.weights[i.W].fast.(*packed)
	if !ok {
		return nil
	}
	m := &fastHeads{HeadMatMul: i, w: p.parts, tier: f.tier}
	if p.parts[0].Float != nil {
		return []phase{m}
	}
	n := simd.ActivationBytes((x.lim.Tokens+7)/8*8, p.parts[0].Cols)
	m.acts = &headActs{HeadMatMul: i, acts: make([]simd.Activations, len(p.parts)), mem: make([]byte, n*len(p.parts)), cols: p.parts[0].Cols, tier: f.tier}
	return []phase{m.acts, m}
}

// headActs quantises every head's part of the input: a unit is a head.
type headActs struct {
	*tensor.HeadMatMul
	acts []simd.Activations
	mem  []byte
	cols int
	tier simd.Tier
}

func (k *headActs) units(r *run) int {
	n := r.rows(k.X.Reg)
	if n == 0 {
		return 0
	}
	mem := k.mem
	for h := range k.acts {
		rest, err := k.acts[h].Use(mem, n, k.cols)
		must(err)
		mem = rest
	}
	return len(k.acts)
}

func (k *headActs) grain(r *run) int { return max(1, rowGrain(k.cols)/max(1, r.rows(k.X.Reg))) }

func (k *headActs) do(r *run, lo, hi int, _ *scratch) {
	for h := lo; h < hi; h++ {
		for i := range r.rows(k.X.Reg) {
			must(k.acts[h].Quantize(k.tier, i, r.row(k.X, i)[h*k.XStride:][:k.cols]))
		}
	}
}

// fastHeads multiplies: a unit is a panel of a head's matrix.
type fastHeads struct {
	*tensor.HeadMatMul
	w    []*simd.Matrix
	acts *headActs
	tier simd.Tier
}

func (k *fastHeads) units(r *run) int {
	if r.rows(k.X.Reg) == 0 {
		return 0
	}
	return len(k.w) * k.w[0].Panels()
}

func (k *fastHeads) grain(r *run) int {
	w := k.w[0]
	return max(1, min(160_000/max(1, len(w.Data)/w.Panels()), 2_000_000/(simd.PanelRows*w.Cols*max(1, r.rows(k.X.Reg)))))
}

func (k *fastHeads) do(r *run, lo, hi int, s *scratch) {
	panels := k.w[0].Panels()
	for lo < hi {
		h, p := lo/panels, lo%panels
		n := min(panels-p, hi-lo)
		g, x := &r.regs[k.Out.Reg], &r.regs[k.X.Reg]
		out := simd.Out{Dst: g.f[k.Out.Off+h*k.OutStride:], Stride: g.cols}
		if k.acts != nil {
			must(simd.MatMul(k.tier, &s.tile, out, k.w[h], &k.acts.acts[h], p, p+n))
		} else {
			must(simd.MatMulFloat(k.tier, &s.tile, out, k.w[h], x.f[k.X.Off+h*k.XStride:], x.cols, r.rows(k.X.Reg), p, p+n))
		}
		lo += n
	}
}
