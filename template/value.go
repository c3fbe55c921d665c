package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Map is a mapping that keeps the order of its keys, as the tools of a
// request must when a template prints them.
type Map struct {
	keys []string
	vals map[string]any
}

// NewMap returns a map of the pairs: key, value, key, value.
func NewMap(pairs ...any) *Map {
	m := &Map{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Set(pairs[i].(string), pairs[i+1])
	}
	return m
}

// Set adds a key at the end or replaces its value.
func (m *Map) Set(key string, v any) {
	if m.vals == nil {
		m.vals = map[string]any{}
	}
	if _, ok := m.vals[key]; !ok {
		m.keys = append(m.keys, key)
	}
	m.vals[key] = v
}

// Get returns the value of a key.
func (m *Map) Get(key string) (any, bool) { v, ok := m.vals[key]; return v, ok }

// Keys returns the keys in order.
func (m *Map) Keys() []string { return slices.Clone(m.keys) }

// FromJSON reads a JSON value with the order of its keys.
func FromJSON(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, err := fromJSON(d, 0)
	if err == nil && d.More() {
		err = errors.New("more than one value")
	}
	if err != nil {
		return nil, fmt.Errorf("template: JSON: %w", err)
	}
	return v, nil
}

func fromJSON(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth/4 {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth/4)
	}
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n, nil
		}
		return t.Float64()
	case json.Delim:
		if t == '[' {
			list := []any{}
			for d.More() {
				v, err := fromJSON(d, depth+1)
				if err != nil {
					return nil, err
				}
				list = append(list, v)
			}
			_, err = d.Token()
			return list, err
		}
		m := &Map{}
		for d.More() {
			k, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := fromJSON(d, depth+1)
			if err != nil {
				return nil, err
			}
			m.Set(k.(string), v)
		}
		_, err = d.Token()
		return m, err
	}
	return t, nil
}

// undefined is the value of a name that there isn't: empty text, false, no
// elements; anything else is an error that names it.
type undefined struct{ name string }

// namespace is the only value that a template can change.
type namespace struct{ vars map[string]any }

// callable is a macro, a method or a global function.
type callable func(e *exec, args []any, named map[string]any) (any, error)

// plain turns Go's values into the interpreter's: int64, float64, string,
// bool, nil, []any, *Map.
func (e *exec) plain(v any, depth int) (any, error) {
	if depth > maxDepth/4 {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth/4)
	}
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v, nil
	case int:
		return int64(v), nil
	case json.RawMessage:
		return FromJSON(v)
	case *Map:
		if v == nil {
			return nil, nil
		}
		m := &Map{}
		for _, k := range v.keys {
			x, err := e.plain(v.vals[k], depth+1)
			if err != nil {
				return nil, err
			}
			m.Set(k, x)
		}
		return m, nil
	case func(args []any) (any, error):
		return callable(func(e *exec, args []any, _ map[string]any) (any, error) {
			out, err := v(args)
			if err != nil {
				return nil, err
			}
			return e.plain(out, 0)
		}), nil
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Bool:
		return r.Bool(), nil
	case reflect.String:
		return r.String(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return int64(r.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return r.Float(), nil
	case reflect.Slice, reflect.Array:
		list := make([]any, r.Len())
		for i := range list {
			x, err := e.plain(r.Index(i).Interface(), depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = x
		}
		return list, nil
	case reflect.Map:
		if r.Type().Key().Kind() != reflect.String {
			break
		}
		keys := r.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		m := &Map{}
		for _, k := range keys {
			x, err := e.plain(r.MapIndex(k).Interface(), depth+1)
			if err != nil {
				return nil, err
			}
			m.Set(k.String(), x)
		}
		return m, nil
	}
	return nil, fmt.Errorf("got %T, want a plain value", v)
}

func truth(v any) bool {
	switch v := v.(type) {
	case nil, undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case *Map:
		return len(v.keys) > 0
	}
	return true
}

// kindOf names a value's type in errors.
func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "none"
	case undefined:
		return "undefined " + strconv.Quote(v.name)
	case bool:
		return "a boolean"
	case int64, float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	case *Map:
		return "a mapping"
	case *namespace:
		return "a namespace"
	}
	return "a function"
}

// str is how a value is printed.
func (e *exec) str(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case undefined:
		return "", nil
	}
	var b strings.Builder
	err := e.repr(&b, v, 0)
	return b.String(), err
}

// repr writes a value as Python does.
func (e *exec) repr(b *strings.Builder, v any, depth int) error {
	if depth > maxDepth/4 {
		return errDeep
	}
	if err := e.charge(1); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		b.WriteString("None")
	case undefined:
	case bool:
		if v {
			b.WriteString("True")
		} else {
			b.WriteString("False")
		}
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString(floatText(v))
	case string:
		quote := "'"
		if strings.Contains(v, "'") && !strings.Contains(v, `"`) {
			quote = `"`
		}
		b.WriteString(quote)
		b.WriteString(strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, quote, `\`+quote).Replace(v))
		b.WriteString(quote)
	case []any:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteString(", ")
			}
			if err := e.repr(b, x, depth+1); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case *Map:
		b.WriteByte('{')
		for i, k := range v.keys {
			if i > 0 {
				b.WriteString(", ")
			}
			if err := e.repr(b, k, depth+1); err != nil {
				return err
			}
			b.WriteString(": ")
			if err := e.repr(b, v.vals[k], depth+1); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case *namespace:
		b.WriteString("<Namespace>")
	default:
		b.WriteString("<function>")
	}
	if b.Len() > e.limits.Bytes {
		return e.tooLong(b.Len())
	}
	return nil
}

// floatText writes a number as Python's repr: the shortest that reads back.
func floatText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		s := strconv.FormatFloat(f, 'e', -1, 64)
		return s
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// equal compares as Python does: 1 == 1.0 == True, lists and mappings by
// their elements.
func (e *exec) equal(a, b any, depth int) (bool, error) {
	if depth > maxDepth/4 {
		return false, errDeep
	}
	if err := e.charge(1); err != nil {
		return false, err
	}
	if x, ok := numeric(a); ok {
		y, ok := numeric(b)
		return ok && x == y, nil
	}
	switch x := a.(type) {
	case nil:
		return b == nil, nil
	case undefined:
		_, ok := b.(undefined)
		return ok, nil
	case string:
		y, ok := b.(string)
		return ok && x == y, nil
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false, nil
		}
		for i := range x {
			if same, err := e.equal(x[i], y[i], depth+1); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	case *Map:
		y, ok := b.(*Map)
		if !ok || len(x.keys) != len(y.keys) {
			return false, nil
		}
		for _, k := range x.keys {
			v, ok := y.vals[k]
			if !ok {
				return false, nil
			}
			if same, err := e.equal(x.vals[k], v, depth+1); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	case *namespace:
		y, ok := b.(*namespace)
		return ok && x == y, nil
	}
	return false, nil
}

// numeric returns the value of a number or a boolean.
func numeric(v any) (float64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// compare orders numbers, strings and lists of these.
func (e *exec) compare(a, b any, depth int) (int, error) {
	if depth > maxDepth/4 {
		return 0, errDeep
	}
	if err := e.charge(1); err != nil {
		return 0, err
	}
	if x, ok := a.(int64); ok {
		if y, ok := b.(int64); ok {
			switch {
			case x < y:
				return -1, nil
			case x > y:
				return 1, nil
			}
			return 0, nil
		}
	}
	if x, ok := numeric(a); ok {
		if y, ok := numeric(b); ok {
			switch {
			case x < y:
				return -1, nil
			case x > y:
				return 1, nil
			}
			return 0, nil
		}
	}
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			return strings.Compare(x, y), nil
		}
	}
	if x, ok := a.([]any); ok {
		if y, ok := b.([]any); ok {
			for i := 0; i < len(x) && i < len(y); i++ {
				if c, err := e.compare(x[i], y[i], depth+1); c != 0 || err != nil {
					return c, err
				}
			}
			return len(x) - len(y), nil
		}
	}
	return 0, fmt.Errorf("%s and %s have no order", kindOf(a), kindOf(b))
}

// items returns what a loop over the value yields.
func (e *exec) items(v any) ([]any, error) {
	switch v := v.(type) {
	case undefined:
		return nil, nil
	case []any:
		return v, nil
	case *Map:
		list := make([]any, len(v.keys))
		for i, k := range v.keys {
			list[i] = k
		}
		return list, e.charge(len(list))
	case string:
		if err := e.charge(len(v)); err != nil {
			return nil, err
		}
		var list []any
		for _, r := range v {
			list = append(list, string(r))
		}
		return list, nil
	}
	return nil, fmt.Errorf("%s is no list", kindOf(v))
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
