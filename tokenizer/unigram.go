package tokenizer

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// unigram is SentencePiece's unigram language model: the split of a text
// whose tokens' log probabilities have the greatest sum, by Viterbi.
// Source: Kudo 2018, arXiv:1804.10959; the 10 below the worst score that an
// unknown character costs is SentencePiece's kUnkPenalty.
type unigram struct {
	t       *Tokenizer
	trie    map[uint64]int32
	leaf    []int32
	scores  []float64
	unknown float64
	prefix  bool
	suffix  bool
	merge   bool // runs of spaces are one
	chars   charsMap
}

func newUnigram(t *Tokenizer, d *Data) (*unigram, error) {
	if t.unk < 0 {
		return nil, fmt.Errorf("tokenizer: unknown token: got none, want one for the model %q", d.Model)
	}
	chars, err := newCharsMap(d.CharsMap)
	if err != nil {
		return nil, err
	}
	u := &unigram{
		t: t, trie: map[uint64]int32{}, leaf: []int32{-1}, scores: make([]float64, len(d.Tokens)),
		prefix: t.spacePrefix && !d.SpaceAsSuffix, suffix: t.spacePrefix && d.SpaceAsSuffix,
		merge: d.RemoveExtraSpaces, chars: chars,
	}
	worst := math.Inf(1)
	for id, text := range d.Tokens {
		kind := t.kinds[id]
		if kind == Normal && d.Scores != nil {
			u.scores[id] = float64(d.Scores[id])
			if math.IsNaN(u.scores[id]) {
				return nil, fmt.Errorf("tokenizer: score of token %d: not a number", id)
			}
			worst = min(worst, u.scores[id])
		}
		if text == "" || kind != Normal && kind != User && kind != Unused {
			continue
		}
		node := int32(0)
		for i := range len(text) {
			key := uint64(node)<<8 | uint64(text[i])
			next, ok := u.trie[key]
			if !ok {
				next = int32(len(u.leaf))
				u.leaf = append(u.leaf, -1)
				u.trie[key] = next
			}
			node = next
		}
		if u.leaf[node] < 0 {
			u.leaf[node] = int32(id)
		}
	}
	if math.IsInf(worst, 1) {
		worst = 0
	}
	u.unknown = worst - 10
	return u, nil
}

// encode appends the ids of the best split. Neighbouring unknown characters
// are one unknown token.
func (u *unigram) encode(ids []int, text string) []int {
	s := u.normalise(text)
	if s == "" {
		return ids
	}
	type best struct {
		sum  float64
		from int32
		id   int32
	}
	var path []int
	for len(s) > 0 {
		part := s
		if len(part) > maxPiece {
			cut := maxPiece
			for cut > maxPiece-utf8.UTFMax && !utf8.RuneStart(part[cut]) {
				cut--
			}
			part = part[:cut]
		}
		s = s[len(part):]
		table := make([]best, len(part)+1)
		for i := range table {
			table[i].sum = math.Inf(-1)
		}
		table[0].sum = 0
		for i := 0; i < len(part); {
			_, width := utf8.DecodeRuneInString(part[i:])
			single := false
			node := int32(0)
			for k := i; k < len(part); k++ {
				next, ok := u.trie[uint64(node)<<8|uint64(part[k])]
				if !ok {
					break
				}
				node = next
				if id := u.leaf[node]; id >= 0 {
					single = single || k+1-i == width
					if sum := table[i].sum + u.scores[id]; sum > table[k+1].sum {
						table[k+1] = best{sum: sum, from: int32(i), id: id}
					}
				}
			}
			if !single {
				if sum := table[i].sum + u.unknown; sum > table[i+width].sum {
					table[i+width] = best{sum: sum, from: int32(i), id: int32(u.t.unk)}
				}
			}
			i += width
		}
		path = path[:0]
		for i := len(part); i > 0; i = int(table[i].from) {
			id := int(table[i].id)
			if id == u.t.unk && len(path) > 0 && path[len(path)-1] == id {
				continue
			}
			path = append(path, id)
		}
		for i := len(path) - 1; i >= 0; i-- {
			ids = append(ids, path[i])
		}
	}
	return ids
}

// normalise maps characters, writes spaces as ▁ and adds or merges them.
func (u *unigram) normalise(text string) string {
	var b strings.Builder
	begun, word := false, false
	write := func(s string) {
		for i := range len(s) {
			if s[i] != ' ' {
				if !word {
					word = true
					if u.prefix && !begun || u.merge {
						b.WriteString(space)
						begun = true
					}
				}
				b.WriteByte(s[i])
				continue
			}
			word = false
			if !u.merge {
				b.WriteString(space)
			}
		}
	}
	for i := 0; i < len(text); {
		if n := u.added(text[i:]); n > 0 {
			write(text[i : i+n])
			i += n
			continue
		}
		if to, n := u.chars.longest(text[i:]); n > 0 {
			write(to)
			i += n
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 {
			write("�")
		} else {
			write(text[i : i+n])
		}
		i += n
	}
	if u.suffix {
		b.WriteString(space)
	}
	return b.String()
}

// added returns the length of the longest added token that s begins with.
func (u *unigram) added(s string) int {
	node, n := int32(0), 0
	for i := range len(s) {
		next, ok := u.trie[uint64(node)<<8|uint64(s[i])]
		if !ok {
			break
		}
		node = next
		if id := u.leaf[node]; id >= 0 && u.t.kinds[id] == User {
			n = i + 1
		}
	}
	return n
}

// charsMap is SentencePiece's table of replacements: a double array whose
// children are found by exclusive or, then the replacements, each ended by a
// zero byte. An entry holds: bits 0-7 the byte that leads here, 8 has a value,
// 9 the offset is in units of 256, 10-30 the offset, 31 is a value.
// Source: Kanda, Morita & Fuketa 2017, Compressed double-array tries for
// string dictionaries supporting fast lookup; the layout is darts-clone's.
type charsMap struct {
	nodes []uint32
	texts []byte
}

func newCharsMap(b []byte) (charsMap, error) {
	if len(b) == 0 {
		return charsMap{}, nil
	}
	if len(b) < 4 {
		return charsMap{}, fmt.Errorf("tokenizer: charsmap: got %d bytes, want at least 4", len(b))
	}
	n := uint64(binary.LittleEndian.Uint32(b))
	if n+4 >= uint64(len(b)) || n%4 != 0 {
		return charsMap{}, fmt.Errorf("tokenizer: charsmap: table of %d bytes in %d, want whole words and room for texts", n, len(b))
	}
	m := charsMap{nodes: make([]uint32, n/4), texts: b[4+n:]}
	for i := range m.nodes {
		m.nodes[i] = binary.LittleEndian.Uint32(b[4+4*i:])
	}
	return m, nil
}

func (m charsMap) node(i uint32) uint32 {
	if uint64(i) >= uint64(len(m.nodes)) {
		return 1 << 31 // a value that no byte leads to
	}
	return m.nodes[i]
}

// longest returns the replacement of the longest known beginning of s and the
// length of that; 0 where there is none.
func (m charsMap) longest(s string) (string, int) {
	if len(m.nodes) == 0 {
		return "", 0
	}
	base := func(n uint32) uint32 { return n >> 10 << (n & (1 << 9) >> 6) }
	to, length := uint32(0), 0
	at := base(m.node(0))
	for i := range len(s) {
		c := uint32(s[i])
		if c == 0 {
			break
		}
		at ^= c
		n := m.node(at)
		if n&(1<<31|0xff) != c {
			break
		}
		at ^= base(n)
		if n>>8&1 != 0 {
			to, length = m.node(at)&(1<<31-1), i+1
		}
	}
	if length == 0 || uint64(to) >= uint64(len(m.texts)) {
		return "", 0
	}
	text := m.texts[to:]
	for i, c := range text {
		if c == 0 {
			return string(text[:i]), length
		}
	}
	return "", 0
}
