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
			if err := put(refusal(r, s)); err != nil {
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
func refusal(r *rand.Rand, s *Skill) Example {
	e := Other(r)
	for heldOutOther(e.Key) {
		e = Other(r)
	}
	if r.IntN(2) == 0 {
		for {
			other := skills[r.IntN(len(skills))]
			if other == s {
				continue
			}
			if e = other.Ask(r); e.Part() == Train {
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
