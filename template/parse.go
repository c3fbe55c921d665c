package template

import (
	"fmt"
	"strconv"
	"strings"
)

// parser reads statements and expressions by recursive descent, with a bound
// on the nesting.
type parser struct {
	tokens []token
	pos    int
	depth  int
	loops  int // around the current statement
}

func (p *parser) peek() token { return p.tokens[p.pos] }

func (p *parser) next() token {
	t := p.tokens[p.pos]
	if t.kind != tokenEnd {
		p.pos++
	}
	return t
}

func (p *parser) fail(format string, args ...any) error {
	return fmt.Errorf("line %d: %s", p.peek().line, fmt.Sprintf(format, args...))
}

// nest enters a level; the caller leaves it by the returned function.
func (p *parser) nest() (func(), error) {
	p.depth++
	if p.depth > maxNesting {
		return func() {}, p.fail("nested deeper than %d", maxNesting)
	}
	return func() { p.depth-- }, nil
}

// is reports whether the next token is that operator or, for a word, name.
func (p *parser) is(text string) bool {
	t := p.peek()
	return t.text == text && (t.kind == tokenOp || t.kind == tokenName)
}

func (p *parser) accept(text string) bool {
	if !p.is(text) {
		return false
	}
	p.pos++
	return true
}

func (p *parser) want(text string) error {
	if !p.accept(text) {
		return p.fail("got %v, want %q", p.peek(), text)
	}
	return nil
}

func (p *parser) end() error {
	if p.peek().kind != tokenBlockEnd {
		return p.fail("got %v, want the end of the tag", p.peek())
	}
	p.pos++
	return nil
}

func (p *parser) name() (string, error) {
	t := p.peek()
	if t.kind != tokenName {
		return "", p.fail("got %v, want a name", t)
	}
	p.pos++
	return t.text, nil
}

func (p *parser) template() ([]node, error) {
	body, err := p.body()
	if err != nil {
		return nil, err
	}
	if p.peek().kind != tokenEnd {
		return nil, p.fail("%q without its beginning", p.tokens[p.pos+1].text)
	}
	return body, nil
}

// body reads up to a tag with one of the words, which it leaves unread; at
// the end of the source it stops too.
func (p *parser) body(until ...string) ([]node, error) {
	leave, err := p.nest()
	defer leave()
	if err != nil {
		return nil, err
	}
	var body []node
	for {
		t := p.peek()
		switch t.kind {
		case tokenEnd:
			if len(until) > 0 {
				return nil, p.fail("the source ends, want %s", until[len(until)-1])
			}
			return body, nil
		case tokenData:
			p.pos++
			body = append(body, &textNode{t.text})
		case tokenVar:
			p.pos++
			x, err := p.tuple(true)
			if err != nil {
				return nil, err
			}
			if p.peek().kind != tokenVarEnd {
				return nil, p.fail("got %v, want }}", p.peek())
			}
			p.pos++
			body = append(body, &printNode{x, t.line})
		case tokenBlock:
			word := p.tokens[p.pos+1]
			for _, u := range until {
				if word.kind == tokenName && word.text == u {
					return body, nil
				}
			}
			if word.kind == tokenName && (strings.HasPrefix(word.text, "end") || word.text == "else" || word.text == "elif") {
				if len(until) == 0 {
					return body, nil // the caller names it
				}
				return nil, p.fail("got %q, want %s", word.text, until[len(until)-1])
			}
			p.pos++
			n, err := p.statement()
			if err != nil {
				return nil, err
			}
			if n != nil {
				body = append(body, n)
			}
		default:
			return nil, p.fail("unexpected %v", t)
		}
	}
}

// close reads the tag that ends a block: {% word %}.
func (p *parser) close(word string) error {
	p.pos++ // {%
	if err := p.want(word); err != nil {
		return err
	}
	return p.end()
}

func (p *parser) statement() (node, error) {
	line := p.peek().line
	word, err := p.name()
	if err != nil {
		return nil, err
	}
	switch word {
	case "if":
		return p.ifStatement(line)
	case "for":
		return p.forStatement(line)
	case "set":
		return p.setStatement(line)
	case "macro":
		return p.macroStatement(line)
	case "break", "continue":
		if p.loops == 0 {
			return nil, p.fail("%s outside of a loop", word)
		}
		return &jumpNode{word}, p.end()
	case "generation": // marks what the model wrote, for training
		if err := p.end(); err != nil {
			return nil, err
		}
		body, err := p.body("endgeneration")
		if err != nil {
			return nil, err
		}
		return &groupNode{body}, p.close("endgeneration")
	case "filter":
		return p.filterStatement(line)
	case "call":
		return p.callStatement(line)
	}
	return nil, p.fail("the tag %q is not part of chat templates here", word)
}

func (p *parser) ifStatement(line int) (node, error) {
	n := &ifNode{line: line}
	for {
		test, err := p.tuple(true)
		if err != nil {
			return nil, err
		}
		if err := p.end(); err != nil {
			return nil, err
		}
		body, err := p.body("elif", "else", "endif")
		if err != nil {
			return nil, err
		}
		n.tests, n.bodies = append(n.tests, test), append(n.bodies, body)
		p.pos++
		switch word, _ := p.name(); word {
		case "elif":
			continue
		case "else":
			if err := p.end(); err != nil {
				return nil, err
			}
			if n.other, err = p.body("endif"); err != nil {
				return nil, err
			}
			return n, p.close("endif")
		}
		return n, p.end()
	}
}

func (p *parser) forStatement(line int) (node, error) {
	n := &forNode{line: line}
	var err error
	if n.targets, err = p.targets(); err != nil {
		return nil, err
	}
	if err := p.want("in"); err != nil {
		return nil, err
	}
	// Without a condition: "if" begins the loop's filter.
	if n.list, err = p.tuple(false); err != nil {
		return nil, err
	}
	if p.accept("if") {
		if n.only, err = p.expr(); err != nil {
			return nil, err
		}
	}
	if p.is("recursive") {
		return nil, p.fail("recursive loops are not part of chat templates here")
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	p.loops++
	n.body, err = p.body("else", "endfor")
	p.loops--
	if err != nil {
		return nil, err
	}
	p.pos++
	if p.accept("else") {
		if err := p.end(); err != nil {
			return nil, err
		}
		if n.other, err = p.body("endfor"); err != nil {
			return nil, err
		}
		p.pos++
	}
	if err := p.want("endfor"); err != nil {
		return nil, err
	}
	return n, p.end()
}

// targets reads names to assign to: a, or a, b, also in parentheses.
func (p *parser) targets() ([]string, error) {
	paren := p.accept("(")
	var names []string
	for {
		name, err := p.name()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
		if !p.accept(",") {
			break
		}
	}
	if paren {
		return names, p.want(")")
	}
	return names, nil
}

func (p *parser) setStatement(line int) (node, error) {
	n := &setNode{line: line}
	var err error
	if n.targets, err = p.targets(); err != nil {
		return nil, err
	}
	if len(n.targets) == 1 && p.accept(".") {
		if n.attr, err = p.name(); err != nil {
			return nil, err
		}
	}
	if p.accept("=") {
		if n.value, err = p.tuple(true); err != nil {
			return nil, err
		}
		return n, p.end()
	}
	if len(n.targets) != 1 {
		return nil, p.fail("got %v, want \"=\"", p.peek())
	}
	n.value = &captured{}
	body := n.value.(*captured)
	if n.value, err = p.filters(n.value); err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	if body.body, err = p.body("endset"); err != nil {
		return nil, err
	}
	return n, p.close("endset")
}

func (p *parser) filterStatement(line int) (node, error) {
	body := &captured{}
	p.pos-- // let filters see a bar
	p.tokens[p.pos] = token{tokenOp, "|", line}
	x, err := p.filters(body)
	if err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	if body.body, err = p.body("endfilter"); err != nil {
		return nil, err
	}
	return &printNode{x, line}, p.close("endfilter")
}

func (p *parser) macroStatement(line int) (node, error) {
	n := &macroNode{line: line}
	var err error
	if n.name, err = p.name(); err != nil {
		return nil, err
	}
	if n.params, n.defaults, err = p.params(); err != nil {
		return nil, err
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	loops := p.loops
	p.loops = 0
	n.body, err = p.body("endmacro")
	p.loops = loops
	if err != nil {
		return nil, err
	}
	return n, p.close("endmacro")
}

// params reads (a, b=1).
func (p *parser) params() ([]string, []expr, error) {
	if err := p.want("("); err != nil {
		return nil, nil, err
	}
	var names []string
	var defaults []expr
	for !p.accept(")") {
		if len(names) > 0 {
			if err := p.want(","); err != nil {
				return nil, nil, err
			}
		}
		name, err := p.name()
		if err != nil {
			return nil, nil, err
		}
		var d expr
		if p.accept("=") {
			if d, err = p.expr(); err != nil {
				return nil, nil, err
			}
		}
		names, defaults = append(names, name), append(defaults, d)
	}
	return names, defaults, nil
}

// callStatement reads {% call f(x) %} ... {% endcall %}: the body is the
// macro's caller().
func (p *parser) callStatement(line int) (node, error) {
	x, err := p.expr()
	if err != nil {
		return nil, err
	}
	c, ok := x.(*callExpr)
	if !ok {
		return nil, p.fail("call wants a macro with its arguments")
	}
	if err := p.end(); err != nil {
		return nil, err
	}
	body, err := p.body("endcall")
	if err != nil {
		return nil, err
	}
	return &callNode{c, body, line}, p.close("endcall")
}

// tuple reads an expression or, with commas, a list of them. cond says
// whether "a if b else c" may stand outside of parentheses.
func (p *parser) tuple(cond bool) (expr, error) {
	one := p.expr
	if !cond {
		one = p.or
	}
	x, err := one()
	if err != nil || !p.is(",") {
		return x, err
	}
	list := &listExpr{items: []expr{x}}
	for p.accept(",") {
		if k := p.peek().kind; k == tokenBlockEnd || k == tokenVarEnd || p.is(")") {
			break
		}
		if x, err = one(); err != nil {
			return nil, err
		}
		list.items = append(list.items, x)
	}
	return list, nil
}

// expr reads a whole expression: a if b else c.
func (p *parser) expr() (expr, error) {
	leave, err := p.nest()
	defer leave()
	if err != nil {
		return nil, err
	}
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	for p.accept("if") {
		c := &condExpr{then: x}
		if c.test, err = p.or(); err != nil {
			return nil, err
		}
		if p.accept("else") {
			if c.other, err = p.expr(); err != nil {
				return nil, err
			}
		}
		x = c
	}
	return x, nil
}

// binary reads operators of one level, from the left.
func (p *parser) binary(sub func() (expr, error), ops ...string) (expr, error) {
	x, err := sub()
	if err != nil {
		return nil, err
	}
next:
	for {
		for _, op := range ops {
			if p.accept(op) {
				y, err := sub()
				if err != nil {
					return nil, err
				}
				x = &binaryExpr{op, x, y}
				continue next
			}
		}
		return x, nil
	}
}

func (p *parser) or() (expr, error)  { return p.binary(p.and, "or") }
func (p *parser) and() (expr, error) { return p.binary(p.not, "and") }

func (p *parser) not() (expr, error) {
	if !p.is("not") {
		return p.compare()
	}
	leave, err := p.nest()
	defer leave()
	if err != nil {
		return nil, err
	}
	p.pos++
	x, err := p.not()
	return &unaryExpr{"not", x}, err
}

func (p *parser) compare() (expr, error) {
	first, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := &compareExpr{first: first}
	for {
		op := p.peek().text
		switch {
		case p.accept("not"):
			if err := p.want("in"); err != nil {
				return nil, err
			}
			op = "not in"
		case p.peek().kind == tokenName && op == "in", p.peek().kind == tokenOp && (op == "==" || op == "!=" || op == "<" || op == ">" || op == "<=" || op == ">="):
			p.pos++
		default:
			if c.ops == nil {
				return first, nil
			}
			return c, nil
		}
		x, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.ops, c.rest = append(c.ops, op), append(c.rest, x)
	}
}

func (p *parser) sum() (expr, error)     { return p.binary(p.concat, "+", "-") }
func (p *parser) concat() (expr, error)  { return p.binary(p.product, "~") }
func (p *parser) product() (expr, error) { return p.binary(p.power, "*", "//", "/", "%") }
func (p *parser) power() (expr, error)   { return p.binary(p.unary, "**") }

func (p *parser) unary() (expr, error) {
	x, err := p.signed()
	if err != nil {
		return nil, err
	}
	return p.filters(x)
}

// signed reads a primary with what follows it, perhaps with a sign before,
// which binds tighter than a filter.
func (p *parser) signed() (expr, error) {
	if p.is("-") || p.is("+") {
		leave, err := p.nest()
		defer leave()
		if err != nil {
			return nil, err
		}
		op := p.next().text
		x, err := p.signed()
		return &unaryExpr{op, x}, err
	}
	x, err := p.primary()
	if err != nil {
		return nil, err
	}
	return p.postfix(x)
}

func (p *parser) postfix(x expr) (expr, error) {
	for {
		line := p.peek().line
		switch {
		case p.accept("."):
			t := p.next()
			if t.kind == tokenInt {
				n, _ := strconv.ParseInt(t.text, 10, 64)
				x = &indexExpr{x, &constExpr{n}, line}
				continue
			}
			if t.kind != tokenName {
				return nil, p.fail("got %v, want a name after the point", t)
			}
			x = &attrExpr{x, t.text, line}
		case p.accept("["):
			i, err := p.subscript()
			if err != nil {
				return nil, err
			}
			if s, ok := i.(*sliceExpr); ok {
				s.of = x
				x = s
			} else {
				x = &indexExpr{x, i, line}
			}
		case p.accept("("):
			c := &callExpr{f: x, line: line}
			var err error
			if c.args, c.named, err = p.args(); err != nil {
				return nil, err
			}
			x = c
		default:
			return x, nil
		}
	}
}

func (p *parser) subscript() (expr, error) {
	var parts [3]expr
	n := 0
	for !p.is("]") {
		if p.accept(":") {
			if n++; n > 2 {
				return nil, p.fail("a slice has at most three parts")
			}
			continue
		}
		if parts[n] != nil {
			return nil, p.fail("got %v, want \"]\"", p.peek())
		}
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		parts[n] = x
	}
	p.pos++
	if n > 0 {
		return &sliceExpr{parts: parts}, nil
	}
	if parts[0] == nil {
		return nil, p.fail("an index is missing")
	}
	return parts[0], nil
}

// named is one argument by name.
type named struct {
	name  string
	value expr
}

// args reads arguments after their opening parenthesis.
func (p *parser) args() ([]expr, []named, error) {
	var list []expr
	var byName []named
	for !p.accept(")") {
		if len(list)+len(byName) > 0 {
			if err := p.want(","); err != nil {
				return nil, nil, err
			}
			if p.accept(")") {
				break
			}
		}
		if t := p.peek(); t.kind == tokenName && p.tokens[p.pos+1].kind == tokenOp && p.tokens[p.pos+1].text == "=" {
			p.pos += 2
			x, err := p.expr()
			if err != nil {
				return nil, nil, err
			}
			byName = append(byName, named{t.text, x})
			continue
		}
		x, err := p.expr()
		if err != nil {
			return nil, nil, err
		}
		list = append(list, x)
	}
	return list, byName, nil
}

// filters reads "| name(args)" and "is name".
func (p *parser) filters(x expr) (expr, error) {
	for {
		line := p.peek().line
		switch {
		case p.accept("|"):
			name, err := p.name()
			if err != nil {
				return nil, err
			}
			f := &filterExpr{x: x, name: name, line: line}
			if filters[name] == nil {
				return nil, p.fail("unknown filter %q", name)
			}
			if p.accept("(") {
				if f.args, f.named, err = p.args(); err != nil {
					return nil, err
				}
			}
			x = f
		case p.accept("is"):
			t := &testExpr{x: x, line: line, not: p.accept("not")}
			var err error
			if t.name, err = p.name(); err != nil {
				return nil, err
			}
			if tests[t.name] == nil {
				return nil, p.fail("unknown test %q", t.name)
			}
			if err := p.testArgs(t); err != nil {
				return nil, err
			}
			if p.is("is") {
				return nil, p.fail("one test after another, want \"and\" between")
			}
			x = t
		default:
			return x, nil
		}
	}
}

// testArgs reads what a test compares with: in parentheses, or one value.
func (p *parser) testArgs(t *testExpr) error {
	var err error
	switch k := p.peek(); {
	case p.accept("("):
		t.args, _, err = p.args()
	case k.kind == tokenString, k.kind == tokenInt, k.kind == tokenFloat, p.is("["), p.is("{"),
		k.kind == tokenName && k.text != "else" && k.text != "or" && k.text != "and" && k.text != "is" && k.text != "if" && k.text != "not" && k.text != "in":
		var x expr
		if x, err = p.primary(); err == nil {
			x, err = p.postfix(x)
		}
		t.args = []expr{x}
	}
	return err
}

func (p *parser) primary() (expr, error) {
	leave, err := p.nest()
	defer leave()
	if err != nil {
		return nil, err
	}
	t := p.next()
	switch t.kind {
	case tokenName:
		switch t.text {
		case "true", "True":
			return &constExpr{true}, nil
		case "false", "False":
			return &constExpr{false}, nil
		case "none", "None":
			return &constExpr{nil}, nil
		}
		return &nameExpr{t.text, t.line}, nil
	case tokenString:
		text := t.text
		for p.peek().kind == tokenString {
			text += p.next().text
		}
		return &constExpr{text}, nil
	case tokenInt:
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return nil, p.fail("the number %s is too large", t.text)
		}
		return &constExpr{n}, nil
	case tokenFloat:
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, p.fail("the number %s is too large", t.text)
		}
		return &constExpr{f}, nil
	case tokenOp:
		switch t.text {
		case "(":
			if p.accept(")") {
				return &listExpr{}, nil
			}
			x, err := p.tuple(true)
			if err != nil {
				return nil, err
			}
			return x, p.want(")")
		case "[":
			return p.list()
		case "{":
			return p.mapping()
		}
	}
	return nil, p.fail("unexpected %v", t)
}

func (p *parser) list() (expr, error) {
	l := &listExpr{}
	for !p.accept("]") {
		if len(l.items) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
			if p.accept("]") {
				break
			}
		}
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, x)
	}
	return l, nil
}

func (p *parser) mapping() (expr, error) {
	m := &mapExpr{}
	for !p.accept("}") {
		if len(m.keys) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
			if p.accept("}") {
				break
			}
		}
		k, err := p.expr()
		if err != nil {
			return nil, err
		}
		if err := p.want(":"); err != nil {
			return nil, err
		}
		v, err := p.expr()
		if err != nil {
			return nil, err
		}
		m.keys, m.vals = append(m.keys, k), append(m.vals, v)
	}
	return m, nil
}
