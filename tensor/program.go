package tensor

import (
	"errors"
	"fmt"
	"strings"
)

// Reg is a register: a matrix of float32 with one row for every token of the
// batch, or for every output asked for.
type Reg struct {
	Name   string
	Cols   int
	Output bool // one row an output instead of one a token
	Int    bool // int32: the ids of chosen experts
}

// Use says how a weight is used, so that a backend can choose its layout.
type Use uint8

// The uses of a weight.
const (
	Table  Use = iota // rows are looked up
	Matrix            // multiplied
	Stack             // several matrices of one shape: experts, heads
	Vector            // a few numbers: norms, biases, sinks
)

func (u Use) String() string { return [...]string{"table", "matrix", "stack", "vector"}[u] }

// WeightSpec is a weight of a program: one tensor, or the matrices of a stack
// in order.
type WeightSpec struct {
	Name  string
	Use   Use
	Parts []Tensor
}

// Rows is how many rows one part has.
func (w WeightSpec) Rows() int { return w.Parts[0].NumRows() }

// Cols is how many columns one part has.
func (w WeightSpec) Cols() int { return w.Parts[0].Cols() }

// Type is how its numbers are stored.
func (w WeightSpec) Type() DType { return w.Parts[0].Type }

// Bytes is the size as stored.
func (w WeightSpec) Bytes() int64 {
	var n int64
	for _, p := range w.Parts {
		n += int64(len(p.Data))
	}
	return n
}

// Check reports parts that are missing, damaged or of different shapes.
func (w WeightSpec) Check() error {
	if len(w.Parts) == 0 {
		return fmt.Errorf("tensor: weight %q: no parts, want 1 or more", w.Name)
	}
	if w.Use != Stack && len(w.Parts) != 1 {
		return fmt.Errorf("tensor: weight %q: a %s of %d parts, want 1", w.Name, w.Use, len(w.Parts))
	}
	for _, p := range w.Parts {
		if err := p.Check(); err != nil {
			return err
		}
		if p.Cols() != w.Cols() || p.NumRows() != w.Rows() || p.Type != w.Type() {
			return fmt.Errorf("tensor: weight %q: parts %v and %v, want one shape and type", w.Name, w.Parts[0], p)
		}
		if p.Type.Integer() {
			return fmt.Errorf("tensor: weight %q: type %s, want one of real numbers", w.Name, p.Type)
		}
	}
	return nil
}

// BufferSpec is memory that outlives a step: a paged KV cache, or the state of
// recurrent layers.
//
// A cache has Items blocks of BlockTokens positions, with Heads keys of KDim
// and values of VDim numbers each; VDim 0 is a latent cache, whose values are
// part of its keys. A state (BlockTokens 0) has Items slots of Cols float32.
// How it lies in memory is the backend's business: blocks and slots are
// copied, uploaded and downloaded as wholes.
type BufferSpec struct {
	Name        string
	Type        DType
	Items       int
	BlockTokens int
	Heads       int
	KDim, VDim  int
	Cols        int
}

// Cache reports whether it is a KV cache rather than a state.
func (b BufferSpec) Cache() bool { return b.BlockTokens > 0 }

// ItemLen is how many numbers a block or slot has: for every position its
// keys head by head, then its values alike.
func (b BufferSpec) ItemLen() int {
	if !b.Cache() {
		return b.Cols
	}
	return b.BlockTokens * b.Heads * (b.KDim + b.VDim)
}

// ItemBytes is the size of a block or slot as stored, if rows of keys and of
// values are stored head by head.
func (b BufferSpec) ItemBytes() (int64, error) {
	if !b.Cache() {
		return int64(b.Cols) * 4, nil
	}
	var row int
	for _, cols := range []int{b.KDim, b.VDim} {
		n, err := b.Type.RowBytes(cols)
		if err != nil {
			return 0, fmt.Errorf("tensor: cache %q: %w", b.Name, err)
		}
		row += n
	}
	return int64(b.BlockTokens) * int64(b.Heads) * int64(row), nil
}

// Program is a compiled list of steps over registers.
type Program struct {
	Regs    []Reg
	Weights []WeightSpec
	Buffers []BufferSpec
	Steps   []Instr
}

// Check reports every view, weight and buffer that does not fit its step, so
// that backends may rely on shapes.
func (p *Program) Check() error {
	c := &checker{p: p}
	for _, w := range p.Weights {
		if err := w.Check(); err != nil {
			return err
		}
	}
	for _, r := range p.Regs {
		if r.Cols <= 0 {
			return fmt.Errorf("tensor: register %q: %d columns, want 1 or more", r.Name, r.Cols)
		}
	}
	for i, s := range p.Steps {
		c.where = fmt.Sprintf("step %d (%s)", i, s.Op())
		o := s.Operands()
		for _, r := range append(o.Reads, o.Writes...) {
			c.ref(r)
		}
		for _, w := range o.Weights {
			c.want(w < len(p.Weights), "weight %d of %d", w, len(p.Weights))
		}
		c.want(o.Buffer < len(p.Buffers), "buffer %d of %d", o.Buffer, len(p.Buffers))
		if len(c.errs) == 0 {
			s.check(c)
		}
		if len(c.errs) > 0 {
			return errors.Join(c.errs...)
		}
	}
	return nil
}

// String prints one line a step.
func (p *Program) String() string {
	var b strings.Builder
	for i, s := range p.Steps {
		fmt.Fprintf(&b, "%4d %s\n", i, p.Line(s))
	}
	return b.String()
}

// Line prints a step: what it writes, its name, what it reads, its weights.
func (p *Program) Line(s Instr) string {
	o := s.Operands()
	name := func(r Ref) string {
		reg := p.Regs[r.Reg]
		if r.Off == 0 && r.Cols == reg.Cols {
			return reg.Name
		}
		return fmt.Sprintf("%s[%d:%d]", reg.Name, r.Off, r.Off+r.Cols)
	}
	list := func(refs []Ref) string {
		names := make([]string, len(refs))
		for i, r := range refs {
			names[i] = name(r)
		}
		return strings.Join(names, ", ")
	}
	out := list(o.Writes)
	if out == "" && o.Buffer >= 0 {
		out = p.Buffers[o.Buffer].Name
	}
	line := fmt.Sprintf("%s = %s(%s)", out, s.Op(), list(o.Reads))
	for _, w := range o.Weights {
		spec := p.Weights[w]
		line += fmt.Sprintf(" %s:%s", spec.Name, spec.Type())
	}
	if o.Buffer >= 0 {
		line += " @" + p.Buffers[o.Buffer].Name
	}
	return line
}
