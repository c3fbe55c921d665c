package engine

import (
	"fmt"
	"slices"

	"summit/tensor"
)

// loop is what the engine's goroutine owns.
type loop struct {
	e         *Engine
	blocks    *blockPool
	snapshots *snapshots
	slots     []int32     // free slots of live states
	queue     []*sequence // waiting for a place, in order of age
	seated    []*sequence // with a place, in order of age
	ages      int64
	steps     int64

	// The step that is being put together; reused.
	batch tensor.Batch
	part  []*sequence
	turn  []*sequence
	stats Stats
}

func (l *loop) init(e *Engine) {
	o := &e.opts
	l.e = e
	l.blocks = newBlockPool(o.CacheTokens / o.BlockTokens)
	l.snapshots = newSnapshots(o.Batch, o.Snapshots)
	for i := o.Batch - 1; i >= 0; i-- {
		l.slots = append(l.slots, int32(i))
	}
	l.stats.Blocks = o.CacheTokens / o.BlockTokens
	l.publishStats()
}

// run is the engine's goroutine.
func (e *Engine) run() {
	defer close(e.done)
	l := &e.loop
	for {
		e.mu.Lock()
		calls, closed := e.calls, e.closed
		e.calls = nil
		e.mu.Unlock()
		for _, f := range calls {
			f()
		}
		if closed {
			l.shut()
			return
		}
		busy := l.step()
		l.publishStats()
		if !busy {
			<-e.wake
		}
	}
}

func (l *loop) publishStats() {
	s := &l.stats
	s.Steps = l.steps
	s.Waiting, s.Running, s.Idle = len(l.queue), 0, 0
	for _, q := range l.seated {
		if q.work != nil {
			s.Running++
		} else {
			s.Idle++
		}
	}
	s.UsedBlocks, s.CachedBlocks = l.blocks.used(), l.blocks.idle
	l.e.mu.Lock()
	l.e.stats = *s
	l.e.waiting = len(l.queue)
	for range l.e.calls {
		l.e.waiting++
	}
	l.e.mu.Unlock()
}

// enter gives a sequence with work to the loop: it waits for a place, or goes
// on where it sits.
func (l *loop) enter(s *sequence) {
	if s.order == 0 {
		l.ages++
		s.order = l.ages
	}
	if s.seated {
		return
	}
	at, _ := slices.BinarySearchFunc(l.queue, s.order, func(q *sequence, order int64) int { return int(q.order - order) })
	l.queue = slices.Insert(l.queue, at, s)
}

// shut ends all work.
func (l *loop) shut() {
	for _, s := range slices.Concat(l.seated, l.queue) {
		l.end(s, ErrClosed)
	}
	l.e.mu.Lock()
	calls := l.e.calls
	l.e.calls = nil
	l.e.mu.Unlock()
	for _, f := range calls {
		f()
	}
	for _, s := range slices.Concat(l.seated, l.queue) { // what those calls brought
		l.end(s, ErrClosed)
	}
}

// end finishes a sequence's work. If that was all, its place is given up.
func (l *loop) end(s *sequence, err error) {
	w := s.work
	if w == nil {
		if err != nil {
			l.leave(s)
		}
		return
	}
	s.work = nil
	if w.over() || err != nil {
		l.leave(s)
	}
	if i := slices.Index(l.queue, s); i >= 0 {
		l.queue = slices.Delete(l.queue, i, i+1)
	}
	w.finish(s, err)
}

// leave gives a sequence's place, blocks and slot up; its tokens stay, so that
// it can be computed again.
func (l *loop) leave(s *sequence) {
	if !s.seated {
		return
	}
	l.drop(s, 0)
	s.done = 0
	l.slots = append(l.slots, s.slot)
	s.seated = false
	i := slices.Index(l.seated, s)
	l.seated = slices.Delete(l.seated, i, i+1)
}

// drop releases the blocks from the n-th on, last first: what a prefix needs
// least is forgotten first.
func (l *loop) drop(s *sequence, n int) {
	for i := len(s.blocks) - 1; i >= n; i-- {
		l.blocks.release(s.blocks[i])
	}
	s.blocks = s.blocks[:min(n, len(s.blocks))]
}

// step runs one batch. It reports false if there is nothing to do.
func (l *loop) step() bool {
	l.cancelled()
	l.compose()
	if len(l.part) == 0 {
		return false
	}
	l.steps++
	l.publishStats() // places have been taken
	rows, width, err := l.e.forward.run(&l.batch, l.part[0].hidden)
	if err != nil {
		for _, s := range l.part {
			l.end(s, fmt.Errorf("engine: step: %w", err))
		}
		return true
	}
	l.stats.Tokens += int64(len(l.batch.IDs))
	l.publishStats() // before anybody learns of this step
	out := 0
	for i, s := range l.part {
		seq := &l.batch.Seqs[i]
		s.done += seq.N
		s.used = l.steps
		l.publish(s, seq.Pos)
		for ; out < len(l.batch.Outputs) && int(l.batch.Outputs[out]) < seq.Row+seq.N; out++ {
			pos := seq.Pos + int(l.batch.Outputs[out]) - seq.Row
			s.outFrom = pos + 1
			s.work.row(s, pos, rows[out*width:(out+1)*width])
		}
		if s.todo() == 0 {
			l.end(s, nil)
		}
	}
	return true
}

// cancelled ends the work whose callers have gone.
func (l *loop) cancelled() {
	for _, list := range [][]*sequence{l.seated, l.queue} {
		for i := len(list) - 1; i >= 0; i-- {
			if s := list[i]; s.work != nil && s.ctx.Err() != nil {
				l.end(s, s.ctx.Err())
			}
		}
	}
}

// publish names the blocks that became full, and keeps the state at their end
// where that is due.
func (l *loop) publish(s *sequence, from int) {
	size := l.e.opts.BlockTokens
	for i := from / size; i < s.done/size; i++ {
		l.blocks.publish(s.blocks[i], s.key(i, size))
	}
	if !l.e.forward.recurrent || s.done%size != 0 || s.done != l.boundary(s, from) {
		return
	}
	if slot, ok := l.snapshots.take(s.key(s.done/size-1, size)); ok {
		if err := l.e.forward.copySlot(slot, s.slot); err != nil {
			l.snapshots.clear()
		}
	}
}

// boundary is the next position after pos at which a recurrent sequence's
// state is kept: a multiple of SnapshotTokens, or the last full block before
// its last token.
func (l *loop) boundary(s *sequence, pos int) int {
	o := &l.e.opts
	next := (pos/o.SnapshotTokens + 1) * o.SnapshotTokens
	if last := (len(s.ids) - 1) / o.BlockTokens * o.BlockTokens; last > pos {
		next = min(next, last)
	}
	return next
}
