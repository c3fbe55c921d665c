package cpu

import (
	"math"

	"summit/backend/cpu/simd"
	"summit/tensor"
)

// queryRows is how many queries are scored together: causal scores beyond the
// block's last row are never computed.
const queryRows = 64

// attention is one span's view of a call.
type attention struct {
	*lane
	tensor.Heads
	from, n int
	ld      int // of a row of scores, a multiple of 32
}

func (l *lane) spanOf(h tensor.Heads, s tensor.Span) attention {
	a := attention{lane: l, Heads: h, from: s.From, n: s.To - s.From}
	a.ld = (a.n + 31) / 32 * 32
	floatsFor(&l.scores, queryRows*a.ld)
	return a
}

// head views head h of the span's rows, of width numbers.
func (a *attention) head(r tensor.Rows, h, width int) tensor.Rows {
	return r.Part(a.from, a.from+a.n).Slice(h*width, width)
}

// keys packs rows as the transposed right matrix [cols, n].
func (a *attention) packTurned(i int, r tensor.Rows) simd.Right {
	return simd.PackRight(floatsFor(&a.heads[i], simd.PackedLen(r.Cols, r.N)), turned(r), r.Cols, r.N)
}

// packRows packs rows as the right matrix [n, cols].
func (a *attention) packRows(i int, r tensor.Rows) simd.Right {
	return simd.PackRight(floatsFor(&a.heads[i], simd.PackedLen(r.N, r.Cols)), left(r), r.N, r.Cols)
}

// first is the first key that row i sees.
func (a *attention) first(i int) int {
	if a.Window > 0 {
		return max(0, i-a.Window+1)
	}
	return 0
}

// score sets the rows lo to hi of scores, scaled, with -Inf in the places
// around those that are seen up to a multiple of 16, and returns the row i's
// stretch [from, to) of whole sixteens.
func (a *attention) score(q tensor.Rows, keys simd.Right, lo, hi int) {
	simd.Gemm(a.tier, a.scores, a.ld, left(q.Part(lo, hi)), keys, hi-lo, hi, a.KeyDim, false)
}

func (a *attention) stretch(i int) (from, to int) {
	return a.first(i) / 16 * 16, (i + 16) / 16 * 16
}

var minusInf = float32(math.Inf(-1))

// mask returns row i's scores over its stretch, scaled, with -Inf where the row
// sees nothing, and clears what the products read beside it.
func (a *attention) mask(row []float32, i, hi int) []float32 {
	from, to := a.stretch(i)
	first := a.first(i)
	simd.Scale(a.tier, row[from:to], a.Scale)
	for j := from; j < first; j++ {
		row[j] = minusInf
	}
	for j := i + 1; j < to; j++ {
		row[j] = minusInf
	}
	clear(row[:from])
	if to < hi {
		clear(row[to:hi])
	}
	return row[from:to]
}

func (l *lane) Attention(out, q, k, v tensor.Rows, h tensor.Heads, spans []tensor.Span, lse []float32) {
	want("sums", len(lse), q.N*h.Heads)
	group := h.Heads / h.KVHeads
	for _, s := range spans {
		a := l.spanOf(h, s)
		for kv := range h.KVHeads {
			keys := a.packTurned(0, a.head(k, kv, h.KeyDim))
			values := a.packRows(1, a.head(v, kv, h.ValueDim))
			for head := kv * group; head < (kv+1)*group; head++ {
				q, out := a.head(q, head, h.KeyDim), a.head(out, head, h.ValueDim)
				for lo := 0; lo < a.n; lo += queryRows {
					hi := min(lo+queryRows, a.n)
					a.score(q, keys, lo, hi)
					for i := lo; i < hi; i++ {
						row := a.mask(a.scores[(i-lo)*a.ld:(i-lo+1)*a.ld], i, hi)
						top, sum := simd.SoftmaxParts(l.tier, row, minusInf)
						simd.Scale(l.tier, row, 1/sum)
						lse[(a.from+i)*h.Heads+head] = top + float32(math.Log(float64(sum)))
					}
					o := out.Part(lo, hi)
					simd.Gemm(l.tier, o.Data, o.Stride, simd.Strided{Data: a.scores, Row: a.ld, Col: 1}, values, hi-lo, h.ValueDim, hi, false)
				}
			}
		}
	}
}

func (l *lane) AttentionBack(dq, dk, dv, dout, out, q, k, v tensor.Rows, h tensor.Heads, spans []tensor.Span, lse []float32) {
	want("sums", len(lse), q.N*h.Heads)
	group := h.Heads / h.KVHeads
	for _, s := range spans {
		a := l.spanOf(h, s)
		floatsFor(&l.dscores, queryRows*a.ld)
		for kv := range h.KVHeads {
			kRows, vRows := a.head(k, kv, h.KeyDim), a.head(v, kv, h.ValueDim)
			keys, valuesT := a.packTurned(0, kRows), a.packTurned(1, vRows)
			keyRows := a.packRows(2, kRows)
			dk, dv := a.head(dk, kv, h.KeyDim), a.head(dv, kv, h.ValueDim)
			for i := range a.n {
				clear(dk.Row(i))
				clear(dv.Row(i))
			}
			for head := kv * group; head < (kv+1)*group; head++ {
				q, out := a.head(q, head, h.KeyDim), a.head(out, head, h.ValueDim)
				dq, dout := a.head(dq, head, h.KeyDim), a.head(dout, head, h.ValueDim)
				for lo := 0; lo < a.n; lo += queryRows {
					hi := min(lo+queryRows, a.n)
					a.score(q, keys, lo, hi)
					d := dout.Part(lo, hi)
					simd.Gemm(l.tier, l.dscores, a.ld, left(d), valuesT, hi-lo, hi, h.ValueDim, false)
					for i := lo; i < hi; i++ {
						at := (i - lo) * a.ld
						p := a.mask(a.scores[at:at+a.ld], i, hi)
						// exp(score - lse) is the probability.
						simd.ExpShifted(l.tier, p, lse[(a.from+i)*h.Heads+head])
						from, to := a.stretch(i)
						mean := simd.Dot(l.tier, dout.Row(i), out.Row(i))
						ds := l.dscores[at : at+a.ld]
						for j := hi; j < to; j++ {
							ds[j] = 0 // beyond the block nothing was computed
						}
						simd.SoftmaxBack(l.tier, ds[from:to], p, mean, h.Scale)
						clear(ds[:from])
						if to < hi {
							clear(ds[to:hi])
						}
					}
					rows := hi - lo
					probs := simd.Strided{Data: l.scores, Row: a.ld, Col: 1}
					dscores := simd.Strided{Data: l.dscores, Row: a.ld, Col: 1}
					to := dq.Part(lo, hi)
					simd.Gemm(l.tier, to.Data, to.Stride, dscores, keyRows, rows, h.KeyDim, hi, false)
					dscores.Row, dscores.Col, probs.Row, probs.Col = 1, a.ld, 1, a.ld
					simd.Gemm(l.tier, dk.Data, dk.Stride, dscores, a.packRows(3, q.Part(lo, hi)), hi, h.KeyDim, rows, true)
					simd.Gemm(l.tier, dv.Data, dv.Stride, probs, a.packRows(3, d), hi, h.ValueDim, rows, true)
				}
			}
		}
	}
}
