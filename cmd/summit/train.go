package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"summit/train"
)

func init() { register(trainCommand) }

func trainCommand(a *app) *cobra.Command {
	var o train.Options
	var job train.Job
	var export string
	c := &cobra.Command{
		Use:   "train RECIPE",
		Short: "Train a small model from a recipe",
		Long: `Train makes a model as a recipe file (YAML) says: architecture style, sizes,
vocabulary, data, schedule and seed. Into the recipe's folder it writes
model.gguf, which summit run and serve take like any other model file,
log.jsonl with a line for each step, loss.svg and a checkpoint.

The same recipe and data give the same weights, bit for bit, with any number
of threads, and also when a run is interrupted and continued with --resume.
docs/train.md describes recipes and data files.

Where one machine is too small, --export writes the recipe as a job for a
framework that trains on many chips: data, configuration and a script. Names of
settings are checked against the release that is written for.`,
		Example: `  summit train poet.yaml
  summit train poet.yaml --resume --threads 2
  summit run poet/model.gguf -p "春"
  summit train tune.yaml --export job --for llama-factory --model Qwen/Qwen3-8B`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r, err := train.ReadRecipe(args[0])
			if err != nil {
				return err
			}
			if export != "" {
				if err := train.Export(r, &job, export); err != nil {
					return err
				}
				return a.emit(map[string]string{"job": export, "framework": job.Framework}, func(w io.Writer) {
					row(w, "job", plain(export))
					row(w, "start with", plain(filepath.Join(export, "launch.sh")))
				})
			}
			screen := terminal(a.err)
			var shown time.Time
			o.Progress = func(s train.Status) {
				if len(s.HeldOut) == 0 && time.Since(shown) < time.Second/4 {
					return
				}
				if !screen && len(s.HeldOut) == 0 && time.Since(shown) < 20*time.Second {
					return
				}
				shown = time.Now()
				line := trainLine(s)
				if screen {
					fmt.Fprintf(a.err, "\r%s\x1b[K", line)
					if len(s.HeldOut) > 0 {
						fmt.Fprintln(a.err)
					}
					return
				}
				fmt.Fprintln(a.err, line)
			}
			rep, err := train.Run(c.Context(), r, o)
			if screen {
				fmt.Fprintln(a.err)
			}
			if errors.Is(err, train.ErrStopped) {
				return failed("go on with: summit train "+plain(args[0])+" --resume", err)
			}
			if err != nil {
				return err
			}
			return a.emit(rep, func(w io.Writer) { trainTable(w, rep) })
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Resume, "resume", false, "go on from the checkpoint, if there is one")
	f.IntVar(&o.Threads, "threads", 0, "threads that compute; 0 = one a core")
	f.StringVar(&o.Kernels, "kernels", "", "tier of the processor's kernels; another tier rounds differently; empty = the best")
	f.IntVar(&o.StopAfter, "stop-after", 0, "stop after this step with a checkpoint; 0 = at the recipe's end")
	f.StringVar(&export, "export", "", "write a job for another framework into this folder instead of training")
	f.StringVar(&job.Framework, "for", "llama-factory", "with --export: "+strings.Join(train.Frameworks(), " or "))
	f.StringVar(&job.Model, "model", "", "with --export: the model that is tuned, a folder or a name on a hub")
	f.IntVar(&job.Devices, "devices", 0, "with --export: chips of the machine; 0 = 8")
	f.StringToStringVar(&job.Settings, "setting", nil, "with --export: NAME=VALUE of a setting of the framework's own; an empty value is a flag alone")
	return c
}

// trainLine is how far a run is, with a bar.
func trainLine(s train.Status) string {
	const width = 20
	done := width * s.Step / max(1, s.Steps)
	left := time.Duration(0)
	if s.Step > 0 {
		left = time.Duration(float64(s.Took) / float64(s.Step) * float64(s.Steps-s.Step)).Round(time.Second)
	}
	line := fmt.Sprintf("[%s%s] %d/%d  loss %.4f  %.0f tokens/s  %.1f GFLOP/s  %s left",
		strings.Repeat("#", done), strings.Repeat(".", width-done), s.Step, s.Steps, s.Loss, s.TokensPerSecond, s.FlopsPerSecond/1e9, left)
	for _, h := range s.HeldOut {
		line += fmt.Sprintf("  %s: perplexity %.2f, accuracy %.1f %%", plain(h.File), h.Perplexity, 100*h.Accuracy)
	}
	return line
}

func trainTable(w io.Writer, r *train.Report) {
	row(w, "model", plain(r.Model))
	row(w, "parameters", fmt.Sprint(r.Parameters))
	row(w, "vocabulary", fmt.Sprint(r.Vocabulary))
	row(w, "steps", fmt.Sprint(r.Steps))
	row(w, "tokens", fmt.Sprint(r.Tokens))
	row(w, "time", (time.Duration(r.Seconds * float64(time.Second))).Round(time.Millisecond).String())
	row(w, "loss", fmt.Sprintf("%.4f", r.Loss))
	for _, h := range r.HeldOut {
		row(w, "held out "+plain(h.File), fmt.Sprintf("loss %.4f, perplexity %.2f, accuracy %.1f %% of %d", h.Loss, h.Perplexity, 100*h.Accuracy, h.Targets))
	}
	if r.TooLong > 0 {
		row(w, "left out", fmt.Sprintf("%d conversations longer than the context", r.TooLong))
	}
}
