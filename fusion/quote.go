package fusion

import (
	"time"

	"summit/llm"
	"summit/money"
)

const (
	// unknownOutputTokens is taken for an answer whose length nothing
	// bounds: a guess, so such a quote can be too low.
	unknownOutputTokens = 4096
	// mediaTokens is taken for an image, a sound or a file: a guess.
	mediaTokens = 1500
)

// worst returns the most that one call of the member should cost, nil where
// that is unknown. moreInput is input tokens beyond the request's own.
func worst(m llm.Member, card *llm.Card, r *llm.Request, moreInput int64) *llm.Cost {
	if q, ok := llm.As[llm.Quoter](m); ok {
		c, err := q.Quote(r)
		if err != nil || c == nil {
			return nil
		}
		if extra := charge(card, inputTokens(r), moreInput, 0); extra != nil && extra.Currency == c.Currency {
			return sum(c, extra)
		}
		return c
	}
	input := inputTokens(r) + moreInput
	return charge(card, input, input, outputTokens(card, r))
}

// charge prices tokens at the dearest rate of the tier that holds for a
// request of so many input tokens, now.
func charge(card *llm.Card, tier, input, output int64) *llm.Cost {
	p, ok := card.PriceAt(time.Now(), tier)
	if !ok {
		return nil
	}
	in, out := p.Input, p.Output
	if p.CacheWrite != nil {
		in = max(in, *p.CacheWrite)
	}
	if p.Reasoning != nil {
		out = max(out, *p.Reasoning)
	}
	a, err := money.Charge(money.Line{Units: input, Rate: in}, money.Line{Units: output, Rate: out})
	if err != nil {
		return nil
	}
	if a, err = a.Add(p.Call); err != nil {
		return nil
	}
	return &llm.Cost{Amount: a, Currency: p.Currency, From: llm.Estimated}
}

func inputTokens(r *llm.Request) int64 {
	var n int64
	for i := range r.Messages {
		n += partTokens(r.Messages[i].Parts)
	}
	for _, t := range r.Tools {
		n += int64(len(t.Name)+len(t.Description)+len(t.Parameters)+len(t.Raw)) / 3
	}
	return n
}

func partTokens(parts []llm.Part) int64 {
	var n int64
	for _, p := range parts {
		n += llm.EstimateTokens(p.Text)
		if p.Media != nil {
			n += mediaTokens
		}
		if p.Call != nil {
			n += llm.EstimateTokens(p.Call.Args)
		}
		if p.Result != nil {
			n += partTokens(p.Result.Parts)
		}
	}
	return n
}

func outputTokens(card *llm.Card, r *llm.Request) int64 {
	n := int64(card.MaxOutputTokens)
	if n <= 0 {
		n = int64(card.WindowTokens)
	}
	if most := int64(r.MaxTokens); most > 0 && (n <= 0 || most < n) {
		n = most
	}
	if n <= 0 {
		n = unknownOutputTokens
	}
	return n
}

// sum adds costs; one that is unknown or in another currency makes the sum
// unknown.
func sum(costs ...*llm.Cost) *llm.Cost {
	var total *llm.Cost
	for _, c := range costs {
		if c == nil || (total != nil && c.Currency != total.Currency) {
			return nil
		}
		if total == nil {
			total = &llm.Cost{Currency: c.Currency, From: llm.Estimated}
		}
		a, err := total.Amount.Add(c.Amount)
		if err != nil {
			return nil
		}
		total.Amount = a
	}
	return total
}

// dearest returns the greatest cost, unknown where one of them is.
func dearest(costs ...*llm.Cost) *llm.Cost {
	var top *llm.Cost
	for _, c := range costs {
		switch {
		case c == nil || (top != nil && c.Currency != top.Currency):
			return nil
		case top == nil || c.Amount > top.Amount:
			top = c
		}
	}
	return top
}

// quotes returns the worst case of each member that fits, each times over.
func (b *base) quotes(r *llm.Request, times int, moreInput int64) []*llm.Cost {
	var all []*llm.Cost
	for _, s := range b.seats {
		if s.card.Fits(r) != nil {
			continue
		}
		c := worst(s.member, s.card, r, moreInput)
		for range times {
			all = append(all, c)
		}
	}
	return all
}

// answersTokens is how long the answers of all members may be together: what
// a judge or an aggregator has to read.
func (b *base) answersTokens(r *llm.Request) int64 {
	var n int64
	for _, s := range b.seats {
		n += outputTokens(s.card, r)
	}
	return n
}
