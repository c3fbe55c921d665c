package train

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	_ "summit/backend/cpu"
	"summit/tensor"
)

// benchModel has about 4 million parameters: six layers of 256, 3,000 characters.
func benchModel(b *testing.B) (*Model, tensor.Trainer, *Recipe) {
	b.Helper()
	r, err := ParseRecipe([]byte(`
model: {layers: 6, dim: 256, hidden: 640, heads: 8, kv_heads: 4, head_dim: 32}
context: 256
batch: 32
steps: 100
sources: [{file: none}]
`), "")
	if err != nil {
		b.Fatal(err)
	}
	d, err := newDecoder(r, 3000)
	if err != nil {
		b.Fatal(err)
	}
	p, err := newParams(d.tensors, nil, factMap(d.facts))
	if err != nil {
		b.Fatal(err)
	}
	p.initialise(1, r.Model.Layers)
	m, err := bindModel(p, r.Context)
	if err != nil {
		b.Fatal(err)
	}
	t, err := tensor.Open("cpu", tensor.Options{Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = t.Close() })
	return m, t.(tensor.Trainer), r
}

// BenchmarkStep is one step of 32 sequences of 256 tokens, documents of 64.
// of-gemm is its rate of multiply-adds over that of the model's own products
// alone, in the same run and on as many threads. Times are the best of the run.
func BenchmarkStep(b *testing.B) {
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			m, trainer, r := benchModel(b)
			l := newLearner(m, r, trainer, threads)
			rng := rand.New(rand.NewPCG(1, 2))
			var sequences [][]document
			for range r.Batch {
				var docs []document
				for range 4 {
					d := document{make([]int32, 65), make([]bool, 65)}
					for i := range d.ids {
						d.ids[i], d.learn[i] = int32(rng.IntN(3000)), true
					}
					docs = append(docs, d)
				}
				sequences = append(sequences, docs)
			}
			best, gemm, n := time.Duration(1<<62), 0.0, 0
			var res stepResult
			for b.Loop() {
				n++
				start := time.Now()
				res = l.step(n, sequences, 1e-3)
				best = min(best, time.Since(start))
				for range 5 {
					gemm = max(gemm, l.gemmRate())
				}
			}
			b.ReportMetric(float64(m.count())/1e6, "Mparams")
			b.ReportMetric(float64(res.tokens)/best.Seconds(), "tokens/s")
			b.ReportMetric(res.flops/best.Seconds()/1e9, "GFLOP/s")
			b.ReportMetric(gemm/1e9, "gemm-GFLOP/s")
			b.ReportMetric(res.flops/best.Seconds()/gemm, "of-gemm")
		})
	}
}

// gemmRate is the rate of the model's products alone, each of 512 tokens.
func (l *learner) gemmRate() float64 {
	const tokens = 512
	all := l.m.products()
	widest := 0
	for _, w := range all {
		widest = max(widest, w.rows, w.cols)
	}
	in, out := make([][]float32, len(l.passes)), make([][]float32, len(l.passes))
	for i := range in {
		in[i], out[i] = make([]float32, tokens*widest), make([]float32, tokens*widest)
	}
	sum := 0.0
	start := time.Now()
	for range len(l.passes) {
		for _, w := range all {
			sum += 2 * tokens * float64(w.rows*w.cols)
		}
	}
	l.each(len(l.passes), func(t, _ int) {
		for _, w := range all {
			x, y := tensor.RowsOf(in[t][:tokens*w.cols], w.cols), tensor.RowsOf(out[t][:tokens*w.rows], w.rows)
			l.passes[t].lane.MatMul(y, x, w.packed, false)
		}
	})
	return sum / time.Since(start).Seconds()
}
