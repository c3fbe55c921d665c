package arch

import (
	"fmt"
	"maps"
)

// names tells how a file calls the tensors of each role. A pattern has one %d for the layer where the role is a
// layer's, and a second one for the expert in expertGate, expertUp and expertDown. Patterns are without the suffixes
// ".weight" and ".bias" unless they end in "!", which means: exactly this.
type names map[role]string

// role is a tensor's place in a model, whatever its file calls it.
type role string

const (
	embed      role = "embed"
	outputNorm role = "output norm"
	head       role = "head"

	attnNorm     role = "attention norm"
	attnPostNorm role = "attention post-norm"
	ffnNorm      role = "FFN norm"
	ffnPostNorm  role = "FFN post-norm"

	attnQ     role = "q"
	attnK     role = "k"
	attnV     role = "v"
	attnQKV   role = "qkv"
	attnOut   role = "attention output"
	attnQNorm role = "q norm"
	attnKNorm role = "k norm"
	attnSinks role = "sinks"
	attnGate  role = "attention gate"

	mlaQA     role = "q_a"
	mlaQANorm role = "q_a norm"
	mlaQB     role = "q_b"
	mlaKVA    role = "kv_a"
	mlaKVNorm role = "kv_a norm"
	mlaKB     role = "k_b"
	mlaVB     role = "v_b"
	mlaKVB    role = "kv_b" // k_b and v_b in one, as trained

	deltaQKV   role = "delta qkv"
	deltaZ     role = "delta z"
	deltaQKVZ  role = "delta qkvz" // q, k, v, z of each key head in turn
	deltaBeta  role = "delta beta"
	deltaAlpha role = "delta alpha"
	deltaBA    role = "delta beta and alpha" // of each key head in turn
	deltaConv  role = "delta conv"
	deltaDt    role = "delta dt bias"
	deltaA     role = "delta a"
	deltaNorm  role = "delta norm"
	deltaOut   role = "delta output"

	ffnGate   role = "FFN gate"
	ffnUp     role = "FFN up"
	ffnGateUp role = "FFN gate and up"
	ffnDown   role = "FFN down"

	router       role = "router"
	choiceBias   role = "router choice bias"
	expertScale  role = "expert scale"
	gateExps     role = "expert gates"
	upExps       role = "expert ups"
	gateUpExps   role = "expert gates and ups"
	downExps     role = "expert downs"
	expertGate   role = "one expert's gate"
	expertUp     role = "one expert's up"
	expertDown   role = "one expert's down"
	sharedGateP  role = "shared expert gate projection"
	sharedUp     role = "shared expert up"
	sharedGateUp role = "shared expert gate and up"
	sharedDown   role = "shared expert down"
	sharedGate   role = "shared expert gate"

	ropeFreqs role = "rope divisors"
	ropeLong  role = "long rope divisors"
	ropeShort role = "short rope divisors"
)

// with is a copy with other patterns for some roles; "" takes a role away.
func (n names) with(more names) names {
	out := maps.Clone(n)
	for k, v := range more {
		if v == "" {
			delete(out, k)
			continue
		}
		out[k] = v
	}
	return out
}

// name is the tensor's full name, or "" if files of this kind do not have the role.
func (n names) name(w role, suffix string, at ...any) string {
	p, ok := n[w]
	if !ok {
		return ""
	}
	if last := len(p) - 1; p[last] == '!' {
		p, suffix = p[:last], ""
	}
	return fmt.Sprintf(p, at...) + suffix
}

// ggufNames are the names of GGUF files, as llama.cpp's writers give them.
var ggufNames = names{
	embed: "token_embd", outputNorm: "output_norm", head: "output",

	attnNorm: "blk.%d.attn_norm", attnPostNorm: "blk.%d.post_attention_norm",
	ffnNorm: "blk.%d.ffn_norm", ffnPostNorm: "blk.%d.post_ffw_norm",

	attnQ: "blk.%d.attn_q", attnK: "blk.%d.attn_k", attnV: "blk.%d.attn_v", attnQKV: "blk.%d.attn_qkv",
	attnOut: "blk.%d.attn_output", attnQNorm: "blk.%d.attn_q_norm", attnKNorm: "blk.%d.attn_k_norm",
	attnSinks: "blk.%d.attn_sinks", attnGate: "blk.%d.attn_gate",

	mlaQA: "blk.%d.attn_q_a", mlaQANorm: "blk.%d.attn_q_a_norm", mlaQB: "blk.%d.attn_q_b",
	mlaKVA: "blk.%d.attn_kv_a_mqa", mlaKVNorm: "blk.%d.attn_kv_a_norm",
	mlaKB: "blk.%d.attn_k_b", mlaVB: "blk.%d.attn_v_b", mlaKVB: "blk.%d.attn_kv_b",

	deltaQKV: "blk.%d.attn_qkv", deltaZ: "blk.%d.attn_gate", deltaQKVZ: "blk.%d.ssm_in",
	deltaBeta: "blk.%d.ssm_beta", deltaAlpha: "blk.%d.ssm_alpha", deltaBA: "blk.%d.ssm_ba",
	deltaConv: "blk.%d.ssm_conv1d", deltaDt: "blk.%d.ssm_dt.bias!", deltaA: "blk.%d.ssm_a!",
	deltaNorm: "blk.%d.ssm_norm", deltaOut: "blk.%d.ssm_out",

	ffnGate: "blk.%d.ffn_gate", ffnUp: "blk.%d.ffn_up", ffnDown: "blk.%d.ffn_down",

	router: "blk.%d.ffn_gate_inp", choiceBias: "blk.%d.exp_probs_b.bias!", expertScale: "blk.%d.ffn_exp_scale",
	gateExps: "blk.%d.ffn_gate_exps", upExps: "blk.%d.ffn_up_exps", downExps: "blk.%d.ffn_down_exps",
	gateUpExps: "blk.%d.ffn_gate_up_exps",
	expertGate: "blk.%d.ffn_gate.%d", expertUp: "blk.%d.ffn_up.%d", expertDown: "blk.%d.ffn_down.%d",
	sharedGateP: "blk.%d.ffn_gate_shexp", sharedUp: "blk.%d.ffn_up_shexp", sharedDown: "blk.%d.ffn_down_shexp",
	sharedGate: "blk.%d.ffn_gate_inp_shexp",

	ropeFreqs: "rope_freqs", ropeLong: "rope_factors_long", ropeShort: "rope_factors_short",
}

// hfNames are the names of most safetensors models on the hubs.
var hfNames = names{
	embed: "model.embed_tokens", outputNorm: "model.norm", head: "lm_head",

	attnNorm: "model.layers.%d.input_layernorm", ffnNorm: "model.layers.%d.post_attention_layernorm",

	attnQ: "model.layers.%d.self_attn.q_proj", attnK: "model.layers.%d.self_attn.k_proj",
	attnV: "model.layers.%d.self_attn.v_proj", attnQKV: "model.layers.%d.self_attn.qkv_proj",
	attnOut:   "model.layers.%d.self_attn.o_proj",
	attnQNorm: "model.layers.%d.self_attn.q_norm", attnKNorm: "model.layers.%d.self_attn.k_norm",
	attnSinks: "model.layers.%d.self_attn.sinks!", attnGate: "model.layers.%d.self_attn.g_proj",

	mlaQA: "model.layers.%d.self_attn.q_a_proj", mlaQANorm: "model.layers.%d.self_attn.q_a_layernorm",
	mlaQB: "model.layers.%d.self_attn.q_b_proj", mlaKVA: "model.layers.%d.self_attn.kv_a_proj_with_mqa",
	mlaKVNorm: "model.layers.%d.self_attn.kv_a_layernorm", mlaKVB: "model.layers.%d.self_attn.kv_b_proj",

	ffnGate: "model.layers.%d.mlp.gate_proj", ffnUp: "model.layers.%d.mlp.up_proj",
	ffnGateUp: "model.layers.%d.mlp.gate_up_proj", ffnDown: "model.layers.%d.mlp.down_proj",

	router:      "model.layers.%d.mlp.gate",
	expertGate:  "model.layers.%d.mlp.experts.%d.gate_proj",
	expertUp:    "model.layers.%d.mlp.experts.%d.up_proj",
	expertDown:  "model.layers.%d.mlp.experts.%d.down_proj",
	choiceBias:  "model.layers.%d.mlp.gate.e_score_correction_bias!",
	sharedGateP: "model.layers.%d.mlp.shared_experts.gate_proj",
	sharedUp:    "model.layers.%d.mlp.shared_experts.up_proj",
	sharedDown:  "model.layers.%d.mlp.shared_experts.down_proj",
}
