package grammar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Parse compiles a grammar in the notation of llama.cpp's GBNF: rules "name ::= alternatives" with "literals",
// [classes], ., (groups), |, *, +, ?, {n}, {n,}, {n,m} and # comments. The text must match the rule "root". Errors
// name the line.
func Parse(text string, l Limits) (*Grammar, error) {
	p := &gbnf{b: newBuilder(l), names: map[string]elem{}, defined: map[string]bool{}}
	toks, err := p.scan(text)
	if err != nil {
		return nil, err
	}
	if err := p.parse(toks); err != nil {
		return nil, err
	}
	root, ok := p.names["root"]
	if !ok || !p.defined["root"] {
		return nil, fmt.Errorf("grammar: rule \"root\" is missing")
	}
	for _, name := range p.order {
		if !p.defined[name] {
			return nil, fmt.Errorf("grammar: rule %q is used and not defined", name)
		}
	}
	return p.b.compile(root)
}

type gbnf struct {
	b       *builder
	names   map[string]elem
	defined map[string]bool
	order   []string
}

type tokKind uint8

const (
	tokName tokKind = iota
	tokDefine
	tokLiteral
	tokClass
	tokMark   // | ( ) * + ? .
	tokRepeat // {n,m}
)

type tok struct {
	kind      tokKind
	text      string
	ranges    []runeRange
	low, high int
	line      int
}

// scan cuts the text into tokens.
func (p *gbnf) scan(text string) ([]tok, error) {
	var out []tok
	line := 1
	bad := func(format string, args ...any) ([]tok, error) {
		return nil, fmt.Errorf("grammar: line %d: "+format, append([]any{line}, args...)...)
	}
	for i := 0; i < len(text); {
		if len(out) > p.b.limits.Symbols {
			return nil, fmt.Errorf("grammar: %w: more than %d symbols", ErrTooLarge, p.b.limits.Symbols)
		}
		switch c := text[i]; {
		case c == '\n':
			line++
			i++
		case c == ' ' || c == '\t' || c == '\r':
			i++
		case c == '#':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case strings.HasPrefix(text[i:], "::="):
			out = append(out, tok{kind: tokDefine, line: line})
			i += 3
		case c == '"':
			var lit []byte
			for i++; ; {
				if i >= len(text) || text[i] == '\n' {
					return bad("a literal has no end")
				}
				if text[i] == '"' {
					i++
					break
				}
				r, n, raw, err := escaped(text[i:])
				if err != nil {
					return bad("%v", err)
				}
				if raw {
					lit = append(lit, byte(r))
				} else {
					lit = utf8.AppendRune(lit, r)
				}
				i += n
			}
			out = append(out, tok{kind: tokLiteral, text: string(lit), line: line})
		case c == '[':
			ranges, n, err := class(text[i:])
			if err != nil {
				return bad("%v", err)
			}
			out = append(out, tok{kind: tokClass, ranges: ranges, line: line})
			i += n
		case strings.IndexByte("|()*+?.", c) >= 0:
			out = append(out, tok{kind: tokMark, text: string(c), line: line})
			i++
		case c == '{':
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				return bad("a repetition has no }")
			}
			low, high, err := counts(text[i+1 : i+end])
			if err != nil {
				return bad("%v", err)
			}
			out = append(out, tok{kind: tokRepeat, low: low, high: high, line: line})
			i += end + 1
		case nameByte(c):
			j := i
			for j < len(text) && nameByte(text[j]) {
				j++
			}
			out = append(out, tok{kind: tokName, text: text[i:j], line: line})
			i = j
		default:
			r, _ := utf8.DecodeRuneInString(text[i:])
			return bad("got %q, want a rule", r)
		}
	}
	return out, nil
}

func nameByte(c byte) bool {
	return c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// escaped reads one character that may be escaped; raw says that it is a byte (\xHH).
func escaped(s string) (r rune, n int, raw bool, err error) {
	if s[0] != '\\' {
		r, n = utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n <= 1 {
			return 0, 0, false, fmt.Errorf("the text is not UTF-8")
		}
		return r, n, false, nil
	}
	if len(s) < 2 {
		return 0, 0, false, fmt.Errorf("an escape has no end")
	}
	digits := 0
	switch s[1] {
	case 'n':
		return '\n', 2, false, nil
	case 'r':
		return '\r', 2, false, nil
	case 't':
		return '\t', 2, false, nil
	case '\\', '"', '[', ']', '^', '-':
		return rune(s[1]), 2, false, nil
	case 'x':
		digits = 2
	case 'u':
		digits = 4
	case 'U':
		digits = 8
	default:
		return 0, 0, false, fmt.Errorf("the escape \\%c is not known", s[1])
	}
	if len(s) < 2+digits {
		return 0, 0, false, fmt.Errorf("an escape has no end")
	}
	v, err := strconv.ParseUint(s[2:2+digits], 16, 32)
	if err != nil || digits > 2 && !utf8.ValidRune(rune(v)) {
		return 0, 0, false, fmt.Errorf("the escape \\%s is no character", s[1:2+digits])
	}
	return rune(v), 2 + digits, digits == 2 && v > 0x7F, nil
}

// class reads [a-z] or [^a-z].
func class(s string) ([]runeRange, int, error) {
	i := 1
	not := i < len(s) && s[i] == '^'
	if not {
		i++
	}
	var out []runeRange
	for {
		if i >= len(s) || s[i] == '\n' {
			return nil, 0, fmt.Errorf("a class has no ]")
		}
		if s[i] == ']' {
			i++
			break
		}
		lo, n, raw, err := escaped(s[i:])
		if err != nil {
			return nil, 0, err
		}
		if raw {
			return nil, 0, fmt.Errorf("a class holds the byte %#x, want characters", lo)
		}
		i += n
		hi := lo
		if i+1 < len(s) && s[i] == '-' && s[i+1] != ']' {
			hi, n, raw, err = escaped(s[i+1:])
			if err != nil {
				return nil, 0, err
			}
			if raw || hi < lo {
				return nil, 0, fmt.Errorf("the range %q to %q is empty", lo, hi)
			}
			i += n + 1
		}
		out = append(out, runeRange{lo, hi})
	}
	slices.SortFunc(out, func(a, b runeRange) int { return int(a.lo - b.lo) })
	if not {
		out = others(out)
	}
	if len(out) == 0 {
		return nil, 0, fmt.Errorf("a class is empty")
	}
	return out, i, nil
}

// counts reads n; n, ; or n,m.
func counts(s string) (low, high int, err error) {
	a, z, comma := strings.Cut(strings.ReplaceAll(s, " ", ""), ",")
	low, err = strconv.Atoi(a)
	high = low
	if err == nil && comma {
		high = -1
		if z != "" {
			high, err = strconv.Atoi(z)
		}
	}
	if err != nil || low < 0 || high < -1 || high >= 0 && high < low {
		return 0, 0, fmt.Errorf("the repetition {%s} is none, want {n}, {n,} or {n,m}", s)
	}
	return low, high, nil
}

// group is an open parenthesis, or the rule itself: the alternatives so far and the one being read.
type group struct {
	rule elem
	seq  []elem
}

func (p *gbnf) ref(name string) elem {
	e, ok := p.names[name]
	if !ok {
		e = p.b.rule(name)
		p.names[name] = e
		p.order = append(p.order, name)
	}
	return e
}

// parse builds the rules from the tokens, with a stack of its own for groups.
func (p *gbnf) parse(toks []tok) error {
	var open []group
	name := ""
	finish := func(line int) error {
		if len(open) == 0 {
			return nil
		}
		if len(open) > 1 {
			return fmt.Errorf("grammar: line %d: rule %q: a ( has no )", line, name)
		}
		p.b.add(open[0].rule, open[0].seq...)
		open = open[:0]
		return p.b.err
	}
	for i, t := range toks {
		if t.kind == tokDefine {
			if i == 0 || toks[i-1].kind != tokName {
				return fmt.Errorf("grammar: line %d: ::= without a name before it", t.line)
			}
			continue
		}
		if t.kind == tokName && i+1 < len(toks) && toks[i+1].kind == tokDefine {
			if err := finish(t.line); err != nil {
				return err
			}
			if name = t.text; p.defined[name] {
				return fmt.Errorf("grammar: line %d: rule %q is defined twice", t.line, name)
			}
			p.defined[name] = true
			open = append(open, group{rule: p.ref(name)})
			continue
		}
		if len(open) == 0 {
			return fmt.Errorf("grammar: line %d: text before the first rule", t.line)
		}
		g := &open[len(open)-1]
		switch t.kind {
		case tokName:
			g.seq = append(g.seq, p.ref(t.text))
		case tokLiteral:
			if len(t.text) == 1 {
				g.seq = append(g.seq, p.b.literal(t.text)...)
			} else {
				g.seq = append(g.seq, p.b.either(name, p.b.literal(t.text))) // one unit, for a repetition after it
			}
		case tokClass:
			g.seq = append(g.seq, p.b.chars(name, t.ranges))
		case tokRepeat:
			if err := p.repeated(g, name, t.low, t.high, t.line); err != nil {
				return err
			}
		case tokMark:
			switch t.text {
			case ".":
				g.seq = append(g.seq, p.b.chars(name, []runeRange{{0, utf8.MaxRune}}))
			case "|":
				p.b.add(g.rule, g.seq...)
				g.seq = nil
			case "(":
				if len(open) >= p.b.limits.Nesting {
					return fmt.Errorf("grammar: line %d: %w: groups more than %d deep", t.line, ErrTooLarge, p.b.limits.Nesting)
				}
				open = append(open, group{rule: p.b.rule(name)})
			case ")":
				if len(open) == 1 {
					return fmt.Errorf("grammar: line %d: rule %q: a ) has no (", t.line, name)
				}
				p.b.add(g.rule, g.seq...)
				inner := g.rule
				open = open[:len(open)-1]
				open[len(open)-1].seq = append(open[len(open)-1].seq, inner)
			case "*":
				if err := p.repeated(g, name, 0, -1, t.line); err != nil {
					return err
				}
			case "+":
				if err := p.repeated(g, name, 1, -1, t.line); err != nil {
					return err
				}
			case "?":
				if err := p.repeated(g, name, 0, 1, t.line); err != nil {
					return err
				}
			}
		}
		if p.b.err != nil {
			return p.b.err
		}
	}
	line := 0
	if len(toks) > 0 {
		line = toks[len(toks)-1].line
	}
	return finish(line)
}

func (p *gbnf) repeated(g *group, name string, low, high, line int) error {
	if len(g.seq) == 0 {
		return fmt.Errorf("grammar: line %d: rule %q: a repetition of nothing", line, name)
	}
	last := g.seq[len(g.seq)-1]
	g.seq = append(g.seq[:len(g.seq)-1:len(g.seq)-1], p.b.repeat(name, last, low, high)...)
	return p.b.err
}
