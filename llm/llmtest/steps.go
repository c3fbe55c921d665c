package llmtest

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"summit/llm"
)

// End is the token that ends the answers of Steps.
const End = "<end>"

// Steps is a member that shows what it expects next, as it is written down:
// what strategies that work token by token are tested on. Fill the fields
// before first use.
type Steps struct {
	ID     string   // the card's name; empty = "steps"
	Tokens []string // the vocabulary; End may be among them
	// Next tells the probabilities of the tokens after so much of the answer.
	// Tokens that are not named have none.
	Next  func(answer string) map[string]float64
	Pause time.Duration // before each Append
	// Err comes from Open, or where After is set once the answer has so many
	// tokens; Hang is to hang there instead.
	Err    error
	Hang   bool
	After  int
	Window int      // most tokens of prompt and answer; 0 = any
	Facts  llm.Card // the card but for its name

	vocab  atomic.Pointer[tokenList]
	opened atomic.Int64
	closed atomic.Int64
	asked  atomic.Int64
}

// Card returns Facts under the member's name.
func (s *Steps) Card() *llm.Card {
	c := s.Facts
	if c.Name = s.ID; c.Name == "" {
		c.Name = "steps"
	}
	c.Logprobs = true
	return &c
}

// Sessions is how many were opened, and how many are not closed yet.
func (s *Steps) Sessions() (opened, open int64) {
	return s.opened.Load(), s.opened.Load() - s.closed.Load()
}

// Computed is how many tokens all sessions have computed.
func (s *Steps) Computed() int64 { return s.asked.Load() }

// Generate takes the likeliest token again and again.
func (s *Steps) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, s.Card().Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		done := &llm.Outcome{Usage: llm.Usage{Input: llm.Counted(1), Calls: llm.Counted(1)}}
		session, err := s.Open(ctx, r)
		if err != nil {
			return done, err
		}
		defer session.Close()
		row := session.Logits()
		for n := 0; ; n++ {
			id := 0
			for i, v := range row {
				if v > row[id] {
					id = i
				}
			}
			if session.Vocab().End(id) {
				done.Finish = llm.FinishStop
				return done, nil
			}
			if !emit(llm.Event{Kind: llm.KindText, Text: strings.ToValidUTF8(s.Tokens[id], "\ufffd")}) {
				return done, context.Cause(ctx)
			}
			if r.MaxTokens > 0 && n+1 >= r.MaxTokens {
				done.Finish = llm.FinishLength
				return done, nil
			}
			rows, err := session.Append(ctx, []int{id})
			if err != nil {
				return done, err
			}
			row = rows[0]
		}
	})
}

// Open begins an answer. The prompt is one token.
func (s *Steps) Open(ctx context.Context, _ *llm.Request) (llm.Session, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	v := s.vocab.Load()
	if v == nil {
		s.vocab.CompareAndSwap(nil, &tokenList{s.Tokens})
		v = s.vocab.Load()
	}
	in := &stepping{s: s, vocab: v}
	if s.After == 0 {
		if err := in.trouble(ctx); err != nil {
			return nil, err
		}
	}
	s.opened.Add(1)
	in.logits = in.row()
	return in, nil
}

// stepping is one session.
type stepping struct {
	s      *Steps
	vocab  *tokenList
	ids    []int
	logits []float32
	over   bool
}

func (p *stepping) trouble(ctx context.Context) error {
	if p.s.Hang {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return p.s.Err
}

func (p *stepping) Vocab() llm.Vocab  { return p.vocab }
func (p *stepping) Len() int          { return 1 + len(p.ids) }
func (p *stepping) Logits() []float32 { return p.logits }

func (p *stepping) Append(ctx context.Context, ids []int) ([][]float32, error) {
	if err := pause(ctx, p.s.Pause); err != nil {
		return nil, err
	}
	if p.s.Window > 0 && p.Len()+len(ids) > p.s.Window {
		return nil, llm.Errorf(llm.TooLong, "%d tokens, window is %d", p.Len()+len(ids), p.s.Window)
	}
	if p.s.After > 0 && len(p.ids)+len(ids) > p.s.After && (p.s.Err != nil || p.s.Hang) {
		return nil, p.trouble(ctx)
	}
	p.s.asked.Add(int64(len(ids)))
	var rows [][]float32
	for _, id := range ids {
		p.ids = append(p.ids, id)
		rows = append(rows, p.row())
	}
	p.logits = rows[len(rows)-1]
	return rows, nil
}

func (p *stepping) Truncate(n int) {
	if n < p.Len() {
		p.ids, p.logits = p.ids[:max(n-1, 0)], nil
	}
}

func (p *stepping) Close() {
	if !p.over {
		p.over = true
		p.s.closed.Add(1)
	}
}

func (p *stepping) row() []float32 {
	var text strings.Builder
	for _, id := range p.ids {
		text.WriteString(p.s.Tokens[id])
	}
	row := make([]float32, len(p.s.Tokens))
	next := p.s.Next(text.String())
	for i, t := range p.s.Tokens {
		row[i] = float32(math.Log(next[t]))
	}
	return row
}

// tokenList is a vocabulary.
type tokenList struct{ tokens []string }

func (v *tokenList) Len() int            { return len(v.tokens) }
func (v *tokenList) Bytes(id int) []byte { return []byte(v.tokens[id]) }
func (v *tokenList) Special(id int) bool { return v.tokens[id] == End }
func (v *tokenList) End(id int) bool     { return v.tokens[id] == End }

// Reading returns a Next that reads a text out, each time by the longest token
// that fits, and ends; after anything that is no beginning of the text it ends
// too.
func Reading(text string, tokens []string) func(string) map[string]float64 {
	return func(answer string) map[string]float64 {
		rest, ok := strings.CutPrefix(text, answer)
		if !ok || rest == "" {
			return map[string]float64{End: 1}
		}
		longest := ""
		for _, t := range tokens {
			if t != End && strings.HasPrefix(rest, t) && len(t) > len(longest) {
				longest = t
			}
		}
		return map[string]float64{longest: 1}
	}
}

// StepsBehaving returns a member that shows the behaviour, one token each 10
// ms, with vocabularies that differ by variant.
func StepsBehaving(id string, b Behaviour, variant int) *Steps {
	vocabularies := [][]string{
		{"h", "e", "l", "o", " ", "w", "r", "d", "hello", " wor", "ld", End},
		{End, "he", "llo", " w", "orld", "h", "e", "l", "o", " ", "w", "r", "d"},
	}
	s := &Steps{ID: id, Tokens: slices.Clone(vocabularies[variant%len(vocabularies)]), Pause: 10 * time.Millisecond}
	s.Next = Reading("hello world", s.Tokens)
	switch b {
	case Hangs:
		s.Hang = true
	case HangsMid:
		s.Hang, s.After = true, 1
	case Cuts:
		s.Err, s.After = llm.Errorf(llm.Cut, "the stream broke off"), 1
	case Fails:
		s.Err = llm.Errorf(llm.Overloaded, "busy")
	}
	return s
}
