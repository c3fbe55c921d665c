// Package fusion makes one member out of several: route, fallback, cascade,
// vote, rank, fuse and what comes after them, one file each, registered in
// this package's table. A strategy is itself an llm.Member, so strategies
// nest freely; none knows a vendor or a protocol.
//
// Its nouns are Strategy (what can be configured under `use:` of a model) and
// Env (what a strategy is built from). To add one, write fusion/<name>.go with
// a Params type and an init that calls Register; nothing else is edited.
// newcomer_test.go is such a file. design.md has the rules that all keep.
package fusion

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"summit/brain"
	"summit/llm"
	"summit/verify"
)

// Env is what a strategy is built from.
type Env struct {
	Name    string       // the model's name, as clients ask for it
	Members []llm.Member // in the order of the configuration
	// Member finds any member or model by name, for judges and aggregators
	// that are not among Members.
	Member func(name string) (llm.Member, error)
	// Brain is what was learned of members; nil = nothing.
	Brain *brain.Brain
	// Pace keeps the strategy auto to its cap; nil = one of its own. Who asks
	// each question of a new strategy hands the same one to all.
	Pace *brain.Pace
	// Checkers check answers beside the checks that the parameters of verify
	// name: for evaluations, where a recording knows what a test found.
	Checkers []verify.Checker
	// Shift says by how much, in log-odds, a member is more reliable for whose
	// request the context is of than the brain knows; nil = by nothing.
	Shift func(ctx context.Context, member string) float64
	// Gate is what was learned of which member a request is for; nil = nothing.
	Gate Gate
}

// Strategy is one way to make a member of members.
type Strategy struct {
	Name   string     // as in `use:`
	About  string     // one line for people
	Params func() any // a pointer to zero parameters, with yaml, json and jsonschema tags
	New    func(env Env, params any) (llm.Member, error)
}

var (
	mu         sync.Mutex
	strategies = map[string]Strategy{}
)

// Register adds a strategy whose parameters are P. It is called from the
// init of the strategy's file; a second one of that name is a programming error.
func Register[P any](name, about string, build func(Env, P) (llm.Member, error)) {
	mu.Lock()
	defer mu.Unlock()
	if _, taken := strategies[name]; taken || name == "" {
		panic(fmt.Sprintf("fusion: strategy %q: empty or registered twice", name))
	}
	strategies[name] = Strategy{
		Name: name, About: about,
		Params: func() any { return new(P) },
		New: func(env Env, params any) (llm.Member, error) {
			var p P
			switch v := params.(type) {
			case nil:
			case *P:
				p = *v
			case P:
				p = v
			default:
				return nil, fmt.Errorf("fusion: %s: parameters are %T, want %T", env.Name, params, p)
			}
			return build(env, p)
		},
	}
}

// Strategies returns all strategies by name.
func Strategies() []Strategy {
	mu.Lock()
	defer mu.Unlock()
	all := make([]Strategy, 0, len(strategies))
	for _, s := range strategies {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Strategy) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// New builds the model env.Name with the strategy of that name. params is
// what Strategy.Params returned, filled, or nil for the defaults.
func New(strategy string, env Env, params any) (llm.Member, error) {
	mu.Lock()
	s, ok := strategies[strategy]
	mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("fusion: %s: use %q is no known strategy", env.Name, strategy)
	}
	return s.New(env, params)
}
