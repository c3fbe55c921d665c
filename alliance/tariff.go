package alliance

import (
	"fmt"
	"math/big"

	"summit/money"
)

// Tariff is what customers pay for one model: rates are for a million tokens,
// with tax inside.
type Tariff struct {
	Input     money.Rate   `yaml:"input"`      // of the request, as it was sent
	CacheRead *money.Rate  `yaml:"cache_read"` // input that the one member that answered had cached; absent = as input
	Output    money.Rate   `yaml:"output"`     // of what was delivered, shown thoughts included
	Call      money.Amount `yaml:"call"`       // for each answer of which something was delivered
}

// AnyModel is the tariff of models that have none of their own.
const AnyModel = "*"

func (t *Tariff) check() error {
	for name, v := range map[string]int64{"input": int64(t.Input), "output": int64(t.Output), "call": int64(t.Call), "cache_read": int64(t.cacheRead())} {
		if v < 0 || v > int64(maxAmount) {
			return fmt.Errorf("%s: got %d, want zero or more", name, v)
		}
	}
	return nil
}

func (t *Tariff) cacheRead() money.Rate {
	if t.CacheRead != nil {
		return *t.CacheRead
	}
	return t.Input
}

// Tariff returns what a model costs customers; false = it is not for sale.
func (t *Terms) Tariff(model string) (*Tariff, bool) {
	p, ok := t.Prices[model]
	if !ok {
		p, ok = t.Prices[AnyModel]
	}
	return p, ok
}

// Price returns what the delivered tokens cost a customer, rounded once, half
// to even. What is delivered is never free of the call's price; where nothing
// is, nothing is to be paid.
func (t *Tariff) Price(d Delivered) (Units, error) {
	if d.Output == 0 && !d.Any {
		return 0, nil
	}
	sum := new(big.Int)
	for _, l := range []money.Line{{Units: d.Input, Rate: t.Input}, {Units: d.CacheRead, Rate: t.cacheRead()}, {Units: d.Output, Rate: t.Output}} {
		if l.Units < 0 || l.Units > maxUnits {
			return 0, fmt.Errorf("alliance: tariff: %d tokens, want 0 to %d", l.Units, int64(maxUnits))
		}
		sum.Add(sum, new(big.Int).Mul(big.NewInt(l.Units), big.NewInt(int64(l.Rate))))
	}
	sum.Add(sum, new(big.Int).Mul(big.NewInt(int64(t.Call)), big.NewInt(money.Micro)))
	return divide(sum, big.NewInt(1), big.NewInt(money.Micro))
}

// Delivered is what a customer got, in tokens.
type Delivered struct {
	Input     int64 `json:"input"`      // of the request, without CacheRead
	CacheRead int64 `json:"cache_read"` // known only where one member answered
	Output    int64 `json:"output"`     // that reached the customer
	Any       bool  `json:"any"`        // something did, be it a call of a tool without text
	From      Proof `json:"from"`       // where the figures are from
}
