package grammar

import (
	"cmp"
	"slices"
	"strings"
)

// Expr is a grammar that a program puts together; Compose compiles it. One that stands in several places is compiled
// once. It does not change.
type Expr struct {
	build func(*composer) []elem
}

// composer compiles expressions into the rules of one builder.
type composer struct {
	b      *builder
	rules  map[*Expr]elem
	shared map[string]elem // rules of all schemas
	err    error
}

// Compose compiles an expression. Errors are those of the schemas in it, and limits.
func Compose(e *Expr, l Limits) (*Grammar, error) {
	c := &composer{b: newBuilder(l), rules: map[*Expr]elem{}, shared: map[string]elem{}}
	start := c.b.either("root", []elem{c.rule(e)})
	if c.err != nil {
		return nil, c.err
	}
	return c.b.compile(start)
}

func (c *composer) rule(e *Expr) elem {
	if r, ok := c.rules[e]; ok {
		return r
	}
	r := c.b.either("part", e.build(c))
	c.rules[e] = r
	return r
}

// Literal is exactly this text, whose bytes need not be UTF-8.
func Literal(text string) *Expr {
	return &Expr{func(c *composer) []elem { return c.b.literal(text) }}
}

// Sequence is its parts one after the other.
func Sequence(parts ...*Expr) *Expr {
	return &Expr{func(c *composer) []elem {
		var out []elem
		for _, p := range parts {
			out = append(out, c.rule(p))
		}
		return out
	}}
}

// Choice is one of its parts.
func Choice(parts ...*Expr) *Expr {
	return &Expr{func(c *composer) []elem {
		r := c.b.rule("choice")
		for _, p := range parts {
			c.b.add(r, c.rule(p))
		}
		return []elem{r}
	}}
}

// Words is one of these texts, whose common beginnings are read once.
func Words(list ...string) *Expr {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	return &Expr{func(c *composer) []elem { return []elem{c.b.tree("words", sorted)} }}
}

// Repeat is x between low and high times; high < 0 = without an end.
func Repeat(x *Expr, low, high int) *Expr {
	return &Expr{func(c *composer) []elem { return c.b.repeat("repeat", c.rule(x), low, high) }}
}

// Free is any UTF-8 text, also none, in which none of the first texts stands and that begins with none of the second.
func Free(without, begin []string) *Expr {
	return &Expr{func(c *composer) []elem { return c.free(without, begin) }}
}

// freeState is what of a free text matters for what may come.
type freeState struct {
	tail  string // the longest end of the text that begins one of the texts that may not stand in it
	head  string // the whole text, while it begins one of those that it may not begin with
	open  bool   // it does
	runes uint8  // what is missing of a character: an index of utf8Ways
}

// utf8Ways are the bytes that go on with a character, and what comes after them; 0 = a character may begin.
// Source: RFC 3629, section 4.
var utf8Ways = [...][]struct {
	lo, hi byte
	next   uint8
}{
	{{0x00, 0x7F, 0}, {0xC2, 0xDF, 1}, {0xE0, 0xE0, 4}, {0xE1, 0xEC, 2}, {0xED, 0xED, 5}, {0xEE, 0xEF, 2}, {0xF0, 0xF0, 6}, {0xF1, 0xF3, 3}, {0xF4, 0xF4, 7}},
	{{0x80, 0xBF, 0}},
	{{0x80, 0xBF, 1}},
	{{0x80, 0xBF, 2}},
	{{0xA0, 0xBF, 1}},
	{{0x80, 0x9F, 1}},
	{{0x90, 0xBF, 2}},
	{{0x80, 0x8F, 2}},
}

// free makes a deterministic automaton of the text, one rule a state.
func (c *composer) free(without, begin []string) []elem {
	b := c.b
	states := map[freeState]elem{}
	var work []freeState
	at := func(s freeState) elem {
		e, ok := states[s]
		if !ok {
			e = b.rule("free")
			states[s] = e
			work = append(work, s)
		}
		return e
	}
	start := at(freeState{open: len(begin) > 0})
	for len(work) > 0 && b.err == nil {
		s := work[len(work)-1]
		work = work[:len(work)-1]
		rule := states[s]
		if s.runes == 0 {
			b.add(rule)
		}
		ways := map[freeState]byteSet{}
		for _, w := range utf8Ways[s.runes] {
			for x := int(w.lo); x <= int(w.hi); x++ {
				next, ok := s.after(byte(x), without, begin)
				if !ok {
					continue
				}
				next.runes = w.next
				set := ways[next]
				set.add(byte(x), byte(x))
				ways[next] = set
			}
		}
		for _, next := range sortedStates(ways) {
			b.add(rule, b.set(ways[next]), at(next))
		}
	}
	return []elem{start}
}

// after is the state one byte on; false = the text may not stand there.
func (s freeState) after(x byte, without, begin []string) (freeState, bool) {
	var next freeState
	text := s.tail + string([]byte{x})
	for _, w := range without {
		if strings.HasSuffix(text, w) {
			return next, false
		}
		for n := min(len(w)-1, len(text)); n > len(next.tail); n-- {
			if strings.HasSuffix(text, w[:n]) {
				next.tail = w[:n]
				break
			}
		}
	}
	if s.open {
		head := s.head + string([]byte{x})
		for _, w := range begin {
			if w == head {
				return next, false
			}
			if strings.HasPrefix(w, head) {
				next.head, next.open = head, true
			}
		}
	}
	return next, true
}

// sortedStates gives the order in which rules are made: a grammar is the same however often it is made.
func sortedStates(m map[freeState]byteSet) []freeState {
	var all []freeState
	for s := range m {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b freeState) int {
		return cmp.Or(cmp.Compare(a.tail, b.tail), cmp.Compare(a.head, b.head), cmp.Compare(a.runes, b.runes))
	})
	return all
}

// value builds a schema within a document.
func (c *composer) value(root, v *value, at string) []elem {
	s := &schemas{b: c.b, root: root, refs: map[string]elem{}, made: c.shared}
	e := s.schema(v, at)
	if s.err != nil {
		if c.err == nil {
			c.err = s.err
		}
		return nil
	}
	return []elem{e}
}

func (c *composer) read(schema []byte) *value {
	v, err := readValue(schema, c.b.limits.Nesting)
	if err != nil && c.err == nil {
		c.err = err
	}
	if c.err != nil {
		return nil
	}
	return v
}

// Value is a JSON text that satisfies a schema, as Schema reads it.
func Value(schema []byte) *Expr {
	return &Expr{func(c *composer) []elem {
		v := c.read(schema)
		if v == nil {
			return nil
		}
		return c.value(v, v, "#")
	}}
}

// Object is a JSON object that satisfies a schema. A schema that says nothing of the type is one of an object; one of
// something else is an error.
func Object(schema []byte) *Expr {
	return &Expr{func(c *composer) []elem {
		v := c.read(schema)
		if v == nil {
			return nil
		}
		if err := v.beObject(); err != nil {
			c.err = cmp.Or(c.err, err)
			return nil
		}
		return c.value(v, v, "#")
	}}
}
