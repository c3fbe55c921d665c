package cpu

import (
	"unsafe"

	"summit/backend/cpu/simd"
	"summit/tensor"
)

// A cache in panels lies so that attention is the product of panels and
// vectors. In a block come the keys head by head, in panels of 16 positions,
// dimension by dimension; then the values head by head, in panels of 16
// dimensions, position by position. It has the size of the plain layout.

// inPanels reports whether a cache can lie in panels.
func inPanels(s *tensor.BufferSpec) bool {
	return s.Cache() && (s.Type == tensor.F16 || s.Type == tensor.F32) && s.BlockTokens%simd.PanelRows == 0 &&
		s.VDim > 0 && s.VDim%simd.PanelRows == 0 && s.KDim <= 4096 && s.BlockTokens <= 4096
}

// keyPanel is where the panel of a head's keys of positions [at, at+16) begins,
// valuePanel that of its values' dimensions [dim, dim+16).
func (b *buffer) keyPanel(block, head, at int) int {
	return block*b.item + (head*b.spec.BlockTokens+at)*b.spec.KDim
}

func (b *buffer) valuePanel(block, head, dim int) int {
	return block*b.item + b.value + (head*b.spec.VDim+dim)*b.spec.BlockTokens
}

// bytes views n numbers of the cache from at on.
func (b *buffer) bytes(at, n int) []byte {
	if b.f32 != nil {
		v := b.f32[at : at+n]
		return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), 4*n)
	}
	v := b.f16[at : at+n]
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), 2*n)
}

// panelRow calls f for each number of a row of keys or of values: where it lies.
func (b *buffer) panelRow(block, head, at int, value bool, f func(i, where int)) {
	const n = simd.PanelRows
	if value {
		for i := range b.spec.VDim {
			f(i, b.valuePanel(block, head, i/n*n)+at*n+i%n)
		}
		return
	}
	first := b.keyPanel(block, head, at/n*n) + at%n
	for i := range b.spec.KDim {
		f(i, first+i*n)
	}
}

// panelItem calls f for every row of a block in BufferSpec.ItemLen's order.
func (b *buffer) panelItem(item int, f func(at, where int)) {
	from := 0
	for t := range b.spec.BlockTokens {
		for _, value := range []bool{false, true} {
			n := b.spec.KDim
			if value {
				n = b.spec.VDim
			}
			for h := range b.spec.Heads {
				b.panelRow(item, h, t, value, func(i, where int) { f(from+i, where) })
				from += n
			}
		}
	}
}

// uploadPanels and downloadPanels are Upload and Download of a cache in panels.
func (b *buffer) uploadPanels(item int, src []float32) {
	b.panelItem(item, func(at, where int) {
		if b.f32 != nil {
			b.f32[where] = src[at]
		} else {
			b.f16[where] = tensor.ToF16(src[at])
		}
	})
}

func (b *buffer) downloadPanels(dst []float32, item int) {
	b.panelItem(item, func(at, where int) {
		if b.f32 != nil {
			dst[at] = b.f32[where]
		} else {
			dst[at] = tensor.FromF16(b.f16[where])
		}
	})
}

// fastKVWrite stores keys and values: a unit is a head, so that two workers
// never write to one cache line.
type fastKVWrite struct {
	*tensor.KVWrite
	cache *buffer
	tier  simd.Tier
}

func (k *fastKVWrite) units(*run) int { return k.cache.spec.Heads }

func (k *fastKVWrite) grain(r *run) int {
	return max(1, 8192/((k.cache.spec.KDim+k.cache.spec.VDim)*len(r.batch.IDs)))
}

func (k *fastKVWrite) do(r *run, lo, hi int, s *scratch) {
	spec := &k.cache.spec
	const n = simd.PanelRows
	for h := lo; h < hi; h++ {
		for i := range r.batch.IDs {
			pos := int(r.pos[i])
			block, at := int(r.batch.Seqs[r.seq[i]].Blocks[pos/spec.BlockTokens]), pos%spec.BlockTokens
			key, val := r.row(k.K, i)[h*spec.KDim:][:spec.KDim], r.row(k.V, i)[h*spec.VDim:][:spec.VDim]
			where := k.cache.keyPanel(block, h, at/n*n) + at%n
			if k.cache.f32 != nil {
				to := k.cache.f32[where:]
				for d, v := range key {
					to[d*n] = v
				}
				for d := 0; d < len(val); d += n {
					copy(k.cache.f32[k.cache.valuePanel(block, h, d)+at*n:][:n], val[d:])
				}
				continue
			}
			half := growHalves(&s.h, max(spec.KDim, spec.VDim))
			simd.ToHalf(k.tier, half[:spec.KDim], key)
			to := k.cache.f16[where:]
			for d, v := range half[:spec.KDim] {
				to[d*n] = v
			}
			for d := 0; d < len(val); d += n {
				simd.ToHalf(k.tier, k.cache.f16[k.cache.valuePanel(block, h, d)+at*n:][:n], val[d:d+n])
			}
		}
	}
}

func growHalves(s *[]uint16, n int) []uint16 {
	if cap(*s) < n {
		*s = make([]uint16, n)
	}
	return (*s)[:n]
}
