package grammar

import (
	"fmt"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// char is one character of a JSON string: as it is, or escaped. Surrogates have no escapes here, so that a character
// is always one escape.
func (s *schemas) char() elem {
	return s.shared("char", func() elem {
		b := s.b
		plain := b.chars("char", []runeRange{{0x20, '"' - 1}, {'"' + 1, '\\' - 1}, {'\\' + 1, utf8.MaxRune}})
		var hex, octal, notD, short byteSet
		hex.add('0', '9')
		hex.add('a', 'f')
		hex.add('A', 'F')
		octal.add('0', '7')
		notD = hex
		for _, c := range []byte("dD") {
			notD[c>>6] &^= 1 << (c & 63)
		}
		for _, c := range []byte(`"\/bfnrt`) {
			short.add(c, c)
		}
		var d byteSet
		d.add('d', 'd')
		d.add('D', 'D')
		h := b.set(hex)
		return b.either("char", []elem{plain},
			append(b.literal(`\`), b.set(short)),
			append(b.literal(`\u`), b.set(notD), h, h, h),
			append(b.literal(`\u`), b.set(d), b.set(octal), h, h))
	})
}

// formats are patterns of the formats that are held to; years, months and days are as the calendar has them, leap days
// left out.
var formats = map[string]string{
	"date":      datePattern,
	"time":      timePattern,
	"date-time": datePattern + "T" + timePattern,
	"uuid":      `[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`,
}

const (
	datePattern = `[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))`
	timePattern = `([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])`
)

func (s *schemas) text(v *value, at string) elem {
	b := s.b
	low, ok := s.size(v, "minLength", at, 0)
	high, ok2 := s.size(v, "maxLength", at, -1)
	if !ok || !ok2 {
		return elem{}
	}
	if high >= 0 && high < low {
		return s.fail(at, "minLength %d is more than maxLength %d", low, high)
	}
	pattern, whole := v.get("pattern"), false
	if f := v.get("format"); f != nil && pattern == nil {
		if f.kind != stringValue {
			return s.fail(at, "format: got %s, want a name", f.kind)
		}
		if p, ok := formats[f.text]; ok {
			pattern, whole = &value{kind: stringValue, text: p}, true
		}
	}
	if pattern == nil {
		if low == 0 && high < 0 {
			return s.shared("string", func() elem {
				return b.either("string", join(b.literal(`"`), b.repeat("chars", s.char(), 0, -1), b.literal(`"`)))
			})
		}
		return b.either(at, join(b.literal(`"`), b.repeat("chars", s.char(), low, high), b.literal(`"`)))
	}
	if pattern.kind != stringValue {
		return s.fail(at, "pattern: got %s, want a string", pattern.kind)
	}
	if !whole && (v.get("minLength") != nil || v.get("maxLength") != nil) {
		return s.fail(at, "minLength and maxLength beside pattern are not supported")
	}
	re, err := syntax.Parse(pattern.text, syntax.Perl)
	if err != nil {
		return s.fail(at, "pattern: %w", err)
	}
	re = re.Simplify()
	seq, from, to, err := s.anchors(re)
	if err != nil {
		return s.fail(at, "pattern %q: %w", clipText(pattern.text), err)
	}
	out := b.literal(`"`)
	if !from && !whole {
		out = append(out, b.repeat("chars", s.char(), 0, -1)...)
	}
	for _, x := range seq {
		e, err := s.regexp(x, 0)
		if err != nil {
			return s.fail(at, "pattern %q: %w", clipText(pattern.text), err)
		}
		out = append(out, e...)
	}
	if !to && !whole {
		out = append(out, b.repeat("chars", s.char(), 0, -1)...)
	}
	return b.either(at, append(out, b.literal(`"`)...))
}

func clipText(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// anchors takes ^ and $ off the ends of a pattern.
func (s *schemas) anchors(re *syntax.Regexp) (seq []*syntax.Regexp, from, to bool, err error) {
	seq = []*syntax.Regexp{re}
	if re.Op == syntax.OpConcat {
		seq = slices.Clone(re.Sub)
	}
	if len(seq) > 0 && (seq[0].Op == syntax.OpBeginText || seq[0].Op == syntax.OpBeginLine) {
		from, seq = true, seq[1:]
	}
	if n := len(seq); n > 0 && (seq[n-1].Op == syntax.OpEndText || seq[n-1].Op == syntax.OpEndLine) {
		to, seq = true, seq[:n-1]
	}
	return seq, from, to, nil
}

// regexp turns a part of a pattern into rules. Its depth is bounded: regexp/syntax parses no deeper than 1,000.
func (s *schemas) regexp(re *syntax.Regexp, depth int) ([]elem, error) {
	b := s.b
	if depth > 1000 || b.err != nil {
		return nil, fmt.Errorf("%w: groups too deep", ErrTooLarge)
	}
	sub := func(i int) (elem, error) {
		seq, err := s.regexp(re.Sub[i], depth+1)
		if len(seq) == 1 && err == nil {
			return seq[0], nil
		}
		return b.either("pattern", seq), err
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		return nil, nil
	case syntax.OpNoMatch:
		return []elem{b.rule("pattern")}, nil
	case syntax.OpLiteral:
		var out []elem
		for _, r := range re.Rune {
			ranges := []runeRange{{r, r}}
			if re.Flags&syntax.FoldCase != 0 {
				one, err := syntax.Parse("(?i:"+escape(r)+")", syntax.Perl)
				if err == nil && one.Op == syntax.OpCharClass {
					ranges = pairs(one.Rune)
				}
			}
			out = append(out, s.written(ranges))
		}
		return out, nil
	case syntax.OpCharClass:
		return []elem{s.written(pairs(re.Rune))}, nil
	case syntax.OpAnyChar:
		return []elem{s.written([]runeRange{{0, utf8.MaxRune}})}, nil
	case syntax.OpAnyCharNotNL:
		return []elem{s.written(others([]runeRange{{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}))}, nil
	case syntax.OpCapture:
		return s.regexp(re.Sub[0], depth+1)
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		x, err := sub(0)
		if err != nil {
			return nil, err
		}
		low, high := map[syntax.Op]int{syntax.OpPlus: 1}[re.Op], -1
		if re.Op == syntax.OpQuest {
			high = 1
		}
		if re.Op == syntax.OpRepeat {
			low, high = re.Min, re.Max
		}
		return b.repeat("pattern", x, low, high), nil
	case syntax.OpConcat:
		var out []elem
		for i := range re.Sub {
			seq, err := s.regexp(re.Sub[i], depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, seq...)
		}
		return out, nil
	case syntax.OpAlternate:
		r := b.rule("pattern")
		for i := range re.Sub {
			seq, err := s.regexp(re.Sub[i], depth+1)
			if err != nil {
				return nil, err
			}
			b.add(r, seq...)
		}
		return []elem{r}, nil
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		return nil, fmt.Errorf("an anchor inside the pattern is not supported")
	}
	return nil, fmt.Errorf("%v is not supported", re)
}

func escape(r rune) string { return fmt.Sprintf(`\x{%x}`, r) }

func pairs(r []rune) []runeRange {
	out := make([]runeRange, 0, len(r)/2)
	for i := 0; i+1 < len(r); i += 2 {
		out = append(out, runeRange{r[i], r[i+1]})
	}
	return out
}

// written is one character out of the ranges, the way JSON writes it: quotes, backslashes and control characters
// escaped, all others as they are.
func (s *schemas) written(ranges []runeRange) elem {
	b := s.b
	var plain []runeRange
	var escapes [][]elem
	for _, r := range ranges {
		for c := max(r.lo, 0); c <= min(r.hi, '\\'); c++ {
			if c >= 0x20 && c != '"' && c != '\\' {
				continue
			}
			q := quoted(string(c))
			escapes = append(escapes, b.literal(string(q[1:len(q)-1])))
		}
		for _, part := range []runeRange{{0x20, '"' - 1}, {'"' + 1, '\\' - 1}, {'\\' + 1, utf8.MaxRune}} {
			if lo, hi := max(r.lo, part.lo), min(r.hi, part.hi); lo <= hi {
				plain = append(plain, runeRange{lo, hi})
			}
		}
	}
	r := b.rule("pattern")
	if len(plain) > 0 {
		b.add(r, b.chars("pattern", plain))
	}
	for _, e := range escapes {
		b.add(r, e...)
	}
	return r
}
