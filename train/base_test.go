package train

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"summit/tensor"
	"summit/weights"
)

// Gradients of LoRA's factors against differences, in the style with the most
// fusions; nothing else gets one.
func TestLoRAGradient(t *testing.T) {
	for _, style := range []string{"glm4", "spark3"} {
		r := tinyRecipe(t, style)
		d, err := newDecoder(r, tinyVocab)
		if err != nil {
			t.Fatal(err)
		}
		first := tinyModel(t, r)
		p, err := newParams(d.tensors, first.factors(3), factMap(d.facts))
		if err != nil {
			t.Fatal(err)
		}
		copy(p.values, first.values)
		m, err := bindModel(p, r.Context)
		if err != nil {
			t.Fatal(err)
		}
		m.addFactors(&LoRA{Rank: 3, Alpha: 5}, 1)
		rng := rand.New(rand.NewPCG(1, 2))
		for i := m.learn.at; i < len(m.values); i++ {
			m.values[i] += float32(0.2 * rng.NormFloat64()) // B too
		}
		b := tinyBatch()
		l := newLearner(m, r, openTrainer(t, ""), 1)
		loss := func(grad []float32) float64 {
			l.pack()
			return l.passes[0].run(b, grad).loss
		}
		grad, scratch := make([]float32, m.learn.n), make([]float32, m.learn.n)
		loss(grad)
		for _, x := range m.added {
			for range 2 {
				i := m.offsets[x.Name] + rng.IntN(x.Elements())
				old := m.values[i]
				at := func(d float32) float64 {
					m.values[i] = old + d
					defer func() { m.values[i] = old }()
					return loss(scratch)
				}
				const h = 1.0 / 256
				want, got := (8*(at(h)-at(-h))-(at(2*h)-at(-2*h)))/(12*h), float64(grad[i-m.learn.at])
				if !(math.Abs(got-want) <= 2e-3*(0.2+math.Abs(want))) {
					t.Errorf("%s: factor %s, number %d: gradient %.6f, by differences %.6f", style, x.Name, i-m.offsets[x.Name], got, want)
				}
			}
		}
	}
}

// A base learns something new by LoRA; the merged file predicts as well as
// base and factors did, what had no factors is as it was, and the run is as
// reproducible as any.
func TestLoRA(t *testing.T) {
	dir := t.TempDir()
	writeSums(t, dir)
	base := sumsRecipe(t, dir, "base", "type: Q8_0")
	trained(t, base, Options{})
	var lines bytes.Buffer
	for i := range 40 {
		fmt.Fprintf(&lines, `{"messages":[{"role":"user","content":"%d-%d=?"},{"role":"assistant","content":"%d"}]}`+"\n", i%10, i%4, 40+i%10-i%4)
	}
	if err := os.WriteFile(filepath.Join(dir, "minus.jsonl"), lines.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	recipe := func(out string) *Recipe {
		r, err := ParseRecipe([]byte(`
base: base/model.gguf
lora: {rank: 4}
context: 40
batch: 8
shards: 2
steps: 30
learning_rate: 0.02
sources: [{file: minus.jsonl}]
held_out: [{file: minus.jsonl}]
evaluate: 1
out: `+out), dir)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := recipe("lora")
	first := 0.0
	rep, err := Run(t.Context(), r, Options{Progress: func(s Status) {
		if s.Step == 1 {
			first = s.HeldOut[0].Loss
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	last := rep.HeldOut[0].Loss
	if !(last < first-0.5) {
		t.Errorf("loss: got %.3f after 30 steps, want well below the %.3f after one", last, first)
	}
	// The merged file, as the base of a run of its own: Q8_0 rounds a little.
	again := recipe("again")
	again.Base = "lora/model.gguf"
	again.LoRA = LoRA{}
	s, err := prepare(again, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.backend.Close() }()
	if loss, _, _ := s.evaluate(s.heldOut[0]); !(math.Abs(loss-last) < 0.02) {
		t.Errorf("loss of the merged file: got %.4f, want %.4f", loss, last)
	}
	if open(t, dir, "lora", "token_embd.weight") != open(t, dir, "base", "token_embd.weight") {
		t.Error("the embedding has changed")
	}
	if open(t, dir, "lora", "blk.0.attn_q.weight") == open(t, dir, "base", "blk.0.attn_q.weight") {
		t.Error("a matrix with factors has not changed")
	}
	r = recipe("cut")
	if _, err := Run(t.Context(), r, Options{StopAfter: 7, Threads: 2}); err == nil {
		t.Fatal("not stopped")
	}
	got := trained(t, r, Options{Resume: true})
	want, err := os.ReadFile(rep.Model)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("a resumed run gives another file")
	}
}

// open returns a tensor of a run's file, as text to compare.
func open(t *testing.T, dir, out, name string) string {
	t.Helper()
	f, err := weights.Open(filepath.Join(dir, out, "model.gguf"), weights.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	x, ok := f.Tensor(name)
	if !ok || x.Type != tensor.Q8_0 {
		t.Fatalf("tensor %s: got %v, %t, want Q8_0", name, x.Type, ok)
	}
	return string(x.Data)
}

func TestBaseRefused(t *testing.T) {
	f := func(want, text string) {
		t.Helper()
		if _, err := ParseRecipe([]byte("steps: 1\nsources: [{file: x}]\n"+text), "."); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	f("want none of them", "base: x.gguf\nstyle: qwen3")
	f("rank without a base", "lora: {rank: 4}\nmodel: {layers: 1, dim: 8, hidden: 8, heads: 1}")
	f("model.layers: got 0", "")
	f("field stepz not found", "stepz: 3")
	f("kv_heads", "model: {layers: 1, dim: 8, hidden: 8, heads: 4, kv_heads: 3}")
	f("vocabulary.kind", "vocabulary: {kind: words}\nmodel: {layers: 1, dim: 8, hidden: 8, heads: 1}")
	f("type", "type: Q9_9\nmodel: {layers: 1, dim: 8, hidden: 8, heads: 1}")
	f("dropout", "dropout: 1\nmodel: {layers: 1, dim: 8, hidden: 8, heads: 1}")
	f("temperature", "sampling: {temperature: -1}\nmodel: {layers: 1, dim: 8, hidden: 8, heads: 1}")
}
