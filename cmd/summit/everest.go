package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"summit/everest"
	"summit/local"
)

func init() { register(everestCommand) }

func everestCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "everest",
		Short: "Make and measure the small models inside this program",
		Long: `Everest is seven small models of Summit's own, trained with Summit and inside
this program. These commands make their training data, pack a trained model,
and measure verse. "summit train everest/recipe/NAME.yaml" trains one;
"summit eval --live everest" measures all.`,
	}
	c.AddCommand(everestDataCommand(a), everestPackCommand(a), everestGateCommand(a), everestMixedCommand(a), everestVerseCommand(a))
	return c
}

func skillNames() string {
	var names []string
	for _, s := range everest.Skills() {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}

func everestDataCommand(a *app) *cobra.Command {
	var o everest.DataOptions
	var part, out string
	var anyCorpus bool
	c := &cobra.Command{
		Use:   "data SKILL",
		Short: "Write the training data of a skill",
		Long: `Data writes JSON lines of messages, as "summit train" reads them. The same
options give the same bytes. No problem of the test sets is in it, whatever
its wording.

Skills: ` + skillNames() + `. The poems of the poet are no part of Summit:
--corpus names the file, whose hash is checked; one that ends in .xz is
unpacked by the program xz.`,
		Example: `  summit everest data sum --n 300000 --refusals 0.1 --out everest/data/sum.jsonl
  summit everest data poem --corpus poems.jsonl.xz --n 165000 --refusals 0.01 --out everest/data/poem.jsonl`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if _, err := everest.Find(args[0]); err != nil {
				return usage("%v", err)
			}
			o.Skill, o.Hash = args[0], everest.CorpusHash
			if anyCorpus {
				o.Hash = ""
			}
			switch part {
			case "train":
				o.Part = everest.Train
			case "validation":
				o.Part = everest.Validation
			default:
				return usage("--part %q, want train or validation", clip(part))
			}
			if out == "" {
				return everest.Data(a.out, o)
			}
			return replace(out, func(w io.Writer, _ string) error { return everest.Data(w, o) }, nil)
		},
	}
	f := c.Flags()
	f.IntVar(&o.N, "n", 0, "how many examples (default: of poems, all there are)")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of the generator")
	f.Float64Var(&o.Refusals, "refusals", 0, "so many prompts of other skills for each example, with a refusal")
	f.Float64Var(&o.Free, "free", 0, "share of examples as people word them, some of them beyond the model")
	f.StringVar(&o.Corpus, "corpus", "", "the poems, as JSON lines")
	f.BoolVar(&anyCorpus, "any-corpus", false, "take a corpus with another hash")
	f.StringVar(&part, "part", "train", "train or validation")
	f.StringVar(&out, "out", "", "file to write (default: standard output)")
	return c
}

func everestPackCommand(a *app) *cobra.Command {
	var typ, out string
	c := &cobra.Command{
		Use:   "pack SKILL MODEL",
		Short: "Write a trained model as it lies in this program",
		Long: `Pack quantises a model that "summit train" wrote and puts the skill's card and
its sampling into the file. Files in everest/weights are part of the next build.`,
		Example: `  summit everest pack sum everest/data/sum/model.gguf --out everest/weights/sum.gguf`,
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := matrixType(typ)
			if err != nil {
				return err
			}
			if out == "" {
				return usage("want --out FILE")
			}
			if err := replace(out, func(w io.Writer, _ string) error { return everest.Pack(w, args[0], args[1], t) }, loads); err != nil {
				return err
			}
			return a.wrote(out)
		},
	}
	c.Flags().StringVar(&typ, "type", "Q8_0", "number type of the matrices")
	c.Flags().StringVar(&out, "out", "", "file to write")
	return c
}

func everestGateCommand(a *app) *cobra.Command {
	var o everest.GateOptions
	var out string
	c := &cobra.Command{
		Use:     "gate",
		Short:   "Learn the gate, which knows what skill a question needs",
		Example: `  summit everest gate --out everest/weights/gate.bin`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return usage("want --out FILE")
			}
			if err := os.WriteFile(out, everest.LearnGate(o).Bytes(), 0o644); err != nil {
				return err
			}
			return a.wrote(out)
		},
	}
	f := c.Flags()
	f.StringVar(&out, "out", "", "file to write")
	f.Uint64Var(&o.Seed, "seed", 0, "seed of the prompts")
	f.IntVar(&o.N, "n", 0, "prompts of each skill (default 20000)")
	f.IntVar(&o.Epochs, "epochs", 0, "how often they are gone through (default 4)")
	return c
}

func everestMixedCommand(a *app) *cobra.Command {
	var n int
	var out string
	c := &cobra.Command{
		Use:   "mixed",
		Short: "Write texts that change their subject, of two test sets each",
		Long: `Mixed writes JSON lines for "summit perplexity": two questions of two skills'
test sets, and the two answers, so that no single specialist can follow.`,
		Example: `  summit everest mixed --out mixed.jsonl
  summit perplexity mixed.jsonl -m everest-sum,everest-number,everest-date`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return everest.Mixed(a.out, n)
			}
			return replace(out, func(w io.Writer, _ string) error { return everest.Mixed(w, n) }, nil)
		},
	}
	c.Flags().IntVar(&n, "n", 60, "how many texts")
	c.Flags().StringVar(&out, "out", "", "file to write (default: standard output)")
	return c
}

func everestVerseCommand(a *app) *cobra.Command {
	var corpus, model string
	var anyCorpus bool
	var n, evaluate int
	var seed uint64
	c := &cobra.Command{
		Use:   "verse",
		Short: "Measure the poet's verse against the corpus",
		Long: `Verse samples poems without constraints, asked for as held-out poems of the
corpus are asked for, and says how many have the form, rhyme, follow the rules
about tones (as learned from the corpus, whose own rates stand beside), and
repeat lines of a training poem; and the perplexity on held-out poems.`,
		Example: `  summit everest verse --corpus poems.jsonl.xz --samples 200`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if corpus == "" {
				return usage("want --corpus FILE")
			}
			store := local.NewStore(local.Options{})
			defer store.Close()
			var data []byte
			if model != "" {
				var err error
				if data, err = os.ReadFile(model); err != nil {
					return err
				}
			}
			skill, err := everest.Find("poem")
			if err != nil {
				return err
			}
			poet, err := everest.Open(store, skill, data)
			if err != nil {
				return err
			}
			hash := everest.CorpusHash
			if anyCorpus {
				hash = ""
			}
			b := newBar(a.err)
			report, err := everest.MeasureVerse(c.Context(), poet, corpus, hash, n, evaluate, seed, func(done, total int) { b.show(done, total, "poems") })
			b.clear()
			if err != nil {
				return err
			}
			return a.emit(report, func(w io.Writer) { verseTable(w, report) })
		},
	}
	f := c.Flags()
	f.StringVar(&corpus, "corpus", "", "the poems, as JSON lines")
	f.BoolVar(&anyCorpus, "any-corpus", false, "take a corpus with another hash")
	f.StringVar(&model, "model", "", "a model file (default: the poet in this program)")
	f.IntVar(&n, "samples", 200, "poems to sample")
	f.IntVar(&evaluate, "evaluate", 300, "held-out poems for the perplexity")
	f.Uint64Var(&seed, "seed", 1, "which held-out poems are taken")
	return c
}

func verseTable(w io.Writer, r *everest.VerseReport) {
	row(w, "samples", fmt.Sprintf("%d, %.1f %% in the form asked for", r.Samples, 100*float64(r.InForm)/float64(max(1, r.Samples))))
	row(w, "rhyme", fmt.Sprintf("%.1f %% of them; %.1f %% of %d held-out poems", 100*r.Rhyming, 100*r.CorpusRhym, r.CorpusN))
	row(w, "tones", fmt.Sprintf("%.1f %% of the rules followed; %.1f %% in held-out poems", 100*r.Tones, 100*r.CorpusTone))
	row(w, "repeats", fmt.Sprintf("%d with one line of a training poem, %d with more of one", r.OneLine, r.MoreLines))
	p := r.Perplexity
	row(w, "perplexity", fmt.Sprintf("%.1f per Chinese character, %.1f with punctuation; %d poems, %d characters, %d outside the vocabulary", p.Han, p.All, p.Poems, p.Characters, p.Rare))
	for _, s := range r.Shown {
		fmt.Fprintf(w, "\n%s\n  %s\n", plain(s.Prompt), plain(s.Poem))
	}
}
