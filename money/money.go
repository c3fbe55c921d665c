// Package money counts money exactly: whole numbers of one millionth of a
// currency unit, never a float.
//
// Its nouns are Amount (how much), Currency (of what), Rate (the price of a
// million units, such as tokens) and Exchange (a dated table of currencies).
// It imports nothing of ours. To add a currency, put it into the user's
// exchange table: no code names one.
package money

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Micro is how many Amount units make one currency unit.
const Micro = 1_000_000

// ErrOverflow says that a sum or product does not fit into an Amount.
var ErrOverflow = errors.New("money: overflow: the amount does not fit into 64 bits")

// Amount is a sum of money in millionths of a currency unit: 1 CNY is
// 1,000,000. The currency stands beside it. The zero value is no money.
type Amount int64

// Add returns a+b, or ErrOverflow.
func (a Amount) Add(b Amount) (Amount, error) {
	sum := a + b
	if (b > 0 && sum < a) || (b < 0 && sum > a) {
		return 0, ErrOverflow
	}
	return sum, nil
}

// String writes the amount as a decimal number with as many of its six
// decimal places as it needs: "12", "0.0015", "-3.25".
func (a Amount) String() string {
	u := uint64(a)
	sign := ""
	if a < 0 {
		u, sign = -u, "-"
	}
	whole, frac := u/Micro, u%Micro
	if frac == 0 {
		return sign + strconv.FormatUint(whole, 10)
	}
	return sign + strconv.FormatUint(whole, 10) + "." + strings.TrimRight(fmt.Sprintf("%06d", frac), "0")
}

// ParseAmount reads a decimal number with at most six decimal places, such
// as "0.0015" or "-3.25". Exponents, signs other than a leading minus,
// separators and blanks are errors.
func ParseAmount(s string) (Amount, error) {
	digits, negative := strings.CutPrefix(s, "-")
	whole, frac, dotted := strings.Cut(digits, ".")
	if whole == "" || (dotted && frac == "") || len(frac) > 6 || !isDigits(whole) || !isDigits(frac) {
		return 0, fmt.Errorf("money: amount %q, want a decimal number with at most six decimal places", clip(s))
	}
	w, err := strconv.ParseUint(whole, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("money: amount %q: %w", clip(s), ErrOverflow)
	}
	f, _ := strconv.ParseUint(frac+"000000"[len(frac):], 10, 64)
	hi, lo := bits.Mul64(w, Micro)
	u, carry := bits.Add64(lo, f, 0)
	if hi != 0 || carry != 0 || u > math.MaxInt64 {
		return 0, fmt.Errorf("money: amount %q: %w", clip(s), ErrOverflow)
	}
	if negative {
		return -Amount(u), nil
	}
	return Amount(u), nil
}

// MarshalText writes the amount as String does.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what ParseAmount reads.
func (a *Amount) UnmarshalText(text []byte) error {
	v, err := ParseAmount(string(text))
	if err == nil {
		*a = v
	}
	return err
}

// Currency is an ISO 4217 style code: three capital letters.
type Currency string

// Valid reports an error that names what came and what was wanted.
func (c Currency) Valid() error {
	if len(c) == 3 && strings.Trim(string(c), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		return nil
	}
	return fmt.Errorf("money: currency %q, want three capital letters such as CNY", clip(string(c)))
}

// Rate is the price of one million units (tokens, say): an Amount for 10^6
// of them. 2 CNY per million tokens is 2,000,000. The zero value is free.
type Rate int64

// ParseRate reads a decimal number as ParseAmount does; it may not be negative.
func ParseRate(s string) (Rate, error) {
	a, err := ParseAmount(s)
	if err != nil {
		return 0, err
	}
	if a < 0 {
		return 0, fmt.Errorf("money: rate %q, want zero or more", clip(s))
	}
	return Rate(a), nil
}

// String writes the rate as the amount for a million units.
func (r Rate) String() string { return Amount(r).String() }

// MarshalText writes the rate as String does.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what ParseRate reads.
func (r *Rate) UnmarshalText(text []byte) error {
	v, err := ParseRate(string(text))
	if err == nil {
		*r = v
	}
	return err
}

// Line is one position of a charge: Units at Rate.
type Line struct {
	Units int64 // zero or more
	Rate  Rate  // zero or more
}

// Charge returns the sum of the lines. It adds exactly, in 10^-12 of a
// currency unit, and rounds once, half up, so that splitting a line into two
// changes nothing. Negative units or rates are errors.
func Charge(lines ...Line) (Amount, error) {
	var hi, lo uint64
	for _, l := range lines {
		if l.Units < 0 || l.Rate < 0 {
			return 0, fmt.Errorf("money: charge: %d units at %s, want zero or more of both", l.Units, l.Rate)
		}
		h, o := bits.Mul64(uint64(l.Units), uint64(l.Rate))
		var c uint64
		lo, c = bits.Add64(lo, o, 0)
		hi, c = bits.Add64(hi, h, c)
		if c != 0 {
			return 0, ErrOverflow
		}
	}
	lo, c := bits.Add64(lo, Micro/2, 0)
	hi += c
	if hi >= Micro {
		return 0, ErrOverflow
	}
	q, _ := bits.Div64(hi, lo, Micro)
	if q > math.MaxInt64 {
		return 0, ErrOverflow
	}
	return Amount(q), nil
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// clip keeps error texts short whatever came in.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
