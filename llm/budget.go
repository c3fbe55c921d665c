package llm

import (
	"math"

	"summit/money"
)

// Budget bounds what one request may cost. The zero value sets no bound.
type Budget struct {
	MaxCostOf  string       // at most what this member alone would cost
	MaxCost    money.Amount // at most this much in the accounting currency
	MaxSeconds float64      // at most this long
	MaxCalls   int          // at most so many calls of members
	Prefer     string       // "", "quality", "cost" or "speed"
}

// Bounds of a budget: beyond them a figure is a mistake, such as milliseconds
// that were meant to be seconds.
const (
	MaxBudgetSeconds = 24 * 60 * 60
	MaxBudgetCalls   = 1000
)

// Valid checks the figures. The error is of kind Invalid and its Param is the
// field's name, such as max_seconds.
func (b Budget) Valid() *Error {
	switch {
	case b.MaxCost < 0:
		return invalid("max_cost", "max_cost is %s, want zero (no bound) or more", b.MaxCost)
	case !(b.MaxSeconds >= 0 && b.MaxSeconds <= MaxBudgetSeconds) || math.IsInf(b.MaxSeconds, 0): // so that NaN is refused too
		return invalid("max_seconds", "max_seconds is %v, want 0 (no bound) to %d, a day", b.MaxSeconds, MaxBudgetSeconds)
	case b.MaxCalls < 0 || b.MaxCalls > MaxBudgetCalls:
		return invalid("max_calls", "max_calls is %d, want 0 (no bound) to %d", b.MaxCalls, MaxBudgetCalls)
	}
	switch b.Prefer {
	case "", "quality", "cost", "speed":
		return nil
	}
	return invalid("prefer", "prefer %q, want quality, cost or speed", clip(b.Prefer))
}

// Bounds reports whether anything is bounded: a preference bounds nothing.
func (b Budget) Bounds() bool {
	b.Prefer = ""
	return b != Budget{}
}
