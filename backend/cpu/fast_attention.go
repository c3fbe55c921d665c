package cpu

import (
	"math"

	"summit/backend/cpu/simd"
	"summit/tensor"
)

// fastAttention works on one KV head and a few neighbouring tokens of one
// sequence: their queries' scores against all positions, softmax by row, then
// the values block by block. Positions that a token may not see have a weight
// of exactly zero, so which tokens are neighbours changes nothing.
type fastAttention struct {
	*tensor.Attention
	cache *buffer
	sinks []float32
	tier  simd.Tier
	form  *simd.FloatForm
	group int // heads that share a KV head
	tile  int // tokens in a unit
}

func newFastAttention(i *tensor.Attention, c *buffer, sinks []float32, tier simd.Tier) *fastAttention {
	name := "f16"
	if c.f32 != nil {
		name = "f32"
	}
	group := i.Heads / c.spec.Heads
	return &fastAttention{Attention: i, cache: c, sinks: sinks, tier: tier, form: simd.FloatFormOf(name), group: group, tile: max(1, 16/group)}
}

func (k *fastAttention) tiles(s *tensor.Seq) int { return (s.N + k.tile - 1) / k.tile }

func (k *fastAttention) units(r *run) int {
	n := 0
	for i := range r.batch.Seqs {
		n += k.tiles(&r.batch.Seqs[i])
	}
	return n * k.cache.spec.Heads
}

// grain: about 150k products, a few microseconds.
func (k *fastAttention) grain(r *run) int {
	s := &r.batch.Seqs[0]
	work := min(s.N, k.tile) * k.group * (s.Pos + s.N) * (k.cache.spec.KDim + k.cache.spec.VDim)
	return max(1, 150_000/max(1, work))
}

// do takes units head by head, so that a worker stays with one head's keys.
// The latest tiles are the longest: they come first.
func (k *fastAttention) do(r *run, lo, hi int, s *scratch) {
	tiles := k.units(r) / k.cache.spec.Heads
	for u := lo; u < hi; u++ {
		head, tile := u/tiles, tiles-1-u%tiles
		seq := 0
		for tile >= k.tiles(&r.batch.Seqs[seq]) {
			tile -= k.tiles(&r.batch.Seqs[seq])
			seq++
		}
		sq := &r.batch.Seqs[seq]
		first := tile * k.tile
		k.one(r, sq, first, min(k.tile, sq.N-first), head, s)
	}
}

// one does tokens [first, first+n) of a sequence's part of the batch. Row
// t*group+g of the work is head g of the KV head's for token t.
func (k *fastAttention) one(r *run, sq *tensor.Seq, first, n, head int, s *scratch) {
	spec := &k.cache.spec
	const lanes = simd.PanelRows
	rows := n * k.group
	last := sq.Pos + first + n - 1
	base := 0 // of the blocks that anybody here sees
	if k.Window > 0 {
		base = max(0, sq.Pos+first-k.Window+1) / spec.BlockTokens * spec.BlockTokens
	}
	width := (last + 1 - base + lanes - 1) / lanes * lanes
	q := grow(&s.a, rows*spec.KDim)
	score := grow(&s.b, rows*width)
	acc := grow(&s.c, rows*spec.VDim)

	for t := range n {
		src := r.row(k.Q, sq.Row+first+t)[head*k.group*spec.KDim:][:k.group*spec.KDim]
		dst := q[t*k.group*spec.KDim:][:len(src)]
		copy(dst, src)
		simd.Scale(k.tier, dst, k.Scale)
	}
	for p := base; p <= last; p += lanes {
		block := int(sq.Blocks[p/spec.BlockTokens])
		panel := k.cache.bytes(k.cache.keyPanel(block, head, p%spec.BlockTokens), lanes*spec.KDim)
		k.form.Panel(k.tier, score[p-base:], width, nil, 0, panel, q, spec.KDim, rows, spec.KDim)
	}
	for row := range rows {
		k.softmax(score[row*width:][:width], sq.Pos+first+row/k.group, base, head*k.group+row%k.group)
	}
	var from []float32
	for p := base; p <= last; p += spec.BlockTokens {
		block := int(sq.Blocks[p/spec.BlockTokens])
		cols := min(spec.BlockTokens, last+1-p)
		for d := 0; d < spec.VDim; d += lanes {
			panel := k.cache.bytes(k.cache.valuePanel(block, head, d), lanes*spec.BlockTokens)
			if from != nil {
				from = acc[d:]
			}
			k.form.Panel(k.tier, acc[d:], spec.VDim, from, spec.VDim, panel, score[p-base:], width, rows, cols)
		}
		from = acc
	}
	for row := range rows {
		out := r.row(k.Out, sq.Row+first+row/k.group)[(head*k.group+row%k.group)*spec.VDim:][:spec.VDim]
		copy(out, acc[row*spec.VDim:])
	}
}

// softmax turns one row of scores, of the positions from base on, into weights
// of the token at position pos.
func (k *fastAttention) softmax(row []float32, pos, base, head int) {
	low := 0
	if k.Window > 0 {
		low = max(0, pos-k.Window+1-base)
	}
	none := float32(math.Inf(-1))
	for i := range row[:low] {
		row[i] = none
	}
	seen := row[low : pos+1-base]
	for i := pos + 1 - base; i < len(row); i++ {
		row[i] = none
	}
	if k.Softcap > 0 {
		for i, v := range seen {
			seen[i] = softcap(v, k.Softcap)
		}
	}
	floor := none
	if k.sinks != nil {
		floor = k.sinks[head]
	}
	top, sum := simd.SoftmaxParts(k.tier, row, floor)
	if k.sinks != nil {
		sum += exp(k.sinks[head] - top)
	}
	simd.Scale(k.tier, row, 1/sum)
}
