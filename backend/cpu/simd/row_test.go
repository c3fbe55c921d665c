package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"summit/tensor"
)

// ulps is how many representable numbers lie between got and the exact want.
func ulps(got float32, want float64) float64 {
	step := math.Nextafter32(float32(math.Abs(want)), math.MaxFloat32) - float32(math.Abs(want))
	return math.Abs(float64(got)-want) / float64(step)
}

// The exponential of the assembly is within 2 units in the last place where
// the result is a normal number, exactly zero for -Inf and NaN for NaN.
func TestExp(t *testing.T) {
	for _, tier := range Tiers()[1:] {
		worst := 0.0
		for x := -87.0; x < -0.001; x += 0.0007 {
			row := make([]float32, 16)
			for i := range row {
				row[i] = float32(x + float64(i)*0.00004)
			}
			in := slices.Clone(row)
			top := float32(0)
			SoftmaxParts(tier, row, top)
			for i, e := range row {
				worst = max(worst, ulps(e, math.Exp(float64(in[i]))))
			}
		}
		if worst > 2 {
			t.Errorf("%s: off by %.2f ulp, want 2 at most", tier, worst)
		}
		row := make([]float32, 32)
		row[3] = float32(math.Inf(-1))
		if _, sum := SoftmaxParts(tier, row, 0); row[3] != 0 || sum != 31 {
			t.Errorf("%s: exp(-Inf) is %v in a sum of %v, want 0 in 31", tier, row[3], sum)
		}
	}
}

// Row kernels against plain Go at odd lengths. Tolerances are units in the
// last place of the largest number: sums of n terms round n times, in another
// order.
func TestRowsMatchPlain(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 15, 16, 17, 96, 130, 1024, 3000} {
		x, y, w := randomFloats(rng, n), randomFloats(rng, n), randomFloats(rng, n)
		for i := range x {
			x[i] *= 4
		}
		half := n / 2
		type op struct {
			name string
			run  func(tier Tier, x []float32) []float32
			tol  float64
		}
		for _, op := range []op{
			{"sum of squares", func(tier Tier, x []float32) []float32 { return []float32{SumSquares(tier, x)} }, 1e-6 * math.Sqrt(float64(n))},
			{"norm", func(tier Tier, x []float32) []float32 { NormScale(tier, x, x, w, 0.7); return x }, 0},
			{"add", func(tier Tier, x []float32) []float32 { AddScaled(tier, x, y, 0.3); return x }, 1e-7},
			{"scale", func(tier Tier, x []float32) []float32 { Scale(tier, x, 0.3); return x }, 0},
			{"silu", func(tier Tier, x []float32) []float32 { SiLUMul(tier, x, x, y); return x }, 1e-6},
			{"gelu", func(tier Tier, x []float32) []float32 { GELUMul(tier, x, x, y); return x }, 1e-6},
			{"softmax", func(tier Tier, x []float32) []float32 {
				top, sum := SoftmaxParts(tier, x, -3)
				return append(x, top, sum)
			}, 1e-6 * math.Sqrt(float64(n))},
			{"rope neox", func(tier Tier, x []float32) []float32 {
				RopeNeoX(tier, x[:2*half], y[:half], w[:half])
				return x
			}, 1e-7},
			{"rope norm", func(tier Tier, x []float32) []float32 {
				RopeNorm(tier, x[:2*half], y[:half], w[:half])
				return x
			}, 1e-7},
			{"half", func(tier Tier, x []float32) []float32 {
				h := make([]uint16, len(x))
				x[0] = 1e6
				ToHalf(tier, h, x)
				for i := range h {
					x[i] = tensor.FromF16(h[i])
				}
				return x
			}, 0},
		} {
			want := op.run(Plain, slices.Clone(x))
			for _, tier := range Tiers()[1:] {
				got := op.run(tier, slices.Clone(x))
				sameTo(t, fmt.Sprintf("%s %s of %d", tier, op.name, n), got, want, op.tol)
			}
		}
	}
}

// The plain activations against their formulas.
func TestActivations(t *testing.T) {
	x, one := []float32{-20, -1, -0.1, 0, 0.1, 1, 20}, []float32{1, 1, 1, 1, 1, 1, 1}
	got := make([]float32, len(x))
	SiLUMul(Plain, got, x, one)
	for i, v := range x {
		if want := float64(v) / (1 + math.Exp(-float64(v))); ulps(got[i], want) > 1 {
			t.Errorf("silu(%v) = %v, want %v", v, got[i], want)
		}
	}
	GELUMul(Plain, got, x, one)
	for i, f := range x {
		v := float64(f)
		want := 0.5 * v * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(v+0.044715*v*v*v)))
		if math.Abs(float64(got[i])-want) > 1e-6*max(1, math.Abs(want)) {
			t.Errorf("gelu(%v) = %v, want %v", v, got[i], want)
		}
	}
}
