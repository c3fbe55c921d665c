package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// pairs are the merges of a BPE vocabulary. Symbols are numbered: a token's
// id, and further numbers for strings that only merges name, which can be
// steps on the way to a token.
type pairs struct {
	by   map[uint64]pair
	sym  map[string]int32 // further symbols; nil = none
	next int32
}

type pair struct {
	rank uint32
	into int32
}

func newPairs(t *Tokenizer, merges []string) (*pairs, error) {
	p := &pairs{by: make(map[uint64]pair, len(merges)), next: int32(len(t.pieces))}
	if len(merges) > maxTokens {
		return nil, fmt.Errorf("tokenizer: merges: got %d, want at most %d", len(merges), maxTokens)
	}
	for i, m := range merges {
		if len(m) > 2*maxTokenBytes {
			return nil, fmt.Errorf("tokenizer: merge %d: got %d bytes, want at most %d", i, len(m), 2*maxTokenBytes)
		}
		// A token may itself begin with a space.
		at := -1
		if len(m) > 1 {
			at = strings.IndexByte(m[1:], ' ')
		}
		if at < 0 || at+2 >= len(m) {
			return nil, fmt.Errorf("tokenizer: merge %d: %.40q, want two tokens with a space between", i, m)
		}
		left, right := m[:at+1], m[at+2:]
		if t.model == BPE {
			left, right = fromAlphabet(left), fromAlphabet(right)
		}
		key := uint64(p.symbol(t, left))<<32 | uint64(p.symbol(t, right))
		if _, taken := p.by[key]; !taken {
			p.by[key] = pair{rank: uint32(i), into: p.symbol(t, left+right)}
		}
	}
	return p, nil
}

func (p *pairs) symbol(t *Tokenizer, s string) int32 {
	if id, ok := t.ids[s]; ok {
		return id
	}
	if id, ok := p.sym[s]; ok {
		return id
	}
	if p.sym == nil {
		p.sym = map[string]int32{}
	}
	p.sym[s] = p.next
	p.next++
	return p.next - 1
}

// find returns the symbol of s, or -1.
func (p *pairs) find(t *Tokenizer, s string) int32 {
	if id, ok := t.ids[s]; ok {
		return id
	}
	if id, ok := p.sym[s]; ok {
		return id
	}
	return -1
}

// link is one symbol of the chain that merging shortens.
type link struct {
	prev, next int32
	start, end int32 // in the text; an empty one has been merged away
	id         int32 // -1 = no token and no step to one
}

// candidate is a pair that may be merged. key orders: the smallest first, on
// ties the leftmost.
type candidate struct {
	key         uint32
	left        int32
	leftEnd     int32 // both symbols as they were
	rightEnd    int32
	into, right int32
}

// maxPiece is how many bytes are merged as one piece; longer ones, which
// nobody writes, are cut. It keeps positions in 32 bits and memory bounded.
const maxPiece = 1 << 26

// encoder turns plain text into ids; its buffers are used again for each piece.
type encoder struct {
	t    *Tokenizer
	syms []link
	heap []candidate
}

// plain appends the ids of text that holds no specials. first is true where
// SentencePiece puts a space before it.
func (e *encoder) plain(ids []int, text string, first bool) []int {
	t := e.t
	switch t.model {
	case BPE:
		t.split(text, func(piece string) {
			for len(piece) > maxPiece {
				ids = e.piece(ids, piece[:maxPiece])
				piece = piece[maxPiece:]
			}
			ids = e.piece(ids, piece)
		})
		return ids
	case Unigram:
		return t.uni.encode(ids, text)
	}
	if first && t.spacePrefix && text != "" {
		text = " " + text
	}
	text = strings.ReplaceAll(text, " ", space)
	for len(text) > maxPiece {
		cut := maxPiece
		for cut > maxPiece-utf8.UTFMax && !utf8.RuneStart(text[cut]) {
			cut--
		}
		ids = e.piece(ids, text[:cut])
		text = text[cut:]
	}
	return e.piece(ids, text)
}

// piece appends the ids of a piece of text within which tokens may be merged.
func (e *encoder) piece(ids []int, text string) []int {
	t := e.t
	if text == "" {
		return ids
	}
	if id, ok := t.ids[text]; ok && (t.whole || len(text) == 1) {
		return append(ids, int(id))
	}
	e.start(text)
	e.merge(text)
	for i := int32(0); i >= 0; i = e.syms[i].next {
		s := &e.syms[i]
		if s.id >= 0 && int(s.id) < len(t.pieces) {
			ids = append(ids, int(s.id))
			continue
		}
		for _, b := range []byte(text[s.start:s.end]) {
			if id := t.byteID[b]; id >= 0 {
				ids = append(ids, int(id))
			} else if t.unk >= 0 {
				ids = append(ids, t.unk)
			}
		}
	}
	return ids
}

// start fills the chain: bytes for byte-level BPE, else characters.
func (e *encoder) start(text string) {
	t := e.t
	e.syms, e.heap = e.syms[:0], e.heap[:0]
	for i := 0; i < len(text); {
		n := 1
		if t.model != BPE {
			// By the first byte alone, as SentencePiece's readers do.
			switch c := text[i]; {
			case c >= 0xf0:
				n = 4
			case c >= 0xe0:
				n = 3
			case c >= 0xc0:
				n = 2
			}
			n = min(n, len(text)-i)
		}
		s := link{prev: int32(len(e.syms)) - 1, next: int32(len(e.syms)) + 1, start: int32(i), end: int32(i + n), id: -1}
		if t.merges != nil {
			s.id = t.merges.find(t, text[i:i+n])
		} else if id, ok := t.ids[text[i:i+n]]; ok {
			s.id = id
		}
		e.syms = append(e.syms, s)
		i += n
	}
	e.syms[len(e.syms)-1].next = -1
}

// merge joins neighbours, the best pair first, until no pair is known: n log n
// in the number of symbols.
func (e *encoder) merge(text string) {
	for i := 1; i < len(e.syms); i++ {
		e.offer(text, int32(i-1), int32(i), false)
	}
	e.heapify()
	for len(e.heap) > 0 {
		c := e.pop()
		l, r := &e.syms[c.left], &e.syms[c.right]
		if l.end != c.leftEnd || r.end != c.rightEnd || l.start == l.end || r.start == r.end || l.next != c.right {
			continue // one of them has changed since
		}
		l.end, l.id, l.next = r.end, c.into, r.next
		r.start = r.end
		if r.next >= 0 {
			e.syms[r.next].prev = c.left
		}
		if l.prev >= 0 {
			e.offer(text, l.prev, c.left, true)
		}
		if l.next >= 0 {
			e.offer(text, c.left, l.next, true)
		}
	}
}

// offer adds the pair to the heap if it can be merged; sift keeps the heap's
// order, which the first filling restores in one go.
func (e *encoder) offer(text string, left, right int32, sift bool) {
	t := e.t
	l, r := &e.syms[left], &e.syms[right]
	c := candidate{left: left, right: right, leftEnd: l.end, rightEnd: r.end}
	if t.merges != nil {
		if l.id < 0 || r.id < 0 {
			return
		}
		p, ok := t.merges.by[uint64(l.id)<<32|uint64(r.id)]
		if !ok {
			return
		}
		c.key, c.into = p.rank, p.into
	} else {
		if int(r.end-l.start) > t.maxToken {
			return
		}
		id, ok := t.ids[text[l.start:r.end]]
		if !ok {
			return
		}
		c.into = id
		if t.scores != nil {
			c.key = scoreKey(t.scores[id])
		} else {
			c.key = uint32(id) // tiktoken: the id is the rank
		}
	}
	e.heap = append(e.heap, c)
	if sift {
		e.up(len(e.heap) - 1)
	}
}

func (a *candidate) before(b *candidate) bool {
	return a.key < b.key || a.key == b.key && a.left < b.left
}

func (e *encoder) up(i int) {
	h := e.heap
	for i > 0 {
		p := (i - 1) / 2
		if !h[i].before(&h[p]) {
			return
		}
		h[i], h[p] = h[p], h[i]
		i = p
	}
}

func (e *encoder) down(i int) {
	h := e.heap
	for {
		k := 2*i + 1
		if k >= len(h) {
			return
		}
		if k+1 < len(h) && h[k+1].before(&h[k]) {
			k++
		}
		if !h[k].before(&h[i]) {
			return
		}
		h[i], h[k] = h[k], h[i]
		i = k
	}
}

func (e *encoder) heapify() {
	for i := len(e.heap)/2 - 1; i >= 0; i-- {
		e.down(i)
	}
}

func (e *encoder) pop() candidate {
	top := e.heap[0]
	last := len(e.heap) - 1
	e.heap[0] = e.heap[last]
	e.heap = e.heap[:last]
	e.down(0)
	return top
}
