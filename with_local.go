package summit

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"time"

	"summit/identity"
	"summit/llm"
	"summit/local"
	"summit/member"

	_ "summit/backend/cpu" // the backend of every machine
)

// useLocal is the kind of member that is a model file on this machine.
const useLocal = "local"

// Engine bounds the models that are computed in this process.
type Engine struct {
	MemoryBytes int64 `yaml:"memory_bytes" jsonschema:"minimum=0"` // of weights that are loaded at a time; the longest idle model makes room; 0 = no bound
	IdleSeconds int   `yaml:"idle_seconds"`                        // a model that nobody asked for so long is let go; 0 = 300, -1 = never

	PrefixCache string `yaml:"prefix_cache" jsonschema:"enum=tenant,enum=shared,enum=off"` // who may use again what was computed for the beginning of a prompt: tenant = requests of the same tenant, shared = all, off = nobody; empty = tenant
}

// LocalParams are the settings of a model file.
type LocalParams struct {
	Backend     string `yaml:"backend" json:"backend,omitempty" jsonschema_description:"what computes; empty = cpu, this processor"`
	Threads     int    `yaml:"threads" json:"threads,omitempty" jsonschema:"minimum=0" jsonschema_description:"workers; 0 = one a processor core"`
	Batch       int    `yaml:"batch" json:"batch,omitempty" jsonschema:"minimum=0" jsonschema_description:"requests computed together; 0 = 16"`
	CacheTokens int    `yaml:"cache_tokens" json:"cache_tokens,omitempty" jsonschema:"minimum=0" jsonschema_description:"positions in the cache of keys and values, shared by all requests; 0 = 8192"`
	Cache       string `yaml:"cache" json:"cache,omitempty" jsonschema_description:"its type: F16, F32 or Q8_0; empty = the best"`
	Exact       bool   `yaml:"exact" json:"exact,omitempty" jsonschema_description:"weights as stored and float32 arithmetic: slow, for comparison"`
	Quantize    string `yaml:"quantize" json:"quantize,omitempty" jsonschema_description:"type to convert plain matrices to in memory, such as Q8_0; empty = as stored"`
	Template    string `yaml:"template" json:"template,omitempty" jsonschema_description:"a file with a chat template in place of the model's; empty = the model's"`
	Format      string `yaml:"format" json:"format,omitempty" jsonschema_description:"how the model writes reasoning and calls, such as hermes; empty = by its template"`
	Raw         bool   `yaml:"raw" json:"raw,omitempty" jsonschema_description:"no template: the prompt is the texts as they are"`
}

// newLocals makes the store of this machine's models.
func newLocals(e Engine) *local.Store {
	return local.NewStore(local.Options{MemoryBytes: e.MemoryBytes, Idle: time.Duration(e.IdleSeconds) * time.Second, Namespace: e.namespace()})
}

// How far prompts whose beginning is in memory are shared.
const (
	prefixTenant = "tenant"
	prefixShared = "shared"
	prefixOff    = "off"
)

// namespace says with whom a request shares what was computed for its prompt.
func (e Engine) namespace() func(context.Context) string {
	switch e.PrefixCache {
	case prefixShared:
		return nil
	case prefixOff:
		return func(context.Context) string { return rand.Text() }
	}
	return func(ctx context.Context) string {
		k, _ := identity.Asker(ctx)
		return k.Tenant
	}
}

func init() {
	member.Register(member.Kind{
		Name: useLocal, About: "a model file on this machine, computed in this process",
		Params: func() any { return new(LocalParams) },
		New: func(c member.Config) (llm.Member, error) {
			return openLocal(local.NewStore(local.Options{}), c)
		},
	})
}

// openLocal makes a member of a model file, which is looked at, not loaded.
func openLocal(s *local.Store, c member.Config) (llm.Member, error) {
	p, _ := c.Params.(*LocalParams)
	if p == nil {
		p = new(LocalParams)
	}
	if c.File == "" {
		return nil, fmt.Errorf("summit: %s: no file, want the path of a model", c.Name)
	}
	config := local.Config{
		Name: c.Name, File: c.File, Card: c.Card,
		Backend: p.Backend, Exact: p.Exact, Threads: p.Threads, Cache: p.Cache, CacheTokens: p.CacheTokens, WindowTokens: c.Card.WindowTokens,
		Batch: p.Batch, Quantize: p.Quantize, Format: p.Format, Raw: p.Raw,
	}
	if p.Template != "" {
		const most = 1 << 20
		b, err := readBounded(p.Template, most)
		if err != nil {
			return nil, fmt.Errorf("summit: %s: template: %w", c.Name, err)
		}
		config.Template = string(b)
	}
	if _, err := os.Stat(c.File); err != nil {
		return nil, &NotReadyError{fmt.Errorf("summit: members.%s.file: %w", c.Name, err), "name a model file that is there"}
	}
	m, err := s.Open(config)
	if err != nil {
		return nil, err
	}
	return m, nil
}
