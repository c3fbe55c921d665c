package arch

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"summit/arch/archtest"
	"summit/tensor"
)

// little is a tiny GGUF model in memory: a llama, or with experts a qwen3moe with two layers.
func little(experts bool) memory {
	name := "llama"
	if experts {
		name = "qwen3moe"
	}
	m := memory{map[string]any{"general.architecture": name}, map[string]tensor.Tensor{}}
	for k, v := range map[string]any{
		"context_length": uint32(64), "embedding_length": uint32(8), "block_count": uint32(2), "feed_forward_length": uint32(12),
		"attention.head_count": uint32(4), "attention.head_count_kv": uint32(2), "attention.key_length": uint32(4),
		"attention.value_length": uint32(4), "attention.layer_norm_rms_epsilon": float32(1e-6), "rope.dimension_count": uint32(4),
		"vocab_size": uint32(10),
	} {
		m.meta[name+"."+k] = v
	}
	put := func(name string, shape ...int) {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(i%7)/8 - 0.3
		}
		m.tensors[name] = f32(name, x, shape...)
	}
	put("token_embd.weight", 10, 8)
	put("output_norm.weight", 8)
	put("output.weight", 10, 8)
	if experts {
		m.meta[name+".expert_count"], m.meta[name+".expert_used_count"], m.meta[name+".expert_feed_forward_length"] = uint32(6), uint32(2), uint32(5)
	}
	for l := range 2 {
		at := fmt.Sprintf("blk.%d.", l)
		put(at+"attn_norm.weight", 8)
		put(at+"ffn_norm.weight", 8)
		put(at+"attn_q.weight", 16, 8)
		put(at+"attn_k.weight", 8, 8)
		put(at+"attn_v.weight", 8, 8)
		put(at+"attn_output.weight", 8, 16)
		if experts {
			put(at+"attn_q_norm.weight", 4)
			put(at+"attn_k_norm.weight", 4)
			put(at+"ffn_gate_inp.weight", 6, 8)
			put(at+"ffn_gate_exps.weight", 6, 5, 8)
			put(at+"ffn_up_exps.weight", 6, 5, 8)
			put(at+"ffn_down_exps.weight", 6, 8, 5)
			continue
		}
		put(at+"ffn_gate.weight", 12, 8)
		put(at+"ffn_up.weight", 12, 8)
		put(at+"ffn_down.weight", 8, 12)
	}
	return m
}

// TestLyingFacts refuses what does not fit, by name, before anything is built.
func TestLyingFacts(t *testing.T) {
	f := func(experts bool, key string, value any, want string) {
		t.Helper()
		m := little(experts)
		loaded(t, m)
		full := m.meta["general.architecture"].(string) + "." + key
		if strings.HasPrefix(key, "general.") {
			full = key
		}
		if value == nil {
			delete(m.meta, full)
		} else {
			m.meta[full] = value
		}
		if _, err := Load(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s = %v: got %v, want an error with %q", key, value, err, want)
		}
	}
	f(false, "attention.head_count", uint32(0), "head_count: got 0")
	f(false, "attention.head_count", uint32(1<<31), "head_count: got 2147483648")
	f(false, "attention.head_count", []any{uint32(4)}, "want a whole number or a list of 2")
	f(false, "attention.head_count", "four", `got "four", want a whole number`)
	f(false, "attention.head_count_kv", uint32(3), "KV heads: got 3 for 4 heads")
	f(false, "attention.head_count_kv", uint32(0), "KV heads: got 0")
	f(false, "attention.head_count_kv", int32(-2), "KV heads: got -2")
	f(false, "attention.key_length", uint32(0), "head width: got 0")
	f(false, "attention.value_length", uint32(1<<30), "head widths")
	f(false, "rope.dimension_count", uint32(6), "rope dimensions: got 6")
	f(false, "rope.dimension_count", uint32(3), "rope dimensions: got 3")
	f(false, "rope.dimension_count", uint32(1<<30), "rope dimensions: got 1073741824")
	f(false, "rope.freq_base", float32(0), "rope base: got 0")
	f(false, "rope.scaling.type", "magic", `rope.scaling.type: got "magic"`)
	f(false, "rope.scaling.factor", float32(-2), "rope scaling factor: got -2")
	f(false, "block_count", uint32(0), "block_count: got 0")
	f(false, "block_count", uint32(1<<31), "block_count: got 2147483648")
	f(false, "block_count", uint32(3), `tensor "blk.2.attn_norm.weight" is missing`)
	f(false, "nextn_predict_layers", uint32(2), "nextn_predict_layers: got 2 of 2")
	f(false, "block_count", nil, "block_count: the key is missing")
	f(false, "embedding_length", uint32(0), "embedding_length: got 0")
	f(false, "embedding_length", uint32(16), `tensor "token_embd.weight": shape [10 8], want [10 16]`)
	f(false, "embedding_length", uint64(1<<63), "embedding_length: got 9223372036854775808")
	f(false, "context_length", uint32(0), "context_length: got 0")
	f(false, "vocab_size", uint32(11), `tensor "token_embd.weight": shape [10 8], want [11 8]`)
	f(false, "vocab_size", nil, "vocab_size: the key is missing")
	f(false, "feed_forward_length", uint32(0), "feed_forward_length: got 0")
	f(false, "feed_forward_length", uint32(13), `tensor "blk.0.ffn_gate.weight": shape [12 8], want [13 8]`)
	f(false, "attention.layer_norm_rms_epsilon", float32(0), "norm epsilon: got 0")
	f(false, "attention.layer_norm_rms_epsilon", nil, "attention.layer_norm_rms_epsilon: the key is missing")
	f(false, "general.architecture", "gpt9", `got "gpt9", want one of chatglm`)
	f(false, "general.architecture", nil, "neither general.architecture nor")
	f(false, "general.architecture", true, "got true, want one of")
	f(true, "expert_used_count", uint32(7), "experts used: got 7 of 6")
	f(true, "expert_used_count", uint32(0), "experts used: got 0 of 6")
	f(true, "expert_count", uint32(0), "feed_forward_length: got 0 in a layer without experts")
	f(true, "expert_count", uint32(1<<20), "experts: got 1048576")
	f(true, "expert_count", uint32(5), `"blk.0.ffn_gate_inp.weight": shape [6 8], want [5 8]`)
	f(true, "expert_group_count", uint32(4), "expert_group_used_count: the key is missing")
	f(true, "expert_weights_scale", "x", "expert_weights_scale")
}

// TestRunsOfNothing makes no list of rows whose number is only said by the file: their tensor did not fit.
func TestRunsOfNothing(t *testing.T) {
	b := &binder{reader: &reader{}}
	if n := testing.AllocsPerRun(1, func() {
		if w := b.deal(nil, 1<<12, []int{1 << 10, 1 << 10}); len(w) != 2 || w[0] != nil || w[1] != nil {
			t.Errorf("got %v, want two of nothing", w)
		}
	}); n > 1 {
		t.Errorf("%v allocations, want 1", n)
	}
}

// TestLyingFolders refuses a config.json that does not fit, by name.
func TestLyingFolders(t *testing.T) {
	f := func(c archtest.Case, key string, value any, want string) {
		t.Helper()
		c.Config = maps.Clone(c.Config)
		c.Config[key] = value
		if _, err := Load(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s = %v: got %v, want an error with %q", c.Name, key, value, err, want)
		}
	}
	spark, pangu, large, zhinao := archtest.Spark3(), archtest.PanguProMoE(), archtest.HunyuanLarge(), archtest.Zhinao()
	f(zhinao, "num_attention_heads", 0.0, "num_attention_heads: got 0")
	f(zhinao, "num_key_value_heads", 4.0, "KV heads: got 4 for 6 heads")
	f(zhinao, "num_hidden_layers", 1e9, "num_hidden_layers: got 1000000000")
	f(zhinao, "num_hidden_layers", 3.0, "is missing")
	f(zhinao, "num_hidden_layers", 2.5, "got 2.5, want a whole number")
	f(zhinao, "vocab_size", 97.0, "shape [96 48], want [97 48]")
	f(zhinao, "hidden_act", "relu", `hidden_act: got "relu"`)
	f(zhinao, "rope_theta", 0.0, "rope base: got 0")
	f(zhinao, "rope_scaling", "yes", "rope_scaling: got \"yes\", want an object")
	f(zhinao, "rope_scaling", map[string]any{"type": "warp"}, `the type "warp"`)
	f(zhinao, "rope_scaling", map[string]any{"type": "yarn", "factor": "x"}, "rope factor")
	f(zhinao, "rope_scaling", map[string]any{"rope_type": "llama3", "factor": -1.0}, "rope_scaling")
	f(zhinao, "quantization_config", map[string]any{"quant_method": "fp8"}, `the method "fp8"`)
	unknown := zhinao
	unknown.Config = maps.Clone(zhinao.Config)
	delete(unknown.Config, "architectures")
	f(unknown, "model_type", "nosuch", `got ["nosuch"], want one of`)
	f(zhinao, "partial_rotary_factor", 2.0, "partial_rotary_factor: got 2")
	f(spark, "layer_types", []any{"full_attention"}, "want a list of 8")
	f(spark, "layer_types", []any{"a", "b", "c", "d", "e", "f", "g", "h"}, `got "a" for layer 0`)
	f(spark, "tie_word_embeddings", false, `"lm_head.weight" is missing`)
	f(pangu, "num_experts", 15.0, "expert groups: got 4 for 15 experts")
	f(pangu, "num_experts_per_tok", 0.0, "experts used: got 0")
	f(pangu, "decoder_sparse_step", 0.0, "decoder_sparse_step: got 0")
	f(large, "cla_share_factor", 0.0, "cla_share_factor: got 0")
	f(large, "moe_topk", []any{1.0}, "want a whole number or a list of 4")
	f(large, "cla_share_factor", 4.0, "no place for it is known")
}

// TestLyingTensors refuses missing, unknown and misshapen tensors, by name.
func TestLyingTensors(t *testing.T) {
	f := func(change func(memory), want string) {
		t.Helper()
		m := little(false)
		change(m)
		if _, err := Load(m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	f(func(m memory) { delete(m.tensors, "output_norm.weight") }, `"output_norm.weight" is missing`)
	f(func(m memory) { m.tensors["blk.1.attn_q_norm.weight"] = f32("x", []float32{1}, 1) }, `"blk.1.attn_q_norm.weight": no place`)
	f(func(m memory) { m.tensors["mystery"] = f32("x", []float32{1}, 1) }, `"mystery": no place`)
	f(func(m memory) {
		x := m.tensors["blk.0.attn_v.weight"]
		x.Data = x.Data[:8]
		m.tensors["blk.0.attn_v.weight"] = x
	}, "has 8 bytes")
	f(func(m memory) { m.tensors["rope_freqs.weight"] = f32("x", []float32{1, 0}, 2) }, "divisor of 0")
	f(func(m memory) { m.tensors["rope_freqs.weight"] = f32("x", []float32{1, 1, 1}, 3) }, `"rope_freqs.weight": shape [3], want [2]`)

	m := little(false)
	delete(m.tensors, "output.weight")
	if c := loaded(t, m); !c.TiedHead || c.Head != c.Embed {
		t.Error("a file without a head is not tied")
	}
	m.tensors["blk.2.nextn.eh_proj.weight"] = f32("x", []float32{1}, 1)
	loaded(t, m) // a layer after the last: next-token prediction
}
