package llmtest

import (
	"context"
	"sync"
	"time"

	"summit/llm"
)

// Script is a member whose answer is written down: pieces with pauses, then
// an end. It is what strategies are tested on. The zero value answers nothing
// at once; fill the fields before first use.
type Script struct {
	ID      string      // the card's name; empty = "script"
	Pieces  []Piece     // in order
	Hang    bool        // after the pieces: never end by itself
	Err     error       // after the pieces: end with this error
	Outcome llm.Outcome // copied into Done
	Facts   llm.Card    // the card but for its name
	// Reply, if set, makes text from the request instead of Pieces.
	Reply func(*llm.Request) string

	mu    sync.Mutex
	asked []*llm.Request
}

// Piece is one event after a pause.
type Piece struct {
	After time.Duration
	Event llm.Event
}

// Text returns a script that answers the text in one piece after a pause.
func Text(id, text string, after time.Duration) *Script {
	return &Script{
		ID:     id,
		Pieces: []Piece{{After: after, Event: llm.Event{Kind: llm.KindText, Text: text}}},
		Outcome: llm.Outcome{Usage: llm.Usage{
			Input: llm.Counted(10), Output: llm.Counted(int64(len(text))), Calls: llm.Counted(1)}},
	}
}

// Card returns Facts under the script's name.
func (s *Script) Card() *llm.Card {
	c := s.Facts
	c.Name = s.ID
	if c.Name == "" {
		c.Name = "script"
	}
	return &c
}

// Asked returns the requests so far.
func (s *Script) Asked() []*llm.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*llm.Request(nil), s.asked...)
}

// Generate plays the script.
func (s *Script) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, s.Card().Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		s.mu.Lock()
		s.asked = append(s.asked, r)
		s.mu.Unlock()
		done := s.Outcome
		if done.Finish == "" && s.Err == nil {
			done.Finish = llm.FinishStop
		}
		pieces := s.Pieces
		if s.Reply != nil {
			pieces = append(pieces[:len(pieces):len(pieces)], Piece{Event: llm.Event{Kind: llm.KindText, Text: s.Reply(r)}})
		}
		for _, p := range pieces {
			if err := pause(ctx, p.After); err != nil {
				return &done, err
			}
			if !emit(p.Event) {
				return &done, context.Cause(ctx)
			}
		}
		if s.Hang {
			<-ctx.Done()
			return &done, context.Cause(ctx)
		}
		return &done, s.Err
	})
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Null is a member that answers nothing, at once: the fake that does nothing.
type Null struct{}

// Card names the member "null".
func (Null) Card() *llm.Card { return &llm.Card{Name: "null"} }

// Generate ends without an event.
func (Null) Generate(ctx context.Context, _ *llm.Request) llm.Stream {
	return llm.NewStream(ctx, "null", func(context.Context, func(llm.Event) bool) (*llm.Outcome, error) {
		return &llm.Outcome{Finish: llm.FinishStop}, nil
	})
}
