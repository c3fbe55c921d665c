package train

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"summit/arch"
	"summit/engine"
	"summit/tensor"
	"summit/weights"
)

// tinyRecipe is the smallest model of a style in which every part is used.
func tinyRecipe(t testing.TB, style string) *Recipe {
	t.Helper()
	r, err := ParseRecipe(fmt.Appendf(nil, `
style: %s
model: {layers: 4, dim: 24, hidden: 20, heads: 4, kv_heads: 2, head_dim: 8, window: 3}
context: 16
batch: 2
steps: 4
sources: [{file: none}]
`, style), "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const tinyVocab = 37

func tinyModel(t testing.TB, r *Recipe) *Model {
	t.Helper()
	d, err := newDecoder(r, tinyVocab)
	if err != nil {
		t.Fatal(err)
	}
	p, err := newParams(d.tensors, nil, factMap(d.facts))
	if err != nil {
		t.Fatal(err)
	}
	p.initialise(3, r.Model.Layers)
	rng := rand.New(rand.NewPCG(4, 5)) // norms and biases too, so that none is a neutral element
	for _, x := range p.tensors {
		if len(x.Shape) == 1 {
			v := vec{p.offsets[x.Name], x.Elements()}.of(p.values)
			for i := range v {
				v[i] += float32(0.3 * rng.NormFloat64())
			}
		}
	}
	m, err := bindModel(p, r.Context)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func openTrainer(t testing.TB, kernels string) tensor.Trainer {
	t.Helper()
	b, err := tensor.Open("cpu", tensor.Options{Threads: 1, Kernels: kernels})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b.(tensor.Trainer)
}

func repack(m *Model, lane tensor.Lane) {
	for _, w := range m.products() {
		w.packed = lane.Pack(w.packed, w.w.of(m.values), w.rows, w.cols)
	}
}

// tinyBatch is two documents, of which some targets do not count.
func tinyBatch() *batch {
	rng := rand.New(rand.NewPCG(6, 7))
	b := &batch{key: 99}
	for _, n := range []int{8, 5} {
		ids, learn := make([]int32, n), make([]bool, n)
		for i := range ids {
			ids[i], learn[i] = int32(rng.IntN(tinyVocab)), i%3 != 1
		}
		b.add(ids, learn, 0.25)
	}
	return b
}

// The gradient of the whole model, of some numbers of every tensor, against
// differences; with dropout too, whose choice follows from the batch alone.
func TestModelGradient(t *testing.T) {
	for _, style := range Styles() {
		for _, drop := range []float64{0, 0.3} {
			t.Run(fmt.Sprintf("%s/dropout=%v", style, drop), func(t *testing.T) {
				m, trainer, b := tinyModel(t, tinyRecipe(t, style)), openTrainer(t, ""), tinyBatch()
				p := newPass(m, trainer, drop)
				loss := func(grad []float32) float64 {
					repack(m, p.lane)
					return p.run(b, grad).loss
				}
				grad, scratch := make([]float32, len(m.values)), make([]float32, len(m.values))
				loss(grad)
				rng := rand.New(rand.NewPCG(8, 9))
				for _, x := range m.tensors {
					for range 3 {
						i := m.offsets[x.Name] + rng.IntN(x.Elements())
						if x.Name == "token_embd.weight" {
							i = m.offsets[x.Name] + int(b.ids[0])*m.config.Dim + rng.IntN(m.config.Dim)
						}
						old := m.values[i]
						h := float32(1.0 / 256)
						if x.Name == "token_embd.weight" {
							h /= 4 // small numbers under a norm: the loss is curved
						}
						at := func(d float32) float64 {
							m.values[i] = old + d
							defer func() { m.values[i] = old }()
							return loss(scratch)
						}
						// The difference of fourth order.
						want, got := (8*(at(h)-at(-h))-(at(2*h)-at(-2*h)))/(12*float64(h)), float64(grad[i])
						if !(math.Abs(got-want) <= 2e-3*(0.2+math.Abs(want))) {
							t.Errorf("%s, number %d: gradient %.6f, by differences %.6f", x.Name, i-m.offsets[x.Name], got, want)
						}
					}
				}
			})
		}
	}
}

// What is trained is what the engine runs: the same logits from the file.
func TestStyleRunsInEngine(t *testing.T) {
	for _, style := range Styles() {
		for _, untied := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/untied=%t", style, untied), func(t *testing.T) {
				r := tinyRecipe(t, style)
				r.Model.Untied = untied
				m, lane := tinyModel(t, r), openTrainer(t, "")
				p := newPass(m, lane, 0)
				repack(m, p.lane)
				b := &batch{}
				ids := []int32{3, 1, 4, 1, 5, 9, 2, 6, 5, 35, 8, 9, 7}
				b.add(append(ids, 0), make([]bool, len(ids)+1), 1)
				x := p.forward(b, false)
				hidden, logits := tensor.RowsOf(make([]float32, len(x.Data)), x.Cols), tensor.RowsOf(make([]float32, x.N*tinyVocab), tinyVocab)
				p.lane.RMSNorm(hidden, x, 1, m.norm.of(m.values), m.config.Eps, make([]float32, x.N))
				p.lane.MatMul(logits, hidden, m.head.packed, false)

				path := filepath.Join(t.TempDir(), "model.gguf")
				d, err := newDecoder(r, tinyVocab)
				if err != nil {
					t.Fatal(err)
				}
				meta := &weights.Metadata{}
				for _, f := range d.facts {
					meta.Set(f.key, f.value)
				}
				if err := writeModel(path, meta, m.tensors, make([]tensor.DType, len(m.tensors))); err != nil {
					t.Fatal(err)
				}
				for i, row := range engineLogits(t, path, ids) {
					for j, got := range row {
						if want := logits.Row(i)[j]; !(math.Abs(float64(got-want)) <= 2e-4) {
							t.Fatalf("position %d, token %d: the engine's logit is %v, the trainer's %v", i, j, got, want)
						}
					}
				}
			})
		}
	}
}

func engineLogits(t *testing.T, path string, ids []int32) [][]float32 {
	t.Helper()
	f, err := weights.Open(path, weights.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	model, err := arch.Load(f)
	if err != nil {
		t.Fatal(err)
	}
	backend, err := tensor.Open("cpu", tensor.Options{Threads: 1, Exact: true})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(model, backend, engine.Options{Cache: "F32", CacheTokens: 64, Batch: 1, Snapshots: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := e.NewSession("")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tokens := make([]int, len(ids))
	for i, id := range ids {
		tokens[i] = int(id)
	}
	rows, err := s.Append(t.Context(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
