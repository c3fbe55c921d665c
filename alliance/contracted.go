package alliance

import (
	"context"
	"sync"
	"time"

	"summit/ledger"
	"summit/llm"
)

// sale is what members below may know of a request that is paid for.
type sale struct {
	whole   context.Context // of the request, so that a reader that left can be told from a strategy that stopped a member
	journal *Journal
}

type saleKey struct{}

func selling(ctx, whole context.Context, j *Journal) context.Context {
	return context.WithValue(ctx, saleKey{}, sale{whole, j})
}

// Contracted is a member whose contract may say two things about answering.
// By on_abort drain an answer whose reader left is read on for a while, and
// thrown away, so that the member reports what it used; a member that a strategy
// stops is stopped, whatever its contract says. By on_exhausted refuse it is not
// asked any more in a month in which it has borne all that it agreed to.
// Requests that nobody pays for pass as they are.
type Contracted struct {
	llm.Member
	spent exhausted
}

// Unwrap returns the member.
func (c *Contracted) Unwrap() llm.Member { return c.Member }

// Generate asks the member.
func (c *Contracted) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	s, sold := ctx.Value(saleKey{}).(sale)
	if !sold {
		return c.Member.Generate(ctx, r)
	}
	name := c.Card().Name
	a := s.journal.Alliance()
	k, err := a.contract(name, s.journal.now())
	if err != nil {
		return c.Member.Generate(ctx, r)
	}
	if k.Sacrifice.OnExhausted == "refuse" && c.spent.is(ctx, s.journal, k) {
		return llm.FailStream(name, &llm.Error{Kind: llm.QuotaExhausted, Member: name, Message: "it has borne all the loss of this month that its contract agrees to"})
	}
	if k.OnAbort != "drain" {
		return c.Member.Generate(ctx, r)
	}
	return llm.NewStream(ctx, name, func(inner context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		reading, stop := context.WithCancelCause(context.WithoutCancel(inner))
		defer stop(nil)
		unhook := context.AfterFunc(inner, func() {
			if s.whole.Err() == nil {
				stop(context.Cause(inner)) // a strategy has enough
				return
			}
			timer := time.AfterFunc(time.Duration(a.Terms.DrainSeconds)*time.Second, func() { stop(context.Cause(inner)) })
			context.AfterFunc(reading, func() { timer.Stop() })
		})
		defer unhook()
		return llm.Relay(c.Member.Generate(reading, r), emit)
	})
}

// exhausted remembers for a moment whether a member has borne all it agreed to.
type exhausted struct {
	mu   sync.Mutex
	at   time.Time
	used bool
}

func (x *exhausted) is(ctx context.Context, j *Journal, k *Contract) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := j.now()
	if !x.at.IsZero() && now.Sub(x.at) < freshFor && !now.Before(x.at) {
		return x.used
	}
	borne := Units(0)
	account := ledger.Account("meter:sacrifice:" + k.Member)
	for b, err := range j.store.Balances(ctx, ledger.BalanceFilter{Prefix: string(account), Period: j.month(now)}) {
		if err != nil {
			return false // the books will say so when the answer is settled
		}
		if b.Account == account && b.Currency == j.currency() {
			borne = b.Amount
		}
	}
	x.at, x.used = now, borne >= Units(k.Sacrifice.PerPeriod)
	return x.used
}
