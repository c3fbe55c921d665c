package archtest

import "fmt"

// Spark3 is a little model of iFlytek's Spark3: three sliding layers, one full, a gate on every head.
func Spark3() Case {
	const vocab, dim, layers, heads, kvHeads, headDim, hidden, window = 96, 48, 8, 4, 2, 16, 80, 5
	m := newMaker(31)
	m.matrix("model.embedding.weight", vocab, dim)
	m.vector("model.norm.weight", 1, 0.1, dim)
	for l := range layers {
		at := fmt.Sprintf("model.layers.%d.", l)
		m.vector(at+"input_layernorm.weight", 1, 0.1, dim)
		m.vector(at+"post_attention_layernorm.weight", 1, 0.1, dim)
		m.matrix(at+"self_attn.q_k_v_proj.weight", (heads+2*kvHeads)*headDim, dim)
		m.matrix(at+"self_attn.g_proj.weight", heads, dim)
		m.matrix(at+"self_attn.out_proj.weight", dim, heads*headDim)
		m.matrix(at+"mlp.gate_proj.weight", hidden, dim)
		m.matrix(at+"mlp.up_proj.weight", hidden, dim)
		m.matrix(at+"mlp.down_proj.weight", dim, hidden)
	}
	run := func(ids []int) [][]float32 {
		w := m.numbers
		xs := make([][]float32, len(ids))
		for p, id := range ids {
			xs[p] = w["model.embedding.weight"][id*dim : (id+1)*dim]
		}
		for l := range layers {
			at := fmt.Sprintf("model.layers.%d.", l)
			full := l%4 == 3
			rotary, base, sees := headDim, 10000.0, window
			if full {
				rotary, base, sees = headDim/4, 5000000.0, 0
			}
			var qs [][][]float32
			keys, values := make([][][]float32, kvHeads), make([][][]float32, kvHeads)
			for p, x := range xs {
				h := rmsNorm(x, w[at+"input_layernorm.weight"], 1e-6)
				qkv := matVec(w[at+"self_attn.q_k_v_proj.weight"], h)
				var q [][]float32
				for i := range heads {
					head := qkv[i*headDim : (i+1)*headDim]
					rotateHalves(head, rotary, p, base)
					q = append(q, head)
				}
				qs = append(qs, q)
				for i := range kvHeads {
					k := qkv[(heads+i)*headDim : (heads+i+1)*headDim]
					rotateHalves(k, rotary, p, base)
					keys[i] = append(keys[i], k)
					values[i] = append(values[i], qkv[(heads+kvHeads+i)*headDim:(heads+kvHeads+i+1)*headDim])
				}
			}
			for p := range xs {
				h := rmsNorm(xs[p], w[at+"input_layernorm.weight"], 1e-6)
				gates := matVec(w[at+"self_attn.g_proj.weight"], h)
				var joined []float32
				for i := range heads {
					kv := i / (heads / kvHeads)
					for _, v := range attend(qs[p][i], keys[kv], values[kv], p, sees) {
						joined = append(joined, v*sigma(gates[i]))
					}
				}
				x := plus(xs[p], matVec(w[at+"self_attn.out_proj.weight"], joined))
				h = rmsNorm(x, w[at+"post_attention_layernorm.weight"], 1e-6)
				g, u := matVec(w[at+"mlp.gate_proj.weight"], h), matVec(w[at+"mlp.up_proj.weight"], h)
				for i := range g {
					g[i] = gelu(g[i]) * u[i]
				}
				xs[p] = plus(x, matVec(w[at+"mlp.down_proj.weight"], g))
			}
		}
		out := make([][]float32, len(ids))
		for p, x := range xs {
			out[p] = matVec(w["model.embedding.weight"], rmsNorm(x, w["model.norm.weight"], 1e-6))
		}
		return out
	}
	return Case{
		Name: "spark3",
		Config: map[string]any{
			"architectures": []any{"Spark3ForCausalLM"}, "model_type": "spark3",
			"hidden_size": dim, "intermediate_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
			"num_key_value_heads": kvHeads, "head_dim": headDim, "headwise_attn_output_gate": true, "sliding_window": window,
			"vocab_size": vocab, "rms_norm_eps": 1e-6, "max_position_embeddings": 8192, "tie_word_embeddings": true,
			"hidden_act": "gelu",
			"layer_types": []any{
				"sliding_attention", "sliding_attention", "sliding_attention", "full_attention",
				"sliding_attention", "sliding_attention", "sliding_attention", "full_attention",
			},
			"rope_parameters": map[string]any{
				"full_attention":    map[string]any{"rope_theta": 5000000.0, "partial_rotary_factor": 0.25, "rope_type": "default"},
				"sliding_attention": map[string]any{"rope_theta": 10000.0, "partial_rotary_factor": 1.0, "rope_type": "default"},
			},
		},
		Weights: m.weights, Prompt: m.prompt(19, vocab), Logits: run,
	}
}
