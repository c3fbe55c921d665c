package arch_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"summit/arch"
	"summit/backend/cpu"
	"summit/engine"
	"summit/tensor"
)

// mixed is a random model of the generic architecture: every switch is thrown by chance.
type mixed struct {
	rng     *rand.Rand
	meta    map[string]any
	tensors map[string]tensor.Tensor
}

func (m mixed) Value(key string) (any, bool) { v, ok := m.meta[key]; return v, ok }
func (m mixed) Tensor(name string) (tensor.Tensor, bool) {
	t, ok := m.tensors[name]
	return t, ok
}
func (m mixed) TensorNames() []string { return slices.Sorted(maps.Keys(m.tensors)) }

func (m mixed) set(key string, v any) { m.meta["summit."+key] = v }

// one gives a key one of several values, and returns which.
func (m mixed) one(key string, of ...string) string {
	s := of[m.rng.IntN(len(of))]
	m.set(key, s)
	return s
}

func (m mixed) yes(key string) bool {
	b := m.rng.IntN(2) == 0
	m.set(key, b)
	return b
}

func (m mixed) put(name string, middle, spread float64, shape ...int) {
	n := 1
	for _, d := range shape {
		n *= d
	}
	var data []byte
	for range n {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(middle+spread*m.rng.NormFloat64())))
	}
	m.tensors[name] = tensor.Tensor{Name: name, Type: tensor.F32, Shape: shape, Data: data}
}

// weight is a matrix, with a bias now and then.
func (m mixed) weight(name string, out, in int, bias bool) {
	m.put(name+".weight", 0, 1/math.Sqrt(float64(in)), out, in)
	if bias {
		m.put(name+".bias", 0, 0.2, out)
	}
}

func newMixed(seed uint64) mixed {
	m := mixed{rand.New(rand.NewPCG(seed, 99)), map[string]any{"general.architecture": "summit"}, map[string]tensor.Tensor{}}
	rng := m.rng
	const vocab, dim, layers = 64, 32, 4
	heads := 4
	kv := []int{1, 2, 4}[rng.IntN(3)]
	key := []int{8, 16}[rng.IntN(2)]
	val := key
	hidden := 48
	for k, v := range map[string]int{
		"vocab_size": vocab, "embedding_length": dim, "block_count": layers, "context_length": 128, "attention.head_count": heads,
		"attention.head_count_kv": kv, "attention.key_length": key, "attention.value_length": val,
		"feed_forward_length": hidden, "rope.dimension_count": []int{key, key / 2}[rng.IntN(2)],
	} {
		m.set(k, uint32(v))
	}
	norm := m.one("norm", "rms", "layer")
	m.set("attention.layer_norm_rms_epsilon", float32(1e-5))
	m.set("attention.layer_norm_epsilon", float32(1e-5))
	place := m.one("norm_placement", "pre", "post", "sandwich", "parallel")
	m.one("rope.pairing", "neighbours", "halves", "none")
	if rng.IntN(3) == 0 {
		m.set("rope.scaling.type", "yarn")
		m.set("rope.scaling.factor", float32(4))
		m.set("rope.scaling.original_context_length", uint32(32))
	}
	qk := m.one("attention.qk_norm", "none", "head", "full")
	m.yes("attention.qk_norm_after_rope")
	gate := m.one("attention.output_gate", "none", "element", "head")
	sinks := m.yes("attention.sinks")
	windows := make([]uint32, layers)
	for i := range windows {
		windows[i] = []uint32{0, 5, 9}[rng.IntN(3)]
	}
	m.set("attention.sliding_windows", windows)
	if rng.IntN(2) == 0 {
		m.set("rope.freq_base_swa", float32(300))
	}
	m.set("attention.score_cap", []float32{0, 15}[rng.IntN(2)])
	m.set("final_logit_softcapping", []float32{0, 20}[rng.IntN(2)])
	m.set("embedding_scale", []float32{1, 3}[rng.IntN(2)])
	m.set("residual_scale", []float32{1, 0.6}[rng.IntN(2)])
	m.set("logit_scale", []float32{1, 0.5}[rng.IntN(2)])
	m.one("activation", "silu", "gelu", "gelu_tanh", "clamped_swiglu", "limited_silu")
	m.set("activation_limit", float32(1.5))

	mixers := make([]string, layers)
	for i := range mixers {
		mixers[i] = []string{"gqa", "gqa", "gqa", "mla", "delta", "none"}[rng.IntN(6)]
	}
	m.set("mixers", mixers)
	// Keys and values of the layer before, where both have alike windows.
	of := make([]uint32, layers)
	for i := range of {
		of[i] = uint32(i)
		if i > 0 && rng.IntN(3) == 0 && mixers[i] == "gqa" && mixers[of[i-1]] == "gqa" && windows[of[i-1]] == windows[i] && mixers[i-1] == "gqa" {
			of[i] = of[i-1]
		}
	}
	m.set("attention.kv_layers", of)
	moe := make([]bool, layers)
	for i := range moe {
		moe[i] = rng.IntN(2) == 0
	}
	m.set("moe_layers", moe)
	const experts, wide = 12, 24
	m.set("expert_count", uint32(experts))
	m.set("expert_feed_forward_length", uint32(wide))
	m.set("expert_gating_func", uint32(1+rng.IntN(3)))
	m.yes("expert_weights_norm")
	m.set("expert_weights_scale", []float32{1, 1.7}[rng.IntN(2)])
	used, groups := 3, 4
	switch m.one("expert_choice", "top", "groups", "one_per_group") {
	case "groups":
		m.set("expert_group_used_count", uint32(2))
		m.set("expert_group_top", uint32(1+rng.IntN(2)))
	case "one_per_group":
		used = 4
	}
	m.set("expert_used_count", uint32(used))
	m.set("expert_group_count", uint32(groups))
	shared := []int{0, 40}[rng.IntN(2)]
	m.set("expert_shared_feed_forward_length", uint32(shared))
	sharedGated := m.yes("expert_shared_gated")
	const qRank, kvRank, nope, rope = 20, 24, 12, 8
	for k, v := range map[string]int{
		"attention.q_lora_rank": qRank, "attention.kv_lora_rank": kvRank,
		"ssm.group_count": 2, "ssm.time_step_rank": 4, "ssm.state_size": 8, "ssm.conv_kernel": 4, "ssm.inner_size": 32,
	} {
		m.set(k, uint32(v))
	}
	m.yes("ssm.tiled")
	ropeDim := int(m.meta["summit.rope.dimension_count"].(uint32))
	if m.meta["summit.rope.pairing"] == "none" {
		mixers2 := slices.Clone(mixers)
		for i := range mixers2 {
			if mixers2[i] == "mla" {
				mixers2[i] = "none"
			}
		}
		mixers = mixers2
		m.set("mixers", mixers)
	}
	m.set("attention.key_length_mla", uint32(nope+ropeDim))
	m.set("attention.value_length_mla", uint32(10))

	normed := func(name string) {
		m.put(name+".weight", 1, 0.2, dim)
		if norm == "layer" && rng.IntN(2) == 0 {
			m.put(name+".bias", 0, 0.2, dim)
		}
	}
	m.weight("token_embd", vocab, dim, false)
	if rng.IntN(2) == 0 {
		m.weight("output", vocab, dim, rng.IntN(2) == 0)
	}
	normed("output_norm")
	oneQRank := rng.IntN(2) == 0
	for l := range layers {
		at := fmt.Sprintf("blk.%d.", l)
		bias := rng.IntN(2) == 0
		if mixers[l] != "none" {
			if place != "post" {
				normed(at + "attn_norm")
			}
			if place == "post" || place == "sandwich" {
				normed(at + "post_attention_norm")
			}
		}
		if place != "post" {
			normed(at + "ffn_norm")
		}
		if place == "post" || place == "sandwich" {
			normed(at + "post_ffw_norm")
		}
		switch mixers[l] {
		case "gqa":
			m.weight(at+"attn_q", heads*key, dim, bias)
			own := int(of[l]) == l
			if own {
				m.weight(at+"attn_k", kv*key, dim, bias)
				m.weight(at+"attn_v", kv*val, dim, bias)
			}
			m.weight(at+"attn_output", dim, heads*val, bias)
			if qk != "none" {
				q, k := key, key
				if qk == "full" {
					q, k = heads*key, kv*key
				}
				m.put(at+"attn_q_norm.weight", 1, 0.2, q)
				if own {
					m.put(at+"attn_k_norm.weight", 1, 0.2, k)
				}
			}
			if gate == "element" {
				m.weight(at+"attn_gate", heads*val, dim, bias)
			}
			if gate == "head" {
				m.weight(at+"attn_gate", heads, dim, bias)
			}
			if sinks {
				m.put(at+"attn_sinks.weight", 0, 1, heads)
			}
		case "mla":
			if oneQRank {
				m.weight(at+"attn_q_a", qRank, dim, false)
				m.put(at+"attn_q_a_norm.weight", 1, 0.2, qRank)
				m.weight(at+"attn_q_b", heads*(nope+ropeDim), qRank, false)
			} else {
				m.weight(at+"attn_q", heads*(nope+ropeDim), dim, false)
			}
			m.weight(at+"attn_kv_a_mqa", kvRank+ropeDim, dim, false)
			m.put(at+"attn_kv_a_norm.weight", 1, 0.2, kvRank)
			if rng.IntN(2) == 0 {
				m.put(at+"attn_k_b.weight", 0, 0.3, heads, kvRank, nope)
				m.put(at+"attn_v_b.weight", 0, 0.3, heads, 10, kvRank)
			} else {
				m.weight(at+"attn_kv_b", heads*(nope+10), kvRank, false)
			}
			m.weight(at+"attn_output", dim, heads*10, false)
		case "delta":
			m.weight(at+"attn_qkv", 2*2*8+32, dim, false)
			m.weight(at+"attn_gate", 32, dim, false)
			m.weight(at+"ssm_beta", 4, dim, false)
			m.weight(at+"ssm_alpha", 4, dim, false)
			m.put(at+"ssm_conv1d.weight", 0, 0.5, 2*2*8+32, 4)
			m.put(at+"ssm_dt.bias", 0, 0.5, 4)
			m.put(at+"ssm_a", -0.7, 0.2, 4)
			m.put(at+"ssm_norm.weight", 1, 0.2, 8)
			m.weight(at+"ssm_out", dim, 32, false)
		}
		if !moe[l] {
			m.weight(at+"ffn_gate", hidden, dim, bias)
			m.weight(at+"ffn_up", hidden, dim, bias)
			m.weight(at+"ffn_down", dim, hidden, bias)
			continue
		}
		m.weight(at+"ffn_gate_inp", experts, dim, bias)
		if rng.IntN(2) == 0 {
			m.put(at+"exp_probs_b.bias", 0, 0.3, experts)
		}
		if rng.IntN(2) == 0 {
			m.put(at+"ffn_exp_scale.weight", 1, 0.3, experts)
		}
		stack := func(name string, out, in int) {
			m.put(at+name+".weight", 0, 1/math.Sqrt(float64(in)), experts, out, in)
			if bias {
				m.put(at+name+".bias", 0, 0.2, experts, out)
			}
		}
		if rng.IntN(3) == 0 {
			stack("ffn_gate_up_exps", 2*wide, dim)
		} else {
			stack("ffn_gate_exps", wide, dim)
			stack("ffn_up_exps", wide, dim)
		}
		stack("ffn_down_exps", dim, wide)
		if shared > 0 {
			m.weight(at+"ffn_gate_shexp", shared, dim, false)
			m.weight(at+"ffn_up_shexp", shared, dim, false)
			m.weight(at+"ffn_down_shexp", dim, shared, false)
			if sharedGated {
				m.put(at+"ffn_gate_inp_shexp.weight", 0, 0.3, dim)
			}
		}
	}
	return m
}

// TestAnyMix runs random mixes of all switches in the engine and by the letter of Config: the logits must be the same.
// No named architecture has these mixes.
func TestAnyMix(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			src := newMixed(seed)
			m, err := arch.Load(src)
			if err != nil {
				t.Fatal(err)
			}
			ids := make([]int, 23)
			for i := range ids {
				ids[i] = src.rng.IntN(m.Vocab)
			}
			want := arch.PlainLogits(t, m, ids)
			b, err := cpu.Open(tensor.Options{Exact: true, Threads: 1})
			if err != nil {
				t.Fatal(err)
			}
			e, err := engine.Open(m, b, engine.Options{CacheTokens: 64})
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			s, err := e.NewSession("")
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			got, err := s.Append(t.Context(), ids)
			if err != nil {
				t.Fatal(err)
			}
			worst, size := 0.0, 0.0
			for i := range want {
				for j := range want[i] {
					size = max(size, math.Abs(float64(want[i][j])))
					if d := math.Abs(float64(got[i][j] - want[i][j])); !(d <= worst) {
						worst = d
					}
				}
			}
			if !(worst <= 1e-3) || size < 0.1 {
				t.Errorf("logits of up to %.3g differ by %.3g, want at most 1e-3", size, worst)
			}
		})
	}
}
