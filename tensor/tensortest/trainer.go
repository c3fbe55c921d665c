package tensortest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"summit/tensor"
)

// Trainer runs the gradient checks that every tensor.Trainer passes: each
// operation's backward pass against central differences of its forward pass,
// at odd sizes, on views wider than what they show.
func Trainer(t *testing.T, open func() (tensor.Backend, error)) {
	b, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}()
	trainer, ok := b.(tensor.Trainer)
	if !ok {
		t.Fatalf("backend %s is no tensor.Trainer", b.Caps().Name)
	}
	for _, c := range gradients() {
		t.Run(c.name, func(t *testing.T) { c.check(t, trainer.Lane()) })
	}
	t.Run("adamw", func(t *testing.T) { checkAdamW(t, trainer.Lane()) })
}

// gradient is one case: inputs, the operation, and its backward pass.
type gradient struct {
	name   string
	inputs []tensor.Rows
	out    tensor.Rows
	// forward computes out from the inputs; backward the inputs' gradients from
	// dout, right after a forward. Gradients begin as zero.
	forward  func(l tensor.Lane)
	backward func(l tensor.Lane, dout tensor.Rows, din []tensor.Rows)
}

// wide makes n rows of cols random numbers in rows that are three longer.
func wide(rng *rand.Rand, n, cols int) tensor.Rows {
	r := tensor.Rows{Data: make([]float32, n*(cols+3)), N: n, Cols: cols, Stride: cols + 3}
	for i := range r.Data {
		r.Data[i] = float32(rng.NormFloat64())
	}
	return r
}

func like(r tensor.Rows) tensor.Rows {
	return tensor.Rows{Data: make([]float32, len(r.Data)), N: r.N, Cols: r.Cols, Stride: r.Stride}
}

// flat makes a vector or matrix without gaps.
func flat(rng *rand.Rand, n, cols int) tensor.Rows {
	r := tensor.RowsOf(make([]float32, n*cols), cols)
	for i := range r.Data {
		r.Data[i] = float32(rng.NormFloat64())
	}
	return r
}

// check compares gradients of a random weighted sum of the outputs. The step
// of 1/64 is a compromise: its square bounds the error of the difference, and
// float32's rounding over it that of the sums.
func (c *gradient) check(t *testing.T, l tensor.Lane) {
	rng := rand.New(rand.NewPCG(seed, 7))
	dout := wide(rng, c.out.N, c.out.Cols)
	sum := func() float64 {
		c.forward(l)
		s := 0.0
		for i := range c.out.N {
			d := dout.Row(i)
			for j, v := range c.out.Row(i) {
				s += float64(v) * float64(d[j])
			}
		}
		return s
	}
	din := make([]tensor.Rows, len(c.inputs))
	for i, in := range c.inputs {
		din[i] = like(in)
	}
	beside := make([][]float32, len(c.inputs))
	for i, in := range c.inputs {
		beside[i] = append([]float32(nil), in.Data...)
	}
	sum()
	c.backward(l, dout, din)
	for i, in := range c.inputs {
		for j, v := range beside[i] {
			if in.Data[j] != v {
				t.Fatalf("input %d was changed at %d", i, j)
			}
		}
		checked := 0
		for k := range in.N * in.Cols {
			if in.N*in.Cols > 60 && rng.IntN(in.N*in.Cols) >= 60 {
				continue
			}
			x := &in.Row(k / in.Cols)[k%in.Cols]
			old := *x
			const h = 1.0 / 64
			*x = old + h
			up := sum()
			*x = old - h
			down := sum()
			*x = old
			want, got := (up-down)/(2*h), float64(din[i].Row(k / in.Cols)[k%in.Cols])
			if !(math.Abs(got-want) <= 4e-3*(1+math.Abs(want))) {
				t.Errorf("input %d, row %d column %d: gradient %v, by differences %v", i, k/in.Cols, k%in.Cols, got, want)
			}
			checked++
		}
		if checked == 0 {
			t.Errorf("input %d: nothing was checked", i)
		}
	}
}

func gradients() []gradient {
	var all []gradient
	rng := rand.New(rand.NewPCG(seed, 6))

	for _, s := range [][3]int{{5, 7, 3}, {14, 33, 40}} {
		x, w, y := wide(rng, s[0], s[1]), flat(rng, s[2], s[1]), wide(rng, s[0], s[2])
		bias := flat(rng, 1, s[2])
		var packed tensor.Packed
		all = append(all, gradient{
			name: fmt.Sprintf("matmul/%dx%dx%d", s[0], s[1], s[2]), inputs: []tensor.Rows{x, w, bias}, out: y,
			forward: func(l tensor.Lane) {
				packed = l.Pack(packed, w.Data, s[2], s[1])
				l.MatMul(y, x, packed, false)
				l.AddBias(y, bias.Data)
			},
			backward: func(l tensor.Lane, dy tensor.Rows, d []tensor.Rows) {
				// Set, then add twice halves of the same: each way once.
				l.MatMulBack(d[0], dy, packed, false)
				before := append([]float32(nil), d[0].Data...)
				l.MatMulBack(d[0], dy, packed, true)
				for i := range d[0].Data {
					d[0].Data[i] -= before[i]
				}
				l.MatMulWeights([][]float32{d[1].Data}, []tensor.Rows{dy}, x)
				l.BiasBack(d[2].Data, dy)
			},
		})
	}
	for _, groups := range []int{1, 3} {
		n := 17
		x, w, y, scale := wide(rng, 4, n*groups), flat(rng, 1, n), wide(rng, 4, n*groups), make([]float32, 4*groups)
		all = append(all, gradient{
			name: fmt.Sprintf("rmsnorm/groups=%d", groups), inputs: []tensor.Rows{x, w}, out: y,
			forward: func(l tensor.Lane) { l.RMSNorm(y, x, groups, w.Data, 1e-3, scale) },
			backward: func(l tensor.Lane, dy tensor.Rows, d []tensor.Rows) {
				l.RMSNormBack(d[0], d[1].Data, dy, x, groups, w.Data, scale)
			},
		})
	}
	for _, kind := range []tensor.RopeKind{tensor.RopeNorm, tensor.RopeNeoX} {
		x, y := wide(rng, 5, 2*40), wide(rng, 5, 2*40)
		turn := &tensor.Turn{Kind: kind, Pairs: 18}
		for p := range 9 {
			for i := range turn.Pairs {
				sin, cos := math.Sincos(float64(p) / float64(i+1))
				turn.Cos, turn.Sin = append(turn.Cos, float32(cos)), append(turn.Sin, float32(sin))
			}
		}
		at := []int32{0, 1, 8, 0, 3}
		all = append(all, gradient{
			name: "rope/" + kind.String(), inputs: []tensor.Rows{x}, out: y,
			forward: func(l tensor.Lane) {
				copyRows(y, x)
				l.Rope(y, 40, turn, at, false)
			},
			backward: func(l tensor.Lane, dy tensor.Rows, d []tensor.Rows) {
				copyRows(d[0], dy)
				l.Rope(d[0], 40, turn, at, true)
			},
		})
	}
	for _, c := range []struct {
		heads  tensor.Heads
		spans  []tensor.Span
		values string
	}{
		{tensor.Heads{Heads: 1, KVHeads: 1, KeyDim: 8, ValueDim: 8, Scale: 0.4}, []tensor.Span{{From: 0, To: 5}}, "one"},
		{tensor.Heads{Heads: 4, KVHeads: 2, KeyDim: 8, ValueDim: 36, Scale: 0.3}, []tensor.Span{{From: 0, To: 1}, {From: 1, To: 20}, {From: 20, To: 40}}, "grouped"},
		{tensor.Heads{Heads: 2, KVHeads: 1, KeyDim: 16, ValueDim: 16, Scale: 0.2, Window: 19}, []tensor.Span{{From: 2, To: 72}}, "window"},
	} {
		h, n := c.heads, c.spans[len(c.spans)-1].To
		q, k, v := wide(rng, n, h.Heads*h.KeyDim), wide(rng, n, h.KVHeads*h.KeyDim), wide(rng, n, h.KVHeads*h.ValueDim)
		whole := wide(rng, n, h.Heads*h.ValueDim)
		first := c.spans[0].From
		out, lse := whole.Part(first, n), make([]float32, n*h.Heads)
		all = append(all, gradient{
			name: "attention/" + c.values, inputs: []tensor.Rows{q.Part(first, n), k.Part(first, n), v.Part(first, n)}, out: out,
			forward: func(l tensor.Lane) { l.Attention(whole, q, k, v, h, c.spans, lse) },
			backward: func(l tensor.Lane, dout tensor.Rows, d []tensor.Rows) {
				full := func(r tensor.Rows) tensor.Rows { // rows before the first span belong to nobody
					f := tensor.Rows{Data: make([]float32, first*r.Stride+len(r.Data)), N: n, Cols: r.Cols, Stride: r.Stride}
					copy(f.Data[first*r.Stride:], r.Data)
					return f
				}
				dq, dk, dv := full(d[0]), full(d[1]), full(d[2])
				l.AttentionBack(dq, dk, dv, full(dout), whole, q, k, v, h, c.spans, lse)
				for i, f := range []tensor.Rows{dq, dk, dv} {
					copyRows(d[i], f.Part(first, n))
				}
			},
		})
	}
	for _, kind := range []tensor.Act{tensor.SiLU, tensor.GELU} {
		gate, up, y := wide(rng, 3, 37), wide(rng, 3, 37), wide(rng, 3, 37)
		all = append(all, gradient{
			name: fmt.Sprintf("activate/%s", kind), inputs: []tensor.Rows{gate, up}, out: y,
			forward: func(l tensor.Lane) { l.Activate(y, gate, up, kind) },
			backward: func(l tensor.Lane, dy tensor.Rows, d []tensor.Rows) {
				copyRows(d[0], gate) // in place, as a trainer does it
				copyRows(d[1], up)
				l.ActivateBack(d[0], d[1], dy, d[0], d[1], kind)
			},
		})
	}
	for _, gates := range []int{3, 33} {
		x, g, y := wide(rng, 4, 33), wide(rng, 4, gates), wide(rng, 4, 33)
		all = append(all, gradient{
			name: fmt.Sprintf("gate/%d", gates), inputs: []tensor.Rows{x, g}, out: y,
			forward: func(l tensor.Lane) { l.Gate(y, x, g) },
			backward: func(l tensor.Lane, dy tensor.Rows, d []tensor.Rows) {
				copyRows(d[0], dy)
				l.GateBack(d[0], d[1], d[0], x, g)
			},
		})
	}
	logits, losses := wide(rng, 3, 29), wide(rng, 3, 1)
	target := []int32{4, 0, 28}
	all = append(all, gradient{
		name: "cross entropy", inputs: []tensor.Rows{logits}, out: losses,
		forward: func(l tensor.Lane) {
			for i := range logits.N {
				row := append([]float32(nil), logits.Row(i)...)
				loss, _ := l.CrossEntropy(tensor.RowsOf(row, len(row)), target[i:i+1], []float32{1})
				losses.Row(i)[0] = float32(loss)
			}
		},
		backward: func(l tensor.Lane, dl tensor.Rows, d []tensor.Rows) {
			copyRows(d[0], logits)
			weight := make([]float32, dl.N)
			for i := range weight {
				weight[i] = dl.Row(i)[0]
			}
			l.CrossEntropy(d[0], target, weight)
		},
	})
	return all
}

func copyRows(to, from tensor.Rows) {
	for i := range from.N {
		copy(to.Row(i), from.Row(i))
	}
}

// checkAdamW does three steps beside the formula in float64.
func checkAdamW(t *testing.T, l tensor.Lane) {
	rng := rand.New(rand.NewPCG(seed, 8))
	const n = 37
	w, m, v := flat(rng, 1, n).Data, make([]float32, n), make([]float32, n)
	w64, m64, v64 := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range w {
		w64[i] = float64(w[i])
	}
	for step := 1; step <= 3; step++ {
		g := flat(rng, 1, n).Data
		p := tensor.AdamW{Step: step, Scale: 0.5, Rate: 0.01, Beta1: 0.9, Beta2: 0.95, Epsilon: 1e-6, Decay: 0.1}
		l.AdamW(w, m, v, g, p)
		for i := range g {
			d := float64(g[i]) * p.Scale
			m64[i] = p.Beta1*m64[i] + (1-p.Beta1)*d
			v64[i] = p.Beta2*v64[i] + (1-p.Beta2)*d*d
			mean, square := m64[i]/(1-math.Pow(p.Beta1, float64(step))), v64[i]/(1-math.Pow(p.Beta2, float64(step)))
			w64[i] -= p.Rate * (mean/(math.Sqrt(square)+p.Epsilon) + p.Decay*w64[i])
			if d := math.Abs(float64(w[i]) - w64[i]); !(d < 1e-5) {
				t.Fatalf("step %d: parameter %d is %v, want %v", step, i, w[i], w64[i])
			}
		}
	}
	if got := l.SumSquares([]float32{3, 4}); got != 25 {
		t.Errorf("sum of squares of 3 and 4 is %v, want 25", got)
	}
	x := []float32{1, 2}
	if l.Add(x, []float32{10, 20}, 0.5); x[0] != 6 || x[1] != 12 {
		t.Errorf("1, 2 plus half of 10, 20 is %v, want 6, 12", x)
	}
}
