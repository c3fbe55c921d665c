package ledger

import (
	"context"
	"iter"
)

// reading is the books as they are read by Verify.
type reading interface {
	derived() *derived
	// txns gives the transactions after one and up to another, which may be
	// none: rows that belong to no transaction are errors. Each is good until
	// the next step only.
	txns(ctx context.Context, after, until int64) iter.Seq2[*Txn, error]
	// again gives transactions once more, or some of them early.
	again(ctx context.Context, after, until int64) iter.Seq2[*Txn, error]
	// jobs are to be done besides, at the same time. Each returns a *rowError
	// for what it finds.
	jobs() []func(context.Context) error
	// end says what was found besides, and ends the reading.
	end(ctx context.Context) ([]Damage, error)
}

// reader is a store that has a shorter way to read all of its books than
// through its methods.
type reader interface {
	read(ctx context.Context) (reading, error)
}

// readAll begins to read the store.
func readAll(ctx context.Context, s Store) (reading, error) {
	if r, ok := s.(reader); ok {
		return r.read(ctx)
	}
	d, err := derive(ctx, s)
	return plainReading{s, d}, err
}

// plainReading reads through a store's methods.
type plainReading struct {
	Store
	from *derived
}

func (p plainReading) derived() *derived { return p.from }

func (p plainReading) again(ctx context.Context, after, until int64) iter.Seq2[*Txn, error] {
	return p.txns(ctx, after, until)
}

func (p plainReading) txns(ctx context.Context, after, until int64) iter.Seq2[*Txn, error] {
	if until == 0 { // for a filter that is no bound
		return func(func(*Txn, error) bool) {}
	}
	return p.Txns(ctx, Filter{After: after, Until: until})
}

func (plainReading) jobs() []func(context.Context) error   { return nil }
func (plainReading) end(context.Context) ([]Damage, error) { return nil, nil }
