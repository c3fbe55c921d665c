package arch

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"strings"
	"testing"

	"summit/tensor"
)

// asFolder writes a fixture's GGUF tensors and facts the way the hubs' folders have them, so that Load must find the
// same model in both. rename maps the GGUF name of a layer's tensor (without "blk.N." and ".weight") to the folder's.
// With unpermute the rows of q and k go back from neighbours to halves.
type folder struct {
	fixture   string
	kind      string // in "architectures"
	rename    map[string]string
	config    map[string]any
	unpermute bool
	experts   map[string]string        // patterns of single experts by "gate", "up", "down", with the expert's number
	remake    func(*testing.T, memory) // changes the GGUF's tensors first
}

var plainNames = map[string]string{
	"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
	"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
	"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
	"ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj", "ffn_gate_inp": "mlp.gate",
	"ffn_gate_shexp": "mlp.shared_experts.gate_proj", "ffn_up_shexp": "mlp.shared_experts.up_proj", "ffn_down_shexp": "mlp.shared_experts.down_proj",
}

func (f folder) source(t *testing.T) memory {
	t.Helper()
	g := readGGUF(t, "../../shared/gguf-fixtures/"+f.fixture+".gguf")
	if f.remake != nil {
		f.remake(t, g)
	}
	num := func(key string) any { v, _ := g.Value(g.meta["general.architecture"].(string) + "." + key); return v }
	out := memory{map[string]any{
		"architectures": []any{f.kind}, "vocab_size": num("vocab_size"), "hidden_size": num("embedding_length"),
		"num_hidden_layers": num("block_count"), "num_attention_heads": num("attention.head_count"),
		"num_key_value_heads": num("attention.head_count_kv"), "head_dim": num("attention.key_length"),
		"intermediate_size": num("feed_forward_length"), "rms_norm_eps": num("attention.layer_norm_rms_epsilon"),
		"max_position_embeddings": num("context_length"), "rope_theta": num("rope.freq_base"), "tie_word_embeddings": false,
	}, map[string]tensor.Tensor{}}
	if _, ok := g.tensors["output.weight"]; !ok {
		out.meta["tie_word_embeddings"] = true
	}
	maps.Copy(out.meta, f.config)
	names := maps.Clone(plainNames)
	maps.Copy(names, f.rename)
	top := map[string]string{"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}
	layer := regexp.MustCompile(`^blk\.(\d+)\.(.+)\.(weight|bias)$`)
	put := func(name string, x tensor.Tensor) { x.Name = name; out.tensors[name] = x }
	for name, x := range g.tensors {
		if to, ok := top[name]; ok {
			put(to, x)
			continue
		}
		m := layer.FindStringSubmatch(name)
		if m == nil {
			t.Fatalf("no folder name for %q", name)
		}
		at := "model.layers." + m[1] + "."
		if role, ok := strings.CutSuffix(m[2], "_exps"); ok {
			for e := range x.Shape[0] {
				one, err := x.At(e)
				if err != nil {
					t.Fatal(err)
				}
				part := strings.TrimPrefix(role, "ffn_")
				pattern, ok := f.experts[part]
				if !ok {
					pattern = "mlp.experts.%d." + part + "_proj"
				}
				put(at+fmt.Sprintf(pattern, e)+".weight", one)
			}
			continue
		}
		to, ok := names[m[2]]
		if !ok {
			t.Fatalf("no folder name for %q", name)
		}
		if f.unpermute && (m[2] == "attn_q" || m[2] == "attn_k") {
			x = halves(t, x, int(num("attention.key_length").(uint32)))
		}
		if exact, ok := strings.CutSuffix(to, "!"); ok {
			put(at+exact, x)
			continue
		}
		put(at+to+"."+m[3], x)
	}
	return out
}

// halves puts the rows of each head from neighbouring pairs into halves.
func halves(t *testing.T, x tensor.Tensor, headDim int) tensor.Tensor {
	size := len(x.Data) / x.Shape[0]
	y := x
	y.Data = make([]byte, len(x.Data))
	for r := range x.Shape[0] {
		head, i := r/headDim*headDim, r%headDim
		to := head + i/2 + i%2*headDim/2
		copy(y.Data[to*size:(to+1)*size], x.Data[r*size:(r+1)*size])
	}
	return y
}

// TestFolders loads the same random models as GGUF and as a folder of config.json and safetensors names: they must
// give the same logits, whichever way q and k are paired in the files.
func TestFolders(t *testing.T) {
	fixtures(t)
	moe := func(more map[string]any) map[string]any {
		c := map[string]any{"num_experts_per_tok": 3}
		maps.Copy(c, more)
		return c
	}
	hunyuan := map[string]string{
		"attn_q_norm": "self_attn.query_layernorm", "attn_k_norm": "self_attn.key_layernorm", "ffn_gate_inp": "mlp.gate.wg",
		"ffn_gate_shexp": "mlp.shared_mlp.gate_proj", "ffn_up_shexp": "mlp.shared_mlp.up_proj", "ffn_down_shexp": "mlp.shared_mlp.down_proj",
	}
	for _, f := range []folder{
		{fixture: "llama-yarn-f32", kind: "LlamaForCausalLM", unpermute: true, config: map[string]any{
			"rope_scaling": map[string]any{"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32.0},
		}},
		{fixture: "qwen2-f32", kind: "Qwen2ForCausalLM"},
		{fixture: "qwen2moe-f32", kind: "Qwen2MoeForCausalLM", config: moe(map[string]any{
			"num_experts": 6, "moe_intermediate_size": 96, "shared_expert_intermediate_size": 128,
		}), rename: map[string]string{
			"ffn_gate_shexp": "mlp.shared_expert.gate_proj", "ffn_up_shexp": "mlp.shared_expert.up_proj",
			"ffn_down_shexp": "mlp.shared_expert.down_proj", "ffn_gate_inp_shexp": "mlp.shared_expert_gate",
		}},
		{fixture: "qwen3-f32", kind: "Qwen3ForCausalLM"},
		{fixture: "qwen3moe-f32", kind: "Qwen3MoeForCausalLM", config: moe(map[string]any{
			"num_experts": 8, "moe_intermediate_size": 96, "norm_topk_prob": true,
		})},
		{fixture: "hunyuan-dense-f32", kind: "HunYuanDenseV1ForCausalLM", rename: hunyuan, config: map[string]any{
			"use_qk_norm": true, "rope_theta": 10000.0, "rope_scaling": map[string]any{"type": "dynamic", "alpha": 464.1588833612782, "factor": 1.0},
		}},
		{fixture: "hunyuan-moe-f32", kind: "HunYuanMoEV1ForCausalLM", rename: hunyuan, config: map[string]any{
			"use_qk_norm": true, "num_experts": 8, "moe_topk": []any{2.0, 2.0}, "moe_intermediate_size": []any{96.0, 96.0},
			"num_shared_expert": []any{1.0, 1.0}, "use_mixed_mlp_moe": true,
		}},
		{fixture: "glm4-f32", kind: "Glm4ForCausalLM", config: map[string]any{"partial_rotary_factor": 0.5}, rename: map[string]string{
			"ffn_up": "mlp.gate_up_proj", "post_attention_norm": "post_self_attn_layernorm", "post_ffw_norm": "post_mlp_layernorm",
		}},
		{fixture: "glm4moe-f32", kind: "Glm4MoeForCausalLM", config: moe(map[string]any{
			"partial_rotary_factor": 0.5, "n_routed_experts": 6, "moe_intermediate_size": 96, "n_shared_experts": 1,
			"first_k_dense_replace": 1, "routed_scaling_factor": 1.5, "norm_topk_prob": true, "use_qk_norm": true, "n_group": 1, "topk_group": 1,
		}), rename: map[string]string{
			"post_attention_norm": "post_attention_layernorm", "exp_probs_b": "mlp.gate.e_score_correction_bias!",
		}},
		{fixture: "ernie4_5-moe-f32", kind: "Ernie4_5_MoeForCausalLM", config: map[string]any{
			"moe_num_experts": 8, "moe_k": 3, "moe_intermediate_size": 96, "moe_num_shared_experts": 2, "moe_layer_start_index": 1,
		}, rename: map[string]string{"exp_probs_b": "mlp.moe_statics.e_score_correction_bias!"}},
		{fixture: "minimax-m2-f32", kind: "MiniMaxM2ForCausalLM", config: moe(map[string]any{
			"num_local_experts": 8, "rotary_dim": 16,
		}), rename: map[string]string{
			"ffn_gate_inp": "block_sparse_moe.gate", "exp_probs_b": "block_sparse_moe.e_score_correction_bias!",
		}, experts: map[string]string{
			"gate": "block_sparse_moe.experts.%d.w1", "up": "block_sparse_moe.experts.%d.w3", "down": "block_sparse_moe.experts.%d.w2",
		}},
		{fixture: "qwen3next-f32", kind: "Qwen3NextForCausalLM", remake: nextAsTrained, config: moe(map[string]any{
			"num_experts": 6, "moe_intermediate_size": 64, "shared_expert_intermediate_size": 64, "norm_topk_prob": true,
			"partial_rotary_factor": 0.5, "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 32,
			"linear_value_head_dim": 32, "linear_conv_kernel_dim": 4,
		}), rename: map[string]string{
			"post_attention_norm": "post_attention_layernorm", "ffn_gate_shexp": "mlp.shared_expert.gate_proj",
			"ffn_up_shexp": "mlp.shared_expert.up_proj", "ffn_down_shexp": "mlp.shared_expert.down_proj",
			"ffn_gate_inp_shexp": "mlp.shared_expert_gate", "qkvz": "linear_attn.in_proj_qkvz", "ssm_ba": "linear_attn.in_proj_ba",
			"ssm_conv1d": "linear_attn.conv1d", "ssm_dt": "linear_attn.dt_bias!", "A_log": "linear_attn.A_log!",
			"ssm_norm": "linear_attn.norm", "ssm_out": "linear_attn.out_proj",
		}},
		{fixture: "deepseek2-mla-f32", kind: "DeepseekV3ForCausalLM", remake: joinedKVB, config: map[string]any{
			"head_dim": 32, "q_lora_rank": 48, "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 16, "v_head_dim": 16,
			"n_routed_experts": 16, "num_experts_per_tok": 4, "moe_intermediate_size": 64, "n_shared_experts": 1,
			"first_k_dense_replace": 1, "routed_scaling_factor": 2.5, "norm_topk_prob": true, "scoring_func": "sigmoid",
			"topk_method": "noaux_tc", "n_group": 4, "topk_group": 2,
			"rope_scaling": map[string]any{
				"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32.0, "mscale": 1.0, "mscale_all_dim": 1.0,
			},
		}, rename: map[string]string{
			"attn_q_a": "self_attn.q_a_proj", "attn_q_a_norm": "self_attn.q_a_layernorm", "attn_q_b": "self_attn.q_b_proj",
			"attn_kv_a_mqa": "self_attn.kv_a_proj_with_mqa", "attn_kv_a_norm": "self_attn.kv_a_layernorm",
			"kv_b": "self_attn.kv_b_proj", "exp_probs_b": "mlp.gate.e_score_correction_bias!",
		}},
		{fixture: "pangu-embedded-f32", kind: "PanguEmbeddedForCausalLM"},
		{fixture: "seed_oss-f32", kind: "SeedOssForCausalLM", rename: map[string]string{"post_attention_norm": "post_attention_layernorm"}},
	} {
		t.Run(f.fixture, func(t *testing.T) {
			path := "../../shared/gguf-fixtures/" + f.fixture + ".gguf"
			m := loaded(t, f.source(t))
			for _, c := range answers(t, path)[:2] {
				rows := newPlain(t, m).logits(c.IDs)
				for i, pos := range c.Positions {
					if d := apart(rows[pos:pos+1], [][]float32{c.rows[i]}); !(d <= 2e-3) {
						t.Fatalf("logits at %d are %.3g away from the reference, want at most 2e-3", pos, d)
					}
				}
			}
		})
	}
}

// nextAsTrained brings a fixture's tensors into the form in which the vendor's folder has them: q, k, v and z of each
// key head together, decay as a logarithm, norms as their difference from 1.
func nextAsTrained(t *testing.T, m memory) {
	t.Helper()
	numbers := func(x tensor.Tensor) []float32 {
		f, err := x.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for name, x := range maps.Clone(m.tensors) {
		f := numbers(x)
		switch {
		case strings.HasSuffix(name, ".ssm_a"):
			for i := range f {
				f[i] = float32(math.Log(-float64(f[i])))
			}
			delete(m.tensors, name)
			name = strings.TrimSuffix(name, "ssm_a") + "A_log.weight"
		case strings.Contains(name, "norm") && !strings.Contains(name, "ssm_norm"):
			for i := range f {
				f[i]--
			}
		case strings.HasSuffix(name, ".attn_gate.weight"):
			at := strings.TrimSuffix(name, "attn_gate.weight")
			qkv, z := m.tensors[at+"attn_qkv.weight"], x
			var data []byte
			rows := func(from tensor.Tensor, lo, n int) {
				for i := range n {
					data = append(data, from.Row(lo+i)...)
				}
			}
			const head = 32 // of keys and values; 2 key heads with 2 value heads each
			for g := range 2 {
				rows(qkv, g*head, head)
				rows(qkv, 2*head+g*head, head)
				rows(qkv, 4*head+2*g*head, 2*head)
				rows(z, 2*g*head, 2*head)
			}
			delete(m.tensors, name)
			delete(m.tensors, at+"attn_qkv.weight")
			m.tensors[at+"qkvz.weight"] = tensor.Tensor{Name: "qkvz", Type: tensor.F32, Shape: []int{12 * head, x.Shape[1]}, Data: data}
			continue
		default:
			continue
		}
		m.tensors[name] = f32(name, f, x.Shape...)
	}
}

// joinedKVB puts the two halves of a latent key and value matrix together again, as they were trained.
func joinedKVB(t *testing.T, m memory) {
	t.Helper()
	const heads, rank, nope, value = 4, 32, 16, 16
	for name, x := range maps.Clone(m.tensors) {
		at, ok := strings.CutSuffix(name, "attn_k_b.weight")
		if !ok {
			continue
		}
		k, err := x.Float32s()
		if err != nil {
			t.Fatal(err)
		}
		v, err := m.tensors[at+"attn_v_b.weight"].Float32s()
		if err != nil {
			t.Fatal(err)
		}
		var all []float32
		for h := range heads {
			for n := range nope {
				for c := range rank {
					all = append(all, k[(h*rank+c)*nope+n])
				}
			}
			all = append(all, v[h*value*rank:(h+1)*value*rank]...)
		}
		delete(m.tensors, name)
		delete(m.tensors, at+"attn_v_b.weight")
		m.tensors[at+"kv_b.weight"] = f32("kv_b", all, heads*(nope+value), rank)
	}
}
