package answer

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxNesting bounds lists in lists.
const maxNesting = 64

// keyword returns the key of a truth value, null, yes or no, in any case:
// languages write them differently.
func keyword(s string) string {
	if len(s) < 2 || len(s) > 5 {
		return ""
	}
	var buf [8]byte
	lower := buf[:0]
	for i := range len(s) {
		lower = append(lower, s[i]|0x20)
	}
	switch string(lower) {
	case "true":
		return "true"
	case "false":
		return "false"
	case "none", "null":
		return "null"
	case "yes":
		return "yes"
	case "no":
		return "no"
	}
	return ""
}

// quoted returns the content of a string literal that is all of s.
func quoted(s string) (string, bool) {
	p := &parser{s: s}
	inner, ok := p.str()
	return inner, ok && p.i == len(s)
}

// container returns kind and key of a list, tuple, set, dictionary, JSON
// object or interval that is all of s, or an empty key.
//
// Blanks between elements and the order of keys and of a set's elements don't
// count; strings are exact. A tuple is no list. What is no literal (x+1) is
// taken as text.
func container(s string) (Kind, string) {
	p := &parser{s: s, json: true}
	out, ok := p.value(make([]byte, 0, len(s)), 0)
	if !ok || p.i != len(s) {
		return "", ""
	}
	kind := KindLiteral
	if s[0] == '{' && p.json && p.pairs > 0 {
		kind = KindJSON
	}
	if s[0] == '(' && out[0] != '(' {
		kind = KindNumber // (5)
	}
	return kind, string(out)
}

// parser reads Python and JSON literals and what people write like them.
type parser struct {
	s     string
	i     int
	json  bool // no quotes but double ones
	pairs int  // keys with values so far
}

func (p *parser) blanks() {
	for p.i < len(p.s) {
		switch p.s[p.i] {
		case ' ', '\n', '\t', '\r':
			p.i++
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

// value appends the key of the value at p.i.
func (p *parser) value(out []byte, depth int) ([]byte, bool) {
	p.blanks()
	switch p.peek() {
	case '[', '(', '{':
		if depth == maxNesting {
			return nil, false
		}
		return p.elements(out, depth+1)
	case '"', '\'':
		p.json = p.json && p.peek() == '"'
		inner, ok := p.str()
		return appendQuoted(out, inner), ok
	}
	return p.atom(out)
}

// elements appends the key of a bracketed list of any kind.
func (p *parser) elements(out []byte, depth int) ([]byte, bool) {
	open := p.s[p.i]
	p.i++
	start := len(out)
	out = append(out, open)
	type span struct{ from, colon, to int }
	var few [16]span
	spans := few[:0] // of the elements in out
	pairs, comma := 0, false
	for {
		p.blanks()
		c := p.peek()
		if c == 0 {
			return nil, false
		}
		if c == ']' || c == ')' || c == '}' {
			break
		}
		if len(spans) > 0 && !comma {
			return nil, false
		}
		if len(spans) > 0 {
			out = append(out, ',')
		}
		e := span{from: len(out)}
		var ok bool
		if out, ok = p.value(out, depth); !ok {
			return nil, false
		}
		e.colon = len(out)
		p.blanks()
		if open == '{' && p.peek() == ':' {
			p.i++
			out = append(out, ':')
			if out, ok = p.value(out, depth); !ok {
				return nil, false
			}
			pairs++
			p.pairs++
			p.blanks()
		}
		e.to = len(out)
		spans = append(spans, e)
		if comma = p.peek() == ','; comma {
			p.i++
		}
	}
	shut := p.s[p.i]
	p.i++
	switch {
	case open == '{':
		if shut != '}' || pairs != 0 && pairs != len(spans) {
			return nil, false
		}
		// Sorted by key; of equal keys the last one counts, as in Python.
		src := bytes.Clone(out[start:])
		key := func(e span) []byte { return src[e.from-start : e.colon-start] }
		slices.SortStableFunc(spans, func(a, b span) int { return bytes.Compare(key(a), key(b)) })
		out = out[:start+1]
		for i, e := range spans {
			if i+1 < len(spans) && bytes.Equal(key(e), key(spans[i+1])) {
				continue
			}
			out = append(append(out, src[e.from-start:e.to-start]...), ',')
		}
		if len(spans) > 0 {
			out = out[:len(out)-1]
		}
	case open == '(' && shut == ')' && len(spans) == 1 && !comma:
		// Parentheses around one number say nothing; a tuple of one has a comma.
		e := spans[0]
		inner := string(out[e.from:e.to])
		if isPlainNumber(inner) {
			return append(out[:start], inner...), true
		}
	case open == '(' && shut == ')' && len(spans) == 1:
		out = append(out, ',')
	case open == '[' && shut == ']', open == '(' && shut == ')':
	case shut != '}' && len(spans) == 2: // the interval [0,1)
	default:
		return nil, false
	}
	return append(out, shut), true
}

// atom appends the key of an element without quotes: a number, a truth value
// or text up to the next separator outside of parentheses.
func (p *parser) atom(out []byte) ([]byte, bool) {
	start, depth := p.i, 0
scan:
	for ; p.i < len(p.s); p.i++ {
		switch p.s[p.i] {
		case '(', '[':
			depth++
		case ')', ']':
			if depth == 0 {
				break scan
			}
			depth--
		case '}', '{', '"', '\n':
			break scan
		case ',', ':':
			if depth == 0 {
				break scan
			}
		}
	}
	s := strings.TrimRight(p.s[start:p.i], " \t")
	if s == "" || depth != 0 {
		return nil, false
	}
	switch d, rest, ok := scanDecimal(strings.TrimPrefix(s, "-")); {
	case isPlainNumber(s):
		return append(out, s...), true
	case ok && rest == "":
		d.neg = s[0] == '-'
		if key := d.key(); key != "" {
			return append(out, key...), true
		}
	case ok && rest[0] == '/':
		d.neg = s[0] == '-'
		if key, ok := fraction(d, rest); ok {
			return append(out, key...), true
		}
	}
	switch s {
	case "True", "true":
		return append(out, "true"...), true
	case "False", "false":
		return append(out, "false"...), true
	case "None", "null":
		return append(out, "null"...), true
	}
	if _, formula := shape(s); formula {
		s = formulaText(s)
	}
	return append(out, s...), true
}

// str reads a string literal of Python or JSON with its escapes. Line breaks
// in it are taken as they are: models forget to escape them.
func (p *parser) str() (string, bool) {
	quote := p.s[p.i]
	p.i++
	start := p.i
	var b []byte // nil while nothing was escaped
	for p.i < len(p.s) {
		c := p.s[p.i]
		if c == quote {
			s := p.s[start:p.i]
			p.i++
			if b != nil {
				s = string(append(b, s...))
			}
			return s, true
		}
		if c != '\\' {
			p.i++
			continue
		}
		b = append(b, p.s[start:p.i]...)
		p.i++
		if p.i == len(p.s) {
			return "", false
		}
		b = p.escape(b)
		start = p.i
	}
	return "", false
}

// escape appends what the escape sequence behind a backslash stands for; an
// unknown one stands for itself.
func (p *parser) escape(b []byte) []byte {
	if b == nil {
		b = []byte{}
	}
	c := p.s[p.i]
	p.i++
	switch c {
	case 'n':
		return append(b, '\n')
	case 't':
		return append(b, '\t')
	case 'r':
		return append(b, '\r')
	case 'b':
		return append(b, '\b')
	case 'f':
		return append(b, '\f')
	case '\\', '\'', '"', '/':
		return append(b, c)
	case 'x':
		if r, ok := p.hex(2); ok {
			return utf8.AppendRune(b, r)
		}
	case 'u':
		if r, ok := p.hex(4); ok {
			if utf16.IsSurrogate(r) && strings.HasPrefix(p.s[p.i:], `\u`) {
				p.i += 2
				if low, ok := p.hex(4); ok {
					r = utf16.DecodeRune(r, low)
				}
			}
			return utf8.AppendRune(b, r)
		}
	}
	return append(b, '\\', c)
}

// hex reads n hexadecimal digits.
func (p *parser) hex(n int) (rune, bool) {
	if len(p.s)-p.i < n {
		return 0, false
	}
	v, err := strconv.ParseUint(p.s[p.i:p.i+n], 16, 32)
	if err != nil {
		return 0, false
	}
	p.i += n
	return rune(v), true
}

// appendQuoted writes s in double quotes with the escapes of JSON.
func appendQuoted(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c < ' ' || c == 0x7f:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// field returns the value, as it is written, of the first key among names in
// a dictionary or JSON object that is all of s.
func field(s string, names func(string) bool) (string, bool) {
	p := &parser{s: s}
	if p.blanks(); p.peek() != '{' {
		return "", false
	}
	p.i++
	value, found := "", false
	for {
		p.blanks()
		switch p.peek() {
		case '}':
			p.i++
			p.blanks()
			return value, found && p.i == len(s)
		case '"', '\'':
		default:
			return "", false
		}
		key, ok := p.str()
		if p.blanks(); !ok || p.peek() != ':' {
			return "", false
		}
		p.i++
		p.blanks()
		start := p.i
		if _, ok := p.value(nil, 1); !ok {
			return "", false
		}
		if names(key) {
			value, found = s[start:p.i], true
		}
		if p.blanks(); p.peek() == ',' {
			p.i++
		}
	}
}
