package summit

import (
	"context"
	"time"

	"summit/cache"
	"summit/identity"
	"summit/llm"
)

// Cache says whether a member's answers are remembered: the same question of
// the same tenant again is answered from memory and costs nothing. Only whole
// answers are remembered, to requests with temperature 0 or a seed.
type Cache struct {
	Enabled bool          `yaml:"enabled"`                        // whether answers are remembered
	Entries int           `yaml:"entries" jsonschema:"minimum=0"` // most answers; 0 = 10000
	Bytes   int           `yaml:"bytes" jsonschema:"minimum=0"`   // most bytes of all answers together; 0 = 64 MiB
	Keep    time.Duration `yaml:"keep"`                           // how long an answer is good; 0 = 1h. A reload of the configuration forgets all
	Sampled bool          `yaml:"sampled"`                        // answers that were drawn by chance are remembered too: the same request gets the same answer
}

// cached wraps a built member whose answers are to be remembered.
func (m *Member) cached(built llm.Member) llm.Member {
	if !m.Cache.Enabled {
		return built
	}
	return cache.New(built, cache.Options{
		Entries: m.Cache.Entries, Bytes: m.Cache.Bytes, Keep: m.Cache.Keep, Sampled: m.Cache.Sampled,
		Tenant: func(ctx context.Context) string {
			k, _ := identity.Asker(ctx)
			return k.Tenant
		},
	})
}

// What may happen to an answer whose client went away.
const (
	abortCancel = "cancel"
	abortDrain  = "drain"
)

// checkCache reports what no cache could mean, and what can't happen to an
// answer.
func (m *Member) checkCache(k *checker, path string) {
	if m.OnAbort != "" && m.OnAbort != abortCancel && m.OnAbort != abortDrain {
		k.add(join(path, "on_abort"), "got %q, want cancel or drain", clip(m.OnAbort))
	}
	c := m.Cache
	if c.Entries < 0 || c.Bytes < 0 || c.Keep < 0 {
		k.add(join(path, "cache"), "entries, bytes or keep is below zero, want zero (the default) or more")
	}
}
