package train

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"summit/tensor"
	"summit/weights"
)

// Model files with logits of another engine, where they are at hand: the
// trainer's forward pass agrees, or refuses the architecture by name.
func TestFixtures(t *testing.T) {
	paths, _ := filepath.Glob("../../shared/gguf-fixtures/*-f32.gguf")
	if len(paths) == 0 {
		t.Skip("no fixtures here")
	}
	trainer, agreed := openTrainer(t, ""), 0
	for _, path := range paths {
		name := strings.TrimSuffix(path, ".gguf")
		var facts struct {
			Vocab   int `json:"n_vocab"`
			Prompts []struct {
				IDs       []int32 `json:"ids"`
				Positions []int   `json:"positions"`
				First     int     `json:"first_row"`
			} `json:"prompts"`
		}
		b, err := os.ReadFile(name + ".json")
		if err == nil {
			err = json.Unmarshal(b, &facts)
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(name + ".f32")
		if err != nil {
			t.Fatal(err)
		}
		f, err := weights.Open(path, weights.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		meta := map[string]any{}
		for _, k := range f.Meta().Keys() {
			meta[k], _ = f.Meta().Value(k)
		}
		var list []tensor.Tensor
		for _, n := range f.TensorNames() {
			x, _ := f.Tensor(n)
			list = append(list, tensor.Tensor{Name: n, Shape: x.Shape})
		}
		m, err := fill(f, list, nil, meta, &Recipe{Context: 128})
		if err != nil {
			if !strings.Contains(err.Error(), "not trained") {
				t.Errorf("%s: %v", filepath.Base(path), err)
			}
			continue
		}
		agreed++
		p := newPass(m, trainer, 0)
		repack(m, p.lane)
		worst := 0.0
		for _, prompt := range facts.Prompts {
			if len(prompt.IDs) > 128 {
				continue
			}
			batch := &batch{}
			batch.add(append(prompt.IDs, 0), make([]bool, len(prompt.IDs)+1), 1)
			x := p.forward(batch, false)
			hidden, logits := tensor.RowsOf(make([]float32, len(x.Data)), x.Cols), tensor.RowsOf(make([]float32, x.N*facts.Vocab), facts.Vocab)
			p.lane.RMSNorm(hidden, x, 1, m.norm.of(m.values), m.config.Eps, make([]float32, x.N))
			p.lane.MatMul(logits, hidden, m.head.packed, false)
			for i, pos := range prompt.Positions {
				for j, got := range logits.Row(pos) {
					want := math.Float32frombits(binary.LittleEndian.Uint32(raw[4*((prompt.First+i)*facts.Vocab+j):]))
					worst = max(worst, math.Abs(float64(got-want)))
				}
			}
		}
		if !(worst <= 2e-3) {
			t.Errorf("%s: logits are off by %.2g, want 2e-3 at most", filepath.Base(path), worst)
		}
	}
	if agreed < 6 {
		t.Errorf("%d architectures agreed, want 6 or more", agreed)
	}
}
