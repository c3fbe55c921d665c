package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"summit/tokenizer"
	"summit/weights"
)

// OpenTokenizer reads the vocabulary of a model: a GGUF file, a safetensors
// file with tokenizer.json beside it, or a folder with one of these or with a
// tokenizer.json alone. The weights are not read.
func OpenTokenizer(path string) (*tokenizer.Tokenizer, error) {
	if t, err := folderTokenizer(path); t != nil || err != nil {
		return t, err
	}
	f, err := weights.Open(path, weights.Options{})
	if err != nil {
		return nil, err
	}
	t, err := Vocabulary(f)
	return t, errors.Join(err, f.Close())
}

// folderTokenizer reads a folder's tokenizer.json; nil, nil where there is none.
func folderTokenizer(dir string) (*tokenizer.Tokenizer, error) {
	read := func(name string) ([]byte, error) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) || err != nil && name != "tokenizer.json" {
			return nil, nil
		}
		return b, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, nil // not a folder: weights says what is wrong with it
	}
	tok, err := read("tokenizer.json")
	if tok == nil || err != nil {
		return nil, err
	}
	return fromSides(dir, func(name string) ([]byte, bool) {
		b, _ := read(name)
		return b, b != nil
	})
}

// Vocabulary builds the tokenizer of an open model file.
func Vocabulary(f *weights.File) (*tokenizer.Tokenizer, error) {
	if _, ok := f.Side("tokenizer.json"); ok {
		return fromSides(f.Path(), f.Side)
	}
	if f.Format() != "gguf" {
		return nil, fmt.Errorf("local: %s: no tokenizer.json beside the weights", f.Path())
	}
	d, err := tokenizer.FromGGUF(f)
	if err != nil {
		return nil, fmt.Errorf("local: %s: %w", f.Path(), err)
	}
	t, err := tokenizer.New(d)
	if err != nil {
		return nil, fmt.Errorf("local: %s: %w", f.Path(), err)
	}
	return t, nil
}

// fromSides builds a tokenizer from a Hugging Face model's files.
func fromSides(path string, side func(name string) ([]byte, bool)) (*tokenizer.Tokenizer, error) {
	tok, _ := side("tokenizer.json")
	config, _ := side("tokenizer_config.json")
	d, err := tokenizer.FromJSON(tok, config)
	if err != nil {
		return nil, fmt.Errorf("local: %s: %w", path, err)
	}
	if g, ok := side("generation_config.json"); ok {
		ends, err := endsOf(g)
		if err != nil {
			return nil, fmt.Errorf("local: %s: generation_config.json: %w", path, err)
		}
		d.Ends = append(d.Ends, ends...)
	}
	t, err := tokenizer.New(d)
	if err != nil {
		return nil, fmt.Errorf("local: %s: %w", path, err)
	}
	return t, nil
}

// endsOf reads eos_token_id, a number or a list of them.
func endsOf(generation []byte) ([]int, error) {
	var c struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if err := json.Unmarshal(generation, &c); err != nil || c.EOS == nil {
		return nil, err
	}
	var one *int
	if json.Unmarshal(c.EOS, &one) == nil {
		if one == nil {
			return nil, nil
		}
		return []int{*one}, nil
	}
	var many []int
	err := json.Unmarshal(c.EOS, &many)
	return many, err
}
