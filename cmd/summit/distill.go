package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/spf13/cobra"

	"summit"
	"summit/distill"
	"summit/internal/whole"
	"summit/llm"
	"summit/local"
	"summit/money"
	"summit/train"
)

func init() { register(distillCommand) }

// distillation is one run of summit distill.
type distillation struct {
	*app
	tenant     string
	out        string
	confidence float64
	heldOut    float64
	train      bool
	threads    int
	model      string
	name       string
	least      float64
	compared   int
	tokens     int
	dry        bool
	forget     bool
}

// distilled is the JSON of summit distill.
type distilled struct {
	Tenant   string             `json:"tenant"`
	Picked   *distill.Picked    `json:"picked"`
	Train    int                `json:"train"`
	HeldOut  int                `json:"held_out"`
	Files    []string           `json:"files"`
	Present  []distill.Standing `json:"present,omitempty"`
	Student  *distill.Standing  `json:"student,omitempty"`
	Verdict  *distill.Verdict   `json:"verdict,omitempty"`
	Entered  string             `json:"entered,omitempty"` // the configuration file
	Next     string             `json:"next,omitempty"`
	currency money.Currency
}

// memberName is what a configuration may call a member here.
var memberName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func distillCommand(a *app) *cobra.Command {
	d := distillation{app: a}
	c := &cobra.Command{
		Use:   "distill --tenant NAME --out DIR",
		Short: "Teach a small model what was answered well",
		Long: `Distill takes the questions and answers of a tenant that a server kept, picks
the answers that were accepted, and writes them down for training: train.jsonl,
held-out.jsonl and, where there is none yet, recipe.yaml. Texts are kept of
tenants that the configuration names under distill.tenants, and of no others.

An answer is accepted if what was said of it (feedback, checks, and, with less
weight, questions that were asked again) speaks for it, or, where nobody said
anything, if the strategy was as sure of it as --confidence. Of a question that
was asked often the latest accepted answer counts.

With --train it trains the recipe, as "summit train" does; with --model it
takes a model file that was trained elsewhere. Then it asks that model the
held-out questions and compares: it pays if at least --compared answers could
be held against the accepted ones, at least the share --accuracy of them says
the same, and no present member that the log has ten answers of is at least as
accurate and at most as dear. Then it becomes a member of the configuration
file, unless --dry-run. Free text that can't be compared doesn't count.

With --forget it removes the tenant's kept texts instead.`,
		Example: `  summit distill --tenant team --out lessons
  summit distill --tenant team --out lessons --train
  summit distill --tenant team --out lessons --model tuned.gguf --dry-run
  summit distill --tenant team --forget`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case d.tenant == "":
				return usage("want --tenant NAME, whose texts are kept")
			case d.forget:
				return d.forgets(c.Context())
			case d.out == "":
				return usage("want --out DIR, a folder for what is written")
			case d.train && d.model != "":
				return usage("want --train or --model FILE, not both")
			case !(d.heldOut > 0 && d.heldOut < 1):
				return usage("--held-out %v, want above 0 and below 1", d.heldOut)
			case !(d.confidence >= 0 && d.confidence <= 1) || !(d.least >= 0 && d.least <= 1):
				return usage("--confidence %v, --accuracy %v, want 0 to 1", d.confidence, d.least)
			case d.compared < 1 || d.tokens < 1:
				return usage("--compared %d, --max-tokens %d, want 1 or more", d.compared, d.tokens)
			}
			if d.name == "" {
				d.name = "distilled-" + d.tenant
			}
			if !memberName.MatchString(d.name) {
				return usage("--name %q, want letters, digits, dots and dashes", clip(d.name))
			}
			report, err := d.run(c.Context())
			if err != nil {
				return err
			}
			return a.emit(report, report.table)
		},
	}
	f := c.Flags()
	f.StringVar(&d.tenant, "tenant", "", "whose answers, by the name that its keys have")
	f.StringVar(&d.out, "out", "", "folder for the lessons, the recipe and the model")
	f.Float64Var(&d.confidence, "confidence", 0.95, "least confidence in an answer that nobody judged; 0 = such answers are not taken")
	f.Float64Var(&d.heldOut, "held-out", 0.1, "share of the questions that is kept for the examination")
	f.BoolVar(&d.train, "train", false, "train the recipe in the folder, and examine the model")
	f.IntVar(&d.threads, "threads", 0, "threads that train; 0 = one a core")
	f.StringVar(&d.model, "model", "", "examine this model file instead of training one")
	f.StringVar(&d.name, "name", "", `name of the new member (default: "distilled-" and the tenant)`)
	f.Float64Var(&d.least, "accuracy", 0.8, "least share of held-out answers that it has to say alike")
	f.IntVar(&d.compared, "compared", 20, "least number of held-out answers that can be compared")
	f.IntVar(&d.tokens, "max-tokens", 512, "most tokens of an answer in the examination")
	f.BoolVar(&d.dry, "dry-run", false, "leave the configuration as it is")
	f.BoolVar(&d.forget, "forget", false, "remove the tenant's kept texts")
	return c
}

// samples opens the kept texts of the configured data directory.
func (d *distillation) samples(ctx context.Context) (*summit.Loaded, *distill.Store, error) {
	loaded, err := d.load()
	if err != nil {
		return nil, nil, err
	}
	store, err := summit.OpenSamples(ctx, loaded.Config.DataDir)
	if err == nil && store == nil {
		err = notReady(`name tenants that agreed under distill.tenants, and let "summit serve" answer them`, fmt.Errorf("%s holds no kept texts", plain(loaded.Config.DataDir)))
	}
	return loaded, store, err
}

func (d *distillation) forgets(ctx context.Context) error {
	_, store, err := d.samples(ctx)
	if err != nil {
		return err
	}
	n, err := store.Forget(ctx, d.tenant)
	if err = errors.Join(err, store.Close()); err != nil {
		return err
	}
	return d.emit(map[string]int64{"forgotten": n}, func(w io.Writer) { fmt.Fprintf(w, "%d questions of %s are forgotten\n", n, plain(d.tenant)) })
}

func (d *distillation) run(ctx context.Context) (*distilled, error) {
	loaded, store, err := d.samples(ctx)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	log, err := d.runs(ctx)
	if err != nil {
		return nil, err
	}
	picked, err := distill.Pick(ctx, store, log, d.tenant, distill.Rule{Confidence: d.confidence}, d.heldOut)
	if err = errors.Join(err, log.Close()); err != nil {
		return nil, err
	}
	rep := &distilled{Tenant: d.tenant, Picked: picked, Train: len(picked.Train), HeldOut: len(picked.HeldOut), currency: loaded.Config.Currency}
	if rep.currency == "" {
		rep.currency = "CNY"
	}
	if len(picked.Train) == 0 {
		rep.Next = "nothing to learn from yet: answers are accepted by feedback, checks or confidence"
		return rep, nil
	}
	if err := d.write(rep); err != nil {
		return nil, err
	}
	rep.Present = distill.Present(picked.HeldOut, rep.currency)
	model := d.model
	if d.train {
		if model, err = d.teach(ctx); err != nil {
			return nil, err
		}
		rep.Files = append(rep.Files, model)
	}
	if model == "" {
		rep.Next = fmt.Sprintf("look at %s, then: summit distill --tenant %s --out %s --train", filepath.Join(d.out, "recipe.yaml"), d.tenant, d.out)
		return rep, nil
	}
	if err := d.examine(ctx, model, rep); err != nil {
		return nil, err
	}
	return rep, d.enter(loaded, model, rep)
}

// write writes the lessons, and a recipe where there is none.
func (d *distillation) write(rep *distilled) error {
	if err := os.MkdirAll(d.out, 0o700); err != nil {
		return err
	}
	for name, lessons := range map[string][]distill.Lesson{"train.jsonl": rep.Picked.Train, "held-out.jsonl": rep.Picked.HeldOut} {
		// They are texts of people: for this user only, whatever the folder's mode.
		if err := whole.File(filepath.Join(d.out, name), 0o600, func(w io.Writer) error { return distill.Write(w, lessons) }); err != nil {
			return err
		}
	}
	rep.Files = []string{filepath.Join(d.out, "train.jsonl"), filepath.Join(d.out, "held-out.jsonl")}
	recipe := filepath.Join(d.out, "recipe.yaml")
	if _, err := os.Stat(recipe); errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(recipe, []byte(recipeText(d.name, len(rep.Picked.Train))), 0o600); err != nil {
			return err
		}
		rep.Files = append(rep.Files, recipe)
	}
	return nil
}

// recipeText is a recipe to begin with: a model of about two million
// parameters that sees each lesson about twenty times. Its sizes are guesses
// that a laptop trains in minutes.
func recipeText(name string, lessons int) string {
	const batch = 16
	steps := min(max(20*lessons/batch, 200), 20_000)
	return fmt.Sprintf(`# Written by "summit distill"; change what you like, it is not written again.
# To tune a model that you have instead, see base and lora in docs/train.md.
name: %s
style: qwen3
context: 512
model: {layers: 4, dim: 160, hidden: 448, heads: 5, kv_heads: 5}
vocabulary: {kind: bpe, size: 4096}
sources: [{file: train.jsonl}]
steps: %d
batch: %d
learning_rate: 0.002
warmup: %d
final_rate: 0.1
weight_decay: 0.1
out: model
`, name, steps, batch, steps/20)
}

// teach trains the recipe of the folder and returns the model's file.
func (d *distillation) teach(ctx context.Context) (string, error) {
	recipe, err := train.ReadRecipe(filepath.Join(d.out, "recipe.yaml"))
	if err != nil {
		return "", err
	}
	b := newBar(d.err)
	report, err := train.Run(ctx, recipe, train.Options{Threads: d.threads, Resume: true, Progress: func(s train.Status) { b.show(s.Step, s.Steps, fmt.Sprintf("steps, loss %.3f", s.Loss)) }})
	b.clear()
	if errors.Is(err, train.ErrStopped) {
		return "", failed("the same command goes on where this run stopped", err)
	}
	if err != nil {
		return "", err
	}
	return report.Model, nil
}

// examine asks the model the held-out questions.
func (d *distillation) examine(ctx context.Context, model string, rep *distilled) error {
	store := local.NewStore(local.Options{Idle: -1})
	defer store.Close()
	m, err := store.Open(local.Config{Name: d.name, File: model, Card: llm.Card{}})
	if err != nil {
		return err
	}
	b := newBar(d.err)
	s, err := distill.Examine(ctx, m, rep.Picked.HeldOut, d.tokens, rep.currency, func(done, total int) { b.show(done, total, "held-out questions") })
	b.clear()
	if err != nil {
		return err
	}
	v := distill.Bar{Compared: d.compared, Accuracy: d.least}.Judge(s, rep.Present)
	rep.Student, rep.Verdict = &s, &v
	return nil
}

// enter makes a model that pays a member of the configuration file.
func (d *distillation) enter(loaded *summit.Loaded, model string, rep *distilled) error {
	file, err := filepath.Abs(model)
	if err != nil {
		return err
	}
	byHand := fmt.Sprintf("to make it a member all the same: members: {%s: {use: local, file: %q}}", d.name, file)
	if !rep.Verdict.Pays {
		rep.Next = byHand
		return nil
	}
	byHand = fmt.Sprintf("add it by hand: members: {%s: {use: local, file: %q}}", d.name, file)
	switch known, there := loaded.Config.Members[d.name]; {
	case d.dry:
		rep.Next = "without --dry-run it would be entered; " + byHand
		return nil
	case there && known.Use == "local" && known.File == file:
		rep.Entered, rep.Next = loaded.Path, "it was a member already, of the same file; a running server takes the new one at its next load"
		return nil
	case there:
		rep.Next = fmt.Sprintf("%s is a member already, of something else: choose another --name, or %s", d.name, byHand)
		return nil
	case loaded.Path == "":
		rep.Next = "there is no configuration file; " + byHand
		return nil
	}
	path, err := filepath.EvalSymlinks(loaded.Path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	replace := func(text []byte) error {
		return whole.File(path, info.Mode().Perm(), func(w io.Writer) error {
			_, err := w.Write(text)
			return err
		})
	}
	after, err := distill.Enter(string(before), d.name, file)
	if err != nil {
		rep.Next = err.Error() + "; " + byHand
		return nil
	}
	if err := replace([]byte(after)); err != nil {
		return err
	}
	// What can't be read any more is put back as it was.
	if _, err := d.load(); err != nil {
		return errors.Join(fmt.Errorf("%s with the new member can't be read, and is as it was: %w", loaded.Path, err), replace(before))
	}
	rep.Entered = loaded.Path
	rep.Next = "a running server takes it in when it reloads its configuration; models that name their members have to name it too"
	return nil
}

// table tells people what was done and why.
func (rep *distilled) table(w io.Writer) {
	p := rep.Picked
	row(w, "tenant", plain(rep.Tenant))
	row(w, "kept", fmt.Sprintf("%d questions, %d with an accepted answer", p.Samples, p.Accepted))
	for _, why := range slices.Sorted(maps.Keys(p.Refused)) {
		row(w, "left out", fmt.Sprintf("%d: %s", p.Refused[why], why))
	}
	row(w, "lessons", fmt.Sprintf("%d to learn, %d held out", rep.Train, rep.HeldOut))
	for _, f := range rep.Files {
		row(w, "written", plain(f))
	}
	for _, s := range rep.Present {
		row(w, "present", rep.standing(s))
	}
	if rep.Student != nil {
		row(w, "new", rep.standing(*rep.Student))
	}
	if v := rep.Verdict; v != nil {
		word := "does not pay"
		if v.Pays {
			word = "pays"
		}
		row(w, word, plain(v.Why))
	}
	if rep.Entered != "" {
		row(w, "entered", plain(rep.Entered))
	}
	if rep.Next != "" {
		row(w, "next", plain(rep.Next))
	}
}

func (rep *distilled) standing(s distill.Standing) string {
	text := fmt.Sprintf("%s: %d of %d as accepted", plain(s.Name), s.Right, s.Compared)
	if s.Compared > 0 {
		text += fmt.Sprintf(" (%.1f %%, 95 %% interval %.1f to %.1f)", 100*s.Accuracy, 100*s.Low, 100*s.High)
	}
	if s.Cost != nil {
		text += fmt.Sprintf(", %s %s an answer", *s.Cost, s.Currency)
	}
	return text
}
