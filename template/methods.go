package template

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// method is a function of a value: the methods of Python's str, dict and list
// that chat templates call and that change nothing.
type method struct {
	name string
	f    filter
}

// of binds the method to its value.
func (m *method) of(v any) callable {
	return func(e *exec, args []any, named map[string]any) (any, error) {
		out, err := m.f(&call{e: e, v: v, args: args, named: named})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		return out, nil
	}
}

var stringMethods, mapMethods, listMethods map[string]*method

func init() {
	named := func(fs map[string]filter) map[string]*method {
		ms := map[string]*method{}
		for name, f := range fs {
			ms[name] = &method{name, f}
		}
		return ms
	}
	onText := func(f func(string) string) filter {
		return func(c *call) (any, error) {
			s, err := c.self()
			return f(s), err
		}
	}
	check := func(f func(rune) bool) filter {
		return func(c *call) (any, error) {
			s, err := c.self()
			return s != "" && strings.IndexFunc(s, func(r rune) bool { return !f(r) }) < 0, err
		}
	}
	stringMethods = named(map[string]filter{
		"strip":        func(c *call) (any, error) { return strip(c, true, true) },
		"lstrip":       func(c *call) (any, error) { return strip(c, true, false) },
		"rstrip":       func(c *call) (any, error) { return strip(c, false, true) },
		"split":        func(c *call) (any, error) { return split(c, false) },
		"rsplit":       func(c *call) (any, error) { return split(c, true) },
		"splitlines":   splitlines,
		"startswith":   func(c *call) (any, error) { return affix(c, strings.HasPrefix) },
		"endswith":     func(c *call) (any, error) { return affix(c, strings.HasSuffix) },
		"upper":        onText(strings.ToUpper),
		"lower":        onText(strings.ToLower),
		"title":        onText(title),
		"capitalize":   onText(capitalize),
		"replace":      replaced,
		"removeprefix": func(c *call) (any, error) { return cutAffix(c, strings.TrimPrefix) },
		"removesuffix": func(c *call) (any, error) { return cutAffix(c, strings.TrimSuffix) },
		"find":         func(c *call) (any, error) { return find(c, strings.Index) },
		"rfind":        func(c *call) (any, error) { return find(c, strings.LastIndex) },
		"count":        countPart,
		"join":         joinMethod,
		"isdigit":      check(unicode.IsDigit),
		"isalpha":      check(unicode.IsLetter),
		"isalnum":      check(func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }),
		"isspace":      check(unicode.IsSpace),
		"islower":      onlyCase(strings.ToLower, strings.ToUpper),
		"isupper":      onlyCase(strings.ToUpper, strings.ToLower),
	})
	mapMethods = named(map[string]filter{
		"items":  filterItems,
		"keys":   func(c *call) (any, error) { return c.list() },
		"values": mapValues,
		"get":    mapGet,
	})
	listMethods = named(map[string]filter{
		"index": func(c *call) (any, error) { return listFind(c, false) },
		"count": func(c *call) (any, error) { return listFind(c, true) },
	})
}

func onlyCase(this, other func(string) string) filter {
	return func(c *call) (any, error) {
		s, err := c.self()
		return s == this(s) && s != other(s), err
	}
}

func strip(c *call, left, right bool) (any, error) {
	s, err := c.self()
	if err != nil {
		return nil, err
	}
	cut := unicode.IsSpace
	if v, ok := c.arg(0, "chars"); ok && v != nil {
		chars, err := c.text(0, "chars", "")
		if err != nil {
			return nil, err
		}
		if len(chars) > 1000 {
			return nil, errors.New("more than 1000 characters to strip")
		}
		cut = func(r rune) bool { return strings.ContainsRune(chars, r) }
	}
	if left {
		s = strings.TrimLeftFunc(s, cut)
	}
	if right {
		s = strings.TrimRightFunc(s, cut)
	}
	return s, nil
}

func split(c *call, fromRight bool) (any, error) {
	s, err := c.self()
	if err != nil {
		return nil, err
	}
	sep, err := c.text(0, "sep", "")
	if err != nil {
		return nil, err
	}
	most, err := c.integer(1, "maxsplit", -1)
	if err != nil {
		return nil, err
	}
	var parts []string
	_, given := c.arg(0, "sep")
	switch {
	case sep == "" && given && c.argIsText(0, "sep"):
		return nil, errors.New("an empty separator")
	case sep == "":
		parts = splitBlank(s, int(most))
	case fromRight && most >= 0:
		for ; most > 0; most-- {
			i := strings.LastIndex(s, sep)
			if i < 0 {
				break
			}
			parts = append([]string{s[i+len(sep):]}, parts...)
			s = s[:i]
			if err := c.e.charge(16 * len(parts)); err != nil {
				return nil, err
			}
		}
		parts = append([]string{s}, parts...)
	case most >= 0:
		parts = strings.SplitN(s, sep, int(min(most, 1<<30))+1)
	default:
		parts = strings.Split(s, sep)
	}
	list := make([]any, len(parts))
	for i, p := range parts {
		list[i] = p
	}
	return list, c.e.charge(16 * len(list))
}

func (c *call) argIsText(i int, name string) bool {
	v, _ := c.arg(i, name)
	_, ok := v.(string)
	return ok
}

// splitBlank splits at runs of white space, at most so many times.
func splitBlank(s string, most int) []string {
	if most < 0 {
		return strings.FieldsFunc(s, unicode.IsSpace)
	}
	var parts []string
	s = strings.TrimLeftFunc(s, unicode.IsSpace)
	for s != "" {
		i := strings.IndexFunc(s, unicode.IsSpace)
		if i < 0 || len(parts) == most {
			if len(parts) < most { // the last of all, not the rest
				s = strings.TrimRightFunc(s, unicode.IsSpace)
			}
			return append(parts, s)
		}
		parts = append(parts, s[:i])
		s = strings.TrimLeftFunc(s[i:], unicode.IsSpace)
	}
	return parts
}

func splitlines(c *call) (any, error) {
	s, err := c.self()
	if err != nil {
		return nil, err
	}
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	if s = strings.TrimSuffix(s, "\n"); s == "" {
		return []any{}, nil
	}
	list := []any{}
	for line := range strings.SplitSeq(s, "\n") {
		list = append(list, line)
	}
	return list, c.e.charge(16 * len(list))
}

func affix(c *call, has func(s, part string) bool) (any, error) {
	s, err := c.self()
	if err != nil {
		return nil, err
	}
	v, _ := c.arg(0, "prefix")
	if list, ok := v.([]any); ok {
		for _, x := range list {
			part, ok := x.(string)
			if !ok {
				return nil, fmt.Errorf("got %s, want strings", kindOf(x))
			}
			if has(s, part) {
				return true, nil
			}
		}
		return false, nil
	}
	part, ok := v.(string)
	if !ok {
		return nil, fmt.Errorf("got %s, want a string", kindOf(v))
	}
	return has(s, part), nil
}

func cutAffix(c *call, cut func(s, part string) string) (any, error) {
	s, err := c.self()
	if err != nil {
		return nil, err
	}
	part, err := c.text(0, "prefix", "")
	return cut(s, part), err
}

func find(c *call, index func(s, part string) int) (any, error) {
	s, err := c.self()
	if err != nil {
		return nil, err
	}
	part, err := c.text(0, "sub", "")
	if err != nil {
		return nil, err
	}
	i := index(s, part)
	if i < 0 {
		return int64(-1), nil
	}
	return int64(utf8.RuneCountInString(s[:i])), nil
}

func countPart(c *call) (any, error) {
	s, err := c.self()
	if err != nil {
		return nil, err
	}
	part, err := c.text(0, "sub", "")
	return int64(strings.Count(s, part)), err
}

func joinMethod(c *call) (any, error) {
	sep, err := c.self()
	if err != nil {
		return nil, err
	}
	list, _ := c.arg(0, "iterable")
	return join(&call{e: c.e, v: list, args: []any{sep}})
}

func mapValues(c *call) (any, error) {
	m := c.v.(*Map)
	list := make([]any, len(m.keys))
	for i, k := range m.keys {
		list[i] = m.vals[k]
	}
	return list, c.e.charge(16 * len(list))
}

func mapGet(c *call) (any, error) {
	key, ok := c.arg(0, "key")
	if !ok {
		return nil, errors.New("want a key")
	}
	if k, ok := key.(string); ok {
		if v, ok := c.v.(*Map).vals[k]; ok {
			return v, nil
		}
	}
	v, _ := c.arg(1, "default")
	return v, nil
}

func listFind(c *call, all bool) (any, error) {
	v, ok := c.arg(0, "value")
	if !ok {
		return nil, errors.New("want a value")
	}
	n := int64(0)
	for i, x := range c.v.([]any) {
		same, err := c.e.equal(x, v, 0)
		if err != nil {
			return nil, err
		}
		if same && !all {
			return int64(i), nil
		}
		if same {
			n++
		}
	}
	if !all {
		return nil, errors.New("the value is not in the list")
	}
	return n, nil
}

// globals are the functions that a template finds without being given them.
var globals = map[string]callable{
	"range": func(e *exec, args []any, _ map[string]any) (any, error) {
		at := [3]int64{0, 0, 1}
		if len(args) < 1 || len(args) > 3 {
			return nil, fmt.Errorf("range got %d numbers, want 1 to 3", len(args))
		}
		for i, a := range args {
			n, ok := whole(a)
			if !ok || n > 1<<40 || n < -1<<40 {
				return nil, fmt.Errorf("range got %s, want numbers of usual size", kindOf(a))
			}
			at[i] = n
		}
		if len(args) == 1 {
			at[0], at[1] = 0, at[0]
		}
		if at[2] == 0 {
			return nil, errors.New("range with step 0")
		}
		n := (at[1] - at[0] + at[2] - 1) / at[2]
		if at[2] < 0 {
			n = (at[0] - at[1] - at[2] - 1) / -at[2]
		}
		if n > 100_000 {
			return nil, fmt.Errorf("range of %d numbers, want at most 100000", n)
		}
		list := []any{}
		for i := range max(n, 0) {
			list = append(list, at[0]+i*at[2])
		}
		return list, e.charge(16 * len(list))
	},
	"namespace": func(_ *exec, args []any, named map[string]any) (any, error) {
		ns := &namespace{vars: map[string]any{}}
		for _, a := range args {
			m, ok := a.(*Map)
			if !ok {
				return nil, fmt.Errorf("namespace got %s, want a mapping", kindOf(a))
			}
			for _, k := range m.keys {
				ns.vars[k] = m.vals[k]
			}
		}
		for k, v := range named {
			ns.vars[k] = v
		}
		return ns, nil
	},
	"dict": func(e *exec, args []any, named map[string]any) (any, error) {
		m := &Map{}
		for _, a := range args {
			from, ok := a.(*Map)
			if !ok {
				return nil, fmt.Errorf("dict got %s, want a mapping", kindOf(a))
			}
			for _, k := range from.keys {
				m.Set(k, from.vals[k])
			}
		}
		for _, k := range sortedKeys(named) {
			m.Set(k, named[k])
		}
		return m, e.charge(16 * len(m.keys))
	},
	"raise_exception": func(e *exec, args []any, _ map[string]any) (any, error) {
		text := "the template refuses the messages"
		if len(args) > 0 {
			var err error
			if text, err = e.str(args[0]); err != nil {
				return nil, err
			}
		}
		return nil, &RaisedError{Message: text}
	},
	"strftime_now": func(e *exec, args []any, _ map[string]any) (any, error) {
		if len(args) != 1 {
			return nil, errors.New("strftime_now wants a format")
		}
		format, ok := args[0].(string)
		if !ok {
			return nil, fmt.Errorf("strftime_now got %s, want a format", kindOf(args[0]))
		}
		if len(format) > 200 {
			return nil, errors.New("strftime_now: a format of more than 200 bytes")
		}
		now := e.limits.Now
		if now.IsZero() {
			now = time.Now()
		}
		return strftime(now, format), nil
	},
}

var strftimeParts = map[byte]string{
	'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'B': "January", 'b': "Jan",
	'A': "Monday", 'a': "Mon", 'I': "03", 'p': "PM", 'Z': "MST", 'z': "-0700", 'F': "2006-01-02", 'T': "15:04:05", 'j': "002",
	'e': "_2", 'R': "15:04", 'D': "01/02/06",
}

func strftime(t time.Time, format string) string {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		c := format[i]
		if c != '%' || i+1 == len(format) {
			b.WriteByte(c)
			continue
		}
		i++
		if format[i] == '-' && i+1 < len(format) { // no leading zero
			i++
			b.WriteString(strings.TrimLeft(t.Format(strftimeParts[format[i]]), "0"))
			continue
		}
		if layout, ok := strftimeParts[format[i]]; ok {
			b.WriteString(t.Format(layout))
			continue
		}
		if format[i] != '%' {
			b.WriteByte('%')
		}
		b.WriteByte(format[i])
	}
	return b.String()
}
