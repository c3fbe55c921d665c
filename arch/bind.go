package arch

import (
	"fmt"
	"math"

	"summit/tensor"
)

// binder puts a file's tensors into the places that a Config says there are.
type binder struct {
	*reader
	names
	opt bindings
	c   *Config
	m   *Model
}

// bindings is what a family's file differs in, beyond names.
type bindings struct {
	ownHead  bool // a file without a head is refused instead of using the embedding
	biases   bool // q, k and v must have biases
	outBias  bool // the attention output must have a bias
	gateInQ  bool // q and the element gate are one matrix: per head KeyDim rows of q, then as many of the gate
	gateInUp bool // "up" has the gate's rows in front of its own
	// groupedQKV: in a fused qkv, for each KV head in turn: its query heads, its key, its value.
	groupedQKV bool
	decayIsLog bool // A is stored as a logarithm: −exp of it is wanted
	onePlus    bool // norms over Dim and of q and k are stored as their difference from 1
	// sharedKeyNorm: layers that read another's keys norm them with a weight of their own.
	sharedKeyNorm bool
}

// bind makes the model of a config that validate has passed.
func (r *reader) bind(c *Config, n names, opt bindings) *Model {
	b := &binder{reader: r, names: n, opt: opt, c: c, m: &Model{Config: *c, Weights: make([]Layer, len(c.Layers))}}
	m := b.m
	m.Embed = b.need(embed, []int{c.Vocab, c.Dim})
	m.OutputNorm = b.norm(outputNorm)
	m.Head = b.may(head, []int{c.Vocab, c.Dim})
	switch {
	case m.Head != nil:
		m.HeadBias = b.vector(head, ".bias", c.Vocab)
		m.TiedHead = false
	case opt.ownHead:
		b.fail("tensor %q is missing, want shape %v", b.name(head, ".weight"), []int{c.Vocab, c.Dim})
	default:
		m.Head, m.TiedHead = m.Embed, true
	}
	for i := range c.Layers {
		b.layer(i)
		if b.err != nil {
			return nil
		}
	}
	return m
}

func (b *binder) layer(i int) {
	l, w := &b.c.Layers[i], &b.m.Weights[i]
	if l.Mixer != NoMixer && l.Placement != Post {
		w.AttnNorm = b.norm(attnNorm, i)
	}
	if l.Mixer != NoMixer && (l.Placement == Post || l.Placement == Sandwich) {
		w.AttnPostNorm = b.norm(attnPostNorm, i)
	}
	hasFFN := l.FFN.Hidden > 0 || l.FFN.Router.Experts > 0
	if hasFFN && l.Placement != Post {
		if l.Placement == Parallel && !b.has(b.name(ffnNorm, ".weight", i)) {
			w.FFNNorm = w.AttnNorm
		} else {
			w.FFNNorm = b.norm(ffnNorm, i)
		}
	}
	if hasFFN && (l.Placement == Post || l.Placement == Sandwich) {
		w.FFNPostNorm = b.norm(ffnPostNorm, i)
	}
	switch l.Mixer {
	case GQA:
		b.attention(i, &l.Attn, w)
	case MLA:
		b.latent(i, &l.MLA, w)
	case DeltaNet:
		b.delta(i, &l.Delta, w)
	}
	if l.FFN.Hidden > 0 {
		b.dense(i, l.FFN.Hidden, w)
	}
	if l.FFN.Router.Experts > 0 {
		b.experts(i, &l.FFN, w)
	}
}

// need returns the weight of a role that must be there.
func (b *binder) need(w role, shape []int, at ...any) *tensor.Tensor {
	name := b.name(w, ".weight", at...)
	if name == "" {
		b.fail("no name is known for the %s", w)
		return nil
	}
	return b.tensor(name, shape...)
}

// may returns the weight of a role, or nil.
func (b *binder) may(w role, shape []int, at ...any) *tensor.Tensor {
	name := b.name(w, ".weight", at...)
	if name == "" {
		return nil
	}
	return b.optional(name, shape...)
}

// vector returns an optional vector of a role.
func (b *binder) vector(w role, suffix string, n int, at ...any) *tensor.Tensor {
	name := b.name(w, suffix, at...)
	if name == "" {
		return nil
	}
	return b.optional(name, n)
}

func (b *binder) norm(w role, at ...any) NormWeights {
	n := NormWeights{Weight: b.plusOne(b.need(w, []int{b.c.Dim}, at...))}
	if b.c.Norm == LayerNorm {
		n.Bias = b.vector(w, ".bias", b.c.Dim, at...)
	}
	return n
}

// plusOne adds 1 to a norm's weight where the file stores the difference from it.
func (b *binder) plusOne(t *tensor.Tensor) *tensor.Tensor {
	if !b.opt.onePlus {
		return t
	}
	return b.mapped(t, func(x float32) float32 { return 1 + x })
}

// linear returns a matrix that must be there, and its bias if it has one.
func (b *binder) linear(w role, out, in int, at ...any) Linear {
	return Linear{Weight: b.need(w, []int{out, in}, at...), Bias: b.vector(w, ".bias", out, at...)}
}

// split cuts a matrix and its bias into parts of so many rows.
func (b *binder) split(l Linear, parts ...int) []Linear {
	out := make([]Linear, len(parts))
	at := 0
	for i, n := range parts {
		out[i].Weight = b.rows(l.Weight, at, at+n)
		if l.Bias != nil {
			out[i].Bias = b.rows(l.Bias, at, at+n)
		}
		at += n
	}
	return out
}

func (b *binder) attention(i int, a *AttnConfig, w *Layer) {
	q, k, v := a.Heads*a.KeyDim, a.KVHeads*a.KeyDim, a.KVHeads*a.ValueDim
	dim := b.c.Dim
	own := a.KVLayer == i
	if !own {
		k, v = 0, 0
	}
	wide := q
	if b.opt.gateInQ && a.Gate == ElementGate {
		wide = 2 * q
	}
	fused := b.name(attnQKV, ".weight", i)
	if fused != "" && b.has(fused) {
		all := b.linear(attnQKV, wide+k+v, dim, i)
		if b.opt.groupedQKV && own {
			all = b.ungroup(all, a)
		}
		if own {
			parts := b.split(all, wide, k, v)
			w.Q, w.K, w.V = parts[0], parts[1], parts[2]
		} else {
			w.Q = all
		}
	} else {
		w.Q = b.linear(attnQ, wide, dim, i)
		if own {
			w.K = b.linear(attnK, k, dim, i)
			w.V = b.linear(attnV, v, dim, i)
		}
	}
	if b.opt.biases && (w.Q.Bias == nil || own && (w.K.Bias == nil || w.V.Bias == nil)) {
		b.fail("layer %d: the biases of q, k and v are missing", i)
	}
	w.Out = b.linear(attnOut, dim, a.Heads*a.ValueDim, i)
	if b.opt.outBias && w.Out.Bias == nil {
		b.fail("layer %d: the bias of the attention output is missing", i)
	}
	switch {
	case a.Gate == ElementGate && b.opt.gateInQ:
		w.Q, w.OutGate = b.unzip(w.Q, a.Heads, a.KeyDim)
	case a.Gate == ElementGate:
		w.OutGate = b.linear(attnGate, a.Heads*a.ValueDim, dim, i)
	case a.Gate == HeadGate:
		w.OutGate = b.linear(attnGate, a.Heads, dim, i)
	}
	qn, kn := a.KeyDim, a.KeyDim
	if a.QKNorm == FullNorm {
		qn, kn = q, a.KVHeads*a.KeyDim
	}
	if a.QKNorm != NoQKNorm {
		w.QNorm = b.plusOne(b.need(attnQNorm, []int{qn}, i))
		if own || b.opt.sharedKeyNorm {
			w.KNorm = b.plusOne(b.need(attnKNorm, []int{kn}, i))
		}
		if b.opt.sharedKeyNorm {
			b.foldKeyNorm(i, a, w)
		}
	}
	if a.Sinks {
		w.Sinks = b.need(attnSinks, []int{a.Heads}, i)
	}
}

func (b *binder) latent(i int, a *MLAConfig, w *Layer) {
	dim, key := b.c.Dim, a.NopeDim+a.RopeDim
	if a.QRank > 0 {
		w.QA = b.linear(mlaQA, a.QRank, dim, i)
		w.QANorm = b.need(mlaQANorm, []int{a.QRank}, i)
		w.QB = b.linear(mlaQB, a.Heads*key, a.QRank, i)
	} else {
		w.Q = b.linear(attnQ, a.Heads*key, dim, i)
	}
	w.KVA = b.linear(mlaKVA, a.KVRank+a.RopeDim, dim, i)
	w.KVANorm = b.need(mlaKVNorm, []int{a.KVRank}, i)
	if name := b.name(mlaKB, ".weight", i); name != "" && b.has(name) {
		w.KB = b.need(mlaKB, []int{a.Heads, a.KVRank, a.NopeDim}, i)
		w.VB = b.need(mlaVB, []int{a.Heads, a.ValueDim, a.KVRank}, i)
	} else {
		w.KB, w.VB = b.splitKVB(b.need(mlaKVB, []int{a.Heads * (a.NopeDim + a.ValueDim), a.KVRank}, i), a)
	}
	w.Out = b.linear(attnOut, dim, a.Heads*a.ValueDim, i)
}

func (b *binder) delta(i int, d *DeltaConfig, w *Layer) {
	dim := b.c.Dim
	keys, values := d.KeyHeads*d.KeyDim, d.ValueHeads*d.ValueDim
	channels := 2*keys + values
	rep := d.ValueHeads / d.KeyHeads
	if name := b.name(deltaQKV, ".weight", i); name != "" && b.has(name) {
		w.QKV = b.linear(deltaQKV, channels, dim, i)
		w.Z = b.linear(deltaZ, values, dim, i)
	} else {
		// One matrix, for each key head: q, k, then the v and the z of its value heads.
		all := b.linear(deltaQKVZ, 2*keys+2*values, dim, i)
		per := []int{d.KeyDim, d.KeyDim, rep * d.ValueDim, rep * d.ValueDim}
		parts := b.deal(all.Weight, d.KeyHeads, per)
		w.QKV.Weight = b.stacked(all.Weight, parts[0], parts[1], parts[2])
		w.Z.Weight = parts[3]
	}
	if name := b.name(deltaBA, ".weight", i); name != "" && b.has(name) {
		all := b.linear(deltaBA, 2*d.ValueHeads, dim, i)
		parts := b.deal(all.Weight, d.KeyHeads, []int{rep, rep})
		w.Beta.Weight, w.Alpha.Weight = parts[0], parts[1]
	} else {
		w.Beta = b.linear(deltaBeta, d.ValueHeads, dim, i)
		w.Alpha = b.linear(deltaAlpha, d.ValueHeads, dim, i)
	}
	w.Conv = b.need(deltaConv, []int{channels, d.ConvWidth}, i)
	w.DtBias = b.need(deltaDt, []int{d.ValueHeads}, i)
	w.A = b.need(deltaA, []int{d.ValueHeads}, i)
	if b.opt.decayIsLog {
		w.A = b.mapped(w.A, func(x float32) float32 { return float32(-math.Exp(float64(x))) })
	}
	w.DeltaNorm = b.need(deltaNorm, []int{d.ValueDim}, i)
	w.Out = b.linear(deltaOut, dim, values, i)
}

func (b *binder) dense(i, hidden int, w *Layer) {
	dim := b.c.Dim
	fusedRole := ffnGateUp
	if b.opt.gateInUp {
		fusedRole = ffnUp
	}
	fused := b.name(fusedRole, ".weight", i)
	if b.opt.gateInUp || fused != "" && b.has(fused) {
		all := b.linear(fusedRole, 2*hidden, dim, i)
		parts := b.split(all, hidden, hidden)
		w.Gate, w.Up = parts[0], parts[1]
	} else {
		w.Gate = b.linear(ffnGate, hidden, dim, i)
		w.Up = b.linear(ffnUp, hidden, dim, i)
	}
	w.Down = b.linear(ffnDown, dim, hidden, i)
}

func (b *binder) experts(i int, f *FFNConfig, w *Layer) {
	dim, n, hidden := b.c.Dim, f.Router.Experts, f.Router.Hidden
	w.Router = b.linear(router, n, dim, i)
	w.ChoiceBias = b.vector(choiceBias, ".bias", n, i)
	w.ExpertScale = b.vector(expertScale, ".weight", n, i)
	if name := b.name(gateUpExps, ".weight", i); name != "" && b.has(name) {
		w.GateExps, w.UpExps = b.splitStack(b.stack(gateUpExps, "", n, 2*hidden, dim, i), hidden)
	} else {
		w.GateExps = b.stack(gateExps, expertGate, n, hidden, dim, i)
		w.UpExps = b.stack(upExps, expertUp, n, hidden, dim, i)
	}
	w.DownExps = b.stack(downExps, expertDown, n, dim, hidden, i)
	if f.SharedHidden == 0 {
		return
	}
	if name := b.name(sharedGateUp, ".weight", i); name != "" && b.has(name) {
		parts := b.split(b.linear(sharedGateUp, 2*f.SharedHidden, dim, i), f.SharedHidden, f.SharedHidden)
		w.SharedGateProj, w.SharedUp = parts[0], parts[1]
	} else {
		w.SharedGateProj = b.linear(sharedGateP, f.SharedHidden, dim, i)
		w.SharedUp = b.linear(sharedUp, f.SharedHidden, dim, i)
	}
	w.SharedDown = b.linear(sharedDown, dim, f.SharedHidden, i)
	if f.SharedGated {
		w.SharedGate = b.need(sharedGate, []int{dim}, i)
	}
}

// stack returns the experts' matrices of one role: one tensor of three dimensions, or one tensor per expert.
func (b *binder) stack(all, one role, n, out, in, layer int) Stack {
	name := b.name(all, ".weight", layer)
	if name != "" && (one == "" || b.has(name)) {
		t := b.tensor(name, n, out, in)
		if t == nil {
			return Stack{}
		}
		s := Stack{Whole: t, Bias: b.biasOf(all, n, out, layer)}
		for e := range n {
			v, err := t.Reshape(n*out, in)
			if err == nil {
				v, err = v.Rows(e*out, (e+1)*out)
			}
			if err != nil {
				b.err = fmt.Errorf("arch: %s: %w", b.arch, err)
				return Stack{}
			}
			s.Weight = append(s.Weight, v)
		}
		return s
	}
	var s Stack
	for e := range n {
		t := b.need(one, []int{out, in}, layer, e)
		if t == nil {
			return Stack{}
		}
		if e > 0 && t.Type != s.Weight[0].Type {
			b.fail("tensor %q: type %s, want %s as the other experts of layer %d", t.Name, t.Type, s.Weight[0].Type, layer)
			return Stack{}
		}
		s.Weight = append(s.Weight, *t)
	}
	return s
}

func (b *binder) biasOf(w role, n, out, layer int) *tensor.Tensor {
	return b.optional(b.name(w, ".bias", layer), n, out)
}

// splitStack cuts a stack of gates and ups into two: the first rows of each matrix are the gate's.
func (b *binder) splitStack(s Stack, hidden int) (gate, up Stack) {
	for e := range s.Weight {
		g, u := b.rows(&s.Weight[e], 0, hidden), b.rows(&s.Weight[e], hidden, 2*hidden)
		if g == nil || u == nil {
			return Stack{}, Stack{}
		}
		gate.Weight = append(gate.Weight, *g)
		up.Weight = append(up.Weight, *u)
	}
	if s.Bias != nil {
		parts := b.dealNumbers(s.Bias, len(s.Weight), []int{hidden, hidden})
		gate.Bias, up.Bias = parts[0], parts[1]
	}
	return gate, up
}
