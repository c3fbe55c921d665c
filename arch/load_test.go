package arch

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoadFixtures loads every file of the development set: all facts fit, every tensor has its place and shape.
func TestLoadFixtures(t *testing.T) {
	for _, path := range fixtures(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".gguf"), func(t *testing.T) {
			m := loaded(t, readGGUF(t, path))
			if m.Vocab != 320 || m.Dim%64 != 0 || len(m.Weights) != len(m.Layers) {
				t.Errorf("vocab %d, width %d, %d layers with %d weights", m.Vocab, m.Dim, len(m.Layers), len(m.Weights))
			}
		})
	}
}

func loaded(t *testing.T, src Source) *Model {
	t.Helper()
	m, err := Load(src)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFixtureLogits runs every F32 fixture (all with SUMMIT_SLOW set) by the letter of Config and compares with the
// reference engine's logits. The tolerances are those of the fixtures' README: 2e-3 for F32 files, 5e-3 for others.
func TestFixtureLogits(t *testing.T) {
	for _, path := range fixtures(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".gguf")
		if !strings.HasSuffix(name, "-f32") && os.Getenv("SUMMIT_SLOW") == "" {
			continue // another type of the same weights: the engine's tests run them all
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlain(t, loaded(t, readGGUF(t, path)))
			allowed := 5e-3
			if strings.HasSuffix(name, "-f32") {
				allowed = 2e-3
			}
			worst := 0.0
			for _, c := range answers(t, path) {
				p.k, p.v = map[int][][]float32{}, map[int][][]float32{}
				rows := p.logits(c.IDs)
				for i, pos := range c.Positions {
					for j, want := range c.rows[i] {
						worst = max(worst, math.Abs(float64(rows[pos][j]-want)))
					}
				}
			}
			if !(worst <= allowed) {
				t.Errorf("logits are up to %.3g away from the reference, want at most %g", worst, allowed)
			}
		})
	}
}

// answer is a prompt of a fixture with the reference's logits.
type answer struct {
	IDs       []int `json:"ids"`
	Positions []int `json:"positions"`
	FirstRow  int   `json:"first_row"`
	rows      [][]float32
}

func answers(t *testing.T, path string) []answer {
	t.Helper()
	base := strings.TrimSuffix(path, ".gguf")
	text, err := os.ReadFile(base + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Vocab   int      `json:"n_vocab"`
		Prompts []answer `json:"prompts"`
	}
	if err := json.Unmarshal(text, &f); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(base + ".f32")
	if err != nil {
		t.Fatal(err)
	}
	for i := range f.Prompts {
		a := &f.Prompts[i]
		for j := range a.Positions {
			row := make([]float32, f.Vocab)
			for k := range row {
				row[k] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*((a.FirstRow+j)*f.Vocab+k):]))
			}
			a.rows = append(a.rows, row)
		}
	}
	return f.Prompts
}
