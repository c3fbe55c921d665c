package weights

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
)

// ErrNoKey says that the metadata has no such key.
var ErrNoKey = errors.New("the key is missing")

// Metadata is what a file says about itself: keys in their order, with
// values. The zero value is empty.
type Metadata struct {
	keys   []string
	values map[string]any
}

// Keys returns all keys in their order.
func (m *Metadata) Keys() []string { return slices.Clone(m.keys) }

// Value returns the value of a key.
func (m *Metadata) Value(key string) (any, bool) {
	v, ok := m.values[key]
	return v, ok
}

// Set adds a key or replaces its value. GGUF can hold bool, string, int8 to
// int64, uint8 to uint64, float32, float64 and slices of those.
func (m *Metadata) Set(key string, v any) {
	if m.values == nil {
		m.values = map[string]any{}
	}
	if _, ok := m.values[key]; !ok {
		m.keys = append(m.keys, key)
	}
	m.values[key] = v
}

// Delete removes a key.
func (m *Metadata) Delete(key string) {
	delete(m.values, key)
	m.keys = slices.DeleteFunc(m.keys, func(k string) bool { return k == key })
}

// Clone returns an own copy; values are shared.
func (m *Metadata) Clone() *Metadata {
	c := &Metadata{}
	for _, k := range m.keys {
		c.Set(k, m.values[k])
	}
	return c
}

func wrong(key string, v any, want string) error {
	return fmt.Errorf("weights: key %q: got %s, want %s", key, describe(v), want)
}

// describe shows a value in few words.
func describe(v any) string {
	switch x := v.(type) {
	case string:
		if len(x) > 40 {
			return fmt.Sprintf("string %q...", x[:40])
		}
		return fmt.Sprintf("string %q", x)
	case nil:
		return "null"
	}
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice {
		return fmt.Sprintf("%d x %s", r.Len(), r.Type().Elem())
	}
	return fmt.Sprintf("%T %v", v, v)
}

func (m *Metadata) get(key string) (any, error) {
	v, ok := m.values[key]
	if !ok {
		return nil, fmt.Errorf("weights: key %q: %w", key, ErrNoKey)
	}
	return v, nil
}

// Int returns a whole number of any width that fits an int64.
func (m *Metadata) Int(key string) (int64, error) {
	v, err := m.get(key)
	if err != nil {
		return 0, err
	}
	n, ok := whole(reflect.ValueOf(v))
	if !ok {
		return 0, wrong(key, v, "a whole number")
	}
	return n, nil
}

func whole(r reflect.Value) (int64, bool) {
	switch {
	case !r.IsValid():
		return 0, false
	case r.CanInt():
		return r.Int(), true
	case r.CanUint():
		return int64(r.Uint()), r.Uint() <= math.MaxInt64
	case r.CanFloat():
		f := r.Float()
		return int64(f), f == math.Trunc(f) && math.Abs(f) <= 1<<53
	case r.Kind() == reflect.Interface:
		return whole(r.Elem())
	}
	return 0, false
}

// Float returns a number of any kind.
func (m *Metadata) Float(key string) (float64, error) {
	v, err := m.get(key)
	if err != nil {
		return 0, err
	}
	f, ok := number(reflect.ValueOf(v))
	if !ok {
		return 0, wrong(key, v, "a number")
	}
	return f, nil
}

func number(r reflect.Value) (float64, bool) {
	switch {
	case !r.IsValid():
		return 0, false
	case r.CanFloat():
		return r.Float(), true
	case r.CanInt():
		return float64(r.Int()), true
	case r.CanUint():
		return float64(r.Uint()), true
	case r.Kind() == reflect.Interface:
		return number(r.Elem())
	}
	return 0, false
}

// Bool returns true or false.
func (m *Metadata) Bool(key string) (bool, error) { return as[bool](m, key, "true or false") }

// String returns a text. It may hold any bytes.
func (m *Metadata) String(key string) (string, error) { return as[string](m, key, "a string") }

// Map returns an object of config.json.
func (m *Metadata) Map(key string) (map[string]any, error) {
	return as[map[string]any](m, key, "an object")
}

func as[T any](m *Metadata, key, want string) (T, error) {
	v, err := m.get(key)
	x, ok := v.(T)
	if err == nil && !ok {
		err = wrong(key, v, want)
	}
	return x, err
}

// Strings returns a list of texts.
func (m *Metadata) Strings(key string) ([]string, error) {
	v, err := m.get(key)
	if err != nil {
		return nil, err
	}
	if list, ok := v.([]string); ok {
		return list, nil
	}
	return list(v, key, "a list of strings", func(r reflect.Value) (string, bool) {
		s, ok := r.Interface().(string)
		return s, ok
	})
}

// Ints returns a list of whole numbers of any width.
func (m *Metadata) Ints(key string) ([]int64, error) {
	v, err := m.get(key)
	if err != nil {
		return nil, err
	}
	return list(v, key, "a list of whole numbers", whole)
}

// Floats returns a list of numbers of any kind.
func (m *Metadata) Floats(key string) ([]float64, error) {
	v, err := m.get(key)
	if err != nil {
		return nil, err
	}
	return list(v, key, "a list of numbers", number)
}

// Bools returns a list of true or false.
func (m *Metadata) Bools(key string) ([]bool, error) {
	v, err := m.get(key)
	if err != nil {
		return nil, err
	}
	if list, ok := v.([]bool); ok {
		return list, nil
	}
	return list(v, key, "a list of true or false", func(r reflect.Value) (bool, bool) {
		b, ok := r.Interface().(bool)
		return b, ok
	})
}

func list[T any](v any, key, want string, one func(reflect.Value) (T, bool)) ([]T, error) {
	r := reflect.ValueOf(v)
	if r.Kind() != reflect.Slice {
		return nil, wrong(key, v, want)
	}
	out := make([]T, r.Len())
	for i := range out {
		x, ok := one(r.Index(i))
		if !ok {
			return nil, wrong(key, v, want)
		}
		out[i] = x
	}
	return out, nil
}
