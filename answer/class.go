package answer

import (
	"slices"
	"strings"
)

const (
	// maxClassBytes is how long a key may be to be looked at for its class.
	// What is longer is hardly ever said twice in two ways.
	maxClassBytes = 300
	// maxClassDepth bounds lists in lists.
	maxClassDepth = 6
)

// Class returns a name that is equal for answers that mean the same, though
// they are written in two ways: formulas with the same value everywhere
// (x**2/7 and 1/7*x**2, 2*sqrt(3) and sqrt(12)), "x=3" and "3", equations and
// logic formulas up to the order of what commutes, tuples and sets member by
// member, "1 or -1" and "±1". Answers with equal keys have equal classes, but
// for quoted text, whose blanks count.
//
// It is no normal form that people should read; Key is. Like keys it is
// cautious: arithmetic that isn't worked out is the same only as other
// arithmetic with the same numbers and value (8*3+5-5 and 5-5+3*8, not 24), a
// list is not a tuple, and a logic formula is not the one that follows from it.
func (a Answer) Class() string {
	switch a.Kind {
	case KindNumber, KindChoice, KindJSON:
		return a.Key
	}
	if len(a.Key) > maxClassBytes || strings.Contains(a.Key, "…#") {
		return a.Key
	}
	if a.Kind == KindText && a.Text != "" && (a.Text[0] == '"' || a.Text[0] == '\'') {
		return a.Key // a string, in which every blank counts
	}
	return class(a.Key, 0)
}

// class returns the class of a key.
func class(s string, depth int) string {
	if depth > maxClassDepth || s == "" {
		return s
	}
	s = mendBrackets(trim(s))
	if s == "" || isPlainNumber(s) {
		return s
	}
	if c, ok := enclosed(s, depth); ok {
		return c
	}
	if c, ok := listed(s, depth); ok {
		return c
	}
	if c, ok := alternativesClass(s, depth); ok {
		return c
	}
	if c, ok := equation(s); ok {
		return c
	}
	if c, ok := algebra(s); ok {
		return c
	}
	if c, ok := logic(s); ok {
		return c
	}
	return s
}

// mendBrackets drops square brackets at the ends that open or close nothing,
// and closes those at both ends that an answer lost with the marks around it:
// "[24" is 24, "3,5],[8,10" is [3,5],[8,10]. Half-open intervals stay.
func mendBrackets(s string) string {
	if strings.Count(s, "(") != strings.Count(s, ")") {
		return s
	}
	open, shut := strings.Count(s, "["), strings.Count(s, "]")
	if open == shut {
		if open > 0 && strings.IndexByte(s, ']') < strings.IndexByte(s, '[') {
			return "[" + s + "]"
		}
		return s
	}
	mended := s
	for open > shut && strings.HasPrefix(mended, "[") {
		mended, open = mended[1:], open-1
	}
	for shut > open && strings.HasSuffix(mended, "]") {
		mended, shut = mended[:len(mended)-1], shut-1
	}
	if open != shut || trim(mended) == "" {
		return s
	}
	return trim(mended)
}

// enclosed returns the class of a text that is one pair of brackets around
// the rest.
func enclosed(s string, depth int) (string, bool) {
	if strings.IndexByte("[({", s[0]) < 0 {
		return "", false
	}
	parts, seps, end := split(s, 1)
	if end != len(s)-1 || strings.Contains(seps, ";") {
		return "", false
	}
	open, shut := s[0], s[len(s)-1]
	if open == '(' && shut == ')' && len(parts) == 1 {
		inner := parts[0]
		if c := class(inner, depth+1); c != trim(inner) || isPlainNumber(c) {
			return c, true
		}
		return "", false
	}
	if open == '[' && shut == ']' && len(parts) == 1 && strings.HasPrefix(parts[0], "[") {
		// [[p∧q]]: no list of lists holds a bare formula.
		inner, _, at := split(parts[0], 1)
		if at == len(parts[0])-1 && len(inner) == 1 && strings.ContainsAny(inner[0], "()∧∨¬→⇒∀∃&+*^=") && !strings.ContainsAny(inner[0], `"':`) {
			return class(inner[0], depth+1), true
		}
	}
	classes := make([]string, len(parts))
	for i, p := range parts {
		if strings.Contains(p, ":") && open == '{' {
			return "", false // a dictionary, or {x: x > 0}
		}
		classes[i] = member(p, depth)
	}
	if open == '{' && shut == '}' {
		slices.Sort(classes)
		classes = slices.Compact(classes)
	}
	return string(open) + strings.Join(classes, ",") + string(shut), true
}

// member returns the class of one element of a list.
func member(s string, depth int) string {
	s = trim(s)
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		return s
	}
	if key, ok := plainNumber(s); ok {
		return key
	}
	return class(s, depth+1)
}

// plainNumber returns the key of a number that begins with a digit, a sign or
// a point.
func plainNumber(s string) (string, bool) {
	s = trim(s)
	if s == "" || !isDigit(s[0]) && s[0] != '-' && s[0] != '.' {
		return "", false
	}
	key := number(s)
	return key, key != ""
}

// listed returns the class of elements with commas or semicolons between
// them, without brackets around: a tuple where each is in brackets itself,
// assignments in any order, else the same elements in the same order.
func listed(s string, depth int) (string, bool) {
	parts, seps, end := split(s, 0)
	if end != len(s) || len(parts) < 2 {
		return "", false
	}
	bracketed, assigned, values, whole := seps[0] == ',', true, true, true
	names := map[string]bool{}
	classes := make([]string, len(parts))
	for i, p := range parts {
		p = trim(p)
		if p == "" {
			return "", false
		}
		bracketed = bracketed && closed(p)
		name, value, ok := strings.Cut(p, "=")
		name = trim(name)
		if key, number := plainNumber(value); ok && number && isName(name) && !names[name] {
			names[name] = true
			classes[i] = name + "=" + key
			continue
		}
		assigned = false
		classes[i] = member(p, depth)
		_, number := plainNumber(p)
		values = values && (number || strings.HasPrefix(classes[i], "≡") || isPlainNumber(classes[i]))
		whole = whole && number && !strings.Contains(p, ".")
	}
	if assigned {
		slices.Sort(classes)
		return strings.Join(classes, ","), true
	}
	if !bracketed && !closedAny(parts) && (!values || whole) {
		return s, true // words, whose blanks may be part of a string
	}
	var b strings.Builder
	if bracketed {
		b.WriteByte('(')
	}
	for i, c := range classes {
		if i > 0 {
			b.WriteByte(seps[i-1])
		}
		b.WriteString(c)
	}
	if bracketed {
		b.WriteByte(')')
	}
	return b.String(), true
}

// isName reports whether s is letters and digits that begin with a letter.
func isName(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && (i == 0 || !isDigit(s[i]) && s[i] != '_') {
			return false
		}
	}
	return s != ""
}

// closed reports whether one pair of brackets stands around all of s.
func closed(s string) bool {
	if strings.IndexByte("[({", s[0]) < 0 {
		return false
	}
	_, _, end := split(s, 1)
	return end == len(s)-1
}

// closedAny reports whether any of the parts is in brackets.
func closedAny(parts []string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { p = trim(p); return p != "" && closed(p) })
}

// split cuts s[from:] at the commas and semicolons outside of brackets and
// quotes. seps are these, one for each cut; end is where the bracket that s
// was in closes, or the length of s. A text with brackets that don't fit ends
// at -1.
func split(s string, from int) (parts []string, seps string, end int) {
	depth, start := 0, from
	for i := from; i < len(s); i++ {
		switch s[i] {
		case '"':
			for i++; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' {
					i++
				}
			}
			if i >= len(s) {
				return nil, "", -1
			}
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth == 0 {
				if from == 0 {
					return nil, "", -1
				}
				return append(parts, s[start:i]), seps, i
			}
			depth--
		case ',', ';':
			if depth == 0 {
				parts, seps, start = append(parts, s[start:i]), seps+s[i:i+1], i+1
			}
		}
	}
	if depth != 0 || from != 0 {
		return nil, "", -1
	}
	return append(parts, s[start:]), seps, len(s)
}

// alternativesClass returns the class of "1 or -1" and "±1": the values in
// any order.
func alternativesClass(s string, depth int) (string, bool) {
	plain := strings.ReplaceAll(s, "text{or}", "or")
	var parts []string
	if name, value, ok := strings.Cut(plain, "±"); ok {
		base := trim(name)
		if variable, rest, eq := strings.Cut(base, "="); eq && isName(trim(variable)) {
			base = trim(rest)
		}
		if base == "" {
			parts = []string{value, "-(" + value + ")"}
		} else {
			parts = []string{base + "+" + value, base + "-(" + value + ")"}
		}
	} else {
		at := strings.Index(plain, "or")
		if at < 1 {
			return "", false
		}
		parts = strings.Split(plain, "or")
	}
	classes := make([]string, len(parts))
	for i, p := range parts {
		p = trim(p)
		if closed := strings.HasPrefix(p, "[") && strings.HasSuffix(p, "]"); closed {
			p = p[1 : len(p)-1]
		}
		if p == "" {
			return "", false
		}
		c, ok := plainNumber(p)
		if !ok {
			c, ok = equation(p)
		}
		if !ok {
			c, ok = algebra(p)
		}
		if !ok {
			return "", false
		}
		classes[i] = c
	}
	slices.Sort(classes)
	return "or " + strings.Join(slices.Compact(classes), " "), true
}
