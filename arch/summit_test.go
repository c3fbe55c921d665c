package arch

import (
	"strings"
	"testing"

	"summit/tensor"
)

// TestGeneric says the switches of named architectures in metadata of the generic one: the same tensors must give the
// same logits.
func TestGeneric(t *testing.T) {
	fixtures(t)
	for fixture, keys := range map[string]map[string]any{
		"llama-yarn-f32":    {"rope.pairing": "neighbours"},
		"qwen3moe-f32":      {"attention.qk_norm": "head", "expert_weights_norm": true},
		"hunyuan-dense-f32": {"attention.qk_norm": "head", "attention.qk_norm_after_rope": true},
		"hunyuan-moe-f32":   {"attention.qk_norm": "head", "attention.qk_norm_after_rope": true, "expert_weights_norm": true},
		"qwen2moe-f32":      {"expert_shared_gated": true},
		"minimax-m2-f32":    {"attention.qk_norm": "full", "expert_weights_norm": true},
		"glm4moe-f32":       {"attention.qk_norm": "head", "expert_shared_feed_forward_length": uint32(96)},
		"gpt-oss-f32": {
			"attention.sinks": true, "attention.sliding_windows": []any{uint32(24), uint32(0)}, "activation": "clamped_swiglu",
			"expert_gating_func": uint32(3),
		},
		"deepseek2-mla-f32": {
			"rope.pairing": "neighbours", "mixers": "mla", "expert_choice": "groups", "expert_shared_feed_forward_length": uint32(64),
		},
	} {
		t.Run(fixture, func(t *testing.T) {
			path := "../../shared/gguf-fixtures/" + fixture + ".gguf"
			g := readGGUF(t, path)
			name := g.meta["general.architecture"].(string)
			m := memory{map[string]any{"general.architecture": "summit"}, map[string]tensor.Tensor{}}
			for k, v := range g.meta {
				if rest, ok := strings.CutPrefix(k, name+"."); ok {
					m.meta["summit."+rest] = v
				}
			}
			for k, v := range keys {
				m.meta["summit."+k] = v
			}
			for k, v := range g.tensors {
				m.tensors[strings.Replace(k, "post_attention_norm", "ffn_norm", 1)] = v
			}
			p := newPlain(t, loaded(t, m))
			c := answers(t, path)[1]
			rows := p.logits(c.IDs)
			for i, pos := range c.Positions {
				if d := apart(rows[pos:pos+1], [][]float32{c.rows[i]}); !(d <= 2e-3) {
					t.Fatalf("logits at %d are %.3g away from the reference, want at most 2e-3", pos, d)
				}
			}
		})
	}
}

// TestGenericWords refuses words that no switch has.
func TestGenericWords(t *testing.T) {
	for key, want := range map[string]string{
		"norm": "layer rms", "norm_placement": "parallel post pre sandwich", "attention.qk_norm": "full head none",
		"attention.output_gate": "element head none", "rope.pairing": "halves neighbours none", "mixers": "gqa, mla, delta or none",
		"activation": "clamped_swiglu gelu gelu_tanh limited_silu silu",
	} {
		m := little(false)
		for k, v := range m.meta {
			if rest, ok := strings.CutPrefix(k, "llama."); ok {
				m.meta["summit."+rest] = v
			}
		}
		m.meta["general.architecture"] = "summit"
		loaded(t, m)
		m.meta["summit."+key] = "odd"
		if key == "norm" {
			m.meta["summit.attention.layer_norm_epsilon"] = float32(1e-5)
		}
		if _, err := Load(m); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `"odd"`) {
			t.Errorf("summit.%s = odd: got %v, want an error that names %s", key, err, want)
		}
	}
}

// TestGenericMix loads a mix of switches that no named architecture has: every layer is of another kind.
func TestGenericMix(t *testing.T) {
	m := little(false)
	for k, v := range m.meta {
		if rest, ok := strings.CutPrefix(k, "llama."); ok {
			m.meta["summit."+rest] = v
		}
	}
	for k, v := range map[string]any{
		"general.architecture": "summit", "summit.block_count": uint32(2), "summit.norm_placement": "parallel",
		"summit.attention.output_gate": "head", "summit.attention.sliding_windows": []any{uint32(3), uint32(2)},
		"summit.attention.kv_layers": []any{uint32(0), uint32(0)}, "summit.rope.freq_base_swa": float32(500),
		"summit.activation": "gelu", "summit.attention.score_cap": float32(20), "summit.final_logit_softcapping": float32(30),
		"summit.embedding_scale": float32(2), "summit.residual_scale": float32(0.5), "summit.logit_scale": float32(0.25),
	} {
		m.meta[k] = v
	}
	delete(m.tensors, "blk.0.ffn_norm.weight") // parallel: the first layer has one norm for both halves
	delete(m.tensors, "blk.1.attn_k.weight")
	delete(m.tensors, "blk.1.attn_v.weight")
	m.tensors["blk.0.attn_gate.weight"] = f32("g", make([]float32, 32), 4, 8)
	m.tensors["blk.1.attn_gate.weight"] = f32("g", make([]float32, 32), 4, 8)
	got := loaded(t, m)
	if w := got.Weights; w[0].FFNNorm != w[0].AttnNorm || w[1].FFNNorm == w[1].AttnNorm || w[1].K.Has() || !w[0].K.Has() {
		t.Errorf("norms and keys are bound otherwise than the switches say")
	}
	if r := got.Layers[1].Attn.Rope; r.Base != 500 {
		t.Errorf("base of a sliding layer: got %v, want 500", r.Base)
	}
	rows := newPlain(t, got).logits([]int{1, 2, 3, 4, 5})
	for _, v := range rows[4] {
		if v != v || v > 30 || v < -30 {
			t.Fatalf("got the logit %v, want a number within the cap", v)
		}
	}
	m.meta["summit.attention.kv_layers"] = []any{uint32(1), uint32(1)}
	if _, err := Load(m); err == nil || !strings.Contains(err.Error(), "layer 0: layer of keys and values: got 1") {
		t.Errorf("keys from a later layer: got %v, want an error", err)
	}
}
