package template

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// call is one use of a filter or method: a value and arguments.
type call struct {
	e     *exec
	v     any
	args  []any
	named map[string]any
}

// arg returns the argument at i or by name.
func (c *call) arg(i int, name string) (any, bool) {
	if i >= 0 && i < len(c.args) {
		return c.args[i], true
	}
	v, ok := c.named[name]
	return v, ok
}

func (c *call) text(i int, name, unset string) (string, error) {
	v, ok := c.arg(i, name)
	if !ok || v == nil {
		return unset, nil
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%s is %s, want a string", name, kindOf(v))
	}
	return s, nil
}

func (c *call) integer(i int, name string, unset int64) (int64, error) {
	v, ok := c.arg(i, name)
	if !ok || v == nil {
		return unset, nil
	}
	n, ok := whole(v)
	if !ok {
		return 0, fmt.Errorf("%s is %s, want a whole number", name, kindOf(v))
	}
	return n, nil
}

func (c *call) flag(i int, name string, unset bool) bool {
	if v, ok := c.arg(i, name); ok {
		return truth(v)
	}
	return unset
}

// self returns the value as a text, as filters of texts see it.
func (c *call) self() (string, error) {
	s, err := c.e.str(c.v)
	if err != nil {
		return "", err
	}
	return s, c.e.charge(len(s))
}

// list returns the value's elements, charged for.
func (c *call) list() ([]any, error) {
	list, err := c.e.items(c.v)
	if err != nil {
		return nil, err
	}
	return list, c.e.charge(16 * len(list))
}

type filter func(c *call) (any, error)

var filters map[string]filter

func init() {
	filters = map[string]filter{
		"tojson":     tojson,
		"trim":       func(c *call) (any, error) { return c.onText(pyStrip) },
		"upper":      func(c *call) (any, error) { return c.onText(strings.ToUpper) },
		"lower":      func(c *call) (any, error) { return c.onText(strings.ToLower) },
		"capitalize": func(c *call) (any, error) { return c.onText(capitalize) },
		"title":      func(c *call) (any, error) { return c.onText(title) },
		"string":     func(c *call) (any, error) { return c.self() },
		"safe":       func(c *call) (any, error) { return c.self() },
		"escape":     escape,
		"e":          escape,
		"length":     length,
		"count":      length,
		"items":      filterItems,
		"dictsort":   dictsort,
		"join":       join,
		"default":    fallback,
		"d":          fallback,
		"replace":    func(c *call) (any, error) { return replaced(c) },
		"first":      func(c *call) (any, error) { return c.end(true) },
		"last":       func(c *call) (any, error) { return c.end(false) },
		"list":       func(c *call) (any, error) { l, err := c.list(); return slices.Clone(l), err },
		"reverse":    reverse,
		"sort":       sorted,
		"unique":     unique,
		"sum":        sum,
		"min":        func(c *call) (any, error) { return c.extreme(-1) },
		"max":        func(c *call) (any, error) { return c.extreme(1) },
		"int":        toInt,
		"float":      toFloat,
		"abs":        abs,
		"round":      round,
		"indent":     indent,
		"map":        mapped,
		"select":     func(c *call) (any, error) { return selected(c, true, false) },
		"reject":     func(c *call) (any, error) { return selected(c, false, false) },
		"selectattr": func(c *call) (any, error) { return selected(c, true, true) },
		"rejectattr": func(c *call) (any, error) { return selected(c, false, true) },
		"attr":       attribute,
	}
}

func (c *call) onText(f func(string) string) (any, error) {
	if len(c.args) > 0 { // trim's characters
		s, err := c.self()
		if err != nil {
			return nil, err
		}
		chars, err := c.text(0, "chars", "")
		return strings.Trim(s, chars), err
	}
	s, err := c.self()
	return f(s), err
}

func pyStrip(s string) string { return strings.TrimFunc(s, unicode.IsSpace) }

func capitalize(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	if n == 0 {
		return ""
	}
	return string(unicode.ToTitle(r)) + strings.ToLower(s[n:])
}

func title(s string) string {
	inside := false
	return strings.Map(func(r rune) rune {
		letter := unicode.IsLetter(r)
		first := letter && !inside
		inside = letter
		if first {
			return unicode.ToTitle(r)
		}
		return unicode.ToLower(r)
	}, s)
}

func escape(c *call) (any, error) {
	s, err := c.self()
	if err != nil {
		return nil, err
	}
	s = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(s)
	return s, c.e.room(len(s))
}

func length(c *call) (any, error) {
	switch v := c.v.(type) {
	case string:
		return int64(utf8.RuneCountInString(v)), c.e.charge(len(v))
	case []any:
		return int64(len(v)), nil
	case *Map:
		return int64(len(v.keys)), nil
	case undefined:
		return int64(0), nil
	}
	return nil, fmt.Errorf("%s has no length", kindOf(c.v))
}

func pairsOf(m *Map) []any {
	list := make([]any, len(m.keys))
	for i, k := range m.keys {
		list[i] = []any{k, m.vals[k]}
	}
	return list
}

func filterItems(c *call) (any, error) {
	switch m := c.v.(type) {
	case *Map:
		return pairsOf(m), c.e.charge(32 * len(m.keys))
	case undefined:
		return []any{}, nil
	}
	return nil, fmt.Errorf("%s is no mapping", kindOf(c.v))
}

func dictsort(c *call) (any, error) {
	m, ok := c.v.(*Map)
	if !ok {
		return nil, fmt.Errorf("%s is no mapping", kindOf(c.v))
	}
	by, err := c.text(1, "by", "key")
	if err != nil {
		return nil, err
	}
	at := 0
	if by == "value" {
		at = 1
	}
	pairs := pairsOf(m)
	return c.sort(pairs, c.flag(2, "reverse", false), c.flag(0, "case_sensitive", false), func(v any) (any, error) { return v.([]any)[at], nil })
}

func join(c *call) (any, error) {
	list, err := c.list()
	if err != nil {
		return nil, err
	}
	sep, err := c.text(0, "d", "")
	if err != nil {
		return nil, err
	}
	name, _ := c.arg(1, "attribute")
	parts := make([]string, len(list))
	size := 0
	for i, v := range list {
		if name != nil {
			if v, err = c.path(v, name); err != nil {
				return nil, err
			}
		}
		if parts[i], err = c.e.str(v); err != nil {
			return nil, err
		}
		size += len(parts[i]) + len(sep)
		if size > c.e.limits.Bytes {
			return nil, c.e.tooLong(size)
		}
	}
	return strings.Join(parts, sep), c.e.charge(size)
}

func fallback(c *call) (any, error) {
	_, un := c.v.(undefined)
	if un || c.flag(1, "boolean", false) && !truth(c.v) {
		v, ok := c.arg(0, "default_value")
		if !ok {
			v = ""
		}
		return v, nil
	}
	return c.v, nil
}

// replaced serves the filter and the method.
func replaced(c *call) (any, error) {
	s, err := c.self()
	if err != nil {
		return nil, err
	}
	from, err := c.text(0, "old", "")
	if err != nil {
		return nil, err
	}
	to, err := c.text(1, "new", "")
	if err != nil {
		return nil, err
	}
	n, err := c.integer(2, "count", -1)
	if err != nil {
		return nil, err
	}
	hits := int64(strings.Count(s, from))
	if n >= 0 {
		hits = min(hits, n)
	}
	if grow := int64(len(to) - len(from)); grow > 0 && hits > int64(c.e.limits.Bytes)/grow {
		return nil, c.e.tooLong(c.e.limits.Bytes + 1)
	}
	if err := c.e.room(len(s) + int(hits)*(len(to)-len(from))); err != nil {
		return nil, err
	}
	return strings.Replace(s, from, to, int(hits)), nil
}

func (c *call) end(first bool) (any, error) {
	list, err := c.list()
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return undefined{"the end of an empty list"}, nil
	}
	if first {
		return list[0], nil
	}
	return list[len(list)-1], nil
}

func reverse(c *call) (any, error) {
	if s, ok := c.v.(string); ok {
		r := []rune(s)
		slices.Reverse(r)
		return string(r), c.e.charge(len(s))
	}
	list, err := c.list()
	list = slices.Clone(list)
	slices.Reverse(list)
	return list, err
}

// path follows an attribute of a filter: a name, a number, or names with
// points between.
func (c *call) path(v, name any) (any, error) {
	s, ok := name.(string)
	if !ok {
		return c.e.index(v, name, c.e.line)
	}
	for part := range strings.SplitSeq(s, ".") {
		var key any = part
		if n, err := strconv.ParseInt(part, 10, 64); err == nil {
			key = n
		}
		var err error
		if v, err = c.e.index(v, key, c.e.line); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// sort orders a list by a key, keeping equals as they stand.
func (c *call) sort(list []any, down, exact bool, key func(any) (any, error)) (any, error) {
	keys := make([]any, len(list))
	idx := make([]int, len(list))
	for i, v := range list {
		k, err := key(v)
		if err != nil {
			return nil, err
		}
		if s, ok := k.(string); ok && !exact {
			k = strings.ToLower(s)
		}
		keys[i], idx[i] = k, i
	}
	var bad error
	slices.SortStableFunc(idx, func(a, b int) int {
		if bad != nil {
			return 0
		}
		n, err := c.e.compare(keys[a], keys[b], 0)
		bad = err
		if down {
			n = -n
		}
		return n
	})
	out := make([]any, len(list))
	for i, k := range idx {
		out[i] = list[k]
	}
	return out, bad
}

func sorted(c *call) (any, error) {
	list, err := c.list()
	if err != nil {
		return nil, err
	}
	name, by := c.arg(2, "attribute")
	return c.sort(list, c.flag(0, "reverse", false), c.flag(1, "case_sensitive", false), func(v any) (any, error) {
		if by && name != nil {
			return c.path(v, name)
		}
		return v, nil
	})
}

func unique(c *call) (any, error) {
	list, err := c.list()
	if err != nil {
		return nil, err
	}
	exact := c.flag(0, "case_sensitive", false)
	name, by := c.arg(1, "attribute")
	var out, keys []any
	for _, v := range list {
		k := v
		if by && name != nil {
			if k, err = c.path(v, name); err != nil {
				return nil, err
			}
		}
		if s, ok := k.(string); ok && !exact {
			k = strings.ToLower(s)
		}
		seen, err := c.e.contains(keys, k)
		if err != nil {
			return nil, err
		}
		if !seen {
			out, keys = append(out, v), append(keys, k)
		}
	}
	return out, nil
}

func sum(c *call) (any, error) {
	list, err := c.list()
	if err != nil {
		return nil, err
	}
	name, by := c.arg(0, "attribute")
	var total any = int64(0)
	if start, ok := c.arg(1, "start"); ok {
		total = start
	}
	for _, v := range list {
		if by && name != nil {
			if v, err = c.path(v, name); err != nil {
				return nil, err
			}
		}
		if total, err = c.e.operate("+", total, v); err != nil {
			return nil, err
		}
	}
	return total, nil
}

func (c *call) extreme(sign int) (any, error) {
	list, err := c.list()
	if err != nil {
		return nil, err
	}
	name, by := c.arg(1, "attribute")
	var best, bestKey any = undefined{"the end of an empty list"}, nil
	for i, v := range list {
		k := v
		if by && name != nil {
			if k, err = c.path(v, name); err != nil {
				return nil, err
			}
		}
		if i > 0 {
			n, err := c.e.compare(k, bestKey, 0)
			if err != nil {
				return nil, err
			}
			if n*sign <= 0 {
				continue
			}
		}
		best, bestKey = v, k
	}
	return best, nil
}

func toInt(c *call) (any, error) {
	unset, err := c.integer(0, "default", 0)
	if err != nil {
		return nil, err
	}
	switch v := c.v.(type) {
	case string:
		s := pyStrip(v)
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, nil
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil && math.Abs(f) < 1<<62 {
			return int64(f), nil
		}
	case float64:
		if math.Abs(v) < 1<<62 {
			return int64(v), nil
		}
	default:
		if n, ok := whole(v); ok {
			return n, nil
		}
	}
	return unset, nil
}

func toFloat(c *call) (any, error) {
	if s, ok := c.v.(string); ok {
		if f, err := strconv.ParseFloat(pyStrip(s), 64); err == nil {
			return f, nil
		}
	} else if f, ok := numeric(c.v); ok {
		return f, nil
	}
	if v, ok := c.arg(0, "default"); ok {
		return v, nil
	}
	return 0.0, nil
}

func abs(c *call) (any, error) {
	switch v := c.v.(type) {
	case int64:
		if v < 0 {
			return integers("-", 0, v)
		}
		return v, nil
	case float64:
		return math.Abs(v), nil
	}
	return nil, fmt.Errorf("%s is no number", kindOf(c.v))
}

func round(c *call) (any, error) {
	f, ok := numeric(c.v)
	if !ok {
		return nil, fmt.Errorf("%s is no number", kindOf(c.v))
	}
	n, err := c.integer(0, "precision", 0)
	if err != nil {
		return nil, err
	}
	method, err := c.text(1, "method", "common")
	if err != nil {
		return nil, err
	}
	scale := math.Pow(10, float64(min(max(n, -300), 300)))
	switch method {
	case "ceil":
		return math.Ceil(f*scale) / scale, nil
	case "floor":
		return math.Floor(f*scale) / scale, nil
	}
	return math.RoundToEven(f*scale) / scale, nil
}

func indent(c *call) (any, error) {
	s, err := c.self()
	if err != nil {
		return nil, err
	}
	pad := ""
	if v, ok := c.arg(0, "width"); ok {
		if t, ok := v.(string); ok {
			pad = t
		} else {
			n, err := c.integer(0, "width", 4)
			if err != nil {
				return nil, err
			}
			if n > 1000 {
				return nil, fmt.Errorf("a width of %d, want at most 1000", n)
			}
			pad = strings.Repeat(" ", int(max(n, 0)))
		}
	} else {
		pad = "    "
	}
	lines := strings.Split(s, "\n")
	if err := c.e.room(len(s) + len(lines)*len(pad)); err != nil {
		return nil, err
	}
	first, blank := c.flag(1, "first", false), c.flag(2, "blank", false)
	for i := range lines {
		if i == 0 && first || i > 0 && (blank || lines[i] != "") {
			lines[i] = pad + lines[i]
		}
	}
	return strings.Join(lines, "\n"), nil
}

func mapped(c *call) (any, error) {
	list, err := c.list()
	if err != nil {
		return nil, err
	}
	out := make([]any, len(list))
	name, by := c.named["attribute"]
	unset, hasUnset := c.named["default"]
	for i, v := range list {
		if by {
			if v, err = c.path(v, name); err != nil {
				return nil, err
			}
			if _, un := v.(undefined); un && hasUnset {
				v = unset
			}
			out[i] = v
			continue
		}
		if len(c.args) == 0 {
			return nil, errors.New("want the name of a filter or an attribute")
		}
		f, ok := c.args[0].(string)
		if !ok {
			return nil, fmt.Errorf("%s is no name of a filter", kindOf(c.args[0]))
		}
		if err := c.e.enter(); err != nil {
			c.e.leave()
			return nil, err
		}
		out[i], err = c.e.filter(f, v, c.args[1:], c.named)
		c.e.leave()
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// selected keeps the elements whose test, or whose attribute's test, says so.
func selected(c *call, keep, attr bool) (any, error) {
	list, err := c.list()
	if err != nil {
		return nil, err
	}
	args := c.args
	var name any
	if attr {
		if len(args) == 0 {
			return nil, errors.New("want the name of an attribute")
		}
		name, args = args[0], args[1:]
	}
	out := []any{}
	for _, v := range list {
		x := v
		if attr {
			if x, err = c.path(v, name); err != nil {
				return nil, err
			}
		}
		ok := truth(x)
		if len(args) > 0 {
			test, isName := args[0].(string)
			if !isName {
				return nil, fmt.Errorf("%s is no name of a test", kindOf(args[0]))
			}
			if ok, err = c.e.test(test, x, args[1:]); err != nil {
				return nil, err
			}
		}
		if ok == keep {
			out = append(out, v)
		}
	}
	return out, nil
}

func attribute(c *call) (any, error) {
	name, err := c.text(0, "name", "")
	if err != nil {
		return nil, err
	}
	return c.e.attr(c.v, name, c.e.line)
}
