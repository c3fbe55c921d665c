package archtest

import "fmt"

// PanguProMoE is a little model of Pangu Pro MoE: the best expert of each group works.
func PanguProMoE() Case {
	const vocab, dim, layers, heads, kvHeads, headDim = 96, 64, 3, 4, 2, 16
	const experts, groups, hidden, sharedHidden = 16, 4, 24, 40
	const eps = 1e-5
	m := newMaker(72)
	m.matrix("model.embed_tokens.weight", vocab, dim)
	m.matrix("lm_head.weight", vocab, dim)
	m.vector("model.norm.weight", 1, 0.1, dim)
	for l := range layers {
		at := fmt.Sprintf("model.layers.%d.", l)
		m.vector(at+"input_layernorm.weight", 1, 0.1, dim)
		m.vector(at+"post_attention_layernorm.weight", 1, 0.1, dim)
		for _, p := range []struct {
			name string
			rows int
		}{{"q_proj", heads * headDim}, {"k_proj", kvHeads * headDim}, {"v_proj", kvHeads * headDim}, {"o_proj", dim}} {
			m.matrix(at+"self_attn."+p.name+".weight", p.rows, 64)
			m.vector(at+"self_attn."+p.name+".bias", 0, 0.3, p.rows)
		}
		m.matrix(at+"mlp.gate.weight", experts, dim)
		m.vector(at+"mlp.router_scale", 1, 0.3, 1, experts)
		expert := func(name string, wide int) {
			m.matrix(at+"mlp."+name+".gate_proj.weight", wide, dim)
			m.matrix(at+"mlp."+name+".up_proj.weight", wide, dim)
			m.matrix(at+"mlp."+name+".down_proj.weight", dim, wide)
		}
		for e := range experts {
			expert(fmt.Sprintf("experts.%d", e), hidden)
		}
		expert("shared_expert", sharedHidden)
	}
	run := func(ids []int) [][]float32 {
		w := m.numbers
		xs := make([][]float32, len(ids))
		for p, id := range ids {
			xs[p] = w["model.embed_tokens.weight"][id*dim : (id+1)*dim]
		}
		for l := range layers {
			at := fmt.Sprintf("model.layers.%d.", l)
			project := func(name string, x []float32) []float32 {
				return plus(matVec(w[at+"self_attn."+name+".weight"], x), w[at+"self_attn."+name+".bias"])
			}
			keys, values := make([][][]float32, kvHeads), make([][][]float32, kvHeads)
			for p := range xs {
				h := rmsNorm(xs[p], w[at+"input_layernorm.weight"], eps)
				q, k, v := project("q_proj", h), project("k_proj", h), project("v_proj", h)
				for i := range kvHeads {
					rotateHalves(k[i*headDim:(i+1)*headDim], headDim, p, 16000000)
					keys[i] = append(keys[i], k[i*headDim:(i+1)*headDim])
					values[i] = append(values[i], v[i*headDim:(i+1)*headDim])
				}
				var joined []float32
				for i := range heads {
					head := q[i*headDim : (i+1)*headDim]
					rotateHalves(head, headDim, p, 16000000)
					joined = append(joined, attend(head, keys[i*kvHeads/heads], values[i*kvHeads/heads], p, 0)...)
				}
				x := plus(xs[p], project("o_proj", joined))
				h = rmsNorm(x, w[at+"post_attention_layernorm.weight"], eps)
				mlp := func(name string) []float32 {
					g, u := matVec(w[at+"mlp."+name+".gate_proj.weight"], h), matVec(w[at+"mlp."+name+".up_proj.weight"], h)
					for i := range g {
						g[i] = silu(g[i]) * u[i]
					}
					return matVec(w[at+"mlp."+name+".down_proj.weight"], g)
				}
				y := mlp("shared_expert")
				scores := matVec(w[at+"mlp.gate.weight"], h)
				softMax(scores)
				for g := range groups {
					best := g * experts / groups
					for e := best; e < (g+1)*experts/groups; e++ {
						if scores[e] > scores[best] {
							best = e
						}
					}
					weight := scores[best] * w[at+"mlp.router_scale"][best]
					for d, v := range mlp(fmt.Sprintf("experts.%d", best)) {
						y[d] += weight * v
					}
				}
				xs[p] = plus(x, y)
			}
		}
		out := make([][]float32, len(ids))
		for p, x := range xs {
			out[p] = matVec(w["lm_head.weight"], rmsNorm(x, w["model.norm.weight"], eps))
		}
		return out
	}
	return Case{
		Name: "pangu-pro-moe",
		Config: map[string]any{
			"architectures": []any{"PanguProMoEForCausalLM"}, "model_type": "PanguProMoE",
			"hidden_size": dim, "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kvHeads,
			"vocab_size": vocab, "rms_norm_eps": eps, "max_position_embeddings": 4096, "tie_word_embeddings": false,
			"hidden_act": "silu", "rope_theta": 16000000.0, "num_experts": experts, "num_experts_per_tok": groups,
			"moe_intermediate_size": hidden, "shared_expert_intermediate_size": sharedHidden, "intermediate_size": 0,
		},
		Weights: m.weights, Prompt: m.prompt(17, vocab), Logits: run,
	}
}
