package template

import (
	"fmt"
	"strings"
)

// tokenKind is the kind of a token.
type tokenKind uint8

const (
	tokenEnd   tokenKind = iota
	tokenData            // text outside of tags
	tokenBlock           // {%
	tokenBlockEnd
	tokenVar // {{
	tokenVarEnd
	tokenName
	tokenString
	tokenInt
	tokenFloat
	tokenOp
)

type token struct {
	kind tokenKind
	text string
	line int
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenBlockEnd:
		return "%}"
	case tokenVarEnd:
		return "}}"
	case tokenData, tokenBlock, tokenVar:
		return "text"
	}
	return fmt.Sprintf("%q", t.text)
}

// lexer cuts a source into tokens. White space around tags goes as in
// Transformers: a line that holds only a block tag leaves nothing.
type lexer struct {
	s         string
	pos, line int
	tokens    []token
	lineStart bool // the text begins a line
	trim      bool // the tag before took the white space after it
}

func lex(source string) ([]token, error) {
	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	l := &lexer{s: strings.TrimSuffix(source, "\n"), line: 1, lineStart: true}
	for l.pos < len(l.s) {
		if err := l.data(); err != nil {
			return nil, err
		}
	}
	l.add(tokenEnd, "")
	return l.tokens, nil
}

func (l *lexer) add(k tokenKind, text string) {
	l.tokens = append(l.tokens, token{k, text, l.line})
}

func (l *lexer) fail(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", l.line, fmt.Sprintf(format, args...))
}

// advance moves on and counts lines.
func (l *lexer) advance(n int) {
	l.line += strings.Count(l.s[l.pos:l.pos+n], "\n")
	l.pos += n
}

// data reads text up to the next tag, then that tag.
func (l *lexer) data() error {
	rest := l.s[l.pos:]
	n := 0
	for n < len(rest) && (rest[n] != '{' || n+1 == len(rest) || rest[n+1] != '%' && rest[n+1] != '{' && rest[n+1] != '#') {
		n++
	}
	text := rest[:n]
	last := n == len(rest)
	sign := byte(0)
	if !last && n+2 < len(rest) {
		sign = rest[n+2]
	}
	shown := text
	if l.trim {
		shown = strings.TrimLeft(shown, " \t\n\v\f")
	}
	switch {
	case last:
	case sign == '-':
		shown = strings.TrimRight(shown, " \t\n\v\f")
	case sign != '+' && rest[n+1] != '{':
		// lstrip_blocks: nothing but blanks before the tag on its line.
		line := strings.LastIndexByte(shown, '\n') + 1
		if (line > 0 || l.lineStart) && strings.Trim(shown[line:], " \t\v\f") == "" {
			shown = shown[:line]
		}
	}
	if shown != "" {
		l.add(tokenData, shown)
	}
	l.advance(n)
	l.trim, l.lineStart = false, false
	if last {
		return nil
	}
	kind := rest[n+1]
	l.advance(2)
	if sign == '-' || sign == '+' {
		l.advance(1)
	}
	switch kind {
	case '#':
		end := strings.Index(l.s[l.pos:], "#}")
		if end < 0 {
			return l.fail("a comment has no end")
		}
		minus := end > 0 && l.s[l.pos+end-1] == '-'
		l.advance(end + 2)
		l.after(minus, true)
		return nil
	case '{':
		l.add(tokenVar, "")
		return l.expression("}}", tokenVarEnd)
	}
	if done, err := l.raw(); done || err != nil {
		return err
	}
	l.add(tokenBlock, "")
	return l.expression("%}", tokenBlockEnd)
}

// after handles what follows a tag: white space that it takes along.
func (l *lexer) after(minus, block bool) {
	l.trim = minus
	if !minus && block && l.pos < len(l.s) && l.s[l.pos] == '\n' {
		l.advance(1)
		l.lineStart = true
	}
}

// raw reads {% raw %} ... {% endraw %}, whose inside is text.
func (l *lexer) raw() (bool, error) {
	body, _, ok := tagNamed(l.s[l.pos:], "raw")
	if !ok {
		return false, nil
	}
	l.advance(body)
	rest := l.s[l.pos:]
	for i := 0; ; {
		k := strings.Index(rest[i:], "{%")
		if k < 0 {
			return false, l.fail("raw has no endraw")
		}
		i += k
		inner := i + 2
		before := rest[:i]
		if inner < len(rest) && (rest[inner] == '-' || rest[inner] == '+') {
			if rest[inner] == '-' {
				before = strings.TrimRight(before, " \t\n\v\f")
			}
			inner++
		}
		n, minus, ok := tagNamed(rest[inner:], "endraw")
		if !ok {
			i += 2
			continue
		}
		if before != "" {
			l.add(tokenData, before)
		}
		l.advance(inner + n)
		l.after(minus, true)
		return true, nil
	}
}

// tagNamed reports whether s goes on with that name and the end of the tag,
// how long both are, and whether the end has a minus.
func tagNamed(s, name string) (n int, minus, ok bool) {
	t := strings.TrimLeft(s, " \t\n")
	t, ok = strings.CutPrefix(t, name)
	if !ok {
		return 0, false, false
	}
	t = strings.TrimLeft(t, " \t\n")
	if t, ok = strings.CutPrefix(t, "-%}"); ok {
		return len(s) - len(t), true, true
	}
	t, ok = strings.CutPrefix(t, "%}")
	return len(s) - len(t), false, ok
}

var operators = []string{"**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", ".", ",", ":", "|", "(", ")", "[", "]", "{", "}"}

// expression reads tokens up to the end of the tag.
func (l *lexer) expression(end string, kind tokenKind) error {
	depth := 0
	for {
		for l.pos < len(l.s) && strings.IndexByte(" \t\n\v\f", l.s[l.pos]) >= 0 {
			l.advance(1)
		}
		rest := l.s[l.pos:]
		if rest == "" {
			return l.fail("a tag has no %s", end)
		}
		if depth == 0 {
			minus := strings.HasPrefix(rest, "-"+end)
			plus := strings.HasPrefix(rest, "+"+end)
			if minus || plus || strings.HasPrefix(rest, end) {
				l.add(kind, "")
				n := len(end)
				if minus || plus {
					n++
				}
				l.advance(n)
				l.after(minus, kind == tokenBlockEnd && !plus)
				return nil
			}
		}
		switch c := rest[0]; {
		case c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
			n := 1
			for n < len(rest) && (rest[n] == '_' || isAlnum(rest[n])) {
				n++
			}
			l.add(tokenName, rest[:n])
			l.advance(n)
		case '0' <= c && c <= '9':
			l.number(rest)
		case c == '"' || c == '\'':
			if err := l.quoted(rest); err != nil {
				return err
			}
		default:
			op := ""
			for _, o := range operators {
				if strings.HasPrefix(rest, o) {
					op = o
					break
				}
			}
			if op == "" {
				return l.fail("unexpected %q", rest[:1])
			}
			switch op {
			case "(", "[", "{":
				depth++
			case ")", "]", "}":
				depth--
			}
			l.add(tokenOp, op)
			l.advance(len(op))
		}
	}
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func (l *lexer) number(rest string) {
	digits := func(n int) int {
		for n < len(rest) && ('0' <= rest[n] && rest[n] <= '9' || rest[n] == '_') {
			n++
		}
		return n
	}
	n, kind := digits(0), tokenInt
	if n+1 < len(rest) && rest[n] == '.' && '0' <= rest[n+1] && rest[n+1] <= '9' {
		n, kind = digits(n+1), tokenFloat
	}
	if n+1 < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		k := n + 1
		if k+1 < len(rest) && (rest[k] == '+' || rest[k] == '-') {
			k++
		}
		if end := digits(k); end > k {
			n, kind = end, tokenFloat
		}
	}
	l.add(kind, strings.ReplaceAll(rest[:n], "_", ""))
	l.advance(n)
}

func (l *lexer) quoted(rest string) error {
	var b strings.Builder
	for i := 1; i < len(rest); i++ {
		c := rest[i]
		if c == rest[0] {
			l.add(tokenString, b.String())
			l.advance(i + 1)
			return nil
		}
		if c != '\\' || i+1 == len(rest) {
			b.WriteByte(c)
			continue
		}
		i++
		n, err := unescape(&b, rest[i:])
		if err != nil {
			return l.fail("%v", err)
		}
		i += n - 1
	}
	return l.fail("a string has no end")
}

// unescape writes what the escape after a backslash stands for, as Python
// does, and returns its length.
func unescape(b *strings.Builder, s string) (int, error) {
	hex := func(n int) (int, error) {
		var r rune
		if len(s) < n+1 {
			return 0, fmt.Errorf("the escape \\%s is cut off", s)
		}
		for _, c := range []byte(s[1 : n+1]) {
			d := strings.IndexByte("0123456789abcdef", c|0x20)
			if c < '0' || d < 0 {
				return 0, fmt.Errorf("the escape \\%s is not hexadecimal", s[:n+1])
			}
			r = r<<4 | rune(d)
		}
		b.WriteRune(r)
		return n + 1, nil
	}
	switch s[0] {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'v':
		b.WriteByte('\v')
	case 'a':
		b.WriteByte('\a')
	case '0':
		b.WriteByte(0)
	case '\n': // a line goes on
	case '\\', '\'', '"':
		b.WriteByte(s[0])
	case 'x':
		return hex(2)
	case 'u':
		return hex(4)
	case 'U':
		return hex(8)
	default:
		b.WriteByte('\\')
		b.WriteByte(s[0])
	}
	return 1, nil
}
