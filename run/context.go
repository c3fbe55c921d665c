package run

import "context"

type contextKey struct{}

// Recording returns a context of the request that the log will keep under that
// ID, with one answer.
func Recording(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

type retryKey struct{}

// Retrying returns a context of a request that its caller may send again under
// a key of its own: it is to be answered once.
func Retrying(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, retryKey{}, key)
}

// RetryKey returns the caller's own key of the request; empty = none.
func RetryKey(ctx context.Context) string {
	key, _ := ctx.Value(retryKey{}).(string)
	return key
}

// ID returns under which ID the log will keep the request; empty = it won't,
// or with several answers.
func ID(ctx context.Context) string {
	id, _ := ctx.Value(contextKey{}).(string)
	return id
}
