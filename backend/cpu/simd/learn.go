package simd

import "math"

// Row functions of training. As in row.go, kernels do the first multiple of 16
// of a row and Go the rest, and rows of unequal length are a panic.

// Dot is the sum of x*y: by lanes, then the lanes in a tree, then the rest.
func Dot(tier Tier, x, y []float32) float32 {
	same2("dot", len(x), len(y))
	var sum float32
	for len(x) > 0 {
		n := whole(tier, len(x))
		if n == 0 {
			break
		}
		var part float32
		dot(tier, &part, &x[0], &y[0], uintptr(n))
		sum += part
		x, y = x[n:], y[n:]
	}
	for i, v := range x {
		sum = fma(v, y[i], sum)
	}
	return sum
}

// Dot3 is the sum of x*y*z, in the same order.
func Dot3(tier Tier, x, y, z []float32) float32 {
	same2("dot", len(x), len(y))
	same2("dot", len(x), len(z))
	var sum float32
	for len(x) > 0 {
		n := whole(tier, len(x))
		if n == 0 {
			break
		}
		var part float32
		dot3(tier, &part, &x[0], &y[0], &z[0], uintptr(n))
		sum += part
		x, y, z = x[n:], y[n:], z[n:]
	}
	for i, v := range x {
		sum = fma(v*y[i], z[i], sum)
	}
	return sum
}

// NormBack adds dy*w*scale - x*pull to dx and dy*x*scale to dw: the backward
// pass of a norm by scale, pull being the mean's share.
func NormBack(tier Tier, dx, dw, dy, x, w []float32, scale, pull float32) {
	same2("norm back", len(dx), len(dy))
	same2("norm back", len(dw), len(dy))
	same2("norm back", len(x), len(dy))
	same2("norm back", len(w), len(dy))
	factors := [2]float32{scale, pull}
	for len(dy) > 0 {
		n := whole(tier, len(dy))
		if n == 0 {
			break
		}
		normBack(tier, &dx[0], &dw[0], &dy[0], &x[0], &w[0], &factors[0], uintptr(n))
		dx, dw, dy, x, w = dx[n:], dw[n:], dy[n:], x[n:], w[n:]
	}
	for i, d := range dy {
		s := d * scale
		dx[i] = fma(-x[i], pull, fma(s, w[i], dx[i]))
		dw[i] = fma(s, x[i], dw[i])
	}
}

// SiLUBack sets dgate and dup to the gradients of gate*sigmoid(gate)*up, whose
// own is dy. dgate or dup may be dy's, gate's or up's memory, each to its own.
func SiLUBack(tier Tier, dgate, dup, dy, gate, up []float32) {
	same5("silu back", dgate, dup, dy, gate, up)
	for len(dy) > 0 {
		n := whole(tier, len(dy))
		if n == 0 {
			break
		}
		siluBack(tier, &dgate[0], &dup[0], &dy[0], &gate[0], &up[0], uintptr(n))
		dgate, dup, dy, gate, up = dgate[n:], dup[n:], dy[n:], gate[n:], up[n:]
	}
	for i, d := range dy {
		g, u := gate[i], up[i]
		s := float32(1 / (1 + math.Exp(-float64(g))))
		dup[i] = d * (g * s)
		dgate[i] = d * u * fma(g*s, 1-s, s)
	}
}

func same5(what string, a, b, c, d, e []float32) {
	same2(what, len(a), len(c))
	same2(what, len(b), len(c))
	same2(what, len(d), len(c))
	same2(what, len(e), len(c))
}

// GELUExact sets dst to gate*cdf(gate)*up, cdf being the standard normal's.
// Error of the kernels: 2e-7 of cdf.
func GELUExact(tier Tier, dst, gate, up []float32) {
	same2("gelu", len(dst), len(gate))
	same2("gelu", len(up), len(gate))
	for len(gate) > 0 {
		n := whole(tier, len(gate))
		if n == 0 {
			break
		}
		geluExact(tier, &dst[0], &gate[0], &up[0], uintptr(n))
		dst, gate, up = dst[n:], gate[n:], up[n:]
	}
	for i, g := range gate {
		dst[i] = g * normalCDF(g) * up[i]
	}
}

func normalCDF(x float32) float32 { return float32(0.5 * math.Erfc(-float64(x)/math.Sqrt2)) }

// GELUBack is SiLUBack for gate*cdf(gate)*up.
func GELUBack(tier Tier, dgate, dup, dy, gate, up []float32) {
	same5("gelu back", dgate, dup, dy, gate, up)
	for len(dy) > 0 {
		n := whole(tier, len(dy))
		if n == 0 {
			break
		}
		geluBack(tier, &dgate[0], &dup[0], &dy[0], &gate[0], &up[0], uintptr(n))
		dgate, dup, dy, gate, up = dgate[n:], dup[n:], dy[n:], gate[n:], up[n:]
	}
	for i, d := range dy {
		g, u, cdf := gate[i], up[i], normalCDF(gate[i])
		density := float32(math.Exp(-float64(g)*float64(g)/2) / math.Sqrt(2*math.Pi))
		dup[i] = d * (g * cdf)
		dgate[i] = d * u * fma(g, density, cdf)
	}
}

// SoftmaxBack sets ds to p*(ds - mean)*scale: the gradient of scores that were
// multiplied by scale and became the probabilities p.
func SoftmaxBack(tier Tier, ds, p []float32, mean, scale float32) {
	same2("softmax back", len(ds), len(p))
	factors := [2]float32{mean, scale}
	for len(p) > 0 {
		n := whole(tier, len(p))
		if n == 0 {
			break
		}
		softmaxBack(tier, &ds[0], &p[0], &factors[0], uintptr(n))
		ds, p = ds[n:], p[n:]
	}
	for i, v := range p {
		ds[i] = (ds[i] - mean) * v * scale
	}
}

// MulAdd adds x*y to dst, rounding once.
func MulAdd(tier Tier, dst, x, y []float32) {
	same2("mul add", len(dst), len(x))
	same2("mul add", len(y), len(x))
	for len(x) > 0 {
		n := whole(tier, len(x))
		if n == 0 {
			break
		}
		mulAdd(tier, &dst[0], &x[0], &y[0], uintptr(n))
		dst, x, y = dst[n:], x[n:], y[n:]
	}
	for i, v := range x {
		dst[i] = fma(v, y[i], dst[i])
	}
}

// AdamW is the numbers of one step, in the order that kernels read them:
//
//	g = gradient*Scale; m = Beta1*m + Rest1*g; v = Beta2*v + Rest2*g²
//	w = w*Keep - Rate*m/(sqrt(v*Grown2) + Eps)
//
// Rate holds the learning rate and the first moment's correction, Grown2 the
// second's, Keep is 1 - rate*decay.
// Source: Loshchilov & Hutter 2019, arXiv:1711.05101.
type AdamW struct {
	Scale, Beta1, Rest1, Beta2, Rest2, Grown2, Eps, Rate, Keep float32
}

// Step does one step on parameters w with moments m and v and gradient g.
func (p *AdamW) Step(tier Tier, w, m, v, g []float32) {
	same2("adamw", len(m), len(w))
	same2("adamw", len(v), len(w))
	same2("adamw", len(g), len(w))
	for len(w) > 0 {
		n := whole(tier, len(w))
		if n == 0 {
			break
		}
		adamW(tier, &w[0], &m[0], &v[0], &g[0], &p.Scale, uintptr(n))
		w, m, v, g = w[n:], m[n:], v[n:], g[n:]
	}
	for i := range w {
		d := g[i] * p.Scale
		m[i] = fma(d, p.Rest1, m[i]*p.Beta1)
		v[i] = fma(d*d, p.Rest2, v[i]*p.Beta2)
		den := float32(math.Sqrt(float64(v[i]*p.Grown2))) + p.Eps
		w[i] = fma(-(m[i] / den), p.Rate, w[i]*p.Keep)
	}
}

// ExpShifted sets x to exp(x - by). -Inf becomes exactly zero.
func ExpShifted(tier Tier, x []float32, by float32) {
	for len(x) > 0 {
		n := whole(tier, len(x))
		if n == 0 {
			break
		}
		var sum float32
		expSum(tier, &sum, &x[0], &by, uintptr(n))
		x = x[n:]
	}
	for i, v := range x {
		x[i] = float32(math.Exp(float64(v - by)))
	}
}
