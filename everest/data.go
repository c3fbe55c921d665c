package everest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
)

// DataOptions say what training data to write.
type DataOptions struct {
	Skill  string
	N      int    // examples; 0 = all there are, for poems
	Seed   uint64 // of the generator
	Corpus string // poems: the corpus
	Hash   string // that the corpus must have; empty = any
	Part   Part   // Train, or Validation
	// Refusals is the share of prompts of other skills, and of none, which
	// the model learns to refuse.
	Refusals float64
	// Free is the share of examples that are worded freely. Where it is not
	// 0, refusals are of more kinds of prompts, too.
	Free float64
}

// message is one turn in the format of the trainer's data.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Data writes training data as JSON lines of messages. What it writes is
// decided by the options alone. No problem of the tests is in it.
func Data(w io.Writer, o DataOptions) error {
	s, err := Find(o.Skill)
	if err != nil {
		return err
	}
	if o.N < 0 || !(o.Refusals >= 0 && o.Refusals < 1) {
		return fmt.Errorf("everest: data: %d examples with a share of refusals of %v, want 0 or more, and 0 to below 1", o.N, o.Refusals)
	}
	if !(o.Free >= 0 && o.Free <= 1) || o.Free > 0 && s.Make == nil {
		return fmt.Errorf("everest: data: %s: a share of free wordings of %v, want 0 to 1, and 0 for poems", s.Name, o.Free)
	}
	out := bufio.NewWriterSize(w, 1<<16)
	r := rand.New(rand.NewPCG(o.Seed, 0x65766572657374)) // "everest"
	put := func(e Example) error {
		line, err := json.Marshal(struct {
			Messages []message `json:"messages"`
		}{[]message{{"user", e.Prompt}, {"assistant", e.Answer}}})
		if err == nil {
			_, err = out.Write(append(line, '\n'))
		}
		return err
	}
	refuse := func() error {
		for r.Float64() < o.Refusals {
			if err := put(refusal(r, s, o.Free > 0)); err != nil {
				return err
			}
		}
		return nil
	}
	if s.Make == nil {
		err = poemData(o, r, put, refuse)
	} else {
		err = madeData(o, s, r, put, refuse)
	}
	return errors.Join(err, out.Flush())
}

// refusal is a prompt that is not the skill's, with the refusal.
func refusal(r *rand.Rand, s *Skill, free bool) Example {
	none := Other
	if free && r.IntN(2) == 0 {
		none = Near
	}
	e := none(r)
	for heldOutOther(e.Key) {
		e = none(r)
	}
	if r.IntN(2) == 0 {
		for {
			other := skills[r.IntN(len(skills))]
			if other == s {
				continue
			}
			e = other.Ask(r)
			if free && r.IntN(2) == 0 {
				e = other.Free(r)
			}
			if e.Part() == Train {
				break
			}
		}
	}
	e.Answer = s.Refusal(e.Lang)
	return e
}

func madeData(o DataOptions, s *Skill, r *rand.Rand, put func(Example) error, refuse func() error) error {
	if o.N == 0 {
		return fmt.Errorf("everest: data: %s: 0 examples, want a number: there is no end of them", s.Name)
	}
	for n := 0; n < o.N; {
		e := s.Make(r)
		if o.Free > 0 && r.Float64() < o.Free {
			e = s.Free(r)
		}
		if e.Part() != o.Part {
			continue
		}
		n++
		if err := errors.Join(put(e), refuse()); err != nil {
			return err
		}
	}
	return nil
}

func poemData(o DataOptions, r *rand.Rand, put func(Example) error, refuse func() error) error {
	if o.Corpus == "" {
		return errors.New("everest: data: poem: no corpus, want the file of " + CorpusOrigin)
	}
	// The corpus is in the order of its volumes: it is read whole and dealt.
	var poems []Poem
	err := ReadPoems(o.Corpus, o.Hash, func(p Poem) error {
		if _, ok := formOf(p.Text()); ok && PartOf(&p) == o.Part {
			poems = append(poems, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.Shuffle(len(poems), func(i, j int) { poems[i], poems[j] = poems[j], poems[i] })
	if o.N > 0 && o.N < len(poems) {
		poems = poems[:o.N]
	}
	for i := range poems {
		if e, ok := poems[i].ask(r); ok {
			if err := errors.Join(put(e), refuse()); err != nil {
				return err
			}
		}
	}
	return nil
}
