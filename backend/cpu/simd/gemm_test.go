package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Products of all layouts and odd sizes are those of a plain double loop, and
// the same bits in both assembly tiers.
func TestGemm(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][3]int{{1, 1, 1}, {5, 31, 7}, {13, 33, 300}, {37, 64, 256}, {24, 100, 513}, {3, 32, 0}} {
		m, n, k := size[0], size[1], size[2]
		for layout := range 4 {
			a, b := Strided{randomFloats(rng, m*k+1), k, 1}, Strided{randomFloats(rng, k*n+1), n, 1}
			if layout&1 != 0 {
				a.Row, a.Col = 1, m
			}
			if layout&2 != 0 {
				b.Row, b.Col = 1, k
			}
			for _, add := range []bool{false, true} {
				ldc := n + 3
				start := randomFloats(rng, m*ldc)
				want := make([]float64, len(start))
				for i := range m {
					for j := range n {
						s := 0.0
						if add {
							s = float64(start[i*ldc+j])
						}
						for p := range k {
							s += float64(a.Data[i*a.Row+p*a.Col]) * float64(b.Data[p*b.Row+j*b.Col])
						}
						want[i*ldc+j] = s
					}
				}
				packed := PackRight(make([]float32, PackedLen(k, n)), b, k, n)
				var first []float32
				for _, tier := range Tiers() {
					c := append([]float32(nil), start...)
					Gemm(tier, c, ldc, a, packed, m, n, k, add)
					for i := range c {
						if i%ldc >= n {
							if c[i] != start[i] {
								t.Fatalf("%s %v: number %d beside the result was changed", tier, size, i)
							}
							continue
						}
						if d := math.Abs(float64(c[i]) - want[i]); d > 2e-7*math.Sqrt(float64(k)+1)*float64(k+1) {
							t.Fatalf("%s %v layout %d add %t: number %d is %v, want %v", tier, size, layout, add, i, c[i], want[i])
						}
						if tier == AVX512 && c[i] != first[i] {
							t.Fatalf("%v layout %d: number %d is %v with AVX-512 and %v with AVX2", size, layout, i, c[i], first[i])
						}
					}
					if tier == AVX2 {
						first = c
					}
				}
			}
		}
	}
}

// Row functions of training against plain Go, at odd lengths.
func TestLearnRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{1, 15, 16, 33, 96, 300} {
		in := make([][]float32, 5)
		for i := range in {
			in[i] = randomFloats(rng, n)
			for j := range in[i] {
				in[i][j] *= 3
			}
		}
		for name, f := range map[string]func(tier Tier, x [][]float32) []float32{
			"dot":  func(tier Tier, x [][]float32) []float32 { return []float32{Dot(tier, x[0], x[1])} },
			"dot3": func(tier Tier, x [][]float32) []float32 { return []float32{Dot3(tier, x[0], x[1], x[2])} },
			"norm": func(tier Tier, x [][]float32) []float32 {
				NormBack(tier, x[0], x[1], x[2], x[3], x[4], 0.7, 0.2)
				return append(x[0], x[1]...)
			},
			"silu": func(tier Tier, x [][]float32) []float32 {
				SiLUBack(tier, x[0], x[1], x[2], x[3], x[4])
				return append(x[0], x[1]...)
			},
			"gelu": func(tier Tier, x [][]float32) []float32 {
				GELUBack(tier, x[0], x[1], x[2], x[3], x[4])
				return append(x[0], x[1]...)
			},
			"gelu fwd": func(tier Tier, x [][]float32) []float32 { GELUExact(tier, x[0], x[1], x[2]); return x[0] },
			"softmax":  func(tier Tier, x [][]float32) []float32 { SoftmaxBack(tier, x[0], x[1], 0.3, 0.5); return x[0] },
			"muladd":   func(tier Tier, x [][]float32) []float32 { MulAdd(tier, x[0], x[1], x[2]); return x[0] },
			"adamw": func(tier Tier, x [][]float32) []float32 {
				for i := range x[2] {
					x[2][i] = float32(math.Abs(float64(x[2][i])))
				}
				p := AdamW{0.5, 0.9, 0.1, 0.95, 0.05, 1.5, 1e-8, 0.01, 0.99}
				p.Step(tier, x[0], x[1], x[2], x[3])
				return append(append(x[0], x[1]...), x[2]...)
			},
		} {
			var want []float32
			for _, tier := range Tiers() {
				x := make([][]float32, len(in))
				for i := range in {
					x[i] = append(make([]float32, 0, n), in[i]...)
				}
				got := f(tier, x)
				if tier == Plain {
					want = got
					continue
				}
				for i := range want {
					if d := math.Abs(float64(got[i] - want[i])); !(d <= 3e-6*(math.Abs(float64(want[i]))+math.Sqrt(float64(n)))) {
						t.Errorf("%s %s of %d: number %d is %v, want %v", name, tier, n, i, got[i], want[i])
						break
					}
				}
			}
		}
	}
}

// BenchmarkGemm has the shapes of a small decoder's training: tokens by dim by hidden.
func BenchmarkGemm(b *testing.B) {
	for _, size := range [][3]int{{512, 256, 256}, {512, 768, 256}, {512, 256, 768}, {128, 4224, 256}} {
		for _, tier := range Tiers()[1:] {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", size[0], size[1], size[2], tier), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				m, n, k := size[0], size[1], size[2]
				x, c, packed := randomFloats(rng, m*k), make([]float32, m*n), Right{randomFloats(rng, PackedLen(k, n)), k, n}
				best := time.Duration(1 << 62)
				for b.Loop() {
					start := time.Now()
					Gemm(tier, c, n, Strided{x, k, 1}, packed, m, n, k, false)
					best = min(best, time.Since(start))
				}
				b.ReportMetric(2*float64(m*n*k)/best.Seconds()/1e9, "GFLOP/s-best")
			})
		}
	}
}
