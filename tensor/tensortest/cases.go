package tensortest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"summit/tensor"
)

// weigh makes a weight of random numbers of about 1/sqrt(cols), in type t.
// It reports false if numbers cannot be stored as t.
func weigh(name string, use tensor.Use, t tensor.DType, parts, rows, cols int) (tensor.WeightSpec, bool) {
	w := tensor.WeightSpec{Name: name, Use: use}
	rng := rand.New(rand.NewPCG(seed, uint64(rows)<<32|uint64(cols)<<8|uint64(t)))
	for range parts {
		src := make([]float32, rows*cols)
		for i := range src {
			src[i] = float32(rng.NormFloat64() / math.Sqrt(float64(cols)))
		}
		n, err := tensor.ByteSize(t, []int{rows, cols})
		if err != nil {
			return w, false
		}
		data := make([]byte, n)
		if tensor.Quantize(data, t, src) != nil {
			return w, false
		}
		w.Parts = append(w.Parts, tensor.Tensor{Name: name, Type: t, Shape: []int{rows, cols}, Data: data})
	}
	return w, true
}

func vector(name string, n int, f func(float32) float32) tensor.WeightSpec {
	w, _ := weigh(name, tensor.Vector, tensor.F32, 1, 1, n)
	v, _ := w.Parts[0].Float32s()
	for i := range v {
		v[i] = f(v[i] * float32(math.Sqrt(float64(n))))
	}
	if err := tensor.Quantize(w.Parts[0].Data, tensor.F32, v); err != nil {
		panic(err)
	}
	w.Parts[0].Shape = []int{n}
	return w
}

func plain(x float32) float32    { return x }
func negative(x float32) float32 { return -0.1 - x*x }

// all is the view of a whole register.
func all(regs []tensor.Reg, i int) tensor.Ref { return tensor.Ref{Reg: i, Cols: regs[i].Cols} }

func regs(cols ...int) []tensor.Reg {
	out := make([]tensor.Reg, len(cols))
	for i, c := range cols {
		out[i] = tensor.Reg{Name: string(rune('a' + i)), Cols: c}
	}
	return out
}

// one makes a case of one step.
func one(name string, r []tensor.Reg, in, out []int, s tensor.Instr, w ...tensor.WeightSpec) plan {
	return plan{name: name, prog: tensor.Program{Regs: r, Weights: w, Steps: []tensor.Instr{s}}, in: in, out: out, lengths: []int{5, 1, 9}}
}

func cases() []plan {
	var out []plan
	out = append(out, rowCases()...)
	out = append(out, matrixCases()...)
	out = append(out, expertCases()...)
	out = append(out, attentionCases()...)
	out = append(out, recurrentCases()...)
	return out
}

func rowCases() []plan {
	var out []plan
	r := regs(48, 48, 48)
	a, b, c := all(r, 0), all(r, 1), all(r, 2)
	for kind := tensor.RMS; kind <= tensor.L2; kind++ {
		for _, groups := range []int{1, 3} {
			for _, wide := range []bool{false, true} {
				n := 48 / groups
				if wide {
					n = 48
				}
				out = append(out, one(fmt.Sprintf("norm %s of %d groups, wide %v", kind, groups, wide), r, []int{0}, []int{2},
					&tensor.Norm{Kind: kind, X: a, Add: tensor.None, Out: c, Groups: groups, W: 0, B: 1, Eps: 1e-5},
					vector("w", n, plain), vector("b", n, plain)))
			}
		}
		out = append(out, one(fmt.Sprintf("norm %s after add", kind), r, []int{0, 1}, []int{0, 2},
			&tensor.Norm{Kind: kind, X: a, Add: b, AddScale: 0.5, Out: c, Groups: 1, W: -1, B: -1, Eps: 1e-6}))
		out = append(out, one(fmt.Sprintf("norm %s in place", kind), r, []int{0}, []int{0},
			&tensor.Norm{Kind: kind, X: a, Add: tensor.None, Out: a, Groups: 4, W: -1, B: -1, Eps: 1e-6}))
	}
	for kind := tensor.SiLU; kind <= tensor.ClampedSiLU; kind++ {
		for _, limit := range []float32{0, 0.7} {
			if kind == tensor.ClampedSiLU && limit == 0 {
				limit = 7
			}
			out = append(out, one(fmt.Sprintf("activate %s limit %v", kind, limit), r, []int{0, 1}, []int{2},
				&tensor.Activate{Kind: kind, Gate: a, Up: b, Out: c, Limit: limit, Alpha: 1.702}))
		}
		if kind != tensor.ClampedSiLU {
			out = append(out, one(fmt.Sprintf("activate %s alone in place", kind), r, []int{0}, []int{0},
				&tensor.Activate{Kind: kind, Gate: a, Up: tensor.None, Out: a}))
		}
	}
	out = append(out,
		one("add", r, []int{0, 1}, []int{2}, &tensor.Add{X: a, Y: b, Out: c, XScale: 1, YScale: -0.25}),
		one("add in place", r, []int{0, 1}, []int{1}, &tensor.Add{X: a, Y: b, Out: b, XScale: 1, YScale: 1}),
		one("scale", r, []int{0}, []int{2}, &tensor.Add{X: a, Y: tensor.None, Out: c, XScale: 3}),
		one("add of views", r, []int{0, 1, 2}, []int{2}, &tensor.Add{X: a.Slice(3, 7), Y: b.Slice(11, 7), Out: c.Slice(30, 7), XScale: 1, YScale: 1}),
		one("softcap", r, []int{0}, []int{2}, &tensor.Softcap{X: a, Out: c, Cap: 0.9}),
		one("copy heads", r, []int{0, 2}, []int{2}, &tensor.Copy{Src: a, Dst: c, Groups: 4, Cols: 5, SrcStride: 12, DstStride: 9}),
		one("copy repeats", r, []int{0, 2}, []int{2}, &tensor.Copy{Src: a.Slice(8, 6), Dst: c, Groups: 3, Cols: 6, SrcStride: 0, DstStride: 16}),
	)
	for _, n := range []int{1, 6, 48} {
		out = append(out, one(fmt.Sprintf("gate of %d", n), r, []int{0, 1}, []int{2}, &tensor.Gate{X: a, G: b.Slice(0, n), Out: c}))
	}
	for _, kind := range []tensor.RopeKind{tensor.RopeNorm, tensor.RopeNeoX} {
		freq := []float64{1, 0.31, 0.07, 0.002}
		out = append(out, one("rope "+kind.String(), r, []int{0, 1}, []int{0, 1}, &tensor.Rope{
			X:    []tensor.RopeView{{Ref: a, HeadDim: 12, From: 2}, {Ref: b.Slice(8, 8), HeadDim: 8}},
			Kind: kind, Freq: freq, Scale: 1.1,
		}))
	}
	outputs := regs(48, 48)
	outputs[1].Output = true
	out = append(out, one("gather", outputs, []int{0}, []int{1}, &tensor.Gather{X: all(outputs, 0), Out: all(outputs, 1)}))
	return out
}

// shapes of matrices: one odd in every way that a type allows, one with a
// remainder for tiles, one of several tiles.
var shapes = [][2]int{{1, 256}, {37, 256}, {48, 512}}

func matrixCases() []plan {
	var out []plan
	for _, t := range tensor.DTypes() {
		if t.Integer() {
			continue
		}
		for _, s := range shapes {
			rows, cols := s[0], s[1]
			w, ok := weigh("w", tensor.Matrix, t, 1, rows, cols)
			v, _ := weigh("v", tensor.Matrix, t, 1, 16, cols)
			if !ok {
				continue
			}
			r := regs(cols, rows, 16)
			out = append(out, one(fmt.Sprintf("matmul %s %dx%d", t, rows, cols), r, []int{0}, []int{1, 2},
				&tensor.MatMul{X: all(r, 0), Out: []tensor.Ref{all(r, 1), all(r, 2)}, W: []int{0, 1}, Bias: []int{2, -1}}, w, v, vector("b", rows, plain)))
		}
		if w, ok := weigh("table", tensor.Table, t, 1, 11, 256); ok {
			r := regs(256)
			out = append(out, one(fmt.Sprintf("embed %s", t), r, nil, []int{0}, &tensor.Embed{Out: all(r, 0), W: 0, Scale: 1.5}, w))
		}
		if w, ok := weigh("heads", tensor.Stack, t, 3, 18, 256); ok {
			r := regs(3*260, 3*20)
			out = append(out, one(fmt.Sprintf("head_matmul %s", t), r, []int{0, 1}, []int{1},
				&tensor.HeadMatMul{X: all(r, 0), Out: all(r, 1), W: 0, XStride: 260, OutStride: 20}, w))
		}
	}
	// Rows that are no multiple of 32 exist for plain types only.
	for _, t := range []tensor.DType{tensor.F32, tensor.F16, tensor.BF16} {
		if w, ok := weigh("w", tensor.Matrix, t, 1, 5, 39); ok {
			r := regs(39, 5)
			out = append(out, one(fmt.Sprintf("matmul %s 5x39", t), r, []int{0}, []int{1}, &tensor.MatMul{X: all(r, 0), Out: []tensor.Ref{all(r, 1)}, W: []int{0}}, w))
		}
	}
	return out
}

func expertCases() []plan {
	var out []plan
	const experts, k = 12, 4
	r := regs(experts, k, k)
	r[1].Int = true
	base := tensor.Route{Logits: all(r, 0), Idx: all(r, 1), Out: all(r, 2), K: k, Bias: -1, ExpScale: -1, Scale: 1}
	add := func(name string, change func(*tensor.Route)) {
		step := base
		change(&step)
		out = append(out, one("route "+name, r, []int{0}, []int{1, 2}, &step, vector("bias", experts, plain), vector("scale", experts, plain)))
	}
	for score := tensor.Softmax; score <= tensor.SoftmaxChosen; score++ {
		add(score.String(), func(i *tensor.Route) { i.Score = score })
		add(score.String()+" renormalised, biased, scaled", func(i *tensor.Route) {
			i.Score, i.Bias, i.ExpScale, i.Renorm, i.RenormMin, i.Scale = score, 0, 1, true, 1e-3, 2.5
		})
	}
	add("sigmoid of groups", func(i *tensor.Route) {
		i.Score, i.Groups, i.TopGroups, i.GroupTop, i.Bias = tensor.Sigmoid, 4, 2, 2, 0
	})
	add("softmax of groups by their best", func(i *tensor.Route) { i.Groups, i.TopGroups, i.GroupTop = 3, 1, 1 })
	add("two from each group", func(i *tensor.Route) { i.Groups, i.PerGroup = 2, 2 })

	ids := func(rng *rand.Rand, cols int) []float32 {
		ids := make([]float32, cols)
		for i, e := range rng.Perm(experts)[:cols] {
			ids[i] = float32(e)
		}
		return ids
	}
	for _, t := range tensor.DTypes() {
		if t.Integer() {
			continue
		}
		up, ok := weigh("up", tensor.Stack, t, experts, 21, 256)
		if !ok {
			continue
		}
		gate, _ := weigh("gate", tensor.Stack, t, experts, 21, 256)
		r := regs(256, k, 21*k, 21*k)
		r[1].Int = true
		c := one(fmt.Sprintf("expert_matmul %s", t), r, []int{0, 1}, []int{2, 3},
			&tensor.ExpertMatMul{X: all(r, 0), Idx: all(r, 1), Out: []tensor.Ref{all(r, 2), all(r, 3)}, W: []int{0, 1}, Bias: []int{-1, 2}, K: k},
			gate, up, vector("b", experts*21, plain))
		c.ids = ids
		out = append(out, c)
		r = regs(256*k, k, 21*k)
		r[1].Int = true
		c = one(fmt.Sprintf("expert_matmul %s of own inputs", t), r, []int{0, 1}, []int{2},
			&tensor.ExpertMatMul{X: all(r, 0), Idx: all(r, 1), Out: []tensor.Ref{all(r, 2)}, W: []int{0}, K: k}, up)
		c.ids = ids
		out = append(out, c)
	}
	r = regs(18*k, k, 18)
	out = append(out, one("combine", r, []int{0, 1}, []int{2}, &tensor.Combine{X: all(r, 0), Weight: all(r, 1), Out: all(r, 2)}))
	return out
}

func attentionCases() []plan {
	var out []plan
	type shape struct {
		heads, kv, kdim, vdim int
	}
	for _, t := range []tensor.DType{tensor.F32, tensor.F16, tensor.Q8_0} {
		for _, s := range []shape{{4, 2, 32, 32}, {3, 1, 64, 32}, {2, 2, 96, 64}} {
			for _, v := range []struct {
				name    string
				window  int
				softcap float32
				sinks   int
				latent  bool
			}{{"full", 0, 0, -1, false}, {"window, sinks", 5, 0, 0, false}, {"softcap", 0, 0.5, -1, false}, {"latent", 0, 0, -1, true}} {
				if v.latent && s.kv != 1 {
					continue
				}
				cache := tensor.BufferSpec{Name: "kv", Type: t, Items: 9, BlockTokens: 16, Heads: s.kv, KDim: s.kdim, VDim: s.vdim}
				r := regs(s.heads*s.kdim, s.kv*s.kdim, s.kv*s.vdim, s.heads*s.vdim)
				write := &tensor.KVWrite{K: all(r, 1), V: all(r, 2), Cache: 0}
				if v.latent {
					cache.VDim = 0
					write.V = tensor.None
				}
				out = append(out, plan{
					name: fmt.Sprintf("attention %s, %d heads on %d of %d and %d, %s", t, s.heads, s.kv, s.kdim, s.vdim, v.name),
					prog: tensor.Program{
						Regs: r, Buffers: []tensor.BufferSpec{cache}, Weights: []tensor.WeightSpec{vector("sinks", s.heads, plain)},
						Steps: []tensor.Instr{write, &tensor.Attention{
							Q: all(r, 0), Out: all(r, 3), Cache: 0, Heads: s.heads, VDim: s.vdim,
							Scale: float32(1 / math.Sqrt(float64(s.kdim))), Softcap: v.softcap, Window: v.window, Sinks: v.sinks,
						}},
					},
					in: []int{0, 1, 2}, out: []int{3}, lengths: []int{3, 41, 17, 32},
				})
			}
		}
	}
	return out
}

func recurrentCases() []plan {
	var out []plan
	for _, bias := range []int{-1, 1} {
		r := regs(70, 70)
		c := one(fmt.Sprintf("conv bias %d", bias), r, []int{0}, []int{1},
			&tensor.Conv{X: all(r, 0), Out: all(r, 1), W: 0, Bias: bias, State: 0, Taps: 4, SiLU: bias < 0},
			vector("w", 70*4, plain), vector("b", 70, plain))
		c.prog.Buffers = []tensor.BufferSpec{{Name: "conv", Items: 3, Cols: 3 * 70}}
		out = append(out, c)
	}
	const kh, vh, kd, vd = 2, 4, 16, 24
	for _, channels := range []bool{false, true} {
		for _, tiled := range []bool{false, true} {
			alpha := vh
			if channels {
				alpha = vh * kd
			}
			// Keys of unit length, as models have them: longer ones make the state grow.
			r := regs(kh*kd, kh*kd, vh*vd, alpha, vh, vh*vd)
			c := one(fmt.Sprintf("delta_net, decay of channels %v, tiled %v", channels, tiled), r, []int{0, 1, 2, 3, 4}, []int{5},
				&tensor.DeltaNet{
					Q: all(r, 0), K: all(r, 1), V: all(r, 2), Alpha: all(r, 3), Beta: all(r, 4), Out: all(r, 5),
					A: 0, DtBias: 1, State: 0, KHeads: kh, VHeads: vh, KDim: kd, VDim: vd, Scale: 0.25, Tiled: tiled,
				}, vector("a", vh, negative), vector("dt", alpha, plain))
			norm := &tensor.Norm{Kind: tensor.L2, X: all(r, 1), Add: tensor.None, Out: all(r, 1), Groups: kh, W: -1, B: -1, Eps: 1e-6}
			c.prog.Steps = append([]tensor.Instr{norm}, c.prog.Steps...)
			c.prog.Buffers = []tensor.BufferSpec{{Name: "state", Items: 3, Cols: vh * kd * vd}}
			out = append(out, c)
		}
	}
	return out
}
