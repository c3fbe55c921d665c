package answer

import (
	"math/big"
	"strings"
	"unicode/utf8"
)

// numeralDigits are the Chinese digits, plain and formal.
var numeralDigits = map[rune]int64{
	'零': 0, '〇': 0, '一': 1, '二': 2, '两': 2, '三': 3, '四': 4, '五': 5, '六': 6, '七': 7, '八': 8, '九': 9,
	'壹': 1, '贰': 2, '叁': 3, '肆': 4, '伍': 5, '陆': 6, '柒': 7, '捌': 8, '玖': 9,
}

// numeralPowers are the Chinese powers of ten, plain and formal.
var numeralPowers = map[rune]int64{
	'十': 10, '百': 100, '千': 1000, '拾': 10, '佰': 100, '仟': 1000,
	'万': 1e4, '亿': 1e8, '萬': 1e4, '億': 1e8,
}

// maxNumeralBytes bounds a numeral: 九千九百九十九万亿 and more fit easily.
const maxNumeralBytes = 120

// startsNumeral reports whether s may be a Chinese number by its first rune.
func startsNumeral(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	if _, ok := numeralDigits[r]; ok {
		return true
	}
	return r == '十' || r == '拾' || r == '百' || r == '千' || r == '负'
}

// numeral reads a number in Chinese writing: 一万二千三百, 三点五, 百分之五,
// 三分之二, 3万5千, 伍万元整. A percent sign and a unit are dropped as they
// are from Western numbers.
func numeral(s string) (*big.Rat, bool) {
	if len(s) > maxNumeralBytes {
		return nil, false
	}
	if rest, ok := strings.CutPrefix(s, "负"); ok {
		r, ok := numeral(rest)
		if !ok || r.Sign() <= 0 {
			return nil, false
		}
		return r.Neg(r), true
	}
	for _, percent := range []string{"百分之", "百份之"} {
		if rest, ok := strings.CutPrefix(s, percent); ok {
			r, rest, ok := scanNumeral(rest)
			return r, ok && rest == ""
		}
	}
	r, rest, ok := scanNumeral(s)
	if !ok {
		return nil, false
	}
	if over, ok := strings.CutPrefix(rest, "分之"); ok {
		num, rest, ok := scanNumeral(over)
		if !ok || rest != "" || r.Sign() == 0 {
			return nil, false
		}
		return num.Quo(num, r), true
	}
	return r, isUnit(rest)
}

// scanNumeral reads a number from the beginning of s: digits in a row
// (二〇二四), or digits with powers (一万二千三百, 3万5千), then decimals. It is
// false where they make no number: 万一, 千, 十十.
func scanNumeral(s string) (r *big.Rat, rest string, ok bool) {
	if run, n := digitRun(s); len(run) > 1 {
		if c, _ := utf8.DecodeRuneInString(s[n:]); run[0] == '0' || numeralPowers[c] != 0 {
			return nil, s, false
		}
		r, rest = ratOf(run), s[n:]
	} else if r, rest, ok = scanPowers(s); !ok {
		return nil, s, false
	}
	after, ok := strings.CutPrefix(rest, "点")
	if !ok {
		return r, rest, true
	}
	run, n := digitRun(after)
	if n == 0 {
		return nil, s, false
	}
	r.Add(r, new(big.Rat).Quo(ratOf(run), power(len(run))))
	after = after[n:]
	if exp := multiplier(&after); exp > 0 { // 一点五万
		r.Mul(r, power(exp))
	}
	return r, after, true
}

// scanPowers reads digits with powers of ten.
func scanPowers(s string) (r *big.Rat, rest string, ok bool) {
	total, section := new(big.Rat), new(big.Rat) // above and below 万
	var digit *big.Rat                           // waits for its power
	var small, large, last int64                 // the last power below 万, from 万 on, of either; 0 = none
	zero := false                                // 零 since the last power
	i := 0
	for i < len(s) {
		if isDigit(s[i]) {
			d, after, ok := scanDecimal(s[i:])
			if !ok || digit != nil || len(d.digits)+max(d.exp, -d.exp) > maxFractionDigits {
				return nil, s, false
			}
			digit, i = ratOf(d.key()), len(s)-len(after)
			continue
		}
		c, n := utf8.DecodeRuneInString(s[i:])
		d, isDigit := numeralDigits[c]
		p := numeralPowers[c]
		switch {
		case isDigit && digit != nil:
			return nil, s, false
		case isDigit && d == 0 && i > 0:
			zero = true
		case isDigit:
			digit = new(big.Rat).SetInt64(d)
		case p == 0:
			return endPowers(total, section, digit, last, zero, s, i)
		case p < 1e4:
			if digit == nil && p == 10 {
				digit = new(big.Rat).SetInt64(1) // 十二, 一百一十二
			}
			if digit == nil || digit.Sign() == 0 || small != 0 && p >= small {
				return nil, s, false
			}
			section.Add(section, digit.Mul(digit, new(big.Rat).SetInt64(p)))
			digit, small, last, zero = nil, p, p, false
		default:
			if digit != nil {
				section.Add(section, digit)
			}
			if section.Sign() == 0 && !(large != 0 && p > large) {
				return nil, s, false
			}
			if p > large { // 一万二千亿: all of it is multiplied
				section.Add(section, total)
				total.SetInt64(0)
			}
			total.Add(total, section.Mul(section, new(big.Rat).SetInt64(p)))
			section = new(big.Rat)
			digit, small, large, last, zero = nil, 0, p, p, false
		}
		i += n
	}
	return endPowers(total, section, digit, last, zero, s, i)
}

// endPowers adds up what scanPowers read from s[:i].
func endPowers(total, section, digit *big.Rat, last int64, zero bool, s string, i int) (*big.Rat, string, bool) {
	if i == 0 {
		return nil, s, false
	}
	if digit != nil {
		if last >= 100 && !zero && digit.IsInt() && digit.Num().BitLen() <= 4 && digit.Cmp(ten) < 0 {
			digit.Mul(digit, new(big.Rat).SetInt64(last/10)) // 一百二 is 120
		}
		section.Add(section, digit)
	}
	return total.Add(total, section), s[i:], true
}

var ten = big.NewRat(10, 1)

// digitRun reads Chinese digits in a row as Western ones; n is their length
// in s.
func digitRun(s string) (digits string, n int) {
	var b []byte
	for n < len(s) {
		c, size := utf8.DecodeRuneInString(s[n:])
		d, ok := numeralDigits[c]
		if !ok {
			break
		}
		b = append(b, byte('0'+d))
		n += size
	}
	return string(b), n
}

func ratOf(decimal string) *big.Rat {
	r, _ := new(big.Rat).SetString(decimal)
	return r
}

func power(exp int) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exp)), nil))
}
