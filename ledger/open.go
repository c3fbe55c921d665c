package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// openers are the kinds of store that a URL can name, by its scheme.
var openers = map[string]func(ctx context.Context, url string) (Store, error){}

// register adds a kind of store under schemes of URLs. It is called from the
// init of the store's file; a scheme that is taken is a programming error.
func register(open func(ctx context.Context, url string) (Store, error), schemes ...string) {
	for _, s := range schemes {
		if openers[s] != nil {
			panic("ledger: two kinds of store for URLs of " + s)
		}
		openers[s] = open
	}
}

// Open opens the books that a URL names, such as postgres://user@host/database:
// its scheme says which kind of store they are in. No error shows the URL, for
// it may hold a password.
func Open(ctx context.Context, url string) (Store, error) {
	scheme, _, _ := strings.Cut(url, "://")
	open := openers[strings.ToLower(scheme)]
	if open == nil {
		return nil, fmt.Errorf("ledger: the URL of the books is of no kind of store, want one that begins with %s://", strings.Join(slices.Sorted(maps.Keys(openers)), ":// or "))
	}
	return open(ctx, url)
}
