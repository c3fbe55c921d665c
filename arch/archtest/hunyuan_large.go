package archtest

import (
	"fmt"
	"math"
)

// HunyuanLarge is a little model of Hunyuan-Large: every second layer reads the keys and values of the one before it
// and norms those keys with its own weight; one expert of several works, and a shared one.
func HunyuanLarge() Case {
	const vocab, dim, layers, heads, kvHeads, headDim, share = 96, 64, 4, 4, 2, 16, 2
	const experts, hidden = 4, 48
	const eps = 1e-5
	const alpha = 1000.0
	base := 10000 * math.Pow(alpha, headDim/(headDim-2.0))
	m := newMaker(389)
	m.matrix("model.embed_tokens.weight", vocab, dim)
	m.vector("model.norm.weight", 1, 0.1, dim)
	for l := range layers {
		at := fmt.Sprintf("model.layers.%d.", l)
		m.vector(at+"input_layernorm.weight", 1, 0.1, dim)
		m.vector(at+"post_attention_layernorm.weight", 1, 0.1, dim)
		m.matrix(at+"self_attn.q_proj.weight", heads*headDim, dim)
		if l%share == 0 {
			m.matrix(at+"self_attn.k_proj.weight", kvHeads*headDim, dim)
			m.matrix(at+"self_attn.v_proj.weight", kvHeads*headDim, dim)
		}
		m.matrix(at+"self_attn.o_proj.weight", dim, heads*headDim)
		m.vector(at+"self_attn.query_layernorm.weight", 1, 0.3, headDim)
		m.vector(at+"self_attn.key_layernorm.weight", 1, 0.3, headDim)
		m.matrix(at+"mlp.gate.wg.weight", experts, dim)
		for e := range experts + 1 {
			name := fmt.Sprintf("experts.%d", e)
			if e == experts {
				name = "shared_mlp"
			}
			m.matrix(at+"mlp."+name+".gate_proj.weight", hidden, dim)
			m.matrix(at+"mlp."+name+".up_proj.weight", hidden, dim)
			m.matrix(at+"mlp."+name+".down_proj.weight", dim, hidden)
		}
	}
	run := func(ids []int) [][]float32 {
		w := m.numbers
		xs := make([][]float32, len(ids))
		for p, id := range ids {
			xs[p] = w["model.embed_tokens.weight"][id*dim : (id+1)*dim]
		}
		var turned, values [][]float32 // of the last layer that has its own: turned, not normed
		for l := range layers {
			at := fmt.Sprintf("model.layers.%d.", l)
			if l%share == 0 {
				turned, values = nil, nil
				for p := range xs {
					h := rmsNorm(xs[p], w[at+"input_layernorm.weight"], eps)
					k := matVec(w[at+"self_attn.k_proj.weight"], h)
					for i := range kvHeads {
						rotateHalves(k[i*headDim:(i+1)*headDim], headDim, p, base)
					}
					turned, values = append(turned, k), append(values, matVec(w[at+"self_attn.v_proj.weight"], h))
				}
			}
			keysOf := func(kv int) (k, v [][]float32) {
				for t := range turned {
					k = append(k, rmsNorm(turned[t][kv*headDim:(kv+1)*headDim], w[at+"self_attn.key_layernorm.weight"], eps))
					v = append(v, values[t][kv*headDim:(kv+1)*headDim])
				}
				return k, v
			}
			for p := range xs {
				h := rmsNorm(xs[p], w[at+"input_layernorm.weight"], eps)
				q := matVec(w[at+"self_attn.q_proj.weight"], h)
				var joined []float32
				for i := range heads {
					head := q[i*headDim : (i+1)*headDim]
					rotateHalves(head, headDim, p, base)
					k, v := keysOf(i / (heads / kvHeads))
					joined = append(joined, attend(rmsNorm(head, w[at+"self_attn.query_layernorm.weight"], eps), k, v, p, 0)...)
				}
				x := plus(xs[p], matVec(w[at+"self_attn.o_proj.weight"], joined))
				h = rmsNorm(x, w[at+"post_attention_layernorm.weight"], eps)
				mlp := func(name string) []float32 {
					g, u := matVec(w[at+"mlp."+name+".gate_proj.weight"], h), matVec(w[at+"mlp."+name+".up_proj.weight"], h)
					for i := range g {
						g[i] = silu(g[i]) * u[i]
					}
					return matVec(w[at+"mlp."+name+".down_proj.weight"], g)
				}
				scores := matVec(w[at+"mlp.gate.wg.weight"], h)
				softMax(scores)
				best := 0
				for e := range scores {
					if scores[e] > scores[best] {
						best = e
					}
				}
				y := mlp("shared_mlp")
				for d, v := range mlp(fmt.Sprintf("experts.%d", best)) {
					y[d] += scores[best] * v
				}
				xs[p] = plus(x, y)
			}
		}
		out := make([][]float32, len(ids))
		for p, x := range xs {
			out[p] = matVec(w["model.embed_tokens.weight"], rmsNorm(x, w["model.norm.weight"], eps))
		}
		return out
	}
	return Case{
		Name: "hunyuan-large",
		Config: map[string]any{
			"architectures": []any{"HunYuanForCausalLM"}, "model_type": "hunyuan",
			"hidden_size": dim, "intermediate_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
			"num_key_value_heads": kvHeads, "attention_head_dim": headDim, "vocab_size": vocab, "rms_norm_eps": eps,
			"max_position_embeddings": 131072, "tie_word_embeddings": true, "hidden_act": "silu", "rope_theta": 10000.0,
			"rope_scaling": map[string]any{"alpha": alpha, "factor": 1.0, "type": "dynamic"},
			"use_qk_norm":  true, "use_cla": true, "cla_share_factor": share,
			"num_experts": experts, "moe_topk": 1, "num_shared_expert": 1, "use_mixed_mlp_moe": true,
		},
		Weights: m.weights, Prompt: m.prompt(15, vocab), Logits: run,
	}
}
