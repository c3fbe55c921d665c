package engine

import (
	"slices"

	"summit/tensor"
)

// compose puts the next step together: a token of every sequence that
// decodes, then pieces of prompts, oldest first, as far as the budget, the
// rows of outputs and the blocks go.
func (l *loop) compose() {
	l.part = l.part[:0]
	l.batch.IDs, l.batch.Seqs, l.batch.Outputs = l.batch.IDs[:0], l.batch.Seqs[:0], l.batch.Outputs[:0]

	hidden := l.kind()
	budget := l.e.opts.StepTokens
	decoding := 0 // tokens kept back for those that decode
	for _, s := range l.seated {
		if s.work != nil && s.hidden == hidden && s.todo() == 1 {
			decoding++
		}
	}
	budget -= decoding
	outputs := l.e.forward.lim.Outputs
	if hidden {
		outputs = l.e.opts.StepTokens
	}
	outputs -= decoding
	// Victims of preemption are always younger than who needs their blocks,
	// so they are never in the batch already.
	l.turn = append(l.turn[:0], l.seated...)
	for _, s := range l.turn {
		if !s.seated || s.work == nil || s.hidden != hidden {
			continue
		}
		if s.todo() == 1 {
			if l.reserve(s, 1) {
				l.add(s, 1)
			}
			continue
		}
		if n := l.piece(s, budget, outputs); n > 0 && l.reserve(s, n) {
			budget -= n
			outputs -= l.add(s, n)
		}
	}
	for len(l.queue) > 0 && budget > 0 && outputs > 0 {
		s := l.queue[0]
		if !l.seat(s) {
			break
		}
		if s.hidden != hidden {
			continue // its kind's turn comes
		}
		n := l.piece(s, budget, outputs)
		if n == 0 || !l.reserve(s, n) {
			break
		}
		budget -= n
		outputs -= l.add(s, n)
	}
}

// kind tells which program runs next: the one that the sequence needs which
// has waited longest.
func (l *loop) kind() bool {
	var first *sequence
	for _, s := range l.seated {
		if s.work != nil && (first == nil || s.used < first.used) {
			first = s
		}
	}
	if first == nil && len(l.queue) > 0 {
		first = l.queue[0]
	}
	return first != nil && first.hidden
}

// piece is how many tokens of a prompt this step takes.
func (l *loop) piece(s *sequence, budget, outputs int) int {
	n := min(s.todo(), budget)
	if l.e.forward.recurrent {
		n = min(n, l.boundary(s, s.done)-s.done)
	}
	// Rows beyond outFrom are outputs, each.
	if wanted := s.done + n - s.outFrom; wanted > outputs {
		n -= wanted - max(0, outputs)
	}
	return max(0, n)
}

// add puts the next n tokens of a sequence into the batch and returns how many
// outputs they have.
func (l *loop) add(s *sequence, n int) int {
	row := len(l.batch.IDs)
	l.batch.IDs = append(l.batch.IDs, s.ids[s.done:s.done+n]...)
	l.batch.Seqs = append(l.batch.Seqs, tensor.Seq{Row: row, N: n, Pos: s.done, Blocks: s.blocks, Slot: s.slot})
	wanted := 0
	for k := max(0, s.outFrom-s.done); k < n; k++ {
		l.batch.Outputs = append(l.batch.Outputs, int32(row+k))
		wanted++
	}
	l.part = append(l.part, s)
	return wanted
}

// reserve makes sure that a sequence has the blocks for its next n tokens, if
// need be at the expense of sessions at rest and of younger sequences. If it
// is the youngest itself, it goes back to the queue, and false is the answer.
func (l *loop) reserve(s *sequence, n int) bool {
	size := l.e.opts.BlockTokens
	need := (s.done+n+size-1)/size - len(s.blocks)
	for l.blocks.available() < need {
		if !l.preempt(s) {
			return false
		}
	}
	for range need {
		id, _ := l.blocks.take()
		s.blocks = append(s.blocks, id)
	}
	return true
}

// preempt frees blocks for s. It reports false if s had to go itself.
func (l *loop) preempt(s *sequence) bool {
	if idle := l.idlest(s); idle != nil {
		l.leave(idle)
		return true
	}
	victim := l.seated[len(l.seated)-1] // the youngest: s, or younger than s
	l.stats.Preempted++
	l.leave(victim)
	l.enter(victim)
	return victim != s
}

// idlest returns the session at rest that has not run for longest, nil if
// there is none.
func (l *loop) idlest(not *sequence) *sequence {
	var idle *sequence
	for _, s := range l.seated {
		if s.work == nil && s != not && (idle == nil || s.used < idle.used) {
			idle = s
		}
	}
	return idle
}

// seat gives the first of the queue a place, if there is one and its prompt
// will find room: what it finds in the cache is its start.
func (l *loop) seat(s *sequence) bool {
	size := l.e.opts.BlockTokens
	if len(l.slots) == 0 {
		idle := l.idlest(s)
		if idle == nil {
			return false
		}
		l.leave(idle)
	}
	found, fresh := l.lookup(s)
	need := (len(s.ids)+size-1)/size - found + fresh
	running := 0
	for _, q := range l.seated {
		if q.work != nil {
			running++
		}
	}
	// Each of those that run may need a block soon. Alone it always fits.
	for running > 0 && l.blocks.available() < need+running {
		idle := l.idlest(s)
		if idle == nil {
			return false
		}
		l.leave(idle)
		found, fresh = l.lookup(s)
		need = (len(s.ids)+size-1)/size - found + fresh
	}
	l.queue = l.queue[1:]
	s.slot = l.slots[len(l.slots)-1]
	l.slots = l.slots[:len(l.slots)-1]
	s.seated = true
	at, _ := slices.BinarySearchFunc(l.seated, s.order, func(q *sequence, order int64) int { return int(q.order - order) })
	l.seated = slices.Insert(l.seated, at, s)
	l.resume(s, found)
	return true
}

// lookup returns how many full blocks of a sequence are cached, and how many
// of those nobody uses (they count as available until they are taken). At
// least one token is left to compute, and all whose rows are wanted.
func (l *loop) lookup(s *sequence) (found, idle int) {
	size := l.e.opts.BlockTokens
	limit := min(len(s.ids)-1, s.outFrom) / size
	best, bestIdle := 0, 0
	for i := range limit {
		cached, unused := l.blocks.has(s.key(i, size))
		if !cached {
			break
		}
		if unused {
			idle++
		}
		if !l.e.forward.recurrent || l.snapshots.has(s.key(i, size)) {
			best, bestIdle = i+1, idle
		}
	}
	return best, bestIdle
}

// resume takes n cached blocks as the start of a sequence that has none.
func (l *loop) resume(s *sequence, n int) {
	size := l.e.opts.BlockTokens
	if n > 0 && l.e.forward.recurrent {
		slot, ok := l.snapshots.find(s.key(n-1, size))
		if !ok || l.e.forward.copySlot(s.slot, slot) != nil {
			n = 0
		}
	}
	for i := range n {
		id, ok := l.blocks.find(s.key(i, size))
		if !ok {
			break
		}
		s.blocks = append(s.blocks, id)
	}
	s.done = len(s.blocks) * size
	if !s.started {
		s.started, s.cached = true, s.done
	}
	l.stats.CachedTokens += int64(s.done)
}
