package grammar

import (
	"fmt"
	"slices"
)

// machine runs the automaton for one answer. A stack is a chain of nodes that share their lower parts; a state is a
// set of stacks whose tops wait for a byte. Both are kept once and known by number, and a state remembers where each
// byte leads.
type machine struct {
	g      *Grammar
	nodes  []node
	nodeAt map[uint64]int32 // of pos<<32 | parent
	states []*state
	byKey  map[stateKey]int32
	work   []item
	seen   map[item]struct{}
	err    error
}

// node is a place in the grammar and what comes after it.
type node struct {
	pos, parent, depth int32 // parent -1 = the end
	hash               uint64
}

type item struct{ pos, parent int32 }

type stateKey struct {
	a, b uint64
	n    int32
	end  bool
}

type state struct {
	tops []int32 // nodes at a set
	end  bool    // the text may end here
	key  stateKey
	can  byteSet // the bytes that some top takes

	// Where bytes lead, as far as known: the first few in a list, then all in a table (state + 1; 0 = not known).
	few  [4]way
	n    int
	full *[256]int32
}

type way struct {
	c  byte
	to int32
}

func (s *state) look(c byte) (int32, bool) {
	if s.full != nil {
		n := s.full[c]
		return n - 1, n != 0
	}
	for _, w := range s.few[:s.n] {
		if w.c == c {
			return w.to, true
		}
	}
	return 0, false
}

func (s *state) remember(c byte, to int32) {
	switch {
	case s.full != nil:
		s.full[c] = to + 1
	case s.n < len(s.few):
		s.few[s.n] = way{c, to}
		s.n++
	default:
		s.full = new([256]int32)
		for _, w := range s.few {
			s.full[w.c] = w.to + 1
		}
		s.full[c] = to + 1
	}
}

// dead is the state that nothing leads out of.
const dead = 0

// Between tokens a machine with more than tableMax nodes or states starts its tables anew; stateMax is what one token
// mask may need.
const (
	tableMax = 1 << 13
	stateMax = 1 << 18
)

func newMachine(g *Grammar) *machine {
	m := &machine{g: g}
	m.clear()
	return m
}

func (m *machine) clear() {
	m.nodes, m.states = m.nodes[:0], nil
	m.nodeAt, m.byKey, m.seen = map[uint64]int32{}, map[stateKey]int32{}, map[item]struct{}{}
	m.states = append(m.states, &state{})
}

// start is the state before the first byte.
func (m *machine) start() int32 {
	m.work = m.work[:0]
	for _, alt := range m.g.alts[m.g.rules[0].from:m.g.rules[0].to] {
		m.work = append(m.work, item{alt, -1})
	}
	return m.close()
}

// step is the state after one more byte.
func (m *machine) step(s int32, c byte) int32 {
	from := m.states[s]
	if !from.can.has(c) {
		return dead
	}
	if to, ok := from.look(c); ok {
		return to
	}
	m.work = m.work[:0]
	for _, t := range from.tops {
		n := m.nodes[t]
		if m.g.sets[m.g.elems[n.pos].index].has(c) {
			m.work = append(m.work, item{n.pos + 1, n.parent})
		}
	}
	to := m.close()
	from.remember(c, to)
	return to
}

// close follows all ways that read nothing from the work list, and returns the state they end in.
func (m *machine) close() int32 {
	g := m.g
	clear(m.seen)
	var tops []int32
	end := false
	for len(m.work) > 0 {
		it := m.work[len(m.work)-1]
		m.work = m.work[:len(m.work)-1]
		if _, ok := m.seen[it]; ok {
			continue
		}
		m.seen[it] = struct{}{}
		if len(m.seen) > 64*g.limits.Branches {
			return m.ambiguous()
		}
		switch e := g.elems[it.pos]; e.kind {
		case elemEnd:
			if it.parent < 0 {
				end = true
				continue
			}
			n := m.nodes[it.parent]
			m.work = append(m.work, item{n.pos, n.parent})
		case elemSet:
			tops = append(tops, m.node(it.pos, it.parent))
		case elemRule:
			parent := it.parent
			if g.elems[it.pos+1].kind != elemEnd { // a call in last place needs no way back
				parent = m.node(it.pos+1, it.parent)
			}
			alts := g.alts[g.rules[e.index].from:g.rules[e.index].to]
			if parent >= 0 && int(m.nodes[parent].depth) >= g.limits.Depth {
				alts = g.shorts[g.short[e.index].from:g.short[e.index].to]
			}
			for _, a := range alts {
				m.work = append(m.work, item{a, parent})
			}
		}
	}
	if len(tops) > g.limits.Branches {
		return m.ambiguous()
	}
	if len(tops) == 0 && !end {
		return dead
	}
	slices.Sort(tops)
	tops = slices.Compact(tops)
	key := stateKey{n: int32(len(tops)), end: end}
	for _, t := range tops {
		h := m.nodes[t].hash
		key.a += mix(h) // a sum: the order of node numbers is this machine's own
		key.b ^= mix(h + 0x9e3779b97f4a7c15)
	}
	if s, ok := m.byKey[key]; ok {
		return s
	}
	if len(m.states) >= stateMax {
		return m.ambiguous()
	}
	return m.keep(tops, end, key)
}

func (m *machine) keep(tops []int32, end bool, key stateKey) int32 {
	s := &state{tops: tops, end: end, key: key}
	for _, t := range tops {
		set := &m.g.sets[m.g.elems[m.nodes[t].pos].index]
		for i := range s.can {
			s.can[i] |= set[i]
		}
	}
	m.states = append(m.states, s)
	at := int32(len(m.states) - 1)
	m.byKey[key] = at
	return at
}

func (m *machine) ambiguous() int32 {
	m.work = m.work[:0]
	if m.err == nil {
		m.err = fmt.Errorf("grammar: %w: the text can be read in too many ways, want at most %d", ErrTooLarge, m.g.limits.Branches)
	}
	return dead
}

// node gives the number of a place with what comes after it.
func (m *machine) node(pos, parent int32) int32 {
	k := uint64(uint32(pos))<<32 | uint64(uint32(parent))
	if n, ok := m.nodeAt[k]; ok {
		return n
	}
	n := node{pos: pos, parent: parent, hash: mix(uint64(pos) + 1)}
	if parent >= 0 {
		p := m.nodes[parent]
		n.depth, n.hash = p.depth+1, mix(n.hash^p.hash*0x9fb21c651e98df25)
	}
	m.nodes = append(m.nodes, n)
	i := int32(len(m.nodes) - 1)
	m.nodeAt[k] = i
	return i
}

// mix is the finaliser of splitmix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// full says that the tables have grown so large that they should be started anew.
func (m *machine) full() bool { return len(m.states) > tableMax || len(m.nodes) > tableMax }

// renew starts the tables anew with one state, which gets a new number.
func (m *machine) renew(s int32) int32 {
	if s == dead {
		m.clear()
		return dead
	}
	old, nodes := m.states[s], slices.Clone(m.nodes)
	m.clear()
	var chain []int32
	place := map[int32]int32{-1: -1}
	m.work = m.work[:0]
	for _, t := range old.tops {
		chain = chain[:0]
		for n := t; ; n = nodes[n].parent {
			if _, ok := place[n]; ok {
				break
			}
			chain = append(chain, n)
		}
		for i := len(chain) - 1; i >= 0; i-- {
			n := nodes[chain[i]]
			place[chain[i]] = m.node(n.pos, place[n.parent])
		}
	}
	tops := make([]int32, len(old.tops))
	for i, t := range old.tops {
		tops[i] = place[t]
	}
	slices.Sort(tops)
	return m.keep(tops, old.end, old.key)
}
