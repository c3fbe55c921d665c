package llmtest

import (
	"time"

	"summit/llm"
)

// Behaving returns a script that shows the behaviour: what a strategy's suite
// builds its members from. An answer is "hello world" in three pieces, 10 ms
// before each.
func Behaving(id string, b Behaviour) *Script {
	text := func(s string) Piece {
		return Piece{After: 10 * time.Millisecond, Event: llm.Event{Kind: llm.KindText, Text: s}}
	}
	s := &Script{ID: id, Outcome: llm.Outcome{Usage: llm.Usage{Input: llm.Counted(3), Output: llm.Counted(2), Calls: llm.Counted(1)}}}
	switch b {
	case Answers:
		s.Pieces = []Piece{text("hello"), text(" wor"), text("ld")}
	case Hangs:
		s.Hang = true
	case HangsMid:
		s.Pieces, s.Hang = []Piece{text("hello")}, true
	case Cuts:
		s.Pieces, s.Err = []Piece{text("hello")}, llm.Errorf(llm.Cut, "the stream broke off")
	case Fails:
		s.Err = llm.Errorf(llm.Overloaded, "busy")
	}
	return s
}
