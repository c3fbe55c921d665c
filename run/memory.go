package run

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Memory keeps entries in memory only. It is the plain reference that the
// other stores are held to: it looks at every entry for each that it appends.
type Memory struct {
	mu       sync.Mutex
	entries  []Entry // oldest first
	spending map[string][]Spending
	learned  []Learned
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{} }

// Append adds entries.
func (m *Memory) Append(_ context.Context, entries []Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		if m.index(e.ID) < 0 {
			m.entries = append(m.entries, e.grain())
			m.spend(TenantAccount(e.Tenant), e.At, e.Spent)
		}
	}
	return nil
}

// Latest returns the last entries.
func (m *Memory) Latest(_ context.Context, n int) ([]Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := slices.Clone(m.entries[len(m.entries)-min(max(n, 0), len(m.entries)):])
	slices.Reverse(last)
	return last, nil
}

// AddFeedback keeps feedback. The slice of an entry that was handed out is
// never changed: there is a new one each time.
func (m *Memory) AddFeedback(_ context.Context, f Feedback) error {
	if err := f.check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.index(f.Run)
	if i < 0 || m.entries[i].Tenant != f.Tenant {
		return notFound(f.Run)
	}
	m.entries[i].Feedback = f.grain().addTo(m.entries[i].Feedback)
	return nil
}

// Get returns one entry.
func (m *Memory) Get(_ context.Context, id string) (Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := m.index(id)
	if i < 0 {
		return Entry{}, notFound(id)
	}
	return m.entries[i], nil
}

// Prune removes old entries.
func (m *Memory) Prune(_ context.Context, before time.Time, keep, n int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	old := min(n, len(m.entries))
	surplus := len(m.entries) - keep
	kept := m.entries[:0]
	for i, e := range m.entries {
		if i < old && (e.At.Before(before) || i < surplus) {
			continue
		}
		kept = append(kept, e)
	}
	removed := len(m.entries) - len(kept)
	clear(m.entries[len(kept):])
	m.entries = kept
	return removed, nil
}

// Close does nothing.
func (m *Memory) Close() error { return nil }

func (m *Memory) index(id string) int {
	return slices.IndexFunc(m.entries, func(e Entry) bool { return e.ID == id })
}
