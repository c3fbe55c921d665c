package summit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"summit/fusion"
	"summit/identity"
	"summit/llm"
	"summit/money"
	"summit/run"
)

// Tenant bounds what the keys of one tenant may spend together.
type Tenant struct {
	MaxDay   money.Amount `yaml:"max_day"`   // most that its requests may cost in a day, in the accounting currency; a day begins at midnight where the server is; 0 = no bound
	MaxMonth money.Amount `yaml:"max_month"` // and in a month; 0 = no bound
	Budget   TenantBudget `yaml:"budget"`    // bounds of each of its requests for an answer, beside those that a request brings itself
}

// TenantBudget bounds each request of a tenant. A request can make a bound
// tighter, not wider.
type TenantBudget struct {
	MaxCostOf  string       `yaml:"max_cost_of"`                                           // most that a request may cost: what this member alone would; empty = no bound
	MaxCost    money.Amount `yaml:"max_cost"`                                              // most that a request may cost, in the accounting currency; 0 = no bound
	MaxSeconds float64      `yaml:"max_seconds" jsonschema:"minimum=0"`                    // most seconds for a request; what has been gathered by then is used; 0 = no bound
	MaxCalls   int          `yaml:"max_calls" jsonschema:"minimum=0"`                      // most calls of members for a request; 0 = no bound
	Prefer     string       `yaml:"prefer" jsonschema:"enum=quality,enum=cost,enum=speed"` // what a request prefers that doesn't say; empty = nothing
}

func (b TenantBudget) budget() llm.Budget {
	return llm.Budget{MaxCostOf: b.MaxCostOf, MaxCost: b.MaxCost, MaxSeconds: b.MaxSeconds, MaxCalls: b.MaxCalls, Prefer: b.Prefer}
}

func (t Tenant) check(k *checker, path string, c Config) {
	for _, a := range []struct {
		key  string
		most money.Amount
	}{{"max_day", t.MaxDay}, {"max_month", t.MaxMonth}} {
		if a.most < 0 {
			k.add(join(path, a.key), "%s, want zero or more", a.most)
		}
	}
	if err := t.Budget.budget().Valid(); err != nil {
		k.add(join(path, "budget."+err.Param), "%s", err.Message)
	}
	// Without configured members it may be one that is found.
	if of := t.Budget.MaxCostOf; of != "" && len(c.Members) > 0 && !c.has(of) {
		k.add(join(path, "budget.max_cost_of"), "%q is neither a member nor a model%s", clip(of), unknown(of, c.names()))
	}
}

// limited is a model as the clients of the server ask it: within the bounds of
// their tenant.
type limited struct {
	llm.Member
	accounts *accounts
	tenants  map[string]Tenant
}

// Unwrap returns the model.
func (l *limited) Unwrap() llm.Member { return l.Member }

// Generate asks the model if the tenant's accounts allow it, and books what it
// cost.
func (l *limited) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	who, asked := identity.Asker(ctx)
	t, bounded := l.tenants[who.Tenant]
	if !asked || !bounded {
		return l.Member.Generate(ctx, r)
	}
	return llm.NewStream(ctx, l.Card().Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		own := r.Clone()
		own.Summit.Limit = t.Budget.budget()
		if own.Summit.Budget.Prefer == "" {
			own.Summit.Budget.Prefer = t.Budget.Prefer
		}
		if t.MaxDay > 0 || t.MaxMonth > 0 {
			// What is left bounds the request, too: a strategy asks nobody whose
			// worst case is above it.
			held, err := l.accounts.hold(ctx, who.Tenant, t, l.quote(own))
			if err != nil {
				return nil, err
			}
			var used *llm.Cost
			defer func() { l.accounts.settle(who.Tenant, held, used) }()
			ours := own.Summit.Limit.MaxCost == 0 || held < own.Summit.Limit.MaxCost
			if ours {
				own.Summit.Limit.MaxCost = held
			}
			done, failure := llm.Relay(l.Member.Generate(ctx, own), emit)
			if done != nil {
				used = done.Cost
			}
			if used == nil && refused(done, failure) {
				used = &llm.Cost{Currency: l.accounts.currency}
			}
			if e := llm.AsError(failure); e != nil && e.Kind == llm.Unsupported && e.Param == "summit.budget" && ours {
				failure = llm.Errorf(llm.QuotaExhausted, "tenant %q has %s %s left for this request by identity.tenants.%s, which is less than it may cost: %s",
					clip(who.Tenant), held, l.accounts.currency, clip(who.Tenant), e.Public())
			}
			return done, failure
		}
		return llm.Relay(l.Member.Generate(ctx, own), emit)
	})
}

// Embed asks the model for vectors if the tenant's accounts allow it, and books
// what they cost.
func (l *limited) Embed(ctx context.Context, texts []string, dimensions int) ([][]float32, llm.Usage, error) {
	below, ok := llm.As[llm.Embedder](l.Member)
	if !ok {
		return nil, llm.Usage{}, &llm.Error{Kind: llm.Unsupported, Member: l.Card().Name, Param: "model", Message: "has no embeddings"}
	}
	who, asked := identity.Asker(ctx)
	t, bounded := l.tenants[who.Tenant]
	if !asked || !bounded || t.MaxDay == 0 && t.MaxMonth == 0 {
		return below.Embed(ctx, texts, dimensions)
	}
	var tally llm.Tally
	for _, text := range texts {
		tally.Add(text)
	}
	quote := l.Card().Cost(llm.Usage{Input: tally.Count()}.Embedding(), time.Now())
	held, refusal := l.accounts.hold(ctx, who.Tenant, t, quote)
	if refusal != nil {
		return nil, llm.Usage{}, refusal
	}
	var used *llm.Cost
	defer func() { l.accounts.settle(who.Tenant, held, used) }()
	if quote != nil && quote.Currency == l.accounts.currency && quote.Amount > held {
		used = &llm.Cost{Currency: l.accounts.currency}
		return nil, llm.Usage{}, llm.Errorf(llm.QuotaExhausted, "tenant %q has %s %s left for this request by identity.tenants.%s, which is less than the %s that it may cost",
			clip(who.Tenant), held, l.accounts.currency, clip(who.Tenant), quote.Amount)
	}
	vectors, usage, err := below.Embed(ctx, texts, dimensions)
	used = l.Card().Cost(usage.Embedding(), time.Now())
	if used == nil && refused(&llm.Outcome{Usage: usage}, err) {
		used = &llm.Cost{Currency: l.accounts.currency}
	}
	return vectors, usage, err
}

// refused reports whether a request failed without anybody having worked on
// it, as far as can be told.
func refused(done *llm.Outcome, err error) bool {
	if err == nil || (done != nil && done.Usage.Known() && done.Usage.OutputTotal() > 0) {
		return false
	}
	switch llm.AsError(err).Kind {
	case llm.Canceled, llm.Timeout, llm.Cut, llm.Protocol: // the upstream may have worked
		return false
	}
	return true
}

// quote returns the most that the request should cost; nil = unknown.
func (l *limited) quote(r *llm.Request) *llm.Cost {
	q, ok := llm.As[llm.Quoter](l.Member)
	if !ok {
		return nil
	}
	c, err := q.Quote(r)
	if err != nil {
		return nil
	}
	return c
}

// accounts is what bounded tenants have spent, read once from the run log's
// store and kept up from then on. It lives as long as the process.
type accounts struct {
	store    run.Store
	currency money.Currency
	log      *slog.Logger

	mu      sync.Mutex
	tenants map[string]*account
}

type account struct {
	day      string // which both are of
	today    money.Amount
	month    money.Amount // of the day's month
	held     money.Amount // of requests in flight: the most that they may cost
	unpriced bool         // it was told that there are answers of unknown cost
}

// unknownShare is the part of a bound that is held for a request whose worst
// case nobody knows: a guess, so that some can run at the same time.
const unknownShare = 10

// hold puts aside what the request may cost, at most what is left. The error
// says that nothing is.
func (a *accounts) hold(ctx context.Context, tenant string, t Tenant, quote *llm.Cost) (money.Amount, *llm.Error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc, err := a.of(ctx, tenant)
	if err != nil {
		a.log.Error("accounts can't be read", "tenant", tenant, "error", err)
		return 0, &llm.Error{Kind: llm.Overloaded, Message: "what the tenant has spent can't be read at the moment", RetryAfter: time.Second}
	}
	now := time.Now().Local()
	midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, now.Location())
	first := time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, now.Location())
	left := money.Amount(1<<63 - 1)
	smallest := left
	for _, b := range []struct {
		most, spent money.Amount
		key, span   string
		opens       time.Time
	}{{t.MaxDay, acc.today, "max_day", "today", midnight}, {t.MaxMonth, acc.month, "max_month", "this month", first}} {
		if b.most == 0 {
			continue
		}
		rest := b.most - b.spent - acc.held
		if rest <= 0 {
			e := llm.Errorf(llm.QuotaExhausted, "tenant %q may spend %s %s %s (identity.tenants.%s.%s): %s are spent and %s are promised to requests in flight; it begins anew at %s",
				clip(tenant), b.most, a.currency, b.span, clip(tenant), b.key, b.spent, acc.held, b.opens.Format("2006-01-02 15:04"))
			if b.spent < b.most {
				e.Kind, e.RetryAfter = llm.RateLimited, time.Second
			}
			return 0, e
		}
		left, smallest = min(left, rest), min(smallest, b.most)
	}
	held := max(smallest/unknownShare, 1)
	if quote != nil && quote.Currency == a.currency {
		held = max(quote.Amount, 1) // a bound of zero would be none
	}
	held = min(held, left)
	acc.held += held
	return held, nil
}

// settle books what a request cost in the place of what was held for it. Where
// that is unknown, what was held is booked: a bound must hold.
func (a *accounts) settle(tenant string, held money.Amount, used *llm.Cost) {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc := a.tenants[tenant]
	acc.held -= held
	acc.turn(run.Day(time.Now()))
	cost := held
	if used != nil && used.Currency == a.currency {
		cost = used.Amount
	} else if used != nil && !acc.unpriced {
		acc.unpriced = true
		a.log.Warn("an answer's cost is in another currency: what was held for it is booked", "tenant", tenant, "currency", string(used.Currency))
	}
	acc.today += cost
	acc.month += cost
}

// of returns the tenant's account as it is today. The caller holds mu.
func (a *accounts) of(ctx context.Context, tenant string) (*account, error) {
	today := run.Day(time.Now())
	acc := a.tenants[tenant]
	if acc != nil {
		acc.turn(today)
		return acc, nil
	}
	spent, err := a.store.Spent(ctx, run.TenantAccount(tenant), today[:len("2006-01")]+"-01")
	if err != nil {
		return nil, fmt.Errorf("summit: accounts of %q: %w", clip(tenant), err)
	}
	acc = &account{day: today}
	for _, s := range spent {
		if s.In != a.currency {
			continue
		}
		acc.month += s.Amount
		if s.Day == today {
			acc.today += s.Amount
		}
	}
	if a.tenants == nil {
		a.tenants = map[string]*account{}
	}
	a.tenants[tenant] = acc
	return acc, nil
}

// turn begins a new day, or a new month.
func (acc *account) turn(day string) {
	const month = len("2006-01")
	if day == acc.day {
		return
	}
	if day[:month] != acc.day[:month] {
		acc.month = 0
	}
	acc.day, acc.today = day, 0
}

// alone is a member that is asked by its own name. Requests with a budget go
// through the strategy single, which keeps it.
type alone struct {
	llm.Member
	kept llm.Member
}

// Unwrap returns the member.
func (a *alone) Unwrap() llm.Member { return a.Member }

// Generate asks the member.
func (a *alone) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	if r.Summit.Budget.Bounds() || r.Summit.Limit.Bounds() {
		return a.kept.Generate(ctx, r)
	}
	return a.Member.Generate(ctx, r)
}

// Quote returns the most that the member should cost; nil = unknown.
func (a *alone) Quote(r *llm.Request) (*llm.Cost, error) {
	q, ok := llm.As[llm.Quoter](a.kept)
	if !ok {
		return nil, nil
	}
	return q.Quote(r)
}

// keepBudgets makes the members keep budgets where they are asked by their own
// names. It comes after the models were built of them.
func (d *directory) keepBudgets() error {
	find := func(name string) (llm.Member, error) {
		if e, ok := d.entries[name]; ok {
			return e.Member, nil
		}
		return nil, fmt.Errorf("%q is no known member", clip(name))
	}
	d.alone = map[string]llm.Member{}
	for _, name := range d.members {
		m := d.entries[name].Member
		kept, err := fusion.New("single", fusion.Env{Name: name, Members: []llm.Member{m}, Member: find}, nil)
		if err != nil {
			return fmt.Errorf("summit: %s: %w", name, err)
		}
		d.alone[name] = &alone{m, kept}
	}
	return nil
}
