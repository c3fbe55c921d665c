package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"summit/brain"
	"summit/eval"
	"summit/record"
)

func init() { register(brainCommand) }

func brainCommand(a *app) *cobra.Command {
	c := group(&cobra.Command{
		Use:   "brain",
		Short: "Learn from recorded answers whom to ask and whom to believe",
		Long: `A brain is a small file with what was learned of members from recorded
answers: how reliable each is on which kind of question, what it costs, and
when another answer is worth its price. It holds no text of any prompt.`,
		Example: `  summit brain train --outcomes outcomes --out summit.brain
  summit brain show summit.brain
  summit brain diff old.brain new.brain
  summit brain show --tenant lab
  summit brain promote new.brain`,
	})
	c.AddCommand(brainTrain(a), brainShow(a), brainDiff(a), brainLog(a), brainPromote(a))
	return c
}

func brainTrain(a *app) *cobra.Command {
	var outcomes, out, like string
	var o eval.LearnOptions
	c := &cobra.Command{
		Use:   "train --outcomes DIR",
		Short: "Train a brain on a folder of recorded answers",
		Example: `  summit brain train --outcomes outcomes
  summit brain train --outcomes outcomes --suite gsm8k,korbench --pool domestic --out cn.brain`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if outcomes == "" {
				return usage("want --outcomes DIR, a folder of recorded answers")
			}
			folder, err := record.OpenDir(outcomes)
			if err != nil {
				return failed("--outcomes names a folder with members.jsonl and files such as gsm8k.questions.train.jsonl.gz", err)
			}
			o.Folder = folder
			if like != "" {
				if o.Like, err = readBrain(like); err != nil {
					return err
				}
			}
			b, err := eval.Learn(o)
			if err != nil {
				return err
			}
			var file bytes.Buffer
			if err := b.Write(&file); err != nil {
				return err
			}
			if err := record.ReplaceFile(out, file.Bytes()); err != nil {
				return err
			}
			return a.emit(struct {
				File     string `json:"file"`
				Bytes    int    `json:"bytes"`
				Examples int    `json:"examples"`
				Members  int    `json:"members"`
			}{out, file.Len(), b.Examples(), len(b.Members())}, func(w io.Writer) {
				fmt.Fprintf(w, "%s: %d examples, %d members, %d KB; \"summit brain show %s\" shows what was learned\n",
					plain(out), b.Examples(), len(b.Members()), (file.Len()+1023)/1024, plain(out))
			})
		},
	}
	f := c.Flags()
	f.StringVar(&outcomes, "outcomes", "", "folder of recorded answers")
	f.StringVar(&out, "out", "summit.brain", "file to write")
	f.StringSliceVar(&o.Splits, "train", []string{"train"}, "splits to learn from")
	f.StringSliceVar(&o.Suites, "suite", nil, "suites (default: all that the folder has)")
	f.StringVar(&o.Pool, "pool", "all", "pool of members")
	f.StringVar(&like, "like", "", "a brain that has served: the new one can be judged by the requests that were kept then")
	return c
}

func brainShow(a *app) *cobra.Command {
	var tenant string
	c := &cobra.Command{
		Use:   "show [FILE]",
		Short: "Show what a brain has learned",
		Long: `Show prints what a brain has learned. With --tenant it prints what the tenant's
feedback says of members beside that, in log-odds, from the run log of the data
directory; FILE is then only for comparing.`,
		Example: `  summit brain show summit.brain -o json
  summit brain show summit.brain --tenant lab`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if tenant != "" {
				file := ""
				if len(args) > 0 {
					file = args[0]
				}
				return a.overlays(cmd.Context(), tenant, file)
			}
			if len(args) == 0 {
				return usage("want FILE, a brain, or --tenant")
			}
			b, err := readBrain(args[0])
			if err != nil {
				return err
			}
			return a.emit(b, func(w io.Writer) {
				row(w, "MEMBER", "VENDOR", "ASKED", "RIGHT", "COST")
				for _, m := range b.Members() {
					row(w, plain(m.Name), plain(m.Vendor), fmt.Sprint(m.Asked), fmt.Sprintf("%.1f %%", 100*m.Accuracy), fmt.Sprintf("%.3gx", m.CostX))
				}
				fmt.Fprintln(w)
				row(w, "PRICE", "COST", "CALLS", "RIGHT", "GAIN", "ERROR")
				for _, p := range b.Curve() {
					row(w, fmt.Sprintf("%.4f", p.Price), fmt.Sprintf("%.2fx", p.CostX), fmt.Sprintf("%.1f", p.Calls),
						fmt.Sprintf("%.1f %%", 100*p.Accuracy), fmt.Sprintf("%+.1f", 100*p.Gain), fmt.Sprintf("%.1f", 100*p.Err))
				}
				fmt.Fprintf(w, "\n%d examples; costs and gains are beside %s alone\n", b.Examples(), plain(b.Best()))
			})
		},
	}
	c.Flags().StringVar(&tenant, "tenant", "", "show what was learned from this tenant's feedback")
	return c
}

func brainDiff(a *app) *cobra.Command {
	return &cobra.Command{
		Use:     "diff OLD NEW",
		Short:   "Show in what two brains differ",
		Example: "  summit brain diff old.brain summit.brain",
		Args:    cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			old, err := readBrain(args[0])
			if err != nil {
				return err
			}
			newer, err := readBrain(args[1])
			if err != nil {
				return err
			}
			changes := brain.Diff(old, newer)
			if changes == nil {
				changes = []brain.Change{}
			}
			return a.emit(changes, func(w io.Writer) {
				if len(changes) == 0 {
					fmt.Fprintln(w, "no difference in what was learned")
					return
				}
				row(w, "WHAT", "OLD", "NEW")
				for _, c := range changes {
					row(w, plain(c.What), plain(c.Old), plain(c.New))
				}
			})
		},
	}
}

func readBrain(path string) (*brain.Brain, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, failed(`"summit brain train" makes one`, err)
	} else if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := brain.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}
