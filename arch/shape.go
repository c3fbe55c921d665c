package arch

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"summit/tensor"
)

// Shape is the size of a decoder of the plain kind, as data: enough to write a model file of random weights that loads
// and runs as fast as the real one. The dimensions are those of the published config.json of the model it is named
// after.
type Shape struct {
	Name string // such as "qwen3-0.6b"
	Arch string // the architecture whose files it is written as

	Layers, Dim, Hidden, Heads, KVHeads, HeadDim, Vocab, WindowTokens int

	RopeBase, Eps float64
	Tied          bool // no own output matrix
	QKNorm        bool // q and k normed per head
	QKVBias       bool

	Experts, UsedExperts, ExpertHidden int // 0 = dense
}

var shapes = map[string]Shape{}

// registerShape adds a shape; the file of its architecture calls it from init.
func registerShape(s Shape) { shapes[s.Name] = s }

func init() {
	qwen3 := Shape{Arch: "qwen3", HeadDim: 128, KVHeads: 8, Vocab: 151936, WindowTokens: 40960, RopeBase: 1e6, Eps: 1e-6, QKNorm: true}
	qwen3.Tied, qwen3.Layers, qwen3.Heads = true, 28, 16
	for _, s := range []struct {
		name        string
		dim, hidden int
	}{{"qwen3-0.6b", 1024, 3072}, {"qwen3-1.7b", 2048, 6144}} {
		qwen3.Name, qwen3.Dim, qwen3.Hidden = s.name, s.dim, s.hidden
		registerShape(qwen3)
	}
	qwen3.Layers, qwen3.Heads = 36, 32
	qwen3.Name, qwen3.Dim, qwen3.Hidden = "qwen3-4b", 2560, 9728
	registerShape(qwen3)
	qwen3.Name, qwen3.Dim, qwen3.Hidden, qwen3.Tied = "qwen3-8b", 4096, 12288, false
	registerShape(qwen3)
	registerShape(Shape{
		Name: "qwen3-30b-a3b", Arch: "qwen3moe", Layers: 48, Dim: 2048, Hidden: 6144, Heads: 32, KVHeads: 4, HeadDim: 128,
		Vocab: 151936, WindowTokens: 40960, RopeBase: 1e6, Eps: 1e-6, QKNorm: true, Experts: 128, UsedExperts: 8, ExpertHidden: 768,
	})
	registerShape(Shape{
		Name: "qwen2.5-0.5b", Arch: "qwen2", Layers: 24, Dim: 896, Hidden: 4864, Heads: 14, KVHeads: 2, HeadDim: 64,
		Vocab: 151936, WindowTokens: 32768, RopeBase: 1e6, Eps: 1e-6, Tied: true, QKVBias: true,
	})
	registerShape(Shape{
		Name: "qwen2.5-7b", Arch: "qwen2", Layers: 28, Dim: 3584, Hidden: 18944, Heads: 28, KVHeads: 4, HeadDim: 128,
		Vocab: 152064, WindowTokens: 32768, RopeBase: 1e6, Eps: 1e-6, QKVBias: true,
	})
	registerShape(Shape{
		Name: "llama-3.2-1b", Arch: "llama", Layers: 16, Dim: 2048, Hidden: 8192, Heads: 32, KVHeads: 8, HeadDim: 64,
		Vocab: 128256, WindowTokens: 131072, RopeBase: 5e5, Eps: 1e-5, Tied: true,
	})
	registerShape(Shape{ // ours: small enough for a test
		Name: "tiny", Arch: "llama", Layers: 2, Dim: 256, Hidden: 512, Heads: 4, KVHeads: 2, HeadDim: 64,
		Vocab: 512, WindowTokens: 256, RopeBase: 1e4, Eps: 1e-5, Tied: true,
	})
}

// Shapes lists all shapes, by name.
func Shapes() []Shape {
	var out []Shape
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		out = append(out, shapes[name])
	}
	return out
}

// FindShape returns the shape of that name.
func FindShape(name string) (Shape, error) {
	s, ok := shapes[name]
	if !ok {
		return Shape{}, fmt.Errorf("arch: shape: got %q, want one of %s", name, strings.Join(slices.Sorted(maps.Keys(shapes)), " "))
	}
	return s, nil
}

// Fact is one metadata pair.
type Fact struct {
	Key   string
	Value any
}

// Facts returns the GGUF metadata of a file of that shape. It has no vocabulary.
func (s Shape) Facts() []Fact {
	u := func(n int) uint32 { return uint32(n) }
	facts := []Fact{
		{"general.architecture", s.Arch},
		{"general.name", s.Name + " with random weights"},
		{"general.quantization_version", uint32(2)},
		{"tokenizer.ggml.model", "no_vocab"},
	}
	own := []Fact{
		{"vocab_size", u(s.Vocab)}, {"context_length", u(s.WindowTokens)}, {"embedding_length", u(s.Dim)},
		{"block_count", u(s.Layers)}, {"feed_forward_length", u(s.Hidden)},
		{"attention.head_count", u(s.Heads)}, {"attention.head_count_kv", u(s.KVHeads)},
		{"attention.key_length", u(s.HeadDim)}, {"attention.value_length", u(s.HeadDim)},
		{"attention.layer_norm_rms_epsilon", float32(s.Eps)},
		{"rope.dimension_count", u(s.HeadDim)}, {"rope.freq_base", float32(s.RopeBase)},
	}
	if s.Experts > 0 {
		own = append(own, Fact{"expert_count", u(s.Experts)}, Fact{"expert_used_count", u(s.UsedExperts)}, Fact{"expert_feed_forward_length", u(s.ExpertHidden)})
	}
	for _, f := range own {
		facts = append(facts, Fact{s.Arch + "." + f.Key, f.Value})
	}
	return facts
}

// Tensors lists the tensors of a GGUF file of that shape, without data: matrices have the type of the argument, or what
// fit makes of it for a width; vectors and routers are F32. A mistake in the shape is an error.
func (s Shape) Tensors(matrix tensor.DType, fit func(t tensor.DType, cols int) tensor.DType) ([]tensor.Tensor, error) {
	for _, n := range []struct {
		what        string
		got, lo, hi int
	}{
		{"layers", s.Layers, 1, maxLayers}, {"dim", s.Dim, 1, maxDim}, {"hidden", s.Hidden, 1, maxHidden}, {"heads", s.Heads, 1, maxHeads},
		{"KV heads", s.KVHeads, 1, s.Heads}, {"head dim", s.HeadDim, 2, maxDim}, {"vocab", s.Vocab, 2, maxVocab}, {"window", s.WindowTokens, 1, 1 << 30},
		{"experts", s.Experts, 0, maxExperts}, {"used experts", s.UsedExperts, min(s.Experts, 1), s.Experts}, {"expert hidden", s.ExpertHidden, min(s.Experts, 1), maxHidden},
	} {
		if n.got < n.lo || n.got > n.hi {
			return nil, fmt.Errorf("arch: shape %q: %s: got %d, want %d to %d", s.Name, n.what, n.got, n.lo, n.hi)
		}
	}
	if s.Heads%s.KVHeads != 0 {
		return nil, fmt.Errorf("arch: shape %q: %d heads, want a multiple of the %d KV heads", s.Name, s.Heads, s.KVHeads)
	}
	var out []tensor.Tensor
	var wrong error
	add := func(t tensor.DType, name string, shape ...int) {
		if t == matrix && len(shape) > 1 {
			t = fit(t, shape[len(shape)-1])
		}
		if _, err := tensor.ByteSize(t, shape); err != nil && wrong == nil {
			wrong = fmt.Errorf("arch: shape %q: tensor %q: %w", s.Name, name, err)
		}
		out = append(out, tensor.Tensor{Name: name, Type: t, Shape: shape})
	}
	add(matrix, "token_embd.weight", s.Vocab, s.Dim)
	q, kv := s.Heads*s.HeadDim, s.KVHeads*s.HeadDim
	for i := range s.Layers {
		b := fmt.Sprintf("blk.%d.", i)
		add(tensor.F32, b+"attn_norm.weight", s.Dim)
		add(matrix, b+"attn_q.weight", q, s.Dim)
		add(matrix, b+"attn_k.weight", kv, s.Dim)
		add(matrix, b+"attn_v.weight", kv, s.Dim)
		if s.QKVBias {
			add(tensor.F32, b+"attn_q.bias", q)
			add(tensor.F32, b+"attn_k.bias", kv)
			add(tensor.F32, b+"attn_v.bias", kv)
		}
		if s.QKNorm {
			add(tensor.F32, b+"attn_q_norm.weight", s.HeadDim)
			add(tensor.F32, b+"attn_k_norm.weight", s.HeadDim)
		}
		add(matrix, b+"attn_output.weight", s.Dim, q)
		add(tensor.F32, b+"ffn_norm.weight", s.Dim)
		if s.Experts > 0 {
			add(tensor.F32, b+"ffn_gate_inp.weight", s.Experts, s.Dim)
			add(matrix, b+"ffn_gate_exps.weight", s.Experts, s.ExpertHidden, s.Dim)
			add(matrix, b+"ffn_up_exps.weight", s.Experts, s.ExpertHidden, s.Dim)
			add(matrix, b+"ffn_down_exps.weight", s.Experts, s.Dim, s.ExpertHidden)
			continue
		}
		add(matrix, b+"ffn_gate.weight", s.Hidden, s.Dim)
		add(matrix, b+"ffn_up.weight", s.Hidden, s.Dim)
		add(matrix, b+"ffn_down.weight", s.Dim, s.Hidden)
	}
	add(tensor.F32, "output_norm.weight", s.Dim)
	if !s.Tied {
		add(matrix, "output.weight", s.Vocab, s.Dim)
	}
	return out, wrong
}
