package cpu

import (
	"math"
	"slices"

	"summit/tensor"
)

// ropeTable holds cosine and sine of every row's angles. Layers of one kind
// share it, so angles are worked out once a run.
type ropeTable struct {
	freq  []float64
	scale float32
	cos   []float32 // [tokens, len(freq)]
	sin   []float32
}

// ropeTable returns the table that fits the step, and has it filled before
// the first step of a run.
func (x *compiler) ropeTable(i *tensor.Rope) *ropeTable {
	for _, t := range x.tables {
		if t.scale == i.Scale && slices.Equal(t.freq, i.Freq) {
			return t
		}
	}
	n := x.lim.Tokens * len(i.Freq)
	t := &ropeTable{freq: i.Freq, scale: i.Scale, cos: make([]float32, n), sin: make([]float32, n)}
	x.tables = append(x.tables, t)
	x.before = append(x.before, t)
	return t
}

func (t *ropeTable) units(r *run) int { return len(r.batch.IDs) }

func (t *ropeTable) do(r *run, lo, hi int, _ *scratch) {
	for i := lo; i < hi; i++ {
		p := float64(r.pos[i])
		at := i * len(t.freq)
		for j, f := range t.freq {
			sin, cos := math.Sincos(p * f)
			t.cos[at+j] = float32(cos) * t.scale
			t.sin[at+j] = float32(sin) * t.scale
		}
	}
}

type refRope struct {
	*tensor.Rope
	table *ropeTable
}

func (k *refRope) units(r *run) int { return len(r.batch.IDs) }

func (k *refRope) do(r *run, lo, hi int, _ *scratch) {
	n := len(k.Freq)
	for i := lo; i < hi; i++ {
		cos, sin := k.table.cos[i*n:(i+1)*n], k.table.sin[i*n:(i+1)*n]
		for v := range k.X {
			view := &k.X[v]
			x := r.row(view.Ref, i)
			for at := view.From; at < len(x); at += view.HeadDim {
				rotate(x[at:at+2*n], cos, sin, k.Kind)
			}
		}
	}
}

// rotate turns the pairs of one head.
func rotate(x, cos, sin []float32, kind tensor.RopeKind) {
	n := len(cos)
	if kind == tensor.RopeNorm {
		for j, c := range cos {
			a, b := x[2*j], x[2*j+1]
			x[2*j] = a*c - b*sin[j]
			x[2*j+1] = a*sin[j] + b*c
		}
		return
	}
	for j, c := range cos {
		a, b := x[j], x[j+n]
		x[j] = a*c - b*sin[j]
		x[j+n] = a*sin[j] + b*c
	}
}
