package tensor

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// WithFallback returns a backend that runs on native what native supports and
// the rest on ref, which must support everything. Registers, blocks and slots
// travel between the two where they must, so a new chip is correct from its
// first step on; Counters says how often it was helped.
// Closing the result closes both.
func WithFallback(native, ref Backend) Backend {
	return &fallback{native: native, ref: ref}
}

type fallback struct {
	native, ref Backend
	counts      [Ops]Counter
}

// lazyWeight is loaded where its steps turn out to run.
type lazyWeight struct {
	spec        WeightSpec
	native, ref Weight
}

func (w *lazyWeight) Bytes() int64 { return bytesOf(w.native) + bytesOf(w.ref) }

// mirrored is a buffer of the native backend with a shadow for the reference.
type mirrored struct {
	spec        BufferSpec
	native, ref Buffer
	item        []float32
}

func (b *mirrored) Bytes() int64 { return bytesOf(b.native) + bytesOf(b.ref) }

func bytesOf(r Resource) int64 {
	if r == nil {
		return 0
	}
	return r.Bytes()
}

func (f *fallback) Caps() Caps {
	c := f.native.Caps()
	c.Fused = true // Compile takes fused steps apart where it must
	r := f.ref.Caps()
	c.Invariant = c.Invariant && r.Invariant
	c.Exact = c.Exact && r.Exact
	return c
}

func (f *fallback) Supports(op Op, t DType) bool {
	return f.native.Supports(op, t) || f.ref.Supports(op, t)
}

func (f *fallback) Load(w WeightSpec) (Weight, error) {
	if err := w.Check(); err != nil {
		return nil, err
	}
	return &lazyWeight{spec: w}, nil
}

func (f *fallback) Alloc(b BufferSpec) (Buffer, error) {
	n, err := f.native.Alloc(b)
	if err != nil {
		return nil, err
	}
	return &mirrored{spec: b, native: n, item: make([]float32, b.ItemLen())}, nil
}

func (f *fallback) Free(r Resource) {
	switch r := r.(type) {
	case *lazyWeight:
		if r.native != nil {
			f.native.Free(r.native)
		}
		if r.ref != nil {
			f.ref.Free(r.ref)
		}
		r.native, r.ref = nil, nil
	case *mirrored:
		f.native.Free(r.native)
		if r.ref != nil {
			f.ref.Free(r.ref)
		}
		r.native, r.ref = nil, nil
	}
}

func (f *fallback) Copy(dst Buffer, dstItem int, src Buffer, srcItem int) error {
	d, ok1 := dst.(*mirrored)
	s, ok2 := src.(*mirrored)
	if !ok1 || !ok2 {
		return fmt.Errorf("tensor: copy: got buffers %T and %T of another backend", dst, src)
	}
	return f.native.Copy(d.native, dstItem, s.native, srcItem)
}

func (f *fallback) Upload(dst Buffer, item int, src []float32) error {
	d, ok := dst.(*mirrored)
	if !ok {
		return fmt.Errorf("tensor: upload: got a buffer %T of another backend", dst)
	}
	return f.native.Upload(d.native, item, src)
}

func (f *fallback) Download(dst []float32, src Buffer, item int) error {
	s, ok := src.(*mirrored)
	if !ok {
		return fmt.Errorf("tensor: download: got a buffer %T of another backend", src)
	}
	return f.native.Download(dst, s.native, item)
}

func (f *fallback) Counters() []Counter {
	var out []Counter
	times := map[Op]time.Duration{}
	for _, list := range [][]Counter{f.native.Counters(), f.ref.Counters()} {
		for _, c := range list {
			times[c.Op] += c.Time
		}
	}
	for op, c := range f.counts {
		if c.Native+c.Fallback == 0 {
			continue
		}
		c.Op = Op(op)
		c.Time = times[c.Op]
		out = append(out, c)
	}
	return out
}

func (f *fallback) Close() error { return errors.Join(f.native.Close(), f.ref.Close()) }

// segment is a run of steps on one of the two backends.
type segment struct {
	native  bool
	prog    *Program
	exe     Executable
	reads   []int // registers that must be here before it runs
	writes  []int // registers that are here alone afterwards
	buffers []int // buffers that the reference works on
}

type mixedExe struct {
	f        *fallback
	prog     *Program
	lim      Limits
	segments []*segment
	buffers  []*mirrored
	at       []*segment // where each register's newest rows are
	scratch  []float32
	tokens   int
	outputs  int
}

func (f *fallback) Compile(p *Program, w []Weight, b []Buffer, lim Limits) (Executable, error) {
	e := &mixedExe{f: f, prog: p, lim: lim, at: make([]*segment, len(p.Regs))}
	for _, x := range b {
		m, ok := x.(*mirrored)
		if !ok {
			return nil, fmt.Errorf("tensor: compile: got a buffer %T of another backend", x)
		}
		e.buffers = append(e.buffers, m)
	}
	fused := f.native.Caps().Fused
	for _, s := range p.Steps {
		parts := []Instr{s}
		if !fused {
			parts = Decompose(s)
		}
		for _, part := range parts {
			native := f.native.Supports(part.Op(), stepType(p, part))
			if !native && !f.ref.Supports(part.Op(), stepType(p, part)) {
				return nil, fmt.Errorf("tensor: compile: %s of %s: neither %s nor %s has it", part.Op(), stepType(p, part), f.native.Caps().Name, f.ref.Caps().Name)
			}
			if n := len(e.segments); n == 0 || e.segments[n-1].native != native {
				e.segments = append(e.segments, &segment{native: native, prog: &Program{Regs: p.Regs, Weights: p.Weights, Buffers: p.Buffers}})
			}
			seg := e.segments[len(e.segments)-1]
			seg.prog.Steps = append(seg.prog.Steps, part)
		}
	}
	for _, seg := range e.segments {
		if err := e.compile(seg, w, lim); err != nil {
			e.Close()
			return nil, err
		}
	}
	widest := 0
	for _, r := range p.Regs {
		widest = max(widest, r.Cols*max(lim.Tokens, lim.Outputs))
	}
	if len(e.segments) > 1 {
		e.scratch = make([]float32, widest)
	}
	return e, nil
}

// stepType is the type of a step's first matrix, F32 without one.
func stepType(p *Program, s Instr) DType {
	for _, w := range s.Operands().Weights {
		if p.Weights[w].Use != Vector {
			return p.Weights[w].Type()
		}
	}
	return F32
}

func (e *mixedExe) compile(seg *segment, w []Weight, lim Limits) error {
	back := e.f.ref
	if seg.native {
		back = e.f.native
	}
	weights := make([]Weight, len(w))
	buffers := make([]Buffer, len(e.buffers))
	for _, s := range seg.prog.Steps {
		o := s.Operands()
		for _, r := range append(slices.Clone(o.Reads), o.Writes...) { // a view's other columns must be here too
			if !slices.Contains(seg.reads, r.Reg) {
				seg.reads = append(seg.reads, r.Reg)
			}
		}
		for _, r := range o.Writes {
			if !slices.Contains(seg.writes, r.Reg) {
				seg.writes = append(seg.writes, r.Reg)
			}
		}
		for _, i := range o.Weights {
			lw, ok := w[i].(*lazyWeight)
			if !ok {
				return fmt.Errorf("tensor: compile: got a weight %T of another backend", w[i])
			}
			at := &lw.ref
			if seg.native {
				at = &lw.native
			}
			if *at == nil {
				var err error
				if *at, err = back.Load(lw.spec); err != nil {
					return err
				}
			}
			weights[i] = *at
		}
		if o.Buffer < 0 {
			continue
		}
		m := e.buffers[o.Buffer]
		if seg.native {
			buffers[o.Buffer] = m.native
			continue
		}
		if m.ref == nil {
			var err error
			if m.ref, err = back.Alloc(m.spec); err != nil {
				return err
			}
		}
		buffers[o.Buffer] = m.ref
		if !slices.Contains(seg.buffers, o.Buffer) {
			seg.buffers = append(seg.buffers, o.Buffer)
		}
	}
	var err error
	seg.exe, err = back.Compile(seg.prog, weights, buffers, lim)
	return err
}

func (e *mixedExe) Run(b *Batch) error {
	if err := CheckBatch(e.prog, e.lim, b); err != nil {
		return err
	}
	e.tokens, e.outputs = len(b.IDs), len(b.Outputs)
	for _, seg := range e.segments {
		for _, r := range seg.reads {
			if err := e.bring(r, seg); err != nil {
				return err
			}
		}
		for _, i := range seg.buffers {
			if err := e.mirror(i, b, true); err != nil {
				return err
			}
		}
		if err := seg.exe.Run(b); err != nil {
			return err
		}
		for _, i := range seg.buffers {
			if err := e.mirror(i, b, false); err != nil {
				return err
			}
		}
		for _, r := range seg.writes {
			e.at[r] = seg
		}
		for _, s := range seg.prog.Steps {
			if seg.native {
				e.f.counts[s.Op()].Native++
			} else {
				e.f.counts[s.Op()].Fallback++
			}
		}
	}
	return nil
}

// bring copies a register's rows to where they are needed, if they are
// elsewhere.
func (e *mixedExe) bring(r int, to *segment) error {
	from := e.at[r]
	if from == nil || from == to {
		return nil
	}
	rows := e.tokens
	if e.prog.Regs[r].Output {
		rows = e.outputs
	}
	if rows == 0 {
		return nil
	}
	part := e.scratch[:rows*e.prog.Regs[r].Cols]
	if err := from.exe.Read(part, r, 0); err != nil {
		return err
	}
	return to.exe.Write(r, 0, part)
}

// mirror moves the blocks and slots of the batch to the reference or back.
func (e *mixedExe) mirror(i int, b *Batch, toRef bool) error {
	m := e.buffers[i]
	move := func(item int) error {
		if toRef {
			if err := e.f.native.Download(m.item, m.native, item); err != nil {
				return err
			}
			return e.f.ref.Upload(m.ref, item, m.item)
		}
		if err := e.f.ref.Download(m.item, m.ref, item); err != nil {
			return err
		}
		return e.f.native.Upload(m.native, item, m.item)
	}
	for _, s := range b.Seqs {
		if !m.spec.Cache() {
			if err := move(int(s.Slot)); err != nil {
				return err
			}
			continue
		}
		first := 0
		if !toRef { // only blocks that this batch wrote to go back
			first = s.Pos / m.spec.BlockTokens
		}
		for k := first; k*m.spec.BlockTokens < s.Pos+s.N; k++ {
			if err := move(int(s.Blocks[k])); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *mixedExe) Read(dst []float32, reg, row int) error {
	if reg < 0 || reg >= len(e.at) {
		return fmt.Errorf("tensor: read: register %d of %d", reg, len(e.at))
	}
	seg := e.at[reg]
	if seg == nil {
		seg = e.segments[0]
	}
	return seg.exe.Read(dst, reg, row)
}

// Write sets the rows everywhere, since any segment may read them first.
func (e *mixedExe) Write(reg, row int, src []float32) error {
	if reg < 0 || reg >= len(e.at) {
		return fmt.Errorf("tensor: write: register %d of %d", reg, len(e.at))
	}
	for _, seg := range e.segments {
		if err := seg.exe.Write(reg, row, src); err != nil {
			return err
		}
	}
	e.at[reg] = nil
	return nil
}

func (e *mixedExe) Close() error {
	var errs []error
	for _, seg := range e.segments {
		if seg.exe != nil {
			errs = append(errs, seg.exe.Close())
		}
	}
	return errors.Join(errs...)
}
