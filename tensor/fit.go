package tensor

import (
	"encoding/binary"
	"math"
)

func f16At(b []byte) float32 { return FromF16(binary.LittleEndian.Uint16(b)) }

func putF16(b []byte, f float32) { binary.LittleEndian.PutUint16(b, ToF16(f)) }

// inverse returns 1/d, and 0 for 0: a block of zeros has scale zero. Where a
// tiny d has no finite inverse its numbers are nothing but zero either.
func inverse(d float32) float32 {
	if i := 1 / d; i >= -math.MaxFloat32 && i <= math.MaxFloat32 {
		return i
	}
	return 0
}

// absMax returns the largest magnitude.
func absMax(x []float32) float32 {
	var m float32
	for _, v := range x {
		m = max(m, v, -v)
	}
	return m
}

// widest returns the number of the largest magnitude, with its sign.
func widest(x []float32) float32 {
	var m, w float32
	for _, v := range x {
		if a := max(v, -v); a > m {
			m, w = a, v
		}
	}
	return w
}

// bounds returns the least and the greatest number.
func bounds(x []float32) (lo, hi float32) {
	lo, hi = x[0], x[0]
	for _, v := range x {
		lo, hi = min(lo, v), max(hi, v)
	}
	return lo, hi
}

// span returns the step that takes n steps from lo to hi.
func span(lo, hi float32, n int) float32 { return (hi - lo) / float32(n) }

// steps is how many ranges a fit tries on top of the full one, reach how many
// steps wider and narrower than the data they go. On Gaussian data 12 and 1
// leave no more error than the format's own tools, type for type (Q4_K 7.12 %
// of the root mean square, Q5_K 3.58 %, Q6_K 1.73 %); 16 gain under 0.5 % more.
const (
	steps = 12
	reach = 1
)

// fitAffine fits x = d*scale*q - dmin*low for each group of n numbers, with
// q in 0..top and whole scale and low in 0..limit. It fills q [len(x)], scale
// and low [len(x)/n] and returns d and dmin, already float16.
func fitAffine(x []float32, n, top, limit int, q []uint8, scale, low []float32) (d, dmin float32) {
	for g := range scale {
		scale[g], low[g] = affine(x[g*n:][:n], top)
	}
	d = FromF16(ToF16(absMax(scale) / float32(limit)))
	dmin = FromF16(ToF16(absMax(low) / float32(limit)))
	for g := range scale {
		scale[g] = wholeUpTo(scale[g]*inverse(d), limit)
		low[g] = wholeUpTo(low[g]*inverse(dmin), limit)
		step, shift := inverse(d*scale[g]), dmin*low[g]
		for j, v := range x[g*n:][:n] {
			q[g*n+j] = uint8(wholeUpTo((v+shift)*step, top))
		}
	}
	return d, dmin
}

// affine returns scale and low of zero or more for one group by least
// squares: for a few ranges it rounds, then solves for the scale and low that
// suit the rounded numbers best, and keeps what leaves the least error.
func affine(x []float32, top int) (scale, low float32) {
	lo, hi := bounds(x)
	lo = min(lo, 0)
	if hi <= lo {
		return 0, -lo
	}
	best := float32(math.Inf(1))
	for i := range steps + 1 {
		// The first try spans the data; the others go from one step less over
		// to one step more, since a clipped end can pay.
		id := (float32(top) + reach*(2*float32(i-1)/(steps-1)-1)) * inverse(hi-lo)
		if i == 0 {
			id = float32(top) * inverse(hi-lo)
		}
		var sq, sqq, sx, sxq float32
		for _, v := range x {
			q := wholeUpTo((v-lo)*id, top)
			sq += q
			sqq += q * q
			sx += v
			sxq += v * q
		}
		n := float32(len(x))
		s, l := inverse(id), -lo
		if det := n*sqq - sq*sq; det > 0 {
			s, l = (n*sxq-sx*sq)/det, (sq*sxq-sqq*sx)/det
			if l < 0 { // no minimum above zero exists: fit the scale alone
				s, l = sxq/sqq, 0
			}
		}
		if s <= 0 {
			continue
		}
		id = inverse(s)
		var e float32
		for _, v := range x {
			r := v + l - s*wholeUpTo((v+l)*id, top)
			e += r * r
		}
		if e < best {
			best, scale, low = e, s, l
		}
	}
	return scale, low
}

// wholeUpTo rounds to a whole number in 0..top.
func wholeUpTo(x float32, top int) float32 {
	return float32(max(0, min(int32(top), int32(x+0.5))))
}

// fitSymmetric fits x = d*scale*q for each group of n numbers, with q in
// -top..top-1 and scale in -limit..limit-1. It fills q [len(x)] and scale
// [len(x)/n] and returns d, already float16.
func fitSymmetric(x []float32, n, top, limit int, q []int8, scale []int) (d float32) {
	var own [16]float32 // no type has more groups
	for g := range scale {
		own[g] = symmetric(x[g*n:][:n], top)
	}
	// The widest scale takes the end of the range that has no twin.
	d = FromF16(ToF16(widest(own[:len(scale)]) / float32(-limit)))
	for g := range scale {
		scale[g] = max(-limit, min(limit-1, roundAway(own[g]*inverse(d))))
		id := inverse(d * float32(scale[g]))
		for j, v := range x[g*n:][:n] {
			q[g*n+j] = int8(max(-top, min(top-1, roundAway(v*id))))
		}
	}
	return d
}

// symmetric returns the scale of one group by least squares over a few
// ranges; its sign puts the widest number on the wider side.
func symmetric(x []float32, top int) (scale float32) {
	w := widest(x)
	var best float32
	for i := range steps + 1 {
		id := -(float32(top) + 0.15*float32(i-steps/2)) * inverse(w)
		var sxq, sqq float32
		for _, v := range x {
			q := float32(max(-top, min(top-1, roundAway(v*id))))
			sxq += v * q
			sqq += q * q
		}
		// The error left is the sum of squares less sxq²/sqq.
		if sqq > 0 && sxq*sxq > best*sqq {
			best, scale = sxq*sxq/sqq, sxq/sqq
		}
	}
	return scale
}

// fitLevels returns the scale of 32 numbers in IQ4_NL's table, by least
// squares over a few ranges and both signs.
func fitLevels(x []float32) (scale float32) {
	w := widest(x)
	const tries = 7 // 13 gain under 0.1 %
	var best float32
	for i := range 2 * tries {
		end := levels[0]
		if i >= tries {
			end = levels[15]
		}
		id := end * (1 + 0.05*float32(i%tries-tries/2)) * inverse(w)
		var sxq, sqq float32
		for _, v := range x {
			q := levels[nearestLevel(v*id)]
			sxq += v * q
			sqq += q * q
		}
		if sqq > 0 && sxq*sxq > best*sqq {
			best, scale = sxq*sxq/sqq, sxq/sqq
		}
	}
	return scale
}

// below[i] is the index of the last table value that is not above i-128.
// Values lie 10 or more apart, so the nearest one is that or the next.
var below = func() (t [256]uint8) {
	for i := range t {
		for t[i] < 14 && levels[t[i]+1] <= float32(i-128) {
			t[i]++
		}
	}
	return t
}()

// nearestLevel returns the index of the nearest table value, the lower of two
// that are as near.
func nearestLevel(x float32) byte {
	i := below[max(0, min(255, int(x+128)))]
	if x-levels[i] > levels[i+1]-x {
		i++
	}
	return i
}
