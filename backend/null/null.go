// Package null is the backend that does nothing: it takes every program,
// checks every batch and counts steps, but all results are zero. What an
// engine does around its steps (scheduling, blocks, sampling) is tested and
// timed on it.
package null

import (
	"fmt"
	"slices"

	"summit/tensor"
)

func init() {
	tensor.Register("null", "computes nothing, counts only", func(tensor.Options) (tensor.Backend, error) { return New(), nil })
}

// Backend counts. The zero value is ready.
type Backend struct {
	counts [tensor.Ops]tensor.Counter
}

// New returns a backend that only counts.
func New() *Backend { return &Backend{} }

var caches = []tensor.DType{tensor.F16, tensor.F32, tensor.Q8_0}

type nothing struct {
	bytes int64
	spec  tensor.BufferSpec
}

func (n *nothing) Bytes() int64 { return n.bytes }

// Caps promises what zeros keep.
func (*Backend) Caps() tensor.Caps {
	return tensor.Caps{Name: "null", Kernels: "none", Threads: 1, Caches: caches, Invariant: true, Fused: true}
}

// Supports everything.
func (*Backend) Supports(tensor.Op, tensor.DType) bool { return true }

// Load checks the weight and forgets it.
func (*Backend) Load(w tensor.WeightSpec) (tensor.Weight, error) {
	if err := w.Check(); err != nil {
		return nil, err
	}
	return &nothing{bytes: w.Bytes()}, nil
}

// Alloc reserves nothing, but says how much it would be.
func (*Backend) Alloc(s tensor.BufferSpec) (tensor.Buffer, error) {
	n, err := s.ItemBytes()
	if err != nil {
		return nil, err
	}
	if n <= 0 || s.Items <= 0 || s.Cache() && !slices.Contains(caches, s.Type) {
		return nil, fmt.Errorf("null: buffer %q: %+v, want positive sizes and one of %v", s.Name, s, caches)
	}
	return &nothing{bytes: n * int64(s.Items), spec: s}, nil
}

// Free does nothing.
func (*Backend) Free(tensor.Resource) {}

func item(x tensor.Buffer, i int) error {
	b, ok := x.(*nothing)
	if !ok || i < 0 || i >= b.spec.Items {
		return fmt.Errorf("null: item %d of a %T, want one of its own", i, x)
	}
	return nil
}

// Copy checks the items.
func (*Backend) Copy(dst tensor.Buffer, dstItem int, src tensor.Buffer, srcItem int) error {
	if err := item(dst, dstItem); err != nil {
		return err
	}
	return item(src, srcItem)
}

// Upload checks the item.
func (*Backend) Upload(dst tensor.Buffer, i int, _ []float32) error { return item(dst, i) }

// Download gives zeros.
func (*Backend) Download(dst []float32, src tensor.Buffer, i int) error {
	clear(dst)
	return item(src, i)
}

// Compile checks the program.
func (n *Backend) Compile(p *tensor.Program, _ []tensor.Weight, _ []tensor.Buffer, lim tensor.Limits) (tensor.Executable, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	return &executable{n, p, lim}, nil
}

// Counters tells how many steps there were.
func (n *Backend) Counters() []tensor.Counter {
	var out []tensor.Counter
	for op, c := range n.counts {
		if c.Native > 0 {
			c.Op = tensor.Op(op)
			out = append(out, c)
		}
	}
	return out
}

// Close does nothing.
func (*Backend) Close() error { return nil }

type executable struct {
	b   *Backend
	p   *tensor.Program
	lim tensor.Limits
}

func (e *executable) Run(b *tensor.Batch) error {
	if err := tensor.CheckBatch(e.p, e.lim, b); err != nil {
		return err
	}
	for _, s := range e.p.Steps {
		e.b.counts[s.Op()].Native++
	}
	return nil
}

func (e *executable) Read(dst []float32, _, _ int) error {
	clear(dst)
	return nil
}

func (e *executable) Write(int, int, []float32) error { return nil }

func (e *executable) Close() error { return nil }
