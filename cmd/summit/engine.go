package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"summit/arch"
	"summit/engine"
	"summit/tensor"
	"summit/weights"
)

// engineFlags say how a model file is run.
type engineFlags struct {
	exact   bool
	threads int
	backend string
	kernels string
	cache   string
}

func (f *engineFlags) bind(c *cobra.Command) {
	c.Flags().IntVarP(&f.threads, "threads", "t", 0, "workers; 0 = one a processor core")
	f.bindRest(c)
}

// bindRest is bind for a command that has its own flag for threads.
func (f *engineFlags) bindRest(c *cobra.Command) {
	flags := c.Flags()
	flags.BoolVar(&f.exact, "exact", false, "weights as stored, float32 arithmetic and cache: slow, for comparison")
	flags.StringVar(&f.backend, "backend", "cpu", "what computes: "+backends())
	flags.StringVar(&f.kernels, "kernels", "", "tier of kernels, such as plain; empty = the best there is")
	flags.StringVar(&f.cache, "cache", "", "type of the KV cache: F16, F32 or Q8_0; empty = F16, or F32 with --exact")
}

// backends lists what can compute, each with what it is.
func backends() string {
	var all []string
	for _, name := range tensor.Backends() {
		all = append(all, name+" ("+tensor.About(name)+")")
	}
	return strings.Join(all, ", ")
}

// openedEngine is an engine with the file that its weights are views of.
type openedEngine struct {
	*engine.Engine
	file *weights.File
}

func (e *openedEngine) Close() error { return errors.Join(e.Engine.Close(), e.file.Close()) }

// openEngine loads a model file. The caller closes the engine.
func (f *engineFlags) openEngine(path string, o engine.Options) (*openedEngine, error) {
	file, err := weights.Open(path, weights.Options{})
	if err != nil {
		return nil, err
	}
	m, err := arch.Load(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	b, err := tensor.Open(f.backend, tensor.Options{Exact: f.exact, Threads: f.threads, Kernels: f.kernels})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if o.Cache == "" {
		o.Cache = f.cache
	}
	e, err := engine.Open(m, b, o)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &openedEngine{e, file}, nil
}

// parseIDs reads token ids with commas or blanks between them.
func parseIDs(text string) ([]int, error) {
	var ids []int
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		id, err := strconv.Atoi(word)
		if err != nil {
			return nil, usage("--ids: got %q, want whole numbers like 1,2,3", word)
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return nil, usage("--ids: got none, want whole numbers like 1,2,3")
	}
	return ids, nil
}
