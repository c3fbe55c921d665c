package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"

	"summit"
	"summit/brain"
	"summit/eval"
	"summit/internal/whole"
	"summit/learn"
	"summit/record"
	runlog "summit/run"
)

// maxLineBytes bounds a line of an exported log: a lesson of 200 members has
// about 40 KB.
const maxLineBytes = 1 << 20

// logged is a brain before the requests that a server kept.
type logged struct {
	*app
	brain string // file of the brain to judge
	from  string // exported log; empty = that of the data directory
	costX float64
}

func (l *logged) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&l.from, "from", "", `log that "summit brain log" wrote (default: the run log in the data directory)`)
	f.Float64Var(&l.costX, "cost-x", 1, "what the brain may spend on average, as a multiple of its best single member's cost")
}

// judge lets the brain decide what was decided, and says what would have come
// of it.
func (l *logged) judge(ctx context.Context) (eval.LoggedReport, error) {
	b, err := readBrain(l.brain)
	if err != nil {
		return eval.LoggedReport{}, err
	}
	e, err := eval.NewLogged(b, l.costX)
	if err != nil {
		return eval.LoggedReport{}, usage("--cost-x: %v", err)
	}
	if err := l.entries(ctx, func(entry runlog.Entry) error { e.Add(entry); return nil }); err != nil {
		return eval.LoggedReport{}, err
	}
	return e.Report(), nil
}

// entries visits the requests that were kept, the oldest first.
func (l *logged) entries(ctx context.Context, visit func(runlog.Entry) error) error {
	if l.from != "" {
		f, err := os.Open(l.from)
		if err != nil {
			return err
		}
		defer f.Close()
		return readLog(f, l.from, visit)
	}
	store, err := l.runs(ctx)
	if err != nil {
		return err
	}
	return errors.Join(store.Scan(ctx, visit), store.Close())
}

// runs opens the run log of the configured data directory.
func (a *app) runs(ctx context.Context) (runlog.Store, error) {
	c, err := a.load()
	if err != nil {
		return nil, err
	}
	store, err := summit.OpenRuns(ctx, c.Config.DataDir)
	if err == nil && store == nil {
		err = notReady(`"summit serve" keeps one; data_dir, or SUMMIT_DATA_DIR, names another folder`, fmt.Errorf("%s holds no run log", plain(c.Config.DataDir)))
	}
	return store, err
}

// keptRun is one line of an exported log: what can be learned from a request.
type keptRun struct {
	ID       string         `json:"id"`
	At       time.Time      `json:"at"`
	Lesson   *runlog.Lesson `json:"lesson"`
	Feedback []keptLabel    `json:"feedback,omitempty"`
}

type keptLabel struct {
	Score  float64       `json:"score"`
	Source runlog.Source `json:"source"`
}

// readLog reads an exported log.
func readLog(r io.Reader, name string, visit func(runlog.Entry) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxLineBytes)
	for n := 1; lines.Scan(); n++ {
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		var k keptRun
		if err := json.Unmarshal(text, &k); err != nil {
			return fmt.Errorf("%s:%d: want a line of JSON as \"summit brain log\" writes it: %w", name, n, err)
		}
		e := runlog.Entry{ID: k.ID, At: k.At, Lesson: k.Lesson}
		for _, f := range k.Feedback {
			if !(f.Score >= 0 && f.Score <= 1) {
				return fmt.Errorf("%s:%d: score %v, want 0 to 1", name, n, f.Score)
			}
			e.Feedback = append(e.Feedback, runlog.Feedback{Score: f.Score, Source: f.Source})
		}
		if err := visit(e); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// show prints the report.
func (l *logged) show(r eval.LoggedReport) error {
	return l.emit(r, func(w io.Writer) { reportTable(w, r) })
}

func reportTable(w io.Writer, r eval.LoggedReport) {
	points := func(x float64) string { return fmt.Sprintf("%+.1f", 100*x) }
	fmt.Fprintf(w, "requests\t%d rated, %d where all were asked whom the brain would ask, worth %.0f\n", r.Requests, r.Matched, r.Effective)
	if r.Matched > 0 && r.Assumed > 0 {
		fmt.Fprintf(w, "assumed\t%d scores of another answer than the one that was rated\n", r.Assumed)
	}
	if r.Clipped > 0 {
		fmt.Fprintf(w, "cut\t%d weights above %.1f\n", r.Clipped, r.Clip)
	}
	for _, s := range r.Skipped {
		fmt.Fprintf(w, "left out\t%d: %s\n", s.N, s.Why)
	}
	if len(r.Estimates) > 0 {
		fmt.Fprintf(w, "served\t%.1f %% right at %.4g a request\n\n", 100*r.Old, r.OldCost)
		row(w, "ESTIMATE", "RIGHT", "GAIN", "95 %", "COST", "MORE, 95 %")
		for _, e := range r.Estimates {
			row(w, e.Name, fmt.Sprintf("%.1f %%", 100*e.Score), points(e.Gain), points(e.GainLow)+" to "+points(e.GainHigh),
				fmt.Sprintf("%.4g", e.Cost), fmt.Sprintf("%+.3g to %+.3g", e.CostLow, e.CostHigh))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "verdict\t%s: %s\n", r.Verdict, r.Why)
}

func brainLog(a *app) *cobra.Command {
	var out string
	l := logged{app: a}
	c := &cobra.Command{
		Use:   "log",
		Short: "Write what a server's run log teaches to a file",
		Long: `Log writes what can be learned from the requests in the data directory, a line
of JSON for each: a sketch of its kind, who was asked by what chance, whose
answers were equal, and how the answer was rated. There are no prompts, no
answers, no keys and no tenants in it. It works beside a running server.`,
		Example: `  summit brain log --out served.jsonl
  summit eval --logged --brain new.brain --from served.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n := 0
			err := whole.File(out, 0o644, func(file io.Writer) error {
				return l.entries(cmd.Context(), func(e runlog.Entry) error {
					if e.Lesson == nil {
						return nil
					}
					k := keptRun{ID: e.ID, At: e.At, Lesson: e.Lesson}
					for _, f := range e.Feedback {
						k.Feedback = append(k.Feedback, keptLabel{f.Score, f.Source})
					}
					n++
					return json.NewEncoder(file).Encode(k)
				})
			})
			if err != nil {
				return err
			}
			return a.emit(struct {
				File     string `json:"file"`
				Requests int    `json:"requests"`
			}{out, n}, func(w io.Writer) { fmt.Fprintf(w, "%s: %d requests\n", plain(out), n) })
		},
	}
	c.Flags().StringVar(&out, "out", "served.jsonl", "file to write")
	return c
}

func brainPromote(a *app) *cobra.Command {
	var force bool
	l := logged{app: a}
	c := &cobra.Command{
		Use:   "promote FILE",
		Short: "Make a new brain the one that serves, if served requests speak for it",
		Long: `Promote judges a brain by the requests that a server kept, as "summit eval
--logged" does, and only if the verdict is "promote" copies it to where the
configuration's brain.file says; the one that was there is kept beside it as
.old. A running server takes it at SIGHUP. --force does without the verdict.`,
		Example: `  summit brain promote new.brain
  summit brain promote new.brain --force`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.load()
			if err != nil {
				return err
			}
			to := c.Config.Brain.File
			if to == "" {
				return notReady("set brain.file to where the brain is to lie", errors.New("the configuration names no brain"))
			}
			l.brain = args[0]
			var report *eval.LoggedReport
			r, err := l.judge(cmd.Context())
			switch {
			case err == nil:
				report = &r
			case !force:
				return err
			}
			if !force && r.Verdict != eval.Promote {
				reportTable(a.err, r)
				return failed("more rated requests may decide it; --force promotes it all the same", fmt.Errorf("%s is not promoted: %s", plain(l.brain), r.Why))
			}
			if err := promote(l.brain, to); err != nil {
				return err
			}
			return a.emit(struct {
				File   string             `json:"file"`
				Forced bool               `json:"forced"`
				Report *eval.LoggedReport `json:"report,omitempty"`
			}{to, force, report}, func(w io.Writer) {
				why := "forced"
				if !force {
					why = r.Why
				}
				fmt.Fprintf(w, "%s is now %s (%s); a running server takes it at SIGHUP\n", plain(l.brain), plain(to), why)
			})
		},
	}
	l.flags(c)
	c.Flags().BoolVar(&force, "force", false, "promote it whatever the verdict")
	return c
}

// promote copies a brain to its place and keeps the one that was there.
func promote(from, to string) error {
	b, err := readBrain(from)
	if err != nil {
		return err
	}
	var file bytes.Buffer
	if err := b.Write(&file); err != nil {
		return err
	}
	if old, err := os.ReadFile(to); err == nil {
		if err := record.ReplaceFile(to+".old", old); err != nil {
			return err
		}
	}
	return record.ReplaceFile(to, file.Bytes())
}

// overlays shows what a tenant's labels say of members, beside what a brain
// says where there is one.
func (a *app) overlays(ctx context.Context, tenant, file string) error {
	var known map[string]brain.Member
	if file != "" {
		b, err := readBrain(file)
		if err != nil {
			return err
		}
		known = map[string]brain.Member{}
		for _, m := range b.Members() {
			known[m.Name] = m
		}
	}
	store, err := a.runs(ctx)
	if err != nil {
		return err
	}
	all, err := learn.OverlaysOf(ctx, store, tenant)
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	if all == nil {
		all = []learn.TenantOverlay{}
	}
	return a.emit(all, func(w io.Writer) {
		if len(all) == 0 {
			fmt.Fprintf(w, "nothing was learned from tenant %s yet: it takes a brain and feedback\n", plain(tenant))
			return
		}
		row(w, "MEMBER", "SHIFT", "LABELS", "RIGHT", "FOR "+plain(tenant))
		for _, o := range all {
			cells := []string{plain(o.Member), fmt.Sprintf("%+.2f", o.Shift), fmt.Sprint(o.Labels), "", ""}
			if m, ok := known[o.Member]; ok {
				cells[3], cells[4] = fmt.Sprintf("%.1f %%", 100*m.Accuracy), fmt.Sprintf("%.1f %%", 100*shifted(m.Accuracy, o.Shift))
			}
			row(w, cells...)
		}
	})
}

// shifted moves a probability by so many log-odds.
func shifted(p, by float64) float64 {
	p = min(max(p, 1e-6), 1-1e-6)
	return 1 / (1 + (1-p)/p*math.Exp(-by))
}
