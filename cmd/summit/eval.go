package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"summit/eval"
	"summit/llm"
	"summit/record"
)

func init() { register(evalCommand) }

// evaluation is one run of summit eval.
type evaluation struct {
	*app
	outcomes string
	recorded eval.Options
	svg      string
	plot     bool
	honesty  bool

	logged      logged
	byLog       bool
	set         string // of --live
	task        string
	model       string
	judge       string
	dir         string
	split       string
	concurrency int
}

func evalCommand(a *app) *cobra.Command {
	e := evaluation{app: a, logged: logged{app: a}}
	cmd := &cobra.Command{
		Use:   "eval (--outcomes DIR | --task FILE | --live everest | --logged --brain FILE)",
		Short: "Measure policies on recorded answers, or a model on a task",
		Long: `Eval measures how good policies are, and what they cost.

With --outcomes it works on a folder of recorded answers and calls nobody:
members, votes and cascades are fitted on the training splits, run as the
strategies that the server runs, and reported on the test split with 95 %
intervals of their gain over the best single member. Policies are

  single            the member that is best on the training splits
  single:MEMBER     that member
  majority@K        majority vote of K members; without @K, K is chosen
  weighted@K        vote weighted by log-odds of the training accuracy
  cascade@K         up to K members, cheap first, until two agree
  threshold@K       up to K members, cheap first, until their weights suffice
  majority@all      the whole pool; also weighted@all
  auto              a brain that asks step by step; with a --cap, under that
  checked           one member after the other until an answer passes a check:
                    recorded tests that err, or a run of the question's program
  tool              the question's program is run, which gives the answer
  judged            a recorded judge picks among all replies
  chosen            whatever scores best in cross-validation on the training
                    splits, or the best single member if nothing clearly does

Policies that nothing can be checked or judged for are left out; where one
that was named can't be run here, its line says so.

Pools are all, domestic, small, plain, or names of members: a,b and a+b are
one pool of two. A --cap chooses once more under a mean cost, a multiple of
the best single member's.

With --task it asks a model of the configuration the questions of a file and
scores the replies. The file has a question on each line of JSON (.jsonl), or
blocks of text set apart by ---. Scorers are ` + strings.Join(eval.Scorers(), ", ") + `.
With --out the answers are kept as recorded outcomes, and a run that was
stopped goes on where it was.

With --live everest it asks the small models inside this program, and --model
over them, the questions of their seven test sets: a table of who can do what,
with what an oracle router would reach.

With --logged it judges a new brain by the requests that a server kept: what it
would have done, as far as all whom it would have asked were asked, by chance
or not, weighed by that chance. It says promote, do not promote, or too little
data; "summit brain promote" heeds it.`,
		Example: `  summit eval --outcomes outcomes --suite gsm8k,mathl5 --pool all
  summit eval --outcomes outcomes --train train --test dev -o json
  summit eval --outcomes outcomes --suite gsm8k --policy chosen --cap 0.25,1 --svg gsm8k.svg
  summit eval --outcomes outcomes --state eval.state -o markdown
  summit eval --outcomes outcomes --honesty --suite theme,mathl5
  summit eval --task sums.txt -m summit --out answers
  summit eval --live everest
  summit eval --logged --brain new.brain`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if e.byLog || e.logged.brain != "" {
				if name := changed(cmd, "outcomes", "task", "train", "test", "suite", "pool", "policy", "cap", "svg", "plot", "state", "honesty", "model", "judge", "out", "split", "concurrency", "max-spend"); name != "" {
					return usage("--%s doesn't go with --logged", name)
				}
				if !e.byLog || e.logged.brain == "" {
					return usage("want --logged and --brain FILE together: the brain to judge by the requests that were kept")
				}
				report, err := e.logged.judge(cmd.Context())
				if err != nil {
					return err
				}
				return e.logged.show(report)
			}
			if name := changed(cmd, "from", "cost-x"); name != "" {
				return usage("--%s goes with --logged", name)
			}
			if e.set != "" {
				if e.set != "everest" {
					return usage("--live %q, want everest", clip(e.set))
				}
				if name := changed(cmd, "outcomes", "task", "train", "test", "suite", "pool", "policy", "cap", "svg", "plot", "state", "honesty", "judge", "out", "split", "allow-commands"); name != "" {
					return usage("--%s doesn't go with --live", name)
				}
				return e.everest(cmd.Context())
			}
			switch {
			case (e.outcomes == "") == (e.task == ""):
				return usage("want either --outcomes DIR, for recorded answers, or --task FILE, for a model that answers")
			case e.task != "":
				if name := changed(cmd, "train", "test", "suite", "pool", "policy", "cap", "svg", "plot", "state", "allow-commands", "honesty"); name != "" {
					return usage("--%s goes with --outcomes, not with --task", name)
				}
				return e.live(cmd.Context())
			}
			if name := changed(cmd, "model", "judge", "out", "split", "concurrency", "max-spend"); name != "" {
				return usage("--%s goes with --task, not with --outcomes", name)
			}
			return e.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.BoolVar(&e.byLog, "logged", false, "judge a brain by the requests that a server kept")
	f.StringVar(&e.logged.brain, "brain", "", "the brain to judge, with --logged")
	e.logged.flags(cmd)
	f.StringVar(&e.outcomes, "outcomes", "", "folder of recorded answers")
	f.StringSliceVar(&e.recorded.Train, "train", []string{"train"}, "splits to fit on")
	f.StringVar(&e.recorded.Test, "test", "dev", "split to report")
	f.StringSliceVar(&e.recorded.Suites, "suite", nil, "suites, or mix for three as one (default: all that the folder has)")
	f.StringSliceVar(&e.recorded.Pools, "pool", nil, "pools of members (default: "+strings.Join(record.Pools, ",")+")")
	f.StringSliceVar(&e.recorded.Policies, "policy", nil, "policies (default: "+strings.Join(eval.DefaultPolicies, ",")+")")
	f.Float64SliceVar(&e.recorded.Caps, "cap", nil, "choose once more with a mean cost of at most so many times the best single member's")
	f.StringVar(&e.recorded.State, "state", "", "file that keeps finished suites, so that a stopped run goes on")
	f.BoolVar(&e.honesty, "honesty", false, "instead of measuring, see whether a brain learns from permuted labels or sees the test split")
	f.BoolVar(&e.recorded.AllowCommands, "allow-commands", false, "let tool and checked run programs that questions hold, in a sandbox (bubblewrap)")
	f.StringVar(&e.svg, "svg", "", "write charts of accuracy over cost to this file, or into this folder one for each suite and pool")
	f.BoolVar(&e.plot, "plot", false, "draw the chart under each table too")
	f.StringVar(&e.set, "live", "", "measure the models inside this program on their test sets: everest")
	f.StringVar(&e.task, "task", "", "file of questions to ask a model")
	f.StringVarP(&e.model, "model", "m", "summit", "the model or member to ask")
	f.StringVar(&e.judge, "judge", "", "the model that scores questions with the scorer judge")
	f.StringVar(&e.dir, "out", "", "folder to keep the answers in, as recorded outcomes")
	f.StringVar(&e.split, "split", "live", "split of the kept answers")
	f.IntVar(&e.concurrency, "concurrency", 4, "questions asked at a time")
	f.Var(setting{a, "discover.max_spend"}, "max-spend", "most to spend on members that were found, not configured")
	return cmd
}

// changed returns the first of the flags that was given; empty = none was.
func changed(cmd *cobra.Command, names ...string) string {
	for _, name := range names {
		if cmd.Flags().Changed(name) {
			return name
		}
	}
	return ""
}

// run measures policies on recorded answers.
func (e *evaluation) run(ctx context.Context) error {
	switch e.output {
	case "", "table", "json", "yaml", "csv", "markdown":
	default:
		return usage("--output %q, want table, json, yaml, csv or markdown", e.output)
	}
	if e.plot && e.output != "" && e.output != "table" {
		return usage("--plot goes with --output table")
	}
	folder, err := record.OpenDir(e.outcomes)
	if err != nil {
		return failed("--outcomes names a folder with members.jsonl and files such as gsm8k.questions.train.jsonl.gz", err)
	}
	b := newBar(e.err)
	e.recorded.Folder, e.recorded.Progress = folder, b.show
	if e.honesty {
		return e.honest(ctx, b)
	}
	report, err := eval.Recorded(ctx, e.recorded)
	b.clear()
	if err != nil {
		return err
	}
	if err := e.charts(report); err != nil {
		return err
	}
	switch e.output {
	case "json":
		return writeJSON(e.out, report)
	case "yaml":
		return writeYAML(e.out, report)
	case "csv":
		return report.WriteCSV(e.out)
	case "markdown":
		return report.WriteMarkdown(e.out)
	}
	if err := report.WriteTable(e.out); err != nil {
		return err
	}
	if e.plot {
		for i := range report.Suites {
			fmt.Fprintln(e.out)
			if err := report.Suites[i].WritePlot(e.out); err != nil {
				return err
			}
		}
	}
	return nil
}

// charts writes the charts: one sheet, or into a folder one file for each
// suite and pool.
func (e *evaluation) charts(report *eval.Report) error {
	if e.svg == "" {
		return nil
	}
	write := func(name string, r *eval.Report) error {
		var chart bytes.Buffer
		if err := r.WriteSVG(&chart); err != nil {
			return err
		}
		return record.ReplaceFile(name, chart.Bytes())
	}
	if info, err := os.Stat(e.svg); !strings.HasSuffix(e.svg, "/") && (err != nil || !info.IsDir()) {
		return write(e.svg, report)
	}
	if err := os.MkdirAll(e.svg, 0o755); err != nil {
		return err
	}
	for i := range report.Suites {
		s := &report.Suites[i]
		if strings.HasSuffix(s.Suite, eval.Recurring) {
			continue
		}
		one := *report
		one.Suites = []eval.SuiteReport{*s}
		// A pool may be a list of members, with signs that no file name has.
		pool := strings.Map(func(r rune) rune {
			if strings.ContainsRune("/\\:*?\"<>| ", r) {
				return '_'
			}
			return r
		}, s.Pool)
		if err := write(filepath.Join(e.svg, s.Suite+"-"+pool+".svg"), &one); err != nil {
			return err
		}
	}
	return nil
}

// honest shows whether the evaluation could fool itself.
func (e *evaluation) honest(ctx context.Context, b *bar) error {
	r, err := eval.Honesty(ctx, e.recorded)
	b.clear()
	if err != nil {
		return err
	}
	switch e.output {
	case "json":
		err = writeJSON(e.out, r)
	case "yaml":
		err = writeYAML(e.out, r)
	case "", "table":
		err = r.WriteTable(e.out)
	default:
		return usage("--output %q with --honesty, want table, json or yaml", e.output)
	}
	if err == nil && !r.Passed {
		return errors.New("a brain learned from noise, or saw what it is measured on")
	}
	return err
}

// live asks a model the questions of a task.
func (e *evaluation) live(ctx context.Context) error {
	switch e.output {
	case "", "table", "json", "yaml":
	default:
		return usage("--output %q with --task, want table, json or yaml", e.output)
	}
	file, err := os.Open(e.task)
	if err != nil {
		return err
	}
	defer file.Close()
	task, err := eval.ReadTask(file, e.task)
	if err != nil {
		return err
	}
	s, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	e.announce(s)
	o := eval.LiveOptions{Task: task, Dir: e.dir, Split: e.split, Concurrency: e.concurrency}
	for _, want := range []struct {
		name string
		to   *llm.Member
	}{{e.model, &o.Model}, {e.judge, &o.Judge}} {
		if want.name == "" {
			continue
		}
		if *want.to, err = s.Model(want.name); err != nil {
			return failed(`"summit models" lists what can be asked`, err)
		}
	}
	b := newBar(e.err)
	o.Progress = b.show
	report, err := eval.Live(ctx, o)
	b.clear()
	if err != nil {
		if e.dir != "" {
			return failed("the same command goes on where this run stopped", err)
		}
		return err
	}
	if err := e.emit(report, func(w io.Writer) { e.table(w, report) }); err != nil {
		return err
	}
	if report.Failed > 0 {
		next := ""
		if e.dir != "" {
			next = "the same command asks them again; the other answers are kept"
		}
		return failed(next, fmt.Errorf("%d of %d questions got no scored answer", report.Failed, len(task.Questions)))
	}
	return nil
}

// table draws a live report for people.
func (e *evaluation) table(w io.Writer, r *eval.LiveReport) {
	row(w, "suite", r.Suite)
	row(w, "model", plain(r.Model))
	row(w, "accuracy", fmt.Sprintf("%.2f %% of %d questions, 95 %% interval %.2f to %.2f", 100*r.Accuracy, r.N, 100*r.CILow, 100*r.CIHigh))
	if r.Resumed > 0 {
		row(w, "resumed", fmt.Sprintf("%d answers of an earlier run", r.Resumed))
	}
	row(w, "calls", fmt.Sprintf("%.2f a question", r.Calls))
	row(w, "time", fmt.Sprintf("%.2f s a question", r.Seconds))
	cost := "unknown"
	for i, c := range r.Cost {
		if i == 0 {
			cost = ""
		} else {
			cost += " + "
		}
		cost += fmt.Sprintf("%s %s", c.Amount, c.Currency)
	}
	if r.Priced > 0 {
		cost += fmt.Sprintf(" for %d questions", r.Priced)
	}
	row(w, "cost", cost)
	if r.Judge != "" {
		row(w, "judge", fmt.Sprintf("%s, %d calls, not in the cost", plain(r.Judge), r.Judging))
	}
	if r.Kept != "" && r.Failed == 0 {
		row(w, "kept in", plain(r.Kept))
	}
	for _, f := range r.Failures {
		row(w, "failed", plain(f.ID)+": "+plain(f.Error))
	}
}

// bar shows on a terminal how far a run is. Anywhere else it shows nothing.
type bar struct {
	w           io.Writer
	on          bool
	start, last time.Time
}

func newBar(w io.Writer) *bar {
	return &bar{w: w, on: terminal(w) && os.Getenv("TERM") != "dumb", start: time.Now()}
}

// show draws the bar anew, at most twenty times a second.
func (b *bar) show(done, total int, what string) {
	now := time.Now()
	if !b.on || total <= 0 || (done < total && now.Sub(b.last) < 50*time.Millisecond) {
		return
	}
	b.last = now
	const width = 24
	full := width * done / total
	fmt.Fprintf(b.w, "\r\x1b[K[%s%s] %d/%d %s %s", strings.Repeat("#", full), strings.Repeat(".", width-full), done, total, now.Sub(b.start).Round(time.Second), plain(what))
}

// clear leaves the line as it was.
func (b *bar) clear() {
	if b.on {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
