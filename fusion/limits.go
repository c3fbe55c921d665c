package fusion

import (
	"context"
	"slices"
	"sync"
	"time"

	"summit/llm"
	"summit/money"
)

// Budget bounds what one request to a model may use. It stands in the
// parameters of every strategy; a request's own budget can only make it
// tighter. The zero value allows 16 calls and sets no other bound.
type Budget struct {
	MaxCalls   int          `yaml:"max_calls" json:"max_calls,omitempty" jsonschema:"minimum=0" jsonschema_description:"most calls of members for one request, those of models inside this model included; 0 = 16"`
	MaxCost    money.Amount `yaml:"max_cost" json:"max_cost,omitempty" jsonschema_description:"most that one request may cost, in the accounting currency; 0 = no bound"`
	MaxCostOf  string       `yaml:"max_cost_of" json:"max_cost_of,omitempty" jsonschema_description:"most that one request may cost: what this member alone would; empty = no bound"`
	MaxSeconds float64      `yaml:"max_seconds" json:"max_seconds,omitempty" jsonschema:"minimum=0" jsonschema_description:"most seconds for one request; what has been gathered by then is used; 0 = no bound"`
}

const (
	// defaultCalls is how many members one request asks at most: a guess
	// well above the three to five members that hold nearly all of a
	// committee's gain, and low enough that a model made of models can't
	// multiply a request without anybody having asked for it.
	defaultCalls = 16
	// maxParallel is how many members one strategy asks at the same time.
	maxParallel = 16
	// patience is how long a council waits for members where nobody set a
	// time limit, so that one that hangs can't hold the others' answers. A
	// guess: reasoning models take minutes.
	patience = 5 * time.Minute
)

// limits travel in the context from a strategy to those inside it.
type limits struct {
	purse *purse
	until time.Time // zero = no time limit
}

type limitsKey struct{}

// begin finds the limits that the request comes with, or sets them where
// this strategy is the outermost one. A strategy inside another adds the
// limits that its own parameters name.
func (w *work) begin(ctx context.Context) error {
	own := w.budget
	outer, inside := ctx.Value(limitsKey{}).(limits)
	if !inside {
		if own.MaxCalls == 0 {
			own.MaxCalls = defaultCalls
		}
		for _, asked := range []llm.Budget{w.r.Summit.Budget, w.r.Summit.Limit} {
			own.MaxCalls = least(own.MaxCalls, asked.MaxCalls)
			own.MaxCost = least(own.MaxCost, asked.MaxCost)
			own.MaxSeconds = least(own.MaxSeconds, asked.MaxSeconds)
		}
	}
	w.purse, w.until = outer.purse, outer.until
	if own.MaxSeconds > 0 {
		// The comparison keeps a huge figure from overflowing a Duration.
		if s := own.MaxSeconds; s < (100 * 365 * 24 * time.Hour).Seconds() {
			until := time.Now().Add(time.Duration(s * float64(time.Second)))
			if w.until.IsZero() || until.Before(w.until) {
				w.until = until
			}
		}
	}
	var currency money.Currency
	of := []string{own.MaxCostOf}
	if !inside {
		of = append(of, w.r.Summit.Budget.MaxCostOf, w.r.Summit.Limit.MaxCostOf)
	}
	for i, name := range of {
		if name == "" || slices.Contains(of[:i], name) {
			continue
		}
		c, err := w.costOf(name)
		if err != nil {
			return err
		}
		// A member that costs nothing is a bound too: the smallest that is one.
		own.MaxCost, currency = least(own.MaxCost, max(c.Amount, 1)), c.Currency
	}
	if own.MaxCalls > 0 || own.MaxCost > 0 {
		p := &purse{up: w.purse, calls: own.MaxCalls, counted: own.MaxCalls > 0, maxCalls: own.MaxCalls,
			cost: own.MaxCost, priced: own.MaxCost > 0, maxCost: own.MaxCost, currency: currency}
		if p.top = p; p.up != nil {
			p.top = p.up.top
		}
		w.purse = p
	}
	return nil
}

// costOf quotes the member that a request is to cost no more than.
func (w *work) costOf(name string) (*llm.Cost, error) {
	bad := func(kind llm.ErrorKind, format string, args ...any) error {
		e := llm.Errorf(kind, format, args...)
		e.Param = "summit.budget.max_cost_of"
		return e
	}
	m, err := w.find(name)
	if err != nil {
		return nil, bad(llm.Invalid, "max_cost_of %q is no known member", clip(name))
	}
	c := worst(m, m.Card(), w.r, 0)
	if c == nil {
		return nil, bad(llm.Unsupported, "max_cost_of %q: what that member costs is unknown", clip(name))
	}
	return c, nil
}

// least returns the smaller of two bounds, of which zero is none.
func least[T int | float64 | money.Amount](a, b T) T {
	if a == 0 || (b > 0 && b < a) {
		return b
	}
	return a
}

// purse holds what one request may still use. Strategies inside a strategy
// share it; one with bounds of its own has a purse within the outer one. Only
// calls of members that are no strategies count, so nothing counts twice.
type purse struct {
	top, up *purse     // the outermost one, whose mu guards all; the one around this, nil = none
	mu      sync.Mutex // used on top only

	counted, priced bool // which bounds there are
	calls           int  // left
	maxCalls        int
	cost, maxCost   money.Amount   // left; may fall below zero where a quote was too low
	currency        money.Currency // of cost; empty = that of the first quote
}

// take reserves one call that costs at most quote (nil = unknown) here and in
// every purse around, or says why that can't be.
func (p *purse) take(quote *llm.Cost) *llm.Error {
	p.top.mu.Lock()
	defer p.top.mu.Unlock()
	for at := p; at != nil; at = at.up {
		if err := at.refuses(quote); err != nil {
			err.Param = "summit.budget"
			return err
		}
	}
	for at := p; at != nil; at = at.up {
		at.calls--
		if at.priced {
			at.currency = quote.Currency
			at.cost -= quote.Amount
		}
	}
	return nil
}

func (p *purse) refuses(quote *llm.Cost) *llm.Error {
	switch {
	case p.counted && p.calls <= 0:
		return llm.Errorf(llm.Unsupported, "the limit of %d calls is reached", p.maxCalls)
	case !p.priced:
		return nil
	case quote == nil:
		return llm.Errorf(llm.Unsupported, "its price is unknown, and the cost is limited to %s", p.maxCost)
	case p.currency != "" && quote.Currency != p.currency:
		return llm.Errorf(llm.Unsupported, "its price is in %s and the cost limit in %s", quote.Currency, p.currency)
	case quote.Amount > p.cost:
		return llm.Errorf(llm.Unsupported, "it may cost %s %s, %s of %s are left", quote.Amount, quote.Currency, max(p.cost, 0), p.maxCost)
	}
	return nil
}

// settle replaces what was reserved by what it cost; an unknown cost leaves
// the reservation as it is.
func (p *purse) settle(quote, actual *llm.Cost) {
	if quote == nil || actual == nil || quote.Currency != actual.Currency {
		return
	}
	p.top.mu.Lock()
	defer p.top.mu.Unlock()
	for at := p; at != nil; at = at.up {
		if at.priced {
			at.cost += quote.Amount - actual.Amount
		}
	}
}

// giveBack undoes take for a call that was not made.
func (p *purse) giveBack(quote *llm.Cost) {
	p.top.mu.Lock()
	defer p.top.mu.Unlock()
	for at := p; at != nil; at = at.up {
		at.calls++
		if at.priced && quote != nil {
			at.cost += quote.Amount
		}
	}
}

// bounded reports whether any purse from here up bounds the cost, so that
// calls have to be quoted.
func (p *purse) bounded() bool {
	for ; p != nil; p = p.up {
		if p.priced {
			return true
		}
	}
	return false
}

// phase returns until when a part of the work may take that may use this
// share of the time that is left.
func (w *work) phase(share float64) time.Time {
	now := time.Now()
	until := now.Add(patience)
	if !w.until.IsZero() {
		if own := now.Add(time.Duration(share * float64(w.until.Sub(now)))); own.Before(until) {
			until = own
		}
	}
	return until
}

// late reports whether the request's time limit has passed.
func (w *work) late() bool { return !w.until.IsZero() && !time.Now().Before(w.until) }

// errLate is the cause with which members are stopped at a time limit.
var errLate = &llm.Error{Kind: llm.Timeout, Message: "not done within the time limit"}

// scope is the contexts of what runs below one piece of work. Members that
// are no strategies are stopped at the time limit; strategies are told the
// limits, stop by themselves and use what they have by then.
type scope struct {
	plain    context.Context
	strategy context.Context // nil = no strategy is asked
	until    time.Time
	stop     context.CancelFunc
}

// scope returns contexts that end at until (zero = none) or by stop, which is
// to be called in the end. nested says that a strategy may be asked.
func (w *work) scope(ctx context.Context, until time.Time, nested bool) scope {
	s := scope{plain: ctx, until: until, stop: func() {}}
	if !until.IsZero() {
		s.plain, s.stop = context.WithDeadlineCause(ctx, until, errLate)
	}
	if nested {
		below, cancel := context.WithCancel(context.WithValue(ctx, limitsKey{}, limits{w.purse, until}))
		plain := s.stop
		s.strategy, s.stop = below, func() { cancel(); plain() }
	}
	return s
}

func (s *scope) of(seat *seat) context.Context {
	if seat.strategy {
		return s.strategy
	}
	return s.plain
}
