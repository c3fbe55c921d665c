package fusion

import (
	"context"
	"slices"
	"sync"
	"time"

	"summit/llm"
)

// longTokens is from how many input tokens on one member answers alone: each
// further one would read all of it again, and a member that has read it has it
// in its cache at the next turn. A guess.
const longTokens = 32_000

// one passes the request on to one member, with the others in order to fall
// back on before the first content: what councils do with requests whose
// answers can't be merged. A conversation stays with the member that answered
// it last, for the sake of signed thoughts and the vendor's cache; in the
// middle of a turn, where tools have just run, also when that member failed
// lately.
func (w *work) one(ctx context.Context, seats []*seat, why string) error {
	key := conversation(w.r)
	own, known := w.kept.of(key)
	order := toFront(seats, own)
	seats, left := w.cool.order(order, time.Now())
	if known && !userTurn(w.r) && order[0].name == own && !slices.Contains(seats, order[0]) {
		seats = slices.Insert(seats, 0, order[0])
		left += "; it is in the middle of a turn and is asked first"
	}
	if left != "" {
		w.note("%s", left)
	}
	p := pass{peek: true, thoughts: true, first: w.firstContent(0), cool: true}
	if known && w.r.Has(llm.PartReasoning) {
		foreign := withoutThoughts(w.r)
		p.request = func(s *seat) *llm.Request {
			if s.name == own {
				return w.r
			}
			return foreign
		}
	}
	by, part, err := w.relay(ctx, seats, w.r, p)
	if part == nil {
		return err
	}
	w.adopt(part)
	w.because(why + ": " + by.name + " alone answers")
	if known && by.name != own {
		w.because("the conversation was " + own + "'s")
	}
	w.out.Stop = "one member answers and keeps the conversation"
	if err == nil {
		w.kept.keep(key, by.name)
	}
	return err
}

// userTurn reports whether a person speaks last: then another member may take
// over.
func userTurn(r *llm.Request) bool {
	if len(r.Messages) == 0 {
		return true
	}
	last := &r.Messages[len(r.Messages)-1]
	return last.Role == llm.RoleUser && !slices.ContainsFunc(last.Parts, func(p llm.Part) bool { return p.Kind == llm.PartResult })
}

// withoutThoughts returns the request without the thoughts of members: they
// are signed, and no other member can verify the signature.
func withoutThoughts(r *llm.Request) *llm.Request {
	thought := func(p llm.Part) bool { return p.Kind == llm.PartReasoning }
	c := r.Clone()
	for i := range c.Messages {
		if m := &c.Messages[i]; slices.ContainsFunc(m.Parts, thought) {
			m.Parts = slices.DeleteFunc(slices.Clone(m.Parts), thought)
		}
	}
	// A message of thoughts alone is none without them.
	c.Messages = slices.DeleteFunc(c.Messages, func(m llm.Message) bool { return len(m.Parts) == 0 })
	return c
}

// keeper remembers which member answered a conversation, for the latest
// maxKept of them. The zero value knows none.
type keeper struct {
	mu   sync.Mutex
	at   map[uint64]string
	ring []uint64 // in the order they came
	next int
}

const maxKept = 4096

func (k *keeper) keep(conversation uint64, name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.at == nil {
		k.at = map[uint64]string{}
	}
	if _, known := k.at[conversation]; !known {
		if len(k.ring) < maxKept {
			k.ring = append(k.ring, conversation)
		} else {
			delete(k.at, k.ring[k.next])
			k.ring[k.next] = conversation
			k.next = (k.next + 1) % maxKept
		}
	}
	k.at[conversation] = name
}

// of returns which member answered the conversation last.
func (k *keeper) of(conversation uint64) (name string, known bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	name, known = k.at[conversation]
	return name, known
}
