package simd

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// copySpeed is how many bytes a second this machine copies, read and written,
// the measure of what memory allows.
var copySpeed = sync.OnceValue(func() float64 {
	src, dst := make([]byte, 128<<20), make([]byte, 128<<20)
	copy(dst, src)
	best := time.Duration(1 << 62)
	for range 8 {
		start := time.Now()
		copy(dst, src)
		best = min(best, time.Since(start))
	}
	return 2 * float64(len(src)) / best.Seconds()
})

// BenchmarkDecode multiplies one token by 160 MB of weights, so that they come
// from memory. of-copy is bytes of weights a second over the copy speed.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"q8_0", "q4_0", "q4_k", "q6_k"} {
		for _, tier := range Tiers()[1:] {
			b.Run(fmt.Sprintf("%s/%s", name, tier), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				const cols = 1024
				rows := 160 << 20 / (cols / FormOf(name).Block * FormOf(name).FileBytes)
				one := randomBlocks(rng, name, PanelRows, cols)
				f := FormOf(name)
				data := make([]byte, f.PackedBytes(rows, cols))
				panel := len(data) / panels(rows)
				for p := range panels(rows) {
					if p > 0 {
						copy(data[p*panel:], data[:panel])
						continue
					}
					if err := f.Pack(data[:panel], one, cols); err != nil {
						b.Fatal(err)
					}
				}
				m, err := NewMatrix(name, rows, cols, data)
				if err != nil {
					b.Fatal(err)
				}
				x := quantized(b, tier, randomFloats(rng, cols), 1, cols)
				out := Out{Dst: make([]float32, rows), Stride: rows}
				best := time.Duration(1 << 62)
				for b.Loop() {
					start := time.Now()
					if err := MatMul(tier, new(Tile), out, m, x, 0, m.Panels()); err != nil {
						b.Fatal(err)
					}
					best = min(best, time.Since(start))
				}
				speed := float64(len(data)) / best.Seconds()
				b.ReportMetric(speed/1e9, "GB/s-best")
				b.ReportMetric(speed/copySpeed(), "of-copy")
			})
		}
	}
}

// BenchmarkPrompt multiplies 512 tokens by a matrix of a 0.6B model.
func BenchmarkPrompt(b *testing.B) {
	for _, name := range Forms() {
		for _, tier := range Tiers()[1:] {
			b.Run(fmt.Sprintf("%s/%s", name, tier), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				const rows, cols, tokens = 3072, 1024, 512
				m := packed(b, name, randomBlocks(rng, name, rows, cols), rows, cols)
				x := quantized(b, tier, randomFloats(rng, tokens*cols), tokens, cols)
				out := Out{Dst: make([]float32, tokens*rows), Stride: rows}
				best := time.Duration(1 << 62)
				for b.Loop() {
					start := time.Now()
					if err := MatMul(tier, new(Tile), out, m, x, 0, m.Panels()); err != nil {
						b.Fatal(err)
					}
					best = min(best, time.Since(start))
				}
				b.ReportMetric(float64(rows*cols*tokens)/best.Seconds()/1e9, "GMAC/s-best")
			})
		}
	}
}
