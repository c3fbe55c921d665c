package summit

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"
)

// Bounds of a configuration file, far above any real one.
const (
	maxFileBytes = 1 << 20
	maxDepth     = 32      // nested mappings and lists
	maxNodes     = 100_000 // values, those behind aliases counted each time
	maxProblems  = 20      // reported at once
)

// position is a place in a file, both counted from one.
type position struct{ line, column int }

// tree is a decoded configuration beside where everything in it stands.
type tree struct {
	at       map[string]position // by setting path, such as members.glm.model
	problems []Problem
	nodes    int
}

// fixedParams is a struct whose field "params" depends on its others: they
// are decoded first, then the field is filled as the returned pointer says.
// A nil pointer with no complaint leaves the field alone: what is wrong is
// reported elsewhere.
type fixedParams interface {
	newParams() (params any, complaint string)
}

// refuser is a struct that knows keys which may not be written, and why.
type refuser interface {
	refuses(key string) (why string)
}

var (
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
	durationType = reflect.TypeFor[time.Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	anyType      = reflect.TypeFor[any]()
	pricesType   = reflect.TypeFor[[]Price]()
)

// decodeYAML fills v, a pointer to a struct, from one YAML document. Nothing
// is guessed: unknown and repeated keys, wrong types, merge keys, a second
// document and anything past the bounds are problems, with their places.
func decodeYAML(data []byte, v any) *tree {
	t := &tree{at: map[string]position{}}
	if len(data) > maxFileBytes {
		t.add("", position{1, 1}, "the file has %d bytes, want at most %d", len(data), maxFileBytes)
		return t
	}
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&doc); errors.Is(err, io.EOF) {
		return t
	} else if err != nil {
		t.syntax(err)
		return t
	}
	var second yaml.Node
	if err := d.Decode(&second); err == nil {
		t.add("", position{second.Line, second.Column}, "a second document begins here, want one")
		return t
	} else if !errors.Is(err, io.EOF) {
		t.syntax(err)
		return t
	}
	if len(doc.Content) != 1 || isNull(doc.Content[0]) {
		return t // only comments
	}
	t.decode("", doc.Content[0], reflect.ValueOf(v).Elem(), 0)
	return t
}

func (t *tree) add(path string, at position, format string, args ...any) {
	t.problems = append(t.problems, Problem{Path: path, Text: fmt.Sprintf(format, args...), position: at})
}

var yamlLine = regexp.MustCompile(`line (\d+): `)

// syntax reports what the YAML parser said, with its line as a position.
func (t *tree) syntax(err error) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlLine.FindStringSubmatchIndex(text); m != nil {
		line, _ = strconv.Atoi(text[m[2]:m[3]])
		text = text[:m[0]] + text[m[1]:]
	}
	t.add("", position{line, 1}, "no valid YAML: %s", clip(text))
}

// decode fills v from the node. It goes on after a problem, so that all are
// reported together; done is false where the bounds stop it.
func (t *tree) decode(path string, n *yaml.Node, v reflect.Value, depth int) (done bool) {
	at := position{n.Line, n.Column}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	t.nodes++
	switch {
	case len(t.problems) >= maxProblems:
		return false
	case depth > maxDepth:
		t.add(path, at, "nested deeper than %d levels", maxDepth)
		return false
	case t.nodes > maxNodes:
		t.add(path, at, "more than %d values, counting aliases", maxNodes)
		return false
	}
	t.at[path] = at
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return t.decode(path, n, v.Elem(), depth)
	}
	wrong := func(want string) bool {
		t.add(path, at, "want %s, got %s", want, describe(n))
		return true
	}
	if reflect.PointerTo(v.Type()).Implements(textType) || v.Type() == durationType || v.Type() == timeType {
		if n.Kind != yaml.ScalarNode || isNull(n) || n.ShortTag() == "!!bool" {
			return wrong(wanted(v.Type()))
		}
		if err := setText(v, n.Value); err != nil {
			t.add(path, at, "%s", strings.TrimPrefix(err.Error(), "money: "))
		}
		return true
	}
	switch v.Kind() {
	case reflect.Struct:
		if n.Kind != yaml.MappingNode {
			return wrong("a mapping of settings")
		}
		return t.decodeStruct(path, n, v, depth)
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			return wrong("a mapping from names")
		}
		return t.decodeMap(path, n, v, depth)
	case reflect.Slice:
		items := n.Content
		if n.Kind == yaml.MappingNode && v.Type() == pricesType {
			items = []*yaml.Node{n} // one tier needs no list
		} else if n.Kind != yaml.SequenceNode {
			return wrong("a list")
		}
		if t.nodes+len(items) > maxNodes {
			t.add(path, at, "more than %d values, counting aliases", maxNodes)
			return false
		}
		s := reflect.MakeSlice(v.Type(), len(items), len(items))
		v.Set(s)
		for i, item := range items {
			if !t.decode(fmt.Sprintf("%s[%d]", path, i), item, s.Index(i), depth+1) {
				return false
			}
		}
		return true
	}
	if n.Kind != yaml.ScalarNode || isNull(n) {
		return wrong(wanted(v.Type()))
	}
	if want := setScalar(v, n); want != "" {
		return wrong(want)
	}
	return true
}

// keys walks a mapping and calls visit for each of its keys once; repeated
// ones, merge keys and keys that are no plain words are problems.
func (t *tree) keys(path string, n *yaml.Node, visit func(key string, k, value *yaml.Node) bool) bool {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		at := position{k.Line, k.Column}
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		switch {
		case k.Kind != yaml.ScalarNode || isNull(k) || k.Value == "":
			t.add(path, at, "want a name before the colon, got %s", describe(k))
			continue
		case k.ShortTag() == "!!merge":
			t.add(path, at, "merge keys (<<) are not supported: write the settings out, or use an alias for a whole value")
			continue
		case seen[k.Value] > 0:
			t.add(join(path, k.Value), at, "%q is set twice, first in line %d", clip(k.Value), seen[k.Value])
			continue
		}
		seen[k.Value] = at.line
		if !visit(k.Value, k, value) {
			return false
		}
	}
	return true
}

func (t *tree) decodeStruct(path string, n *yaml.Node, v reflect.Value, depth int) bool {
	fields := fieldsOf(v.Type())
	var names []string
	byName := map[string]field{}
	for _, f := range fields {
		names = append(names, f.name)
		byName[f.name] = f
	}
	var params *yaml.Node
	done := t.keys(path, n, func(key string, k, value *yaml.Node) bool {
		f, ok := byName[key]
		if !ok {
			if r, can := v.Addr().Interface().(refuser); can {
				if why := r.refuses(key); why != "" {
					t.add(path, position{k.Line, k.Column}, "%q may not stand here: %s", key, why)
					return true
				}
			}
			t.add(path, position{k.Line, k.Column}, "unknown key %q%s", clip(key), unknown(key, names))
			return len(t.problems) < maxProblems
		}
		if f.typ == anyType {
			params = value
			return true
		}
		into, before := v.FieldByIndex(f.index), len(t.problems)
		done := t.decode(join(path, key), value, into, depth+1)
		if len(t.problems) == before {
			if wrong := f.bounds(into); wrong != "" {
				t.add(join(path, key), t.at[join(path, key)], "%s", wrong)
			}
		}
		return done
	})
	for _, f := range fields {
		if _, set := t.at[join(path, f.name)]; f.required && !set && done {
			t.add(path, t.at[path], "%q is missing", f.name)
		}
	}
	if params == nil || !done {
		return done
	}
	path = join(path, "params")
	maker, ok := v.Addr().Interface().(fixedParams)
	if !ok {
		panic(fmt.Sprintf("summit: %s has a field of type any and no newParams", v.Type()))
	}
	into, complaint := maker.newParams()
	t.at[path] = position{params.Line, params.Column}
	if complaint != "" {
		t.add(path, t.at[path], "%s", complaint)
	}
	if into == nil {
		return true
	}
	v.FieldByIndex(byName["params"].index).Set(reflect.ValueOf(into))
	return t.decode(path, params, reflect.ValueOf(into).Elem(), depth+1)
}

func (t *tree) decodeMap(path string, n *yaml.Node, v reflect.Value, depth int) bool {
	v.Set(reflect.MakeMap(v.Type()))
	return t.keys(path, n, func(key string, _, value *yaml.Node) bool {
		item := reflect.New(v.Type().Elem()).Elem()
		done := t.decode(join(path, key), value, item, depth+1)
		v.SetMapIndex(reflect.ValueOf(key).Convert(v.Type().Key()), item)
		return done
	})
}

// setScalar sets v from a scalar node; it returns what was wanted where that
// is something else.
func setScalar(v reflect.Value, n *yaml.Node) (want string) {
	want = wanted(v.Type())
	switch v.Kind() {
	case reflect.String:
		if n.ShortTag() != "!!str" {
			return want + " (put it in quotes)"
		}
		v.SetString(n.Value)
	case reflect.Bool:
		if n.ShortTag() != "!!bool" {
			return want
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 10, v.Type().Bits())
		if err != nil || n.ShortTag() != "!!int" {
			return want
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		u, err := strconv.ParseUint(n.Value, 10, v.Type().Bits())
		if err != nil || n.ShortTag() != "!!int" {
			return want
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, v.Type().Bits())
		if tag := n.ShortTag(); err != nil || (tag != "!!int" && tag != "!!float") || math.IsInf(f, 0) || math.IsNaN(f) {
			return want
		}
		v.SetFloat(f)
	default:
		panic(fmt.Sprintf("summit: no way to read a %s from the configuration", v.Type()))
	}
	return ""
}

// setText sets a value that is written as text: money, durations, dates.
func setText(v reflect.Value, text string) error {
	switch v.Type() {
	case durationType:
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return fmt.Errorf("want %s, got %q", wanted(v.Type()), clip(text))
		}
		v.SetInt(int64(d))
		return nil
	case timeType:
		for _, layout := range []string{time.DateOnly, time.RFC3339} {
			if at, err := time.Parse(layout, text); err == nil {
				v.Set(reflect.ValueOf(at))
				return nil
			}
		}
		return fmt.Errorf("want %s, got %q", wanted(v.Type()), clip(text))
	}
	return v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
}

// wanted names what a type is written as.
func wanted(t reflect.Type) string {
	switch t {
	case durationType:
		return "a duration of zero or more, such as 500ms, 30s or 5m"
	case timeType:
		return "a date, such as 2026-11-20"
	}
	if reflect.PointerTo(t).Implements(textType) {
		return "a decimal number"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number of zero or more"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	}
	return "a value"
}

// describe names what came. A text is not repeated: it could be a secret
// that was put in the wrong place.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "nothing (remove the key, or write {} or [])"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "the number " + clip(n.Value)
	case "!!bool":
		return n.Value
	case "!!timestamp":
		return "the date " + clip(n.Value)
	}
	return "a text"
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// field is one setting of a struct: its name in the file and its place.
type field struct {
	name     string
	index    []int
	typ      reflect.Type
	required bool     // jsonschema:"required"
	enum     []string // jsonschema:"enum=...", every word allowed
	minimum  string   // jsonschema:"minimum=..."; empty = none
	maximum  string   // jsonschema:"maximum=..."; empty = none
}

// bounds says what is wrong with a value by its field's tags.
func (f field) bounds(v reflect.Value) string {
	if len(f.enum) > 0 && v.Kind() == reflect.String && !slices.Contains(f.enum, v.String()) {
		return fmt.Sprintf("%q%s", clip(v.String()), unknown(v.String(), f.enum))
	}
	var got float64
	switch {
	case v.CanInt():
		got = float64(v.Int())
	case v.CanFloat():
		got = v.Float()
	default:
		return ""
	}
	if least, err := strconv.ParseFloat(f.minimum, 64); err == nil && got < least {
		return fmt.Sprintf("%v, want %v or more", v, least)
	}
	if most, err := strconv.ParseFloat(f.maximum, 64); err == nil && got > most {
		return fmt.Sprintf("%v, want %v or less", v, most)
	}
	return ""
}

// fieldsOf returns the settings of a struct in the order they are declared.
// Fields without a yaml tag, or with the tag "-", are none.
func fieldsOf(t reflect.Type) []field {
	var all []field
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || f.Anonymous || name == "-" || (name == "" && options == "") {
			continue
		}
		if name == "" {
			name = strings.ToLower(f.Name)
		}
		own := field{name: name, index: f.Index, typ: f.Type}
		for _, rule := range strings.Split(f.Tag.Get("jsonschema"), ",") {
			switch key, value, _ := strings.Cut(rule, "="); key {
			case "required":
				own.required = true
			case "enum":
				own.enum = append(own.enum, value)
			case "minimum":
				own.minimum = value
			case "maximum":
				own.maximum = value
			}
		}
		all = append(all, own)
	}
	return all
}
