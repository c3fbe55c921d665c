package everest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"summit/llm"
)

// Perplexity is how well a model foresees held-out poems, given what asks for
// them, that is their form with a title, a topic or a first line.
type Perplexity struct {
	Poems      int     `json:"poems"`
	Characters int     `json:"characters"`    // Chinese characters of the poems
	Han        float64 `json:"per_character"` // perplexity per Chinese character, punctuation left out
	All        float64 `json:"per_sign"`      // per character, punctuation counted as such
	Rare       int     `json:"outside"`       // characters outside the vocabulary, which are several tokens; they count
	Bits       float64 `json:"bits_per_byte"` // of UTF-8
}

// encoder is a vocabulary that can be written in.
type encoder interface {
	Encode(text string, special bool) []int
}

// MeasurePerplexity asks a model for the probability of every example's answer.
func MeasurePerplexity(ctx context.Context, m llm.Stepper, examples []Example) (Perplexity, error) {
	var p Perplexity
	var han, all float64
	signs, bytes := 0, 0
	for _, e := range examples {
		s, err := m.Open(ctx, &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, e.Prompt)}})
		if err != nil {
			return p, err
		}
		v, ok := s.Vocab().(encoder)
		if !ok {
			s.Close()
			return p, errors.New("everest: perplexity: the model's vocabulary does not encode")
		}
		row := s.Logits()
		for _, c := range e.Answer {
			ids := v.Encode(string(c), false)
			nll := 0.0
			for _, id := range ids {
				nll -= logProbability(row, id)
				rows, err := s.Append(ctx, []int{id})
				if err != nil {
					s.Close()
					return p, err
				}
				row = rows[0]
			}
			all += nll
			signs++
			bytes += len(string(c))
			if !strings.ContainsRune("，。？！；", c) {
				han += nll
				p.Characters++
				if len(ids) > 1 {
					p.Rare++
				}
			}
		}
		s.Close()
		p.Poems++
	}
	if p.Characters > 0 {
		p.Han, p.All = math.Exp(han/float64(p.Characters)), math.Exp(all/float64(signs))
		p.Bits = all / math.Ln2 / float64(bytes)
	}
	return p, nil
}

func logProbability(row []float32, id int) float64 {
	most := float64(row[0])
	for _, x := range row {
		most = max(most, float64(x))
	}
	sum := 0.0
	for _, x := range row {
		sum += math.Exp(float64(x) - most)
	}
	return float64(row[id]) - most - math.Log(sum)
}

// VerseReport is how a poet's samples are, beside poems of the corpus.
type VerseReport struct {
	Samples    int        `json:"samples"`
	InForm     int        `json:"in_form"`      // have the lines and characters that were asked for
	Rhyming    float64    `json:"rhyming"`      // share of those in form whose even lines rhyme
	Tones      float64    `json:"tones"`        // share of the rules about tones that they follow
	CorpusN    int        `json:"corpus_poems"` // held-out poems that the same measures were taken of
	CorpusRhym float64    `json:"corpus_rhyming"`
	CorpusTone float64    `json:"corpus_tones"`
	OneLine    int        `json:"one_line"`   // samples with one line of a training poem
	MoreLines  int        `json:"more_lines"` // with two lines or more of one training poem
	Perplexity Perplexity `json:"perplexity"`
	Shown      []Sample   `json:"shown"` // the first ten
}

// Sample is one poem that the model wrote.
type Sample struct {
	Prompt string `json:"prompt"`
	Form   string `json:"form"`
	Poem   string `json:"poem"`
}

// MeasureVerse samples n poems without constraints, asked for by what
// held-out poems are asked for by, and measures them against the corpus. evaluate
// is how many held-out poems the perplexity is of.
func MeasureVerse(ctx context.Context, m llm.Stepper, corpus, hash string, n, evaluate int, seed uint64, progress func(done, total int)) (*VerseReport, error) {
	var held []Poem
	var learned [][]string
	where := map[string][]int32{} // line: training poems with it
	err := ReadPoems(corpus, hash, func(p Poem) error {
		text := p.Text()
		if _, ok := formOf(text); !ok {
			return nil
		}
		switch PartOf(&p) {
		case Test:
			held = append(held, p)
		case Train:
			lines := Verses(text)
			for _, l := range lines {
				where[l] = append(where[l], int32(len(learned)))
			}
			learned = append(learned, lines)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(held) == 0 || len(learned) == 0 {
		return nil, fmt.Errorf("everest: verse: %d poems to learn from and %d held out, want both", len(learned), len(held))
	}
	prosody := LearnProsody(learned)
	r := rand.New(rand.NewPCG(seed, 0x7665727365)) // "verse"
	r.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
	report := &VerseReport{Samples: n}
	if err := report.sample(ctx, m, held, where, prosody, r, progress); err != nil {
		return nil, err
	}
	rhyming, tones, followed := 0, 0, 0
	for _, p := range held {
		got := prosody.Measure(Verses(p.Text()))
		report.CorpusN++
		if got.Rhyme {
			rhyming++
		}
		tones, followed = tones+got.Tones, followed+got.Followed
	}
	report.CorpusRhym, report.CorpusTone = portion(rhyming, report.CorpusN), portion(followed, tones)
	var examples []Example
	for i := range held[:min(evaluate, len(held))] {
		if e, ok := held[i].ask(r); ok {
			examples = append(examples, e)
		}
	}
	report.Perplexity, err = MeasurePerplexity(ctx, m, examples)
	return report, err
}

func portion(part, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(part) / float64(of)
}

// sample writes the poems and measures them.
func (report *VerseReport) sample(ctx context.Context, m llm.Stepper, held []Poem, where map[string][]int32, prosody *Prosody, r *rand.Rand, progress func(done, total int)) error {
	rhyming, tones, followed := 0, 0, 0
	for i := range report.Samples {
		e, _ := held[i%len(held)].ask(r)
		form, _ := formOf(e.Answer)
		reply, err := llm.Collect(m.Generate(ctx, &llm.Request{
			Messages: []llm.Message{llm.Text(llm.RoleUser, e.Prompt)}, Seed: new(int64(i)), MaxTokens: 200,
		}))
		if err != nil {
			return err
		}
		if progress != nil {
			progress(i+1, report.Samples)
		}
		const shown = 10
		if len(report.Shown) < shown {
			report.Shown = append(report.Shown, Sample{e.Prompt, form.Name, reply.Text})
		}
		lines := Verses(reply.Text)
		hits, most := map[int32]int{}, 0
		first := Verses(e.Answer)[0]
		for _, l := range lines {
			if strings.Contains(e.Prompt, first) && l == first {
				continue // a line that was asked for
			}
			for _, poem := range where[l] {
				hits[poem]++
				most = max(most, hits[poem])
			}
		}
		switch {
		case most > 1:
			report.MoreLines++
		case most == 1:
			report.OneLine++
		}
		if !form.Has(reply.Text) {
			continue
		}
		report.InForm++
		got := prosody.Measure(lines)
		if got.Rhyme {
			rhyming++
		}
		tones, followed = tones+got.Tones, followed+got.Followed
	}
	report.Rhyming, report.Tones = portion(rhyming, report.InForm), portion(followed, tones)
	return nil
}
