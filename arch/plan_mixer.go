package arch

import (
	"math"

	"summit/tensor"
)

// mixer compiles the half of a layer that looks at other tokens: h to y.
func (p *planner) mixer(c *LayerConfig, w *Layer, h, y tensor.Ref) {
	switch c.Mixer {
	case GQA:
		p.gqa(&c.Attn, w, h, y)
	case MLA:
		p.mla(&c.MLA, w, h, y)
	case DeltaNet:
		p.delta(&c.Delta, w, h, y)
	}
}

// rope turns heads, with the long factors if sequences may become that long.
func (p *planner) rope(r *Rope, views ...tensor.RopeView) {
	if r.Kind == NoRope {
		return
	}
	freq, scale := r.Freqs, r.Magnitude
	if r.LongFreqs != nil && p.o.WindowTokens > r.ShortTokens {
		freq, scale = r.LongFreqs, r.LongMagnitude
	}
	kind := tensor.RopeNorm
	if r.Kind == RopeNeoX {
		kind = tensor.RopeNeoX
	}
	p.step(&tensor.Rope{X: views, Kind: kind, Freq: freq, Scale: scale})
}

func (p *planner) cache(name string, heads, kdim, vdim int) int {
	p.plan.Buffers = append(p.plan.Buffers, tensor.BufferSpec{
		Name: layerName(name, p.layer), Type: p.o.Cache, Items: p.o.Blocks, BlockTokens: p.o.BlockTokens,
		Heads: heads, KDim: kdim, VDim: vdim,
	})
	return len(p.plan.Buffers) - 1
}

func (p *planner) state(name string, cols int) int {
	p.plan.Buffers = append(p.plan.Buffers, tensor.BufferSpec{Name: layerName(name, p.layer), Items: p.o.Slots, Cols: cols})
	return len(p.plan.Buffers) - 1
}

func (p *planner) gqa(c *AttnConfig, w *Layer, h, y tensor.Ref) {
	own := c.KVLayer == p.layer
	q := p.reg("q", c.Heads*c.KeyDim)
	k, v := p.reg("k", c.KVHeads*c.KeyDim), p.reg("v", c.KVHeads*c.ValueDim)
	att := p.reg("att", c.Heads*c.ValueDim)
	p.need("the query matrix", w.Q)
	p.need("the output matrix", w.Out)
	products := []product{{q, w.Q}}
	if own {
		p.need("the key matrix", w.K)
		p.need("the value matrix", w.V)
		products = append(products, product{k, w.K}, product{v, w.V})
	}
	var gate tensor.Ref
	switch c.Gate {
	case ElementGate:
		gate = p.reg("gate", c.Heads*c.ValueDim)
	case HeadGate:
		gate = p.reg("gate", c.Heads)
	}
	if c.Gate != NoGate {
		p.need("the output gate", w.OutGate)
		products = append(products, product{gate, w.OutGate})
	}
	p.precise(h, products...)

	norms := func() {
		qGroups, kGroups := c.Heads, c.KVHeads
		if c.QKNorm == FullNorm {
			qGroups, kGroups = 1, 1
		}
		p.rms(q, qGroups, w.QNorm, c.QKEps)
		if own {
			p.rms(k, kGroups, w.KNorm, c.QKEps)
		}
	}
	if c.QKNorm != NoQKNorm && !c.QKNormAfterRope {
		norms()
	}
	views := []tensor.RopeView{{Ref: q, HeadDim: c.KeyDim}}
	if own {
		views = append(views, tensor.RopeView{Ref: k, HeadDim: c.KeyDim})
	}
	p.rope(&c.Rope, views...)
	if c.QKNorm != NoQKNorm && c.QKNormAfterRope {
		norms()
	}
	if own {
		p.caches[p.layer] = p.cache("kv", c.KVHeads, c.KeyDim, c.ValueDim)
		p.step(&tensor.KVWrite{K: k, V: v, Cache: p.caches[p.layer]})
	}
	cache, ok := p.caches[c.KVLayer]
	if !ok {
		p.fail("reads keys and values of layer %d, which has none", c.KVLayer)
		return
	}
	if c.WindowTokens > 0 {
		p.plan.Windows++
	}
	sinks := -1
	if c.Sinks {
		sinks = p.weight(w.Sinks, tensor.Vector)
	}
	p.step(&tensor.Attention{
		Q: q, Out: att, Cache: cache, Heads: c.Heads, Scale: c.Scale, Softcap: c.ScoreCap, Window: c.WindowTokens, Sinks: sinks,
	})
	if c.Gate != NoGate {
		p.step(&tensor.Gate{X: att, G: gate, Out: att})
	}
	p.matmul(att, product{y, w.Out})
}

func (p *planner) mla(c *MLAConfig, w *Layer, h, y tensor.Ref) {
	qdim, row := c.NopeDim+c.RopeDim, c.KVRank+c.RopeDim
	q, ckv := p.reg("q", c.Heads*qdim), p.reg("ckv", row)
	p.need("the latent matrix", w.KVA)
	p.need("the output matrix", w.Out)
	if c.QRank > 0 {
		p.need("the query matrices", w.QA)
		p.need("the query matrices", w.QB)
		qa := p.reg("qa", c.QRank)
		p.precise(h, product{qa, w.QA}, product{ckv, w.KVA})
		p.rms(qa, 1, w.QANorm, c.Eps)
		p.precise(qa, product{q, w.QB})
	} else {
		p.need("the query matrix", w.Q)
		p.precise(h, product{q, w.Q}, product{ckv, w.KVA})
	}
	p.rms(ckv.Slice(0, c.KVRank), 1, w.KVANorm, c.Eps)
	p.rope(&c.Rope, tensor.RopeView{Ref: q, HeadDim: qdim, From: c.NopeDim},
		tensor.RopeView{Ref: ckv.Slice(c.KVRank, c.RopeDim), HeadDim: c.RopeDim})
	cache := p.cache("latent", 1, row, 0)
	p.step(&tensor.KVWrite{K: ckv, V: tensor.None, Cache: cache})
	// Queries go to the latent space head by head; their rope part comes after.
	abs := p.reg("qabs", c.Heads*row)
	p.step(&tensor.HeadMatMul{X: q, Out: abs, W: p.stack(w.KB), XStride: qdim, OutStride: row})
	p.step(&tensor.Copy{
		Src: q.Slice(c.NopeDim, q.Cols-c.NopeDim), Dst: abs.Slice(c.KVRank, abs.Cols-c.KVRank),
		Groups: c.Heads, Cols: c.RopeDim, SrcStride: qdim, DstStride: row,
	})
	ctx, att := p.reg("ctx", c.Heads*c.KVRank), p.reg("att", c.Heads*c.ValueDim)
	p.step(&tensor.Attention{Q: abs, Out: ctx, Cache: cache, Heads: c.Heads, VDim: c.KVRank, Scale: c.Scale, Sinks: -1})
	p.step(&tensor.HeadMatMul{X: ctx, Out: att, W: p.stack(w.VB), XStride: c.KVRank, OutStride: c.ValueDim})
	p.matmul(att, product{y, w.Out})
}

func (p *planner) delta(c *DeltaConfig, w *Layer, h, y tensor.Ref) {
	keys, values := c.KeyHeads*c.KeyDim, c.ValueHeads*c.ValueDim
	channels := 2*keys + values
	qkv, mixed := p.reg("qkv", channels), p.reg("mixed", channels)
	z, out := p.reg("z", values), p.reg("att", values)
	alpha, beta := p.reg("alpha", c.ValueHeads), p.reg("beta", c.ValueHeads)
	for _, l := range []Linear{w.QKV, w.Z, w.Beta, w.Alpha, w.Out} {
		p.need("a matrix of the delta net", l)
	}
	p.precise(h, product{qkv, w.QKV}, product{z, w.Z}, product{alpha, w.Alpha}, product{beta, w.Beta})
	p.step(&tensor.Conv{
		X: qkv, Out: mixed, W: p.weight(w.Conv, tensor.Vector), Bias: -1, Taps: c.ConvWidth, SiLU: true,
		State: p.state("conv", (c.ConvWidth-1)*channels),
	})
	q, k, v := mixed.Slice(0, keys), mixed.Slice(keys, keys), mixed.Slice(2*keys, values)
	// Query and key heads lie side by side and are normed alike.
	p.step(&tensor.Norm{Kind: tensor.L2, X: mixed.Slice(0, 2*keys), Add: tensor.None, Out: mixed.Slice(0, 2*keys), Groups: 2 * c.KeyHeads, W: -1, B: -1, Eps: c.Eps})
	p.step(&tensor.DeltaNet{
		Q: q, K: k, V: v, Alpha: alpha, Beta: beta, Out: out,
		A: p.weight(w.A, tensor.Vector), DtBias: p.weight(w.DtBias, tensor.Vector),
		State:  p.state("delta", c.ValueHeads*c.KeyDim*c.ValueDim),
		KHeads: c.KeyHeads, VHeads: c.ValueHeads, KDim: c.KeyDim, VDim: c.ValueDim,
		Scale: float32(1 / math.Sqrt(float64(c.KeyDim))), Tiled: c.Tiled,
	})
	p.rms(out, c.ValueHeads, w.DeltaNorm, c.Eps)
	p.step(&tensor.Activate{Kind: tensor.SiLU, Gate: z, Up: out, Out: out})
	p.matmul(out, product{y, w.Out})
}
