package alliance

import (
	"context"
	"encoding/json"
	"fmt"

	"summit/ledger"
)

// Simulation is what members would have got for the same requests under other
// contracts or terms.
type Simulation struct {
	Requests int64                 `json:"requests"`
	Skipped  map[string]int64      `json:"skipped,omitempty"` // requests that could not be settled so, by why
	Reserve  Change                `json:"reserve"`
	Fee      Change                `json:"fee"`
	Members  map[string]*Simulated `json:"members"`
}

// Change is a figure as it was and as it would have been.
type Change struct {
	Was   Units `json:"was"`
	Would Units `json:"would"`
}

// Simulated is what one member would have got.
type Simulated struct {
	Earned     Change `json:"earned"`
	Cost       Change `json:"cost"`
	Sacrificed Change `json:"sacrificed"`
	Deferred   Change `json:"deferred"`
	Dividends  Change `json:"dividends"`
}

// simulation adds up both sides, request by request.
type simulation struct {
	Simulation
	books *Books
	next  *Alliance
}

func newSimulation(next *Alliance, opening *Books) *simulation {
	return &simulation{Simulation: Simulation{Members: map[string]*Simulated{}, Skipped: map[string]int64{}}, books: opening.clone(), next: next}
}

func (s *simulation) member(name string) *Simulated {
	if s.Members[name] == nil {
		s.Members[name] = &Simulated{}
	}
	return s.Members[name]
}

// request settles one request under the other terms; was is how it was settled.
func (s *simulation) request(r *Request, was *Result) error {
	if was == nil {
		return fmt.Errorf("alliance: simulation: request %q was not settled", clip(r.ID))
	}
	after := s.books.clone()
	would, err := s.next.settle(r, after)
	if err != nil {
		why := err.Error()
		if _, known := s.Skipped[why]; !known && len(s.Skipped) >= maxProblems {
			why = "other reasons"
		}
		s.Skipped[why]++
		return nil
	}
	s.books = after
	s.Requests++
	count := func(res *Result, side func(*Change) *Units) {
		*side(&s.Fee) += res.Fee
		*side(&s.Reserve) += res.ToReserve - res.FromReserve
		for m, x := range res.Costs {
			*side(&s.member(m).Cost) += x
		}
		for m, x := range res.Sacrifice {
			*side(&s.member(m).Sacrificed) += x
		}
		for m, x := range res.Deferred {
			*side(&s.member(m).Deferred) += x
		}
		for m, x := range res.Recovered {
			*side(&s.member(m).Earned) += x
		}
		for m, x := range res.Dividends {
			*side(&s.member(m).Dividends) += x
			*side(&s.member(m).Earned) += x
		}
		for m, x := range res.Recouped {
			*side(&s.member(m).Deferred) -= x
			*side(&s.member(m).Earned) += x
		}
	}
	count(was, func(c *Change) *Units { return &c.Was })
	count(would, func(c *Change) *Units { return &c.Would })
	return nil
}

// Simulate settles a list of events under the contracts they were made for and
// under others. Refunds, closes and conversions are left out: they follow.
func (a *Alliance) Simulate(next *Alliance, e *Events) (*Simulation, error) {
	s := newSimulation(next, &e.Opening)
	books := e.Opening.clone()
	for i, raw := range e.Requests {
		var head struct {
			Kind string `json:"kind"`
		}
		if err := json.Unmarshal(raw, &head); err != nil {
			return nil, fmt.Errorf("alliance: record %d: %w", i, err)
		}
		if head.Kind != "" && head.Kind != "request" {
			continue
		}
		r := &Request{}
		if err := decode(raw, r, "price", "members"); err != nil {
			return nil, fmt.Errorf("alliance: record %d: %w", i, err)
		}
		res, err := a.settle(r, books)
		if err != nil {
			return nil, fmt.Errorf("alliance: record %d: %w", i, err)
		}
		if err := s.request(r, res); err != nil {
			return nil, err
		}
	}
	return &s.Simulation, nil
}

// Simulate settles the requests of a period again under other contracts or
// terms: what each member would have earned. Members' caps are whole at its
// beginning; the reserve and what was put off before are as they stood.
func Simulate(ctx context.Context, store ledger.Store, period ledger.Period, next *Alliance) (*Simulation, error) {
	if err := period.Valid(); err != nil {
		return nil, err
	}
	opening := (&Books{}).clone()
	for b, err := range store.Balances(ctx, ledger.BalanceFilter{Turnovers: true}) {
		if err != nil {
			return nil, err
		}
		if b.Period >= period || b.Currency != next.Terms.Currency {
			continue
		}
		if b.Account == "reserve" {
			opening.Reserve -= b.Amount
		} else if kind, m := split(b.Account); kind == "deferred" {
			opening.Deferred[m] -= b.Amount
		}
	}
	opening.Reserve = max(opening.Reserve, 0)
	for m := range opening.Deferred {
		opening.Deferred[m] = max(opening.Deferred[m], 0)
	}
	s := newSimulation(next, opening)
	for t, err := range store.Txns(ctx, ledger.Filter{Period: period, Kind: "settle"}) {
		if err != nil {
			return nil, err
		}
		event, res, err := opened(t)
		if err != nil {
			return nil, err
		}
		if err := s.request(&event.Request, res); err != nil {
			return nil, err
		}
	}
	return &s.Simulation, nil
}
