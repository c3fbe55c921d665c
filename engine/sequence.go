package engine

import "context"

// sequence is one row of tokens at work. Only the loop touches it.
type sequence struct {
	ctx    context.Context // of the call that wants its next tokens
	work   work            // what becomes of its rows; nil for a session at rest
	hidden bool            // rows are hidden ones instead of logits

	ids     []int32
	done    int        // how many of them are in the cache
	outFrom int        // rows from this position on are wanted
	blocks  []int32    // of the KV caches
	keys    []blockKey // of its full blocks, as far as they are worked out
	root    blockKey

	seated bool  // it has a slot, and may have blocks
	slot   int32 // of the states
	order  int64 // age: when it first came
	used   int64 // step in which it last ran

	cached  int  // tokens found in the cache when it first came to work
	started bool // it has been at work before
}

// work takes a sequence's rows. Its methods are called by the loop.
type work interface {
	// row gets the output at a position. It may append to ids and move
	// outFrom to go on; row is valid during the call only.
	row(s *sequence, pos int, row []float32)
	// finish tells that there is nothing left to compute, or why it ended.
	finish(s *sequence, err error)
	// over reports that the sequence is no longer needed afterwards.
	over() bool
}

// todo is how many tokens are still to be computed.
func (s *sequence) todo() int { return len(s.ids) - s.done }

// key returns the key of full block i, whose tokens must be there.
func (s *sequence) key(i, size int) blockKey {
	for len(s.keys) <= i {
		prev := s.root
		if n := len(s.keys); n > 0 {
			prev = s.keys[n-1]
		}
		at := len(s.keys) * size
		s.keys = append(s.keys, prev.next(s.ids[at:at+size]))
	}
	return s.keys[i]
}
