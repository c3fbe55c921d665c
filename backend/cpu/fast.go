package cpu

import (
	"fmt"
	"strings"
	"sync"

	"summit/backend/cpu/simd"
	"summit/tensor"
)

// The fast tiers: matrices packed for the vector units, inputs of quantised
// ones rounded to int8 in blocks of 32, a float16 cache in panels. What they
// do not take is left to the reference, on the same workers.

func init() {
	for _, t := range []simd.Tier{simd.AVX512, simd.AVX2} {
		f := fast{tier: t}
		tiers = append(tiers, tier{
			name:    t.String(),
			usable:  func(o tensor.Options) bool { return t <= simd.Best() && !o.Exact },
			load:    f.load,
			compile: f.compile,
			settle:  f.settle,
			panels:  true,
		})
	}
}

type fast struct{ tier simd.Tier }

// packed is a weight in the layout of the vector units, one matrix a part.
type packed struct {
	parts []*simd.Matrix
	mem   []byte
}

func (p *packed) free() { unmap(p.mem) }

// formBytes returns the name of the packed form of a type and its size, or "".
func formBytes(t tensor.DType, rows, cols int) (name string, bytes int) {
	name = strings.ToLower(t.String())
	if f := simd.FormOf(name); f != nil && cols%f.Block == 0 {
		return name, f.PackedBytes(rows, cols)
	}
	if f := simd.FloatFormOf(name); f != nil {
		return name, f.PackedBytes(rows, cols)
	}
	return "", 0
}

// load packs matrices. The pages of the file that were read for it are given
// back: from then on the packed form is what is used.
func (f fast) load(c *CPU, w *weight) error {
	if w.spec.Use != tensor.Matrix && w.spec.Use != tensor.Stack {
		return nil
	}
	rows, cols := w.spec.Rows(), w.spec.Cols()
	name, size := formBytes(w.spec.Type(), rows, cols)
	if name == "" {
		return nil
	}
	n := len(w.spec.Parts)
	if size > maxBufferBytes/n {
		return fmt.Errorf("cpu: weight %q: %d parts of %d bytes, want at most %d in all", w.spec.Name, n, size, int64(maxBufferBytes))
	}
	mem, err := anonymous(n * size)
	if err != nil {
		return fmt.Errorf("cpu: weight %q: %d bytes: %w", w.spec.Name, n*size, err)
	}
	populate(mem)
	p := &packed{mem: mem}
	for i := range n {
		m, err := simd.NewMatrix(name, rows, cols, mem[i*size:][:size:size])
		if err != nil {
			unmap(mem)
			return err
		}
		p.parts = append(p.parts, m)
	}
	if err := pack(p, w.spec.Parts, c.opts.Threads); err != nil {
		unmap(mem)
		return fmt.Errorf("cpu: weight %q: %w", w.spec.Name, err)
	}
	w.release()
	w.fast, w.held = p, int64(len(mem))
	return nil
}

// pack fills the panels of all parts, several at once.
func pack(p *packed, parts []tensor.Tensor, threads int) error {
	panels := p.parts[0].Panels()
	total := panels * len(parts)
	threads = min(threads, (total+63)/64)
	errs := make([]error, threads)
	var all sync.WaitGroup
	for k := range threads {
		all.Go(func() {
			for u := total * k / threads; u < total*(k+1)/threads; u++ {
				i, first := u/panels, u%panels*simd.PanelRows
				m := p.parts[i]
				src := parts[i].Data
				row := len(src) / m.Rows
				if err := m.Pack(u%panels, src[first*row:min(first+simd.PanelRows, m.Rows)*row]); err != nil {
					errs[k] = err
					return
				}
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// release gives back the pages of the file.
func (w *weight) release() {
	for _, t := range w.spec.Parts {
		pagesOf(t.Data).release()
	}
}

// settle gives back what packing the neighbours brought in again: the system
// reads some pages around the one that is asked for.
func (f fast) settle(x *compiler) {
	for _, w := range x.weights {
		if w != nil && w.fast != nil {
			w.release()
		}
	}
}

// compile returns the fast phases of a step, or nil.
func (f fast) compile(x *compiler, s tensor.Instr) []phase {
	switch i := s.(type) {
	case *tensor.Embed:
		w := x.weights[i.W]
		return []phase{&fastEmbed{refEmbed: refEmbed{Embed: i, w: w}, pages: pagesOf(w.spec.Parts[0].Data)}}
	case *tensor.MatMul:
		return f.matmuls(x, i)
	case *tensor.ExpertMatMul:
		return f.experts(x, i)
	case *tensor.HeadMatMul:
		return f.heads(x, i)
	case *tensor.Norm:
		if i.Kind == tensor.RMS && i.B < 0 {
			return []phase{&fastNorm{Norm: i, w: x.vec(i.W), tier: f.tier}}
		}
	case *tensor.Activate:
		if i.Up.Ok() && i.Limit == 0 && (i.Kind == tensor.SiLU || i.Kind == tensor.GELUTanh) {
			return []phase{&fastActivate{Activate: i, tier: f.tier}}
		}
	case *tensor.Rope:
		return []phase{&fastRope{Rope: i, table: x.ropeTable(i), tier: f.tier}}
	case *tensor.KVWrite:
		if c := x.buffers[i.Cache]; c.panels {
			return []phase{&fastKVWrite{KVWrite: i, cache: c, tier: f.tier}}
		}
	case *tensor.Attention:
		if c := x.buffers[i.Cache]; c.panels {
			return []phase{newFastAttention(i, c, x.vec(i.Sinks), f.tier)}
		}
	}
	return nil
}

// scratchActs returns activations of the executable, with room for its largest batch.
func (x *compiler) scratchActs(acts **simd.Activations, cols int) *simd.Activations {
	if *acts == nil {
		*acts = new(simd.Activations)
	}
	(*acts).Reserve(x.lim.Tokens, cols)
	return *acts
}
