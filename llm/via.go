package llm

import (
	"context"
	"slices"
)

type viaKey struct{}

// WithVia returns a context whose requests have come through those servers of
// Summit, the first first, each by the id of its process. A member that is
// another Summit tells it, so that a request which comes back is refused.
func WithVia(ctx context.Context, servers []string) context.Context {
	return context.WithValue(ctx, viaKey{}, slices.Clone(servers))
}

// Via returns the servers that the request has come through; nil = none.
func Via(ctx context.Context) []string {
	servers, _ := ctx.Value(viaKey{}).([]string)
	return servers
}
