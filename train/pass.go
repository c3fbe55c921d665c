package train

import (
	"summit/arch"
	"summit/tensor"
)

// batch is tokens that are computed together: several documents, each a span.
type batch struct {
	ids, targets []int32
	weights      []float32 // of each target's loss; 0 = not learned
	at           []int32   // position within the document
	spans        []tensor.Span
	key          uint64 // of dropout; the same for the same tokens of a step
}

func (b *batch) reset() {
	b.ids, b.targets, b.weights, b.at, b.spans = b.ids[:0], b.targets[:0], b.weights[:0], b.at[:0], b.spans[:0]
}

// add appends a document: ids without the last are inputs, ids without the
// first targets; learn says which targets count, each with that weight.
func (b *batch) add(ids []int32, learn []bool, weight float32) {
	n := len(ids) - 1
	from := len(b.ids)
	b.ids = append(b.ids, ids[:n]...)
	b.targets = append(b.targets, ids[1:]...)
	for i := range n {
		w := float32(0)
		if learn[i+1] {
			w = weight
		}
		b.weights = append(b.weights, w)
		b.at = append(b.at, int32(i))
	}
	b.spans = append(b.spans, tensor.Span{From: from, To: from + n})
}

// headRows is how many tokens' logits are computed at once.
const headRows = 128

// tape is what a layer's forward pass leaves for its backward pass.
type tape struct {
	x, h1, raw, qk, att, gated, gates, o, mid, h2, gu, act, d buffer
	s1, s2, sq, sk, so, sd, lse                               []float32
}

// buffer is rows that are kept from batch to batch.
type buffer struct{ data []float32 }

// rows returns n rows of cols numbers; their contents are whatever was there.
func (b *buffer) rows(n, cols int) tensor.Rows {
	if cap(b.data) < n*cols {
		b.data = make([]float32, n*cols)
	}
	return tensor.RowsOf(b.data[:n*cols], cols)
}

func resize(b *[]float32, n int) []float32 {
	if cap(*b) < n {
		*b = make([]float32, n)
	}
	*b = (*b)[:n]
	return *b
}

// pass computes forward and backward passes of batches with one lane. Passes
// of one model may work at once.
type pass struct {
	m       *Model
	lane    tensor.Lane
	drop    float64
	tapes   []tape
	x, last buffer // the residual stream after the last layer; its rows that have targets

	hidden, logits, dhidden, dlast, dx, dh, dqkv, dact, datt, dgates, dsub, ax buffer
	dw                                                                         [][]float32
	dy                                                                         []tensor.Rows
	unused                                                                     []float32
	slast                                                                      []float32
	rowsOf                                                                     []int32
	target                                                                     []int32
	weight                                                                     []float32
}

func newPass(m *Model, t tensor.Trainer, drop float64) *pass {
	return &pass{m: m, lane: t.Lane(), drop: drop, tapes: make([]tape, len(m.layers))}
}

// result is what a batch gives.
type result struct {
	loss   float64 // sum of weighted losses, nats
	right  int     // targets that were the likeliest
	tokens int     // inputs
	learn  int     // targets that count
}

func (r *result) add(o result) {
	r.loss, r.right, r.tokens, r.learn = r.loss+o.loss, r.right+o.right, r.tokens+o.tokens, r.learn+o.learn
}

// run computes the loss and, if grad is given, adds the gradient to it.
func (p *pass) run(b *batch, grad []float32) result {
	n := len(b.ids)
	if n == 0 {
		return result{}
	}
	x := p.forward(b, grad != nil)
	res := p.head(b, x, grad)
	res.tokens = n
	if grad != nil {
		p.backward(b, grad)
	}
	return res
}

func (p *pass) forward(b *batch, learning bool) tensor.Rows {
	m, n, dim := p.m, len(b.ids), p.m.config.Dim
	table := m.embed.w.of(m.values)
	var x tensor.Rows
	for i := range m.layers {
		x = p.tapes[i].x.rows(n, dim)
		if i == 0 {
			for r, id := range b.ids {
				copy(x.Row(r), table[int(id)*dim:(int(id)+1)*dim])
			}
			scale(x.Data, m.config.EmbedScale)
		}
		next := &p.x
		if i+1 < len(m.layers) {
			next = &p.tapes[i+1].x
		}
		p.layerForward(i, b, x, next.rows(n, dim), learning)
	}
	return p.x.rows(n, dim)
}

func scale(x []float32, by float32) {
	if by == 1 {
		return
	}
	for i := range x {
		x[i] *= by
	}
}

// multiply sets y to a matrix times x, with its bias, or adds it.
func (p *pass) multiply(y, x tensor.Rows, l *linear, add bool) {
	p.lane.MatMul(y, x, l.packed, add)
	if l.bias.n > 0 {
		p.lane.AddBias(y, l.bias.of(p.m.values))
	}
	if l.rank > 0 {
		p.lane.MatMul(y, p.narrow(x, l), l.packedB, true)
	}
}

// narrow is scale A x.
func (p *pass) narrow(x tensor.Rows, l *linear) tensor.Rows {
	ax := p.ax.rows(x.N, l.rank)
	p.lane.MatMul(ax, x, l.packedA, false)
	scale(ax.Data, l.scale)
	return ax
}

// back sets dx, or adds to it, and adds to the gradients of LoRA's factors.
// x is what the matrix was multiplied with.
func (p *pass) back(dx, dy, x tensor.Rows, l *linear, add bool, grad []float32) {
	p.lane.MatMulBack(dx, dy, l.packed, add)
	if l.rank == 0 {
		return
	}
	p.lane.MatMulWeights([][]float32{p.m.of(l.b, grad)}, []tensor.Rows{dy}, p.narrow(x, l))
	dax := p.ax.rows(x.N, l.rank)
	p.lane.MatMulBack(dax, dy, l.packedB, false)
	scale(dax.Data, l.scale)
	p.lane.MatMulWeights([][]float32{p.m.of(l.a, grad)}, []tensor.Rows{dax}, x)
	p.lane.MatMulBack(dx, dax, l.packedA, true)
}

// normBack is RMSNormBack; the gradient of a weight that does not learn goes nowhere.
func (p *pass) normBack(dx, dy, x tensor.Rows, groups int, w vec, factors, grad []float32) {
	dw := p.m.of(w, grad)
	if dw == nil {
		dw = resize(&p.unused, w.n)
	}
	p.lane.RMSNormBack(dx, dw, dy, x, groups, w.of(p.m.values), factors)
}

// join sets to = x + what half of a layer gives: a matrix times in, normed and
// dropped if it is.
func (p *pass) join(to, x, in tensor.Rows, l *linear, post vec, sub *buffer, factors *[]float32, site uint64, b *batch, learning bool) {
	copy(to.Data, x.Data)
	by := p.m.config.ResidualScale
	dropping := learning && p.drop > 0
	if post.n == 0 && by == 1 && !dropping {
		p.multiply(to, in, l, true)
		return
	}
	out := sub.rows(x.N, x.Cols)
	p.multiply(out, in, l, false)
	if post.n > 0 {
		normed := p.dsub.rows(x.N, x.Cols)
		p.lane.RMSNorm(normed, out, 1, post.of(p.m.values), p.m.config.Eps, resize(factors, x.N))
		out = normed
	}
	if dropping {
		dropOut(out.Data, b.key^site*0x9e3779b97f4a7c15, p.drop)
	}
	p.lane.Add(to.Data, out.Data, by)
}

func (p *pass) layerForward(i int, b *batch, x, next tensor.Rows, learning bool) {
	m, l, t, n, lane := p.m, &p.m.layers[i], &p.tapes[i], x.N, p.lane
	a, values := &l.Attn, p.m.values
	eps := m.config.Eps
	h1 := t.h1.rows(n, x.Cols)
	lane.RMSNorm(h1, x, 1, l.attnNorm.of(values), eps, resize(&t.s1, n))
	q, kv := l.q.rows, l.k.rows
	raw := t.raw.rows(n, q+kv+l.v.rows)
	rq, rk, rv := raw.Slice(0, q), raw.Slice(q, kv), raw.Slice(q+kv, l.v.rows)
	p.multiply(rq, h1, &l.q, false)
	p.multiply(rk, h1, &l.k, false)
	p.multiply(rv, h1, &l.v, false)
	tq, tk := p.turned(t, l, rq, rk)
	if a.QKNorm != arch.NoQKNorm && a.QKNormAfterRope {
		p.turn(l, rq, rk, b.at, false)
		p.normQK(t, l, tq, tk, rq, rk)
	} else {
		if a.QKNorm != arch.NoQKNorm {
			p.normQK(t, l, tq, tk, rq, rk)
		}
		p.turn(l, tq, tk, b.at, false)
	}
	att := t.att.rows(n, l.out.cols)
	lane.Attention(att, tq, tk, rv, l.heads(), b.spans, resize(&t.lse, n*a.Heads))
	if l.outGate.rows > 0 {
		gates, gated := t.gates.rows(n, l.outGate.rows), t.gated.rows(n, l.out.cols)
		p.multiply(gates, h1, &l.outGate, false)
		lane.Gate(gated, att, gates)
		att = gated
	}
	mid := t.mid.rows(n, x.Cols)
	p.join(mid, x, att, &l.out, l.attnPost, &t.o, &t.so, uint64(2*i+1), b, learning)

	h2 := t.h2.rows(n, x.Cols)
	lane.RMSNorm(h2, mid, 1, l.ffnNorm.of(values), eps, resize(&t.s2, n))
	gu, act := t.gu.rows(n, 2*l.up.rows), t.act.rows(n, l.up.rows)
	gate, up := gu.Slice(0, l.up.rows), gu.Slice(l.up.rows, l.up.rows)
	p.multiply(gate, h2, &l.gate, false)
	p.multiply(up, h2, &l.up, false)
	lane.Activate(act, gate, up, l.act)
	p.join(next, mid, act, &l.down, l.ffnPost, &t.d, &t.sd, uint64(2*i+2), b, learning)
}

// turned views where q and k go on to attention: in place, or beside what the
// norm's backward pass needs.
func (p *pass) turned(t *tape, l *layer, rq, rk tensor.Rows) (q, k tensor.Rows) {
	if l.Attn.QKNorm == arch.NoQKNorm {
		return rq, rk
	}
	all := t.qk.rows(rq.N, rq.Cols+rk.Cols)
	return all.Slice(0, rq.Cols), all.Slice(rq.Cols, rk.Cols)
}

func (p *pass) normQK(t *tape, l *layer, q, k, rq, rk tensor.Rows) {
	a, values := &l.Attn, p.m.values
	p.lane.RMSNorm(q, rq, a.Heads, l.qNorm.of(values), a.QKEps, resize(&t.sq, q.N*a.Heads))
	p.lane.RMSNorm(k, rk, a.KVHeads, l.kNorm.of(values), a.QKEps, resize(&t.sk, k.N*a.KVHeads))
}

func (p *pass) turn(l *layer, q, k tensor.Rows, at []int32, back bool) {
	if l.turn != nil {
		p.lane.Rope(q, l.Attn.KeyDim, l.turn, at, back)
		p.lane.Rope(k, l.Attn.KeyDim, l.turn, at, back)
	}
}

// head computes losses from the residual stream, only where there are targets
// that count. With grad it leaves the stream's gradient in p.dx.
func (p *pass) head(b *batch, x tensor.Rows, grad []float32) result {
	m, dim, lane := p.m, p.m.config.Dim, p.lane
	p.rowsOf, p.target, p.weight = p.rowsOf[:0], p.target[:0], p.weight[:0]
	for i, w := range b.weights {
		if w != 0 {
			p.rowsOf = append(p.rowsOf, int32(i))
			p.target, p.weight = append(p.target, b.targets[i]), append(p.weight, w)
		}
	}
	n := len(p.rowsOf)
	res := result{learn: n}
	var dx tensor.Rows
	if grad != nil {
		dx = p.dx.rows(x.N, dim)
		clear(dx.Data)
	}
	if n == 0 {
		return res
	}
	last, hidden := p.last.rows(n, dim), p.hidden.rows(n, dim)
	for i, r := range p.rowsOf {
		copy(last.Row(i), x.Row(int(r)))
	}
	norm := m.norm.of(m.values)
	lane.RMSNorm(hidden, last, 1, norm, m.config.Eps, resize(&p.slast, n))
	for lo := 0; lo < n; lo += headRows {
		hi := min(lo+headRows, n)
		h := hidden.Part(lo, hi)
		logits := p.logits.rows(hi-lo, m.head.rows)
		lane.MatMul(logits, h, m.head.packed, false)
		loss, right := lane.CrossEntropy(logits, p.target[lo:hi], p.weight[lo:hi])
		res.loss += loss
		res.right += right
		if grad == nil {
			continue
		}
		lane.MatMulBack(p.dhidden.rows(n, dim).Part(lo, hi), logits, m.head.packed, false)
		if dw := m.of(m.head.w, grad); dw != nil {
			lane.MatMulWeights([][]float32{dw}, []tensor.Rows{logits}, h)
		}
	}
	if grad == nil {
		return res
	}
	dlast := p.dlast.rows(n, dim)
	clear(dlast.Data)
	p.normBack(dlast, p.dhidden.rows(n, dim), last, 1, m.norm, p.slast, grad)
	for i, r := range p.rowsOf {
		copy(dx.Row(int(r)), dlast.Row(i))
	}
	return res
}

// backward goes from p.dx, the gradient of the stream's end, to its beginning.
func (p *pass) backward(b *batch, grad []float32) {
	m, dim := p.m, p.m.config.Dim
	for i := len(m.layers) - 1; i >= 0; i-- {
		p.layerBackward(i, b, grad)
	}
	dx := p.dx.rows(len(b.ids), dim)
	table := m.of(m.embed.w, grad)
	if table == nil {
		return
	}
	for r, id := range b.ids {
		p.lane.Add(table[int(id)*dim:(int(id)+1)*dim], dx.Row(r), m.config.EmbedScale)
	}
}

// part is the backward pass of join: the gradient of the matrix's product.
func (p *pass) part(dx tensor.Rows, post vec, sub *buffer, factors []float32, site uint64, b *batch, grad []float32) tensor.Rows {
	by := p.m.config.ResidualScale
	d := dx
	if by != 1 || p.drop > 0 {
		d = p.dsub.rows(dx.N, dx.Cols)
		copy(d.Data, dx.Data)
		scale(d.Data, by)
		if p.drop > 0 {
			dropOut(d.Data, b.key^site*0x9e3779b97f4a7c15, p.drop)
		}
	}
	if post.n > 0 {
		out := p.dhidden.rows(dx.N, dx.Cols)
		clear(out.Data)
		p.normBack(out, d, sub.rows(dx.N, dx.Cols), 1, post, factors, grad)
		d = out
	}
	return d
}

// weightsBack adds the gradients of matrices that have one input, and of their
// biases, if they learn.
func (p *pass) weightsBack(grad []float32, x tensor.Rows, d []tensor.Rows, of ...*linear) {
	dw, dy := p.dw[:0], p.dy[:0]
	for i, l := range of {
		if db := p.m.of(l.bias, grad); l.bias.n > 0 && db != nil {
			p.lane.BiasBack(db, d[i])
		}
		if w := p.m.of(l.w, grad); w != nil {
			dw, dy = append(dw, w), append(dy, d[i])
		}
	}
	if len(dw) > 0 {
		p.lane.MatMulWeights(dw, dy, x)
	}
	p.dw, p.dy = dw, dy
}

func (p *pass) layerBackward(i int, b *batch, grad []float32) {
	m, l, t, lane := p.m, &p.m.layers[i], &p.tapes[i], p.lane
	n, dim := len(b.ids), m.config.Dim
	a := &l.Attn
	dx := p.dx.rows(n, dim)

	// The channel block.
	dd := p.part(dx, l.ffnPost, &t.d, t.sd, uint64(2*i+2), b, grad)
	act := t.act.rows(n, l.up.rows)
	p.weightsBack(grad, act, []tensor.Rows{dd}, &l.down)
	dact := p.dact.rows(n, l.up.rows)
	p.back(dact, dd, act, &l.down, false, grad)
	gu := t.gu.rows(n, 2*l.up.rows)
	gate, up := gu.Slice(0, l.up.rows), gu.Slice(l.up.rows, l.up.rows)
	lane.ActivateBack(gate, up, dact, gate, up, l.act)
	h2 := t.h2.rows(n, dim)
	p.weightsBack(grad, h2, []tensor.Rows{gate, up}, &l.gate, &l.up)
	dh := p.dh.rows(n, dim)
	p.back(dh, gate, h2, &l.gate, false, grad)
	p.back(dh, up, h2, &l.up, true, grad)
	p.normBack(dx, dh, t.mid.rows(n, dim), 1, l.ffnNorm, t.s2, grad)

	// Attention.
	do := p.part(dx, l.attnPost, &t.o, t.so, uint64(2*i+1), b, grad)
	att, h1 := t.att.rows(n, l.out.cols), t.h1.rows(n, dim)
	datt, in := p.datt.rows(n, l.out.cols), att
	if l.outGate.rows > 0 {
		in = t.gated.rows(n, l.out.cols)
	}
	p.weightsBack(grad, in, []tensor.Rows{do}, &l.out)
	p.back(datt, do, in, &l.out, false, grad)
	if l.outGate.rows > 0 {
		gates, dgates := t.gates.rows(n, l.outGate.rows), p.dgates.rows(n, l.outGate.rows)
		lane.GateBack(datt, dgates, datt, att, gates)
		p.weightsBack(grad, h1, []tensor.Rows{dgates}, &l.outGate)
		p.back(dh, dgates, h1, &l.outGate, false, grad)
	}
	q, kv := l.q.rows, l.k.rows
	raw := t.raw.rows(n, q+kv+l.v.rows)
	rq, rk, rv := raw.Slice(0, q), raw.Slice(q, kv), raw.Slice(q+kv, l.v.rows)
	tq, tk := p.turned(t, l, rq, rk)
	dqkv := p.dqkv.rows(n, q+kv+l.v.rows)
	dq, dk, dv := dqkv.Slice(0, q), dqkv.Slice(q, kv), dqkv.Slice(q+kv, l.v.rows)
	lane.AttentionBack(dq, dk, dv, datt, att, tq, tk, rv, l.heads(), b.spans, t.lse)
	switch {
	case a.QKNorm == arch.NoQKNorm:
		p.turn(l, dq, dk, b.at, true)
	case a.QKNormAfterRope:
		dq, dk = p.normQKBack(t, l, dq, dk, rq, rk, grad)
		p.turn(l, dq, dk, b.at, true)
	default:
		p.turn(l, dq, dk, b.at, true)
		dq, dk = p.normQKBack(t, l, dq, dk, rq, rk, grad)
	}
	p.weightsBack(grad, h1, []tensor.Rows{dq, dk, dv}, &l.q, &l.k, &l.v)
	p.back(dh, dq, h1, &l.q, l.outGate.rows > 0, grad)
	p.back(dh, dk, h1, &l.k, true, grad)
	p.back(dh, dv, h1, &l.v, true, grad)
	p.normBack(dx, dh, t.x.rows(n, dim), 1, l.attnNorm, t.s1, grad)
}

// normQKBack returns the gradients before the norms of q and k. It takes the
// memory of the normed ones, which nothing needs any more.
func (p *pass) normQKBack(t *tape, l *layer, dq, dk, rq, rk tensor.Rows, grad []float32) (tensor.Rows, tensor.Rows) {
	a := &l.Attn
	to := t.qk.rows(dq.N, dq.Cols+dk.Cols)
	clear(to.Data)
	tq, tk := to.Slice(0, dq.Cols), to.Slice(dq.Cols, dk.Cols)
	p.normBack(tq, dq, rq, a.Heads, l.qNorm, t.sq, grad)
	p.normBack(tk, dk, rk, a.KVHeads, l.kNorm, t.sk, grad)
	return tq, tk
}
