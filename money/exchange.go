package money

import (
	"fmt"
	"math/bits"
	"time"
)

// Quote says what one unit of a currency is worth in the accounting currency.
type Quote struct {
	Worth  Amount    // of the accounting currency, for 1 unit; above zero
	Source string    // where the figure is from
	Date   time.Time // the day it was valid
}

// Exchange converts to one accounting currency with a dated table. The zero
// value knows no currency.
type Exchange struct {
	to     Currency
	quotes map[Currency]Quote
}

// NewExchange returns a table that converts to the accounting currency.
// Quotes are checked: valid codes, a worth above zero.
func NewExchange(to Currency, quotes map[Currency]Quote) (*Exchange, error) {
	if err := to.Valid(); err != nil {
		return nil, err
	}
	own := make(map[Currency]Quote, len(quotes)+1)
	for c, q := range quotes {
		if err := c.Valid(); err != nil {
			return nil, err
		}
		if q.Worth <= 0 {
			return nil, fmt.Errorf("money: exchange: 1 %s is worth %s %s, want above zero", c, q.Worth, to)
		}
		own[c] = q
	}
	own[to] = Quote{Worth: Micro}
	return &Exchange{to: to, quotes: own}, nil
}

// Currency returns the accounting currency.
func (e *Exchange) Currency() Currency { return e.to }

// Rate converts a price to the accounting currency, rounded half up.
func (e *Exchange) Rate(r Rate, from Currency) (Rate, error) {
	a, err := e.Amount(Amount(r), from)
	return Rate(a), err
}

// Amount converts an amount of zero or more to the accounting currency,
// rounded half up.
func (e *Exchange) Amount(a Amount, from Currency) (Amount, error) {
	q, ok := e.quotes[from]
	if !ok {
		return 0, fmt.Errorf("money: exchange: no rate from %s to %s", from, e.to)
	}
	if a < 0 {
		return 0, fmt.Errorf("money: exchange: amount %s, want zero or more", a)
	}
	hi, lo := bits.Mul64(uint64(a), uint64(q.Worth))
	lo, c := bits.Add64(lo, Micro/2, 0)
	hi += c
	if hi >= Micro {
		return 0, ErrOverflow
	}
	v, _ := bits.Div64(hi, lo, Micro)
	if v > 1<<63-1 {
		return 0, ErrOverflow
	}
	return Amount(v), nil
}
