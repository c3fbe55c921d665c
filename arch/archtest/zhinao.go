package archtest

import "fmt"

// Zhinao is a little model of 360Zhinao: q, k and v in one matrix, KV head by KV head, with a bias.
func Zhinao() Case {
	const vocab, dim, layers, heads, kvHeads, headDim, hidden = 96, 48, 2, 6, 2, 8, 72
	const eps = 1e-5
	const base = 500000.0
	const per = heads/kvHeads + 2 // heads of one group in the matrix: its queries, its key, its value
	m := newMaker(360)
	m.matrix("model.embed_tokens.weight", vocab, dim)
	m.matrix("lm_head.weight", vocab, dim)
	m.vector("model.norm.weight", 1, 0.1, dim)
	for l := range layers {
		at := fmt.Sprintf("model.layers.%d.", l)
		m.vector(at+"input_layernorm.weight", 1, 0.1, dim)
		m.vector(at+"post_attention_layernorm.weight", 1, 0.1, dim)
		m.matrix(at+"self_attn.qkv_proj.weight", kvHeads*per*headDim, dim)
		m.vector(at+"self_attn.qkv_proj.bias", 0, 0.3, kvHeads*per*headDim)
		m.matrix(at+"self_attn.o_proj.weight", dim, heads*headDim)
		m.matrix(at+"mlp.gate_proj.weight", hidden, dim)
		m.matrix(at+"mlp.up_proj.weight", hidden, dim)
		m.matrix(at+"mlp.down_proj.weight", dim, hidden)
	}
	run := func(ids []int) [][]float32 {
		w := m.numbers
		xs := make([][]float32, len(ids))
		for p, id := range ids {
			xs[p] = w["model.embed_tokens.weight"][id*dim : (id+1)*dim]
		}
		for l := range layers {
			at := fmt.Sprintf("model.layers.%d.", l)
			keys, values := make([][][]float32, kvHeads), make([][][]float32, kvHeads)
			for p := range xs {
				h := rmsNorm(xs[p], w[at+"input_layernorm.weight"], eps)
				all := plus(matVec(w[at+"self_attn.qkv_proj.weight"], h), w[at+"self_attn.qkv_proj.bias"])
				row := func(group, i int) []float32 { at := (group*per + i) * headDim; return all[at : at+headDim] }
				var joined []float32
				for g := range kvHeads {
					rotateHalves(row(g, per-2), headDim, p, base)
					keys[g], values[g] = append(keys[g], row(g, per-2)), append(values[g], row(g, per-1))
					for i := range per - 2 {
						rotateHalves(row(g, i), headDim, p, base)
						joined = append(joined, attend(row(g, i), keys[g], values[g], p, 0)...)
					}
				}
				x := plus(xs[p], matVec(w[at+"self_attn.o_proj.weight"], joined))
				h = rmsNorm(x, w[at+"post_attention_layernorm.weight"], eps)
				g, u := matVec(w[at+"mlp.gate_proj.weight"], h), matVec(w[at+"mlp.up_proj.weight"], h)
				for i := range g {
					g[i] = silu(g[i]) * u[i]
				}
				xs[p] = plus(x, matVec(w[at+"mlp.down_proj.weight"], g))
			}
		}
		out := make([][]float32, len(ids))
		for p, x := range xs {
			out[p] = matVec(w["lm_head.weight"], rmsNorm(x, w["model.norm.weight"], eps))
		}
		return out
	}
	return Case{
		Name: "zhinao",
		Config: map[string]any{
			"architectures": []any{"ZhinaoForCausalLM"}, "model_type": "zhinao",
			"hidden_size": dim, "intermediate_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
			"num_key_value_heads": kvHeads, "vocab_size": vocab, "rms_norm_eps": eps, "max_position_embeddings": 4096,
			"tie_word_embeddings": false, "hidden_act": "silu", "rope_theta": base,
		},
		Weights: m.weights, Prompt: m.prompt(13, vocab), Logits: run,
	}
}
