package cpu

import (
	"fmt"
	"time"

	"summit/backend/cpu/simd"
	"summit/tensor"
)

// phase is one dispatch: units of work that do not depend on each other.
type phase interface {
	// units is how many there are for this batch.
	units(r *run) int
	// do carries out units [lo, hi). s is the worker's own memory.
	do(r *run, lo, hi int, s *scratch)
}

// run is what kernels see of a batch.
type run struct {
	batch *tensor.Batch
	regs  []register
	seq   []int32 // sequence of each row
	pos   []int32 // position of each row
}

// rows is how many rows of the register count in this batch.
func (r *run) rows(reg int) int {
	if r.regs[reg].output {
		return len(r.batch.Outputs)
	}
	return len(r.batch.IDs)
}

// row returns the view's columns of one row.
func (r *run) row(v tensor.Ref, i int) []float32 {
	g := &r.regs[v.Reg]
	at := i*g.cols + v.Off
	return g.f[at : at+v.Cols : at+v.Cols]
}

// ints is row of an int register.
func (r *run) ints(v tensor.Ref, i int) []int32 {
	g := &r.regs[v.Reg]
	at := i*g.cols + v.Off
	return g.i[at : at+v.Cols : at+v.Cols]
}

type register struct {
	f      []float32
	i      []int32
	cols   int
	output bool
}

// scratch is memory of one worker, kept between steps.
type scratch struct {
	a, b, c []float32
	h       []uint16
	tile    simd.Tile
}

// grow returns n numbers of s.
func grow(s *[]float32, n int) []float32 {
	if cap(*s) < n {
		*s = make([]float32, n)
	}
	return (*s)[:n]
}

// pool shares the units of phases among workers.
type pool interface {
	do(p phase, r *run)
	close()
}

// newPool makes the pool; a faster one may take its place.
var newPool = func(threads int) pool { return &serial{} }

// serial does everything where it is called.
type serial struct{ s scratch }

func (p *serial) do(ph phase, r *run) {
	if n := ph.units(r); n > 0 {
		ph.do(r, 0, n, &p.s)
	}
}

func (p *serial) close() {}

// step is a compiled instruction.
type step struct {
	op     tensor.Op
	phases []phase
}

// executable is a compiled program with its registers.
type executable struct {
	cpu   *CPU
	prog  *tensor.Program
	lim   tensor.Limits
	steps []step
	run   run
}

// compiler gives kernels their weights and buffers.
type compiler struct {
	cpu     *CPU
	prog    *tensor.Program
	lim     tensor.Limits
	weights []*weight
	buffers []*buffer
	tables  []*ropeTable
	before  []phase // once a run, before all steps
	acts    *simd.Activations
	rest    *simd.Activations
}

// vec returns the numbers of a vector, nil for -1.
func (x *compiler) vec(w int) []float32 {
	if w < 0 {
		return nil
	}
	return x.weights[w].vec
}

// Compile chooses kernels for every step and reserves the registers.
func (c *CPU) Compile(p *tensor.Program, w []tensor.Weight, b []tensor.Buffer, lim tensor.Limits) (tensor.Executable, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if len(w) != len(p.Weights) || len(b) != len(p.Buffers) {
		return nil, fmt.Errorf("cpu: compile: %d weights and %d buffers, want %d and %d", len(w), len(b), len(p.Weights), len(p.Buffers))
	}
	if lim.Tokens <= 0 || lim.Outputs < 0 || lim.Seqs <= 0 {
		return nil, fmt.Errorf("cpu: compile: limits %+v, want positive ones", lim)
	}
	x := &compiler{cpu: c, prog: p, lim: lim, weights: make([]*weight, len(w)), buffers: make([]*buffer, len(b))}
	for i, h := range w {
		if h == nil {
			continue
		}
		own, ok := h.(*weight)
		if !ok || len(own.spec.Parts) == 0 {
			return nil, fmt.Errorf("cpu: compile: weight %q: got a %T that is freed or of another backend", p.Weights[i].Name, h)
		}
		x.weights[i] = own
	}
	for i, h := range b {
		if h == nil {
			continue
		}
		own, err := own(h)
		if err != nil {
			return nil, err
		}
		x.buffers[i] = own
	}
	e := &executable{cpu: c, prog: p, lim: lim}
	for i, s := range p.Steps {
		o := s.Operands()
		for _, id := range o.Weights {
			if x.weights[id] == nil {
				return nil, fmt.Errorf("cpu: compile: step %d (%s): weight %q is not loaded", i, s.Op(), p.Weights[id].Name)
			}
		}
		if o.Buffer >= 0 && x.buffers[o.Buffer] == nil {
			return nil, fmt.Errorf("cpu: compile: step %d (%s): buffer %q is not there", i, s.Op(), p.Buffers[o.Buffer].Name)
		}
		var phases []phase
		if c.tier != nil {
			phases = c.tier.compile(x, s)
		}
		if phases == nil {
			phases = reference(x, s)
		}
		if phases == nil {
			return nil, fmt.Errorf("cpu: compile: step %d: %s is unknown", i, s.Op())
		}
		e.steps = append(e.steps, step{s.Op(), phases})
	}
	if c.tier != nil && c.tier.settle != nil {
		c.tier.settle(x)
	}
	if len(x.before) > 0 {
		e.steps = append([]step{{tensor.OpRope, x.before}}, e.steps...)
	}
	e.run.regs = make([]register, len(p.Regs))
	for i, g := range p.Regs {
		rows := lim.Tokens
		if g.Output {
			rows = lim.Outputs
		}
		reg := register{cols: g.Cols, output: g.Output}
		if g.Int {
			reg.i = make([]int32, rows*g.Cols)
		} else {
			reg.f = make([]float32, rows*g.Cols)
		}
		e.run.regs[i] = reg
	}
	e.run.seq = make([]int32, lim.Tokens)
	e.run.pos = make([]int32, lim.Tokens)
	return e, nil
}

// Run carries out all steps. It allocates nothing.
func (e *executable) Run(b *tensor.Batch) error {
	if err := tensor.CheckBatch(e.prog, e.lim, b); err != nil {
		return err
	}
	r := &e.run
	r.batch = b
	for i := range b.Seqs {
		s := &b.Seqs[i]
		for k := range s.N {
			r.seq[s.Row+k] = int32(i)
			r.pos[s.Row+k] = int32(s.Pos + k)
		}
	}
	last := time.Now()
	for i := range e.steps {
		s := &e.steps[i]
		for _, p := range s.phases {
			e.cpu.pool.do(p, r)
		}
		now := time.Now()
		e.cpu.count(s.op, now.Sub(last))
		last = now
	}
	r.batch = nil
	return nil
}

func (e *executable) at(reg, row, n int) (*register, int, error) {
	if reg < 0 || reg >= len(e.run.regs) {
		return nil, 0, fmt.Errorf("cpu: register %d of %d", reg, len(e.run.regs))
	}
	g := &e.run.regs[reg]
	size := max(len(g.f), len(g.i))
	if row < 0 || n%g.cols != 0 || row > size/g.cols || n > size-row*g.cols {
		return nil, 0, fmt.Errorf("cpu: register %q: %d numbers from row %d, want rows of %d within %d", e.prog.Regs[reg].Name, n, row, g.cols, size)
	}
	return g, row * g.cols, nil
}

// Read copies rows of a register.
func (e *executable) Read(dst []float32, reg, row int) error {
	g, at, err := e.at(reg, row, len(dst))
	if err != nil {
		return err
	}
	if g.i != nil {
		for k := range dst {
			dst[k] = float32(g.i[at+k])
		}
		return nil
	}
	copy(dst, g.f[at:])
	return nil
}

// Write sets rows of a register.
func (e *executable) Write(reg, row int, src []float32) error {
	g, at, err := e.at(reg, row, len(src))
	if err != nil {
		return err
	}
	if g.i != nil {
		for k, v := range src {
			g.i[at+k] = int32(v)
		}
		return nil
	}
	copy(g.f[at:], src)
	return nil
}

// Close drops the registers.
func (e *executable) Close() error {
	e.run, e.steps = run{}, nil
	return nil
}
