package template

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// tojson writes JSON as Python's json.dumps does, which is how Transformers
// sets the filter up: spaces after commas and colons, characters as they are,
// keys in their order.
func tojson(c *call) (any, error) {
	w := jsonWriter{e: c.e, comma: ", ", colon: ": "}
	// Jinja's own filter has the indent first, Transformers' second.
	v, ok := c.arg(1, "indent")
	if !ok && len(c.args) > 0 {
		if flag, isFlag := c.args[0].(bool); isFlag {
			w.ascii = flag
		} else {
			v = c.args[0]
		}
	}
	if v != nil {
		n, ok := whole(v)
		if !ok || n > 100 {
			return nil, fmt.Errorf("an indent of %v, want a number up to 100", v)
		}
		w.indent, w.lines, w.comma = strings.Repeat(" ", int(max(n, 0))), true, ","
	}
	if v, ok := c.named["separators"].([]any); ok && len(v) == 2 {
		w.comma, _ = v[0].(string)
		w.colon, _ = v[1].(string)
	}
	w.sort = truth(c.named["sort_keys"])
	w.ascii = w.ascii || truth(c.named["ensure_ascii"])
	if err := w.write(c.v, 0); err != nil {
		return nil, err
	}
	return w.b.String(), nil
}

type jsonWriter struct {
	e            *exec
	b            strings.Builder
	comma, colon string
	indent       string
	lines        bool
	sort, ascii  bool
}

func (w *jsonWriter) line(depth int) {
	if w.lines {
		w.b.WriteByte('\n')
		for range depth {
			w.b.WriteString(w.indent)
		}
	}
}

func (w *jsonWriter) write(v any, depth int) error {
	if depth > maxDepth/4 {
		return errDeep
	}
	before := w.b.Len()
	switch v := v.(type) {
	case nil:
		w.b.WriteString("null")
	case bool:
		w.b.WriteString(strconv.FormatBool(v))
	case int64:
		w.b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		switch {
		case math.IsNaN(v):
			w.b.WriteString("NaN")
		case math.IsInf(v, 0):
			w.b.WriteString(strings.Replace(strconv.FormatFloat(v, 'g', -1, 64), "Inf", "Infinity", 1))
		default:
			w.b.WriteString(floatText(v))
		}
	case string:
		w.text(v)
	case []any:
		w.b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				w.b.WriteString(w.comma)
			}
			w.line(depth + 1)
			if err := w.write(x, depth+1); err != nil {
				return err
			}
		}
		if len(v) > 0 {
			w.line(depth)
		}
		w.b.WriteByte(']')
	case *Map:
		keys := v.keys
		if w.sort {
			keys = slices.Sorted(slices.Values(keys))
		}
		w.b.WriteByte('{')
		for i, k := range keys {
			if i > 0 {
				w.b.WriteString(w.comma)
			}
			w.line(depth + 1)
			w.text(k)
			w.b.WriteString(w.colon)
			if err := w.write(v.vals[k], depth+1); err != nil {
				return err
			}
		}
		if len(keys) > 0 {
			w.line(depth)
		}
		w.b.WriteByte('}')
	case undefined:
		return errors.New("the value is undefined")
	default:
		return fmt.Errorf("%s can't be written", kindOf(v))
	}
	if w.b.Len() > w.e.limits.Bytes {
		return w.e.tooLong(w.b.Len())
	}
	switch v.(type) {
	case []any, *Map:
		return w.e.charge(0)
	}
	return w.e.charge(w.b.Len() - before)
}

// text writes a string: only what JSON demands is escaped.
func (w *jsonWriter) text(s string) {
	w.b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			w.b.WriteByte('\\')
			w.b.WriteRune(r)
		case r == '\n':
			w.b.WriteString(`\n`)
		case r == '\r':
			w.b.WriteString(`\r`)
		case r == '\t':
			w.b.WriteString(`\t`)
		case r == '\b':
			w.b.WriteString(`\b`)
		case r == '\f':
			w.b.WriteString(`\f`)
		case r < 0x20 || w.ascii && r >= 0x7f && r <= 0xffff:
			fmt.Fprintf(&w.b, `\u%04x`, r)
		case w.ascii && r > 0xffff:
			fmt.Fprintf(&w.b, `\u%04x\u%04x`, 0xd800+((r-0x10000)>>10), 0xdc00+((r-0x10000)&0x3ff))
		default:
			w.b.WriteRune(r)
		}
	}
	w.b.WriteByte('"')
}
