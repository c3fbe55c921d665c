package train

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"summit/tensor"
)

// Recipe says everything about a training run that its result depends on. Zero
// fields mean what their comments say.
type Recipe struct {
	Name  string `yaml:"name"`  // of the model, general.name of its file
	About string `yaml:"about"` // one line, general.description of its file
	Seed  uint64 `yaml:"seed"`

	Style string `yaml:"style"` // architecture; see Styles. "" = qwen3
	Model Shape  `yaml:"model"` // sizes
	// Base is a GGUF file to go on from, in place of style, model and vocabulary.
	Base string `yaml:"base"`
	LoRA LoRA   `yaml:"lora"` // with base; rank 0 = all parameters learn

	Context int `yaml:"context"` // tokens of a sequence; 0 = 256

	Vocabulary Vocabulary `yaml:"vocabulary"`

	Sources []Source `yaml:"sources"`  // what is learned
	HeldOut []Source `yaml:"held_out"` // what only evaluation reads; weights don't count

	Steps int `yaml:"steps"`
	Batch int `yaml:"batch"` // sequences a step; 0 = 32
	// Shards is into how many parts a step is dealt; no more threads than that
	// can work. It is part of the recipe because the order of sums follows it. 0 = 16.
	Shards int `yaml:"shards"`
	// Micro is how many sequences of a shard are computed together; the rest of
	// the shard follows and its gradient is added. 0 = as many as make 512 tokens.
	Micro int `yaml:"micro"`

	LearningRate float64 `yaml:"learning_rate"` // the highest; 0 = 0.001
	Warmup       int     `yaml:"warmup"`        // steps of a linear rise from 0
	FinalRate    float64 `yaml:"final_rate"`    // where the cosine ends, as a part of learning_rate
	Beta1        float64 `yaml:"beta1"`         // 0 = 0.9
	Beta2        float64 `yaml:"beta2"`         // 0 = 0.95
	Epsilon      float64 `yaml:"epsilon"`       // 0 = 1e-8
	WeightDecay  float64 `yaml:"weight_decay"`  // of matrices; vectors have none
	Clip         float64 `yaml:"clip"`          // most length of the gradient; 0 = 1, negative = no limit
	Dropout      float64 `yaml:"dropout"`       // share of what a layer adds that is dropped while learning

	Evaluate   int `yaml:"evaluate"`   // steps between evaluations; 0 = only at the end
	Checkpoint int `yaml:"checkpoint"` // steps between checkpoints; 0 = with each evaluation

	Type string `yaml:"type"` // number type of the file's matrices; "" = F32, or as the base stores them
	Out  string `yaml:"out"`  // folder for model.gguf, log.jsonl, loss.svg and the checkpoint

	// Sampling is how the file advises to choose tokens; a nil one says nothing.
	Sampling Sampling `yaml:"sampling"`

	dir string // of the file that it was read from
}

// LoRA is learning by small factors beside each matrix of the layers, which
// are added to it at the end: W + Alpha/Rank B A.
// Source: Hu et al. 2021, arXiv:2106.09685.
type LoRA struct {
	Rank  int     `yaml:"rank"`
	Alpha float64 `yaml:"alpha"` // 0 = twice the rank
}

// Shape is the size of the decoder.
type Shape struct {
	Layers  int `yaml:"layers"`
	Dim     int `yaml:"dim"`
	Hidden  int `yaml:"hidden"`
	Heads   int `yaml:"heads"`
	KVHeads int `yaml:"kv_heads"` // 0 = heads
	HeadDim int `yaml:"head_dim"` // 0 = dim/heads

	Untied   bool    `yaml:"untied"`    // the head is a matrix of its own
	RopeBase float64 `yaml:"rope_base"` // 0 = 10000
	Eps      float64 `yaml:"eps"`       // 0 = 1e-6
	Window   int     `yaml:"window"`    // tokens that layers with a sliding window see; 0 = half the context
}

// Vocabulary says which tokens there are.
type Vocabulary struct {
	Kind string `yaml:"kind"` // characters | bpe; "" = characters
	// Size is how many tokens at most; 0 = every character of the sources, or 4096 of bpe.
	Size int    `yaml:"size"`
	Pre  string `yaml:"pre"` // pre-tokenizer of bpe; "" = qwen2
}

// Sampling is advice to whoever runs the model.
type Sampling struct {
	Temperature *float64 `yaml:"temperature"`
	TopK        *int     `yaml:"top_k"`
	TopP        *float64 `yaml:"top_p"`
	MinP        *float64 `yaml:"min_p"`
}

// Source is a data file.
type Source struct {
	File   string  `yaml:"file"`
	Weight float64 `yaml:"weight"` // share of the tokens, relative to the other sources; 0 = 1
}

// maxRecipeBytes is far above any recipe that a person writes.
const maxRecipeBytes = 1 << 20

// ReadRecipe reads and checks a recipe file. Paths in it are relative to its folder.
func ReadRecipe(path string) (*Recipe, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("train: recipe: %w", err)
	}
	defer func() { _ = f.Close() }() // read only
	b, err := io.ReadAll(io.LimitReader(f, maxRecipeBytes+1))
	if err != nil {
		return nil, fmt.Errorf("train: recipe %s: %w", path, err)
	}
	if len(b) > maxRecipeBytes {
		return nil, fmt.Errorf("train: recipe %s: more than %d bytes", path, maxRecipeBytes)
	}
	r, err := ParseRecipe(b, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("train: recipe %s: %w", path, err)
	}
	return r, nil
}

// ParseRecipe reads a recipe whose relative paths belong to the folder dir. An
// unknown key is an error.
func ParseRecipe(b []byte, dir string) (*Recipe, error) {
	r := &Recipe{dir: dir}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	err := d.Decode(r)
	if wrong := (*yaml.TypeError)(nil); errors.As(err, &wrong) {
		return nil, errors.New(strings.Join(wrong.Errors, "; ")) // on one line
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	r.defaults()
	return r, r.check()
}

func or[T comparable](v *T, unset T) {
	var zero T
	if *v == zero {
		*v = unset
	}
}

func (r *Recipe) defaults() {
	if r.Base == "" {
		or(&r.Style, "qwen3")
		or(&r.Type, "F32")
		or(&r.Vocabulary.Kind, "characters")
		or(&r.Vocabulary.Pre, "qwen2")
	}
	or(&r.LoRA.Alpha, 2*float64(r.LoRA.Rank))
	or(&r.Context, 256)
	or(&r.Batch, 32)
	or(&r.Shards, 16)
	or(&r.Micro, max(1, 512/max(1, r.Context)))
	or(&r.LearningRate, 1e-3)
	or(&r.Beta1, 0.9)
	or(&r.Beta2, 0.95)
	or(&r.Epsilon, 1e-8)
	or(&r.Clip, 1)
	or(&r.Checkpoint, r.Evaluate)
	if r.Base == "" {
		or(&r.Name, "model")
		r.Model.defaults(r.Context)
	}
	for _, list := range [][]Source{r.Sources, r.HeldOut} {
		for i := range list {
			or(&list[i].Weight, 1)
		}
	}
}

func (m *Shape) defaults(context int) {
	or(&m.KVHeads, m.Heads)
	if m.HeadDim == 0 && m.Heads > 0 {
		m.HeadDim = m.Dim / m.Heads
	}
	or(&m.RopeBase, 10000)
	or(&m.Eps, 1e-6)
	or(&m.Window, context/2)
}

// The limits keep a slip of the pen from asking for more memory than there is.
const (
	maxContext = 1 << 16
	maxBatch   = 1 << 16
	maxShards  = 256
)

func (r *Recipe) check() error {
	for _, n := range []struct {
		what        string
		got, lo, hi int
	}{
		{"context", r.Context, 2, maxContext}, {"steps", r.Steps, 1, 1 << 30}, {"batch", r.Batch, 1, maxBatch},
		{"shards", r.Shards, 1, maxShards}, {"micro", r.Micro, 1, maxBatch}, {"warmup", r.Warmup, 0, r.Steps},
		{"evaluate", r.Evaluate, 0, 1 << 30}, {"checkpoint", r.Checkpoint, 0, 1 << 30},
		{"lora.rank", r.LoRA.Rank, 0, 1 << 10},
	} {
		if n.got < n.lo || n.got > n.hi {
			return fmt.Errorf("%s: got %d, want %d to %d", n.what, n.got, n.lo, n.hi)
		}
	}
	for _, n := range []struct {
		what        string
		got, lo, hi float64
	}{
		{"learning_rate", r.LearningRate, 0, 10}, {"final_rate", r.FinalRate, 0, 1}, {"beta1", r.Beta1, 0, 0.99999},
		{"beta2", r.Beta2, 0, 0.9999999}, {"epsilon", r.Epsilon, 1e-30, 1}, {"weight_decay", r.WeightDecay, 0, 10},
		{"clip", r.Clip, -math.MaxFloat32, math.MaxFloat32}, {"dropout", r.Dropout, 0, 0.9},
		{"lora.alpha", r.LoRA.Alpha, 0, 1e6},
	} {
		if !(n.got >= n.lo && n.got <= n.hi) {
			return fmt.Errorf("%s: got %v, want %v to %v", n.what, n.got, n.lo, n.hi)
		}
	}
	for _, n := range []struct {
		what string
		got  *float64
		hi   float64
	}{{"temperature", r.Sampling.Temperature, 10}, {"top_p", r.Sampling.TopP, 1}, {"min_p", r.Sampling.MinP, 1}} {
		if n.got != nil && !(*n.got >= 0 && *n.got <= n.hi) {
			return fmt.Errorf("sampling.%s: got %v, want 0 to %v", n.what, *n.got, n.hi)
		}
	}
	if k := r.Sampling.TopK; k != nil && (*k < 0 || *k > 1<<20) {
		return fmt.Errorf("sampling.top_k: got %d, want 0 to %d", *k, 1<<20)
	}
	if err := r.checkModel(); err != nil {
		return err
	}
	if len(r.Sources) == 0 {
		return errors.New("sources: got none, want one or more")
	}
	for _, s := range append(append([]Source(nil), r.Sources...), r.HeldOut...) {
		if s.File == "" {
			return errors.New("sources: a file without a name")
		}
		if !(s.Weight > 0) || math.IsInf(s.Weight, 0) {
			return fmt.Errorf("sources: %s: weight: got %v, want above 0", s.File, s.Weight)
		}
	}
	if r.Type == "" {
		return nil
	}
	typ, err := tensor.ParseDType(r.Type)
	if err != nil {
		return fmt.Errorf("type: %w", err)
	}
	if !typ.CanQuantize() {
		return fmt.Errorf("type: got %s, want a type that weights are converted to", r.Type)
	}
	return nil
}

// checkModel checks what a model is made from: sizes, or a base.
func (r *Recipe) checkModel() error {
	m := &r.Model
	if r.Base != "" {
		if *m != (Shape{}) || r.Vocabulary != (Vocabulary{}) || r.Style != "" {
			return errors.New("base: with it, the file says style, model and vocabulary; want none of them in the recipe")
		}
		return nil
	}
	if r.LoRA.Rank > 0 {
		return errors.New("lora: got a rank without a base, want the file to go on from")
	}
	for _, n := range []struct {
		what        string
		got, lo, hi int
	}{
		{"layers", m.Layers, 1, 256}, {"dim", m.Dim, 2, 1 << 14}, {"hidden", m.Hidden, 1, 1 << 16}, {"heads", m.Heads, 1, 1 << 10},
		{"kv_heads", m.KVHeads, 1, m.Heads}, {"head_dim", m.HeadDim, 2, 1 << 12}, {"window", m.Window, 1, maxContext},
	} {
		if n.got < n.lo || n.got > n.hi {
			return fmt.Errorf("model.%s: got %d, want %d to %d", n.what, n.got, n.lo, n.hi)
		}
	}
	if !(m.RopeBase > 1 && m.RopeBase <= 1e9) || !(m.Eps > 0 && m.Eps < 1) {
		return fmt.Errorf("model: rope_base %v and eps %v, want above 1 and between 0 and 1", m.RopeBase, m.Eps)
	}
	if m.Heads%m.KVHeads != 0 {
		return fmt.Errorf("model.heads: got %d, want a multiple of the %d kv_heads", m.Heads, m.KVHeads)
	}
	if r.Vocabulary.Kind != "characters" && r.Vocabulary.Kind != "bpe" {
		return fmt.Errorf("vocabulary.kind: got %q, want characters or bpe", r.Vocabulary.Kind)
	}
	if r.Vocabulary.Size < 0 || r.Vocabulary.Size > 1<<20 {
		return fmt.Errorf("vocabulary.size: got %d, want 0 to %d", r.Vocabulary.Size, 1<<20)
	}
	return nil
}

// path returns a path of the recipe relative to where it was read from.
func (r *Recipe) path(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(r.dir, p)
}
