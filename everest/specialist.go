package everest

import (
	"context"
	"embed"
	"fmt"

	"summit/llm"
	"summit/local"
)

//go:embed weights
var weightFiles embed.FS

// Label is on the card of every member.
const Label = "everest"

// Weights returns the model file of a skill that is in the binary.
func Weights(skill string) ([]byte, error) {
	data, err := weightFiles.ReadFile("weights/" + skill + ".gguf")
	if err != nil {
		return nil, fmt.Errorf("everest: %s: this program was built without its weights: %w", skill, err)
	}
	return data, nil
}

// Specialist is a skill's model as a member. It answers the last user message
// alone: such models know neither instructions nor a conversation.
type Specialist struct {
	*local.Member
	Skill *Skill
	card  llm.Card
}

var (
	_ llm.Member  = (*Specialist)(nil)
	_ llm.Stepper = (*Specialist)(nil)
)

// Open makes the skill's member from the model file in data, or in the binary
// where data is nil. Nothing is computed yet.
func Open(store *local.Store, s *Skill, data []byte) (*Specialist, error) {
	if data == nil {
		var err error
		if data, err = Weights(s.Name); err != nil {
			return nil, err
		}
	}
	const (
		threads = 1   // one core is enough for a model this small
		cache   = 768 // tokens of all requests together, a few of the longest
		batch   = 4
	)
	m, err := store.Open(local.Config{
		Name: s.Member(), File: s.Member() + ".gguf", Embedded: data,
		Card:    llm.Card{Vendor: "everest", About: s.About, Labels: []string{Label}},
		Threads: threads, CacheTokens: cache, Batch: batch,
	})
	if err != nil {
		return nil, fmt.Errorf("everest: %s: %w", s.Name, err)
	}
	out := &Specialist{Member: m, Skill: s, card: *m.Card()}
	out.card.WindowTokens = 0 // of a conversation, only the last message counts
	return out, nil
}

// Members returns all seven, by name.
func Members(store *local.Store) ([]*Specialist, error) {
	var all []*Specialist
	for _, s := range skills {
		m, err := Open(store, s, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// Card says what the model can do.
func (s *Specialist) Card() *llm.Card { return &s.card }

// Unwrap returns the model below, which takes a request as it is.
func (s *Specialist) Unwrap() llm.Member { return s.Member }

// Generate answers the last user message.
func (s *Specialist) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return s.Member.Generate(ctx, s.lastOnly(r))
}

// Open starts a sequence with the last user message as its prompt.
func (s *Specialist) Open(ctx context.Context, r *llm.Request) (llm.Session, error) {
	return s.Member.Open(ctx, s.lastOnly(r))
}

// CountTokens counts those of the last user message.
func (s *Specialist) CountTokens(ctx context.Context, r *llm.Request) (int, error) {
	return s.Member.CountTokens(ctx, s.lastOnly(r))
}

// lastOnly is the request with the last user message alone, as the skill puts it.
func (s *Specialist) lastOnly(r *llm.Request) *llm.Request {
	one, text := *r, r.LastUser()
	if s.Skill.Put != nil {
		text = s.Skill.Put(text)
	}
	one.Messages = []llm.Message{llm.Text(llm.RoleUser, text)}
	return &one
}
