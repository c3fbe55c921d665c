package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"summit"
	"summit/eval"
	"summit/llm"
	"summit/local"
)

func init() { register(perplexityCommand) }

func perplexityCommand(a *app) *cobra.Command {
	var names []string
	var change float64
	c := &cobra.Command{
		Use:   "perplexity TEXTS -m MODEL,MODEL",
		Short: "Measure how well models expect texts, alone and mixed",
		Long: `Perplexity reads texts byte by byte through models of this machine and prints
how well each expected them, and how well they do together: one at a time, as
the best gate could choose, and mixed at each byte as the strategy tokens does.
Models may have different vocabularies. Lower is better; 256 is no idea at all.

A model is a file or a member of the configuration. TEXTS is plain text, whose
passages are set apart by lines of three dashes, or, where it ends in .jsonl,
one JSON object a line: {"text": "..."} as it stands, or {"messages": [...]}
whose last message, the assistant's, is measured as the answer to the others.
A text as it stands is read without a chat template by model files, and as an
answer to nothing by members.`,
		Example: `  summit perplexity tales.txt -m small.gguf,other.gguf
  summit perplexity answers.jsonl -m qwen-local,glm-local -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(names) == 0 {
				return usage("want -m MODEL: model files, or members of the configuration")
			}
			file, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			o := eval.PerplexityOptions{Change: change}
			if o.Passages, err = eval.ReadPassages(file, filepath.Base(args[0])); err != nil {
				return err
			}
			store := local.NewStore(local.Options{Idle: -1})
			defer store.Close()
			raw := !slices.ContainsFunc(o.Passages, func(p eval.Passage) bool { return p.Messages != nil })
			var s *summit.Summit
			for _, name := range names {
				var m llm.Member
				if info, err := os.Stat(name); err == nil && !info.IsDir() {
					m, err = store.Open(local.Config{File: name, Raw: raw, Batch: 1})
					if err != nil {
						return err
					}
				} else {
					if s == nil {
						if s, err = a.open(c.Context()); err != nil {
							return err
						}
						defer s.Close()
					}
					if m, err = s.Model(name); err != nil {
						return failed(fmt.Sprintf("%q is no file either; \"summit models\" lists what is configured", clip(name)), err)
					}
				}
				o.Members = append(o.Members, m)
			}
			b := newBar(a.err)
			o.Progress = b.show
			report, err := eval.Perplexity(c.Context(), o)
			b.clear()
			if err != nil {
				return err
			}
			return a.emit(report, func(w io.Writer) { perplexityTable(w, report) })
		},
	}
	c.Flags().StringSliceVarP(&names, "model", "m", nil, "model files or configured members, with commas between them")
	c.Flags().Float64Var(&change, "change", 0, "gate: how probably another member is the right one from one byte to the next; 0 = 0.02")
	return c
}

func perplexityTable(w io.Writer, r *eval.PerplexityReport) {
	fmt.Fprintf(w, "%d bytes of %d texts\n", r.Bytes, r.Passages)
	row(w, "WHO", "PERPLEXITY OF A BYTE", "BITS A BYTE")
	for _, part := range []struct {
		kind string
		rows []eval.ExpectedWell
	}{{"", r.Members}, {"one at a time: ", r.Gates}, {"mixed by ", r.Mixtures}} {
		for _, x := range part.rows {
			row(w, part.kind+plain(x.Name), fmt.Sprintf("%.4f", x.Perplexity), fmt.Sprintf("%.4f", x.Bits))
		}
	}
}
