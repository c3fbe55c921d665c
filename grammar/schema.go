package grammar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Schema compiles a JSON Schema to a grammar of JSON texts that satisfy it. What it reads: type (one or a list),
// properties, required, additionalProperties, enum, const, anyOf, oneOf, allOf of one, items, prefixItems, minItems,
// maxItems, minLength, maxLength, pattern, format (date, time, date-time, uuid; others say nothing), minimum, maximum,
// exclusiveMinimum, exclusiveMaximum, $ref within the document, also recursive, and true and false. Any other keyword
// that would restrict a value is an error that names it.
//
// A Grammar may be narrower than its schema, never wider, but for one thing: oneOf is read as anyOf. Members come in
// the order of properties; others only where additionalProperties says so, or where there are no properties. Between
// tokens there may be a space, or a new line with an indent.
func Schema(src []byte, l Limits) (*Grammar, error) {
	l = l.orDefault()
	root, err := readValue(src, l.Nesting)
	if err != nil {
		return nil, err
	}
	s := &schemas{b: newBuilder(l), root: root, refs: map[string]elem{}}
	start := s.b.either("root", []elem{s.schema(root, "#")})
	if s.err != nil {
		return nil, s.err
	}
	g, err := s.b.compile(start)
	if err != nil {
		return nil, fmt.Errorf("%w (schema)", err)
	}
	return g, nil
}

// schemas turns schemas into rules. Its depth of recursion is that of the document, which readValue has bounded;
// references are rules of their own, made once.
type schemas struct {
	b    *builder
	root *value
	refs map[string]elem // by pointer
	made map[string]elem // rules that all share

	depth int // of references within references
	err   error
}

func (s *schemas) fail(at, format string, args ...any) elem {
	if s.err == nil {
		s.err = fmt.Errorf("grammar: schema %s: "+format, append([]any{at}, args...)...)
	}
	return elem{}
}

// shared makes a rule once.
func (s *schemas) shared(name string, make func() elem) elem {
	if e, ok := s.made[name]; ok {
		return e
	}
	if s.made == nil {
		s.made = map[string]elem{}
	}
	e := make()
	s.made[name] = e
	return e
}

func (s *schemas) space() elem {
	return s.shared("space", func() elem {
		b := s.b
		indent := b.either("indent", b.literal(" "), b.literal("\t"))
		return b.either("space", nil, b.literal(" "), join(b.literal("\n"), b.repeat("indent", indent, 0, 40)))
	})
}

// says nothing of the value.
var annotations = []string{
	"title", "description", "default", "examples", "example", "$schema", "$id", "$comment", "$defs", "definitions",
	"deprecated", "readOnly", "writeOnly", "$anchor",
}

// understood are the keywords of each type.
var understood = map[string][]string{
	"object":  {"properties", "required", "additionalProperties"},
	"array":   {"items", "prefixItems", "minItems", "maxItems"},
	"string":  {"minLength", "maxLength", "pattern", "format"},
	"number":  {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
	"integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
	"boolean": nil,
	"null":    nil,
}

// schema is one schema's rule. at is its place, for errors.
func (s *schemas) schema(v *value, at string) elem {
	if s.err != nil || s.b.err != nil {
		return elem{}
	}
	if v.kind == boolValue {
		if v.yes {
			return s.anything()
		}
		return s.b.rule(at) // without alternatives: nothing satisfies it
	}
	if v.kind != objectValue {
		return s.fail(at, "got %s, want an object, true or false", v.kind)
	}
	has := func(key string) *value { return v.get(key) }
	alone := func(key string) bool { // nothing else restricts
		for _, m := range v.members {
			if m.key != key && m.key != "type" && !slices.Contains(annotations, m.key) {
				s.fail(at, "%s beside %s is not supported", m.key, key)
				return false
			}
		}
		return true
	}
	switch {
	case has("$ref") != nil:
		if !alone("$ref") {
			return elem{}
		}
		return s.ref(has("$ref"), at)
	case has("const") != nil:
		if !alone("const") {
			return elem{}
		}
		return s.literals([]*value{has("const")}, at)
	case has("enum") != nil:
		e := has("enum")
		if !alone("enum") {
			return elem{}
		}
		if e.kind != arrayValue || len(e.items) == 0 {
			return s.fail(at, "enum: got %s, want a list with a value in it", e.kind)
		}
		return s.literals(ofType(e.items, v.get("type")), at)
	}
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		list := has(key)
		if list == nil {
			continue
		}
		if list.kind != arrayValue || len(list.items) == 0 {
			return s.fail(at, "%s: got %s, want a list with a schema in it", key, list.kind)
		}
		if v.get("type") != nil && key != "allOf" {
			// "type" beside a choice repeats what the choices say, in the schemas that tools write.
			if !s.typesAgree(v.get("type"), list) {
				return s.fail(at, "type beside %s is not supported unless each choice has the same type", key)
			}
		}
		if !alone(key) {
			return elem{}
		}
		if key == "allOf" && len(list.items) != 1 {
			return s.fail(at, "allOf of %d is not supported, want 1", len(list.items))
		}
		r := s.b.rule(at)
		for i, x := range list.items {
			s.b.add(r, s.schema(x, at+"/"+key+"/"+strconv.Itoa(i)))
		}
		return r
	}
	return s.typed(v, at)
}

func (s *schemas) typesAgree(t *value, list *value) bool {
	for _, x := range list.items {
		o := x.get("type")
		if x.kind != objectValue || o == nil || string(o.write(nil)) != string(t.write(nil)) {
			return false
		}
	}
	return true
}

// typed is a schema by its type, or by the keywords it has.
func (s *schemas) typed(v *value, at string) elem {
	var types []string
	switch t := v.get("type"); {
	case t == nil:
		for _, name := range []string{"object", "array", "string", "number"} {
			if slices.ContainsFunc(v.members, func(m member) bool { return slices.Contains(understood[name], m.key) }) {
				types = append(types, name)
			}
		}
	case t.kind == stringValue:
		types = []string{t.text}
	case t.kind == arrayValue && len(t.items) > 0:
		for _, x := range t.items {
			if x.kind != stringValue {
				return s.fail(at, "type: got a list with %s, want names", x.kind)
			}
			types = append(types, x.text)
		}
	default:
		return s.fail(at, "type: got %s, want a name or a list of names", t.kind)
	}
	allowed := slices.Clone(annotations)
	allowed = append(allowed, "type")
	for _, t := range types {
		words, ok := understood[t]
		if !ok {
			return s.fail(at, "type: got %q, want object, array, string, number, integer, boolean or null", t)
		}
		allowed = append(allowed, words...)
	}
	for _, m := range v.members {
		if slices.Contains(allowed, m.key) {
			continue
		}
		for _, words := range understood {
			if slices.Contains(words, m.key) && v.get("type") != nil {
				return s.fail(at, "%s does not go with type %s", m.key, strings.Join(types, ", "))
			}
		}
		return s.fail(at, "the keyword %q is not supported", m.key)
	}
	if len(types) == 0 {
		return s.anything()
	}
	if len(types) == 1 {
		return s.one(types[0], v, at)
	}
	r := s.b.rule(at)
	for _, t := range types {
		s.b.add(r, s.one(t, v, at))
	}
	return r
}

func (s *schemas) one(t string, v *value, at string) elem {
	b := s.b
	switch t {
	case "object":
		return s.object(v, at)
	case "array":
		return s.array(v, at)
	case "string":
		return s.text(v, at)
	case "number", "integer":
		return s.number(v, at, t == "integer")
	case "boolean":
		return s.shared("boolean", func() elem { return b.either("boolean", b.literal("true"), b.literal("false")) })
	}
	return s.shared("null", func() elem { return b.either("null", b.literal("null")) })
}

// ofType keeps the values of an enum that its type allows too.
func ofType(list []*value, t *value) []*value {
	if t == nil {
		return list
	}
	var names []string
	if t.kind == stringValue {
		names = []string{t.text}
	}
	for _, x := range t.items {
		names = append(names, x.text)
	}
	var out []*value
	for _, v := range list {
		integer := v.kind == numberValue && !strings.ContainsAny(v.text, ".eE")
		if slices.Contains(names, v.kind.String()) || integer && slices.Contains(names, "integer") {
			out = append(out, v)
		}
	}
	return out
}

// literals is one of some exact values, as a tree, so that common beginnings are read once.
func (s *schemas) literals(list []*value, at string) elem {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = string(v.write(nil))
	}
	slices.Sort(texts)
	return s.b.tree(at, slices.Compact(texts))
}

// tree is one of these texts, which are sorted and all different.
func (b *builder) tree(name string, texts []string) elem {
	type job struct {
		rule  elem
		texts []string
		depth int
	}
	top := b.rule(name)
	work := []job{{top, texts, 0}}
	for len(work) > 0 && b.err == nil {
		j := work[len(work)-1]
		work = work[:len(work)-1]
		for i := 0; i < len(j.texts); {
			if len(j.texts[i]) == j.depth {
				b.add(j.rule)
				i++
				continue
			}
			k := i + 1
			for k < len(j.texts) && j.texts[k][j.depth] == j.texts[i][j.depth] {
				k++
			}
			if k == i+1 {
				b.add(j.rule, b.literal(j.texts[i][j.depth:])...)
				i = k
				continue
			}
			next := b.rule(name)
			b.add(j.rule, append(b.literal(j.texts[i][j.depth:j.depth+1]), next)...)
			work = append(work, job{next, j.texts[i:k], j.depth + 1})
			i = k
		}
	}
	return top
}

// ref is the rule of a schema elsewhere in the document.
func (s *schemas) ref(r *value, at string) elem {
	if r.kind != stringValue || !strings.HasPrefix(r.text, "#") {
		return s.fail(at, "$ref: got %s, want a place in this document such as #/$defs/name", r.write(nil))
	}
	if e, ok := s.refs[r.text]; ok {
		return e
	}
	v := s.root
	for i, part := range strings.Split(strings.TrimPrefix(r.text, "#"), "/") {
		if i == 0 {
			if part != "" {
				return s.fail(at, "$ref: got %q, want a pointer such as #/$defs/name", r.text)
			}
			continue
		}
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		next := v.get(part)
		if n, err := strconv.Atoi(part); err == nil && v.kind == arrayValue && n >= 0 && n < len(v.items) {
			next = v.items[n]
		}
		if next == nil {
			return s.fail(at, "$ref: %q is not in the document", r.text)
		}
		v = next
	}
	rule := s.b.rule(r.text)
	s.refs[r.text] = rule
	s.depth++
	if s.depth > s.b.limits.Nesting {
		return s.fail(at, "%w: references more than %d deep", ErrTooLarge, s.b.limits.Nesting)
	}
	s.b.add(rule, s.schema(v, r.text))
	s.depth--
	return rule
}

// anything is any JSON value.
func (s *schemas) anything() elem {
	if e, ok := s.made["anything"]; ok {
		return e
	}
	b := s.b
	any := b.rule("anything")
	s.shared("anything", func() elem { return any })
	empty := &value{kind: objectValue}
	b.add(any, s.freeObject(any))
	b.add(any, s.list("anything", any, 0, -1))
	b.add(any, s.text(empty, "anything"))
	b.add(any, s.number(empty, "anything", false))
	b.add(any, s.one("boolean", empty, "anything"))
	b.add(any, s.one("null", empty, "anything"))
	return any
}

// JSON is the grammar of any JSON object, for answers that only have to be JSON.
func JSON(l Limits) (*Grammar, error) { return Schema([]byte(`{"type":"object"}`), l) }
