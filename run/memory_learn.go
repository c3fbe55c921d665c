package run

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// AddShadow adds what became of a member that was asked in the shadow.
func (m *Memory) AddShadow(_ context.Context, id, tenant string, at time.Time, a Ask) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.index(id)
	if i < 0 || m.entries[i].Tenant != tenant {
		return notFound(id)
	}
	m.entries[i].Lesson = m.entries[i].Lesson.withShadow(a)
	m.spend(ShadowAccount, at, a.Cost)
	return nil
}

// Scan visits all entries.
func (m *Memory) Scan(_ context.Context, visit func(Entry) error) error {
	m.mu.Lock()
	all := slices.Clone(m.entries)
	m.mu.Unlock()
	for _, e := range all {
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

func (m *Memory) spend(account string, at time.Time, c *Money) {
	if c == nil {
		return
	}
	if m.spending == nil {
		m.spending = map[string][]Spending{}
	}
	day := Day(at)
	for i := range m.spending[account] {
		if s := &m.spending[account][i]; s.Day == day && s.In == c.Currency {
			s.Amount += c.Amount
			return
		}
	}
	m.spending[account] = append(m.spending[account], Spending{day, c.Amount, c.Currency})
}

// Spent returns what an account has spent.
func (m *Memory) Spent(_ context.Context, account, day string) ([]Spending, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Spending
	for _, s := range m.spending[account] {
		if s.Day >= day {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Spending) int { return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.In, b.In)) })
	return all, nil
}

// Learn keeps what was learned.
func (m *Memory) Learn(_ context.Context, all []Learned) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, l := range all {
		m.learned = slices.DeleteFunc(m.learned, func(o Learned) bool { return o.Kind == l.Kind && o.Tenant == l.Tenant && o.Member == l.Member })
		if l.Value != nil {
			m.learned = append(m.learned, l.grain())
		}
	}
	return nil
}

// Learned returns all of a kind.
func (m *Memory) Learned(_ context.Context, kind string) ([]Learned, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []Learned
	for _, l := range m.learned {
		if l.Kind == kind {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b Learned) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Member, b.Member))
	})
	return all, nil
}
