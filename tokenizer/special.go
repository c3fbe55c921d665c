package tokenizer

import (
	"cmp"
	"slices"
)

// specials finds the names of control and added tokens in a text.
type specials struct {
	kinds []Kind
	texts []string
	first [256]bool
	trie  map[uint64]int32 // node<<8 | byte -> node
	leaf  []int32          // by node: the token, or -1
}

func newSpecials(texts []string, kinds []Kind) *specials {
	s := &specials{kinds: kinds, texts: texts, trie: map[uint64]int32{}, leaf: []int32{-1}}
	for id, text := range texts {
		if k := kinds[id]; text == "" || k != Control && k != User && k != Unknown {
			continue
		}
		s.first[text[0]] = true
		node := int32(0)
		for i := range len(text) {
			key := uint64(node)<<8 | uint64(text[i])
			next, ok := s.trie[key]
			if !ok {
				next = int32(len(s.leaf))
				s.leaf = append(s.leaf, -1)
				s.trie[key] = next
			}
			node = next
		}
		if s.leaf[node] < 0 {
			s.leaf[node] = int32(id)
		}
	}
	return s
}

func (s *specials) find(text string) (int, bool) {
	node := int32(0)
	for i := range len(text) {
		next, ok := s.trie[uint64(node)<<8|uint64(text[i])]
		if !ok {
			return 0, false
		}
		node = next
	}
	if text == "" || s.leaf[node] < 0 {
		return 0, false
	}
	return int(s.leaf[node]), true
}

type found struct{ at, end, id int }

// partition calls f with the stretches of the text in order: plain text with
// id -1, or a special's id. Added tokens are always found, control tokens only
// with special. Where names overlap, the longer one wins, then the earlier
// token, then the earlier place.
func (s *specials) partition(text string, special bool, f func(plain string, id int)) {
	var hits []found
	overlap := false
	last := 0
	for i := range len(text) {
		if !s.first[text[i]] {
			continue
		}
		node := int32(0)
		for k := i; k < len(text); k++ {
			next, ok := s.trie[uint64(node)<<8|uint64(text[k])]
			if !ok {
				break
			}
			node = next
			if id := s.leaf[node]; id >= 0 && (special || s.kinds[id] == User) {
				overlap = overlap || i < last
				last = max(last, k+1)
				hits = append(hits, found{at: i, end: k + 1, id: int(id)})
			}
		}
	}
	if overlap {
		hits = disjoint(hits, len(text))
	}
	at := 0
	for _, h := range hits {
		if h.at > at {
			f(text[at:h.at], -1)
		}
		f("", h.id)
		at = h.end
	}
	if at < len(text) {
		f(text[at:], -1)
	}
}

// disjoint keeps those hits that stand after the better ones have taken their
// place, in the order of the text.
func disjoint(hits []found, n int) []found {
	slices.SortStableFunc(hits, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.end-b.at, a.end-a.at), cmp.Compare(a.id, b.id), cmp.Compare(a.at, b.at))
	})
	taken := make([]bool, n)
	kept := hits[:0]
	for _, h := range hits {
		// A shorter hit overlaps a longer one if one of its ends is inside.
		if taken[h.at] || taken[h.end-1] {
			continue
		}
		for i := h.at; i < h.end; i++ {
			taken[i] = true
		}
		kept = append(kept, h)
	}
	slices.SortFunc(kept, func(a, b found) int { return cmp.Compare(a.at, b.at) })
	return kept
}
