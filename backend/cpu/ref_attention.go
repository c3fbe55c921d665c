package cpu

import (
	"math"

	"summit/tensor"
)

type refKVWrite struct {
	*tensor.KVWrite
	cache *buffer
}

func (k *refKVWrite) units(r *run) int { return len(r.batch.IDs) }

func (k *refKVWrite) do(r *run, lo, hi int, _ *scratch) {
	s := &k.cache.spec
	for i := lo; i < hi; i++ {
		pos := int(r.pos[i])
		block := int(r.batch.Seqs[r.seq[i]].Blocks[pos/s.BlockTokens])
		at := pos % s.BlockTokens
		key := r.row(k.K, i)
		for h := range s.Heads {
			k.cache.put(k.cache.key(block, h, at), key[h*s.KDim:(h+1)*s.KDim])
		}
		if s.VDim == 0 {
			continue
		}
		val := r.row(k.V, i)
		for h := range s.Heads {
			k.cache.put(k.cache.val(block, h, at), val[h*s.VDim:(h+1)*s.VDim])
		}
	}
}

// refAttention works on one head of one token at a time: all scores, their
// softmax, then the values in the order of positions.
type refAttention struct {
	*tensor.Attention
	cache *buffer
	sinks []float32
}

func (k *refAttention) units(r *run) int { return len(r.batch.IDs) * k.Heads }

func (k *refAttention) do(r *run, lo, hi int, s *scratch) {
	for u := lo; u < hi; u++ {
		k.one(r, u/k.Heads, u%k.Heads, s)
	}
}

func (k *refAttention) one(r *run, i, head int, s *scratch) {
	spec := &k.cache.spec
	vdim := spec.VDim
	if vdim == 0 {
		vdim = k.VDim
	}
	blocks := r.batch.Seqs[r.seq[i]].Blocks
	kv := head / (k.Heads / spec.Heads)
	q := r.row(k.Q, i)[head*spec.KDim : (head+1)*spec.KDim]
	out := r.row(k.Out, i)[head*vdim : (head+1)*vdim]

	last := int(r.pos[i])
	first := 0
	if k.Window > 0 {
		first = max(0, last-k.Window+1)
	}
	buf := grow(&s.a, max(spec.KDim, vdim))
	score := grow(&s.b, last-first+1)
	top := float32(math.Inf(-1))
	if k.sinks != nil {
		top = k.sinks[head]
	}
	for p := first; p <= last; p++ {
		at := k.cache.key(int(blocks[p/spec.BlockTokens]), kv, p%spec.BlockTokens)
		v := dot(q, k.cache.get(buf, at, spec.KDim)) * k.Scale
		if k.Softcap > 0 {
			v = softcap(v, k.Softcap)
		}
		score[p-first] = v
		top = max(top, v)
	}
	var sum float32
	if k.sinks != nil {
		sum = exp(k.sinks[head] - top)
	}
	clear(out)
	for p := first; p <= last; p++ {
		e := exp(score[p-first] - top)
		sum += e
		block := int(blocks[p/spec.BlockTokens])
		at := k.cache.key(block, kv, p%spec.BlockTokens)
		if spec.VDim > 0 {
			at = k.cache.val(block, kv, p%spec.BlockTokens)
		}
		for j, v := range k.cache.get(buf, at, vdim) {
			out[j] += e * v
		}
	}
	inv := 1 / sum
	for j := range out {
		out[j] *= inv
	}
}

func exp(x float32) float32 { return float32(math.Exp(float64(x))) }
