package train

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestExport(t *testing.T) {
	dir := t.TempDir()
	writeSums(t, dir)
	recipe := func(more string) *Recipe {
		r, err := ParseRecipe([]byte("base: x.gguf\ncontext: 512\nsteps: 100\nbatch: 20\nwarmup: 5\nfinal_rate: 0.1\nheld_out: [{file: held.jsonl}]\n"+more), dir)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	chat := recipe("sources: [{file: sums.jsonl, weight: 3}, {file: held.jsonl}]\nlora: {rank: 8}")
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(filepath.Join(dir, "job", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	contains := func(name string, want ...string) {
		t.Helper()
		got := read(name)
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s has no %q:\n%s", name, w, got)
			}
		}
	}
	job := &Job{Framework: "llama-factory", Model: "Qwen/Qwen3-8B", Settings: map[string]string{"template": "qwen3", "max_steps": "7"}}
	if err := Export(chat, job, filepath.Join(dir, "job")); err != nil {
		t.Fatal(err)
	}
	contains("train.yaml", "stage: \"sft\"\n", "lora_rank: 8\n", "interleave_probs: \"0.75,0.25\"\n", "gradient_accumulation_steps: 3\n", "max_steps: 7\n", "template: \"qwen3\"\n", "min_lr_rate: 0.1}")
	var keys map[string]any
	if err := yaml.Unmarshal([]byte(read("train.yaml")), &keys); err != nil {
		t.Error(err)
	}
	for k := range keys {
		if !strings.Contains(llamaFactoryFields, "\n"+k+"\n") {
			t.Errorf("train.yaml has %q, which is not in the pinned list", k)
		}
	}
	contains("data/train-0.jsonl", `{"conversations":[{"from":"human","value":"`)
	contains("launch.sh", "NPROC_PER_NODE=8", "llamafactory-cli train train.yaml")
	var info map[string]any
	if err := json.Unmarshal([]byte(read("data/dataset_info.json")), &info); err != nil || len(info) != 3 {
		t.Errorf("dataset_info.json: got %d sets, %v, want 3", len(info), err)
	}

	model := filepath.Join(dir, "qwen3")
	if err := os.Mkdir(model, 0o777); err != nil {
		t.Fatal(err)
	}
	config := `{"model_type":"qwen3","num_hidden_layers":36,"hidden_size":4096,"intermediate_size":12288,"num_attention_heads":32,"num_key_value_heads":8,"head_dim":128,"vocab_size":151936,"max_position_embeddings":40960,"rope_theta":1000000,"rms_norm_eps":1e-06}`
	if err := os.WriteFile(filepath.Join(model, "config.json"), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	job = &Job{Framework: "mindspeed", Model: model, Devices: 16, Settings: map[string]string{"tensor-model-parallel-size": "4"}}
	if err := Export(chat, job, filepath.Join(dir, "job")); err != nil {
		t.Fatal(err)
	}
	contains("launch.sh", "--nproc_per_node 16", "posttrain_gpt.py", "--num-query-groups '8'", "--lora-r '8'", "--tensor-model-parallel-size '4'", "--global-batch-size '32'", "--data-path '0.75' 'converted/train-0' '0.25' 'converted/train-1'", "--spec 'mindspeed_llm.tasks.models.spec.qwen3_spec' 'layer_spec'")
	contains("convert.sh", "--handler-name SharegptStyleInstructionHandler", "--input data/train-1.jsonl")
	text := recipe("sources: [{file: texts.jsonl}]\n")
	text.HeldOut = nil
	if err := Export(text, job, filepath.Join(dir, "job")); err != nil {
		t.Fatal(err)
	}
	contains("launch.sh", "pretrain_gpt.py", "--data-path 'converted/train-0_text_document'")
	if sh, err := exec.LookPath("sh"); err == nil {
		for _, name := range []string{"launch.sh", "convert.sh"} {
			if out, err := exec.Command(sh, "-n", filepath.Join(dir, "job", name)).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", name, err, out)
			}
		}
	}

	f := func(want string, r *Recipe, j Job) {
		t.Helper()
		out := filepath.Join(dir, "refused")
		if err := Export(r, &j, out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%q leaves a folder", want)
			os.RemoveAll(out)
		}
	}
	f(`no setting "learning_speed"`, chat, Job{Framework: "llama-factory", Model: "m", Settings: map[string]string{"learning_speed": "1"}})
	f(`no setting "num-heads"`, chat, Job{Framework: "mindspeed", Model: model, Settings: map[string]string{"num-heads": "1"}})
	f(`framework: got "x"`, chat, Job{Framework: "x", Model: "m"})
	f("want what is to be tuned", chat, Job{Framework: "mindspeed"})
	f("config.json", chat, Job{Framework: "mindspeed", Model: dir})
	f("want one kind", recipe("sources: [{file: sums.jsonl}, {file: texts.jsonl}]"), Job{Framework: "llama-factory", Model: "m"})
}
