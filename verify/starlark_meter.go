package verify

import (
	"fmt"
	"reflect"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// meter bounds the memory of one run. Starlark counts steps only, and one
// step can make a gigabyte. So each expression that makes something (a call,
// an operator, a slice, a list) is written over into a call of the meter,
// which takes the size of what is made from what is left, where it can before
// it is made. Nothing is given back: it is a bound, not a count.
type meter struct{ left int64 }

// The names can't be written in a program.
const (
	meterCall    = "meter call"
	meterBinary  = "meter binary"
	meterMade    = "meter made"
	meterCombine = "meter combine"
)

// names are the names that a program finds.
func (m *meter) names(c *Case) starlark.StringDict {
	return starlark.StringDict{
		"text": starlark.String(c.Text), "answer": starlark.String(c.Answer), "question": starlark.String(c.Question),
		meterCall:    starlark.NewBuiltin("call", m.call),
		meterBinary:  starlark.NewBuiltin("binary", m.binary),
		meterMade:    starlark.NewBuiltin("made", m.made),
		meterCombine: starlark.NewBuiltin("combine", m.combine),
	}
}

const valueBytes = 48 // of a value in a list or a dict, with what it needs around; a guess

func (m *meter) spend(n int64) error {
	if n < 0 || n > m.left {
		m.left = 0
		return fmt.Errorf("the program needs more than %d MiB", starlarkBytes>>20)
	}
	m.left -= n
	return nil
}

// shallow is the size of a value without what it refers to.
func shallow(v starlark.Value) int64 {
	switch v := v.(type) {
	case starlark.Int:
		return int64(v.BigInt().BitLen()/8) + valueBytes
	case interface{ Len() int }: // texts, lists, dicts, sets, ranges
		switch v.(type) {
		case starlark.String, starlark.Bytes:
			return int64(v.Len()) + valueBytes
		}
		return int64(v.Len()+1) * valueBytes
	}
	return valueBytes
}

// maxDeep is how deep lists in lists may be nested to be written out.
const maxDeep = 200

// deep is how long the value is when it is written out, up to most. The same
// list may stand in a list many times, and so on.
func deep(v starlark.Value, most int64, depth int) int64 {
	n := shallow(v)
	if depth > maxDeep {
		return 1 << 40
	}
	switch v := v.(type) {
	case *starlark.Dict:
		for _, item := range v.Items() {
			if n > most {
				break
			}
			n += deep(item[0], most-n, depth+1) + deep(item[1], most-n, depth+1)
		}
	case starlark.String, starlark.Bytes:
		n *= 4 // quoted
	case starlark.Iterable:
		it := v.Iterate()
		defer it.Done()
		var e starlark.Value
		for n <= most && it.Next(&e) {
			n += deep(e, most-n, depth+1)
		}
	}
	return n
}

// call makes a call after it has paid for it. What is written in Starlark pays
// for itself.
func (m *meter) call(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	fn, args := args[0], args[1:]
	need := int64(valueBytes)
	if b, ok := fn.(*starlark.Builtin); ok {
		need = m.price(b, args, kwargs)
	}
	if err := m.spend(need); err != nil {
		return nil, err
	}
	v, err := starlark.Call(thread, fn, args, kwargs)
	if err != nil {
		return nil, err
	}
	return v, m.spend(shallow(v))
}

// price is what a function of the language may make, beside its result where
// that is no larger than what it is given.
func (m *meter) price(b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) int64 {
	writes := false // values as text, be it by a key function
	switch b.Name() {
	case "str", "repr", "print", "fail", "format", "join", "sorted", "max", "min":
		writes = true
	}
	need := int64(valueBytes)
	size := func(v starlark.Value) {
		switch v.(type) {
		case starlark.String, starlark.Bytes:
			if !writes {
				return // it is there already, and is not copied
			}
		}
		switch {
		case need > m.left:
		case writes:
			need += deep(v, m.left-need, 0)
		default:
			need += shallow(v)
		}
	}
	for _, a := range args {
		size(a)
	}
	for _, a := range kwargs {
		size(a[1])
	}
	s, _ := b.Receiver().(starlark.String)
	switch b.Name() {
	case "join":
		if len(args) == 1 {
			need += times(int64(max(starlark.Len(args[0]), 0)), int64(len(s)))
		}
	case "format": // one field can name the same argument again and again
		need = times(need, int64(max(strings.Count(string(s), "{"), 1))) + int64(len(s))
	case "replace":
		need += replaced(string(s), args)
	}
	return need
}

// replaced is how much longer the text may get.
func replaced(s string, args starlark.Tuple) int64 {
	if len(args) < 2 {
		return 0
	}
	old, _ := args[0].(starlark.String)
	by, _ := args[1].(starlark.String)
	return times(int64(strings.Count(s, string(old))), int64(len(by)))
}

// times multiplies sizes; past any bound it stays there.
func times(a, b int64) int64 {
	if a > 0 && b > 0 && a > (1<<40)/b {
		return 1 << 40
	}
	return a * b
}

// binary is x + y, x * y, x % y and the like.
func (m *meter) binary(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	op, x, y := operators[string(args[0].(starlark.String))], args[1], args[2]
	if err := m.pay(op, x, y); err != nil {
		return nil, err
	}
	return starlark.Binary(op, x, y)
}

// combine pays for x += y and gives y back.
func (m *meter) combine(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	return args[2], m.pay(operators[string(args[0].(starlark.String))], args[1], args[2])
}

func (m *meter) pay(op syntax.Token, x, y starlark.Value) error {
	need := shallow(x) + shallow(y)
	switch op {
	case syntax.STAR:
		for _, pair := range [...][2]starlark.Value{{x, y}, {y, x}} {
			n, ok := pair[0].(starlark.Int)
			if !ok {
				continue
			}
			if _, number := pair[1].(starlark.Int); number {
				need += times(shallow(x), shallow(y)) / 64 // the time that it takes
				continue
			}
			if i, fits := n.Int64(); fits {
				need += times(max(i, 0), shallow(pair[1]))
			} else if n.Sign() > 0 {
				need = 1 << 40
			}
		}
	case syntax.PERCENT:
		if s, ok := x.(starlark.String); ok {
			need += times(deep(y, m.left, 0), int64(max(strings.Count(string(s), "%"), 1)))
		}
	}
	return m.spend(need)
}

// made pays for what an expression has made.
func (m *meter) made(_ *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	return args[0], m.spend(shallow(args[0]))
}

// operators are those that make something.
var operators = map[string]syntax.Token{
	"+": syntax.PLUS, "-": syntax.MINUS, "*": syntax.STAR, "%": syntax.PERCENT, "|": syntax.PIPE, "&": syntax.AMP, "^": syntax.CIRCUMFLEX, "<<": syntax.LTLT,
}

var (
	exprType   = reflect.TypeFor[syntax.Expr]()
	syntaxPath = reflect.TypeFor[syntax.File]().PkgPath()
)

// metered writes the program over.
func metered(f *syntax.File) {
	for _, s := range f.Stmts {
		rewrite(reflect.ValueOf(s))
	}
}

// rewrite changes the expressions below v, the inner ones first.
func rewrite(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface, reflect.Pointer:
		if !v.IsNil() {
			rewrite(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			field(v.Index(i))
		}
	case reflect.Struct:
		if v.Type().PkgPath() != syntaxPath {
			return
		}
		for i := range v.NumField() {
			switch name := v.Type().Field(i).Name; {
			case !v.Type().Field(i).IsExported():
			case name == "LHS", name == "Vars":
				target(v.Field(i))
			case name == "Params":
				// Names stay names; their defaults are expressions.
				for j := range v.Field(i).Len() {
					if d, ok := v.Field(i).Index(j).Interface().(*syntax.BinaryExpr); ok {
						field(reflect.ValueOf(d).Elem().FieldByName("Y"))
					}
				}
			default:
				field(v.Field(i))
			}
		}
		if s, ok := v.Addr().Interface().(*syntax.AssignStmt); ok && s.Op != syntax.EQ {
			if op := strings.TrimSuffix(s.Op.String(), "="); operators[op] != 0 {
				s.RHS = metering(meterCombine, s.OpPos, literal(op, s.OpPos), s.LHS, s.RHS)
			}
		}
	}
}

// target changes the expressions in what is assigned to, which itself stays.
func target(v reflect.Value) {
	switch e := v.Interface().(type) {
	case *syntax.ParenExpr:
		target(reflect.ValueOf(e).Elem().FieldByName("X"))
	case *syntax.TupleExpr:
		for i := range e.List {
			target(reflect.ValueOf(e.List).Index(i))
		}
	case *syntax.ListExpr:
		for i := range e.List {
			target(reflect.ValueOf(e.List).Index(i))
		}
	case *syntax.IndexExpr, *syntax.DotExpr:
		rewrite(v)
	}
}

// field changes what is below, then what stands in the field itself.
func field(v reflect.Value) {
	rewrite(v)
	if v.Type() != exprType || v.IsNil() {
		return
	}
	switch e := v.Interface().(type) {
	case *syntax.CallExpr:
		at, _ := e.Span()
		v.Set(reflect.ValueOf(&syntax.CallExpr{Fn: name(meterCall, at), Lparen: e.Lparen, Args: append([]syntax.Expr{e.Fn}, e.Args...), Rparen: e.Rparen}))
	case *syntax.BinaryExpr:
		if op := e.Op.String(); operators[op] != 0 {
			v.Set(reflect.ValueOf(metering(meterBinary, e.OpPos, literal(op, e.OpPos), e.X, e.Y)))
		}
	case *syntax.SliceExpr, *syntax.ListExpr, *syntax.DictExpr, *syntax.TupleExpr, *syntax.Comprehension:
		made := e.(syntax.Expr)
		at, _ := made.Span()
		v.Set(reflect.ValueOf(metering(meterMade, at, made)))
	}
}

func metering(fn string, at syntax.Position, args ...syntax.Expr) *syntax.CallExpr {
	return &syntax.CallExpr{Fn: name(fn, at), Lparen: at, Args: args, Rparen: at}
}

func name(s string, at syntax.Position) *syntax.Ident { return &syntax.Ident{NamePos: at, Name: s} }

func literal(s string, at syntax.Position) *syntax.Literal {
	return &syntax.Literal{Token: syntax.STRING, TokenPos: at, Raw: s, Value: s}
}
