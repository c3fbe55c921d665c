package cpu

import (
	"math"

	"summit/backend/cpu/simd"
	"summit/tensor"
)

// rowGrain is how many rows of that many numbers are a few microseconds of work.
func rowGrain(cols int) int { return max(1, 16384/max(1, cols)) }

// fastEmbed is the reference's, but gives the table's pages back now and then:
// with each row the system maps the file around it too.
type fastEmbed struct {
	refEmbed
	rows  int
	pages filePages
}

const embedRows = 64 // rows that are looked up before their pages are given back

func (k *fastEmbed) grain(*run) int { return rowGrain(4 * k.Out.Cols) }

func (k *fastEmbed) units(r *run) int {
	if k.rows >= embedRows {
		k.pages.release()
		k.rows = 0
	}
	k.rows += len(r.batch.IDs)
	return k.refEmbed.units(r)
}

type fastNorm struct {
	*tensor.Norm
	w    []float32
	tier simd.Tier
}

func (k *fastNorm) units(r *run) int { return r.rows(k.X.Reg) }
func (k *fastNorm) grain(*run) int   { return rowGrain(k.X.Cols) }

func (k *fastNorm) do(r *run, lo, hi int, _ *scratch) {
	n := k.X.Cols / k.Groups
	for i := lo; i < hi; i++ {
		x, out := r.row(k.X, i), r.row(k.Out, i)
		if k.Add.Ok() {
			simd.AddScaled(k.tier, x, r.row(k.Add, i), k.AddScale)
		}
		for g := range k.Groups {
			part1 := x[g*n : (g+1)*n]
			mean := float64(simd.SumSquares(k.tier, part1)) / float64(n)
			factor := float32(1 / math.Sqrt(mean+float64(k.Eps)))
			simd.NormScale(k.tier, out[g*n:(g+1)*n], part1, part(k.w, g, n), factor)
		}
	}
}

type fastActivate struct {
	*tensor.Activate
	tier simd.Tier
}

func (k *fastActivate) units(r *run) int { return r.rows(k.Gate.Reg) }
func (k *fastActivate) grain(*run) int   { return rowGrain(k.Gate.Cols) }

func (k *fastActivate) do(r *run, lo, hi int, _ *scratch) {
	for i := lo; i < hi; i++ {
		gate, up, out := r.row(k.Gate, i), r.row(k.Up, i), r.row(k.Out, i)
		if k.Kind == tensor.SiLU {
			simd.SiLUMul(k.tier, out, gate, up)
		} else {
			simd.GELUMul(k.tier, out, gate, up)
		}
	}
}

type fastRope struct {
	*tensor.Rope
	table *ropeTable
	tier  simd.Tier
}

func (k *fastRope) units(r *run) int { return len(r.batch.IDs) }

func (k *fastRope) grain(*run) int {
	n := 0
	for _, v := range k.X {
		n += v.Cols
	}
	return rowGrain(n)
}

func (k *fastRope) do(r *run, lo, hi int, _ *scratch) {
	n := len(k.Freq)
	for i := lo; i < hi; i++ {
		cos, sin := k.table.cos[i*n:(i+1)*n], k.table.sin[i*n:(i+1)*n]
		for v := range k.X {
			view := &k.X[v]
			x := r.row(view.Ref, i)
			for at := view.From; at < len(x); at += view.HeadDim {
				if k.Kind == tensor.RopeNorm {
					simd.RopeNorm(k.tier, x[at:at+2*n], cos, sin)
				} else {
					simd.RopeNeoX(k.tier, x[at:at+2*n], cos, sin)
				}
			}
		}
	}
}
