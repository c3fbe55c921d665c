package engine

import (
	"math/rand/v2"
	"testing"
)

// TestBlockPool plays random users against the pool: no block is lost, given
// twice, or written to while others read it.
func TestBlockPool(t *testing.T) {
	const n = 12
	rng := rand.New(rand.NewPCG(1, 2))
	p := newBlockPool(n)
	type hold struct {
		id int32
		k  byte // 0 = private
	}
	var holds []hold
	keys := map[byte]int32{} // what the pool should find
	key := func(k byte) blockKey { return blockKey{k} }
	count := func(id int32) (users int) {
		for _, h := range holds {
			if h.id == id {
				users++
			}
		}
		return users
	}
	for range 20000 {
		switch rng.IntN(5) {
		case 0:
			id, ok := p.take()
			if ok != (p.available() > 0 || ok) || !ok && p.available() > 0 {
				t.Fatalf("take gave none of %d", p.available())
			}
			if !ok {
				break
			}
			if count(id) > 0 {
				t.Fatalf("block %d given while in use", id)
			}
			for k, at := range keys {
				if at == id {
					delete(keys, k)
				}
			}
			holds = append(holds, hold{id, 0})
		case 1:
			k := byte(1 + rng.IntN(9))
			id, ok := p.find(key(k))
			if want, has := keys[k]; ok != has || ok && id != want {
				t.Fatalf("key %d: block %d %v, want %d %v", k, id, ok, want, has)
			}
			if ok {
				holds = append(holds, hold{id, k})
			}
		case 2, 3:
			if len(holds) == 0 {
				break
			}
			i := rng.IntN(len(holds))
			p.release(holds[i].id)
			holds = append(holds[:i], holds[i+1:]...)
		case 4:
			if len(holds) == 0 {
				break
			}
			h := &holds[rng.IntN(len(holds))]
			k := byte(1 + rng.IntN(9))
			if _, taken := keys[k]; h.k == 0 && !taken && rng.IntN(2) == 0 {
				p.publish(h.id, key(k))
				keys[k], h.k = h.id, k
			} else if got := p.writable(h.id); got != (count(h.id) == 1) {
				t.Fatalf("block %d of %d users: writable %v", h.id, count(h.id), got)
			} else if got {
				for k, at := range keys {
					if at == h.id {
						delete(keys, k)
					}
				}
				h.k = 0
			}
		}
		users := map[int32]bool{}
		for _, h := range holds {
			users[h.id] = true
		}
		if p.used() != len(users) {
			t.Fatalf("%d blocks in use, want %d", p.used(), len(users))
		}
	}
	for _, h := range holds {
		p.release(h.id)
	}
	p.clear()
	if len(p.free) != n || p.idle != 0 || len(p.byKey) != 0 {
		t.Errorf("after all: %d free, %d idle, %d named, want %d, 0, 0", len(p.free), p.idle, len(p.byKey), n)
	}
}

func TestOldestGoesFirst(t *testing.T) {
	p := newBlockPool(3)
	for k := range byte(3) {
		id, _ := p.take()
		p.publish(id, blockKey{k})
		p.release(id)
	}
	if id, ok := p.find(blockKey{0}); ok { // used again: now the newest
		p.release(id)
	}
	p.take()
	for k, want := range []bool{true, false, true} {
		if got, _ := p.has(blockKey{byte(k)}); got != want {
			t.Errorf("block %d is there: %v, want %v", k, got, want)
		}
	}
}

func TestSnapshots(t *testing.T) {
	s := newSnapshots(5, 2)
	a, _ := s.take(blockKey{1})
	b, _ := s.take(blockKey{2})
	if _, again := s.take(blockKey{1}); again || a == b || min(a, b) != 5 || max(a, b) != 6 {
		t.Fatalf("slots %d and %d, a second of one name %v", a, b, again)
	}
	s.find(blockKey{1})
	c, _ := s.take(blockKey{3}) // the oldest is 2
	if c != b || s.has(blockKey{2}) || !s.has(blockKey{1}) {
		t.Errorf("third snapshot in slot %d, want %d in place of the one that was not used", c, b)
	}
	if _, ok := newSnapshots(0, 0).take(blockKey{1}); ok {
		t.Error("room in none")
	}
}

// clear forgets all idle blocks.
func (p *blockPool) clear() {
	for p.idle > 0 {
		id := p.blocks[p.ring()].next
		p.unlink(id)
		p.forget(id)
		p.free = append(p.free, id)
	}
}
