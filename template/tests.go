package template

import (
	"errors"
	"fmt"
	"strings"
)

type test func(e *exec, v any, args []any) (bool, error)

var tests map[string]test

func init() {
	is := func(f func(v any) bool) test {
		return func(_ *exec, v any, _ []any) (bool, error) { return f(v), nil }
	}
	relation := func(op string) test {
		return func(e *exec, v any, args []any) (bool, error) {
			if len(args) != 1 {
				return false, errors.New("want one value to compare with")
			}
			return e.relate(op, v, args[0])
		}
	}
	integer := func(e *exec, v any, args []any) (int64, int64, error) {
		n, ok := whole(v)
		if !ok {
			return 0, 0, fmt.Errorf("%s is no whole number", kindOf(v))
		}
		if len(args) == 0 {
			return n, 2, nil
		}
		k, ok := whole(args[0])
		if !ok || k == 0 {
			return 0, 0, fmt.Errorf("%s divides nothing", kindOf(args[0]))
		}
		return n, k, nil
	}
	tests = map[string]test{
		"defined":   is(func(v any) bool { _, un := v.(undefined); return !un }),
		"undefined": is(func(v any) bool { _, un := v.(undefined); return un }),
		"none":      is(func(v any) bool { return v == nil }),
		"string":    is(func(v any) bool { _, ok := v.(string); return ok }),
		"boolean":   is(func(v any) bool { _, ok := v.(bool); return ok }),
		"true":      is(func(v any) bool { b, ok := v.(bool); return ok && b }),
		"false":     is(func(v any) bool { b, ok := v.(bool); return ok && !b }),
		"integer":   is(func(v any) bool { _, ok := v.(int64); return ok }),
		"float":     is(func(v any) bool { _, ok := v.(float64); return ok }),
		"number":    is(func(v any) bool { _, ok := numeric(v); return ok }),
		"mapping":   is(func(v any) bool { _, ok := v.(*Map); return ok }),
		"sequence": is(func(v any) bool {
			switch v.(type) {
			case string, []any, *Map:
				return true
			}
			return false
		}),
		"iterable": is(func(v any) bool {
			switch v.(type) {
			case string, []any, *Map, undefined:
				return true
			}
			return false
		}),
		"callable": is(func(v any) bool { _, ok := v.(callable); return ok }),
		"lower":    is(func(v any) bool { s, ok := v.(string); return ok && s == strings.ToLower(s) }),
		"upper":    is(func(v any) bool { s, ok := v.(string); return ok && s == strings.ToUpper(s) }),
		"odd": func(e *exec, v any, _ []any) (bool, error) {
			n, k, err := integer(e, v, nil)
			return err == nil && n%k != 0, err
		},
		"even": func(e *exec, v any, _ []any) (bool, error) {
			n, k, err := integer(e, v, nil)
			return err == nil && n%k == 0, err
		},
		"divisibleby": func(e *exec, v any, args []any) (bool, error) {
			n, k, err := integer(e, v, args)
			return err == nil && n%k == 0, err
		},
		"sameas": func(e *exec, v any, args []any) (bool, error) {
			if len(args) != 1 || kindOf(v) != kindOf(args[0]) {
				return false, nil
			}
			return e.equal(v, args[0], 0)
		},
		"in": relation("in"),
		"eq": relation("=="), "==": relation("=="), "equalto": relation("=="),
		"ne": relation("!="), "!=": relation("!="),
		"lt": relation("<"), "<": relation("<"), "lessthan": relation("<"),
		"le": relation("<="), "<=": relation("<="),
		"gt": relation(">"), ">": relation(">"), "greaterthan": relation(">"),
		"ge": relation(">="), ">=": relation(">="),
	}
}
