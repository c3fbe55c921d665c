package template

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// expr is an expression.
type expr interface {
	eval(e *exec, s *scope) (any, error)
}

// eval evaluates x one level down.
func (e *exec) eval(x expr, s *scope) (any, error) {
	if err := e.enter(); err != nil {
		e.leave()
		return nil, err
	}
	v, err := x.eval(e, s)
	e.leave()
	return v, err
}

type constExpr struct{ v any }

func (x *constExpr) eval(*exec, *scope) (any, error) { return x.v, nil }

type nameExpr struct {
	name string
	line int
}

func (x *nameExpr) eval(_ *exec, s *scope) (any, error) {
	if v, ok := s.get(x.name); ok {
		return v, nil
	}
	return undefined{x.name}, nil
}

type listExpr struct{ items []expr }

func (x *listExpr) eval(e *exec, s *scope) (any, error) {
	list := make([]any, len(x.items))
	for i, item := range x.items {
		v, err := e.eval(item, s)
		if err != nil {
			return nil, err
		}
		list[i] = v
	}
	return list, nil
}

type mapExpr struct{ keys, vals []expr }

func (x *mapExpr) eval(e *exec, s *scope) (any, error) {
	m := &Map{}
	for i := range x.keys {
		k, err := e.eval(x.keys[i], s)
		if err != nil {
			return nil, err
		}
		key, ok := k.(string)
		if !ok {
			if key, err = e.str(k); err != nil {
				return nil, err
			}
		}
		v, err := e.eval(x.vals[i], s)
		if err != nil {
			return nil, err
		}
		m.Set(key, v)
	}
	return m, nil
}

// captured is what a block printed, as a value.
type captured struct{ body []node }

func (x *captured) eval(e *exec, s *scope) (any, error) {
	return e.capture(x.body, &scope{parent: s, vars: map[string]any{}})
}

type condExpr struct{ test, then, other expr }

func (x *condExpr) eval(e *exec, s *scope) (any, error) {
	v, err := e.eval(x.test, s)
	if err != nil {
		return nil, err
	}
	if truth(v) {
		return e.eval(x.then, s)
	}
	if x.other == nil {
		return undefined{"the else of a condition"}, nil
	}
	return e.eval(x.other, s)
}

type unaryExpr struct {
	op string
	x  expr
}

func (x *unaryExpr) eval(e *exec, s *scope) (any, error) {
	v, err := e.eval(x.x, s)
	if err != nil {
		return nil, err
	}
	if x.op == "not" {
		return !truth(v), nil
	}
	switch n := v.(type) {
	case int64:
		if x.op == "-" {
			return -n, nil
		}
		return n, nil
	case float64:
		if x.op == "-" {
			return -n, nil
		}
		return n, nil
	}
	return nil, fmt.Errorf("%s has no sign", kindOf(v))
}

type binaryExpr struct {
	op   string
	a, b expr
}

func (x *binaryExpr) eval(e *exec, s *scope) (any, error) {
	a, err := e.eval(x.a, s)
	if err != nil {
		return nil, err
	}
	if x.op == "and" && !truth(a) || x.op == "or" && truth(a) {
		return a, nil
	}
	b, err := e.eval(x.b, s)
	if err != nil || x.op == "and" || x.op == "or" {
		return b, err
	}
	return e.operate(x.op, a, b)
}

func (e *exec) operate(op string, a, b any) (any, error) {
	if op == "~" {
		x, err := e.str(a)
		if err != nil {
			return nil, err
		}
		y, err := e.str(b)
		if err != nil {
			return nil, err
		}
		return e.join(x, y)
	}
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok && op == "+" {
			return e.join(x, y)
		}
		if n, ok := b.(int64); ok && op == "*" {
			if n <= 0 || x == "" {
				return "", nil
			}
			if n > int64(e.limits.Bytes/len(x)) {
				return nil, e.tooLong(e.limits.Bytes + 1)
			}
			if err := e.room(len(x) * int(n)); err != nil {
				return nil, err
			}
			return strings.Repeat(x, int(n)), nil
		}
	case []any:
		if y, ok := b.([]any); ok && op == "+" {
			if err := e.charge(16 * (len(x) + len(y))); err != nil {
				return nil, err
			}
			return append(append(make([]any, 0, len(x)+len(y)), x...), y...), nil
		}
	}
	i, iok := whole(a)
	k, kok := whole(b)
	if iok && kok && op != "/" {
		return integers(op, i, k)
	}
	x, xok := numeric(a)
	y, yok := numeric(b)
	if !xok || !yok {
		return nil, fmt.Errorf("%s %s %s has no meaning", kindOf(a), op, kindOf(b))
	}
	switch op {
	case "+":
		return x + y, nil
	case "-":
		return x - y, nil
	case "*":
		return x * y, nil
	case "**":
		return math.Pow(x, y), nil
	}
	if y == 0 {
		return nil, errors.New("division by zero")
	}
	switch op {
	case "/":
		return x / y, nil
	case "//":
		return math.Floor(x / y), nil
	}
	return x - y*math.Floor(x/y), nil
}

func whole(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// integers computes as Python does, which floors; a result that 64 bits don't
// hold is an error.
func integers(op string, a, b int64) (any, error) {
	tooLarge := errors.New("a number beyond 64 bits")
	switch op {
	case "+":
		if c := a + b; (c > a) == (b > 0) {
			return c, nil
		}
		return nil, tooLarge
	case "-":
		if c := a - b; (c < a) == (b > 0) {
			return c, nil
		}
		return nil, tooLarge
	case "*":
		if a == 0 || b == 0 {
			return int64(0), nil
		}
		c := a * b
		if c/b != a || a == -1 && b == math.MinInt64 || b == -1 && a == math.MinInt64 {
			return nil, tooLarge
		}
		return c, nil
	case "**":
		if b < 0 {
			return math.Pow(float64(a), float64(b)), nil
		}
		f := math.Pow(float64(a), float64(b))
		if math.Abs(f) >= 1<<62 {
			return nil, tooLarge
		}
		c := int64(1)
		for ; b > 0; b >>= 1 {
			if b&1 != 0 {
				c *= a
			}
			a *= a
		}
		return c, nil
	}
	if b == 0 {
		return nil, errors.New("division by zero")
	}
	if b == -1 { // the one quotient that can overflow
		if op == "%" {
			return int64(0), nil
		}
		return integers("-", 0, a)
	}
	q, r := a/b, a%b
	if r != 0 && (r < 0) != (b < 0) {
		q, r = q-1, r+b
	}
	if op == "//" {
		return q, nil
	}
	return r, nil
}

// join concatenates within the limits.
func (e *exec) join(x, y string) (any, error) {
	if err := e.room(len(x) + len(y)); err != nil {
		return nil, err
	}
	return x + y, nil
}

type compareExpr struct {
	first expr
	ops   []string
	rest  []expr
}

func (x *compareExpr) eval(e *exec, s *scope) (any, error) {
	a, err := e.eval(x.first, s)
	if err != nil {
		return nil, err
	}
	for i, op := range x.ops {
		b, err := e.eval(x.rest[i], s)
		if err != nil {
			return nil, err
		}
		ok, err := e.relate(op, a, b)
		if !ok || err != nil {
			return false, err
		}
		a = b
	}
	return true, nil
}

func (e *exec) relate(op string, a, b any) (bool, error) {
	switch op {
	case "==", "!=":
		same, err := e.equal(a, b, 0)
		return same == (op == "=="), err
	case "in", "not in":
		in, err := e.contains(b, a)
		return in == (op == "in"), err
	}
	c, err := e.compare(a, b, 0)
	if err != nil {
		return false, err
	}
	switch op {
	case "<":
		return c < 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	}
	return c >= 0, nil
}

func (e *exec) contains(set, v any) (bool, error) {
	switch set := set.(type) {
	case string:
		part, ok := v.(string)
		if !ok {
			return false, fmt.Errorf("%s can't be in a string", kindOf(v))
		}
		return strings.Contains(set, part), e.charge(len(set))
	case *Map:
		key, ok := v.(string)
		_, found := set.vals[key]
		return ok && found, nil
	case []any:
		for _, x := range set {
			if same, err := e.equal(x, v, 0); same || err != nil {
				return same, err
			}
		}
		return false, nil
	case undefined:
		return false, nil
	}
	return false, fmt.Errorf("%s has nothing in it", kindOf(set))
}

type attrExpr struct {
	x    expr
	name string
	line int
}

func (x *attrExpr) eval(e *exec, s *scope) (any, error) {
	v, err := e.eval(x.x, s)
	if err != nil {
		return nil, err
	}
	return e.attr(v, x.name, x.line)
}

// attr looks for a method, then for a key.
func (e *exec) attr(v any, name string, line int) (any, error) {
	switch v := v.(type) {
	case undefined:
		e.line = line
		return nil, fmt.Errorf("%s has no %q", kindOf(v), name)
	case *Map:
		if m := mapMethods[name]; m != nil {
			return m.of(v), nil
		}
		if x, ok := v.vals[name]; ok {
			return x, nil
		}
	case string:
		if m := stringMethods[name]; m != nil {
			return m.of(v), nil
		}
	case []any:
		if m := listMethods[name]; m != nil {
			return m.of(v), nil
		}
	case *namespace:
		if x, ok := v.vars[name]; ok {
			return x, nil
		}
	case *loop:
		if x, ok := v.attr(name); ok {
			return x, nil
		}
	}
	return undefined{name}, nil
}

type indexExpr struct {
	x, i expr
	line int
}

func (x *indexExpr) eval(e *exec, s *scope) (any, error) {
	v, err := e.eval(x.x, s)
	if err != nil {
		return nil, err
	}
	i, err := e.eval(x.i, s)
	if err != nil {
		return nil, err
	}
	return e.index(v, i, x.line)
}

func (e *exec) index(v, i any, line int) (any, error) {
	if name, ok := i.(string); ok {
		if m, ok := v.(*Map); ok {
			if x, ok := m.vals[name]; ok {
				return x, nil
			}
		}
		return e.attr(v, name, line)
	}
	n, ok := i.(int64)
	switch v := v.(type) {
	case *Map: // keys are texts here, whatever they were
		key, err := e.str(i)
		if x, ok := v.vals[key]; ok || err != nil {
			return x, err
		}
	case undefined:
		e.line = line
		return nil, fmt.Errorf("%s has no elements", kindOf(v))
	case []any:
		if ok && n < 0 {
			n += int64(len(v))
		}
		if ok && n >= 0 && n < int64(len(v)) {
			return v[n], nil
		}
	case string:
		if !ok {
			break
		}
		if err := e.charge(len(v)); err != nil {
			return nil, err
		}
		if n < 0 {
			n += int64(utf8.RuneCountInString(v))
		}
		for _, r := range v {
			if n == 0 {
				return string(r), nil
			}
			n--
		}
	}
	return undefined{fmt.Sprintf("element %v", i)}, nil
}

type sliceExpr struct {
	of    expr
	parts [3]expr
}

func (x *sliceExpr) eval(e *exec, s *scope) (any, error) {
	v, err := e.eval(x.of, s)
	if err != nil {
		return nil, err
	}
	var at [3]*int64
	for i, part := range x.parts {
		if part == nil {
			continue
		}
		n, err := e.eval(part, s)
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		k, ok := n.(int64)
		if !ok {
			return nil, fmt.Errorf("a slice from %s, want numbers", kindOf(n))
		}
		at[i] = &k
	}
	switch v := v.(type) {
	case []any:
		idx, err := sliceRange(len(v), at)
		if err != nil {
			return nil, err
		}
		list := make([]any, len(idx))
		for i, k := range idx {
			list[i] = v[k]
		}
		return list, e.charge(16 * len(idx))
	case string:
		runes := []rune(v)
		if err := e.charge(len(v)); err != nil {
			return nil, err
		}
		idx, err := sliceRange(len(runes), at)
		if err != nil {
			return nil, err
		}
		out := make([]rune, len(idx))
		for i, k := range idx {
			out[i] = runes[k]
		}
		return string(out), nil
	}
	return nil, fmt.Errorf("%s can't be sliced", kindOf(v))
}

// sliceRange returns the indices of Python's slice.
func sliceRange(n int, at [3]*int64) ([]int, error) {
	step := int64(1)
	if at[2] != nil {
		step = *at[2]
	}
	if step == 0 {
		return nil, errors.New("a slice with step 0")
	}
	size := int64(n)
	clamp := func(p *int64, unset, low, high int64) int64 {
		if p == nil {
			return unset
		}
		k := *p
		if k < 0 {
			k += size
		}
		return min(max(k, low), high)
	}
	var idx []int
	if step > 0 {
		for i, stop := clamp(at[0], 0, 0, size), clamp(at[1], size, 0, size); i < stop; i += min(step, size) {
			idx = append(idx, int(i))
		}
		return idx, nil
	}
	for i, stop := clamp(at[0], size-1, -1, size-1), clamp(at[1], -1, -1, size-1); i > stop; i += max(step, -size) {
		idx = append(idx, int(i))
	}
	return idx, nil
}

type callExpr struct {
	f     expr
	args  []expr
	named []named
	line  int
}

func (x *callExpr) eval(e *exec, s *scope) (any, error) { return x.with(e, s, nil) }

// with calls the function with further arguments by name.
func (x *callExpr) with(e *exec, s *scope, more map[string]any) (any, error) {
	f, err := e.eval(x.f, s)
	if err != nil {
		return nil, err
	}
	args, byName, err := e.args(x.args, x.named, s)
	if err != nil {
		return nil, err
	}
	for k, v := range more {
		byName[k] = v
	}
	e.line = x.line
	switch f := f.(type) {
	case callable:
		return f(e, args, byName)
	case undefined:
		return nil, fmt.Errorf("%s is no function", kindOf(f))
	}
	return nil, fmt.Errorf("%s can't be called", kindOf(f))
}

func (e *exec) args(list []expr, byName []named, s *scope) ([]any, map[string]any, error) {
	args := make([]any, len(list))
	for i, x := range list {
		v, err := e.eval(x, s)
		if err != nil {
			return nil, nil, err
		}
		args[i] = v
	}
	m := map[string]any{}
	for _, n := range byName {
		v, err := e.eval(n.value, s)
		if err != nil {
			return nil, nil, err
		}
		m[n.name] = v
	}
	return args, m, nil
}

type filterExpr struct {
	x     expr
	name  string
	args  []expr
	named []named
	line  int
}

func (x *filterExpr) eval(e *exec, s *scope) (any, error) {
	v, err := e.eval(x.x, s)
	if err != nil {
		return nil, err
	}
	args, byName, err := e.args(x.args, x.named, s)
	if err != nil {
		return nil, err
	}
	e.line = x.line
	return e.filter(x.name, v, args, byName)
}

func (e *exec) filter(name string, v any, args []any, byName map[string]any) (any, error) {
	f := filters[name]
	if f == nil {
		return nil, fmt.Errorf("unknown filter %q", name)
	}
	out, err := f(&call{e: e, v: v, args: args, named: byName})
	if err != nil {
		return nil, fmt.Errorf("filter %s: %w", name, err)
	}
	return out, nil
}

type testExpr struct {
	x    expr
	name string
	not  bool
	args []expr
	line int
}

func (x *testExpr) eval(e *exec, s *scope) (any, error) {
	v, err := e.eval(x.x, s)
	if err != nil {
		return nil, err
	}
	args, _, err := e.args(x.args, nil, s)
	if err != nil {
		return nil, err
	}
	e.line = x.line
	ok, err := e.test(x.name, v, args)
	return ok != x.not, err
}

func (e *exec) test(name string, v any, args []any) (bool, error) {
	t := tests[name]
	if t == nil {
		return false, fmt.Errorf("unknown test %q", name)
	}
	ok, err := t(e, v, args)
	if err != nil {
		return false, fmt.Errorf("test %s: %w", name, err)
	}
	return ok, nil
}
