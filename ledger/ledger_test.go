package ledger

import (
	"errors"
	"strings"
	"testing"
)

func TestAccounts(t *testing.T) {
	f := func(name string, want Type, covered bool) {
		t.Helper()
		got, err := Account(name).Type()
		if err != nil || got != want || Account(name).Covered() != covered {
			t.Errorf("%s: %v, %v, covered %v; want %v, covered %v", name, got, err, Account(name).Covered(), want, covered)
		}
	}
	f("bank:CNY", Asset, false)
	f("customer:acme-1:wallet", Liability, true)
	f("member:everest-poem:payable", Liability, false)
	f("reserve", Liability, true)
	f("operator:fee", Income, false)
	f("cost:deferred:glm", Memo, false)
	for _, bad := range []string{"", "bank", "bank:", "bank:a b", "member:glm", "member:glm:bonus", "reserve:x", "member::payable", "member:" + strings.Repeat("x", 65) + ":payable"} {
		if kind, err := Account(bad).Type(); err == nil {
			t.Errorf("%q is of type %s, want an error", bad, kind)
		}
	}
}

func TestBalanced(t *testing.T) {
	f := func(want string, postings ...Posting) {
		t.Helper()
		err := Balanced(postings)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want %q", postings, err, want)
		}
	}
	f("")
	f("", Posting{"reserve", 5, ""}, Posting{"operator:fee", -5, ""})
	f("sum to 1, want 0", Posting{"reserve", 6, ""}, Posting{"operator:fee", -5, ""})
	// Each currency, and the memo book, by itself.
	f("sum to", Posting{"reserve", 5, "CNY"}, Posting{"operator:fee", -5, "USD"})
	f("memo postings", Posting{"cost:declared:glm", 5, ""}, Posting{"operator:fee", -5, ""})
	f("no such account", Posting{"pocket", 0, ""})
	f("2^62", Posting{"reserve", MaxAmount + 1, ""})
	f("passes 2^62", Posting{"reserve", MaxAmount, ""}, Posting{"reserve", MaxAmount, ""})
}

func TestAdd(t *testing.T) {
	if sum, err := Units(2).Add(-5); sum != -3 || err != nil {
		t.Errorf("2-5 = %d, %v", sum, err)
	}
	for _, c := range [][2]Units{{MaxAmount, 1}, {-MaxAmount, -1}, {1<<63 - 1, 1<<63 - 1}} {
		if _, err := c[0].Add(c[1]); !errors.Is(err, ErrOverflow) {
			t.Errorf("%d+%d: %v, want an overflow", c[0], c[1], err)
		}
	}
}
