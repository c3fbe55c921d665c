package verify

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

func init() {
	Register("arithmetic", "every equation between numbers in the reply holds", newArithmetic)
}

// ArithmeticParams are the parameters of arithmetic.
type ArithmeticParams struct {
	Rounded bool `yaml:"rounded" json:"rounded,omitempty" jsonschema_description:"a side that is one number with decimals may be the other side rounded or cut to as many; false = both sides are equal exactly"`
}

const (
	maxEquations = 1000 // looked at in one reply
	maxTerms     = 64   // numbers in one side
	maxDigits    = 30   // in one number
	maxNesting   = 8    // parentheses
	maxFalse     = 5    // false equations told
)

// arithmetic checks equations such as 3 × (4 + 5) = 27, also chains of them,
// exactly. It is careful: what might be no plain equation between numbers,
// such as one with variables, units in the middle, powers or remainders, is
// left out. So a pass doesn't mean that the reply is right, and a reply that
// quotes a false equation fails.
type arithmetic struct{ rounded bool }

func newArithmetic(_ Env, p ArithmeticParams) (Checker, error) { return arithmetic{p.Rounded}, nil }

func (a arithmetic) Check(_ context.Context, c *Case) (Finding, error) {
	var wrong []string
	seen := 0
	for _, e := range equations(c.Text) {
		for i := 1; i < len(e.sides); i++ {
			x, y := &e.sides[i-1], &e.sides[i]
			if x.terms+y.terms < 3 {
				continue // 5 = 5 says nothing
			}
			seen++
			if what := a.compare(x, y); what != "" && len(wrong) < maxFalse {
				wrong = append(wrong, what)
			}
		}
	}
	switch {
	case len(wrong) > 0:
		return fail("%s", strings.Join(wrong, "\n")), nil
	case seen == 0:
		return blank("no equations"), nil
	case seen == 1:
		return pass("1 equation"), nil
	}
	return pass("%d equations", seen), nil
}

// compare says what is wrong with x = y; nothing where it holds.
func (a arithmetic) compare(x, y *side) string {
	for _, s := range []*side{x, y} {
		if s.value == nil {
			return fmt.Sprintf("%s divides by zero", clip(s.text, 200))
		}
	}
	if x.value.Cmp(y.value) == 0 || a.rounded && (rounds(x, y) || rounds(y, x)) {
		return ""
	}
	left, right := decimal(x.value), decimal(y.value)
	return fmt.Sprintf("%s = %s is false: %s is not %s", clip(x.text, 200), clip(y.text, 200), left, right)
}

// rounds reports whether the number y is x, rounded or cut to y's decimals.
func rounds(x, y *side) bool {
	if y.terms != 1 || y.decimals == 0 {
		return false
	}
	unit := new(big.Rat).SetFrac(big.NewInt(1), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(y.decimals)), nil))
	if y.percent {
		unit.Quo(unit, big.NewRat(100, 1))
	}
	off := new(big.Rat).Sub(x.value, y.value)
	cut := off.Sign() == 0 || off.Sign() == x.value.Sign() // towards zero
	off.Abs(off)
	half := new(big.Rat).Quo(unit, big.NewRat(2, 1))
	return off.Cmp(half) <= 0 || cut && off.Cmp(unit) < 0
}

// decimal writes a number for people.
func decimal(r *big.Rat) string {
	if n, exact := r.FloatPrec(); exact && n <= 12 {
		return clip(r.FloatString(n), 60)
	}
	return "about " + clip(r.FloatString(6), 60)
}

// equation is sides with = between each two.
type equation struct{ sides []side }

// side is one side of an equation.
type side struct {
	text     string
	value    *big.Rat // nil where something is divided by zero
	terms    int      // numbers in it
	decimals int      // of a side that is one number
	percent  bool     // so is that number
}

// equations finds what is plainly an equation between numbers.
func equations(text string) []equation {
	s := &scanner{text: unify(text)}
	var all []equation
	for len(all) < maxEquations && s.next() {
		if e, ok := s.equation(); ok {
			all = append(all, e)
		} else if s.text[s.found] == '(' {
			s.at = s.found + 1 // (2 + 3 = 5)
			continue
		}
		s.at = max(s.at, s.found)
		s.skipNumber()
	}
	return all
}

// unify writes the signs of other scripts as the ASCII ones.
var unify = strings.NewReplacer(
	"＋", "+", "－", "-", "−", "-", "×", "*", "✕", "*", "✖", "*", "⋅", "*", "·", "*", "∙", "*", `\times`, "*", `\cdot`, "*",
	"÷", "/", "∕", "/", "⁄", "/", "／", "/", `\div`, "/", "＊", "*", "＝", "=", "（", "(", "）", ")", "．", ".", "％", "%", `\%`, "%",
	"，", ", ", "。", ". ", "；", "; ", "：", ": ", "、", ", ", "\u00a0", " ", "\u3000", " ", "\u202f", " ", `\$`, "$", "￥", "¥",
	"０", "0", "１", "1", "２", "2", "３", "3", "４", "4", "５", "5", "６", "6", "７", "7", "８", "8", "９", "9",
	"==", "=", "% of ", "% * ", "％ of ", "% * ", `\% of `, "% * ", "%的", "%*", "％的", "%*", "乘以", "*", "除以", "/", "加上", "+", "减去", "-", "等于", "=",
).Replace

// scanner reads a text from left to right, each byte a bounded number of times.
type scanner struct {
	text  string
	at    int
	found int // the digit or parenthesis that next found last: it only goes forward
}

// next goes to the next place where an equation may begin: a digit, or a
// sign or parenthesis right before one, with nothing before it that it could
// belong to.
func (s *scanner) next() bool {
	for s.at < len(s.text) {
		i := strings.IndexAny(s.text[s.at:], "0123456789(")
		if i < 0 {
			return false
		}
		s.at += i
		s.found = s.at
		if s.text[s.at] != '(' {
			for s.at > 0 && strings.ContainsRune("$¥€£", lastRune(s.text[:s.at])) {
				s.at -= utf8.RuneLen(lastRune(s.text[:s.at]))
			}
			if s.at > 0 && s.text[s.at-1] == '-' {
				s.at--
			}
		}
		if s.free() {
			return true
		}
		s.skipSign()
		s.skipNumber()
	}
	return false
}

// skipSign goes over what may stand before a number.
func (s *scanner) skipSign() {
	for s.at < len(s.text) && !isDigit(s.text[s.at]) && s.text[s.at] != '(' {
		s.at++
	}
	if s.at < len(s.text) && s.text[s.at] == '(' {
		s.at++
	}
}

// skipNumber goes behind the number that the scanner stands in.
func (s *scanner) skipNumber() {
	for s.at < len(s.text) && (isDigit(s.text[s.at]) || s.text[s.at] == '.' || s.text[s.at] == ',') {
		s.at++
	}
}

// free reports whether nothing before s.at can be part of an equation that
// begins there.
func (s *scanner) free() bool {
	before := strings.TrimRight(s.text[:s.at], " \t")
	spaced := len(before) < s.at
	if strings.HasSuffix(before, "**") && !spaced {
		marked := lastRune(strings.TrimRight(before, "*"))
		return !unicode.IsLetter(marked) && !unicode.IsDigit(marked) && marked != ')' // a power, or emphasis
	}
	last := lastRune(before)
	switch {
	case before == "" || last == '\n':
		return true
	case isOperator(last): // the marks of a list are none
		line := strings.TrimRight(before[:len(before)-1], " \t")
		return spaced && (line == "" || line[len(line)-1] == '\n')
	case strings.ContainsRune("^_%!\\})@√", last), unicode.IsDigit(last):
		return false
	case unicode.IsSymbol(last) && !strings.ContainsRune("=<>≤≥≠≈~|`$¥€£", last):
		return false // an operator that isn't read
	case last == '|' || last == '#':
		return spaced // a table, a heading
	case last == '.' || last == ',' || last == ':':
		return spaced // else 1.5, 1,500, 10:30
	case unicode.Is(unicode.Han, last):
		return !strings.ContainsRune("加减乘除以的约第", last)
	case unicode.IsLetter(last):
		if !spaced || s.text[s.at] == '-' || s.text[s.at] == '(' {
			return false // x2, x -3, f (2)
		}
		word := before[strings.LastIndexFunc(before, func(r rune) bool { return !unicode.IsLetter(r) })+1:]
		return len(word) > 1 && !slices.Contains(operatorWords, strings.ToLower(word))
	}
	return true
}

// operatorWords before a number make it a part of something that isn't read.
var operatorWords = []string{"of", "times", "plus", "minus", "by", "over", "than", "twice", "double", "half", "thrice", "negative",
	"sqrt", "root", "log", "ln", "sin", "cos", "tan", "per", "squared", "mod", "to", "about", "approximately", "a", "x"}

// equation reads sides until what stands behind one is no "=".
func (s *scanner) equation() (equation, bool) {
	var e equation
	for {
		p := parser{scanner: s}
		start := s.at
		value, ok := p.sum(0)
		if !ok || p.terms > maxTerms || p.mixed {
			break
		}
		one := side{text: strings.TrimSpace(s.text[start:s.at]), value: value, terms: p.terms}
		if p.zero {
			one.value = nil
		}
		if p.terms == 1 {
			one.decimals, one.percent = p.decimals, p.percents > 0
		}
		after := strings.TrimLeft(s.text[s.at:], " \t")
		equals := strings.HasPrefix(after, "=") && !strings.HasPrefix(after, "=>") && !strings.HasPrefix(after, "=~")
		if !equals && !s.closed(after) {
			break
		}
		e.sides = append(e.sides, one)
		if !equals || len(e.sides) >= maxTerms {
			break
		}
		s.at = len(s.text) - len(after) + 1
		s.blanks()
	}
	return e, len(e.sides) > 1
}

// closed reports whether a side ends where after begins, so that nothing
// behind it changes its value.
func (s *scanner) closed(after string) bool {
	if after == "" {
		return true
	}
	spaced := len(s.text)-s.at > len(after)
	r, n := utf8.DecodeRuneInString(after)
	switch {
	case strings.HasPrefix(after, "**"):
		return len(after) == 2 || !isDigit(after[2]) && after[2] != '(' && after[2] != ' '
	case isOperator(r), strings.ContainsRune("^_%√({\\…!:'<>≈~≠≤≥", r):
		// A colon ends a side, unless it is a time, and so do the marks of tags.
		return r == ':' && (len(after) == 1 || !isDigit(after[1])) || r == '!' && !strings.HasPrefix(after, "!=") || (r == '<' || r == '>') && (strings.HasPrefix(after, "</") || strings.HasPrefix(after, ">>"))
	case r == '.':
		return !strings.HasPrefix(after, "..") && (len(after) == 1 || !isDigit(after[1]))
	case unicode.Is(unicode.Han, r):
		return !strings.ContainsRune("万亿千百十兆余多加减乘除的", r)
	case unicode.IsLetter(r) && r < utf8.RuneSelf:
		end := strings.IndexFunc(after, func(r rune) bool { return !unicode.IsLetter(r) })
		if end < 0 {
			end = len(after)
		}
		return spaced && end > 1 && !strings.HasPrefix(after, "and a ") && !slices.Contains(scaleWords, strings.ToLower(after[:end]))
	case unicode.IsLetter(r):
		return spaced
	}
	return n > 0 && !unicode.IsDigit(r)
}

// scaleWords behind a number change it, or say that it isn't the whole result.
var scaleWords = []string{"hundred", "thousand", "million", "billion", "trillion", "dozen", "remainder", "rem", "mod", "times", "plus", "minus",
	"divided", "multiplied", "over", "of", "percent", "squared", "cubed", "approximately"}

func (s *scanner) blanks() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t') {
		s.at++
	}
}

// parser reads one side: sums of products of numbers and parentheses.
type parser struct {
	*scanner
	terms, decimals, percents int
	zero                      bool // something is divided by zero
	mixed                     bool // a percentage is added to a number: 100 + 20% is often meant as 120
}

func (p *parser) sum(depth int) (*big.Rat, bool) {
	total, percentage, ok := p.product(depth)
	if !ok {
		return nil, false
	}
	for p.terms <= maxTerms {
		op, ok := p.operator("+-")
		if !ok {
			break
		}
		v, another, ok := p.product(depth)
		if !ok {
			return nil, false
		}
		p.mixed = p.mixed || another != percentage
		if op == '-' {
			v = new(big.Rat).Neg(v)
		}
		total = new(big.Rat).Add(total, v)
	}
	return total, true
}

// product also reports whether it is a percentage and nothing else.
func (p *parser) product(depth int) (total *big.Rat, percentage, ok bool) {
	terms, percents := p.terms, p.percents
	if total, ok = p.factor(depth); !ok {
		return nil, false, false
	}
	for p.terms <= maxTerms {
		op, ok := p.operator("*/xX")
		if !ok {
			break
		}
		v, ok := p.factor(depth)
		if !ok {
			return nil, false, false
		}
		switch {
		case op != '/':
			total = new(big.Rat).Mul(total, v)
		case v.Sign() == 0:
			p.zero = true
		default:
			total = new(big.Rat).Quo(total, v)
		}
	}
	return total, p.terms == terms+1 && p.percents == percents+1, true
}

// operator goes over one of the operators, if one comes next. A letter x is
// one only where a number or a parenthesis follows, a slash or star only
// where it stands alone.
func (p *parser) operator(which string) (byte, bool) {
	start := p.at
	p.blanks()
	if p.at < len(p.text) && strings.IndexByte(which, p.text[p.at]) >= 0 {
		op := p.text[p.at]
		rest := strings.TrimLeft(p.text[p.at+1:], " \t")
		letter := op == 'x' || op == 'X'
		digit := rest != "" && (isDigit(rest[0]) || rest[0] == '(' || rest[0] == '$' || rest[0] == '-')
		double := rest != "" && rest[0] == op
		if digit && !double && !(letter && rest[0] == '-') {
			p.at++
			p.blanks()
			return op, true
		}
		if !digit && strings.ContainsRune("¥€£", firstRune(rest)) {
			p.at++
			p.blanks()
			return op, true
		}
	}
	p.at = start
	return 0, false
}

func (p *parser) factor(depth int) (*big.Rat, bool) {
	p.blanks()
	if p.at >= len(p.text) {
		return nil, false
	}
	if p.text[p.at] == '-' {
		if p.at+1 >= len(p.text) || !strings.ContainsRune("0123456789($¥€£.", firstRune(p.text[p.at+1:])) {
			return nil, false
		}
		p.at++
		v, ok := p.plain(depth)
		if !ok {
			return nil, false
		}
		return new(big.Rat).Neg(v), true
	}
	return p.plain(depth)
}

// plain reads a number or a parenthesis.
func (p *parser) plain(depth int) (*big.Rat, bool) {
	if p.at < len(p.text) && p.text[p.at] == '(' {
		if depth >= maxNesting {
			return nil, false
		}
		p.at++
		v, ok := p.sum(depth + 1)
		p.blanks()
		if !ok || p.at >= len(p.text) || p.text[p.at] != ')' {
			return nil, false
		}
		p.at++
		if p.at < len(p.text) && (isDigit(p.text[p.at]) || p.text[p.at] == '(' || p.text[p.at] == '%') {
			return nil, false // 2(3), (1)2
		}
		return v, true
	}
	if r := firstRune(p.text[p.at:]); strings.ContainsRune("$¥€£", r) {
		p.at += utf8.RuneLen(r)
	}
	return p.number()
}

// number reads 12, 1,234.5 or 20%.
func (p *parser) number() (*big.Rat, bool) {
	digits := make([]byte, 0, maxDigits)
	rest := p.text[p.at:]
	i := 0
	for i < len(rest) && isDigit(rest[i]) {
		digits = append(digits, rest[i])
		i++
	}
	if i == 0 || i > maxDigits {
		return nil, false
	}
	if i <= 3 {
		for len(rest) >= i+4 && rest[i] == ',' && isDigit(rest[i+1]) && isDigit(rest[i+2]) && isDigit(rest[i+3]) &&
			(len(rest) == i+4 || !isDigit(rest[i+4])) && len(digits) < maxDigits {
			digits = append(digits, rest[i+1:i+4]...)
			i += 4
		}
	}
	if i+1 < len(rest) && rest[i] == ',' && isDigit(rest[i+1]) {
		return nil, false // 30,00 and 1,2 are lists, or the decimals of other countries
	}
	decimals := 0
	if i+1 < len(rest) && rest[i] == '.' && isDigit(rest[i+1]) {
		digits = append(digits, '.')
		for i++; i < len(rest) && isDigit(rest[i]); i++ {
			digits = append(digits, rest[i])
			if decimals++; decimals > maxDigits {
				return nil, false
			}
		}
		// 1.2.3 is a version or a date, 3.33... goes on.
		if i < len(rest) && rest[i] == '.' && i+1 < len(rest) && (isDigit(rest[i+1]) || rest[i+1] == '.') {
			return nil, false
		}
	}
	// 5x, 5km and 1e5 are no plain numbers; 5x3 is a product.
	if r := firstRune(rest[i:]); r != utf8.RuneError && r < utf8.RuneSelf && (unicode.IsLetter(r) || r == '_') {
		if after := strings.TrimLeft(rest[i+1:], " "); r != 'x' && r != 'X' || after == "" || !isDigit(after[0]) && after[0] != '(' {
			return nil, false
		}
	}
	v, ok := new(big.Rat).SetString(string(digits))
	if !ok {
		return nil, false
	}
	p.terms++
	p.decimals = decimals
	if i < len(rest) && rest[i] == '%' {
		// With a number behind it, it may be the remainder.
		if after := strings.TrimLeft(rest[i+1:], " "); after != "" && (isDigit(after[0]) || after[0] == '(') {
			return nil, false
		}
		i++
		p.percents++
		v.Quo(v, big.NewRat(100, 1))
	}
	p.at += i
	return v, true
}

func isDigit(b byte) bool     { return b-'0' < 10 }
func isOperator(r rune) bool  { return strings.ContainsRune("+-*/", r) }
func lastRune(s string) rune  { r, _ := utf8.DecodeLastRuneInString(s); return r }
func firstRune(s string) rune { r, _ := utf8.DecodeRuneInString(s); return r }
