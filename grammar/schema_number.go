package grammar

import (
	"math/big"
	"strings"
)

// Numbers have up to intDigits digits before the point and fracDigits after it, and an exponent of up to two: enough
// for all that float64 can tell apart, and an end for a model that would write digits for ever.
const (
	intDigits  = 16
	fracDigits = 16
)

// number is any number, or an integer, within its bounds. With bounds it is written without an exponent.
func (s *schemas) number(v *value, at string, integer bool) elem {
	low, high, ok := s.bounds(v, at, integer)
	if !ok {
		return elem{}
	}
	b := s.b
	digit := b.set(digits('0', '9'))
	if low == nil && high == nil {
		name := "number"
		if integer {
			name = "integer"
		}
		return s.shared(name, func() elem {
			seq := join(b.repeat(name, b.either(name, b.literal("-")), 0, 1), []elem{b.either(name, b.literal("0"),
				join([]elem{b.set(digits('1', '9'))}, b.repeat(name, digit, 0, intDigits-1)))})
			if integer {
				return b.either(name, seq)
			}
			frac := b.either(name, join(b.literal("."), b.repeat(name, digit, 1, fracDigits)))
			var e, sign byteSet
			e.add('e', 'e')
			e.add('E', 'E')
			sign.add('+', '+')
			sign.add('-', '-')
			exp := b.either(name, join([]elem{b.set(e)}, b.repeat(name, b.set(sign), 0, 1), b.repeat(name, digit, 1, 2)))
			return b.either(name, join(seq, b.repeat(name, frac, 0, 1), b.repeat(name, exp, 0, 1)))
		})
	}
	top := new(big.Int).Exp(big.NewInt(10), big.NewInt(intDigits), nil)
	top.Sub(top, big.NewInt(1))
	if low == nil {
		low = new(big.Int).Neg(top)
	}
	if high == nil {
		high = top
	}
	limit := new(big.Int).Neg(top)
	if low.Cmp(limit) < 0 {
		low = limit
	}
	if high.Cmp(top) > 0 {
		high = top
	}
	if low.Cmp(high) > 0 {
		return s.fail(at, "no number that this grammar can write is within the bounds")
	}
	r := b.rule(at)
	zero := big.NewInt(0)
	one := big.NewInt(1)
	// span adds sign and the whole numbers from lo to hi (0 or more), with a fraction behind them if frac.
	span := func(sign string, lo, hi *big.Int, frac bool) {
		if lo.Cmp(hi) > 0 {
			return
		}
		seq := append(b.literal(sign), b.wholes(at, lo.String(), hi.String()))
		if frac {
			seq = append(seq, join(b.literal("."), b.repeat(at, digit, 1, fracDigits))...)
		}
		b.add(r, seq...)
	}
	if high.Sign() >= 0 {
		from := low
		if from.Sign() < 0 {
			from = zero
		}
		span("", from, high, false)
		if !integer {
			span("", from, new(big.Int).Sub(high, one), true)
		}
	}
	if low.Sign() < 0 {
		to := new(big.Int).Neg(low) // the largest size
		from := one
		if high.Sign() < 0 {
			from = new(big.Int).Neg(high)
		}
		span("-", from, to, false)
		if !integer {
			if high.Sign() >= 0 {
				from = zero
			}
			span("-", from, new(big.Int).Sub(to, one), true)
		}
	}
	return r
}

// bounds reads the bounds, rounded inwards to whole numbers; nil = none.
func (s *schemas) bounds(v *value, at string, integer bool) (low, high *big.Int, ok bool) {
	one := big.NewInt(1)
	for _, key := range []string{"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"} {
		x := v.get(key)
		if x == nil {
			continue
		}
		if x.kind != numberValue || len(x.text) > 40 || strings.ContainsAny(x.text, "eE") && len(x.text[strings.IndexAny(x.text, "eE"):]) > 4 {
			s.fail(at, "%s: got %s, want a number", key, clipText(string(x.write(nil))))
			return nil, nil, false
		}
		q, good := new(big.Rat).SetString(x.text)
		if !good {
			s.fail(at, "%s: got %s, want a number", key, x.text)
			return nil, nil, false
		}
		n, rest := new(big.Int).DivMod(q.Num(), q.Denom(), new(big.Int)) // rounded down
		lower := strings.HasSuffix(strings.ToLower(key), "minimum")
		exclusive := strings.HasPrefix(key, "exclusive")
		switch {
		case lower && (rest.Sign() != 0 || exclusive):
			n.Add(n, one)
		case !lower && rest.Sign() == 0 && exclusive:
			n.Sub(n, one)
		}
		if lower && (low == nil || n.Cmp(low) > 0) {
			low = n
		}
		if !lower && (high == nil || n.Cmp(high) < 0) {
			high = n
		}
	}
	if low != nil && high != nil && low.Cmp(high) > 0 {
		if integer {
			s.fail(at, "no whole number is within the bounds")
		} else {
			s.fail(at, "bounds without a whole number between them are not supported")
		}
		return nil, nil, false
	}
	return low, high, true
}

func digits(lo, hi byte) byteSet {
	var s byteSet
	s.add(lo, hi)
	return s
}

// wholes is the whole numbers from lo to hi, in decimal without leading zeros, 0 <= lo <= hi.
func (b *builder) wholes(name, lo, hi string) elem {
	r := b.rule(name)
	for n := len(lo); n <= len(hi) && b.err == nil; n++ {
		from, to := "1"+strings.Repeat("0", n-1), strings.Repeat("9", n)
		if n == len(lo) {
			from = lo
		}
		if n == len(hi) {
			to = hi
		}
		b.add(r, b.between(name, from, to)...)
	}
	return r
}

// between is the digit strings from lo to hi, both of one length.
func (b *builder) between(name, lo, hi string) []elem {
	digit := b.set(digits('0', '9'))
	n := len(lo)
	same := 0
	for same < n && lo[same] == hi[same] {
		same++
	}
	out := b.literal(lo[:same])
	if same == n {
		return out
	}
	free := func(k int) []elem { return b.repeat(name, digit, k, k) }
	// Above lo: the digits of lo kept up to some place, a larger digit there, then any. Below hi alike.
	above, below := b.rule(name), b.rule(name)
	for i := same + 1; i < n; i++ {
		if lo[i] < '9' {
			b.add(above, join(b.literal(lo[same+1:i]), []elem{b.set(digits(lo[i]+1, '9'))}, free(n-i-1))...)
		}
		if hi[i] > '0' {
			b.add(below, join(b.literal(hi[same+1:i]), []elem{b.set(digits('0', hi[i]-1))}, free(n-i-1))...)
		}
	}
	b.add(above, b.literal(lo[same+1:])...)
	b.add(below, b.literal(hi[same+1:])...)
	r := b.rule(name)
	b.add(r, append(b.literal(lo[same:same+1]), above)...)
	b.add(r, append(b.literal(hi[same:same+1]), below)...)
	if lo[same]+1 <= hi[same]-1 {
		b.add(r, join([]elem{b.set(digits(lo[same]+1, hi[same]-1))}, free(n-same-1))...)
	}
	return append(out, r)
}
