package arch

import (
	"strings"
	"testing"

	"summit/tensor"
)

// A file of each shape, with one row of numbers for all, is a model that Load takes.
func TestShapesLoad(t *testing.T) {
	zeros := map[int][]byte{}
	for _, s := range Shapes() {
		if s.Dim > 2048 || s.Experts > 0 { // their data would be gigabytes
			s.Layers, s.Dim, s.Vocab, s.Hidden = 2, 256, 300, min(s.Hidden, 512)
			s.Experts, s.ExpertHidden = min(s.Experts, 16), min(s.ExpertHidden, 64)
		}
		s.Layers, s.Vocab = min(s.Layers, 2), min(s.Vocab, 1000)
		list, err := s.Tensors(tensor.Q8_0, func(t tensor.DType, _ int) tensor.DType { return t })
		if err != nil {
			t.Fatal(err)
		}
		src := memory{map[string]any{}, map[string]tensor.Tensor{}}
		for _, f := range s.Facts() {
			src.meta[f.Key] = f.Value
		}
		for _, x := range list {
			n, err := tensor.ByteSize(x.Type, x.Shape)
			if err != nil {
				t.Fatal(err)
			}
			if zeros[n] == nil {
				zeros[n] = make([]byte, n)
			}
			x.Data = zeros[n]
			src.tensors[x.Name] = x
		}
		m, err := Load(src)
		if err != nil {
			t.Errorf("%s: %v", s.Name, err)
			continue
		}
		if m.Arch != s.Arch || len(m.Layers) != s.Layers || m.TiedHead != s.Tied || (m.Layers[0].Attn.QKNorm != NoQKNorm) != s.QKNorm || (m.Weights[0].Q.Bias != nil) != s.QKVBias {
			t.Errorf("%s loads as %s with %d layers, tied %v", s.Name, m.Arch, len(m.Layers), m.TiedHead)
		}
	}
	s, err := FindShape("qwen3-0.6b")
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Tensors(tensor.Q8_0, func(t tensor.DType, _ int) tensor.DType { return t })
	total := 0
	for _, x := range list {
		n, _ := tensor.ByteSize(x.Type, x.Shape)
		total += n
	}
	if err != nil || total/1e6 != 633 {
		t.Errorf("qwen3-0.6b has %d bytes in Q8_0, %v; the real one has 633 MB", total, err)
	}
	s.KVHeads = 3
	if _, err := s.Tensors(tensor.Q8_0, nil); err == nil || !strings.Contains(err.Error(), "multiple of the 3 KV heads") {
		t.Errorf("3 KV heads: %v", err)
	}
	s.Layers = -1
	if _, err := s.Tensors(tensor.Q8_0, nil); err == nil || !strings.Contains(err.Error(), "layers: got -1") {
		t.Errorf("-1 layers: %v", err)
	}
}
