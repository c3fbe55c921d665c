package identity

import "context"

type contextKey struct{}

// Asking returns a context of a request that the key's owner made.
func Asking(ctx context.Context, k Key) context.Context {
	return context.WithValue(ctx, contextKey{}, k)
}

// Asker returns whose request the context is of; false = nobody was named, as
// where a program asks and not a server's client.
func Asker(ctx context.Context) (Key, bool) {
	k, ok := ctx.Value(contextKey{}).(Key)
	return k, ok
}
