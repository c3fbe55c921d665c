package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"unicode/utf8"

	"summit/llm"
)

// maxDepth is how deep objects and arrays may be nested. The deepest of honest
// bodies are JSON schemas inside tools, which stay below 30.
const maxDepth = 64

// scanner reads one JSON text in one pass, without reflection and without
// building a tree. Its first error sticks: after it every method returns the
// zero value and every loop ends, so that decoders read like the format they
// decode. The error names the path of the value, what came and what was wanted.
//
// Each turn of a loop over object or array must read or skip exactly one value.
type scanner struct {
	b     []byte
	i     int
	depth int
	path  []step
	// loose is for what vendors send: it leaves the halves of surrogate pairs
	// in bytes, as three bytes each, for joiner to put together (else each
	// becomes U+FFFD), and lets a name stand twice.
	loose bool
	err   *scanError
}

// step is one segment of a path: a field's name, or an index where name is nil.
type step struct {
	name  []byte
	index int
}

// scanError is what the scanner stumbled over.
type scanError struct {
	path    string // of the value; empty = the whole text
	message string // without the path
	offset  int    // where the text is no JSON; -1 = it is, but of the wrong shape
}

// newScanner returns a scanner of b, in which text results are copies.
func newScanner(b []byte) *scanner { return &scanner{b: b} }

// as returns the error as an *llm.Error of that kind, nil if there is none.
func (s *scanner) as(kind llm.ErrorKind) *llm.Error {
	switch e := s.err; {
	case e == nil:
		return nil
	case e.offset >= 0:
		return llm.Errorf(kind, "not JSON: byte %d: %s", e.offset, e.message)
	case e.path == "":
		return llm.Errorf(kind, "%s", e.message)
	default:
		return &llm.Error{Kind: kind, Param: e.path, Message: e.path + ": " + e.message}
	}
}

// fail records an error at the current path, with suffix added to it.
func (s *scanner) fail(suffix, format string, args ...any) {
	if s.err == nil {
		s.err = &scanError{path: s.where() + suffix, message: fmt.Sprintf(format, args...), offset: -1}
		if s.err.path != "" && s.err.path[0] == '.' {
			s.err.path = s.err.path[1:]
		}
	}
}

func (s *scanner) syntax(want string) {
	if s.err != nil {
		return
	}
	got := "the end"
	if s.i < len(s.b) {
		r, _ := utf8.DecodeRune(s.b[s.i:])
		got = strconv.QuoteRune(r)
	}
	s.err = &scanError{message: fmt.Sprintf("got %s, want %s", got, want), offset: s.i}
}

// where returns the current path, as in messages[2].content.
func (s *scanner) where() string {
	var p []byte
	for _, t := range s.path {
		switch {
		case t.name == nil:
			p = append(strconv.AppendInt(append(p, '['), int64(t.index), 10), ']')
		case len(p) == 0:
			p = append(p, clip(string(t.name))...)
		default:
			p = append(append(p, '.'), clip(string(t.name))...)
		}
	}
	return string(p)
}

// wrong records that the next value has the wrong type.
func (s *scanner) wrong(want string) {
	got := map[byte]string{'"': "string", '{': "object", '[': "array", 't': "boolean", 'f': "boolean", 'n': "null", '0': "number"}[s.kind()]
	if word := map[byte]string{'t': "true", 'f': "false", 'n': "null"}[s.kind()]; !bytes.HasPrefix(s.b[min(s.i, len(s.b)):], []byte(word)) {
		got = "" // it only begins like one
	}
	if got == "" {
		s.syntax("a value")
		return
	}
	s.fail("", "got %s, want %s", got, want)
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// kind returns the first byte of the next value: one of "{[tfn, '0' for any
// number, or 0 where no value begins.
func (s *scanner) kind() byte {
	s.space()
	if s.err != nil || s.i >= len(s.b) {
		return 0
	}
	switch c := s.b[s.i]; c {
	case '"', '{', '[', 't', 'f', 'n':
		return c
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return '0'
	}
	return 0
}

// end checks that nothing follows the value.
func (s *scanner) end() {
	if s.space(); s.err == nil && s.i < len(s.b) {
		s.syntax("nothing after the value")
	}
}

func (s *scanner) literal(word string) bool {
	if s.err == nil && bytes.HasPrefix(s.b[s.i:], []byte(word)) {
		s.i += len(word)
		return true
	}
	s.syntax(word)
	return false
}

// null reads a null if one is next.
func (s *scanner) null() bool { return s.kind() == 'n' && s.literal("null") }

// object loops over the fields of an object. The name is valid until the next
// turn. A name that stands there twice is an error, unless loose.
func (s *scanner) object() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if s.kind() != '{' {
			s.wrong("object")
			return
		}
		if !s.enter() {
			return
		}
		var names names
		s.path = append(s.path, step{})
		for first := true; s.err == nil; first = false {
			if s.space(); s.closes('}', first) {
				break
			}
			if s.i >= len(s.b) || s.b[s.i] != '"' {
				s.syntax("a field name")
				break
			}
			name := s.bytes()
			if s.space(); s.err == nil && (s.i >= len(s.b) || s.b[s.i] != ':') {
				s.syntax("':'")
			}
			if s.err != nil {
				break
			}
			s.i++
			if name == nil {
				name = []byte{}
			}
			s.path[len(s.path)-1].name = name
			if !s.loose && !names.add(name) {
				s.fail("", "given twice, want it once")
				break
			}
			if !yield(name) {
				break
			}
		}
		s.path = s.path[:len(s.path)-1]
		s.depth--
	}
}

// array loops over the items of an array.
func (s *scanner) array(want string) iter.Seq[int] {
	return func(yield func(int) bool) {
		if s.kind() != '[' {
			s.wrong(want)
			return
		}
		if !s.enter() {
			return
		}
		s.path = append(s.path, step{})
		for n := 0; s.err == nil; n++ {
			if s.space(); s.closes(']', n == 0) {
				break
			}
			s.path[len(s.path)-1].index = n
			if s.err != nil || !yield(n) {
				break
			}
		}
		s.path = s.path[:len(s.path)-1]
		s.depth--
	}
}

func (s *scanner) enter() bool {
	s.i++
	if s.depth++; s.depth > maxDepth {
		s.err = &scanError{message: fmt.Sprintf("nested deeper than %d levels", maxDepth), offset: -1}
		return false
	}
	return true
}

// closes reads the closing bracket, or the comma before the next item.
func (s *scanner) closes(bracket byte, first bool) bool {
	if s.err != nil {
		return true
	}
	if s.i < len(s.b) && s.b[s.i] == bracket {
		s.i++
		return true
	}
	if first {
		return false
	}
	if s.i < len(s.b) && s.b[s.i] == ',' {
		s.i++
		s.space()
		return false
	}
	s.syntax("',' or '" + string(bracket) + "'")
	return true
}

// names is the set of field names seen in one object: a short list that
// becomes a map when it grows, so that wide objects cost no quadratic time.
type names struct {
	few  [12][]byte
	n    int
	many map[string]struct{}
}

// add reports whether the name is new.
func (n *names) add(name []byte) bool {
	if n.many != nil {
		if _, seen := n.many[string(name)]; seen {
			return false
		}
		n.many[string(name)] = struct{}{}
		return true
	}
	for _, f := range n.few[:n.n] {
		if bytes.Equal(f, name) {
			return false
		}
	}
	if n.n < len(n.few) {
		n.few[n.n] = name
		n.n++
		return true
	}
	n.many = map[string]struct{}{string(name): {}}
	for _, f := range n.few {
		n.many[string(f)] = struct{}{}
	}
	return true
}

// skip reads the next value whatever it is.
func (s *scanner) skip() {
	switch s.kind() {
	case '"':
		s.bytes()
	case '{':
		for range s.object() {
			s.skip()
		}
	case '[':
		for range s.array("") {
			s.skip()
		}
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	case '0':
		s.digits()
	default:
		s.syntax("a value")
	}
}

// raw returns a copy of the next value as it stands.
func (s *scanner) raw() []byte {
	s.space()
	start := s.i
	if s.skip(); s.err != nil {
		return nil
	}
	return bytes.Clone(s.b[start:s.i])
}

// schema reads a JSON schema as it stands; what is in it is the model's matter.
func (s *scanner) schema() json.RawMessage {
	if s.kind() != '{' {
		s.wrong("object")
		return nil
	}
	return s.raw()
}

// digits reads a number and returns its text.
func (s *scanner) digits() []byte {
	start := s.i
	run := func() bool {
		from := s.i
		for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
			s.i++
		}
		return s.i > from
	}
	if s.i < len(s.b) && s.b[s.i] == '-' {
		s.i++
	}
	zero := s.i < len(s.b) && s.b[s.i] == '0'
	if whole := s.i; !run() || (zero && s.i > whole+1) {
		s.i = min(s.i, whole+1)
		s.syntax("a number")
		return nil
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		if s.i++; !run() {
			s.syntax("a digit")
			return nil
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		if s.i++; s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if !run() {
			s.syntax("a digit")
			return nil
		}
	}
	return s.b[start:s.i]
}

// number reads a number.
func (s *scanner) number() float64 {
	if s.kind() != '0' {
		s.wrong("number")
		return 0
	}
	text := s.digits()
	if s.err != nil {
		return 0
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		s.fail("", "got %s, want a number that fits into 64 bits", clip(string(text)))
		return 0
	}
	return v
}

// integer reads a whole number of at least low.
func (s *scanner) integer(low int64) int64 {
	if s.kind() != '0' {
		s.wrong("integer")
		return 0
	}
	text := s.digits()
	if s.err != nil {
		return 0
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		// 1e3 and 5.0 are whole numbers too; above 2^53 a float has gaps.
		f, _ := strconv.ParseFloat(string(text), 64)
		if v = int64(f); float64(v) != f || f > 1<<53 || f < -1<<53 {
			s.fail("", "got %s, want an integer of 64 bits", clip(string(text)))
			return 0
		}
	}
	if v < low {
		s.fail("", "got %d, want %d or more", v, low)
		return 0
	}
	return v
}

// count reads a number of things, at least low.
func (s *scanner) count(low int64) int {
	const most = 1<<31 - 1 // fits into an int everywhere
	v := s.integer(low)
	if v > most {
		s.fail("", "got %d, want %d at most", v, most)
	}
	return int(v)
}

// boolean reads true or false.
func (s *scanner) boolean() bool {
	switch s.kind() {
	case 't':
		return s.literal("true")
	case 'f':
		s.literal("false")
	default:
		s.wrong("boolean")
	}
	return false
}

// text reads a string. Bytes that are no UTF-8 become U+FFFD.
func (s *scanner) text() string {
	if s.kind() != '"' {
		s.wrong("string")
		return ""
	}
	return wellFormed(s.bytes())
}

// bytes reads a string; the result may share memory with the input.
func (s *scanner) bytes() []byte {
	if s.err != nil || s.i >= len(s.b) || s.b[s.i] != '"' {
		s.syntax("a string")
		return nil
	}
	start := s.i + 1
	for i := start; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			return s.b[start:i]
		case c == '\\':
			return s.unescape(start, i)
		case c < 0x20:
			s.i = i
			s.syntax("no control character in a string")
			return nil
		}
	}
	s.i = len(s.b)
	s.syntax("'\"'")
	return nil
}

// unescape reads on from the first backslash of a string.
func (s *scanner) unescape(start, i int) []byte {
	// One allocation: what is unescaped is never longer than its escape.
	size := i - start
	for j := i; j < len(s.b) && s.b[j] != '"'; j++ {
		if s.b[j] == '\\' {
			j++
		}
		size = j - start + 1
	}
	out := append(make([]byte, 0, size), s.b[start:i]...)
	for i < len(s.b) {
		c := s.b[i]
		switch {
		case c == '"':
			s.i = i + 1
			return out
		case c < 0x20:
			s.i = i
			s.syntax("no control character in a string")
			return nil
		case c != '\\':
			from := i
			for i < len(s.b) && s.b[i] != '"' && s.b[i] != '\\' && s.b[i] >= 0x20 {
				i++
			}
			out = append(out, s.b[from:i]...)
			continue
		}
		i++
		if i >= len(s.b) {
			break
		}
		switch s.b[i] {
		case '"', '\\', '/':
			out = append(out, s.b[i])
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			u, ok := hex4(s.b[i+1:])
			if !ok {
				s.i = i
				s.syntax("four hexadecimal digits after \\u")
				return nil
			}
			i += 5
			if isHigh(u) && i+1 < len(s.b) && s.b[i] == '\\' && s.b[i+1] == 'u' {
				if low, ok := hex4(s.b[i+2:]); ok && isLow(low) {
					out = utf8.AppendRune(out, pair(u, low))
					i += 6
					continue
				}
			}
			out = s.appendUnit(out, u)
			continue
		default:
			s.i = i
			s.syntax("an escape such as \\n")
			return nil
		}
		i++
	}
	s.i = len(s.b)
	s.syntax("'\"'")
	return nil
}

// appendUnit adds one UTF-16 code unit, be it half a pair.
func (s *scanner) appendUnit(out []byte, u rune) []byte {
	if s.loose && (isHigh(u) || isLow(u)) {
		return append(out, 0xE0|byte(u>>12), 0x80|byte(u>>6)&0x3F, 0x80|byte(u)&0x3F)
	}
	return utf8.AppendRune(out, u) // half a pair becomes U+FFFD
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var u rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		u = u<<4 | rune(c)
	}
	return u, true
}

func isHigh(u rune) bool       { return u >= 0xD800 && u < 0xDC00 }
func isLow(u rune) bool        { return u >= 0xDC00 && u < 0xE000 }
func pair(high, low rune) rune { return (high-0xD800)<<10 + (low - 0xDC00) + 0x10000 }
func wellFormed(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return string(bytes.ToValidUTF8(b, []byte("\uFFFD")))
}

// clip keeps what came in short in errors, cutting between runes.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
