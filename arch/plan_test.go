package arch

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"summit/tensor"
)

var update = flag.Bool("update", false, "rewrite golden files")

// TestDraw holds the printed plan, which people and planners read.
func TestDraw(t *testing.T) {
	for name, experts := range map[string]bool{"dense": false, "experts": true} {
		p, err := NewPlan(loaded(t, little(experts)), PlanOptions{Cache: tensor.F16, Blocks: 4})
		if err != nil {
			t.Fatal(err)
		}
		got := p.Draw(tensor.Workload{Seqs: 2, Tokens: 1, Context: 20, Outputs: 2})
		file := filepath.Join("testdata", "plan_"+name+".golden")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs; go test -update rewrites it:\n%s", file, got)
		}
	}
}

// TestPlans compiles every fixture in both forms and adds up what it needs.
func TestPlans(t *testing.T) {
	for _, path := range fixtures(t) {
		m := loaded(t, readGGUF(t, path))
		p, err := NewPlan(m, PlanOptions{Cache: tensor.F32})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		bare, err := NewPlan(m, PlanOptions{Cache: tensor.F32, NoHead: true})
		if err != nil || bare.Logits >= 0 || len(bare.Steps) >= len(p.Steps) || bare.Hidden != p.Hidden {
			t.Errorf("%s without a head: %d steps, logits in register %d, %v", path, len(bare.Steps), bare.Logits, err)
		}
		file, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		mem := p.Memory()
		// All of the file's tensors are used once, and the header is small.
		if share := float64(mem.Weights) / float64(file.Size()); share < 0.9 || share > 1.01 {
			t.Errorf("%s: weights of %d bytes in a file of %d", path, mem.Weights, file.Size())
		}
		if mem.PerToken == 0 || mem.PerRow == 0 || (mem.PerSeq > 0) != (strings.Contains(path, "qwen3next") || strings.Contains(path, "qwen35")) {
			t.Errorf("%s: memory %+v", path, mem)
		}
		one, many := p.Cost(tensor.Workload{Seqs: 1, Tokens: 1, Outputs: 1}), p.Cost(tensor.Workload{Seqs: 1, Tokens: 64, Outputs: 1})
		if one.MACs <= 0 || many.MACs < 16*one.MACs || many.WeightBytes < one.WeightBytes || many.WeightBytes > 64*one.WeightBytes {
			t.Errorf("%s: costs %+v for one token, %+v for 64", path, one, many)
		}
	}
}

// TestPlanErrors: a model that lacks what its switches promise is refused by
// layer and name.
func TestPlanErrors(t *testing.T) {
	f := func(want string, experts bool, breaks func(*Model)) {
		t.Helper()
		m := loaded(t, little(experts))
		breaks(m)
		if _, err := NewPlan(m, PlanOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	f("layer 1: the key matrix is missing", false, func(m *Model) { m.Weights[1].K = Linear{} })
	f("layer 0: the output matrix is missing", false, func(m *Model) { m.Weights[0].Out = Linear{} })
	f("layer 0: reads keys and values of layer 1", false, func(m *Model) { m.Layers[0].Attn.KVLayer = 1 })
	f("layer 0: the router is missing", true, func(m *Model) { m.Weights[0].Router = Linear{} })
	f("layer 1: the experts' matrices are missing", true, func(m *Model) { m.Weights[1].DownExps = Stack{} })
	f("the head is missing", false, func(m *Model) { m.Head = nil })
	f("activation 9 is unknown", false, func(m *Model) { m.Layers[0].FFN.Activation.Kind = 9 })
	f("weights of 1 layers, want 2", false, func(m *Model) { m.Weights = m.Weights[:1] })
	f("want [", false, func(m *Model) { m.Layers[0].FFN.Hidden = 11 })
	if _, err := NewPlan(loaded(t, little(false)), PlanOptions{Blocks: -1}); err == nil {
		t.Error("negative blocks: no error")
	}
}

// TestLongRope: the long factors are taken by the window that was asked for.
func TestLongRope(t *testing.T) {
	for window, want := range map[int]float64{10: 1, 100: 0.5} {
		m := loaded(t, little(false))
		r := &m.Layers[0].Attn.Rope
		r.Freqs, r.LongFreqs, r.LongMagnitude, r.ShortTokens = []float64{1, 0.1}, []float64{0.5, 0.05}, 2, 50
		p, err := NewPlan(m, PlanOptions{WindowTokens: window})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range p.Steps {
			if rope, ok := s.(*tensor.Rope); ok {
				if rope.Freq[0] != want {
					t.Errorf("window %d: frequency %v, want %v", window, rope.Freq[0], want)
				}
				break
			}
		}
	}
}
