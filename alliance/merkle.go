package alliance

import (
	"crypto/sha256"
	"math/bits"

	"summit/ledger"
)

// Tree is the root of a growing list of leaves, of which it keeps only one hash
// for each bit of their number. Leaves and nodes are hashed apart, so that none
// can pass for the other. Source: RFC 6962, section 2.1.
type Tree struct {
	n    uint64
	full []ledger.Hash // roots of the full subtrees, the largest first
}

// Add adds a leaf.
func (t *Tree) Add(leaf []byte) {
	h := ledger.Hash(sha256.Sum256(append([]byte{0}, leaf...)))
	for n := t.n; n&1 == 1; n >>= 1 {
		h = node(t.full[len(t.full)-1], h)
		t.full = t.full[:len(t.full)-1]
	}
	t.full = append(t.full, h)
	t.n++
}

// Len returns how many leaves there are.
func (t *Tree) Len() int64 { return int64(t.n) }

// Root returns the root of what was added so far.
func (t *Tree) Root() ledger.Hash {
	if t.n == 0 {
		return sha256.Sum256(nil)
	}
	root := t.full[len(t.full)-1]
	for i := len(t.full) - 2; i >= 0; i-- {
		root = node(t.full[i], root)
	}
	return root
}

func node(left, right ledger.Hash) ledger.Hash {
	var text [1 + 2*sha256.Size]byte
	text[0] = 1
	copy(text[1:], left[:])
	copy(text[1+sha256.Size:], right[:])
	return sha256.Sum256(text[:])
}

// Path is the way from a leaf to the root.
type Path struct {
	Index int64         `json:"index"`
	Of    int64         `json:"of"` // so many leaves
	Steps []ledger.Hash `json:"steps"`
}

// Prove returns the way of a leaf to the root of all leaves.
// Source: RFC 6962, section 2.1.1.
func Prove(leaves [][]byte, index int) Path {
	p := Path{Index: int64(index), Of: int64(len(leaves)), Steps: []ledger.Hash{}}
	for len(leaves) > 1 {
		k := 1 << (bits.Len(uint(len(leaves)-1)) - 1) // the largest power of two below
		var other Tree
		if index < k {
			for _, l := range leaves[k:] {
				other.Add(l)
			}
			leaves = leaves[:k]
		} else {
			for _, l := range leaves[:k] {
				other.Add(l)
			}
			leaves, index = leaves[k:], index-k
		}
		p.Steps = append([]ledger.Hash{other.Root()}, p.Steps...)
	}
	return p
}

// Leads reports whether the path leads from the leaf to the root.
// Source: RFC 9162, section 2.1.3.2.
func (p Path) Leads(leaf []byte, root ledger.Hash) bool {
	if p.Index < 0 || p.Of < 1 || p.Index >= p.Of {
		return false
	}
	at, last := uint64(p.Index), uint64(p.Of-1)
	h := ledger.Hash(sha256.Sum256(append([]byte{0}, leaf...)))
	for _, step := range p.Steps {
		if last == 0 {
			return false
		}
		if at&1 == 1 || at == last {
			h = node(step, h)
			for at&1 == 0 && at != 0 {
				at, last = at>>1, last>>1
			}
		} else {
			h = node(h, step)
		}
		at, last = at>>1, last>>1
	}
	return last == 0 && h == root
}
