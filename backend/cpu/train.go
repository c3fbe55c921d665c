package cpu

import (
	"fmt"
	"math"

	"summit/backend/cpu/simd"
	"summit/tensor"
)

// The trainer: products and row functions of package simd in its best tier, or
// in plain Go, which is the reference.

// Lane returns a worker's set of training operations.
func (c *CPU) Lane() tensor.Lane {
	l := &lane{}
	for _, t := range simd.Tiers() {
		if c.tier != nil && c.tier.name == t.String() {
			l.tier = t
		}
	}
	return l
}

var _ tensor.Trainer = (*CPU)(nil)

// lane has scratch memory that grows to what its work needs.
type lane struct {
	tier    simd.Tier
	right   []float32    // a packed right matrix
	heads   [4][]float32 // packed keys and values, both ways
	scores  []float32
	dscores []float32
	row     []float32
}

// floatsFor returns n numbers of a buffer that grows.
func floatsFor(b *[]float32, n int) []float32 {
	if cap(*b) < n {
		*b = make([]float32, n)
	}
	*b = (*b)[:n]
	return *b
}

func want(what string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("cpu: train: %s: got %d, want %d", what, got, want))
	}
}

// rightPair is a matrix [rows, cols] as the right side of both products: its
// transpose for the forward pass, itself for the backward pass.
type rightPair struct{ forward, backward simd.Right }

func (p *rightPair) Bytes() int64 { return 4 * int64(len(p.forward.Data)+len(p.backward.Data)) }

func (l *lane) Pack(old tensor.Packed, w []float32, rows, cols int) tensor.Packed {
	want("weights", len(w), rows*cols)
	p, ok := old.(*rightPair)
	if !ok || p.backward.K != rows || p.backward.N != cols {
		p = &rightPair{}
		p.forward.Data = make([]float32, simd.PackedLen(cols, rows))
		p.backward.Data = make([]float32, simd.PackedLen(rows, cols))
	}
	p.forward = simd.PackRight(p.forward.Data, simd.Strided{Data: w, Row: 1, Col: cols}, cols, rows)
	p.backward = simd.PackRight(p.backward.Data, simd.Strided{Data: w, Row: cols, Col: 1}, rows, cols)
	return p
}

func left(r tensor.Rows) simd.Strided { return simd.Strided{Data: r.Data, Row: r.Stride, Col: 1} }
func turned(r tensor.Rows) simd.Strided {
	return simd.Strided{Data: r.Data, Row: 1, Col: r.Stride}
}

func (l *lane) MatMul(y, x tensor.Rows, w tensor.Packed, add bool) {
	b := w.(*rightPair).forward
	want("columns of x", x.Cols, b.K)
	want("columns of y", y.Cols, b.N)
	want("rows", y.N, x.N)
	simd.Gemm(l.tier, y.Data, y.Stride, left(x), b, x.N, b.N, b.K, add)
}

func (l *lane) MatMulBack(dx, dy tensor.Rows, w tensor.Packed, add bool) {
	b := w.(*rightPair).backward
	want("columns of dy", dy.Cols, b.K)
	want("columns of dx", dx.Cols, b.N)
	want("rows", dx.N, dy.N)
	simd.Gemm(l.tier, dx.Data, dx.Stride, left(dy), b, dy.N, b.N, b.K, add)
}

func (l *lane) MatMulWeights(dw [][]float32, dy []tensor.Rows, x tensor.Rows) {
	want("gradients", len(dw), len(dy))
	if x.N == 0 {
		return
	}
	b := simd.PackRight(floatsFor(&l.right, simd.PackedLen(x.N, x.Cols)), left(x), x.N, x.Cols)
	for i, d := range dy {
		want("rows", d.N, x.N)
		want("weights", len(dw[i]), d.Cols*x.Cols)
		simd.Gemm(l.tier, dw[i], x.Cols, turned(d), b, d.Cols, x.Cols, x.N, true)
	}
}

func (l *lane) AddBias(y tensor.Rows, b []float32) {
	for i := range y.N {
		simd.AddScaled(l.tier, y.Row(i), b, 1)
	}
}

func (l *lane) BiasBack(db []float32, dy tensor.Rows) {
	for i := range dy.N {
		simd.AddScaled(l.tier, db, dy.Row(i), 1)
	}
}

func (l *lane) RMSNorm(y, x tensor.Rows, groups int, w []float32, eps float32, scale []float32) {
	want("rows", y.N, x.N)
	want("factors", len(scale), x.N*groups)
	n := len(w)
	want("columns", x.Cols, groups*n)
	for i := range x.N {
		in, out := x.Row(i), y.Row(i)
		for g := range groups {
			part := in[g*n : (g+1)*n]
			f := float32(1 / math.Sqrt(float64(simd.SumSquares(l.tier, part))/float64(n)+float64(eps)))
			scale[i*groups+g] = f
			simd.NormScale(l.tier, out[g*n:(g+1)*n], part, w, f)
		}
	}
}

func (l *lane) RMSNormBack(dx tensor.Rows, dw []float32, dy, x tensor.Rows, groups int, w, scale []float32) {
	want("rows", dy.N, x.N)
	want("factors", len(scale), x.N*groups)
	n := len(w)
	for i := range x.N {
		in, d, to := x.Row(i), dy.Row(i), dx.Row(i)
		for g := range groups {
			lo, hi := g*n, (g+1)*n
			f := scale[i*groups+g]
			pull := simd.Dot3(l.tier, d[lo:hi], w, in[lo:hi]) * f * f * f / float32(n)
			simd.NormBack(l.tier, to[lo:hi], dw, d[lo:hi], in[lo:hi], w, f, pull)
		}
	}
}

func (l *lane) Rope(x tensor.Rows, headDim int, t *tensor.Turn, at []int32, back bool) {
	want("positions", len(at), x.N)
	n := t.Pairs
	minus := floatsFor(&l.row, n)
	for i := range x.N {
		p := int(at[i])
		cos, sin := t.Cos[p*n:(p+1)*n], t.Sin[p*n:(p+1)*n]
		if back {
			for j, s := range sin {
				minus[j] = -s
			}
			sin = minus
		}
		row := x.Row(i)
		for h := 0; h < x.Cols; h += headDim {
			if t.Kind == tensor.RopeNeoX {
				simd.RopeNeoX(l.tier, row[h:h+2*n], cos, sin)
			} else {
				simd.RopeNorm(l.tier, row[h:h+2*n], cos, sin)
			}
		}
	}
}

func (l *lane) Activate(y, gate, up tensor.Rows, kind tensor.Act) {
	for i := range y.N {
		switch kind {
		case tensor.SiLU:
			simd.SiLUMul(l.tier, y.Row(i), gate.Row(i), up.Row(i))
		case tensor.GELU:
			simd.GELUExact(l.tier, y.Row(i), gate.Row(i), up.Row(i))
		default:
			panic(fmt.Sprintf("cpu: train: activation %d", kind))
		}
	}
}

func (l *lane) ActivateBack(dgate, dup, dy, gate, up tensor.Rows, kind tensor.Act) {
	for i := range dy.N {
		switch kind {
		case tensor.SiLU:
			simd.SiLUBack(l.tier, dgate.Row(i), dup.Row(i), dy.Row(i), gate.Row(i), up.Row(i))
		case tensor.GELU:
			simd.GELUBack(l.tier, dgate.Row(i), dup.Row(i), dy.Row(i), gate.Row(i), up.Row(i))
		default:
			panic(fmt.Sprintf("cpu: train: activation %d", kind))
		}
	}
}

func (l *lane) Gate(y, x, g tensor.Rows) {
	width := x.Cols / g.Cols
	want("columns", x.Cols, width*g.Cols)
	for i := range x.N {
		in, out := x.Row(i), y.Row(i)
		for h, v := range g.Row(i) {
			s := sigmoid(v)
			for j := h * width; j < (h+1)*width; j++ {
				out[j] = in[j] * s
			}
		}
	}
}

func (l *lane) GateBack(dx, dg, dy, x, g tensor.Rows) {
	width := x.Cols / g.Cols
	want("columns", x.Cols, width*g.Cols)
	for i := range x.N {
		in, d, out, dgate := x.Row(i), dy.Row(i), dx.Row(i), dg.Row(i)
		for h, v := range g.Row(i) {
			s, lo, hi := sigmoid(v), h*width, (h+1)*width
			dgate[h] = simd.Dot(l.tier, d[lo:hi], in[lo:hi]) * s * (1 - s)
			for j := lo; j < hi; j++ {
				out[j] = d[j] * s
			}
		}
	}
}

func (l *lane) CrossEntropy(logits tensor.Rows, target []int32, weight []float32) (loss float64, right int) {
	want("targets", len(target), logits.N)
	want("weights", len(weight), logits.N)
	floor := float32(math.Inf(-1))
	for i := range logits.N {
		row, t := logits.Row(i), target[i]
		own := row[t]
		top, sum := simd.SoftmaxParts(l.tier, row, floor)
		loss += float64(weight[i]) * (math.Log(float64(sum)) - float64(own-top))
		if own == top {
			right++
		}
		simd.Scale(l.tier, row, weight[i]/sum)
		row[t] -= weight[i]
	}
	return loss, right
}

func (l *lane) Add(dst, src []float32, factor float32) { simd.AddScaled(l.tier, dst, src, factor) }

func (l *lane) SumSquares(x []float32) float32 { return simd.SumSquares(l.tier, x) }

func (l *lane) AdamW(w, m, v, gradient []float32, p tensor.AdamW) {
	grown1 := 1 - math.Pow(p.Beta1, float64(p.Step))
	grown2 := 1 - math.Pow(p.Beta2, float64(p.Step))
	step := simd.AdamW{
		Scale: float32(p.Scale), Beta1: float32(p.Beta1), Rest1: float32(1 - p.Beta1), Beta2: float32(p.Beta2), Rest2: float32(1 - p.Beta2),
		Grown2: float32(1 / grown2), Eps: float32(p.Epsilon), Rate: float32(p.Rate / grown1), Keep: float32(1 - p.Rate*p.Decay),
	}
	step.Step(l.tier, w, m, v, gradient)
}
