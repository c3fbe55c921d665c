package run

import "context"

type contextKey struct{}

// Recording returns a context of the request that the log will keep under that
// ID, with one answer.
func Recording(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// ID returns under which ID the log will keep the request; empty = it won't,
// or with several answers.
func ID(ctx context.Context) string {
	id, _ := ctx.Value(contextKey{}).(string)
	return id
}
