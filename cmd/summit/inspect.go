package main

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"summit/arch"
	"summit/tensor"
	"summit/weights"
)

func init() { register(inspectCommand) }

// inspection is what is known of a model file.
type inspection struct {
	File       string         `json:"file"`
	Format     string         `json:"format"`
	Bytes      int64          `json:"bytes"` // of tensor data
	Parameters int64          `json:"parameters"`
	Model      *inspectModel  `json:"model,omitempty"`
	Problem    string         `json:"problem,omitempty"` // why it does not run here
	Metadata   []inspectPair  `json:"metadata"`
	Types      []inspectType  `json:"types"`
	Tensors    []inspectEntry `json:"tensors"`
	Memory     *inspectMemory `json:"memory,omitempty"`
	Plan       []inspectStep  `json:"plan,omitempty"`

	drawn string
}

type inspectModel struct {
	Name         string `json:"name"`
	Architecture string `json:"architecture"`
	About        string `json:"about"`
	Unverified   string `json:"unverified,omitempty"` // what the description was written from
	Layers       int    `json:"layers"`
	Dim          int    `json:"dim"`
	Vocab        int    `json:"vocab"`
	WindowTokens int    `json:"window_tokens"`
	TiedHead     bool   `json:"tied_head"`
}

type inspectPair struct {
	Key   string `json:"key"`
	Value any    `json:"value"` // a long list is told in words
}

type inspectType struct {
	Type    string `json:"type"`
	Tensors int    `json:"tensors"`
	Bytes   int64  `json:"bytes"`
}

type inspectEntry struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
	Bytes int64  `json:"bytes"`
}

type inspectMemory struct {
	CacheType     string `json:"cache_type"`
	WeightBytes   int64  `json:"weight_bytes"`
	BytesPerToken int64  `json:"cache_bytes_per_token"`
	BytesPerSeq   int64  `json:"state_bytes_per_sequence"`
	BytesPerRow   int64  `json:"work_bytes_per_batch_token"`
	WindowTokens  int    `json:"window_tokens"`
	WindowBytes   int64  `json:"cache_bytes_of_a_full_window"`
}

type inspectStep struct {
	Layer       int    `json:"layer"`
	Step        string `json:"step"`
	WeightBytes int64  `json:"weight_bytes"`
	OtherBytes  int64  `json:"other_bytes"`
	MACs        int64  `json:"macs"`
}

func inspectCommand(a *app) *cobra.Command {
	var cache string
	load := tensor.Workload{Seqs: 1, Tokens: 1, Outputs: 1}
	c := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what is in a model file and how it would run",
		Long: `Inspect shows a model file's metadata and tensors, the steps that it is
compiled to with the bytes each moves and the multiply-adds it takes, and the
memory it needs. FILE is a GGUF file, any part of a split one, or a folder
with safetensors and config.json. Nothing is computed.

An architecture is unverified where its description was written from
published material and nobody has tried it on the vendor's weights.`,
		Example: `  summit inspect model.gguf
  summit inspect model.gguf --tokens 512 --context 1024
  summit inspect model.gguf -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := tensor.ParseDType(cache)
			if err != nil {
				return usage("--cache %q, want F16, F32 or Q8_0", cache)
			}
			if load.Tokens < 1 || load.Context < 0 || load.Tokens > 1<<20 || load.Context > 1<<30 {
				return usage("--tokens %d and --context %d, want 1 or more and 0 or more", load.Tokens, load.Context)
			}
			f, err := weights.Open(args[0], weights.Options{})
			if err != nil {
				return err
			}
			defer f.Close()
			i := inspect(f, t, load)
			return a.emit(i, i.table)
		},
	}
	c.Flags().StringVar(&cache, "cache", "F16", "number type of the KV cache")
	c.Flags().IntVar(&load.Tokens, "tokens", load.Tokens, "new tokens of the batch that the plan's costs are for")
	c.Flags().IntVar(&load.Context, "context", load.Context, "tokens before them")
	return c
}

func inspect(f *weights.File, cache tensor.DType, load tensor.Workload) *inspection {
	i := &inspection{File: f.Path(), Format: f.Format(), Bytes: f.Bytes(), Metadata: []inspectPair{}, Types: []inspectType{}, Tensors: []inspectEntry{}}
	for _, key := range f.Meta().Keys() {
		v, _ := f.Value(key)
		i.Metadata = append(i.Metadata, inspectPair{key, brief(v)})
	}
	for _, t := range f.Tensors() {
		n := int64(len(t.Data))
		i.Parameters += int64(t.Elements())
		i.Tensors = append(i.Tensors, inspectEntry{t.Name, t.Type.String(), t.Shape, n})
		at := slices.IndexFunc(i.Types, func(x inspectType) bool { return x.Type == t.Type.String() })
		if at < 0 {
			at = len(i.Types)
			i.Types = append(i.Types, inspectType{Type: t.Type.String()})
		}
		i.Types[at].Tensors++
		i.Types[at].Bytes += n
	}
	slices.SortStableFunc(i.Types, func(a, b inspectType) int { return int(b.Bytes>>10 - a.Bytes>>10) })
	if err := i.compile(f, cache, load); err != nil {
		i.Problem = err.Error()
	}
	return i
}

// compile fills in what needs the architecture.
func (i *inspection) compile(f *weights.File, cache tensor.DType, load tensor.Workload) error {
	m, err := arch.Load(f)
	if err != nil {
		return err
	}
	i.Model = &inspectModel{
		Name: m.Name, Architecture: m.Arch, Unverified: m.Unverified,
		Layers: len(m.Layers), Dim: m.Dim, Vocab: m.Vocab, WindowTokens: m.WindowTokens, TiedHead: m.TiedHead,
	}
	for _, family := range arch.Families() {
		if family.Name == m.Arch {
			i.Model.About = family.About
		}
	}
	p, err := arch.NewPlan(m, arch.PlanOptions{Cache: cache})
	if err != nil {
		return err
	}
	need := p.Memory()
	i.Memory = &inspectMemory{
		CacheType: cache.String(), WeightBytes: need.Weights, BytesPerToken: need.PerToken, BytesPerSeq: need.PerSeq,
		BytesPerRow: need.PerRow, WindowTokens: m.WindowTokens, WindowBytes: need.PerToken * int64(m.WindowTokens),
	}
	for n, s := range p.Steps {
		cost := p.StepCost(s, load)
		i.Plan = append(i.Plan, inspectStep{p.Layer[n], p.Line(s), cost.WeightBytes, cost.CacheBytes + cost.MoveBytes, cost.MACs})
	}
	i.drawn = p.Draw(load)
	return nil
}

const briefItems = 16

// brief returns a metadata value that is short enough to show.
func brief(v any) any {
	if s, ok := v.(string); ok {
		if r := []rune(s); len(r) > 200 {
			return fmt.Sprintf("%s... (%d bytes)", string(r[:200]), len(s))
		}
		return s
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Slice:
		if n := r.Len(); n > briefItems {
			return fmt.Sprintf("list of %d x %s", n, r.Type().Elem())
		}
		if b, ok := v.([]uint8); ok { // JSON would make text of it
			out := make([]int, len(b))
			for i := range b {
				out[i] = int(b[i])
			}
			return out
		}
	}
	if _, err := json.Marshal(v); err != nil { // JSON has no infinity
		return fmt.Sprint(v)
	}
	return v
}

// digits are the parts of a tensor's name that are numbers: layers, experts.
var digits = regexp.MustCompile(`\.[0-9]+\.`)

// table draws it for people. Tensors that differ only in the numbers of their
// names are one line.
func (i *inspection) table(w io.Writer) {
	row(w, "file", plain(i.File))
	row(w, "format", i.Format)
	row(w, "size", fmt.Sprintf("%s in %d tensors, %.4g million numbers", size(i.Bytes), len(i.Tensors), float64(i.Parameters)/1e6))
	if m := i.Model; m != nil {
		row(w, "model", plain(m.Name))
		row(w, "architecture", plain(m.Architecture+": "+m.About))
		if m.Unverified != "" {
			row(w, "unverified", plain(m.Unverified))
		}
		row(w, "dimensions", fmt.Sprintf("%d layers of %d, vocabulary %d, window %d tokens", m.Layers, m.Dim, m.Vocab, m.WindowTokens))
	}
	if i.Problem != "" {
		row(w, "does not run", plain(i.Problem))
	}
	if m := i.Memory; m != nil {
		row(w, "weights", size(m.WeightBytes))
		row(w, "KV cache", fmt.Sprintf("%s a token, %s for the whole window, %s", size(m.BytesPerToken), size(m.WindowBytes), m.CacheType))
		if m.BytesPerSeq > 0 {
			row(w, "state", size(m.BytesPerSeq)+" a sequence")
		}
		row(w, "work", size(m.BytesPerRow)+" for each token of a batch")
	}
	fmt.Fprintf(w, "\nMETADATA\n")
	for _, p := range i.Metadata {
		row(w, plain(p.Key), plain(fmt.Sprint(p.Value)))
	}
	fmt.Fprintf(w, "\nTENSORS\n")
	for _, t := range i.Types {
		row(w, t.Type, fmt.Sprintf("%d tensors", t.Tensors), size(t.Bytes))
	}
	fmt.Fprintln(w)
	type group struct {
		inspectEntry
		n int
	}
	var groups []*group
	at := map[string]*group{}
	for _, t := range i.Tensors {
		key := fmt.Sprint(digits.ReplaceAllString(t.Name, ".*."), t.Type, t.Shape)
		g := at[key]
		if g == nil {
			g = &group{inspectEntry: t}
			at[key], groups = g, append(groups, g)
		}
		if g.n++; g.n > 1 {
			g.Name = digits.ReplaceAllString(t.Name, ".*.")
			g.Bytes += t.Bytes
		}
	}
	for _, g := range groups {
		row(w, plain(g.Name), g.Type, strings.Trim(strings.ReplaceAll(fmt.Sprint(g.Shape), " ", " x "), "[]"), fmt.Sprintf("%d of", g.n), size(g.Bytes/int64(g.n)))
	}
	if i.drawn != "" {
		fmt.Fprintf(w, "\nPLAN\n%s", printable(i.drawn))
	}
}

var _ arch.Source = (*weights.File)(nil)
