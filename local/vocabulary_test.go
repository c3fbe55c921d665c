package local

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const fixtures = "../../shared/tokenizer-fixtures"

func TestVocabulariesOfGGUFFiles(t *testing.T) {
	for _, name := range []string{"qwen2", "deepseek-llm", "gpt-2", "llama-spm", "baichuan"} {
		raw, err := os.ReadFile(filepath.Join(fixtures, name+".dev.json"))
		if os.IsNotExist(err) {
			t.Skip("no tokenizer fixtures beside the repository")
		}
		if err != nil {
			t.Fatal(err)
		}
		tok, err := OpenTokenizer(filepath.Join(fixtures, name+".gguf"))
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Cases []struct {
				Text string
				IDs  []int `json:"ids"`
			}
		}
		if err := json.Unmarshal(raw, &file); err != nil {
			t.Fatal(err)
		}
		for _, c := range file.Cases {
			if got := tok.Encode(c.Text, false); !slices.Equal(got, c.IDs) {
				t.Errorf("%s: %.40q: %d ids differ from the %d wanted", name, c.Text, len(got), len(c.IDs))
			}
		}
	}
}

func TestVocabulariesOfFolders(t *testing.T) {
	dir := t.TempDir()
	f := func(want string) {
		t.Helper()
		if _, err := OpenTokenizer(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f("neither a .safetensors nor a .gguf")
	write("tokenizer.json", `{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2}}, "pre_tokenizer": {"type": "ByteLevel"}}`)
	write("tokenizer_config.json", `{"eos_token": "b"}`)
	write("generation_config.json", `{"eos_token_id": [1, 2]}`)
	tok, err := OpenTokenizer(dir)
	if err != nil {
		t.Fatal(err)
	}
	if tok.End(0) || !tok.End(1) || !tok.End(2) {
		t.Error("the ends of an answer are not those of the folder")
	}
	write("generation_config.json", `{"eos_token_id": 2}`)
	if tok, err = OpenTokenizer(dir); err != nil || !tok.End(2) {
		t.Errorf("one end alone: %v", err)
	}
	write("generation_config.json", `{"eos_token_id": 7}`)
	f("end token: id 7")
	write("generation_config.json", `{"eos_token_id": "x"}`)
	f("generation_config.json")
}
