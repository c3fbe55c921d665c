package summit

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v3"
)

// Value is one value of a configuration that is in force.
type Value struct {
	Path   string // such as members.glm.model
	Value  any    // text, number, true or false
	Origin string // as Loaded.Origin says
}

// Values returns all values in force, defaults included, in the order of the
// file. Secrets are in none: a configuration only names them.
func (l *Loaded) Values() []Value {
	var all []Value
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i < len(n.Content); i += 2 {
				walk(join(path, n.Content[i].Value), n.Content[i+1])
			}
		case yaml.SequenceNode:
			for i, item := range n.Content {
				walk(fmt.Sprintf("%s[%d]", path, i), item)
			}
		default:
			var v any
			_ = n.Decode(&v) // the node was just made from a value
			if n.ShortTag() == "!!timestamp" {
				v = n.Value
			}
			all = append(all, Value{path, v, l.Origin(path)})
		}
	}
	walk("", l.node(false))
	return all
}

// YAML writes the configuration in force, defaults included, as a file that
// can be read back; with origin, each value has a comment that says where it
// is from.
func (l *Loaded) YAML(origin bool) (string, error) {
	var b strings.Builder
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(l.node(origin)); err != nil {
		return "", fmt.Errorf("summit: configuration: %w", err)
	}
	return b.String(), e.Close()
}

func (l *Loaded) node(origin bool) *yaml.Node {
	return l.encode("", reflect.ValueOf(l.Config.withDefaults()), origin)
}

// encode draws a value as it would stand in the file. Empty settings whose
// emptiness is the default are left out below the top.
func (l *Loaded) encode(path string, v reflect.Value, origin bool) *yaml.Node {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if _, ok := v.Interface().(encoding.TextMarshaler); !ok {
		switch v.Kind() {
		case reflect.Struct:
			n := &yaml.Node{Kind: yaml.MappingNode}
			for _, f := range fieldsOf(v.Type()) {
				if item := v.FieldByIndex(f.index); f.required || !item.IsZero() {
					n.Content = append(n.Content, scalar(f.name), l.encode(join(path, f.name), item, origin))
				}
			}
			return n
		case reflect.Map:
			n := &yaml.Node{Kind: yaml.MappingNode}
			for _, key := range slices.SortedFunc(maps.Keys(indexed(v)), strings.Compare) {
				n.Content = append(n.Content, scalar(key), l.encode(join(path, key), indexed(v)[key], origin))
			}
			return n
		case reflect.Slice:
			n := &yaml.Node{Kind: yaml.SequenceNode}
			for i := range v.Len() {
				n.Content = append(n.Content, l.encode(fmt.Sprintf("%s[%d]", path, i), v.Index(i), origin))
			}
			return n
		}
	}
	n := written(v)
	if origin {
		n.LineComment = l.Origin(path)
	}
	return n
}

func indexed(v reflect.Value) map[string]reflect.Value {
	m := map[string]reflect.Value{}
	for it := v.MapRange(); it.Next(); {
		m[it.Key().String()] = it.Value()
	}
	return m
}

// written returns a scalar as setScalar and setText read it.
func written(v reflect.Value) *yaml.Node {
	plain := func(tag, text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text} }
	switch x := v.Interface().(type) {
	case time.Duration:
		return scalar(x.String())
	case time.Time:
		if x.Equal(x.Truncate(24 * time.Hour)) {
			return plain("!!timestamp", x.Format(time.DateOnly))
		}
		return plain("!!timestamp", x.Format(time.RFC3339))
	case encoding.TextMarshaler:
		text, _ := x.MarshalText() // amounts and rates have no error
		return plain("", string(text))
	}
	switch v.Kind() {
	case reflect.Bool:
		return plain("!!bool", strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return plain("!!int", strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return plain("!!int", strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32, reflect.Float64:
		return plain("!!float", strconv.FormatFloat(v.Float(), 'g', -1, 64))
	}
	return scalar(v.String())
}

func scalar(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	return n
}
