package distill

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"summit/llm"
	"summit/money"
)

// Standing is how often somebody said what was accepted, and at which cost.
type Standing struct {
	Name     string         `json:"name"`
	Compared int            `json:"compared"` // answers that could be held against the accepted one
	Right    int            `json:"right"`
	Accuracy float64        `json:"accuracy"`
	Low      float64        `json:"ci_low"` // of its 95 % interval
	High     float64        `json:"ci_high"`
	Cost     *money.Amount  `json:"cost"` // of an answer, on average; nil = unknown
	Currency money.Currency `json:"currency,omitempty"`
}

// fill computes the rates; the interval is Wilson's (1927).
func (s *Standing) fill() {
	if s.Compared == 0 {
		return
	}
	n, z := float64(s.Compared), 1.959964
	p := float64(s.Right) / n
	middle, spread := p+z*z/(2*n), z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	s.Accuracy, s.Low, s.High = p, (middle-spread)/(1+z*z/n), (middle+spread)/(1+z*z/n)
}

// Present returns the standing of those who were asked for the lessons, by
// what the run log knows of them: whose answers were equal to the accepted
// one. Whom a strategy asks depends on the question, so the members' figures
// are of different questions.
func Present(lessons []Lesson, currency money.Currency) []Standing {
	type sum struct {
		Standing
		cost  money.Amount
		known int
		asked int
	}
	all := map[string]*sum{}
	for i := range lessons {
		what := lessons[i].Entry.Lesson
		if what == nil || what.Answer == "" {
			continue
		}
		for _, a := range what.Asks {
			if !a.Asked || a.Error != "" {
				continue
			}
			s := all[a.Member]
			if s == nil {
				s = &sum{Standing: Standing{Name: a.Member}}
				all[a.Member] = s
			}
			s.Compared++
			s.asked++
			if a.Cluster == what.Answer {
				s.Right++
			}
			if a.Cost != nil && a.Cost.Currency == currency {
				if next, err := s.cost.Add(a.Cost.Amount); err == nil {
					s.cost = next
					s.known++
				}
			}
		}
	}
	out := []Standing{}
	for _, s := range all {
		s.fill()
		if s.known == s.asked {
			mean := s.cost / money.Amount(s.asked)
			s.Cost, s.Currency = &mean, currency
		}
		out = append(out, s.Standing)
	}
	slices.SortFunc(out, func(a, b Standing) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Examine asks a member the questions of the lessons and counts how often it
// says what was accepted. What can't be compared doesn't count. Its answers
// have at most so many tokens, at temperature 0.
func Examine(ctx context.Context, m llm.Member, lessons []Lesson, tokens int, currency money.Currency, progress func(done, total int)) (Standing, error) {
	s := Standing{Name: m.Card().Name}
	var cost money.Amount
	priced := 0
	for i := range lessons {
		if progress != nil {
			progress(i, len(lessons))
		}
		if _, ok := Same(lessons[i].Answer, lessons[i].Answer); !ok {
			continue
		}
		r := lessons[i].Request()
		r.Temperature, r.MaxTokens = new(float64), tokens
		reply, err := llm.Collect(m.Generate(ctx, r))
		if err != nil && ctx.Err() != nil {
			return s, err
		}
		s.Compared++ // an answer that fails is a wrong one
		if same, _ := Same(lessons[i].Answer, reply.Text); err == nil && same {
			s.Right++
		}
		if c := reply.Outcome.Cost; c != nil && c.Currency == currency {
			if next, err := cost.Add(c.Amount); err == nil {
				cost = next
				priced++
			}
		}
	}
	s.fill()
	if priced == s.Compared && priced > 0 {
		mean := cost / money.Amount(priced)
		s.Cost, s.Currency = &mean, currency
	}
	return s, nil
}

// Bar is what a new member has to reach.
type Bar struct {
	Compared int     // so many held-out answers have to be comparable
	Accuracy float64 // least share of them that it has to say alike
}

// leastCompared is of how many comparable answers a present member's figures
// count against the new one.
const leastCompared = 10

// Verdict says whether a new member pays, and why.
type Verdict struct {
	Pays bool   `json:"pays"`
	Why  string `json:"why"`
}

// Judge decides: the new member pays where enough could be compared, it says
// what was accepted often enough, and no present member is at least as
// accurate and at most as dear. A new member without a price costs nothing.
func (b Bar) Judge(s Standing, present []Standing) Verdict {
	no := func(format string, args ...any) Verdict { return Verdict{Why: fmt.Sprintf(format, args...)} }
	price := func(s Standing) money.Amount {
		if s.Cost == nil {
			return 0
		}
		return *s.Cost
	}
	if s.Compared < b.Compared {
		return no("%d held-out answers could be compared, want at least %d", s.Compared, b.Compared)
	}
	if s.Accuracy < b.Accuracy {
		return no("it says what was accepted in %.1f %% of %d held-out answers, want at least %.1f %%", 100*s.Accuracy, s.Compared, 100*b.Accuracy)
	}
	for _, p := range present {
		if p.Name == s.Name || p.Compared < leastCompared || p.Cost == nil {
			continue
		}
		if p.Accuracy >= s.Accuracy && *p.Cost <= price(s) {
			return no("%s is at least as accurate (%.1f %% to %.1f %%) and costs no more (%s to %s)", p.Name, 100*p.Accuracy, 100*s.Accuracy, *p.Cost, price(s))
		}
	}
	return Verdict{true, fmt.Sprintf("it says what was accepted in %.1f %% of %d held-out answers, and no present member is as accurate at its price", 100*s.Accuracy, s.Compared)}
}
