package cpu

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"summit/tensor"
)

// shape is that of a dense decoder; qwen06 is Qwen3-0.6B's.
type shape struct{ dim, layers, heads, kv, headDim, ffn, vocab int }

var qwen06 = shape{1024, 28, 16, 8, 128, 3072, 151936}

// decoder is the program of a decoder with random weights: what a model of its
// shape costs, without an engine.
type decoder struct {
	shape
	prog    tensor.Program
	weights []tensor.Weight
	buffers []tensor.Buffer
	backend *CPU
	exe     tensor.Executable
}

const cacheBlock = 32

func (d *decoder) reg(name string, cols int, output bool) tensor.Ref {
	d.prog.Regs = append(d.prog.Regs, tensor.Reg{Name: name, Cols: cols, Output: output})
	return tensor.Ref{Reg: len(d.prog.Regs) - 1, Cols: cols}
}

func (d *decoder) step(s tensor.Instr) { d.prog.Steps = append(d.prog.Steps, s) }

// weight adds a weight of random bytes with a plausible scale. Its bytes are
// shared by all of its type and size: loading packs copies.
func (d *decoder) weight(t tensor.DType, use tensor.Use, rows, cols int, bytes map[string][]byte) int {
	key := fmt.Sprint(t, rows, cols)
	shape := []int{rows, cols}
	if use == tensor.Vector {
		shape = []int{cols}
	}
	if bytes[key] == nil {
		rng := rand.New(rand.NewPCG(1, uint64(len(key))))
		row := make([]float32, 16*cols)
		for i := range row {
			row[i] = float32(rng.NormFloat64() * 0.02)
			if use == tensor.Vector {
				row[i] += 1
			}
		}
		n, err := t.RowBytes(cols)
		if err != nil {
			panic(err)
		}
		sixteen := make([]byte, 16*n)
		if err := tensor.Quantize(sixteen, t, row); err != nil {
			panic(err)
		}
		data := make([]byte, rows*n)
		for at := 0; at < len(data); at += len(sixteen) {
			copy(data[at:], sixteen)
		}
		bytes[key] = data
	}
	spec := tensor.WeightSpec{Name: fmt.Sprintf("w%d", len(d.prog.Weights)), Use: use,
		Parts: []tensor.Tensor{{Name: key, Type: t, Shape: shape, Data: bytes[key]}}}
	d.prog.Weights = append(d.prog.Weights, spec)
	w, err := d.backend.Load(spec)
	if err != nil {
		panic(err)
	}
	d.weights = append(d.weights, w)
	return len(d.weights) - 1
}

func newDecoder(tb testing.TB, s shape, t tensor.DType, o tensor.Options, window int, lim tensor.Limits) *decoder {
	tb.Helper()
	b, err := Open(o)
	if err != nil {
		tb.Fatal(err)
	}
	d := &decoder{shape: s, backend: b}
	bytes := map[string][]byte{}
	freq := make([]float64, s.headDim/2)
	for i := range freq {
		freq[i] = 1 / float64(1+i*i)
	}
	x, y := d.reg("x", s.dim, false), d.reg("y", s.dim, false)
	q, k, v := d.reg("q", s.heads*s.headDim, false), d.reg("k", s.kv*s.headDim, false), d.reg("v", s.kv*s.headDim, false)
	a := d.reg("a", s.heads*s.headDim, false)
	gate, up := d.reg("gate", s.ffn, false), d.reg("up", s.ffn, false)
	last, logits := d.reg("last", s.dim, true), d.reg("logits", s.vocab, true)
	vec := func(n int) int { return d.weight(tensor.F32, tensor.Vector, 1, n, bytes) }
	mat := func(rows, cols int) int { return d.weight(t, tensor.Matrix, rows, cols, bytes) }
	d.step(&tensor.Embed{Out: x, W: d.weight(t, tensor.Table, s.vocab, s.dim, bytes), Scale: 1})
	add := tensor.None
	for range s.layers {
		d.step(&tensor.Norm{Kind: tensor.RMS, X: x, Add: add, AddScale: 1, Out: y, Groups: 1, W: vec(s.dim), B: -1, Eps: 1e-6})
		d.step(&tensor.MatMul{X: y, Out: []tensor.Ref{q, k, v}, W: []int{mat(q.Cols, s.dim), mat(k.Cols, s.dim), mat(v.Cols, s.dim)}})
		d.step(&tensor.Norm{Kind: tensor.RMS, X: q, Add: tensor.None, Out: q, Groups: s.heads, W: vec(s.headDim), B: -1, Eps: 1e-6})
		d.step(&tensor.Norm{Kind: tensor.RMS, X: k, Add: tensor.None, Out: k, Groups: s.kv, W: vec(s.headDim), B: -1, Eps: 1e-6})
		d.step(&tensor.Rope{X: []tensor.RopeView{{Ref: q, HeadDim: s.headDim}, {Ref: k, HeadDim: s.headDim}}, Kind: tensor.RopeNeoX, Freq: freq, Scale: 1})
		spec := tensor.BufferSpec{Name: "kv", Type: tensor.F16, Items: (window + cacheBlock - 1) / cacheBlock * lim.Seqs, BlockTokens: cacheBlock, Heads: s.kv, KDim: s.headDim, VDim: s.headDim}
		d.prog.Buffers = append(d.prog.Buffers, spec)
		buf, err := b.Alloc(spec)
		if err != nil {
			tb.Fatal(err)
		}
		d.buffers = append(d.buffers, buf)
		c := len(d.buffers) - 1
		d.step(&tensor.KVWrite{K: k, V: v, Cache: c})
		d.step(&tensor.Attention{Q: q, Out: a, Cache: c, Heads: s.heads, Scale: 0.088, Sinks: -1})
		d.step(&tensor.MatMul{X: a, Out: []tensor.Ref{y}, W: []int{mat(s.dim, a.Cols)}})
		d.step(&tensor.Norm{Kind: tensor.RMS, X: x, Add: y, AddScale: 1, Out: y, Groups: 1, W: vec(s.dim), B: -1, Eps: 1e-6})
		d.step(&tensor.MatMul{X: y, Out: []tensor.Ref{gate, up}, W: []int{mat(s.ffn, s.dim), mat(s.ffn, s.dim)}})
		d.step(&tensor.Activate{Kind: tensor.SiLU, Gate: gate, Up: up, Out: gate})
		d.step(&tensor.MatMul{X: gate, Out: []tensor.Ref{y}, W: []int{mat(s.dim, s.ffn)}})
		add = y
	}
	d.step(&tensor.Norm{Kind: tensor.RMS, X: x, Add: add, AddScale: 1, Out: x, Groups: 1, W: vec(s.dim), B: -1, Eps: 1e-6})
	d.step(&tensor.Gather{X: x, Out: last})
	d.step(&tensor.MatMul{X: last, Out: []tensor.Ref{logits}, W: []int{mat(s.vocab, s.dim)}})
	exe, err := b.Compile(&d.prog, d.weights, d.buffers, lim)
	if err != nil {
		tb.Fatal(err)
	}
	d.exe = exe
	tb.Cleanup(func() {
		exe.Close()
		for _, w := range d.weights {
			b.Free(w)
		}
		b.Close()
	})
	return d
}

// batch makes n tokens of each of seqs sequences at a position; the last of
// each is an output.
func (d *decoder) batch(seqs, n, pos, window int) *tensor.Batch {
	b := &tensor.Batch{}
	per := (window + cacheBlock - 1) / cacheBlock
	for s := range seqs {
		seq := tensor.Seq{Row: s * n, N: n, Pos: pos}
		for i := range per {
			seq.Blocks = append(seq.Blocks, int32(s*per+i))
		}
		for i := range n {
			b.IDs = append(b.IDs, int32((s*31+i*7)%d.vocab))
		}
		b.Outputs = append(b.Outputs, int32(s*n+n-1))
		b.Seqs = append(b.Seqs, seq)
	}
	return b
}

// bestOf runs a batch many times and returns the shortest time.
func (d *decoder) bestOf(tb testing.TB, b *tensor.Batch, runs int) time.Duration {
	tb.Helper()
	best := time.Duration(1 << 62)
	for range runs {
		start := time.Now()
		if err := d.exe.Run(b); err != nil {
			tb.Fatal(err)
		}
		best = min(best, time.Since(start))
	}
	return best
}

// BenchmarkDecoder is a 0.6B model's prompt of 512 tokens, decode at position
// 64 for one and for eight sequences, and what the operations take.
func BenchmarkDecoder(b *testing.B) {
	for _, t := range []tensor.DType{tensor.Q8_0, tensor.Q4_0, tensor.Q4_K} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/threads=%d", t, threads), func(b *testing.B) {
				const window = 512
				d := newDecoder(b, qwen06, t, tensor.Options{Threads: threads}, window, tensor.Limits{Tokens: window, Outputs: 8, Seqs: 8})
				for b.Loop() {
				}
				prompt := d.bestOf(b, d.batch(1, 512, 0, window), 3)
				b.ReportMetric(512/prompt.Seconds(), "prompt-tok/s")
				report(b, d.backend, "prompt", 3)
				b.ReportMetric(1/d.bestOf(b, d.batch(1, 1, 64, window), 24).Seconds(), "decode-tok/s")
				report(b, d.backend, "decode", 24)
				b.ReportMetric(8/d.bestOf(b, d.batch(8, 1, 64, window), 8).Seconds(), "batch8-tok/s")
				report(b, d.backend, "batch8", 8)
			})
		}
	}
}

// report logs the milliseconds that each operation took in one run, on
// average, since the last report.
func report(b *testing.B, c *CPU, what string, runs int) {
	line := what
	for _, n := range c.Counters() {
		line += fmt.Sprintf(" %s %.2f", n.Op, n.Time.Seconds()*1000/float64(runs))
	}
	b.Log(line)
	c.counts = [tensor.Ops]tensor.Counter{}
}

// newTinyDecoder is a decoder of a few hundred kilobytes.
func newTinyDecoder(tb testing.TB, threads int) *decoder {
	return newDecoder(tb, shape{dim: 128, layers: 2, heads: 4, kv: 2, headDim: 32, ffn: 256, vocab: 320}, tensor.Q8_0,
		tensor.Options{Threads: threads}, 64, tensor.Limits{Tokens: 64, Outputs: 8, Seqs: 8})
}
