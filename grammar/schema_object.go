package grammar

import (
	"slices"
	"strconv"
)

// object has its members in the order of properties; those not required may be left out.
func (s *schemas) object(v *value, at string) elem {
	b := s.b
	props, required := v.get("properties"), map[string]bool{}
	if r := v.get("required"); r != nil {
		if r.kind != arrayValue {
			return s.fail(at, "required: got %s, want a list of names", r.kind)
		}
		for _, x := range r.items {
			if x.kind != stringValue {
				return s.fail(at, "required: got a list with %s, want names", x.kind)
			}
			required[x.text] = true
		}
	}
	if props == nil {
		props = &value{kind: objectValue}
	}
	if props.kind != objectValue {
		return s.fail(at, "properties: got %s, want an object", props.kind)
	}
	more := v.get("additionalProperties")
	if more == nil && len(props.members) == 0 {
		more = &value{kind: boolValue, yes: true}
	}
	open := more != nil && (more.kind != boolValue || more.yes)
	members := slices.Clone(props.members)
	var names []string
	for _, m := range members {
		names = append(names, m.key)
	}
	for _, r := range v.requiredNames() {
		if !slices.Contains(names, r) {
			if !open {
				return s.fail(at, "required: %q is not among properties", r)
			}
			members = append(members, member{r, more})
			names = append(names, r)
		}
	}
	// rest[i] reads what may come from member i on, after a member; first[i] before any.
	var extra elem
	if open {
		extra = s.member(s.freeKey(names), s.schema(more, at+"/additionalProperties"))
	}
	comma := join(b.literal(","), []elem{s.space()})
	rest := b.rule(at)
	b.add(rest)
	first := b.rule(at)
	b.add(first)
	if open {
		b.add(rest, append(slices.Clone(comma), extra, rest)...)
		b.add(first, extra, rest)
	}
	for i := len(members) - 1; i >= 0; i-- {
		m := members[i]
		one := s.member(b.either(at, b.literal(string(quoted(m.key)))), s.schema(m.v, at+"/properties/"+m.key))
		if s.err != nil || b.err != nil {
			return elem{}
		}
		nextRest, nextFirst := b.rule(at), b.rule(at)
		b.add(nextRest, append(slices.Clone(comma), one, rest)...)
		b.add(nextFirst, one, rest)
		if !required[m.key] {
			b.add(nextRest, rest)
			b.add(nextFirst, first)
		}
		rest, first = nextRest, nextFirst
	}
	return b.either(at, join(b.literal("{"), []elem{s.space(), first, s.space()}, b.literal("}")))
}

func (v *value) requiredNames() []string {
	var out []string
	if r := v.get("required"); r != nil {
		for _, x := range r.items {
			out = append(out, x.text)
		}
	}
	return out
}

// member is key, colon and value.
func (s *schemas) member(key, val elem) elem {
	return s.b.either("member", join([]elem{key}, s.b.literal(":"), []elem{s.space(), val}))
}

// freeObject is an object of any keys with these values.
func (s *schemas) freeObject(val elem) elem {
	b := s.b
	one := s.member(s.freeKey(nil), val)
	rest := b.rule("object")
	b.add(rest)
	b.add(rest, join(b.literal(","), []elem{s.space(), one, rest})...)
	return b.either("object", b.literal("{}"), join(b.literal("{"), []elem{s.space(), one, rest, s.space()}, b.literal("}")))
}

// freeKey is a key that is none of the names: without escapes, so that it can't be one in disguise.
func (s *schemas) freeKey(names []string) elem {
	b := s.b
	var plain, any byteSet
	plain.add(0x20, 0x7E)
	for _, c := range []byte{'"', '\\'} {
		plain[c>>6] &^= 1 << (c & 63)
	}
	any = plain
	for i := range names { // the names as they are written
		q := quoted(names[i])
		names[i] = string(q[1 : len(q)-1])
	}
	slices.Sort(names)
	names = slices.Compact(names)
	tail := b.rule("key") // any more characters, and the end
	b.add(tail, b.literal(`"`)...)
	b.add(tail, b.set(any), tail)
	type job struct {
		rule  elem
		names []string
		depth int
	}
	top := b.rule("key")
	work := []job{{top, names, 0}}
	for len(work) > 0 && b.err == nil {
		j := work[len(work)-1]
		work = work[:len(work)-1]
		other, taken := plain, false
		for i := 0; i < len(j.names); {
			if len(j.names[i]) == j.depth {
				taken = true // a name ends here: the key must go on
				i++
				continue
			}
			c := j.names[i][j.depth]
			k := i + 1
			for k < len(j.names) && j.names[k][j.depth] == c {
				k++
			}
			if plain.has(c) {
				other[c>>6] &^= 1 << (c & 63)
				next := b.rule("key")
				b.add(j.rule, append(b.literal(string(c)), next)...)
				work = append(work, job{next, j.names[i:k], j.depth + 1})
			}
			i = k
		}
		if !taken {
			b.add(j.rule, b.literal(`"`)...)
		}
		b.add(j.rule, b.set(other), tail)
	}
	return b.either("key", join(b.literal(`"`), []elem{top}))
}

// array is prefixItems, then items.
func (s *schemas) array(v *value, at string) elem {
	low, ok := s.size(v, "minItems", at, 0)
	high, ok2 := s.size(v, "maxItems", at, -1)
	if !ok || !ok2 {
		return elem{}
	}
	if high >= 0 && high < low {
		return s.fail(at, "minItems %d is more than maxItems %d", low, high)
	}
	items := v.get("items")
	prefix := v.get("prefixItems")
	if prefix == nil {
		if items == nil {
			items = &value{kind: boolValue, yes: true}
		}
		if items.kind == boolValue && !items.yes {
			high = 0
			items = &value{kind: boolValue, yes: true}
			if low > 0 {
				return s.fail(at, "minItems %d with items false", low)
			}
		}
		return s.list(at, s.schema(items, at+"/items"), low, high)
	}
	if prefix.kind != arrayValue || len(prefix.items) == 0 {
		return s.fail(at, "prefixItems: got %s, want a list with a schema in it", prefix.kind)
	}
	n := len(prefix.items)
	if high >= 0 && high < n {
		return s.fail(at, "maxItems %d is less than the %d prefixItems", high, n)
	}
	b := s.b
	seq := join(b.literal("["), []elem{s.space()})
	for i, x := range prefix.items {
		if i > 0 {
			seq = append(seq, join(b.literal(","), []elem{s.space()})...)
		}
		seq = append(seq, s.schema(x, at+"/prefixItems/"+strconv.Itoa(i)))
	}
	if items != nil && (items.kind != boolValue || items.yes) {
		if high >= 0 {
			high -= n
		}
		more := b.either(at, join(b.literal(","), []elem{s.space(), s.schema(items, at+"/items")}))
		seq = append(seq, b.repeat(at, more, max(0, low-n), high)...)
	} else if low > n {
		return s.fail(at, "minItems %d is more than the %d prefixItems", low, n)
	}
	return b.either(at, join(seq, []elem{s.space()}, b.literal("]")))
}

// list is low to high items of one kind.
func (s *schemas) list(at string, item elem, low, high int) elem {
	b := s.b
	if s.err != nil || b.err != nil {
		return elem{}
	}
	r := b.rule(at)
	if low == 0 {
		b.add(r, b.literal("[]")...)
	}
	if high != 0 {
		more := b.either(at, join(b.literal(","), []elem{s.space(), item}))
		top := high
		if high > 0 {
			top = high - 1
		}
		seq := join(b.literal("["), []elem{s.space(), item}, b.repeat(at, more, max(0, low-1), top), []elem{s.space()}, b.literal("]"))
		b.add(r, seq...)
	}
	return r
}

// size reads a count of 0 or more.
func (s *schemas) size(v *value, key, at string, or int) (int, bool) {
	x := v.get(key)
	if x == nil {
		return or, true
	}
	n, err := strconv.Atoi(x.text)
	if x.kind != numberValue || err != nil || n < 0 {
		s.fail(at, "%s: got %s, want a whole number of 0 or more", key, x.write(nil))
		return 0, false
	}
	return n, true
}
