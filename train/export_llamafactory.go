package train

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

//go:embed fields/llama-factory.txt
var llamaFactoryFields string

// LLaMA-Factory 0.9.5: train.yaml, data/dataset_info.json and a launch script.
func init() {
	frameworks["llama-factory"] = framework{fields: llamaFactoryFields, write: llamaFactory}
}

func llamaFactory(r *Recipe, j *Job, d *exported, s *settings) (map[string]string, error) {
	s.set("model_name_or_path", j.Model)
	s.set("do_train", true)
	s.set("stage", map[bool]string{true: "sft", false: "pt"}[d.chat])
	if r.LoRA.Rank > 0 {
		s.set("finetuning_type", "lora")
		s.set("lora_rank", r.LoRA.Rank)
		s.set("lora_alpha", int(r.LoRA.Alpha+0.5))
		s.set("lora_target", "all")
		s.set("lora_dropout", r.Dropout)
	} else {
		s.set("finetuning_type", "full")
	}
	s.set("dataset_dir", "data")
	s.set("dataset", strings.Join(d.names, ","))
	s.set("cutoff_len", r.Context)
	s.set("packing", true)
	uneven := false
	for _, w := range d.weights {
		uneven = uneven || w != d.weights[0]
	}
	if uneven {
		s.set("mix_strategy", "interleave_over")
		s.set("interleave_probs", strings.Join(d.shares(), ","))
	}
	// The framework wants as many evaluation sets as probabilities.
	if len(d.held) > 0 && (!uneven || len(d.held) == len(d.names)) {
		s.set("eval_dataset", strings.Join(d.held, ","))
		s.set("do_eval", true)
		s.set("eval_strategy", "steps")
		s.set("eval_steps", max(1, r.Evaluate))
	}
	s.set("per_device_train_batch_size", 1)
	s.set("gradient_accumulation_steps", (r.Batch+j.Devices-1)/j.Devices)
	s.set("max_steps", r.Steps)
	s.set("learning_rate", r.LearningRate)
	s.set("lr_scheduler_type", "cosine")
	if r.FinalRate > 0 {
		s.set("lr_scheduler_type", "cosine_with_min_lr")
	}
	s.set("warmup_steps", r.Warmup)
	s.set("adam_beta1", r.Beta1)
	s.set("adam_beta2", r.Beta2)
	s.set("adam_epsilon", r.Epsilon)
	s.set("weight_decay", r.WeightDecay)
	s.set("max_grad_norm", max(0, r.Clip))
	s.set("seed", r.Seed)
	s.set("bf16", true)
	s.set("output_dir", "out")
	s.set("logging_steps", 10)
	s.set("save_steps", max(1, r.Checkpoint))
	s.set("plot_loss", true)
	s.set("report_to", "none")
	s.finish(j)

	var b strings.Builder
	fmt.Fprintf(&b, "# Written by summit train --export for LLaMA-Factory 0.9.5.\n")
	for _, name := range s.order {
		fmt.Fprintf(&b, "%s: %s\n", name, yamlScalar(s.values[name]))
		if name == "lr_scheduler_type" && s.values[name] == "cosine_with_min_lr" {
			fmt.Fprintf(&b, "lr_scheduler_kwargs: {min_lr_rate: %g}\n", r.FinalRate)
		}
	}
	info := map[string]any{}
	for _, name := range append(append([]string(nil), d.names...), d.held...) {
		if d.chat {
			info[name] = map[string]any{"file_name": name + ".jsonl", "formatting": "sharegpt", "columns": map[string]string{"messages": "conversations"}}
		} else {
			info[name] = map[string]any{"file_name": name + ".jsonl", "columns": map[string]string{"prompt": "text"}}
		}
	}
	text, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("train: export: %w", err)
	}
	return map[string]string{
		"train.yaml": b.String(), "data/dataset_info.json": string(text) + "\n",
		"launch.sh": fmt.Sprintf(`#!/bin/sh
# Wants LLaMA-Factory 0.9.5: pip install llamafactory==0.9.5
set -eu
cd "$(dirname "$0")"
FORCE_TORCHRUN=1 NPROC_PER_NODE=%d exec llamafactory-cli train train.yaml
`, j.Devices),
	}, nil
}
