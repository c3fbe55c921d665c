package alliance

import (
	"context"
	"time"

	"summit/llm"
)

// outerKey finds the context of the whole request.
type outerKey struct{}

// outermost returns a context that knows that of the whole request, so that a
// member below can tell a reader that left from a strategy that stopped it.
func outermost(ctx, whole context.Context) context.Context {
	return context.WithValue(ctx, outerKey{}, whole)
}

// Drained is a member whose contract may say what becomes of an answer whose
// reader left: by on_abort drain it is read on for a while, and thrown away, so
// that the member reports what it used. A member that a strategy stops is
// stopped, whatever its contract says: nobody left.
type Drained struct {
	llm.Member
	Journal *Journal
}

// Unwrap returns the member.
func (d *Drained) Unwrap() llm.Member { return d.Member }

// Generate asks the member.
func (d *Drained) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	whole, metered := ctx.Value(outerKey{}).(context.Context)
	if !metered {
		return d.Member.Generate(ctx, r)
	}
	a := d.Journal.Alliance()
	c, err := a.contract(d.Card().Name, d.Journal.now())
	if err != nil || c.OnAbort != "drain" {
		return d.Member.Generate(ctx, r)
	}
	return llm.NewStream(ctx, d.Card().Name, func(inner context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		reading, stop := context.WithCancelCause(context.WithoutCancel(inner))
		defer stop(nil)
		unhook := context.AfterFunc(inner, func() {
			if whole.Err() == nil {
				stop(context.Cause(inner)) // a strategy has enough
				return
			}
			timer := time.AfterFunc(time.Duration(a.Terms.DrainSeconds)*time.Second, func() { stop(context.Cause(inner)) })
			context.AfterFunc(reading, func() { timer.Stop() })
		})
		defer unhook()
		return llm.Relay(d.Member.Generate(reading, r), emit)
	})
}
