// Package cpu runs programs on the processor. Files ref_*.go are the readable
// plain-Go reference of every operation: float32 sums in one fixed order,
// whatever the batch. Faster tiers stand beside it and are chosen step by step
// at compile time.
//
// A step becomes phases; a phase is units of work that do not depend on each
// other, which workers share. No unit ever splits a sum, so results do not
// depend on the number of workers.
package cpu

import (
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"summit/tensor"
)

func init() {
	tensor.Register("cpu", "this processor", func(o tensor.Options) (tensor.Backend, error) { return Open(o) })
}

// tier is a set of kernels. The first tier that takes a step runs it.
type tier struct {
	name string
	// usable reports whether this processor and these options allow it.
	usable func(tensor.Options) bool
	// load may keep a faster form of a weight in w.fast; nil leaves all as they are.
	load func(c *CPU, w *weight) error
	// compile returns the phases of a step, or nil to leave it to the next tier.
	compile func(x *compiler, s tensor.Instr) []phase
	// settle is called once all steps are compiled, if it is set.
	settle func(x *compiler)
	// panels asks for caches in panels where that is possible.
	panels bool
}

// tiers holds the tiers that files of this package add, the best first. The
// reference is not among them: it comes last and takes everything.
var tiers []tier

// CPU is the processor as a backend. Like every backend it is used by one
// goroutine at a time.
type CPU struct {
	opts   tensor.Options
	tier   *tier // nil = reference only
	pool   pool
	counts [tensor.Ops]tensor.Counter
}

// Open returns the processor with the best kernels that it has, or with the
// tier that o.Kernels names ("plain" is the reference).
func Open(o tensor.Options) (*CPU, error) {
	if o.Threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Threads < 0 || o.Threads > 1024 {
		return nil, fmt.Errorf("cpu: %d threads, want 1 to 1024", o.Threads)
	}
	c := &CPU{opts: o}
	names := []string{"plain"}
	for i := range tiers {
		if !tiers[i].usable(o) {
			continue
		}
		names = append(names, tiers[i].name)
		if c.tier == nil && (o.Kernels == "" || o.Kernels == tiers[i].name) {
			c.tier = &tiers[i]
		}
	}
	if o.Kernels != "" && o.Kernels != "plain" && c.tier == nil {
		return nil, fmt.Errorf("cpu: kernels: got %q, want one of %v", o.Kernels, names)
	}
	c.pool = newPool(o.Threads)
	return c, nil
}

// Caps tells what this processor does.
func (c *CPU) Caps() tensor.Caps {
	name := "plain"
	if c.tier != nil {
		name = c.tier.name
	}
	return tensor.Caps{
		Name: "cpu", Kernels: name, Threads: c.opts.Threads,
		Caches:    []tensor.DType{tensor.F16, tensor.F32, tensor.Q8_0},
		Invariant: true, Exact: c.opts.Exact, Fused: true,
	}
}

// Supports is true of every step with weights of real numbers.
func (c *CPU) Supports(op tensor.Op, t tensor.DType) bool {
	return int(op) < tensor.Ops && t.Valid() && !t.Integer()
}

// Counters tells what ran.
func (c *CPU) Counters() []tensor.Counter {
	var out []tensor.Counter
	for op, n := range c.counts {
		if n.Native > 0 {
			n.Op = tensor.Op(op)
			out = append(out, n)
		}
	}
	return out
}

// Close stops the workers.
func (c *CPU) Close() error {
	c.pool.close()
	return nil
}

// weight is a loaded weight: a view of its file, the numbers themselves if
// they are few, and what a faster tier keeps.
type weight struct {
	spec tensor.WeightSpec
	vec  []float32   // Vector only
	all  [][]float32 // small matrices in exact mode: each part's numbers
	fast any         // a tier's own form
	held int64       // bytes that are not a view of the file
}

func (w *weight) Bytes() int64 { return w.held }

// Load keeps a view of matrices and decodes vectors.
func (c *CPU) Load(spec tensor.WeightSpec) (tensor.Weight, error) {
	if err := spec.Check(); err != nil {
		return nil, err
	}
	w := &weight{spec: spec}
	if spec.Use == tensor.Vector {
		v, err := spec.Parts[0].Float32s()
		if err != nil {
			return nil, err
		}
		w.vec = v
		w.held = int64(len(v)) * 4
	}
	if c.opts.Exact && spec.Use != tensor.Vector && spec.Type() != tensor.F32 && spec.Rows()*spec.Cols() <= maxDecoded {
		for _, p := range spec.Parts {
			v, err := p.Float32s()
			if err != nil {
				return nil, err
			}
			w.all = append(w.all, v)
			w.held += int64(len(v)) * 4
		}
	}
	if c.tier != nil && c.tier.load != nil {
		if err := c.tier.load(c, w); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// maxDecoded is the largest matrix that exact mode decodes once instead of at
// every use: small models are tested in it, large ones should not grow by it.
const maxDecoded = 1 << 18

// Free drops the memory of a weight or buffer.
func (c *CPU) Free(r tensor.Resource) {
	switch r := r.(type) {
	case *weight:
		if f, ok := r.fast.(interface{ free() }); ok {
			f.free()
		}
		*r = weight{}
	case *buffer:
		unmap(r.mem)
		*r = buffer{}
	}
}

// floats views bytes as float32 if they are aligned and this machine is
// little-endian, else it returns nil.
func floats(b []byte) []float32 {
	if len(b) == 0 || len(b)%4 != 0 || !littleEndian || uintptr(unsafe.Pointer(&b[0]))%4 != 0 {
		return nil
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4)
}

var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// row returns row o of part p as float32: a view where that is possible, else
// decoded into buf.
func (w *weight) row(p, o int, buf []float32) []float32 {
	t := &w.spec.Parts[p]
	if w.all != nil {
		n := t.Cols()
		return w.all[p][o*n : (o+1)*n]
	}
	raw := t.Row(o)
	if t.Type == tensor.F32 {
		if v := floats(raw); v != nil {
			return v
		}
	}
	buf = buf[:t.Cols()]
	if err := tensor.Dequantize(buf, t.Type, raw); err != nil {
		panic(err) // Load checked type and sizes
	}
	return buf
}

// count adds a step that ran.
func (c *CPU) count(op tensor.Op, took time.Duration) {
	c.counts[op].Native++
	c.counts[op].Time += took
}
