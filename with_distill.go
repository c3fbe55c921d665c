package summit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"summit/distill"
	"summit/identity"
	"summit/llm"
)

// Distill says whose questions and answers are kept, as texts, for small
// models to learn from. Nobody's are unless named here.
type Distill struct {
	Tenants []string `yaml:"tenants"` // tenants that agreed to it; samples.db in the data directory keeps their texts as long as the run log does; none = nobody's texts are kept
}

func (d Distill) check(k *checker) {
	if slices.Contains(d.Tenants, "") {
		k.add("distill.tenants", "an empty name, want names of tenants that agreed")
	}
}

// openKeeper starts what keeps texts; nil = nobody agreed to it.
func openKeeper(ctx context.Context, path string, c Config, s *Summit) (*distill.Keeper, error) {
	if len(c.Distill.Tenants) == 0 {
		return nil, nil
	}
	store, err := distill.OpenStore(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("summit: samples: %w", err)
	}
	return distill.NewKeeper(store, distill.Config{
		Tenants: c.Distill.Tenants, Keep: c.Runs.Keep, KeepMax: c.Runs.KeepMax, Logger: s.log,
		Tenant: func(ctx context.Context) string {
			who, _ := identity.Asker(ctx)
			return who.Tenant
		},
	}), nil
}

// kept returns the model with what it answers to tenants that agreed kept.
func (s shown) kept(m llm.Member) llm.Member {
	if s.serving.keeper == nil {
		return m
	}
	return s.serving.keeper.Watch(m)
}

// OpenSamples opens the kept texts in a data directory, also beside a running
// server; nil = there are none yet. The caller closes it.
func OpenSamples(ctx context.Context, dataDir string) (*distill.Store, error) {
	path := filepath.Join(dataDir, samplesFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err := checkVersion(dataDir, false); err != nil {
		return nil, err
	}
	store, err := distill.OpenStore(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("summit: samples: %w", err)
	}
	return store, nil
}
