package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"summit"
	"summit/distill"
	runlog "summit/run"
)

// From kept answers to a member: lessons, a model that learned them by heart,
// its examination, and its entry in the configuration.
func TestDistill(t *testing.T) {
	dir := t.TempDir()
	config, data, out := filepath.Join(dir, "summit.yaml"), filepath.Join(dir, "data"), filepath.Join(dir, "lessons")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	const members = "members:\n  # the one there is\n  far: {use: openai, base_url: http://127.0.0.1:1/v1, model: far}\n"
	write(config, "data_dir: "+data+"\ndistill: {tenants: [team]}\n"+members)
	f := func(code int, want string, args ...string) string {
		t.Helper()
		got, out, errs := command(t, "", append([]string{"distill", "--config", config}, args...)...)
		if got != code || !strings.Contains(out+errs, want) {
			t.Errorf("%q: exit %d, %q %q, want %d and %q", args, got, out, errs, code, want)
		}
		return out
	}
	f(exitUsage, "want --tenant", "--out", out)
	f(exitUsage, "want --out", "--tenant", "team")
	f(exitUsage, "not both", "--tenant", "team", "--out", out, "--train", "--model", "x.gguf")
	f(exitUsage, "--held-out 1", "--tenant", "team", "--out", out, "--held-out", "1")
	f(exitUsage, `--name "a b"`, "--tenant", "team", "--out", out, "--name", "a b")
	f(exitNotReady, "holds no kept texts", "--tenant", "team", "--out", out)

	// A server opens the data directory and its stores.
	loaded, err := summit.Load(summit.Sources{Path: config})
	if err != nil {
		t.Fatal(err)
	}
	s, err := summit.Open(t.Context(), loaded.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	samples, err := summit.OpenSamples(t.Context(), data)
	if err != nil || samples == nil {
		t.Fatal(samples, err)
	}
	log, err := summit.OpenRuns(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Add(-time.Hour)
	for i := range 40 {
		id := fmt.Sprintf("run-%02d", i)
		ask := runlog.Ask{Member: "far", Asked: true, Cluster: "x", Cost: &runlog.Money{Amount: 500, Currency: "CNY"}}
		e := runlog.Entry{ID: id, At: at, Tenant: "team", Status: 200, Lesson: &runlog.Lesson{Answer: "x", Confidence: 990_000, Asks: []runlog.Ask{ask}}}
		if err := log.Append(t.Context(), []runlog.Entry{e}); err != nil {
			t.Fatal(err)
		}
		x := distill.Sample{Run: id, Tenant: "team", At: at, Model: "summit", Messages: []distill.Message{{Role: "user", Content: fmt.Sprintf("q%d", i)}}, Answer: "7"}
		if err := samples.Add(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	if err := samples.Close(); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	f(exitOK, "40 questions, 40 with an accepted answer", "--tenant", "team", "--out", out, "--held-out", "0.4")
	recipe := filepath.Join(out, "recipe.yaml")
	if text, err := os.ReadFile(recipe); err != nil || !strings.Contains(string(text), "name: distilled-team") {
		t.Errorf("recipe %q, %v", text, err)
	}
	if testing.Short() {
		t.Skip("training in short mode")
	}
	// A model that a moment trains; the recipe is the user's from here on.
	write(recipe, `name: tiny
style: llama
context: 32
model: {layers: 1, dim: 32, hidden: 32, heads: 2}
sources: [{file: train.jsonl}]
steps: 60
batch: 8
learning_rate: 0.01
out: model
`)
	f(exitOK, "want at least 35", "--tenant", "team", "--out", out, "--held-out", "0.4", "--train", "--compared", "35", "--max-tokens", "4")
	if text, _ := os.ReadFile(config); !strings.HasSuffix(string(text), members) {
		t.Errorf("a model that does not pay changed the configuration: %s", text)
	}
	args := []string{"--tenant", "team", "--out", out, "--held-out", "0.4", "--model", filepath.Join(out, "model", "model.gguf"), "--compared", "8", "--max-tokens", "4"}
	f(exitOK, "without --dry-run it would be entered", append(args, "--dry-run")...)
	got := f(exitOK, `"pays": true`, append(args, "-o", "json")...)
	var v distilled
	if err := json.Unmarshal([]byte(got), &v); err != nil || v.Student == nil || v.Student.Accuracy != 1 || v.Entered != config || len(v.Present) != 1 || v.Present[0].Name != "far" {
		t.Errorf("%s: %v", got, err)
	}
	text, err := os.ReadFile(config)
	if err != nil || !strings.Contains(string(text), "members:\n  distilled-team: {use: local, file: ") || !strings.Contains(string(text), "# the one there is") {
		t.Errorf("configuration %s, %v", text, err)
	}
	if info, err := os.Stat(config); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	f(exitOK, "it was a member already", args...)
	f(exitOK, "40 questions of team are forgotten", "--tenant", "team", "--forget")
	f(exitOK, "nothing to learn from yet", "--tenant", "team", "--out", out)
}
