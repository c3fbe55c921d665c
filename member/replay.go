package member

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"summit/llm"
	"summit/record"
)

func init() {
	Register(Kind{
		Name:   "replay",
		About:  "plays recorded answers of an outcomes folder, or recorded HTTP exchanges; calls nobody",
		Params: func() any { return new(ReplayParams) },
		New: func(c Config) (llm.Member, error) {
			p := ReplayParams{}
			switch v := c.Params.(type) {
			case nil:
			case *ReplayParams:
				p = *v
			case ReplayParams:
				p = v
			default:
				return nil, fmt.Errorf("member: %s: parameters are %T, want %T", c.Name, c.Params, p)
			}
			if p.Exchanges != "" {
				return newExchanged(c, p)
			}
			return newReplay(c, p)
		},
	})
}

// ReplayParams are the settings of the kind "replay". It has two forms. With
// Dir it plays the answers that one member of an outcomes folder gave to
// recorded questions. With Exchanges it plays, or records, the HTTP exchanges
// of another kind of member: for tests and for reports of faults.
type ReplayParams struct {
	Dir    string   `yaml:"dir,omitempty" json:"dir,omitempty"`       // a folder of recorded outcomes
	Member string   `yaml:"member,omitempty" json:"member,omitempty"` // the recorded member; empty = the configured model, else the member's own name
	Suites []string `yaml:"suites,omitempty" json:"suites,omitempty"` // empty = every suite that lists the member
	Splits []string `yaml:"splits,omitempty" json:"splits,omitempty"` // such as dev; empty = all that a suite has

	Exchanges string `yaml:"exchanges,omitempty" json:"exchanges,omitempty"` // a file of recorded HTTP exchanges, one JSON line each
	Of        string `yaml:"of,omitempty" json:"of,omitempty"`               // the kind of member that speaks in them; empty = openai
	Record    bool   `yaml:"record,omitempty" json:"record,omitempty"`       // call the real server and append to Exchanges; false = play them
}

// newReplay reads what the member answered in the folder.
func newReplay(c Config, p ReplayParams) (llm.Member, error) {
	if p.Dir == "" {
		return nil, fmt.Errorf("member: %s: neither params.dir nor params.exchanges is set, want one of them", c.Name)
	}
	if p.Of != "" || p.Record {
		return nil, fmt.Errorf("member: %s: params.of and params.record go with params.exchanges, not with params.dir", c.Name)
	}
	recorded := p.Member
	if recorded == "" {
		recorded = c.Model
	}
	if recorded == "" {
		recorded = c.Name
	}
	folder, err := record.OpenDir(p.Dir)
	if err != nil {
		return nil, fmt.Errorf("member: %s: %w", c.Name, err)
	}
	i := slices.IndexFunc(folder.Members, func(m record.Member) bool { return m.Name == recorded })
	if i < 0 {
		return nil, fmt.Errorf("member: %s: %s lists no member %q among its %d", c.Name, p.Dir, recorded, len(folder.Members))
	}
	names := p.Suites
	if len(names) == 0 {
		names = folder.Members[i].Suites
	}
	var suites []*record.Suite
	for _, name := range names {
		splits := p.Splits
		if len(splits) == 0 {
			if splits, err = folder.Splits(name); err != nil {
				return nil, fmt.Errorf("member: %s: %w", c.Name, err)
			}
		}
		s, err := folder.ReadMember(recorded, name, splits...)
		if err != nil {
			return nil, fmt.Errorf("member: %s: %w", c.Name, err)
		}
		if len(s.Members) == 0 {
			return nil, fmt.Errorf("member: %s: %s: member %q has no rows in %s", c.Name, p.Dir, recorded, name)
		}
		suites = append(suites, s)
	}
	return NewRecording(suites...).member(c.Card, c.Name, recorded)
}

// Recording is recorded questions that many replayed members share.
type Recording struct {
	suites   []*record.Suite
	byID     map[llm.Question]place
	byPrompt map[string]place
}

// place is a question of a suite, by index.
type place struct{ suite, question int }

// NewRecording indexes the questions of the suites. Where two questions have
// the same id or the same prompt, the first one is found.
func NewRecording(suites ...*record.Suite) *Recording {
	r := &Recording{suites: suites, byID: map[llm.Question]place{}, byPrompt: map[string]place{}}
	for i, s := range suites {
		for j := range s.Questions {
			q, at := &s.Questions[j], place{i, j}
			key := llm.Question{Suite: q.Suite, ID: q.ID}
			if _, taken := r.byID[key]; !taken {
				r.byID[key] = at
			}
			if _, taken := r.byPrompt[q.Text()]; !taken && q.Text() != "" {
				r.byPrompt[q.Text()] = at
			}
		}
	}
	return r
}

// find returns the question that the request asks: by the request's own
// naming of it, else by the exact text of the last user message.
func (r *Recording) find(q *llm.Request) (place, error) {
	if want := q.Summit.Question; want != nil {
		if at, ok := r.byID[*want]; ok {
			return at, nil
		}
		e := llm.Errorf(llm.NotFound, "no recorded question %q of suite %q; want one of %s", want.ID, want.Suite, r.holds())
		e.Param = "summit.question"
		return place{}, e
	}
	text := q.LastUser()
	if at, ok := r.byPrompt[text]; ok {
		return at, nil
	}
	// The prompt itself is not repeated: errors are logged, prompts are not.
	e := llm.Errorf(llm.NotFound, "no recorded question has this prompt of %d bytes; want the field summit.question, or a prompt word for word, of %s", len(text), r.holds())
	e.Param = "messages"
	return place{}, e
}

// holds says which questions there are, for people.
func (r *Recording) holds() string {
	var parts []string
	for _, s := range r.suites {
		parts = append(parts, fmt.Sprintf("%s (%d questions)", s.Name, len(s.Questions)))
	}
	return strings.Join(parts, ", ")
}

// Replay is a member that plays recorded answers: the answer's text at once,
// with estimated usage and the list price of the recorded member. An answer
// that was not given, or that can't be compared, is an empty text: the member
// abstains. It is safe for concurrent use.
type Replay struct {
	card      llm.Card
	recording *Recording
	columns   []int // the member's index in each suite; -1 = it has no rows there
}

// NewReplay returns the member that plays, under the given name, what one
// member of the recording answered.
func NewReplay(name string, r *Recording, recorded string) (*Replay, error) {
	return r.member(llm.Card{}, name, recorded)
}

// member fills the card's empty fields from the recording.
func (r *Recording) member(card llm.Card, name, recorded string) (*Replay, error) {
	m := &Replay{card: card, recording: r}
	var facts *record.Member
	for _, s := range r.suites {
		column, ok := s.Index(recorded)
		if !ok {
			column = -1
		} else if facts == nil {
			facts = &s.Members[column]
		}
		m.columns = append(m.columns, column)
	}
	if facts == nil {
		return nil, fmt.Errorf("member: %s: no recorded answer of %q in %s", name, recorded, r.holds())
	}
	m.card.Name, m.card.Model = name, recorded
	if m.card.Vendor == "" {
		m.card.Vendor = facts.Vendor
	}
	if m.card.About == "" {
		m.card.About = "plays what " + recorded + " answered to recorded questions"
	}
	if m.card.Prices == nil {
		in, out := facts.Rates()
		m.card.Prices = []llm.Price{{Currency: "USD", Input: in, Output: out, Source: facts.PriceSource, Unverified: true}}
	}
	if !slices.Contains(m.card.Labels, LabelRecorded) {
		m.card.Labels = append(slices.Clone(m.card.Labels), LabelRecorded)
	}
	return m, nil
}

// LabelRecorded is on the card of every member that plays a recording.
const LabelRecorded = "recorded"

// Card says whose answers are played; its prices are the recording's, in USD,
// unless the configuration has others.
func (m *Replay) Card() *llm.Card { return &m.card }

// Generate plays the answer to the recorded question that the request names
// in Summit.Question, or asks word for word. Any other question is an error
// of kind NotFound, and so is one that this member was not asked.
func (m *Replay) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, m.card.Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		at, err := m.recording.find(r)
		if err != nil {
			return nil, err
		}
		var c *record.Cell
		s := m.recording.suites[at.suite]
		if column := m.columns[at.suite]; column >= 0 {
			c = s.Cell(at.question, column)
		}
		if c == nil || !c.Asked {
			q := &s.Questions[at.question]
			return nil, llm.Errorf(llm.NotFound, "%s has no recorded answer to question %q of suite %q", m.card.Model, q.ID, q.Suite)
		}
		if !emit(llm.Event{Kind: llm.KindStart, Model: m.card.Model}) {
			return nil, errLeft
		}
		done := &llm.Outcome{Model: m.card.Model, Finish: llm.FinishStop, Usage: usage(c)}
		if len(m.card.Prices) > 0 {
			done.Cost = m.card.Cost(done.Usage, time.Now())
		}
		if text := c.Said(); text != "" && !emit(llm.Event{Kind: llm.KindText, Text: text}) {
			return done, errLeft
		}
		return done, nil
	})
}

// errLeft ends a body whose caller is gone; NewStream puts the cause in its
// place.
var errLeft = errors.New("member: the caller left")

// usage is what the recorded answer used, estimated from lengths.
func usage(c *record.Cell) llm.Usage {
	estimated := func(v float64) llm.Count { return llm.Count{N: int64(math.Round(v)), From: llm.Estimated} }
	u := llm.Usage{Input: estimated(c.TokensIn), Output: estimated(c.TokensOut), Calls: llm.Count{N: 1, From: llm.Estimated}}
	if c.Hidden > 0 {
		u.Reasoning = estimated(c.Hidden)
	}
	return u
}
