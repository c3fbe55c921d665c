package fusion

import (
	"context"
	"fmt"
	"math"

	"summit/llm"
)

// doubter is a member whose answer is held back until its end, and replaced
// where the member itself was not sure of it: where it took everywhere what it
// held likeliest, and at one place held that less likely than least. An answer
// that was drawn by chance, as of verse, passes from the first token that was
// not the likeliest; so does one without log-probabilities.
type doubter struct {
	llm.Member
	least float64 // a probability
	// say returns what is said instead of such an answer.
	say func(*llm.Request) string
}

// maxHeldBytes bounds what is held back: what is longer passes, doubtful or
// not. A guess: answers that one can be sure of token by token are short.
const maxHeldBytes = 16 << 10

// Unwrap returns the member below, which is never in doubt.
func (d *doubter) Unwrap() llm.Member { return d.Member }

// Generate asks the member below for its log-probabilities, too.
func (d *doubter) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	asked := *r
	asked.Logprobs, asked.TopLogprobs = true, max(1, r.TopLogprobs)
	below := d.Member.Generate(ctx, &asked)
	return func(yield func(llm.Event, error) bool) {
		var held []llm.Event
		least, size, told, passing := 0.0, 0, false, false
		pass := func(e llm.Event, err error) bool {
			if !r.Logprobs {
				e.Tokens = nil
			}
			return yield(e, err)
		}
		flush := func() bool {
			passing = true
			for _, e := range held {
				if !pass(e, nil) {
					return false
				}
			}
			held = nil
			return true
		}
		for e, err := range below {
			switch {
			case e.Kind == llm.KindDone:
				if err == nil && !passing && least < math.Log(d.least) {
					done := *e.Done
					if done.Reason != "" {
						done.Reason += "; "
					}
					done.Reason += fmt.Sprintf("held back: its least likely token had %.0f %%", 100*math.Exp(least))
					e.Done, held = &done, textless(held)
					held = append(held, llm.Event{Kind: llm.KindText, Text: d.say(r)})
				}
				if !flush() {
					return
				}
			case passing:
			case e.Kind == llm.KindText:
				for _, t := range e.Tokens {
					least = min(least, t.Logprob)
					if len(t.Top) > 0 && t.Logprob < t.Top[0].Logprob {
						passing = true
					}
				}
				told = told || len(e.Tokens) > 0
				passing = passing || !told // who says nothing of the first can't be doubted
				size += len(e.Text)
				if held = append(held, e); (passing || size > maxHeldBytes) && !flush() {
					return
				}
				continue
			case e.Kind == llm.KindCall: // what is acted upon is judged elsewhere
				if !flush() {
					return
				}
			default:
				held = append(held, e)
				continue
			}
			if !pass(e, err) {
				return
			}
		}
	}
}

// textless returns the events without the answer's text.
func textless(events []llm.Event) []llm.Event {
	var kept []llm.Event
	for _, e := range events {
		if e.Kind != llm.KindText {
			kept = append(kept, e)
		}
	}
	return kept
}
