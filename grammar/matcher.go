package grammar

import (
	"fmt"
	"sync"
)

// Constraint is a grammar over a vocabulary. It is shared by all answers with that grammar: what one has found out
// about a state, the others know.
type Constraint struct {
	g *Grammar
	v *Vocab

	mu    sync.Mutex
	masks map[stateKey]Mask
}

// maskMax is how many states' masks a constraint keeps; at 150,000 tokens one is 19 KB.
const maskMax = 1024

// With joins a grammar and a vocabulary.
func (g *Grammar) With(v *Vocab) *Constraint {
	return &Constraint{g: g, v: v, masks: map[stateKey]Mask{}}
}

// Matcher follows one answer. It is not for use by several goroutines.
type Matcher struct {
	c      *Constraint
	m      *machine
	at     int32
	ended  bool
	ladder []int32 // states along the path in the trie
	forced []byte
}

// Matcher starts an answer.
func (c *Constraint) Matcher() *Matcher {
	m := &Matcher{c: c, m: newMachine(c.g)}
	m.Reset()
	return m
}

// Reset goes back to the beginning.
func (m *Matcher) Reset() {
	m.m.err, m.ended = nil, false
	m.at = m.m.start()
}

// Mask returns the tokens that may come next. It is shared: read it, do not write. No token at all means that the
// answer has ended. Errors: a text that can be read in too many ways.
func (m *Matcher) Mask() (Mask, error) {
	if m.ended {
		return make(Mask, (m.c.v.size+63)/64), nil
	}
	key := m.m.states[m.at].key
	m.c.mu.Lock()
	mask, ok := m.c.masks[key]
	m.c.mu.Unlock()
	if ok {
		return mask, nil
	}
	mask = m.walk()
	if m.m.err != nil {
		return nil, m.m.err
	}
	m.c.mu.Lock()
	if len(m.c.masks) >= maskMax {
		for k := range m.c.masks { // any one: states come and go
			delete(m.c.masks, k)
			break
		}
	}
	m.c.masks[key] = mask
	m.c.mu.Unlock()
	return mask, nil
}

// walk goes through the trie with the automaton, leaving out what it does not accept.
func (m *Matcher) walk() Mask {
	v := m.c.v
	mask := make(Mask, (v.size+63)/64)
	if cap(m.ladder) < v.deep+1 {
		m.ladder = make([]int32, v.deep+1)
	}
	ladder := m.ladder[:v.deep+1]
	ladder[0] = m.at
	for i := 0; i < len(v.char); {
		d := v.depth[i]
		s := m.m.step(ladder[d], v.char[i])
		if s == dead {
			i = int(v.last[i])
			continue
		}
		ladder[d+1] = s
		for _, id := range v.ids[i] {
			mask.add(id)
		}
		i++
	}
	if m.m.states[m.at].end {
		for _, e := range v.ends {
			mask.add(int32(e))
		}
	}
	return mask
}

// Accept takes the next token. A token that is not allowed gets an error and changes nothing.
func (m *Matcher) Accept(id int) error {
	if m.ended {
		return fmt.Errorf("grammar: token %d: the answer has ended", id)
	}
	if id < 0 || id >= m.c.v.size {
		return fmt.Errorf("grammar: token: got %d, want 0 to %d", id, m.c.v.size-1)
	}
	for _, e := range m.c.v.ends {
		if e == id {
			if !m.Done() {
				return fmt.Errorf("grammar: token %d: the answer may not end here", id)
			}
			m.ended = true
			return nil
		}
	}
	t := m.c.v.tokens[id]
	if len(t) == 0 {
		return fmt.Errorf("grammar: token %d: it has no text", id)
	}
	return m.AcceptBytes(t)
}

// AcceptBytes takes text byte by byte. What is not allowed gets an error and changes nothing.
func (m *Matcher) AcceptBytes(text []byte) error {
	s := m.at
	for i, c := range text {
		if s = m.m.step(s, c); s == dead {
			if m.m.err != nil {
				return m.m.err
			}
			return fmt.Errorf("grammar: byte %d of %q: it is not allowed here", i, clip(text))
		}
	}
	m.at = s
	if m.m.full() {
		m.at = m.m.renew(s)
	}
	return nil
}

func clip(text []byte) []byte {
	if len(text) > 40 {
		return text[:40]
	}
	return text
}

// Done says whether the text may end here.
func (m *Matcher) Done() bool { return m.m.states[m.at].end }

// Ended says whether an end token has been accepted.
func (m *Matcher) Ended() bool { return m.ended }

// Allows says whether a byte may come next.
func (m *Matcher) Allows(c byte) bool { return !m.ended && m.m.step(m.at, c) != dead }

// forcedMax bounds one run of forced bytes: a grammar may force a text without an end.
const forcedMax = 4096

// ForcedBytes returns the text that must come next, as far as there is only one way and no end; nil if there is a
// choice. The slice is good until the next call.
func (m *Matcher) ForcedBytes() []byte {
	m.forced = m.forced[:0]
	s := m.at
	for !m.ended && len(m.forced) < forcedMax && !m.m.states[s].end {
		c, n := m.only(s)
		if n != 1 {
			break
		}
		m.forced = append(m.forced, c)
		s = m.m.step(s, c)
	}
	return m.forced
}

// only returns the byte that leads out of a state and how many there are, counted to two.
func (m *Matcher) only(s int32) (byte, int) {
	found, n := byte(0), 0
	for c := range 256 {
		if m.m.states[s].can.has(byte(c)) && m.m.step(s, byte(c)) != dead {
			if n++; n == 2 {
				return 0, 2
			}
			found = byte(c)
		}
	}
	return found, n
}

// Forced accepts and returns the tokens that must come next, the longest ones that fit first. The last stretch of
// forced text is left to the model, as its token may reach into the free text that follows.
func (m *Matcher) Forced() []int {
	text := m.ForcedBytes()
	var out []int
	for len(text) > 0 {
		id, n := m.c.v.longest(text)
		if n == 0 || n == len(text) {
			break
		}
		out, text = append(out, id), text[n:]
	}
	done := 0
	for _, id := range out {
		done += len(m.c.v.tokens[id])
	}
	if done > 0 {
		if err := m.AcceptBytes(append([]byte(nil), m.forced[:done]...)); err != nil {
			return nil
		}
	}
	return out
}

// longest finds the longest token that text begins with, the lowest id of those, and its length.
func (v *Vocab) longest(text []byte) (id, n int) {
	i, d := 0, 0
	for i < len(v.char) && d < len(text) {
		if int(v.depth[i]) < d {
			break
		}
		if v.char[i] != text[d] {
			i = int(v.last[i])
			continue
		}
		if len(v.ids[i]) > 0 {
			id, n = int(v.ids[i][0]), d+1
		}
		i, d = i+1, d+1
	}
	return id, n
}
