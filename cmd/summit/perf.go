package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"summit/engine"
)

func init() { register(perfCommand) }

// perfReport is the JSON of summit perf.
type perfReport struct {
	Machine string    `json:"machine"`
	Tier    string    `json:"tier"`
	Rows    []perfRow `json:"rows"`
}

// perfRow is one measurement.
type perfRow struct {
	P           int      `json:"p"`
	N           int      `json:"n"`
	Threads     int      `json:"threads"`
	Batch       int      `json:"batch"`
	Prompt      perfRate `json:"prompt_tokens_per_second"`
	Decode      perfRate `json:"decode_tokens_per_second"`
	RSSBytes    int64    `json:"rss_bytes"`
	LoadSeconds float64  `json:"load_seconds"`
}

// perfRate is the rates of several runs, of all sequences together.
type perfRate struct {
	Best   float64 `json:"best"`
	Median float64 `json:"median"`
}

func rateOf(runs []float64) perfRate {
	slices.Sort(runs)
	return perfRate{Best: runs[len(runs)-1], Median: runs[len(runs)/2]}
}

// maxPerf bounds each number of the lists.
const maxPerf = 1 << 20

func perfCommand(a *app) *cobra.Command {
	var f engineFlags
	var prompts, threads, batches []int
	var n, runs int
	c := &cobra.Command{
		Use:   "perf FILE",
		Short: "Measure how fast a model file runs here",
		Long: `Perf runs a model file on random tokens and prints tokens a second: of the
prompt until the last of the sequences has its first token, and of the answers
from then on, all sequences together. Tokens are taken at random, not chosen
from the logits, and nothing is found in the prefix cache. Each number of
threads opens the file anew. Memory is what the process holds resident after
the runs (0 where the system does not tell).`,
		Example: `  summit perf model.gguf
  summit perf model.gguf -p 64,512 -n 64 -t 1,2 -b 1,8 -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, l := range []struct {
				flag string
				low  int
				v    []int
			}{{"-p", 1, prompts}, {"-t", 0, threads}, {"-b", 1, batches}, {"-n", 1, []int{n}}, {"--runs", 1, []int{runs}}} {
				for _, v := range l.v {
					if v < l.low || v > maxPerf {
						return usage("%s: got %d, want %d to %d", l.flag, v, l.low, maxPerf)
					}
				}
				if len(l.v) == 0 {
					return usage("%s: got an empty list", l.flag)
				}
			}
			report := perfReport{Machine: machine()}
			for _, t := range threads {
				f.threads = t
				if err := f.perf(c.Context(), args[0], prompts, n, batches, runs, &report); err != nil {
					return err
				}
			}
			return a.emit(report, report.table)
		},
	}
	c.Flags().IntSliceVarP(&prompts, "prompt", "p", []int{64, 512}, "tokens of a prompt")
	c.Flags().IntVarP(&n, "tokens", "n", 64, "tokens of an answer")
	c.Flags().IntSliceVarP(&threads, "threads", "t", []int{0}, "workers; 0 = one a processor core")
	c.Flags().IntSliceVarP(&batches, "batch", "b", []int{1}, "sequences at once")
	c.Flags().IntVar(&runs, "runs", 5, "how often each is measured")
	f.bindRest(c)
	return c
}

// perf measures all prompts and batches with one number of threads.
func (f *engineFlags) perf(ctx context.Context, path string, prompts []int, n int, batches []int, runs int, report *perfReport) error {
	most := slices.Max(batches)
	longest := slices.Max(prompts) + n + 1
	start := time.Now()
	e, err := f.openEngine(path, engine.Options{CacheTokens: (longest + 63) / 32 * 32 * most, WindowTokens: longest, Batch: most})
	if err != nil {
		return err
	}
	load := time.Since(start).Seconds()
	defer func() {
		e.Close()
		debug.FreeOSMemory() // the next number of threads begins afresh
	}()
	if got := e.WindowTokens(); got < longest {
		return fmt.Errorf("perf: %s: a window of %d tokens, want %d for prompt and answer", path, got, longest)
	}
	report.Tier = e.Backend().Kernels
	for _, b := range batches {
		for _, p := range prompts {
			var prompt, decode []float64
			for r := range runs {
				pr, de, err := measure(ctx, e.Engine, p, n, b, fmt.Sprint("perf", p, b, r))
				if err != nil {
					return err
				}
				prompt, decode = append(prompt, pr), append(decode, de)
			}
			report.Rows = append(report.Rows, perfRow{
				P: p, N: n, Threads: e.Backend().Threads, Batch: b,
				Prompt: rateOf(prompt), Decode: rateOf(decode), RSSBytes: residentBytes(), LoadSeconds: load,
			})
		}
	}
	return nil
}

// walk is a Picker that takes tokens without looking at the logits.
type walk struct{ at, step int }

func (w *walk) Next(logits []float32) int {
	w.at = (w.at + w.step) % len(logits)
	return w.at
}

// measure runs b sequences at once and returns prompt and decode tokens a
// second. Decode is counted from when the last sequence has its first token
// until the first has its last.
func measure(ctx context.Context, e *engine.Engine, p, n, b int, salt string) (prompt, decode float64, err error) {
	vocab := e.Model().Vocab
	times := make([][]time.Time, b)
	errs := make([]error, b)
	start := time.Now()
	var all sync.WaitGroup
	for s := range b {
		all.Go(func() {
			ids := make([]int, p)
			for i := range ids {
				ids[i] = (s*7919 + i*104729) % vocab
			}
			times[s] = make([]time.Time, 0, n+1)
			_, errs[s] = e.Generate(ctx, engine.Request{Prompt: ids, MaxTokens: n + 1, Picker: &walk{s, 101}, Salt: fmt.Sprint(salt, s)}, func(engine.Token) bool {
				times[s] = append(times[s], time.Now())
				return true
			})
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, 0, err
	}
	first, last := start, time.Time{}
	for s, at := range times {
		if len(at) != n+1 {
			return 0, 0, fmt.Errorf("perf: sequence %d gave %d tokens, want %d", s, len(at), n+1)
		}
		if at[0].After(first) {
			first = at[0]
		}
		if end := at[n]; last.IsZero() || end.Before(last) {
			last = end
		}
	}
	tokens := 0
	for _, at := range times {
		for _, t := range at {
			if t.After(first) && !t.After(last) {
				tokens++
			}
		}
	}
	if took := last.Sub(first).Seconds(); took > 0 {
		decode = float64(tokens) / took
	}
	return float64(p*b) / first.Sub(start).Seconds(), decode, nil
}

func (r perfReport) table(w io.Writer) {
	fmt.Fprintf(w, "%s, kernels %s\n", r.Machine, r.Tier)
	row(w, "THREADS", "BATCH", "PROMPT", "ANSWER", "PROMPT TOK/S", "MEDIAN", "ANSWER TOK/S", "MEDIAN", "MEMORY", "LOAD")
	for _, x := range r.Rows {
		row(w, strconv.Itoa(x.Threads), strconv.Itoa(x.Batch), strconv.Itoa(x.P), strconv.Itoa(x.N),
			fmt.Sprintf("%.1f", x.Prompt.Best), fmt.Sprintf("%.1f", x.Prompt.Median),
			fmt.Sprintf("%.1f", x.Decode.Best), fmt.Sprintf("%.1f", x.Decode.Median),
			size(x.RSSBytes), fmt.Sprintf("%.2f s", x.LoadSeconds))
	}
}

// machine names the processor, where the system tells, and its cores.
func machine() string {
	name := runtime.GOARCH
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
				name = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores", name, runtime.NumCPU())
}

// residentBytes is the memory of this process that is not swapped or only
// reserved, 0 where the system does not tell.
func residentBytes() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
