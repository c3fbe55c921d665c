// Package tensortest is the suite that every backend passes: each operation,
// weight type and odd shape against a reference backend, with bounds on the
// normalised mean square error; results that do not depend on how a batch is
// cut, where the backend promises that; and clear errors instead of damage.
//
// A new operation or shape is one more entry in cases.go.
package tensortest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"summit/tensor"
)

// Bounds are the largest normalised mean square errors that pass:
// sum((got-want)²) / sum(want²).
type Bounds struct {
	Float     float64 // float32 arithmetic on both sides; 0 = 1e-10
	Quantized float64 // steps with matrices, whose input may be rounded to 8 bits; 0 = 5e-4
	Cache     float64 // attention, whose cache may be float16; 0 = 1e-5
}

// Suite runs all cases. open gives the backend to be tested, ref the backend
// that is believed.
func Suite(t *testing.T, open, ref func() (tensor.Backend, error), b Bounds) {
	if b.Float == 0 {
		b.Float = 1e-10
	}
	if b.Quantized == 0 {
		b.Quantized = 5e-4
	}
	if b.Cache == 0 {
		b.Cache = 1e-5
	}
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) { c.test(t, open, ref, b) })
	}
	t.Run("errors", func(t *testing.T) { testErrors(t, open) })
}

// plan is one case: a program, what is put in and what is looked at. Rows of
// the batch are positions of sequences of the given lengths.
type plan struct {
	name    string
	prog    tensor.Program
	in, out []int // registers
	ids     func(rng *rand.Rand, cols int) []float32
	lengths []int
}

const seed = 20261126

// row is what goes into a register at a position of a sequence: it depends on
// nothing else, so that a batch may be cut anywhere.
func (c *plan) row(reg, seq, pos int) []float32 {
	rng := rand.New(rand.NewPCG(seed, uint64(reg)<<40|uint64(seq)<<20|uint64(pos)))
	g := c.prog.Regs[reg]
	if g.Int {
		return c.ids(rng, g.Cols)
	}
	out := make([]float32, g.Cols)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return out
}

// id is the token at a position of a sequence.
func id(seq, pos int) int32 { return int32((seq*7 + pos*3) % 11) }

// span is a part of a sequence.
type span struct{ seq, pos, n int }

// whole runs every sequence in one batch, single one token a batch, mixed
// unequal pieces of several sequences side by side.
func (c *plan) schedules() map[string][][]span {
	var whole []span
	var single [][]span
	var mixed [][]span
	at := make([]int, len(c.lengths))
	for s, n := range c.lengths {
		whole = append(whole, span{s, 0, n})
		for p := range n {
			single = append(single, []span{{s, p, 1}})
		}
	}
	for piece := 2; ; piece++ {
		var batch []span
		for s, n := range c.lengths {
			if k := min(piece+s, n-at[s]); k > 0 {
				batch = append(batch, span{s, at[s], k})
				at[s] += k
			}
		}
		if batch == nil {
			break
		}
		mixed = append(mixed, batch)
	}
	return map[string][][]span{"whole": {whole}, "single": single, "mixed": mixed}
}

// result is the rows of the output registers by sequence and position.
type result map[string][]float32

// run carries out the case on a backend.
func (c *plan) run(b tensor.Backend, batches [][]span) (result, error) {
	total := 0
	for _, n := range c.lengths {
		total += n
	}
	p := &c.prog
	var weights []tensor.Weight
	for _, w := range p.Weights {
		h, err := b.Load(w)
		if err != nil {
			return nil, err
		}
		defer b.Free(h)
		weights = append(weights, h)
	}
	var buffers []tensor.Buffer
	for _, s := range p.Buffers {
		h, err := b.Alloc(s)
		if err != nil {
			return nil, err
		}
		defer b.Free(h)
		buffers = append(buffers, h)
	}
	exe, err := b.Compile(p, weights, buffers, tensor.Limits{Tokens: total, Outputs: total, Seqs: len(c.lengths)})
	if err != nil {
		return nil, err
	}
	defer exe.Close()
	blocks := c.blocks()
	out := result{}
	for _, spans := range batches {
		var batch tensor.Batch
		row := 0
		for _, s := range spans {
			batch.Seqs = append(batch.Seqs, tensor.Seq{Row: row, N: s.n, Pos: s.pos, Blocks: blocks[s.seq], Slot: int32(len(c.lengths) - 1 - s.seq)})
			for k := range s.n {
				batch.IDs = append(batch.IDs, id(s.seq, s.pos+k))
				batch.Outputs = append(batch.Outputs, int32(row))
				for _, reg := range c.in {
					if err := exe.Write(reg, row, c.row(reg, s.seq, s.pos+k)); err != nil {
						return nil, err
					}
				}
				row++
			}
		}
		if err := exe.Run(&batch); err != nil {
			return nil, err
		}
		row = 0
		for _, s := range spans {
			for k := range s.n {
				for _, reg := range c.out {
					got := make([]float32, p.Regs[reg].Cols)
					if err := exe.Read(got, reg, row); err != nil {
						return nil, err
					}
					out[fmt.Sprintf("%s of sequence %d position %d", p.Regs[reg].Name, s.seq, s.pos+k)] = got
				}
				row++
			}
		}
	}
	return out, nil
}

// blocks deals the blocks of every cache out in an order that is not theirs.
func (c *plan) blocks() [][]int32 {
	size, items := 0, 0
	for _, b := range c.prog.Buffers {
		if b.Cache() {
			size, items = b.BlockTokens, b.Items
		}
	}
	out := make([][]int32, len(c.lengths))
	if size == 0 {
		return out
	}
	order := rand.New(rand.NewPCG(seed, 1)).Perm(items)
	for s, n := range c.lengths {
		for range (n + size - 1) / size {
			out[s] = append(out[s], int32(order[0]))
			order = order[1:]
		}
	}
	return out
}

func (c *plan) test(t *testing.T, open, ref func() (tensor.Backend, error), bounds Bounds) {
	r, err := ref()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	step := c.prog.Steps[0]
	kind := tensor.F32
	for _, w := range step.Operands().Weights {
		if c.prog.Weights[w].Use != tensor.Vector {
			kind = c.prog.Weights[w].Type()
			break
		}
	}
	if !b.Supports(step.Op(), kind) {
		t.Skipf("%s does not do %s of %s: it falls back", b.Caps().Name, step.Op(), kind)
	}
	schedules := c.schedules()
	want, err := c.run(r, schedules["whole"])
	if err != nil {
		t.Fatalf("reference: %v", err)
	}
	bound := bounds.Float
	switch step.(type) {
	case *tensor.MatMul, *tensor.ExpertMatMul, *tensor.HeadMatMul:
		if !b.Caps().Exact {
			bound = bounds.Quantized
		}
	case *tensor.KVWrite, *tensor.Attention:
		bound = bounds.Cache
	}
	first, err := c.run(b, schedules["whole"])
	if err != nil {
		t.Fatal(err)
	}
	if e := nmse(first, want); !(e <= bound) {
		t.Errorf("error %.3g of the reference's power, want at most %.3g", e, bound)
	}
	for _, name := range []string{"whole", "single", "mixed"} {
		got, err := c.run(b, schedules[name])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d rows, want %d", name, len(got), len(want))
		}
		if e := nmse(got, want); !(e <= bound) {
			t.Errorf("%s: error %.3g of the reference's power, want at most %.3g", name, e, bound)
		}
		if !b.Caps().Invariant && name != "whole" {
			continue
		}
		for where, row := range got {
			for i, v := range row {
				if math.Float32bits(v) != math.Float32bits(first[where][i]) {
					t.Fatalf("%s: %s: number %d is %v, and %v in one batch", name, where, i, v, first[where][i])
				}
			}
		}
	}
}

// nmse is the error's power over the reference's, summed over all rows.
func nmse(got, want result) float64 {
	var e, p float64
	for where, w := range want {
		for i, v := range w {
			d := float64(got[where][i]) - float64(v)
			e += d * d
			p += float64(v) * float64(v)
		}
	}
	if p == 0 {
		return e
	}
	return e / p
}
