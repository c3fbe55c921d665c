package engine

import (
	"fmt"

	"summit/arch"
	"summit/tensor"
)

// maxOutputs bounds the rows of logits of one step: a row is as long as the
// vocabulary.
const maxOutputs = 32

// forward is a model on a backend: weights, caches, and the programs that end
// at logits and at hidden rows.
type forward struct {
	backend tensor.Backend
	plan    *arch.Plan
	weights []tensor.Weight
	buffers []tensor.Buffer
	logits  tensor.Executable
	lim     tensor.Limits

	// The program for embeddings, compiled when the first is asked for. Its
	// weights are the first ones of the other plan's, its caches the same.
	hidden    tensor.Executable
	hiddenReg int
	dim       int
	vocab     int
	rows      []float32

	recurrent bool
}

func (f *forward) open(m *arch.Model, b tensor.Backend, o *Options, cache tensor.DType) error {
	f.backend = b
	f.dim, f.vocab = m.Dim, m.Vocab
	options := arch.PlanOptions{
		Cache: cache, BlockTokens: o.BlockTokens, Blocks: o.CacheTokens / o.BlockTokens,
		Slots: o.Batch + o.Snapshots, WindowTokens: o.WindowTokens,
	}
	plan, err := arch.NewPlan(m, options)
	if err != nil {
		return err
	}
	f.plan = plan
	for _, w := range plan.Weights {
		h, err := b.Load(w)
		if err != nil {
			return fmt.Errorf("engine: weight %q: %w", w.Name, err)
		}
		f.weights = append(f.weights, h)
	}
	for _, s := range plan.Buffers {
		if !s.Cache() {
			f.recurrent = true
		}
		h, err := b.Alloc(s)
		if err != nil {
			return fmt.Errorf("engine: %w", err)
		}
		f.buffers = append(f.buffers, h)
	}
	f.lim = tensor.Limits{Tokens: o.StepTokens, Outputs: max(maxOutputs, o.Batch), Seqs: o.Batch}
	f.logits, err = b.Compile(&plan.Program, f.weights, f.buffers, f.lim)
	if err != nil {
		return err
	}
	options.NoHead = true
	hidden, err := arch.NewPlan(m, options)
	if err != nil {
		return err
	}
	f.hiddenReg = hidden.Hidden
	return f.openHidden(hidden)
}

// openHidden compiles the program for embeddings with the weights that are
// loaded: the plans are made alike up to the head.
func (f *forward) openHidden(p *arch.Plan) error {
	n := len(p.Weights)
	if n > len(f.weights) || len(p.Buffers) != len(f.buffers) {
		return fmt.Errorf("engine: the plan without a head has %d weights and %d buffers, want at most %d and %d", n, len(p.Buffers), len(f.weights), len(f.buffers))
	}
	for i, w := range p.Weights {
		if &w.Parts[0].Data[0] != &f.plan.Weights[i].Parts[0].Data[0] || w.Use != f.plan.Weights[i].Use {
			return fmt.Errorf("engine: the plan without a head has weight %d %q, want %q", i, w.Name, f.plan.Weights[i].Name)
		}
	}
	lim := f.lim
	lim.Outputs = lim.Tokens
	exe, err := f.backend.Compile(&p.Program, f.weights[:n], f.buffers, lim)
	f.hidden = exe
	return err
}

// run computes a batch and returns its output rows, which are valid until the
// next run: logits, or hidden rows.
func (f *forward) run(b *tensor.Batch, hidden bool) (rows []float32, width int, err error) {
	exe, reg, width := f.logits, f.plan.Logits, f.vocab
	if hidden {
		exe, reg, width = f.hidden, f.hiddenReg, f.dim
	}
	if err := exe.Run(b); err != nil {
		return nil, 0, err
	}
	n := len(b.Outputs) * width
	if n == 0 {
		return nil, width, nil
	}
	if cap(f.rows) < n {
		f.rows = make([]float32, n)
	}
	rows = f.rows[:n]
	return rows, width, exe.Read(rows, reg, 0)
}

// copyBlock copies a block of every cache, copySlot a slot of every state.
func (f *forward) copyBlock(dst, src int32) error { return f.copy(true, dst, src) }
func (f *forward) copySlot(dst, src int32) error  { return f.copy(false, dst, src) }

func (f *forward) copy(cache bool, dst, src int32) error {
	for i, b := range f.buffers {
		if f.plan.Buffers[i].Cache() == cache {
			if err := f.backend.Copy(b, int(dst), b, int(src)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *forward) close() {
	for _, exe := range []tensor.Executable{f.logits, f.hidden} {
		if exe != nil {
			exe.Close()
		}
	}
	for _, w := range f.weights {
		f.backend.Free(w)
	}
	for _, b := range f.buffers {
		f.backend.Free(b)
	}
	*f = forward{plan: f.plan}
}
