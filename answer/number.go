package answer

import (
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxDigits is how long a number may be, written out. Longer ones are
	// compared as text: nobody's answer, and 1e999999999 must not grow.
	maxDigits = 400
	// maxFractionDigits bounds the parts of a fraction, whose greatest common
	// divisor costs quadratic time.
	maxFractionDigits = 200
	// maxDecimals is how many decimal places a fraction may need to be written
	// as a decimal number; with more it stays a fraction.
	maxDecimals = 30
)

// decimal is a decimal number, exactly: digits × 10^exp. digits has no zero at
// its ends and is empty for zero.
type decimal struct {
	neg    bool
	digits string
	exp    int
}

// isPlainNumber reports whether s is a number that is its own key: the common
// case, which must cost nothing.
func isPlainNumber(s string) bool {
	i := 0
	if i < len(s) && s[i] == '-' {
		i++
	}
	first := i
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	whole := i - first
	if whole == 0 || whole > 1 && s[first] == '0' || len(s) > 40 {
		return false
	}
	if i == len(s) {
		return s != "-0"
	}
	if s[i] != '.' || len(s)-i < 2 || s[len(s)-1] == '0' {
		return false
	}
	for i++; i < len(s); i++ {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// number returns the key of a number, or "" where s is none: a decimal number
// or fraction in Western or Chinese writing, perhaps with a currency before
// and a percent sign, a multiplier or a unit behind.
//
// A fraction in lowest terms equals its decimal number (1/2 is 0.5). One that
// is not stays as it is: where a question asks to simplify, 2/4 is wrong.
// Numbers with leading zeros are codes, not numbers.
func number(s string) string {
	if isPlainNumber(s) {
		return s
	}
	c := s[0]
	switch {
	case isDigit(c), c == '-', c == '+', c == '.', c == '$':
	case c >= 0xC2 || isLetter(c): // ¥ € £ and Chinese numerals; US$, RMB
		if !startsNumber(s) {
			return ""
		}
	default:
		return ""
	}
	s, neg := signed(s)
	s = trimCurrency(s)
	if !neg {
		s, neg = signed(s)
	}
	if d, rest, ok := scanDecimal(s); ok {
		d.neg = neg
		if rest == "" {
			return d.key()
		}
		if key, ok := fraction(d, rest); ok {
			return key
		}
		if c, _ := utf8.DecodeRuneInString(rest); numeralPowers[c] != 0 { // 3万5千
			if r, ok := numeral(s); ok {
				return ratKey(r, neg)
			}
		}
		if d.exp += multiplier(&rest); isUnit(rest) {
			return d.key()
		}
		return ""
	}
	if r, ok := numeral(s); ok {
		return ratKey(r, neg)
	}
	return ""
}

// startsNumber tells currencies and Chinese numerals from other text.
func startsNumber(s string) bool {
	if trimCurrency(s) != s {
		return true
	}
	return startsNumeral(s)
}

func signed(s string) (string, bool) {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return strings.TrimLeft(s[1:], " "), s[0] == '-'
	}
	return s, false
}

// scanDecimal reads digits, thousands separators, decimals and an exponent
// from the beginning of s.
func scanDecimal(s string) (d decimal, rest string, ok bool) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	whole := s[:i]
	if i > 0 && i <= 3 && i < len(s) && s[i] == ',' {
		if grouped, n := ungroup(s); n > 0 {
			whole, i = grouped, n
		}
	}
	decimals := ""
	if i < len(s) && s[i] == '.' {
		j := i + 1
		for j < len(s) && isDigit(s[j]) {
			j++
		}
		if j > i+1 || whole != "" {
			decimals, i = s[i+1:j], j
		}
	}
	if whole == "" && decimals == "" || len(whole) > 1 && whole[0] == '0' || len(whole)+len(decimals) > maxDigits {
		return d, s, false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		digits := j
		for j < len(s) && isDigit(s[j]) {
			j++
		}
		if j > digits {
			n, err := strconv.Atoi(s[i+1 : j])
			if err != nil || n > maxDigits || n < -maxDigits {
				return d, s, false
			}
			d.exp, i = n, j
		}
	}
	d.digits = whole
	if decimals != "" {
		d.digits += decimals
		d.exp -= len(decimals)
	}
	if short := strings.TrimRight(d.digits, "0"); len(short) < len(d.digits) {
		d.exp += len(d.digits) - len(short)
		d.digits = short
	}
	d.digits = strings.TrimLeft(d.digits, "0")
	return d, s[i:], true
}

// ungroup reads a number with thousands separators: 12,345,678. n is its
// length in s, 0 where the groups are none of three digits.
func ungroup(s string) (digits string, n int) {
	i := strings.IndexByte(s, ',')
	b := []byte(s[:i])
	for i < len(s) && s[i] == ',' {
		if len(s) < i+4 || !isDigit(s[i+1]) || !isDigit(s[i+2]) || !isDigit(s[i+3]) || len(b) > maxDigits {
			return "", 0
		}
		b = append(b, s[i+1:i+4]...)
		i += 4
	}
	if i < len(s) && isDigit(s[i]) {
		return "", 0
	}
	return string(b), i
}

// key writes the number out, or returns "" where that is too long.
func (d decimal) key() string {
	if d.digits == "" {
		return "0"
	}
	if d.exp > maxDigits || d.exp < -maxDigits {
		return ""
	}
	b := make([]byte, 0, len(d.digits)+8)
	if d.neg {
		b = append(b, '-')
	}
	switch point := len(d.digits) + d.exp; {
	case d.exp >= 0:
		b = append(b, d.digits...)
		for range d.exp {
			b = append(b, '0')
		}
	case point > 0:
		b = append(b, d.digits[:point]...)
		b = append(b, '.')
		b = append(b, d.digits[point:]...)
	default:
		b = append(b, "0."...)
		for range -point {
			b = append(b, '0')
		}
		b = append(b, d.digits...)
	}
	return string(b)
}

// fraction reads the rest of "3/4" and "1 1/2" behind its first number d and
// returns the key of the whole.
func fraction(d decimal, rest string) (string, bool) {
	if d.exp < 0 || len(d.digits)+d.exp > maxFractionDigits {
		return "", false
	}
	neg := d.neg
	d.neg = false
	if strings.HasPrefix(rest, " ") && !strings.HasPrefix(rest, " /") {
		// A mixed number: whole, blank, proper fraction.
		num, over, ok := scanInteger(rest[1:])
		den, end, ok2 := scanInteger(strings.TrimPrefix(over, "/"))
		if !ok || !ok2 || over == "" || over[0] != '/' || end != "" {
			return "", false
		}
		r, ok := ratio(num, den)
		if !ok || r.Cmp(big.NewRat(1, 1)) >= 0 {
			return "", false
		}
		whole, _ := new(big.Rat).SetString(d.key())
		return ratKey(r.Add(r, whole), neg), true
	}
	rest = strings.TrimLeft(rest, " ")
	if rest == "" || rest[0] != '/' {
		return "", false
	}
	den, end, ok := scanInteger(strings.TrimLeft(rest[1:], " "))
	if !ok || end != "" && !isUnit(end) {
		return "", false
	}
	num := d.key()
	if isReduced(num, den) {
		if neg {
			num = "-" + num
		}
		return num + "/" + den, true
	}
	r, ok := ratio(num, den)
	if !ok {
		return "", false
	}
	if r.Denom().Cmp(bigInt(den)) != 0 || r.IsInt() { // not in lowest terms
		if neg {
			num = "-" + num
		}
		return num + "/" + den, true
	}
	return ratKey(r, neg), true
}

// scanInteger reads a plain whole number of bounded length.
func scanInteger(s string) (digits, rest string, ok bool) {
	i := 0
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	if i == 0 || i > maxFractionDigits || i > 1 && s[0] == '0' {
		return "", s, false
	}
	return s[:i], s[i:], true
}

// isReduced reports whether the fraction is its own key, for small numbers
// at little cost: in lowest terms, and no decimal number.
func isReduced(num, den string) bool {
	if len(num) > 18 || len(den) > 18 {
		return false
	}
	n, err := strconv.ParseUint(num, 10, 64)
	if err != nil {
		return false
	}
	d, err := strconv.ParseUint(den, 10, 64)
	if err != nil || d == 0 {
		return false
	}
	rest := d
	for rest%2 == 0 {
		rest /= 2
	}
	for rest%5 == 0 {
		rest /= 5
	}
	for a, b := n, d; ; a, b = b, a%b {
		if b == 0 {
			return a == 1 && rest > 1
		}
	}
}

func ratio(num, den string) (*big.Rat, bool) {
	d := bigInt(den)
	if d.Sign() == 0 {
		return nil, false
	}
	return new(big.Rat).SetFrac(bigInt(num), d), true
}

func bigInt(digits string) *big.Int {
	n, _ := new(big.Int).SetString(digits, 10)
	return n
}

// ratKey writes a rational number as a decimal number if it has one that is
// not too long, else as a fraction in lowest terms.
func ratKey(r *big.Rat, neg bool) string {
	if neg {
		r = new(big.Rat).Neg(r)
	}
	if r.IsInt() {
		return r.Num().String()
	}
	if n, exact := r.FloatPrec(); exact && n <= maxDecimals {
		return r.FloatString(n)
	}
	return r.RatString()
}
