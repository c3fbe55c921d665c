package arch

import (
	"errors"
	"fmt"
	"strings"

	"summit/tensor"
)

// Plan is a model compiled to steps: what an engine runs and what a planner
// costs are the same object. Its caches and states have Items to be filled in
// by whoever knows how much memory there is.
type Plan struct {
	tensor.Program
	Logits  int   // register of [outputs, Vocab]; -1 if the plan ends at Hidden
	Hidden  int   // register of [outputs, Dim], after the last norm
	Layer   []int // the layer that each step belongs to; -1 before the first, len(Layers) after the last
	Windows int   // cache layers with a sliding window
}

// PlanOptions are what a plan needs besides the model.
type PlanOptions struct {
	Cache        tensor.DType // type of the KV cache
	BlockTokens  int          // positions of a cache block; 0 = 16
	Blocks       int          // blocks of every cache; 0 = 1, to be set later
	Slots        int          // slots of every state; 0 = 1, to be set later
	WindowTokens int          // longest sequence that will be run; 0 = the model's own
	NoHead       bool         // end at the last norm: for embeddings
}

// NewPlan compiles a model. The result has been checked: every step's shapes
// fit.
func NewPlan(m *Model, o PlanOptions) (*Plan, error) {
	if o.BlockTokens == 0 {
		o.BlockTokens = 16
	}
	if o.BlockTokens < 1 || o.Blocks < 0 || o.Slots < 0 || o.WindowTokens < 0 {
		return nil, fmt.Errorf("arch: plan: %+v, want no negative numbers", o)
	}
	o.Blocks, o.Slots = max(1, o.Blocks), max(1, o.Slots)
	if o.WindowTokens == 0 {
		o.WindowTokens = m.WindowTokens
	}
	if len(m.Weights) != len(m.Layers) {
		return nil, fmt.Errorf("arch: plan: weights of %d layers, want %d", len(m.Weights), len(m.Layers))
	}
	p := &planner{
		m: m, o: o, plan: &Plan{Logits: -1},
		regs: map[string]int{}, weights: map[weightKey]int{}, caches: map[int]int{}, layer: -1,
	}
	p.measure()
	p.run()
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	if err := p.plan.Check(); err != nil {
		return nil, err
	}
	return p.plan, nil
}

type weightKey struct {
	first *byte // where the first part's bytes begin: views of one place are one weight
	rows  int
	use   tensor.Use
}

// planner builds a plan layer by layer.
type planner struct {
	m       *Model
	o       PlanOptions
	plan    *Plan
	regs    map[string]int
	weights map[weightKey]int
	caches  map[int]int // buffer of a layer's keys and values
	layer   int
	pending tensor.Ref // what is still to be added to x
	errs    []error
}

func (p *planner) fail(format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("arch: plan: layer %d: "+format, append([]any{p.layer}, args...)...))
}

// reg returns cols columns of a register, which becomes as wide as its widest
// use: layers share registers.
func (p *planner) reg(name string, cols int) tensor.Ref {
	i, ok := p.regs[name]
	if !ok {
		i = len(p.plan.Regs)
		p.regs[name] = i
		p.plan.Regs = append(p.plan.Regs, tensor.Reg{Name: name})
	}
	r := &p.plan.Regs[i]
	r.Cols = max(r.Cols, cols)
	return tensor.Ref{Reg: i, Cols: cols}
}

func (p *planner) outputs(name string, cols int) tensor.Ref {
	r := p.reg(name, cols)
	p.plan.Regs[r.Reg].Output = true
	return r
}

func (p *planner) step(s tensor.Instr) {
	p.plan.Steps = append(p.plan.Steps, s)
	p.plan.Layer = append(p.plan.Layer, p.layer)
}

// weight returns the index of a weight of one tensor, -1 for none.
func (p *planner) weight(t *tensor.Tensor, use tensor.Use) int {
	if t == nil {
		return -1
	}
	return p.add(use, *t)
}

func (p *planner) add(use tensor.Use, parts ...tensor.Tensor) int {
	if len(parts) == 0 || len(parts[0].Data) == 0 {
		p.fail("a weight is missing")
		return -1
	}
	key := weightKey{&parts[0].Data[0], parts[0].NumRows() * len(parts), use}
	if i, ok := p.weights[key]; ok {
		return i
	}
	i := len(p.plan.Weights)
	p.weights[key] = i
	p.plan.Weights = append(p.plan.Weights, tensor.WeightSpec{Name: parts[0].Name, Use: use, Parts: parts})
	return i
}

// stack returns the index of a tensor [n, rows, cols] as n matrices.
func (p *planner) stack(t *tensor.Tensor) int {
	if t == nil || len(t.Shape) != 3 {
		p.fail("a stack of matrices is missing")
		return -1
	}
	parts := make([]tensor.Tensor, t.Shape[0])
	for i := range parts {
		part, err := t.At(i)
		if err != nil {
			p.fail("%w", err)
			return -1
		}
		parts[i] = part
	}
	return p.add(tensor.Stack, parts...)
}

// product is one matrix of a MatMul step.
type product struct {
	out tensor.Ref
	Linear
}

// matmul multiplies x with all the matrices that exist in one step, so that a
// backend prepares x once.
func (p *planner) matmul(x tensor.Ref, products ...product) { p.multiply(x, false, products) }

// precise is matmul for the steps whose rounding is felt most. Measured on the
// quantised fixtures with 8-bit inputs: queries, keys and values make 40 % of
// the divergence from exact logits. The head makes 20 %, but of a small model's
// decoding a quarter goes into it: with 16 bits there one token took a fifth
// more time, and no fixture came out better for it.
func (p *planner) precise(x tensor.Ref, products ...product) { p.multiply(x, true, products) }

func (p *planner) multiply(x tensor.Ref, precise bool, products []product) {
	s := &tensor.MatMul{X: x, Precise: precise}
	biased := false
	for _, m := range products {
		if !m.Has() {
			continue
		}
		s.Out = append(s.Out, m.out)
		s.W = append(s.W, p.weight(m.Weight, tensor.Matrix))
		s.Bias = append(s.Bias, p.weight(m.Bias, tensor.Vector))
		biased = biased || m.Bias != nil
	}
	if !biased {
		s.Bias = nil
	}
	if len(s.W) > 0 {
		p.step(s)
	}
}

// need reports a matrix that a layer must have.
func (p *planner) need(what string, l Linear) {
	if !l.Has() {
		p.fail("%s is missing", what)
	}
}

// measure makes the registers that every layer has, first in the list.
func (p *planner) measure() {
	p.reg("x", p.m.Dim)
	p.reg("h", p.m.Dim)
	p.reg("y", p.m.Dim)
	p.pending = tensor.None
}

func (p *planner) run() {
	m := p.m
	x := p.reg("x", m.Dim)
	p.step(&tensor.Embed{Out: x, W: p.weight(m.Embed, tensor.Table), Scale: m.EmbedScale})
	for l := range m.Layers {
		p.layer = l
		p.block(&m.Layers[l], &m.Weights[l])
	}
	p.layer = len(m.Layers)
	p.head()
}

// normed returns norm(x + pending), or x itself where there is no norm.
func (p *planner) normed(n NormWeights) tensor.Ref {
	x, h := p.reg("x", p.m.Dim), p.reg("h", p.m.Dim)
	if n.Weight == nil {
		p.settle()
		return x
	}
	p.step(p.norm(n, x, p.pending, h))
	p.pending = tensor.None
	return h
}

// settle adds what is pending.
func (p *planner) settle() {
	if p.pending.Ok() {
		x := p.reg("x", p.m.Dim)
		p.step(&tensor.Add{X: x, Y: p.pending, Out: x, XScale: 1, YScale: p.m.ResidualScale})
	}
	p.pending = tensor.None
}

// norm is a norm over Dim.
func (p *planner) norm(n NormWeights, x, add, out tensor.Ref) *tensor.Norm {
	kind := tensor.RMS
	if p.m.Norm == LayerNorm {
		kind = tensor.Layer
	}
	return &tensor.Norm{
		Kind: kind, X: x, Add: add, AddScale: p.m.ResidualScale, Out: out, Groups: 1, Eps: p.m.Eps,
		W: p.weight(n.Weight, tensor.Vector), B: p.weight(n.Bias, tensor.Vector),
	}
}

// rms is an RMS norm of groups in place.
func (p *planner) rms(x tensor.Ref, groups int, w *tensor.Tensor, eps float32) {
	p.step(&tensor.Norm{Kind: tensor.RMS, X: x, Add: tensor.None, Out: x, Groups: groups, W: p.weight(w, tensor.Vector), B: -1, Eps: eps})
}

// block is one layer: see Config for the order of work.
func (p *planner) block(c *LayerConfig, w *Layer) {
	y := p.reg("y", p.m.Dim)
	hasFFN := c.FFN.Hidden > 0 || c.FFN.Router.Experts > 0 || c.FFN.SharedHidden > 0
	if c.Placement == Parallel {
		h := p.normed(w.AttnNorm)
		p.mixer(c, w, h, y)
		if !hasFFN {
			p.pending = y
			return
		}
		if w.FFNNorm.Weight != nil && w.FFNNorm != w.AttnNorm {
			h = p.normed(w.FFNNorm)
		}
		if c.Mixer == NoMixer {
			p.ffn(c, w, h, y)
		} else {
			z := p.reg("y2", p.m.Dim)
			p.ffn(c, w, h, z)
			p.step(&tensor.Add{X: y, Y: z, Out: y, XScale: 1, YScale: 1})
		}
		p.pending = y
		return
	}
	if c.Mixer != NoMixer {
		p.mixer(c, w, p.normed(w.AttnNorm), y)
		p.after(w.AttnPostNorm, y)
	}
	if hasFFN {
		p.ffn(c, w, p.normed(w.FFNNorm), y)
		p.after(w.FFNPostNorm, y)
	}
}

// after norms what a half of a layer gave, if asked, and leaves it to be added.
func (p *planner) after(n NormWeights, y tensor.Ref) {
	if n.Weight != nil {
		p.step(p.norm(n, y, tensor.None, y))
	}
	p.pending = y
}

// head takes the rows that are wanted through the last norm and the head.
func (p *planner) head() {
	m := p.m
	x, out, h := p.reg("x", m.Dim), p.outputs("x.out", m.Dim), p.outputs("h.out", m.Dim)
	p.step(&tensor.Gather{X: x, Out: out})
	add := tensor.None
	if p.pending.Ok() {
		add = p.outputs("y.out", m.Dim)
		p.step(&tensor.Gather{X: p.pending, Out: add})
	}
	p.pending = tensor.None
	switch {
	case m.OutputNorm.Weight != nil:
		p.step(p.norm(m.OutputNorm, out, add, h))
	case add.Ok():
		p.step(&tensor.Add{X: out, Y: add, Out: h, XScale: 1, YScale: m.ResidualScale})
	default:
		h = out
	}
	p.plan.Hidden = h.Reg
	if p.o.NoHead {
		return
	}
	p.need("the head", Linear{Weight: m.Head})
	logits := p.outputs("logits", m.Vocab)
	p.matmul(h, product{logits, Linear{m.Head, m.HeadBias}})
	if m.LogitScale != 1 {
		p.step(&tensor.Add{X: logits, Y: tensor.None, Out: logits, XScale: m.LogitScale})
	}
	if m.LogitCap > 0 {
		p.step(&tensor.Softcap{X: logits, Out: logits, Cap: m.LogitCap})
	}
	p.plan.Logits = logits.Reg
}

// Memory is what a plan needs, in bytes.
type Memory struct {
	Weights  int64 // as stored; a matrix that is used twice counts once
	PerToken int64 // of KV cache, for each position of a sequence
	PerSeq   int64 // of recurrent state, for each sequence
	PerRow   int64 // of registers, for each token of a batch
}

// Memory adds up what the plan's parts need.
func (p *Plan) Memory() Memory {
	var m Memory
	seen := map[*byte]bool{}
	for _, w := range p.Weights {
		for _, t := range w.Parts {
			if !seen[&t.Data[0]] {
				seen[&t.Data[0]] = true
				m.Weights += int64(len(t.Data))
			}
		}
	}
	for _, b := range p.Buffers {
		n, err := b.ItemBytes()
		switch {
		case err != nil:
		case b.Cache():
			m.PerToken += n / int64(b.BlockTokens)
		default:
			m.PerSeq += n
		}
	}
	for _, r := range p.Regs {
		if !r.Output {
			m.PerRow += int64(r.Cols) * 4
		}
	}
	return m
}

// Draw prints the steps with what each costs for a batch. Layers with the
// same steps as the one before are left out and counted.
func (p *Plan) Draw(w tensor.Workload) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d steps; batch: %d × %d tokens after %d, %d outputs\n", len(p.Steps), w.Seqs, w.Tokens, w.Context, w.Outputs)
	fmt.Fprintf(&b, "%12s %12s %12s  step\n", "weight bytes", "other bytes", "MACs")
	var last []string
	skipped := 0
	flush := func() {
		if skipped > 0 {
			fmt.Fprintf(&b, "%40s(%d more layers like this)\n", "", skipped)
		}
		skipped = 0
	}
	for i := 0; i < len(p.Steps); {
		j := i
		var shape []string
		for ; j < len(p.Steps) && p.Layer[j] == p.Layer[i]; j++ {
			c := p.StepCost(p.Steps[j], w)
			shape = append(shape, fmt.Sprintf("%s %d %d %d", p.Steps[j].Op(), c.WeightBytes, c.Bytes(), c.MACs))
		}
		if strings.Join(shape, "\n") == strings.Join(last, "\n") {
			skipped++
			i = j
			continue
		}
		flush()
		last = shape
		for ; i < j; i++ {
			c := p.StepCost(p.Steps[i], w)
			fmt.Fprintf(&b, "%12d %12d %12d  %s\n", c.WeightBytes, c.CacheBytes+c.MoveBytes, c.MACs, p.Line(p.Steps[i]))
		}
	}
	flush()
	c := p.Cost(w)
	fmt.Fprintf(&b, "%12d %12d %12d  in all\n", c.WeightBytes, c.CacheBytes+c.MoveBytes, c.MACs)
	return b.String()
}
