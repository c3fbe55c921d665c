package money

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestAmountText(t *testing.T) {
	f := func(text string, want Amount) {
		t.Helper()
		got, err := ParseAmount(text)
		if err != nil || got != want {
			t.Errorf("ParseAmount(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	f("0", 0)
	f("12", 12_000_000)
	f("0.0015", 1500)
	f("-3.25", -3_250_000)
	f("9223372036854.775807", math.MaxInt64)
	for _, bad := range []string{"", "-", ".5", "5.", "1e3", "+1", "1,000", " 1", "1.0000001", "0x10", "9223372036854.775808", "99999999999999999999999", "--1", "1.-2"} {
		if got, err := ParseAmount(bad); err == nil {
			t.Errorf("ParseAmount(%q) = %v, want an error", bad, got)
		}
	}
}

func TestAmountRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Amount(rapid.Int64Min(-math.MaxInt64).Draw(t, "amount"))
		if got, err := ParseAmount(a.String()); err != nil || got != a {
			t.Fatalf("ParseAmount(%q) = %d, %v, want %d", a.String(), got, err, a)
		}
	})
}

func TestCharge(t *testing.T) {
	f := func(want Amount, lines ...Line) {
		t.Helper()
		if got, err := Charge(lines...); err != nil || got != want {
			t.Errorf("Charge(%v) = %v, %v, want %v", lines, got, err, want)
		}
	}
	f(0)
	f(2_000_000, Line{1_000_000, 2_000_000})
	f(1, Line{1, 500_000})                   // half a millionth rounds up
	f(0, Line{1, 499_999})                   // less rounds down
	f(1, Line{1, 400_000}, Line{1, 400_000}) // rounded once, not per line
	if _, err := Charge(Line{math.MaxInt64, math.MaxInt64}); !errors.Is(err, ErrOverflow) {
		t.Errorf("huge charge: %v, want ErrOverflow", err)
	}
	if _, err := Charge(Line{-1, 1}); err == nil {
		t.Error("negative units were charged")
	}
}

func TestAdd(t *testing.T) {
	if _, err := Amount(math.MaxInt64).Add(1); !errors.Is(err, ErrOverflow) {
		t.Errorf("MaxInt64+1: %v, want ErrOverflow", err)
	}
	if got, err := Amount(5).Add(-7); got != -2 || err != nil {
		t.Errorf("5-7 = %v, %v, want -2", got, err)
	}
}

func TestExchange(t *testing.T) {
	ex, err := NewExchange("CNY", map[Currency]Quote{"USD": {Worth: 7_100_000, Source: "test"}})
	if err != nil {
		t.Fatal(err)
	}
	f := func(r Rate, from Currency, want Rate) {
		t.Helper()
		if got, err := ex.Rate(r, from); err != nil || got != want {
			t.Errorf("Rate(%v, %s) = %v, %v, want %v", r, from, got, err, want)
		}
	}
	f(2_000_000, "USD", 14_200_000)
	f(2_000_000, "CNY", 2_000_000)
	if _, err := ex.Rate(1, "EUR"); err == nil {
		t.Error("an unknown currency was converted")
	}
	if _, err := NewExchange("yuan", nil); err == nil {
		t.Error("currency yuan was accepted")
	}
	if _, err := NewExchange("CNY", map[Currency]Quote{"USD": {}}); err == nil {
		t.Error("a worth of zero was accepted")
	}
}
