package simd

import (
	"encoding/binary"
	"fmt"
	"math"

	"summit/tensor"
)

// A block of activations: 32 int8, then words that the kernels start from.
// internal/simdgen has the same list.
const (
	metaScale  = 32 // float32 scale
	metaSum    = 36 // float32 scale x sum of the 32
	metaNeg128 = 40 // int32 -128 x sum
	metaNeg8   = 44
	metaNeg16  = 48
	metaNeg32  = 52 // int32 -32 x sum of the first 16, then of the second 16
	actBlock   = 64
)

func uint32At(b []byte, off int) uint32 { return binary.LittleEndian.Uint32(b[off:]) }
func word32(b []byte, off int) float32  { return math.Float32frombits(uint32At(b, off)) }

// Activations are some tokens' vectors, quantised to int8 with one float32
// scale for each 32: q = round(127 x/max|x|), to even. They lie in groups of
// eight tokens (the last of one, four or eight), block by block, so that a
// kernel reads them in one stream.
type Activations struct {
	tokens, cols int
	data         []byte
}

// groupOf is how many tokens the group that starts with rest tokens to go has
// room for.
func groupOf(rest int) int {
	switch {
	case rest == 1:
		return 1
	case rest <= 4:
		return 4
	}
	return 8
}

// ActivationBytes is the memory for that many tokens.
func ActivationBytes(tokens, cols int) int {
	room := tokens / 8 * 8
	if rest := tokens % 8; rest > 0 {
		room += groupOf(rest)
	}
	return room * (cols / 32) * actBlock
}

// Reset makes room for tokens vectors of cols; the memory is used again.
func (a *Activations) Reset(tokens, cols int) error {
	if tokens < 1 || cols < 1 || cols%32 != 0 {
		return fmt.Errorf("simd: activations: got %d tokens of %d, want some, of a multiple of 32", tokens, cols)
	}
	n := ActivationBytes(tokens, cols)
	if cap(a.data) < n {
		a.data = make([]byte, n)
	}
	a.data = a.data[:n]
	a.tokens, a.cols = tokens, cols
	return nil
}

// Reserve makes room once for all later calls of Reset up to a size.
func (a *Activations) Reserve(tokens, cols int) {
	if n := ActivationBytes((tokens+7)/8*8, cols); cap(a.data) < n {
		a.data = make([]byte, n)
	}
}

// Tokens is how many vectors there are.
func (a *Activations) Tokens() int { return a.tokens }

// group returns where the group of token t starts, its room, and t's place in it.
func (a *Activations) group(t int) (offset, room, place int) {
	first := t / 8 * 8
	return first * (a.cols / 32) * actBlock, groupOf(a.tokens - first), t - first
}

// Quantize sets vector t. Different tokens may be set by different goroutines.
func (a *Activations) Quantize(tier Tier, t int, x []float32) error {
	if t < 0 || t >= a.tokens || len(x) != a.cols {
		return fmt.Errorf("simd: quantize: got token %d with %d numbers, want one of %d with %d", t, len(x), a.tokens, a.cols)
	}
	offset, room, place := a.group(t)
	quantizeBlocks[tier](a.data[offset+place*actBlock:], room*actBlock, x)
	return nil
}

// Residual writes what quantising x as vector t lost: x less what was kept.
// Quantised in its turn it gives the next 8 bits.
func (a *Activations) Residual(dst []float32, t int, x []float32) error {
	if t < 0 || t >= a.tokens || len(x) != a.cols || len(dst) != a.cols {
		return fmt.Errorf("simd: residual: got token %d with %d and %d numbers, want one of %d with %d", t, len(x), len(dst), a.tokens, a.cols)
	}
	offset, room, place := a.group(t)
	for b := range a.cols / 32 {
		d := a.data[offset+place*actBlock+b*room*actBlock:][:actBlock]
		scale := word32(d, metaScale)
		v, out := x[b*32:][:32], dst[b*32:][:32]
		for i, q := range d[:32] {
			out[i] = v[i] - float32(int8(q))*scale
		}
	}
	return nil
}

// quantizeBlocks writes the blocks of x, stride bytes apart.
var quantizeBlocks = [tiers]func(dst []byte, stride int, x []float32){Plain: quantizePlain}

func quantizePlain(dst []byte, stride int, x []float32) {
	for b := range len(x) / 32 {
		v, d := x[b*32:][:32], dst[b*stride:][:actBlock]
		largest := float32(0)
		for _, f := range v {
			largest = max(largest, float32(math.Abs(float64(f))))
		}
		scale, inverse := largest*(1.0/127), float32(0)
		if largest > 1e-30 { // below it there is no inverse
			inverse = 127 / largest
		}
		var sum [2]int32
		for i, f := range v {
			q := int32(math.RoundToEven(float64(f * inverse)))
			d[i] = byte(q)
			sum[i/16] += q
		}
		put := func(off int, v int32) { binary.LittleEndian.PutUint32(d[off:], uint32(v)) }
		all := sum[0] + sum[1]
		put(metaScale, int32(math.Float32bits(scale)))
		put(metaSum, int32(math.Float32bits(float32(all)*scale)))
		put(metaNeg128, -128*all)
		put(metaNeg8, -8*all)
		put(metaNeg16, -16*all)
		put(metaNeg32, -32*sum[0])
		put(metaNeg32+4, -32*sum[1])
	}
}

// halfOf is the nearest half float in range.
func halfOf(v float32) uint16 { return tensor.ToF16(max(-65504, min(65504, v))) }

// Use is Reset in memory of the caller's, of which it takes ActivationBytes;
// it returns the rest.
func (a *Activations) Use(mem []byte, tokens, cols int) ([]byte, error) {
	n := 0
	if tokens > 0 && cols > 0 {
		n = ActivationBytes(tokens, cols)
	}
	if tokens < 1 || cols < 1 || cols%32 != 0 || len(mem) < n {
		return nil, fmt.Errorf("simd: activations: got %d tokens of %d in %d bytes, want some, of a multiple of 32, in %d", tokens, cols, len(mem), n)
	}
	a.data, a.tokens, a.cols = mem[:n:n], tokens, cols
	return mem[n:], nil
}
