package answer

import (
	"hash/fnv"
	"math"
	"math/cmplx"
	"slices"
	"strconv"
	"strings"
)

const (
	maxTerms       = 200 // operations of a formula
	maxTermDepth   = 32
	maxLiteralSize = 12 // digits of a number in a formula
	maxDecimalSize = 6  // of them behind the point: with more it is taken for rounded
)

// algebra returns the class of a formula of numbers, variables of one letter
// and known functions; it is false where s is none, or where its meaning is in
// doubt, as of 1/2x.
//
// A formula with variables is its values at four points, to ten digits: two
// formulas that differ agree there by chance only (Schwartz 1980, J. ACM 27).
// One without is its value if there are roots, functions or pi in it, else its
// value and the numbers that it is made of.
func algebra(s string) (string, bool) {
	f, ok := parseFormula(s)
	if !ok {
		return "", false
	}
	if f.terms == 0 {
		return f.root.fraction() // a number, or a variable, which is none
	}
	if !f.variable {
		v := f.value(0)
		if !finite(v) || math.Abs(imag(v)) > 1e-12*(1+math.Abs(real(v))) {
			return "", false
		}
		if f.irrational {
			if r := math.Round(real(v)); math.Abs(real(v)-r) < 1e-12*(1+math.Abs(r)) && math.Abs(r) < 1e6 {
				return strconv.FormatFloat(r, 'f', 0, 64), true
			}
			return "≡" + rounded(real(v), cmplx.Abs(v)), true
		}
		if f.terms == 1 && f.root.op == '/' || len(f.literals) == 1 {
			if key, ok := f.root.fraction(); ok {
				return key, true
			}
		}
		slices.Sort(f.literals)
		return "≡" + rounded(real(v), cmplx.Abs(v)) + " of " + strings.Join(f.literals, " "), true
	}
	if !f.irrational && (len(f.literals) == 0 || f.terms == f.bare) {
		return "", false // a/b may be a or b, and 2e a name
	}
	values, ok := f.fingerprint()
	if !ok {
		return "", false
	}
	for i, v := range values {
		if i > 0 && cmplx.Abs(v-values[0]) > 1e-9*(1+cmplx.Abs(v)) {
			return "≡" + written4(values), true
		}
	}
	return "", false // 0*x: what it has of variables says nothing
}

// equation returns the class of "x=3", which is that of 3, and of an equation
// between two formulas, in which both sides may be exchanged, moved and
// multiplied by a number.
func equation(s string) (string, bool) {
	left, right, ok := strings.Cut(s, "=")
	if !ok || left == "" || strings.ContainsAny(left[len(left)-1:], "<>!=:") || strings.ContainsAny(right, "=<>") {
		return "", false
	}
	left, right = trim(left), trim(right)
	if len(left) == 1 && isLetter(left[0]) {
		if key, ok := plainNumber(right); ok {
			return key, true
		}
	}
	r, ok := parseFormula(right)
	if !ok {
		return "", false
	}
	if len(left) == 1 && isLetter(left[0]) && !r.variable {
		return algebra(right)
	}
	l, ok := parseFormula(left)
	if !ok || !l.variable && !r.variable || len(l.literals)+len(r.literals) == 0 {
		return "", false
	}
	a, ok := l.fingerprint()
	b, fits := r.fingerprint()
	if !ok || !fits {
		return "", false
	}
	for i := range a {
		a[i] -= b[i]
	}
	if cmplx.Abs(a[0]) < 1e-9 {
		return "", false // holds by chance, or everywhere
	}
	unit := a[0]
	for i := range a {
		a[i] /= unit
	}
	return "≡ 0 = " + written4(a), true
}

func finite(v complex128) bool { return !cmplx.IsInf(v) && !cmplx.IsNaN(v) }

// written4 writes values to ten digits.
func written4(values []complex128) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = rounded(real(v), cmplx.Abs(v)) + "," + rounded(imag(v), cmplx.Abs(v))
	}
	return strings.Join(parts, " ")
}

// rounded writes one part of a value of that size to ten digits of it.
func rounded(x, size float64) string {
	const digits = 10
	if size < 1e-12 || math.Abs(x) < size*1e-10 {
		return "0"
	}
	step := math.Pow(10, math.Floor(math.Log10(size))-digits+1)
	return strconv.FormatFloat(math.Round(x/step), 'f', 0, 64) + "e" + strconv.FormatFloat(math.Log10(step), 'f', 0, 64)
}

// formula is a formula that was read.
type formula struct {
	root       *term
	literals   []string // its numbers, as written
	terms      int      // its operations
	bare       int      // of them, products without a sign
	variable   bool
	irrational bool // it has functions, roots or pi
}

// term is one operation: op is + - * / ^, _ for a sign, n for a number, v for
// a variable, f for a function.
type term struct {
	op          byte
	left, right *term // right is nil for a sign and a function
	number      float64
	name        string
}

// points is at how many points formulas are compared.
const points = 4

// fingerprint returns the values at the points; it is false where one has no
// finite value.
func (f *formula) fingerprint() ([]complex128, bool) {
	values := make([]complex128, points)
	for i := range values {
		if values[i] = f.value(i); !finite(values[i]) || cmplx.Abs(values[i]) > 1e100 {
			return nil, false
		}
	}
	return values, true
}

func (f *formula) value(point int) complex128 { return f.root.value(point) }

// variable returns the value of a variable at a point: fixed, of either sign,
// and unlike those of other variables.
func variable(name string, point int) complex128 {
	h := fnv.New64a()
	h.Write([]byte(name))
	h.Write([]byte{byte(point)})
	x := h.Sum64()
	x = (x ^ x>>33) * 0xff51afd7ed558ccd // the finaliser of MurmurHash3 (Appleby 2011)
	x ^= x >> 33
	u := float64(x>>11) / (1 << 53)
	switch point {
	case 0:
		return complex(0.3+0.6*u, 0)
	case 1:
		return complex(1.2+1.7*u, 0)
	case 2:
		return complex(-2.3+1.1*u, 0)
	}
	return complex(-0.9+0.7*u, 0)
}

// logBase scales log, which may be natural or decimal: no formula may hold
// for one of them only.
const logBase = 0.7310585786300049

// formulaFunctions are the functions of one argument that are known.
var formulaFunctions = map[string]func(complex128) complex128{
	"sqrt": cmplx.Sqrt, "exp": cmplx.Exp, "ln": cmplx.Log, "sin": cmplx.Sin, "cos": cmplx.Cos, "tan": cmplx.Tan,
	"asin": cmplx.Asin, "acos": cmplx.Acos, "atan": cmplx.Atan, "arcsin": cmplx.Asin, "arccos": cmplx.Acos, "arctan": cmplx.Atan,
	"sinh": cmplx.Sinh, "cosh": cmplx.Cosh, "tanh": cmplx.Tanh,
	"sec": func(x complex128) complex128 { return 1 / cmplx.Cos(x) },
	"csc": func(x complex128) complex128 { return 1 / cmplx.Sin(x) },
	"cot": func(x complex128) complex128 { return 1 / cmplx.Tan(x) },
	"log": func(x complex128) complex128 { return cmplx.Log(x) * logBase },
	"abs": func(x complex128) complex128 { return complex(cmplx.Abs(x), 0) },
}

func (t *term) value(point int) complex128 {
	switch t.op {
	case 'n':
		return complex(t.number, 0)
	case 'v':
		return variable(t.name, point)
	case 'f':
		return formulaFunctions[t.name](t.left.value(point))
	case '_':
		return -t.left.value(point)
	}
	a, b := t.left.value(point), t.right.value(point)
	switch t.op {
	case '+':
		return a + b
	case '-':
		return a - b
	case '*':
		return a * b
	case '/':
		return a / b
	}
	if b == complex(math.Trunc(real(b)), 0) && math.Abs(real(b)) <= 64 { // exact where it can be
		p, n := complex128(1), int(math.Abs(real(b)))
		for range n {
			p *= a
		}
		if real(b) < 0 {
			return 1 / p
		}
		return p
	}
	return cmplx.Pow(a, b)
}

// fraction returns the key of a number with its sign, or of a fraction.
func (t *term) fraction() (string, bool) {
	sign := ""
	for t.op == '_' {
		if sign == "" {
			sign = "-"
		} else {
			sign = ""
		}
		t = t.left
	}
	if t.op == 'n' {
		return plainNumber(sign + t.name)
	}
	if t.op != '/' {
		return "", false
	}
	a, ok := t.left.fraction()
	b, fits := t.right.fraction()
	if !ok || !fits || strings.ContainsAny(a+b, "./") {
		return "", false
	}
	for _, s := range []*string{&a, &b} {
		if rest, neg := strings.CutPrefix(*s, "-"); neg {
			*s = rest
			if sign == "" {
				sign = "-"
			} else {
				sign = ""
			}
		}
	}
	return plainNumber(sign + a + "/" + b)
}
