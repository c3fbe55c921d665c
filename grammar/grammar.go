// Package grammar constrains a model's text: a JSON Schema or a written grammar becomes a pushdown automaton over
// bytes, which says for every token of a vocabulary whether it may come next.
//
// Schema, Parse and Compose make a Grammar; a Vocab holds the bytes of all tokens; Grammar.With joins both to a Constraint,
// which is shared by requests; a Matcher follows one answer. The automaton never recurses on input, and sizes, depths
// and ambiguity are bounded, so that no grammar from outside can exhaust memory, time or stack: it gets an error.
// The package imports nothing of ours.
package grammar

import (
	"errors"
	"fmt"
)

// Limits bound what a grammar may cost. A zero field means the value in brackets.
type Limits struct {
	Symbols  int // of the compiled grammar, all repetitions written out [1<<18]
	Nesting  int // of groups or schemas in the source [128]
	Depth    int // of the automaton's stack; deeper, only the shortest way out is open [256]
	Branches int // ways to read the same text at a time [512]
}

func (l Limits) orDefault() Limits {
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.Symbols, 1<<18)
	set(&l.Nesting, 128)
	set(&l.Depth, 256)
	set(&l.Branches, 512)
	return l
}

// ErrTooLarge says that a grammar goes beyond a limit.
var ErrTooLarge = errors.New("the grammar is too large")

// Grammar is a compiled grammar. It does not change and may be shared.
type Grammar struct {
	limits Limits
	elems  []elem  // all alternatives, each ended by an elemEnd
	alts   []int32 // starts in elems, rule by rule
	rules  []span  // in alts
	short  []span  // the alternatives that end soonest, in shorts
	shorts []int32
	sets   []byteSet
}

type span struct{ from, to int32 }

// elem is one step of an alternative.
type elem struct {
	kind  elemKind
	index int32 // of a set or a rule
}

type elemKind uint8

const (
	elemEnd elemKind = iota
	elemSet
	elemRule
)

// byteSet is a set of bytes.
type byteSet [4]uint64

func (s *byteSet) has(b byte) bool { return s[b>>6]>>(b&63)&1 != 0 }

func (s *byteSet) add(lo, hi byte) {
	for c := int(lo); c <= int(hi); c++ {
		s[c>>6] |= 1 << (c & 63)
	}
}

// builder collects rules. Its first error is kept; what is added after it is dropped.
type builder struct {
	limits  Limits
	rules   []rule
	sets    []byteSet
	setAt   map[byteSet]int32
	symbols int
	err     error
}

type rule struct {
	name string
	alts [][]elem
}

func newBuilder(l Limits) *builder {
	return &builder{limits: l.orDefault(), setAt: map[byteSet]int32{}}
}

// rule makes a new rule without alternatives.
func (b *builder) rule(name string) elem {
	b.rules = append(b.rules, rule{name: name})
	b.count(1)
	return elem{elemRule, int32(len(b.rules) - 1)}
}

// add gives a rule one more alternative.
func (b *builder) add(r elem, seq ...elem) {
	b.count(len(seq) + 1)
	if b.err != nil {
		return
	}
	b.rules[r.index].alts = append(b.rules[r.index].alts, append([]elem(nil), seq...))
}

func (b *builder) count(n int) {
	b.symbols += n
	if b.symbols > b.limits.Symbols {
		if b.err == nil {
			b.err = fmt.Errorf("grammar: %w: more than %d symbols", ErrTooLarge, b.limits.Symbols)
		}
	}
}

// either is a new rule with these alternatives.
func (b *builder) either(name string, seqs ...[]elem) elem {
	r := b.rule(name)
	for _, s := range seqs {
		b.add(r, s...)
	}
	return r
}

func (b *builder) set(s byteSet) elem {
	i, ok := b.setAt[s]
	if !ok {
		i = int32(len(b.sets))
		b.setAt[s] = i
		b.sets = append(b.sets, s)
	}
	return elem{elemSet, i}
}

// literal is exactly these bytes.
func (b *builder) literal(text string) []elem {
	out := make([]elem, 0, len(text))
	for i := range len(text) {
		var s byteSet
		s.add(text[i], text[i])
		out = append(out, b.set(s))
	}
	return out
}

// repeat is x between low and high times; high < 0 = without an end.
func (b *builder) repeat(name string, x elem, low, high int) []elem {
	if b.err != nil {
		return nil
	}
	if low > b.limits.Symbols || high > b.limits.Symbols {
		b.err = fmt.Errorf("grammar: %w: %d repetitions of %s, want at most %d", ErrTooLarge, max(low, high), name, b.limits.Symbols)
		return nil
	}
	var out []elem
	for range low {
		out = append(out, x)
	}
	switch {
	case high < 0:
		star := b.rule(name)
		b.add(star, x, star)
		b.add(star)
		out = append(out, star)
	case high > low:
		// A chain: up to n is nothing, or x and up to n-1.
		next := b.either(name, []elem{x}, nil)
		for range high - low - 1 {
			if b.err != nil {
				return nil
			}
			next = b.either(name, []elem{x, next}, nil)
		}
		out = append(out, next)
	}
	return out
}

func join(seqs ...[]elem) []elem {
	var out []elem
	for _, s := range seqs {
		out = append(out, s...)
	}
	return out
}
