package grammar

import (
	"bytes"
	"fmt"
	"slices"
)

// Vocab is the bytes of all tokens of a model, as a trie. It does not change and may be shared.
type Vocab struct {
	size   int
	ends   []int
	tokens [][]byte

	// The trie in preorder: node i reads one byte at a depth; its subtree ends before last[i]; ids[i] are the tokens
	// that end here.
	char  []byte
	depth []int32
	last  []int32
	ids   [][]int32
	deep  int
}

// NewVocab makes a vocabulary of the bytes of each token, by id; a token without bytes (a special one) is never
// allowed. ends are the tokens that end an answer; they are allowed where the text may end, whatever their bytes.
func NewVocab(tokens [][]byte, ends []int) (*Vocab, error) {
	v := &Vocab{size: len(tokens), ends: slices.Clone(ends), tokens: slices.Clone(tokens)}
	for _, e := range ends {
		if e < 0 || e >= len(tokens) {
			return nil, fmt.Errorf("grammar: end token: got %d, want 0 to %d", e, len(tokens)-1)
		}
		v.tokens[e] = nil
	}
	order := make([]int32, 0, len(tokens))
	for i, t := range v.tokens {
		if len(t) > 0 {
			order = append(order, int32(i))
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return bytes.Compare(v.tokens[a], v.tokens[b]) })
	var path []int32 // the open nodes
	var prev []byte
	for _, id := range order {
		t := v.tokens[id]
		common := 0
		for common < len(t) && common < len(prev) && t[common] == prev[common] {
			common++
		}
		for len(path) > common {
			v.last[path[len(path)-1]] = int32(len(v.char))
			path = path[:len(path)-1]
		}
		for d := common; d < len(t); d++ {
			path = append(path, int32(len(v.char)))
			v.char, v.depth = append(v.char, t[d]), append(v.depth, int32(d))
			v.last, v.ids = append(v.last, 0), append(v.ids, nil)
		}
		at := path[len(path)-1]
		v.ids[at] = append(v.ids[at], id)
		v.deep, prev = max(v.deep, len(t)), t
	}
	for _, n := range path {
		v.last[n] = int32(len(v.char))
	}
	return v, nil
}

// Size is the number of tokens.
func (v *Vocab) Size() int { return v.size }

// Mask is a set of tokens, 64 to a word.
type Mask []uint64

// Has says whether a token is in the set.
func (m Mask) Has(id int) bool { return id >= 0 && id>>6 < len(m) && m[id>>6]>>(id&63)&1 != 0 }

func (m Mask) add(id int32) { m[id>>6] |= 1 << (id & 63) }
