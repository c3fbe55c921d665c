package identity

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// Memory keeps keys in memory only. It is the plain reference that the other
// stores are held to.
type Memory struct {
	mu      sync.Mutex
	keys    []*Key // oldest first
	digests map[digest]*Key
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{digests: map[digest]*Key{}} }

// Create makes a key.
func (m *Memory) Create(_ context.Context, d Draft) (Key, string, error) {
	k, secret, err := issue(d)
	if err != nil {
		return Key{}, "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	own := k
	m.keys = append(m.keys, &own)
	m.digests[digestOf(secret)] = &own
	return k, secret, nil
}

// List returns all keys.
func (m *Memory) List(context.Context) ([]Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Key, len(m.keys))
	for i, k := range m.keys {
		all[i] = *k
	}
	return all, nil
}

// Revoke ends a key.
func (m *Memory) Revoke(_ context.Context, id string) (Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.keys, func(k *Key) bool { return k.ID == id })
	if i < 0 {
		return Key{}, notFound(id)
	}
	if m.keys[i].Revoked.IsZero() {
		m.keys[i].Revoked = now()
	}
	return *m.keys[i], nil
}

// Check finds a valid key by its secret.
func (m *Memory) Check(_ context.Context, secret string) (Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k, ok := m.digests[digestOf(secret)]
	if !ok || !k.Revoked.IsZero() {
		return Key{}, ErrUnknown
	}
	if t := now(); t.Sub(k.LastUsed) >= LastUsedGrain {
		k.LastUsed = t
	}
	return *k, nil
}

// Close does nothing.
func (m *Memory) Close() error { return nil }

func notFound(id string) error {
	return fmt.Errorf("identity: key %q: %w", clip(id), ErrNotFound)
}
