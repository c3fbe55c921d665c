package train

import (
	"cmp"
	"container/heap"
	"fmt"
	"maps"
	"slices"

	"summit/tokenizer"
)

// pair is two neighbouring symbols.
type pair struct{ left, right int32 }

// pairing is how often a pair stands in all words, and in which it may stand.
type pairing struct {
	count int
	words map[int32]struct{}
}

// merger learns byte-pair encoding: again and again, the pair of neighbours
// that is most frequent becomes one symbol.
// Source: Sennrich, Haddow & Birch 2016, arXiv:1508.07909; over bytes as in GPT-2.
type merger struct {
	symbols []string // bytes
	ids     map[string]int32
	words   [][]int32
	counts  []int
	pairs   map[pair]*pairing
	queue   pairQueue
}

// candidate is a pair with the count that it had when it was queued.
type candidate struct {
	of          pair
	count       int
	left, right string // their bytes: the order of equal counts
}

// pairQueue has the most frequent pair first, of equals the one whose bytes
// come first.
type pairQueue []candidate

func (q pairQueue) Len() int { return len(q) }
func (q pairQueue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[j].count, q[i].count), cmp.Compare(q[i].left, q[j].left), cmp.Compare(q[i].right, q[j].right)) < 0
}
func (q pairQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *pairQueue) Push(x any)   { *q = append(*q, x.(candidate)) }
func (q *pairQueue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

func newMerger(words map[string]int) *merger {
	m := &merger{ids: map[string]int32{}, pairs: map[pair]*pairing{}}
	for b := range 256 {
		m.symbol(string([]byte{byte(b)}))
	}
	for _, w := range slices.Sorted(maps.Keys(words)) {
		word := make([]int32, len(w))
		for i := range len(w) {
			word[i] = int32(w[i])
		}
		m.words, m.counts = append(m.words, word), append(m.counts, words[w])
	}
	for i, w := range m.words {
		m.count(int32(i), w, m.counts[i])
	}
	for p := range m.pairs {
		m.offer(p)
	}
	return m
}

// symbol returns the number of a symbol, which several pairs may become.
func (m *merger) symbol(text string) int32 {
	id, ok := m.ids[text]
	if !ok {
		id = int32(len(m.symbols))
		m.ids[text] = id
		m.symbols = append(m.symbols, text)
	}
	return id
}

// count adds a word's pairs, n times each.
func (m *merger) count(word int32, symbols []int32, n int) {
	for i := 1; i < len(symbols); i++ {
		p := pair{symbols[i-1], symbols[i]}
		c := m.pairs[p]
		if c == nil {
			c = &pairing{words: map[int32]struct{}{}}
			m.pairs[p] = c
		}
		if c.count += n; n > 0 {
			c.words[word] = struct{}{}
		}
	}
}

func (m *merger) offer(p pair) {
	if c := m.pairs[p]; c != nil && c.count > 0 {
		heap.Push(&m.queue, candidate{p, c.count, m.symbols[p.left], m.symbols[p.right]})
	}
}

// next merges the most frequent pair; false if none stands twice.
func (m *merger) next() (pair, bool) {
	for m.queue.Len() > 0 {
		best := heap.Pop(&m.queue).(candidate)
		c := m.pairs[best.of]
		if c == nil || c.count != best.count {
			continue // queued before it changed; it has been queued again
		}
		if best.count < 2 {
			return pair{}, false
		}
		into := m.symbol(best.left + best.right)
		changed := map[pair]struct{}{}
		for i := range c.words {
			w := m.words[i]
			merged := make([]int32, 0, len(w))
			for k := 0; k < len(w); k++ {
				if k+1 < len(w) && w[k] == best.of.left && w[k+1] == best.of.right {
					merged = append(merged, into)
					k++
					continue
				}
				merged = append(merged, w[k])
			}
			if len(merged) == len(w) {
				continue
			}
			m.count(i, w, -m.counts[i])
			m.count(i, merged, m.counts[i])
			for _, list := range [][]int32{w, merged} {
				for k := 1; k < len(list); k++ {
					changed[pair{list[k-1], list[k]}] = struct{}{}
				}
			}
			m.words[i] = merged
		}
		delete(m.pairs, best.of)
		delete(changed, best.of)
		for p := range changed {
			m.offer(p)
		}
		return best.of, true
	}
	return pair{}, false
}

// buildBPE makes a byte-level BPE vocabulary of at most size tokens from the
// pieces of texts and how often each stands.
func buildBPE(pre string, pieces map[string]int, size int) (*tokenizer.Data, error) {
	d := controls(tokenizer.BPE)
	d.Pre = pre
	first := len(d.Tokens)
	if size < first+256 {
		return nil, fmt.Errorf("train: vocabulary: size: got %d, want %d or more: control tokens and bytes", size, first+256)
	}
	m := newMerger(pieces)
	for first+len(m.symbols) < size {
		p, ok := m.next()
		if !ok {
			break
		}
		d.Merges = append(d.Merges, tokenizer.ToAlphabet(m.symbols[p.left])+" "+tokenizer.ToAlphabet(m.symbols[p.right]))
	}
	for _, s := range m.symbols {
		d.Tokens, d.Kinds = append(d.Tokens, tokenizer.ToAlphabet(s)), append(d.Kinds, tokenizer.Normal)
	}
	return d, nil
}
