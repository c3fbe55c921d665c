package fusion

import (
	"context"
	"fmt"
	"testing"

	"summit/llm"
)

// instant is a member that answers at once: a replayed recording without its
// file.
type instant struct {
	card llm.Card
	text string
}

func (m *instant) Card() *llm.Card { return &m.card }

func (m *instant) Generate(ctx context.Context, _ *llm.Request) llm.Stream {
	return llm.NewStream(ctx, m.card.Name, func(_ context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		emit(llm.Event{Kind: llm.KindText, Text: m.text})
		return &llm.Outcome{Finish: llm.FinishStop}, nil
	})
}

func instants(texts ...string) []llm.Member {
	var all []llm.Member
	for i, t := range texts {
		all = append(all, &instant{llm.Card{Name: fmt.Sprintf("m%d", i)}, t})
	}
	return all
}

// The decision itself: what a strategy costs over members that cost nothing.
// The floor beside it is the same members asked one after the other without a
// strategy.
func BenchmarkInstant(b *testing.B) {
	for _, c := range []struct {
		strategy string
		params   any
		question *llm.Question
	}{
		{"floor", nil, nil},
		{"single", nil, nil},
		{"fallback", nil, nil},
		{"cascade", nil, nil},
		{"auto", nil, nil},
		{"vote", nil, nil},
		{"vote", nil, &llm.Question{Suite: "s", ID: "1"}},
	} {
		name := c.strategy
		if c.question != nil {
			name += "/recorded"
		}
		b.Run(name, func(b *testing.B) {
			members := instants("42", "41", "42", "42", "40")
			if c.strategy == "single" {
				members = members[:1]
			}
			r := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "What is six times seven?")}, Summit: llm.Extension{Question: c.question}}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			ask := func() (*llm.Reply, error) {
				var reply *llm.Reply
				var err error
				for _, m := range members {
					reply, err = llm.Collect(m.Generate(ctx, r))
				}
				return reply, err
			}
			if c.strategy != "floor" {
				m, err := New(c.strategy, Env{Name: "model", Members: members}, c.params)
				if err != nil {
					b.Fatal(err)
				}
				ask = func() (*llm.Reply, error) { return llm.Collect(m.Generate(ctx, r)) }
			}
			b.ReportAllocs()
			for b.Loop() {
				if reply, err := ask(); err != nil || reply.Text == "" {
					b.Fatal(reply, err)
				}
			}
		})
	}
}
