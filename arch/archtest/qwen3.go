package archtest

import "fmt"

// Qwen3 runs a Qwen3 model of any size in the same plain style as the others: it shows on a model that a reference
// engine knows that the style itself is right. w has the weights by their names in a GGUF file, without ".weight";
// rope turns all of each head.
func Qwen3(w map[string][]float32, layers, dim, heads, kvHeads, headDim int, base float64, eps float32, ids []int) [][]float32 {
	xs := make([][]float32, len(ids))
	for p, id := range ids {
		xs[p] = w["token_embd"][id*dim : (id+1)*dim]
	}
	for l := range layers {
		at := fmt.Sprintf("blk.%d.", l)
		keys, values := make([][][]float32, kvHeads), make([][][]float32, kvHeads)
		for p := range xs {
			h := rmsNorm(xs[p], w[at+"attn_norm"], eps)
			q, k, v := matVec(w[at+"attn_q"], h), matVec(w[at+"attn_k"], h), matVec(w[at+"attn_v"], h)
			for i := range kvHeads {
				head := rmsNorm(k[i*headDim:(i+1)*headDim], w[at+"attn_k_norm"], eps)
				rotateHalves(head, headDim, p, base)
				keys[i], values[i] = append(keys[i], head), append(values[i], v[i*headDim:(i+1)*headDim])
			}
			var joined []float32
			for i := range heads {
				head := rmsNorm(q[i*headDim:(i+1)*headDim], w[at+"attn_q_norm"], eps)
				rotateHalves(head, headDim, p, base)
				joined = append(joined, attend(head, keys[i/(heads/kvHeads)], values[i/(heads/kvHeads)], p, 0)...)
			}
			x := plus(xs[p], matVec(w[at+"attn_output"], joined))
			h = rmsNorm(x, w[at+"ffn_norm"], eps)
			g, u := matVec(w[at+"ffn_gate"], h), matVec(w[at+"ffn_up"], h)
			for i := range g {
				g[i] = silu(g[i]) * u[i]
			}
			xs[p] = plus(x, matVec(w[at+"ffn_down"], g))
		}
	}
	out := make([][]float32, len(ids))
	for p, x := range xs {
		out[p] = matVec(w["output"], rmsNorm(x, w["output_norm"], eps))
	}
	return out
}
