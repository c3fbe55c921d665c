package answer

import (
	"slices"
	"strings"
	"testing"
)

// TestClass: answers in one row mean the same, those of two rows don't.
func TestClass(t *testing.T) {
	rows := [][]string{
		{`\frac{1}{2}`, "0.5", "1/2", "frac{1}{2}", "x=1/2", "x = 0.5"},
		{"2/4"},
		{`2\sqrt{3}`, `\sqrt{12}`, "2*sqrt(3)", "sqrt12", "6/sqrt(3)", "12^(1/2)", "[2sqrt{3}"},
		{"3.46410161514"},
		{"8*3+5-5", "5-5+8*3", "(8*3)+(5-5)", "8*3*5/5"},
		{"8*3", "3*8"},
		{"24", "[24", "x=24", "sqrt(576)"},
		{"-5*x**4+(1/7)*x**2+c", "x**2/7-5*x**4+c", "c-5*x^4+frac{x^2}{7}", "(2*x**2)/14-5*x**4+c"},
		{"-5*x**4+0.142857*x**2+c"},
		{"-3/2*exp(x)*(cos(x)+sin(x))+c", "-3*exp(x)*(sin(x)+cos(x))/2+c", "(-3/2)*e**x*(sin(x)+cos(x))+c"},
		{"3/2*exp(x)*(cos(x)+sin(x))+c"},
		{"(16/3)*(x+2)**(3/2)", "(2/3)*(4*x+8)**(3/2)"},
		{"sqrt(x**2)"}, {"2*x/2"}, {"1/2x"}, {"x/2", "0.5*x"},
		{"log(100)"}, {"ln(100)"},
		{"7.0-10.0i", "7-10i", "(7.0-10.0i)", "-10i+7"},
		{"y=2*x+1", "2*x-y+1=0", "2*x+1=y", "4*x-2*y=-2"}, {"y=2*x-1"},
		{"1 or -1", "-1or1", "±1", "x=±1", "x=1 or x=-1", "1text{or}-1"}, {"1or1"}, {"(1,-1)"}, {"[1,-1]"},
		{"2±sqrt(3)", "2-sqrt(3) or 2+sqrt(3)"},
		{"{1,2,3}", "{3,2,1}", "{1, 2, 3.0}", "{sqrt(9),1,2}"}, {"(1,2,3)"}, {"[1,2,3]"}, {"[3,2,1]"}, {"1,2,3"},
		{"(1,2),(3,4)", "((1,2),(3,4))", "[((1,2),(3,4))"}, {"[(1,2),(3,4)]"}, {"[1,2],[3,4]", "1,2],[3,4", "([1,2],[3,4])"},
		{"[0,1)"}, {"(0,1)", "(0,sqrt(1))"}, {"(0,1]"},
		{"s=9,e=5", "e=5, s=9"}, {"e=9,s=5"},
		{"-15.5853, -0.1925, 0.0000", "-15.5853,-0.1925,0"}, {"0, -0.1925, -15.5853"},
		{"1, 2, 3, 4"}, {"1,2,3,4"}, {"a, b"}, {"a,b"}, // strings that a program printed
		{"p ∧ ¬q", "¬q∧p", "(p ∧ ¬q)", "p&∼q"}, {"p ∨ ¬q"}, {"q ∧ q"}, {"q"},
		{"p → q", "p⇒q"}, {"¬q → ¬p"}, {"q→p"}, {"p → q → r", "p→(q→r)"}, {"(p→q)→r"},
		{"(p ∧ q) ∧ r", "r ∧ q ∧ p"}, {"p ∧ q ∨ r", "r ∨ (q ∧ p)"}, {"p ∧ (q ∨ r)"},
		{"∀x∀y∃z(x+y=z)", "∀a∀b∃c(a+b=c)", "[[∀x∀y∃z(x+y=z)]]"}, {"∀x∀y∃z(y+x=z)"}, {"∃z∀x∀y(x+y=z)"},
		{"tal"}, {"alt"}, {"0f"}, {"0d"}, {"a/b/c"}, {"a/c/b"}, {"f(x+y)"}, {"f(x)+f(y)"}, {"x2+1"}, {"2 3"},
		{"b-1 f-1 d+2"}, {"d+2 f-1 b-1"},
		{"'a + 1'"}, {"'1 + a'"},
		{"[]"}, {"[[1]]"}, {"[1]"}, {`{"a":1,"b":2}`},
	}
	seen := map[string]int{}
	for i, row := range rows {
		for _, s := range row {
			a, ok := Normalize(s)
			if !ok {
				t.Fatalf("%q has no normal form", s)
			}
			c := a.Class()
			if at, ok := seen[c]; ok && at != i {
				t.Errorf("%q is taken for the same as %q: %q", s, rows[at], c)
			}
			seen[c] = i
			if first, _ := Normalize(row[0]); first.Class() != c {
				t.Errorf("%q: class %q, want %q of %q", s, c, first.Class(), row[0])
			}
		}
	}
	if !Same(`\frac{1}{2}`, "0.5") || Same("1", "2") || Same("", "") {
		t.Error("Same doesn't go by classes")
	}
}

// TestClassBounds: what is long or deep takes no time.
func TestClassBounds(t *testing.T) {
	for _, s := range []string{
		strings.Repeat("(", 150) + "1" + strings.Repeat(")", 149), strings.Repeat("-", 299) + "x", strings.Repeat("9^", 100) + "9",
		strings.Repeat("¬", 100) + "p", strings.Repeat("p→", 70) + "q", strings.Repeat("sqrt(", 50) + "x" + strings.Repeat(")", 50),
		strings.Repeat("[", 299), strings.Repeat("]", 299), strings.Repeat("[(", 100), "1/0+x", "0^0^x+1", "9^9^9^9+1", strings.Repeat("(p∧", 60),
	} {
		Answer{Kind: KindText, Key: s}.Class()
	}
}

// FuzzClass: a class is the same each time, never empty where the key isn't,
// and a class of its own class where that is plain.
func FuzzClass(f *testing.F) {
	for _, s := range []string{"2*sqrt(3)", "x=3", "p ∧ ¬q", "[24", "1or-1", "{b,a}", "(1,2),(3,4)", "y=2*x+1", "s=9,e=5", "∀x∃y(x=y)", "frac{1}{2}", "3,5],[8,10", "±1", `["a",{1`, "left(1right)+x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, ok := Normalize(s)
		if !ok {
			return
		}
		c := a.Class()
		if c == "" && a.Key != "" || c != a.Class() {
			t.Fatalf("%q: class %q, then %q", a.Key, c, a.Class())
		}
		if len(c) > 40*(len(a.Key)+10) {
			t.Fatalf("%q: a class of %d bytes", a.Key, len(c))
		}
		// The order of a sum says nothing.
		if x, ok := parseFormula(a.Key); ok && x.variable && a.Kind == KindText {
			if y, ok := parseFormula("0+(" + a.Key + ")"); ok {
				p, fits := x.fingerprint()
				q, also := y.fingerprint()
				if fits && also && !slices.Equal(p, q) {
					t.Fatalf("%q: %v, with nothing added %v", a.Key, p, q)
				}
			}
		}
	})
}
