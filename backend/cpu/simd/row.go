package simd

import (
	"fmt"
	"math"
)

// rowStep bounds one call of assembly: 64k numbers take below 50 microseconds
// even for exp at 2 numbers a nanosecond.
const rowStep = 1 << 16

// whole is the part of n that kernels do, of at most one call.
func whole(tier Tier, n int) int {
	if tier == Plain {
		return 0
	}
	return min(n/16*16, rowStep)
}

func same2(what string, a, b int) {
	if a != b {
		panic(fmt.Sprintf("simd: %s: got rows of %d and %d numbers", what, a, b))
	}
}

// SumSquares is the sum of squares of x: by lanes, then the lanes in a tree,
// then the last len(x)%16 one by one.
func SumSquares(tier Tier, x []float32) float32 {
	var sum float32
	for len(x) > 0 {
		n := whole(tier, len(x))
		if n == 0 {
			break
		}
		var part float32
		sumSquares(tier, &part, &x[0], uintptr(n))
		sum += part
		x = x[n:]
	}
	for _, v := range x {
		sum = fma(v, v, sum)
	}
	return sum
}

// NormScale sets dst to (x*factor)*w; nil w is all ones. dst may be x. Lengths
// are equal, else it panics, as all functions of this file do.
func NormScale(tier Tier, dst, x, w []float32, factor float32) {
	same2("norm", len(dst), len(x))
	if w == nil {
		for i, v := range x {
			dst[i] = v * factor
		}
		return
	}
	same2("norm", len(w), len(x))
	for len(x) > 0 {
		n := whole(tier, len(x))
		if n == 0 {
			break
		}
		normScale(tier, &dst[0], &x[0], &w[0], &factor, uintptr(n))
		dst, x, w = dst[n:], x[n:], w[n:]
	}
	for i, v := range x {
		dst[i] = v * factor * w[i]
	}
}

// AddScaled adds y*factor to x, rounding once.
func AddScaled(tier Tier, x, y []float32, factor float32) {
	same2("add", len(x), len(y))
	for len(x) > 0 {
		n := whole(tier, len(x))
		if n == 0 {
			break
		}
		addScaled(tier, &x[0], &y[0], &factor, uintptr(n))
		x, y = x[n:], y[n:]
	}
	for i, v := range y {
		x[i] = fma(v, factor, x[i])
	}
}

// Scale multiplies x by factor.
func Scale(tier Tier, x []float32, factor float32) {
	for len(x) > 0 {
		n := whole(tier, len(x))
		if n == 0 {
			break
		}
		scale(tier, &x[0], &factor, uintptr(n))
		x = x[n:]
	}
	for i := range x {
		x[i] *= factor
	}
}

// SiLUMul sets dst to gate*sigmoid(gate)*up. Error: that of exp, and three
// roundings.
func SiLUMul(tier Tier, dst, gate, up []float32) {
	same2("silu", len(dst), len(gate))
	same2("silu", len(up), len(gate))
	for len(gate) > 0 {
		n := whole(tier, len(gate))
		if n == 0 {
			break
		}
		siluMul(tier, &dst[0], &gate[0], &up[0], uintptr(n))
		dst, gate, up = dst[n:], gate[n:], up[n:]
	}
	for i, g := range gate {
		dst[i] = float32(float64(g)/(1+math.Exp(-float64(g)))) * up[i]
	}
}

// GELUMul is SiLUMul with GELU in its approximation by tanh.
func GELUMul(tier Tier, dst, gate, up []float32) {
	same2("gelu", len(dst), len(gate))
	same2("gelu", len(up), len(gate))
	for len(gate) > 0 {
		n := whole(tier, len(gate))
		if n == 0 {
			break
		}
		geluMul(tier, &dst[0], &gate[0], &up[0], uintptr(n))
		dst, gate, up = dst[n:], gate[n:], up[n:]
	}
	for i, g := range gate {
		v := float64(g)
		dst[i] = float32(v/(1+math.Exp(-2*math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))) * up[i]
	}
}

// SoftmaxParts sets x to exp(x - top), with top the larger of floor and the
// largest of x, and returns top and the sum. Numbers of x that are -Inf become
// exactly zero. The sum is by lanes of 16 places from the first on, so zeros
// before, behind or between do not change it.
func SoftmaxParts(tier Tier, x []float32, floor float32) (top, sum float32) {
	top = floor
	for at := 0; at < len(x); {
		n := whole(tier, len(x)-at)
		if n == 0 {
			for _, v := range x[at:] {
				top = max(top, v)
			}
			break
		}
		maxOf(tier, &top, &x[at], uintptr(n))
		at += n
	}
	for at := 0; at < len(x); {
		n := whole(tier, len(x)-at)
		if n == 0 {
			for i, v := range x[at:] {
				e := float32(math.Exp(float64(v - top)))
				x[at+i] = e
				sum += e
			}
			break
		}
		var part float32
		expSum(tier, &part, &x[at], &top, uintptr(n))
		sum += part
		at += n
	}
	return top, sum
}

// RopeNeoX turns the pairs (x[i], x[i+n]), n = len(cos).
func RopeNeoX(tier Tier, x, cos, sin []float32) {
	same2("rope", len(cos), len(sin))
	same2("rope", len(x), 2*len(cos))
	a, b := x[:len(cos)], x[len(cos):]
	if n := whole(tier, len(a)); n > 0 {
		ropeNeoX(tier, &a[0], &b[0], &cos[0], &sin[0], uintptr(n))
		a, b, cos, sin = a[n:], b[n:], cos[n:], sin[n:]
	}
	for i, c := range cos {
		u, v := a[i], b[i]
		a[i] = fma(u, c, -(v * sin[i]))
		b[i] = fma(v, c, u*sin[i])
	}
}

// RopeNorm turns the pairs (x[2i], x[2i+1]).
func RopeNorm(tier Tier, x, cos, sin []float32) {
	same2("rope", len(cos), len(sin))
	same2("rope", len(x), 2*len(cos))
	if n := whole(tier, len(x)); n > 0 {
		ropeNorm(tier, &x[0], &cos[0], &sin[0], uintptr(n))
		x, cos, sin = x[n:], cos[n/2:], sin[n/2:]
	}
	for i, c := range cos {
		u, v := x[2*i], x[2*i+1]
		x[2*i] = fma(u, c, -(v * sin[i]))
		x[2*i+1] = fma(v, c, u*sin[i])
	}
}

// ToHalf rounds x to half floats, to even; what is out of range becomes the
// largest, so that no product with zero is a NaN.
func ToHalf(tier Tier, dst []uint16, x []float32) {
	same2("half", len(dst), len(x))
	for len(x) > 0 {
		n := whole(tier, len(x))
		if n == 0 {
			break
		}
		toHalf(tier, &dst[0], &x[0], uintptr(n))
		dst, x = dst[n:], x[n:]
	}
	for i, v := range x {
		dst[i] = halfOf(v)
	}
}
