package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"summit/arch"
	"summit/tensor"
	"summit/weights"
)

func init() { register(weightsCommand) }

func weightsCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "weights",
		Short: "Make and convert model files",
		Long: `Weights makes model files of random numbers, to measure speed with, and
converts models to smaller number types.`,
	}
	c.AddCommand(synthCommand(a), quantizeCommand(a))
	return c
}

func synthCommand(a *app) *cobra.Command {
	var shape, typ, name string
	var seed uint64
	var s arch.Shape // what flags say; 0 = as the shape says
	var tied bool
	dims := []struct {
		name, usage string
		value       *int
		get         func(*arch.Shape) *int
	}{
		{"layers", "layers", &s.Layers, func(s *arch.Shape) *int { return &s.Layers }},
		{"dim", "width of the residual stream", &s.Dim, func(s *arch.Shape) *int { return &s.Dim }},
		{"ffn", "rows of the channel block", &s.Hidden, func(s *arch.Shape) *int { return &s.Hidden }},
		{"heads", "query heads", &s.Heads, func(s *arch.Shape) *int { return &s.Heads }},
		{"kv-heads", "key and value heads", &s.KVHeads, func(s *arch.Shape) *int { return &s.KVHeads }},
		{"head-dim", "width of a head", &s.HeadDim, func(s *arch.Shape) *int { return &s.HeadDim }},
		{"vocab", "tokens in the vocabulary", &s.Vocab, func(s *arch.Shape) *int { return &s.Vocab }},
		{"window", "longest context in tokens", &s.WindowTokens, func(s *arch.Shape) *int { return &s.WindowTokens }},
		{"experts", "experts a layer", &s.Experts, func(s *arch.Shape) *int { return &s.Experts }},
		{"used-experts", "experts a token", &s.UsedExperts, func(s *arch.Shape) *int { return &s.UsedExperts }},
		{"expert-ffn", "rows of an expert", &s.ExpertHidden, func(s *arch.Shape) *int { return &s.ExpertHidden }},
	}
	c := &cobra.Command{
		Use:   "synth OUT",
		Short: "Write a model file of random weights",
		Long: `Synth writes a GGUF file with the dimensions of a known model and random
weights: it runs as fast as the real one and says nothing of sense. The same
seed gives the same file. Flags for dimensions win over the shape's own. The
file has no vocabulary: give it token ids.

Shapes: ` + strings.Join(shapeNames(), ", ") + `.`,
		Example: `  summit weights synth model.gguf --shape qwen3-0.6b --type Q8_0
  summit weights synth small.gguf --shape tiny --layers 4 --vocab 1000`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			sh, err := arch.FindShape(shape)
			if err != nil {
				return usage("%v", err)
			}
			for _, d := range dims {
				if c.Flags().Changed(d.name) {
					*d.get(&sh) = *d.value
				}
			}
			if c.Flags().Changed("tied") {
				sh.Tied = tied
			}
			if name != "" {
				sh.Arch = name
			}
			t, err := matrixType(typ)
			if err != nil {
				return err
			}
			out := args[0]
			err = replace(out, func(w io.Writer, path string) error {
				if err := synth(c.Context(), w, sh, t, seed, newMeter(a.err, "writing")); err != nil {
					return err
				}
				return nil
			}, func(path string) error { return loads(path) })
			if err != nil {
				return err
			}
			return a.wrote(out)
		},
	}
	f := c.Flags()
	f.StringVar(&shape, "shape", "qwen3-0.6b", "dimensions to start from")
	f.StringVar(&name, "arch", "", "architecture to write it as (default: the shape's)")
	f.StringVar(&typ, "type", "Q8_0", "number type of the matrices")
	f.Uint64Var(&seed, "seed", 1, "seed of the random numbers")
	f.BoolVar(&tied, "tied", true, "the head is the embedding (default: as the shape says)")
	for _, d := range dims {
		f.IntVar(d.value, d.name, 0, d.usage+" (default: the shape's)")
	}
	return c
}

func shapeNames() []string {
	var names []string
	for _, s := range arch.Shapes() {
		names = append(names, s.Name)
	}
	return names
}

// synth streams a file of that shape. Deviations keep numbers in the range
// that trained models have: what a matrix puts out is as large as what goes
// in, logits spread by about 3.
func synth(ctx context.Context, w io.Writer, s arch.Shape, t tensor.DType, seed uint64, b *meter) error {
	defer b.done()
	list, err := s.Tensors(t, func(t tensor.DType, cols int) tensor.DType { return weights.Fitting(t, tensor.F16, cols) })
	if err != nil {
		return err
	}
	meta := &weights.Metadata{}
	for _, f := range s.Facts() {
		meta.Set(f.Key, f.Value)
	}
	out, err := weights.NewWriter(w, meta, list)
	if err != nil {
		return err
	}
	var done, total int64
	for _, t := range list {
		n, err := tensor.ByteSize(t.Type, t.Shape)
		if err != nil {
			return err
		}
		total += int64(n)
	}
	r := &weights.Random{Seed: seed}
	counted := writerFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := out.Write(p)
		done += int64(n)
		b.set(done, total)
		return n, err
	})
	for _, t := range list {
		mean, deviation := 0.0, 1/math.Sqrt(float64(t.Cols()))
		switch {
		case strings.HasSuffix(t.Name, "norm.weight"):
			mean, deviation = 1, 0.1
		case len(t.Shape) == 1:
			deviation = 0.1
		case t.Shape[0] == s.Vocab:
			deviation *= 3
		}
		if err := r.Fill(counted, t, mean, deviation); err != nil {
			return err
		}
	}
	return out.Close()
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// loads checks that a file is a model.
func loads(path string) error {
	f, err := weights.Open(path, weights.Options{})
	if err != nil {
		return err
	}
	_, err = arch.Load(f)
	return errors.Join(err, f.Close())
}

func quantizeCommand(a *app) *cobra.Command {
	var typ, embed string
	c := &cobra.Command{
		Use:   "quantize IN OUT",
		Short: "Convert a model's matrices to a smaller number type",
		Long: `Quantize writes a GGUF file with the matrices of a model in another number
type. Vectors, routers and convolutions stay as they are, the embedding gets
a type of its own. Where blocks do not divide a row, the matrix becomes Q8_0
or stays. IN is a GGUF file or a folder with safetensors and config.json; a
folder becomes a GGUF file that only Summit reads.

Types: ` + strings.Join(matrixTypes(), " ") + `.`,
		Example: `  summit weights quantize model-f16.gguf model-q4_k.gguf --type Q4_K
  summit weights quantize ./qwen3-folder model.gguf --type Q8_0 --embeddings keep`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			o := weights.Rewrite{}
			var err error
			if o.Type, err = matrixType(typ); err != nil {
				return err
			}
			if embed != "keep" {
				if o.Embed, err = matrixType(embed); err != nil {
					return err
				}
			}
			if from, err := os.Stat(args[0]); err == nil { // a converted model can't be converted back
				if to, err := os.Stat(args[1]); err == nil && os.SameFile(from, to) {
					return usage("OUT is the file IN, want another")
				}
			}
			in, err := weights.Open(args[0], weights.Options{})
			if err != nil {
				return err
			}
			defer in.Close()
			b := newMeter(a.err, "converting")
			o.Progress = b.set
			ctx := c.Context()
			err = replace(args[1], func(w io.Writer, _ string) error {
				defer b.done()
				return in.Write(writerFunc(func(p []byte) (int, error) {
					if err := ctx.Err(); err != nil {
						return 0, err
					}
					return w.Write(p)
				}), o)
			}, nil)
			if err != nil {
				return err
			}
			return a.wrote(args[1])
		},
	}
	c.Flags().StringVar(&typ, "type", "Q4_K", "number type of the matrices")
	c.Flags().StringVar(&embed, "embeddings", "Q8_0", "number type of the embedding, or keep")
	return c
}

// matrixTypes are the types that matrices can be written in.
func matrixTypes() []string {
	var names []string
	for _, t := range tensor.DTypes() {
		if t.CanQuantize() {
			names = append(names, t.String())
		}
	}
	return names
}

func matrixType(name string) (tensor.DType, error) {
	t, err := tensor.ParseDType(name)
	if err != nil || !t.CanQuantize() {
		return 0, usage("--type %q, want one of %s", name, strings.Join(matrixTypes(), " "))
	}
	return t, nil
}

// replace writes a file beside path, checks it and renames it, so that a
// half-written or wrong one never stands under the name.
func replace(path string, write func(w io.Writer, path string) error, check func(path string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.partial")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // after the rename it is not there
	b := bufio.NewWriterSize(f, 1<<20)
	err = write(b, f.Name())
	if err == nil {
		err = b.Flush()
	}
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err = errors.Join(err, f.Close()); err == nil && check != nil {
		err = check(f.Name())
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// wrote says what was written.
func (a *app) wrote(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return a.emit(struct {
		File  string `json:"file"`
		Bytes int64  `json:"bytes"`
	}{path, info.Size()}, func(w io.Writer) { fmt.Fprintf(w, "%s\t%s\n", path, size(info.Size())) })
}
