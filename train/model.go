package train

import (
	"errors"
	"fmt"
	"math"

	"summit/arch"
	"summit/tensor"
)

// linear is one matrix with perhaps a bias.
type linear struct {
	w, bias    vec // bias.n 0 = none
	rows, cols int
	packed     tensor.Packed

	// LoRA: product is W x + scale B (A x); rank 0 = none.
	a, b             vec // [rank, cols] and [rows, rank]
	rank             int
	scale            float32
	packedA, packedB tensor.Packed
}

// layer is a layer's facts and where its weights lie.
type layer struct {
	*arch.LayerConfig
	attnNorm, attnPost, ffnNorm, ffnPost, qNorm, kNorm vec
	q, k, v, out, outGate, gate, up, down              linear
	turn                                               *tensor.Turn
	act                                                tensor.Act
}

// Model is a decoder that can learn: parameters, and an arch.Model over them.
type Model struct {
	*params
	config  *arch.Config
	embed   linear // [vocab, dim]
	head    *linear
	norm    vec
	layers  []layer
	longest int // positions that the ropes' tables have
}

// bindModel reads the parameters through package arch, so that names and
// fusions are its knowledge alone.
func bindModel(p *params, longest int) (*Model, error) {
	bound, err := arch.Load(p)
	if err != nil {
		return nil, err
	}
	m := &Model{params: p, config: &bound.Config, longest: longest}
	b := &binding{m: m}
	b.matrix(&m.embed, arch.Linear{Weight: bound.Embed})
	m.head = &m.embed
	if !bound.TiedHead {
		m.head = new(linear)
		b.matrix(m.head, arch.Linear{Weight: bound.Head})
	}
	m.norm = b.normWeights(bound.OutputNorm)
	c := &bound.Config
	b.refuse(c.Norm != arch.RMS, "layer norm")
	b.refuse(c.LogitScale != 1 || c.LogitCap != 0 || bound.HeadBias != nil, "scaled, capped or biased logits")
	m.layers = make([]layer, len(c.Layers))
	for i := range m.layers {
		b.layer(&m.layers[i], i, &c.Layers[i], &bound.Weights[i])
	}
	if b.err != nil {
		return nil, b.err
	}
	return m, nil
}

type binding struct {
	m     *Model
	turns []*tensor.Turn
	ropes []*arch.Rope
	err   error
}

func (b *binding) refuse(bad bool, what string) {
	if bad {
		b.err = errors.Join(b.err, fmt.Errorf("train: %s: %s is not trained", b.m.config.Arch, what))
	}
}

func (b *binding) vector(t *tensor.Tensor) vec {
	if t == nil {
		return vec{}
	}
	v, err := b.m.at(t)
	b.err = errors.Join(b.err, err)
	return v
}

func (b *binding) normWeights(n arch.NormWeights) vec { return b.vector(n.Weight) }

func (b *binding) matrix(to *linear, l arch.Linear) {
	if !l.Has() {
		return
	}
	*to = linear{w: b.vector(l.Weight), bias: b.vector(l.Bias), rows: l.Weight.NumRows(), cols: l.Weight.Cols()}
}

func (b *binding) layer(l *layer, i int, c *arch.LayerConfig, w *arch.Layer) {
	l.LayerConfig = c
	a := &c.Attn
	b.refuse(c.Placement != arch.Pre && c.Placement != arch.Sandwich, "a layer with its norms after or parallel")
	b.refuse(c.Mixer != arch.GQA, "a layer without grouped-query attention")
	b.refuse(c.FFN.Hidden == 0 || c.FFN.Router.Experts > 0 || c.FFN.SharedHidden > 0, "a mixture of experts")
	b.refuse(!w.Gate.Has(), "a channel block without a gate")
	b.refuse(a.KVLayer != i, "a layer that reads another's keys and values")
	b.refuse(a.Sinks || a.ScoreCap != 0, "attention with sinks or capped scores")
	b.refuse(a.QKNorm == arch.FullNorm, "a norm over all heads of q and k together")
	b.refuse(a.Rope.LongFreqs != nil, "a rope with long factors")
	switch c.FFN.Activation.Kind {
	case arch.SiLU:
		l.act = tensor.SiLU
	case arch.GELU:
		l.act = tensor.GELU
	default:
		b.refuse(true, "a channel block with another activation than SiLU or GELU")
	}
	if b.err != nil {
		return
	}
	l.attnNorm, l.attnPost = b.normWeights(w.AttnNorm), b.normWeights(w.AttnPostNorm)
	l.ffnNorm, l.ffnPost = b.normWeights(w.FFNNorm), b.normWeights(w.FFNPostNorm)
	l.qNorm, l.kNorm = b.vector(w.QNorm), b.vector(w.KNorm)
	b.matrix(&l.q, w.Q)
	b.matrix(&l.k, w.K)
	b.matrix(&l.v, w.V)
	b.matrix(&l.out, w.Out)
	b.matrix(&l.outGate, w.OutGate)
	b.matrix(&l.gate, w.Gate)
	b.matrix(&l.up, w.Up)
	b.matrix(&l.down, w.Down)
	l.turn = b.rope(&a.Rope)
}

// rope makes the table of a rope, or finds that of an equal one.
func (b *binding) rope(r *arch.Rope) *tensor.Turn {
	if r.Kind == arch.NoRope {
		return nil
	}
	for i, o := range b.ropes {
		if o.Kind == r.Kind && o.Magnitude == r.Magnitude && equal(o.Freqs, r.Freqs) {
			return b.turns[i]
		}
	}
	t := &tensor.Turn{Kind: tensor.RopeNorm, Pairs: r.Dim / 2}
	if r.Kind == arch.RopeNeoX {
		t.Kind = tensor.RopeNeoX
	}
	for p := range b.m.longest {
		for _, f := range r.Freqs {
			sin, cos := math.Sincos(float64(p) * f)
			t.Cos = append(t.Cos, float32(cos)*r.Magnitude)
			t.Sin = append(t.Sin, float32(sin)*r.Magnitude)
		}
	}
	b.ropes, b.turns = append(b.ropes, r), append(b.turns, t)
	return t
}

func equal(a, b []float64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// linears lists all matrices but the embedding and an own head.
func (l *layer) linears() []*linear {
	all := []*linear{&l.q, &l.k, &l.v, &l.out, &l.gate, &l.up, &l.down}
	if l.outGate.rows > 0 {
		all = append(all, &l.outGate)
	}
	return all
}

// matrices lists all matrices that are multiplied with.
func (m *Model) products() []*linear {
	all := []*linear{m.head}
	for i := range m.layers {
		all = append(all, m.layers[i].linears()...)
	}
	return all
}

// heads is the attention's shape.
func (l *layer) heads() tensor.Heads {
	a := &l.Attn
	return tensor.Heads{Heads: a.Heads, KVHeads: a.KVHeads, KeyDim: a.KeyDim, ValueDim: a.ValueDim, Scale: a.Scale, Window: a.WindowTokens}
}
