// Package distill turns what was answered well into what a small model can
// learn from. For tenants that agreed to it, and for no others, it keeps the
// texts of questions and answers, which the run log does not; it picks those
// that were accepted, writes them down for training, and says whether a model
// that learned from them pays beside the present members.
//
// Its nouns are Sample (a kept question with its answer), Store, Keeper (which
// keeps them while they are answered), Lesson (a Sample that was accepted) and
// Verdict. It trains nothing: what it writes is what package train reads.
package distill

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"time"

	"summit/answer"
	"summit/llm"
	"summit/run"
)

// Sample is a question with the answer that was given.
type Sample struct {
	Run      string // the run log's id of it
	Tenant   string
	At       time.Time
	Model    string // as asked
	Messages []Message
	Answer   string
}

// Message is one turn before the answer.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Request returns what was asked, to ask it again.
func (s *Sample) Request() *llm.Request {
	r := &llm.Request{}
	for _, m := range s.Messages {
		r.Messages = append(r.Messages, llm.Text(llm.Role(m.Role), m.Content))
	}
	return r
}

// Lesson is a Sample whose answer was accepted.
type Lesson struct {
	Sample
	Why   string // it was accepted, for people
	Entry run.Entry
}

// Rule says which answers are accepted. What somebody said of an answer, or a
// check found, decides; where nobody did, the confidence in it may.
type Rule struct {
	Confidence float64 // least of the strategy that answered; 0 = answers that nobody judged are not accepted
}

// accepts says whether an answer is accepted, and why.
func (rule Rule) accepts(e *run.Entry) (why string, ok bool) {
	if e.Error != "" {
		return "it failed", false
	}
	sum, best := 0.0, run.Source("")
	for _, f := range e.Feedback {
		sum += f.Source.Weight() * (f.Score - 0.5)
		if f.Score > 0.5 && (best == "" || f.Source.Weight() > best.Weight()) {
			best = f.Source
		}
	}
	switch {
	case sum > 0:
		return "label " + string(best), true
	case len(e.Feedback) > 0:
		return "labels speak against it", false
	case e.Lesson != nil && rule.Confidence > 0 && float64(e.Lesson.Confidence) >= rule.Confidence*1e6:
		return fmt.Sprintf("confidence %.2f", float64(e.Lesson.Confidence)/1e6), true
	}
	return "nobody judged it", false
}

// Picked is what came of a tenant's samples.
type Picked struct {
	Samples  int            `json:"samples"`  // kept of the tenant
	Accepted int            `json:"accepted"` // and accepted, each question once
	Refused  map[string]int `json:"refused"`  // the others, by why
	Train    []Lesson       `json:"-"`
	HeldOut  []Lesson       `json:"-"`
}

// Pick reads the tenant's samples and the log, and picks what was accepted. Of
// several accepted answers to one question the latest counts. A share of the
// questions, which depends on their texts alone, is held out.
func Pick(ctx context.Context, samples *Store, log run.Store, tenant string, rule Rule, heldOut float64) (*Picked, error) {
	p := &Picked{Refused: map[string]int{}}
	byRun := map[string]Sample{}
	if err := samples.Scan(ctx, tenant, func(s Sample) error {
		byRun[s.Run] = s
		return nil
	}); err != nil {
		return nil, err
	}
	p.Samples = len(byRun)
	byQuestion := map[string]Lesson{}
	err := log.Scan(ctx, func(e run.Entry) error {
		s, ok := byRun[e.ID]
		if !ok || e.Tenant != tenant {
			return nil
		}
		delete(byRun, e.ID)
		why, ok := rule.accepts(&e)
		if !ok {
			p.Refused[why]++
			return nil
		}
		key, err := json.Marshal(s.Messages)
		if err != nil {
			return err
		}
		if old, ok := byQuestion[string(key)]; ok {
			p.Refused["asked again"]++
			if old.At.After(s.At) {
				return nil
			}
		}
		byQuestion[string(key)] = Lesson{s, why, e}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if n := len(byRun); n > 0 {
		p.Refused["not in the log of runs any more"] += n
	}
	p.Accepted = len(byQuestion)
	for key, l := range byQuestion {
		h := fnv.New32a()
		h.Write([]byte(key))
		if float64(h.Sum32()%10_000) < heldOut*10_000 {
			p.HeldOut = append(p.HeldOut, l)
		} else {
			p.Train = append(p.Train, l)
		}
	}
	for _, list := range [][]Lesson{p.Train, p.HeldOut} {
		slices.SortFunc(list, func(a, b Lesson) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Run, b.Run)) })
	}
	return p, nil
}

// Write writes lessons as package train reads them: a conversation a line,
// {"messages": [{"role", "content"}, ...]}.
func Write(w io.Writer, lessons []Lesson) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for i := range lessons {
		line := struct {
			Messages []Message `json:"messages"`
		}{append(slices.Clip(lessons[i].Messages), Message{"assistant", lessons[i].Answer})}
		if err := e.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

// Same reports whether two answers mean the same; comparable is false where
// that can't be told, as with free text.
func Same(accepted, given string) (same, comparable bool) {
	a, ok := answer.Final(accepted)
	if !ok {
		return false, false
	}
	b, ok := answer.Final(given)
	return ok && a.Class() == b.Class(), true
}
