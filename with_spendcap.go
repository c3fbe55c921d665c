package summit

import (
	"context"
	"sync"
	"time"

	"summit/llm"
	"summit/money"
)

// spendCap is one purse that several members spend from: those that were
// found, not configured, so that nobody is billed by surprise. It lives as
// long as the process.
type spendCap struct {
	most     money.Amount
	currency money.Currency
	assumed  money.Rate // for a million tokens where a price is unknown

	mu    sync.Mutex
	spent money.Amount // settled, and what requests in flight are expected to cost
}

// assumedOutputTokens is what a request is expected to answer with until it
// has: a guess between a short answer and a long thought.
const assumedOutputTokens = 1024

// reserve takes what a request is expected to cost, if the cap allows it.
func (s *spendCap) reserve(a money.Amount) *llm.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum, err := s.spent.Add(a)
	if err != nil || sum > s.most {
		return llm.Errorf(llm.QuotaExhausted, "the spend cap for members that were found and not configured is reached: "+
			"%s of %s %s are spent or promised, and this request may cost %s; raise discover.max_spend, or configure the member",
			s.spent, s.most, s.currency, a)
	}
	s.spent = sum
	return nil
}

// settle puts what was used in the place of what was reserved.
func (s *spendCap) settle(reserved, used money.Amount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Cannot overflow downwards: reserved is part of spent. A sum past the top
	// stays there, which is far above any cap.
	sum, err := (s.spent - reserved).Add(used)
	if err != nil {
		sum = 1<<63 - 1
	}
	s.spent = sum
}

// Spent returns what is spent or promised so far.
func (s *spendCap) Spent() money.Amount {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spent
}

// capped is a member that spends from a purse and refuses when it is empty.
// One request may cost more than was expected of it, so the cap can be passed
// by that difference, once for each request in flight.
type capped struct {
	llm.Member
	purse *spendCap
}

// Unwrap returns the member below.
func (c *capped) Unwrap() llm.Member { return c.Member }

// Generate asks the member below if the purse allows it, and pays for the answer.
func (c *capped) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	name := c.Card().Name
	return llm.NewStream(ctx, name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		input := llm.EstimateInput(r).N
		output := int64(assumedOutputTokens)
		if r.MaxTokens > 0 {
			output = min(output, int64(r.MaxTokens))
		}
		reserved := c.price(input, output)
		if err := c.purse.reserve(reserved); err != nil {
			return nil, err
		}
		var used money.Amount
		defer func() { c.purse.settle(reserved, used) }()

		var pieces int64
		done, err := llm.Relay(c.Member.Generate(ctx, r), func(e llm.Event) bool {
			switch e.Kind {
			case llm.KindText, llm.KindReasoning:
				pieces += llm.EstimateTokens(e.Text)
			case llm.KindCall:
				pieces += llm.EstimateTokens(e.Call.Name + e.Call.ArgsDelta)
			}
			return emit(e)
		})
		used = c.used(done, err, input, pieces)
		return done, err
	})
}

// Embed asks the member below for vectors if the purse allows it.
func (c *capped) Embed(ctx context.Context, texts []string, dimensions int) ([][]float32, llm.Usage, error) {
	below, ok := llm.As[llm.Embedder](c.Member)
	if !ok {
		return nil, llm.Usage{}, &llm.Error{Kind: llm.Unsupported, Member: c.Card().Name, Param: "model", Message: "has no embeddings"}
	}
	var t llm.Tally
	for _, text := range texts {
		t.Add(text)
	}
	input := t.Count().N
	reserved := c.price(input, 0)
	if err := c.purse.reserve(reserved); err != nil {
		return nil, llm.Usage{}, err
	}
	vectors, usage, err := below.Embed(ctx, texts, dimensions)
	used := reserved
	if usage.Input.Known() {
		used = c.price(usage.InputTotal(), 0)
	}
	c.purse.settle(reserved, used)
	return vectors, usage, err
}

// used returns what an answer cost: as the Outcome says, else by its tokens
// at the assumed price, else by an estimate of them. A request that was
// refused before anything came costs nothing.
func (c *capped) used(done *llm.Outcome, err error, input, output int64) money.Amount {
	if done != nil && done.Cost != nil && done.Cost.Currency == c.purse.currency {
		return done.Cost.Amount
	}
	if done != nil && done.Usage.Known() {
		return c.price(done.Usage.InputTotal(), done.Usage.OutputTotal())
	}
	if err != nil && output == 0 {
		switch llm.AsError(err).Kind {
		case llm.Canceled, llm.Timeout, llm.Cut, llm.Protocol: // the upstream may have worked
		default:
			return 0
		}
	}
	return c.price(input, output)
}

// price returns what so many tokens cost by the member's price list, or at
// the assumed price.
func (c *capped) price(input, output int64) money.Amount {
	in, out, call := c.purse.assumed, c.purse.assumed, money.Amount(0)
	if p, ok := c.Card().PriceAt(time.Now(), input); ok && p.Currency == c.purse.currency {
		in, out, call = p.Input, p.Output, p.Call
	}
	a, err := money.Charge(money.Line{Units: input, Rate: in}, money.Line{Units: output, Rate: out})
	if err == nil {
		a, err = a.Add(call)
	}
	if err != nil {
		return c.purse.most // more than can be counted: all there is
	}
	return a
}
