package member

import (
	"context"
	"time"

	"summit/llm"
)

// drain is a member whose answers are read to their end although the caller
// went away: for contracts that charge for the whole answer either way, so
// that what was used is known and not guessed.
type drain struct {
	member llm.Member
	most   time.Duration
}

// Drain wraps the member so that an answer whose caller went away is read on
// for that long; most zero is two minutes. The caller gets its error at the end
// of that, with the usage that the vendor told. A deadline that passed, or a
// server that shuts down, still ends the answer at once.
func Drain(m llm.Member, most time.Duration) llm.Member {
	if most <= 0 {
		most = 2 * time.Minute
	}
	return &drain{m, most}
}

// Card says who the member is.
func (d *drain) Card() *llm.Card { return d.member.Card() }

// Unwrap returns the member below.
func (d *drain) Unwrap() llm.Member { return d.member }

// Generate asks the member.
func (d *drain) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, d.Card().Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		defer cancel(nil)
		stop := context.AfterFunc(ctx, func() {
			e := llm.ContextError(ctx)
			if e.Kind != llm.Canceled {
				cancel(e)
				return
			}
			// The answer may end before: then nothing is left to cancel.
			timer := time.NewTimer(d.most)
			defer timer.Stop()
			select {
			case <-timer.C:
				cancel(e)
			case <-own.Done():
			}
		})
		defer stop()
		return llm.Relay(d.member.Generate(own, r), emit)
	})
}
