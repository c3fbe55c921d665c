package train

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed fields/mindspeed.txt
var mindspeedFields string

// MindSpeed-LLM 26.1.0 on Megatron core 0.12.1: scripts that convert the data
// and launch the job on Ascend chips. Qwen3's dense models only, whose sizes
// are read from the model's config.json.
func init() {
	frameworks["mindspeed"] = framework{fields: mindspeedFields, write: mindspeed}
}

// hfConfig is what a job needs of config.json.
type hfConfig struct {
	Type    string  `json:"model_type"`
	Layers  int     `json:"num_hidden_layers"`
	Dim     int     `json:"hidden_size"`
	Hidden  int     `json:"intermediate_size"`
	Heads   int     `json:"num_attention_heads"`
	KVHeads int     `json:"num_key_value_heads"`
	HeadDim int     `json:"head_dim"`
	Vocab   int     `json:"vocab_size"`
	Window  int     `json:"max_position_embeddings"`
	Base    float64 `json:"rope_theta"`
	Eps     float64 `json:"rms_norm_eps"`
	Tied    bool    `json:"tie_word_embeddings"`
}

// on marks a flag that stands alone.
const on = "\x00"

func mindspeed(r *Recipe, j *Job, d *exported, s *settings) (map[string]string, error) {
	b, err := os.ReadFile(filepath.Join(j.Model, "config.json"))
	if err != nil {
		return nil, fmt.Errorf("train: export: model: want a folder with config.json: %w", err)
	}
	var c hfConfig
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("train: export: model: config.json: %w", err)
	}
	if c.Type != "qwen3" {
		return nil, fmt.Errorf("train: export: model: config.json: model_type: got %q, want qwen3, the one that jobs for mindspeed are written for", c.Type)
	}
	for _, n := range []int{c.Layers, c.Dim, c.Hidden, c.Heads, c.KVHeads, c.HeadDim, c.Vocab, c.Window} {
		if n < 1 {
			return nil, fmt.Errorf("train: export: model: config.json: got %+v, want all sizes", c)
		}
	}
	if !(c.Base > 1) || !(c.Eps > 0) {
		return nil, errors.New("train: export: model: config.json: want rope_theta and rms_norm_eps")
	}
	model, err := filepath.Abs(j.Model)
	if err != nil {
		return nil, fmt.Errorf("train: export: model: %w", err)
	}
	flag := func(names ...string) {
		for _, n := range names {
			s.set(n, on)
		}
	}
	flag("use-mcore-models", "qk-layernorm", "sequence-parallel", "use-distributed-optimizer", "use-flash-attn", "use-rotary-position-embeddings",
		"disable-bias-linear", "swiglu", "no-gradient-accumulation-fusion", "attention-softmax-in-fp32", "no-masked-softmax-fusion",
		"group-query-attention", "no-load-optim", "no-load-rng", "bf16", "enable-hf2mg-convert")
	if !c.Tied {
		flag("untie-embeddings-and-output-weights")
	}
	s.set("spec", "mindspeed_llm.tasks.models.spec.qwen3_spec layer_spec")
	for _, n := range []struct {
		name  string
		value any
	}{
		{"num-layers", c.Layers}, {"hidden-size", c.Dim}, {"ffn-hidden-size", c.Hidden}, {"num-attention-heads", c.Heads},
		{"num-query-groups", c.KVHeads}, {"kv-channels", c.HeadDim}, {"padded-vocab-size", c.Vocab}, {"make-vocab-size-divisible-by", 1},
		{"max-position-embeddings", c.Window}, {"rotary-base", int(c.Base)}, {"norm-epsilon", c.Eps}, {"normalization", "RMSNorm"},
		{"position-embedding-type", "rope"}, {"tensor-model-parallel-size", 1}, {"pipeline-model-parallel-size", 1},
		{"tokenizer-type", "PretrainedFromHF"}, {"tokenizer-name-or-path", model}, {"model-type-hf", "qwen3"}, {"load", model}, {"save", "out"},
		{"seq-length", r.Context}, {"micro-batch-size", 1}, {"global-batch-size", (r.Batch + j.Devices - 1) / j.Devices * j.Devices},
		{"train-iters", r.Steps}, {"lr", r.LearningRate}, {"min-lr", r.LearningRate * r.FinalRate}, {"lr-decay-style", "cosine"},
		{"lr-warmup-iters", r.Warmup}, {"weight-decay", r.WeightDecay}, {"clip-grad", max(0, r.Clip)},
		{"adam-beta1", r.Beta1}, {"adam-beta2", r.Beta2}, {"adam-eps", r.Epsilon}, {"hidden-dropout", r.Dropout}, {"attention-dropout", 0},
		{"seed", r.Seed}, {"initial-loss-scale", 4096}, {"ckpt-format", "torch"}, {"split", "100,0,0"}, {"workers", 4},
		{"log-interval", 1}, {"save-interval", max(1, r.Checkpoint)}, {"eval-interval", r.Steps}, {"eval-iters", 0},
		{"distributed-backend", "nccl"}, {"transformer-impl", "local"},
	} {
		s.set(n.name, n.value)
	}
	program, convert := "pretrain_gpt.py", "--handler-name GeneralPretrainHandler --json-keys text"
	suffix := "_text_document"
	if d.chat {
		program, suffix = "posttrain_gpt.py", ""
		convert = "--handler-name SharegptStyleInstructionHandler --prompt-type qwen3"
		flag("finetune", "is-instruction-dataset", "no-pad-to-seq-lengths")
		s.set("stage", "sft")
		s.set("prompt-type", "qwen3")
	}
	if r.LoRA.Rank > 0 {
		if !d.chat {
			return nil, errors.New("train: export: mindspeed: lora on texts, want conversations")
		}
		s.set("lora-r", r.LoRA.Rank)
		s.set("lora-alpha", int(r.LoRA.Alpha+0.5))
		s.set("lora-target-modules", "linear_qkv linear_proj linear_fc1 linear_fc2")
	}
	var blend []string
	for i, name := range d.names {
		path := "converted/" + name + suffix
		if len(d.names) > 1 {
			blend = append(blend, d.shares()[i])
		}
		blend = append(blend, path)
	}
	s.set("data-path", strings.Join(blend, " "))
	s.finish(j)

	const head = "#!/bin/sh\n# Written by summit train --export for MindSpeed-LLM 26.1.0.\n" +
		"# Run it where MindSpeed-LLM is installed, with MINDSPEED naming its folder.\nset -eu\ncd \"$(dirname \"$0\")\"\n: \"${MINDSPEED:?the folder of MindSpeed-LLM 26.1.0}\"\n"
	var data, launch strings.Builder
	data.WriteString(head + "mkdir -p converted\n")
	for _, name := range d.names {
		fmt.Fprintf(&data, "PYTHONPATH=\"$MINDSPEED\" python \"$MINDSPEED/preprocess_data.py\" --input data/%s.jsonl --output-prefix converted/%s \\\n  --tokenizer-type PretrainedFromHF --tokenizer-name-or-path %s --workers 4 --seq-length %d %s\n",
			name, name, quoted(model), r.Context, convert)
	}
	fmt.Fprintf(&launch, "%sexport CUDA_DEVICE_MAX_CONNECTIONS=1\nPYTHONPATH=\"$MINDSPEED\" exec torchrun --nproc_per_node %d \"$MINDSPEED/%s\"", head, j.Devices, program)
	for _, name := range s.order {
		v := s.values[name]
		switch {
		case v == on || v == "":
			fmt.Fprintf(&launch, " \\\n  --%s", name)
		case listFlags[name]:
			fmt.Fprintf(&launch, " \\\n  --%s", name)
			for _, word := range strings.Fields(v) {
				launch.WriteString(" " + quoted(word))
			}
		default:
			fmt.Fprintf(&launch, " \\\n  --%s %s", name, quoted(v))
		}
	}
	launch.WriteString("\n")
	return map[string]string{"convert.sh": data.String(), "launch.sh": launch.String()}, nil
}

// listFlags take several words.
var listFlags = map[string]bool{"spec": true, "lora-target-modules": true, "data-path": true}
