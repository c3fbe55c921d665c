package engine

import (
	"crypto/sha256"
	"encoding/binary"
)

// blockKey names a full block by all tokens up to its end: the hash of its own
// tokens and of the key of the block before. It is cryptographic, since
// prompts of different people meet in one cache.
type blockKey [sha256.Size]byte

// rootKey begins a chain. Sequences of different salts share no blocks.
func rootKey(salt string) blockKey { return sha256.Sum256([]byte(salt)) }

func (k blockKey) next(ids []int32) blockKey {
	buf := make([]byte, 0, sha256.Size+32*4)
	buf = append(buf, k[:]...)
	for _, id := range ids {
		buf = binary.LittleEndian.AppendUint32(buf, uint32(id))
	}
	return sha256.Sum256(buf)
}

// block is one block of every KV cache.
type block struct {
	refs       int      // sequences that read or write it
	key        blockKey // valid if cached
	cached     bool     // found by its key; never written to again
	prev, next int32    // in the list of cached blocks that nobody uses, oldest first
}

// blockPool deals out blocks. A block is free, or used by sequences, or cached:
// full, named by its key, and kept after its last user until room is needed.
// Only the engine's loop touches it.
type blockPool struct {
	blocks []block
	free   []int32            // never used or forgotten
	byKey  map[blockKey]int32 // cached blocks
	idle   int                // cached blocks that nobody uses
}

// The list of idle blocks is a ring through an extra block at the end.
func newBlockPool(n int) *blockPool {
	p := &blockPool{blocks: make([]block, n+1), byKey: map[blockKey]int32{}}
	for i := n - 1; i >= 0; i-- {
		p.free = append(p.free, int32(i))
	}
	ring := p.ring()
	p.blocks[ring].prev, p.blocks[ring].next = ring, ring
	return p
}

func (p *blockPool) ring() int32 { return int32(len(p.blocks) - 1) }

// available is how many blocks take could give.
func (p *blockPool) available() int { return len(p.free) + p.idle }

// used is how many blocks sequences hold.
func (p *blockPool) used() int { return len(p.blocks) - 1 - p.available() }

// take gives a block to write to, and forgets the oldest idle one if there is
// no free one. It reports false if all are in use.
func (p *blockPool) take() (int32, bool) {
	var id int32
	if n := len(p.free); n > 0 {
		id, p.free = p.free[n-1], p.free[:n-1]
	} else if p.idle > 0 {
		id = p.blocks[p.ring()].next
		p.unlink(id)
		p.forget(id)
	} else {
		return 0, false
	}
	p.blocks[id].refs = 1
	return id, true
}

// find returns the cached block of a key and holds it.
func (p *blockPool) find(k blockKey) (int32, bool) {
	id, ok := p.byKey[k]
	if !ok {
		return 0, false
	}
	if p.blocks[id].refs == 0 {
		p.unlink(id)
	}
	p.blocks[id].refs++
	return id, true
}

// has reports whether a block of that key is cached, and whether it is idle.
func (p *blockPool) has(k blockKey) (cached, idle bool) {
	id, ok := p.byKey[k]
	return ok, ok && p.blocks[id].refs == 0
}

// release gives a block back. A cached one becomes the newest idle one.
func (p *blockPool) release(id int32) {
	b := &p.blocks[id]
	b.refs--
	switch {
	case b.refs > 0:
	case !b.cached:
		p.free = append(p.free, id)
	default:
		ring := p.ring()
		b.prev, b.next = p.blocks[ring].prev, ring
		p.blocks[b.prev].next, p.blocks[ring].prev = id, id
		p.idle++
	}
}

// publish names a full block, so that others find it. If that name is taken,
// the block stays private.
func (p *blockPool) publish(id int32, k blockKey) {
	b := &p.blocks[id]
	if b.cached {
		return
	}
	if _, taken := p.byKey[k]; taken {
		return
	}
	b.key, b.cached = k, true
	p.byKey[k] = id
}

// writable reports whether a block that a sequence holds may be written to: it
// takes the block out of the cache, if the sequence is its only user.
func (p *blockPool) writable(id int32) bool {
	if p.blocks[id].refs > 1 {
		return false
	}
	p.forget(id)
	return true
}

func (p *blockPool) forget(id int32) {
	b := &p.blocks[id]
	if b.cached {
		delete(p.byKey, b.key)
		b.cached = false
	}
}

func (p *blockPool) unlink(id int32) {
	b := &p.blocks[id]
	p.blocks[b.prev].next, p.blocks[b.next].prev = b.next, b.prev
	p.idle--
}
