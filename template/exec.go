package template

import (
	"errors"
	"fmt"
)

// exec is one rendering.
type exec struct {
	limits Limits
	out    []byte
	steps  int
	depth  int
	line   int // of the last statement or risky expression, for errors
}

// scope holds the names that were set at one level. Loops and macros open
// one; what they set ends with them.
type scope struct {
	parent *scope
	vars   map[string]any
}

func (s *scope) get(name string) (any, bool) {
	for ; s != nil; s = s.parent {
		if v, ok := s.vars[name]; ok {
			return v, true
		}
	}
	return nil, false
}

var (
	errDeep  = fmt.Errorf("nested deeper than %d", maxDepth)
	errBreak = errors.New("break")
	errNext  = errors.New("continue")
)

// charge counts work: one step and one for each 64 bytes.
func (e *exec) charge(bytes int) error {
	e.steps += 1 + bytes/64
	if e.steps > e.limits.Steps {
		return fmt.Errorf("more than %d steps", e.limits.Steps)
	}
	return nil
}

func (e *exec) tooLong(n int) error {
	return fmt.Errorf("a text of %d bytes, want at most %d", n, e.limits.Bytes)
}

// room checks that a text of n bytes may be made, and charges for it.
func (e *exec) room(n int) error {
	if n < 0 || n > e.limits.Bytes {
		return e.tooLong(n)
	}
	return e.charge(n)
}

func (e *exec) write(s string) error {
	if len(e.out)+len(s) > e.limits.Bytes {
		return e.tooLong(len(e.out) + len(s))
	}
	e.out = append(e.out, s...)
	return e.charge(len(s))
}

// enter goes one level down; leave must follow.
func (e *exec) enter() error {
	if e.depth++; e.depth > maxDepth {
		return errDeep
	}
	return e.charge(0)
}

func (e *exec) leave() { e.depth-- }

// node is a statement.
type node interface {
	exec(e *exec, s *scope) error
}

// block runs statements; err is errBreak or errNext where they jump.
func (e *exec) block(body []node, s *scope) (any, error) {
	if err := e.enter(); err != nil {
		e.leave()
		return nil, err
	}
	defer e.leave()
	for _, n := range body {
		if err := n.exec(e, s); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// capture runs statements and returns what they print.
func (e *exec) capture(body []node, s *scope) (string, error) {
	outer := e.out
	e.out = nil
	_, err := e.block(body, s)
	text := string(e.out)
	e.out = outer
	return text, err
}

type textNode struct{ text string }

func (n *textNode) exec(e *exec, _ *scope) error { return e.write(n.text) }

type printNode struct {
	x    expr
	line int
}

func (n *printNode) exec(e *exec, s *scope) error {
	e.line = n.line
	v, err := e.eval(n.x, s)
	if err != nil {
		return err
	}
	text, err := e.str(v)
	if err != nil {
		return err
	}
	return e.write(text)
}

type groupNode struct{ body []node }

func (n *groupNode) exec(e *exec, s *scope) error {
	_, err := e.block(n.body, s)
	return err
}

type jumpNode struct{ word string }

func (n *jumpNode) exec(*exec, *scope) error {
	if n.word == "break" {
		return errBreak
	}
	return errNext
}

type ifNode struct {
	tests  []expr
	bodies [][]node
	other  []node
	line   int
}

func (n *ifNode) exec(e *exec, s *scope) error {
	for i, test := range n.tests {
		e.line = n.line
		v, err := e.eval(test, s)
		if err != nil {
			return err
		}
		if truth(v) {
			_, err := e.block(n.bodies[i], s)
			return err
		}
	}
	_, err := e.block(n.other, s)
	return err
}

type setNode struct {
	targets []string
	attr    string
	value   expr
	line    int
}

func (n *setNode) exec(e *exec, s *scope) error {
	e.line = n.line
	v, err := e.eval(n.value, s)
	if err != nil {
		return err
	}
	if n.attr == "" {
		return e.assign(s, n.targets, v)
	}
	target, _ := s.get(n.targets[0])
	ns, ok := target.(*namespace)
	if !ok {
		return fmt.Errorf("%q is %s, want a namespace to set %q of", n.targets[0], kindOf(target), n.attr)
	}
	ns.vars[n.attr] = v
	return nil
}

// assign gives a value to a name, or its elements to several.
func (e *exec) assign(s *scope, names []string, v any) error {
	if len(names) == 1 {
		s.vars[names[0]] = v
		return nil
	}
	list, err := e.items(v)
	if err != nil {
		return err
	}
	if len(list) != len(names) {
		return fmt.Errorf("%d values for %d names", len(list), len(names))
	}
	for i, name := range names {
		s.vars[name] = list[i]
	}
	return nil
}

type forNode struct {
	targets []string
	list    expr
	only    expr
	body    []node
	other   []node
	line    int
}

func (n *forNode) exec(e *exec, s *scope) error {
	e.line = n.line
	v, err := e.eval(n.list, s)
	if err != nil {
		return err
	}
	list, err := e.items(v)
	if err != nil {
		return err
	}
	if n.only != nil {
		var kept []any
		for _, v := range list {
			inner := &scope{parent: s, vars: map[string]any{}}
			if err := e.assign(inner, n.targets, v); err != nil {
				return err
			}
			ok, err := e.eval(n.only, inner)
			if err != nil {
				return err
			}
			if truth(ok) {
				kept = append(kept, v)
			}
		}
		list = kept
	}
	if len(list) == 0 {
		_, err := e.block(n.other, s)
		return err
	}
	l := &loop{list: list}
	if outer, ok := s.get("loop"); ok {
		if outer, ok := outer.(*loop); ok {
			l.depth = outer.depth + 1
		}
	}
	for i, v := range list {
		l.at = i
		inner := &scope{parent: s, vars: map[string]any{"loop": l}}
		if err := e.assign(inner, n.targets, v); err != nil {
			return err
		}
		if err := e.charge(0); err != nil {
			return err
		}
		if _, err := e.block(n.body, inner); err == errBreak {
			return nil
		} else if err != nil && err != errNext {
			return err
		}
	}
	return nil
}

// loop is the variable of that name inside of a loop.
type loop struct {
	list  []any
	at    int
	depth int
	last  any // of changed()
	asked bool
}

func (l *loop) attr(name string) (any, bool) {
	n, at := int64(len(l.list)), int64(l.at)
	switch name {
	case "index":
		return at + 1, true
	case "index0":
		return at, true
	case "revindex":
		return n - at, true
	case "revindex0":
		return n - at - 1, true
	case "first":
		return at == 0, true
	case "last":
		return at == n-1, true
	case "length":
		return n, true
	case "depth":
		return int64(l.depth) + 1, true
	case "depth0":
		return int64(l.depth), true
	case "previtem":
		if at > 0 {
			return l.list[at-1], true
		}
	case "nextitem":
		if at+1 < n {
			return l.list[at+1], true
		}
	case "cycle":
		return callable(func(_ *exec, args []any, _ map[string]any) (any, error) {
			if len(args) == 0 {
				return nil, errors.New("cycle wants values")
			}
			return args[l.at%len(args)], nil
		}), true
	case "changed":
		return callable(func(e *exec, args []any, _ map[string]any) (any, error) {
			same, err := e.equal(l.last, args, 0)
			if err != nil {
				return nil, err
			}
			changed := !l.asked || !same
			l.last, l.asked = args, true
			return changed, nil
		}), true
	}
	return nil, false
}

type macroNode struct {
	name     string
	params   []string
	defaults []expr
	body     []node
	line     int
}

func (n *macroNode) exec(_ *exec, s *scope) error {
	s.vars[n.name] = n.bind(s)
	return nil
}

// bind makes the macro a function that sees the names where it was written.
func (n *macroNode) bind(s *scope) callable {
	return func(e *exec, args []any, byName map[string]any) (any, error) {
		inner := &scope{parent: s, vars: map[string]any{}}
		if len(args) > len(n.params) {
			return nil, fmt.Errorf("%s got %d arguments, want at most %d", n.name, len(args), len(n.params))
		}
		used := 0
		for i, p := range n.params {
			v, ok := byName[p]
			switch {
			case i < len(args):
				v = args[i]
			case ok:
				used++
			case n.defaults[i] != nil:
				var err error
				if v, err = e.eval(n.defaults[i], inner); err != nil {
					return nil, err
				}
			default:
				v = undefined{p}
			}
			inner.vars[p] = v
		}
		if caller, ok := byName["caller"]; ok {
			inner.vars["caller"] = caller
			used++
		}
		if used != len(byName) {
			return nil, fmt.Errorf("%s got an argument by a name that it doesn't have", n.name)
		}
		text, err := e.capture(n.body, inner)
		if err == errBreak || err == errNext {
			err = nil
		}
		return text, err
	}
}

type callNode struct {
	call *callExpr
	body []node
	line int
}

func (n *callNode) exec(e *exec, s *scope) error {
	e.line = n.line
	caller := &macroNode{name: "caller", body: n.body}
	v, err := n.call.with(e, s, map[string]any{"caller": caller.bind(s)})
	if err != nil {
		return err
	}
	text, err := e.str(v)
	if err != nil {
		return err
	}
	return e.write(text)
}
