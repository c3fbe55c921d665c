package ledger

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"summit/money"
)

// Memory keeps the books in memory only. It is the plain reference that the
// other stores are held to.
type Memory struct {
	now     func() time.Time
	mu      sync.Mutex
	stopped bool
	books   kept
}

// kept is everything that is booked.
type kept struct {
	end       Head
	txns      []*Txn // never changed
	keys      map[string]*Txn
	balances  map[line]Units
	turnovers map[turned]Units
	holds     map[int64]bool // the open ones
	reversals map[int64][]*Txn
}

// NewMemory returns empty books. now is the clock; nil = time.Now.
func NewMemory(now func() time.Time) *Memory {
	if now == nil {
		now = time.Now
	}
	return &Memory{now: now, books: kept{keys: map[string]*Txn{}, balances: map[line]Units{}, turnovers: map[turned]Units{},
		holds: map[int64]bool{}, reversals: map[int64][]*Txn{}}}
}

func (k *kept) head() Head                       { return k.end }
func (k *kept) balance(l line) (Units, error)    { return k.balances[l], nil }
func (k *kept) turnover(t turned) (Units, error) { return k.turnovers[t], nil }
func (k *kept) byKey(key string) (*Txn, error)   { return k.keys[key], nil }
func (k *kept) open(hold int64) (bool, error)    { return k.holds[hold], nil }

func (k *kept) bySeq(seq int64) (*Txn, error) {
	if seq < 1 || seq > int64(len(k.txns)) {
		return nil, ErrNotFound
	}
	return k.txns[seq-1], nil
}

func (k *kept) lines(prefix string) ([]line, error) {
	var all []line
	for l := range k.balances {
		if strings.HasPrefix(string(l.account), prefix) {
			all = append(all, l)
		}
	}
	return all, nil
}

func (k *kept) reversed(seq int64) (map[line]Units, error) {
	sums := map[line]Units{}
	for _, t := range k.reversals[seq] {
		for _, p := range t.Postings {
			sums[line{p.Account, p.Currency}] += p.Amount
		}
	}
	return sums, nil
}

// Post books entries, all or none.
func (m *Memory) Post(ctx context.Context, entries ...Entry) ([]Receipt, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("ledger: post: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stopped {
		return nil, fmt.Errorf("ledger: post: %w", ErrStopped)
	}
	s := newStage(&m.books, m.now)
	receipts, err := s.post(entries)
	if err != nil {
		return nil, err
	}
	k := &m.books
	k.end = s.end
	k.txns = append(k.txns, s.txns...)
	maps.Copy(k.keys, s.keys)
	maps.Copy(k.balances, s.balances)
	maps.Copy(k.turnovers, s.turnovers)
	for _, t := range s.txns {
		if t.Expires != nil {
			k.holds[t.Seq] = true
		}
		delete(k.holds, t.Ends)
		if t.Reverses != 0 {
			k.reversals[t.Reverses] = append(k.reversals[t.Reverses], t)
		}
	}
	return receipts, nil
}

// Head returns where the books end.
func (m *Memory) Head(context.Context) (Head, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.books.end, nil
}

// Find returns the transaction that was booked under the key.
func (m *Memory) Find(_ context.Context, key string) (*Txn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.books.keys[key]
	if t == nil {
		return nil, fmt.Errorf("ledger: %q: %w", clip(key), ErrNotFound)
	}
	return t.clone(), nil
}

// clone returns a copy that its owner may change.
func (t *Txn) clone() *Txn {
	c := *t
	c.Postings, c.Records, c.Links = slices.Clone(t.Postings), slices.Clone(t.Records), slices.Clone(t.Links)
	for i := range c.Records {
		c.Records[i].Body = slices.Clone(c.Records[i].Body)
	}
	if t.Expires != nil {
		x := *t.Expires
		c.Expires = &x
	}
	return &c
}

// Balance returns what stands in an account.
func (m *Memory) Balance(_ context.Context, a Account, c money.Currency) (Units, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.books.balances[line{a, c}], nil
}

// Balances returns balances or turnovers.
func (m *Memory) Balances(_ context.Context, f BalanceFilter) iter.Seq2[Balance, error] {
	return func(yield func(Balance, error) bool) {
		m.mu.Lock()
		var all []Balance
		if f.Turnovers || f.Period != "" {
			for t, x := range m.books.turnovers {
				if (f.Period == "" || t.period == f.Period) && strings.HasPrefix(string(t.account), f.Prefix) {
					all = append(all, Balance{t.period, t.account, t.currency, x})
				}
			}
		} else {
			for l, x := range m.books.balances {
				if strings.HasPrefix(string(l.account), f.Prefix) {
					all = append(all, Balance{"", l.account, l.currency, x})
				}
			}
		}
		m.mu.Unlock()
		slices.SortFunc(all, func(a, b Balance) int {
			if a.Period != b.Period {
				return strings.Compare(string(a.Period), string(b.Period))
			}
			return line{a.Account, a.Currency}.compare(line{b.Account, b.Currency})
		})
		for _, b := range all {
			if !yield(b, nil) {
				return
			}
		}
	}
}

// Txns returns transactions in their order.
func (m *Memory) Txns(ctx context.Context, f Filter) iter.Seq2[*Txn, error] {
	return func(yield func(*Txn, error) bool) {
		m.mu.Lock()
		all := m.books.txns
		m.mu.Unlock()
		for _, t := range all[min(max(f.After, 0), int64(len(all))):] {
			if err := context.Cause(ctx); err != nil {
				yield(nil, fmt.Errorf("ledger: transactions: %w", err))
				return
			}
			if f.Until > 0 && t.Seq > f.Until {
				return
			}
			if f.wants(t) && !yield(t.clone(), nil) {
				return
			}
		}
	}
}

// wants reports whether the transaction passes the filter but for its bounds.
func (f Filter) wants(t *Txn) bool {
	return (f.Period == "" || t.Period == f.Period) && (f.Kind == "" || t.Kind == f.Kind) &&
		(len(f.Accounts) == 0 || slices.ContainsFunc(t.Postings, func(p Posting) bool { return slices.Contains(f.Accounts, p.Account) }))
}

// Records returns what was filed with transactions.
func (m *Memory) Records(ctx context.Context, f RecordFilter) iter.Seq2[Filed, error] {
	return func(yield func(Filed, error) bool) {
		for t, err := range m.Txns(ctx, Filter{After: f.After, Until: f.Until}) {
			if err != nil {
				yield(Filed{}, err)
				return
			}
			for _, r := range t.Records {
				if r.Kind == f.Kind && (f.Key == "" || r.Key == f.Key) && !yield(Filed{t.Seq, r}, nil) {
					return
				}
			}
		}
	}
}

// Holds returns holds that wait for their end.
func (m *Memory) Holds(_ context.Context, expired time.Time) iter.Seq2[Hold, error] {
	return func(yield func(Hold, error) bool) {
		m.mu.Lock()
		var all []Hold
		for seq := range m.books.holds {
			if t := m.books.txns[seq-1]; expired.IsZero() || t.Expires.Before(expired) {
				all = append(all, Hold{t.Seq, t.Key, *t.Expires})
			}
		}
		m.mu.Unlock()
		slices.SortFunc(all, func(a, b Hold) int {
			if c := a.Expires.Compare(b.Expires); c != 0 {
				return c
			}
			return int(a.Seq - b.Seq)
		})
		for _, h := range all {
			if !yield(h, nil) {
				return
			}
		}
	}
}

// Close ends posting.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stopped = true
	return nil
}

var _ Store = (*Memory)(nil)

// derived returns what follows from the transactions.
func (m *Memory) derived(context.Context) (*derived, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := &derived{head: m.books.end, balances: maps.Clone(m.books.balances), turnovers: maps.Clone(m.books.turnovers), holds: map[int64]time.Time{}}
	for seq := range m.books.holds {
		d.holds[seq] = *m.books.txns[seq-1].Expires
	}
	return d, nil
}
