package answer

import (
	"math"
	"strconv"
	"strings"
)

// parseFormula reads a formula. What can be read in two ways is refused.
func parseFormula(s string) (*formula, bool) {
	if len(s) > maxClassBytes {
		return nil, false
	}
	p := &formulaParser{s: s, f: &formula{}}
	t, ok := p.sum(0)
	if p.blanks(); !ok || p.i < len(p.s) {
		return nil, false
	}
	p.f.root = t
	return p.f, true
}

type formulaParser struct {
	s string
	i int
	f *formula
}

func (p *formulaParser) blanks() {
	for p.i < len(p.s) && p.s[p.i] == ' ' {
		p.i++
	}
}

func (p *formulaParser) take(what string) bool {
	if !strings.HasPrefix(p.s[p.i:], what) {
		return false
	}
	p.i += len(what)
	return true
}

// node counts an operation.
func (p *formulaParser) node(t term) (*term, bool) {
	if t.op != 'n' && t.op != 'v' && t.op != '_' {
		p.f.terms++
	}
	return &t, p.f.terms <= maxTerms
}

// sum reads products with + and - between them.
func (p *formulaParser) sum(depth int) (*term, bool) {
	if depth > maxTermDepth {
		return nil, false
	}
	t, ok := p.product(depth)
	for ok {
		p.blanks()
		var op byte
		switch {
		case p.take("+"):
			op = '+'
		case p.take("-"):
			op = '-'
		default:
			return t, true
		}
		var right *term
		if right, ok = p.product(depth); ok {
			t, ok = p.node(term{op: op, left: t, right: right})
		}
	}
	return nil, false
}

// product reads powers with signs of multiplication, division or nothing
// between them.
func (p *formulaParser) product(depth int) (*term, bool) {
	t, ok := p.signed(depth)
	divided := false
	for ok {
		blank := p.i < len(p.s) && p.s[p.i] == ' '
		p.blanks()
		var op byte
		var right *term
		switch {
		case strings.HasPrefix(p.s[p.i:], "**"):
			return nil, false
		case p.take("*"), p.take("·"), p.take("×"), p.take("cdot"), p.take("times"):
			op = '*'
			right, ok = p.signed(depth)
		case p.take("/"), p.take("÷"):
			op, divided = '/', true
			right, ok = p.signed(depth)
		case p.starts():
			// 2x; but 1/2x may be x/2 or 1/(2x), and "2 3" is no product.
			if blank || divided || isDigit(p.s[p.i]) {
				return nil, false
			}
			op = '*'
			p.f.bare++ // 2e may be a name
			right, ok = p.power(depth)
		default:
			return t, true
		}
		if ok {
			t, ok = p.node(term{op: op, left: t, right: right})
		}
	}
	return nil, false
}

// starts reports whether a factor begins here.
func (p *formulaParser) starts() bool {
	if p.i >= len(p.s) {
		return false
	}
	c := p.s[p.i]
	return isLetter(c) && !strings.HasPrefix(p.s[p.i:], "right") || isDigit(c) || c == '('
}

// signed reads a factor with its signs.
func (p *formulaParser) signed(depth int) (*term, bool) {
	if depth > maxTermDepth {
		return nil, false
	}
	p.blanks()
	switch {
	case p.take("-"):
		t, ok := p.signed(depth + 1)
		if !ok {
			return nil, false
		}
		return p.node(term{op: '_', left: t})
	case p.take("+"):
		return p.signed(depth + 1)
	}
	return p.power(depth)
}

// power reads a factor and its exponent.
func (p *formulaParser) power(depth int) (*term, bool) {
	t, ok := p.factor(depth)
	if !ok {
		return nil, false
	}
	p.blanks()
	if !p.take("**") && !p.take("^") {
		return t, true
	}
	exponent, ok := p.exponent(depth + 1)
	if !ok {
		return nil, false
	}
	if exponent.op != 'n' && (exponent.op != '_' || exponent.left.op != 'n') || exponent.number != math.Trunc(exponent.number) {
		p.f.irrational = true
	}
	if t.op == 'v' && t.name == "e" {
		p.f.irrational = true
		return p.node(term{op: 'f', name: "exp", left: exponent})
	}
	return p.node(term{op: '^', left: t, right: exponent})
}

func (p *formulaParser) exponent(depth int) (*term, bool) {
	p.blanks()
	if p.take("{") {
		t, ok := p.sum(depth)
		return t, ok && p.take("}")
	}
	return p.signed(depth)
}

// factor reads a number, a variable, a function or what stands in parentheses.
func (p *formulaParser) factor(depth int) (*term, bool) {
	if depth > maxTermDepth {
		return nil, false
	}
	p.blanks()
	if p.take("left(") {
		p.i--
	}
	if p.i >= len(p.s) {
		return nil, false
	}
	c := p.s[p.i]
	switch {
	case c == '(':
		p.i++
		return p.inner(depth, ")")
	case isDigit(c) || c == '.':
		return p.literal()
	case strings.HasPrefix(p.s[p.i:], "π"):
		p.i += len("π")
		return p.pi()
	case !isLetter(c):
		return nil, false
	}
	start := p.i
	for p.i < len(p.s) && isLetter(p.s[p.i]) {
		p.i++
	}
	name := p.s[start:p.i]
	switch {
	case (name == "frac" || name == "dfrac" || name == "tfrac") && p.take("{"):
		a, ok := p.inner(depth, "}")
		if !ok || !p.take("{") {
			return nil, false
		}
		b, ok := p.inner(depth, "}")
		if !ok {
			return nil, false
		}
		return p.node(term{op: '/', left: a, right: b})
	case formulaFunctions[name] != nil:
		return p.function(name, depth)
	case name == "pi":
		return p.pi()
	case len(name) != 1 || p.i < len(p.s) && (p.s[p.i] == '(' || p.s[p.i] == '_' || p.s[p.i] == '{'):
		return nil, false // a word, or a function that nobody knows
	case p.i < len(p.s) && isDigit(p.s[p.i]):
		return nil, false // x2 may be a name
	}
	p.f.variable = true
	return p.node(term{op: 'v', name: name})
}

// inner reads up to a closing mark.
func (p *formulaParser) inner(depth int, shut string) (*term, bool) {
	t, ok := p.sum(depth + 1)
	if p.blanks(); !ok {
		return nil, false
	}
	p.take("right")
	return t, p.take(shut)
}

func (p *formulaParser) pi() (*term, bool) {
	p.f.irrational = true
	p.f.literals = append(p.f.literals, "pi")
	return p.node(term{op: 'n', name: "pi", number: math.Pi})
}

// function reads the argument of a function: in parentheses, or of a root a
// bare number.
func (p *formulaParser) function(name string, depth int) (*term, bool) {
	p.f.irrational = true
	var arg *term
	var ok bool
	switch {
	case p.take("("):
		arg, ok = p.inner(depth, ")")
	case name == "sqrt" && p.take("{"):
		arg, ok = p.inner(depth, "}")
	case name == "sqrt" && p.i < len(p.s) && isDigit(p.s[p.i]):
		if arg, ok = p.literal(); ok && p.i < len(p.s) && (isLetter(p.s[p.i]) || p.s[p.i] == '(' || p.s[p.i] == '^') {
			return nil, false
		}
	}
	if !ok || name == "log" && !p.f.variable {
		return nil, false // log(100) is 2 to some
	}
	return p.node(term{op: 'f', name: name, left: arg})
}

// literal reads a number that is exact in a float64, and is no rounded one.
func (p *formulaParser) literal() (*term, bool) {
	start, point := p.i, -1
	for p.i < len(p.s) && (isDigit(p.s[p.i]) || p.s[p.i] == '.' && point < 0) {
		if p.s[p.i] == '.' {
			point = p.i
		}
		p.i++
	}
	text := p.s[start:p.i]
	decimals := 0
	if point >= 0 {
		decimals = p.i - point - 1
	}
	if len(text) > maxLiteralSize || decimals > maxDecimalSize || text == "." || point == p.i-1 || len(text) > 1 && text[0] == '0' && point != start+1 {
		return nil, false
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, false
	}
	if point >= 0 { // 2.0 and 2 are the same number
		text = strconv.FormatFloat(v, 'f', -1, 64)
	}
	p.f.literals = append(p.f.literals, text)
	return p.node(term{op: 'n', number: v, name: text})
}
