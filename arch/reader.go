package arch

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"summit/tensor"
)

// Source is what Load reads: a file's metadata and tensors.
type Source interface {
	// Value returns a metadata value: a number, a bool, a string, or a slice of them. GGUF keys are as in the file;
	// for a model folder they are the keys of config.json, and nested objects are map[string]any.
	Value(key string) (any, bool)
	// Tensor returns a tensor by its name in the file.
	Tensor(name string) (tensor.Tensor, bool)
	// TensorNames lists all tensors.
	TensorNames() []string
}

// reader takes facts and tensors from a source. The first thing that is wrong is kept and ends the loading; after it
// every answer is zero, so that a family's description reads straight down.
type reader struct {
	src    Source
	prefix string // of the keys: "llama." in GGUF, "" in config.json
	arch   string
	used   map[string]bool
	epsKey string // of the norms' epsilon; "" = the RMS one
	// explicit: how experts are chosen is said in so many words; else a count of groups means the limited choice.
	explicit bool
	err      error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("arch: %s: "+format, append([]any{r.arch}, args...)...)
	}
}

// value looks a key up, with the family's prefix.
func (r *reader) value(key string) (any, bool) {
	if r.err != nil {
		return nil, false
	}
	v, ok := r.src.Value(r.prefix + key)
	return v, ok && v != nil
}

// whole reads a whole number and says whether the key is there.
func (r *reader) whole(key string) (int, bool) {
	v, ok := r.value(key)
	if !ok {
		return 0, false
	}
	n, err := toInt(v)
	if err != nil {
		r.fail("%s%s: got %s, want a whole number", r.prefix, key, show(v))
	}
	return n, err == nil
}

// int reads a whole number that must be there.
func (r *reader) int(key string) int {
	n, ok := r.whole(key)
	if !ok {
		r.fail("%s%s: the key is missing", r.prefix, key)
	}
	return n
}

func (r *reader) intOr(key string, or int) int {
	if n, ok := r.whole(key); ok {
		return n
	}
	return or
}

func (r *reader) floatOr(key string, or float64) float64 {
	v, ok := r.value(key)
	if !ok {
		return or
	}
	f, ok := toFloat(v)
	if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
		r.fail("%s%s: got %s, want a finite number", r.prefix, key, show(v))
		return or
	}
	return f
}

func (r *reader) float(key string) float64 {
	if _, ok := r.value(key); !ok {
		r.fail("%s%s: the key is missing", r.prefix, key)
	}
	return r.floatOr(key, 0)
}

func (r *reader) boolOr(key string, or bool) bool {
	v, ok := r.value(key)
	if !ok {
		return or
	}
	b, ok := v.(bool)
	if !ok {
		r.fail("%s%s: got %s, want true or false", r.prefix, key, show(v))
		return or
	}
	return b
}

func (r *reader) stringOr(key, or string) string {
	v, ok := r.value(key)
	if !ok {
		return or
	}
	s, ok := v.(string)
	if !ok {
		r.fail("%s%s: got %s, want a string", r.prefix, key, show(v))
		return or
	}
	return s
}

// perLayer reads a whole number for each of n layers: one for all, or a list of at least n.
func (r *reader) perLayer(key string, n, or int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = or
	}
	v, ok := r.value(key)
	if !ok {
		return out
	}
	if all, err := toInt(v); err == nil {
		for i := range out {
			out[i] = all
		}
		return out
	}
	list, ok := toInts(v)
	if !ok || len(list) < n {
		r.fail("%s%s: got %s, want a whole number or a list of %d", r.prefix, key, show(v), n)
		return out
	}
	copy(out, list)
	return out
}

// has says whether the file has a tensor.
func (r *reader) has(name string) bool {
	if r.err != nil {
		return false
	}
	_, ok := r.src.Tensor(name)
	return ok
}

// optional returns a tensor of that shape, or nil if there is none. Dimensions of 1 do not count, as writers differ
// about them.
func (r *reader) optional(name string, shape ...int) *tensor.Tensor {
	if r.err != nil {
		return nil
	}
	t, ok := r.src.Tensor(name)
	if !ok {
		return nil
	}
	r.used[name] = true
	if err := t.Check(); err != nil {
		r.err = fmt.Errorf("arch: %s: %w", r.arch, err)
		return nil
	}
	if !sameShape(t.Shape, shape) {
		r.fail("tensor %q: shape %v, want %v", name, t.Shape, shape)
		return nil
	}
	t.Shape = append([]int(nil), shape...)
	return &t
}

// tensor returns a tensor that must be there.
func (r *reader) tensor(name string, shape ...int) *tensor.Tensor {
	t := r.optional(name, shape...)
	if t == nil {
		r.fail("tensor %q is missing, want shape %v", name, shape)
	}
	return t
}

// rows is a view of rows lo to hi of a matrix, or of numbers of a vector.
func (r *reader) rows(t *tensor.Tensor, lo, hi int) *tensor.Tensor {
	if t == nil || r.err != nil {
		return nil
	}
	v, err := t.Rows(lo, hi)
	if err != nil {
		r.err = fmt.Errorf("arch: %s: %w", r.arch, err)
		return nil
	}
	return &v
}

func sameShape(got, want []int) bool {
	squeeze := func(s []int) []int {
		var out []int
		for _, d := range s {
			if d != 1 {
				out = append(out, d)
			}
		}
		return out
	}
	g, w := squeeze(got), squeeze(want)
	if len(g) != len(w) {
		return false
	}
	for i := range g {
		if g[i] != w[i] {
			return false
		}
	}
	return true
}

var errNotWhole = errors.New("not a whole number")

// toInt takes a number of any Go type that a metadata reader may give.
func toInt(v any) (int, error) {
	switch n := v.(type) {
	case int:
		return n, nil
	case int8:
		return int(n), nil
	case int16:
		return int(n), nil
	case int32:
		return int(n), nil
	case int64:
		return int(n), nil
	case uint8:
		return int(n), nil
	case uint16:
		return int(n), nil
	case uint32:
		return int(n), nil
	case uint64:
		if n > math.MaxInt64 {
			return 0, errNotWhole
		}
		return int(n), nil
	case float32:
		return toInt(float64(n))
	case float64:
		if n != math.Trunc(n) || math.Abs(n) > 1<<53 {
			return 0, errNotWhole
		}
		return int(n), nil
	}
	return 0, errNotWhole
}

func toFloat(v any) (float64, bool) {
	switch n := v.(type) {
	case float32:
		return float64(n), true
	case float64:
		return n, true
	}
	n, err := toInt(v)
	return float64(n), err == nil
}

// toInts takes a list; true counts as 1.
func toInts(v any) ([]int, bool) {
	switch l := v.(type) {
	case []int:
		return l, true
	case []int8:
		return widen(l), true
	case []int16:
		return widen(l), true
	case []int32:
		return widen(l), true
	case []int64:
		return widen(l), true
	case []uint8:
		return widen(l), true
	case []uint16:
		return widen(l), true
	case []uint32:
		return widen(l), true
	case []bool:
		out := make([]int, len(l))
		for i, b := range l {
			if b {
				out[i] = 1
			}
		}
		return out, true
	case []uint64:
		return every(l)
	case []float32:
		return every(l)
	case []float64:
		return every(l)
	case []any:
		return every(l)
	}
	return nil, false
}

func widen[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](l []T) []int {
	out := make([]int, len(l))
	for i, n := range l {
		out[i] = int(n)
	}
	return out
}

func every[T any](l []T) ([]int, bool) {
	out := make([]int, len(l))
	for i, x := range l {
		switch b := any(x).(type) {
		case bool:
			if b {
				out[i] = 1
			}
			continue
		}
		n, err := toInt(x)
		if err != nil {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// sortedWords lists the keys of a map for an error.
func sortedWords[T any](words map[string]T) string {
	return strings.Join(slices.Sorted(maps.Keys(words)), " ")
}

// show draws a value for an error, cut to a bearable length.
func show(v any) string {
	s := fmt.Sprintf("%v", v)
	if str, ok := v.(string); ok {
		s = fmt.Sprintf("%q", str)
	}
	if len(s) > 80 {
		s = s[:80] + "…"
	}
	return s
}
