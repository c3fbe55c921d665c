package alliance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"summit/llm"
)

// A day's budget begins anew at midnight of the terms' zone, a request that ends
// on the day after counts on its own, and who is refused is told which budget,
// what is left of it, and when it begins anew.
func TestDayBudget(t *testing.T) {
	j, c := books(t, 10_000_000)
	put := func(customer Customer, key KeyLimit) {
		t.Helper()
		if err := j.PutCustomer(t.Context(), customer); err != nil {
			t.Fatal(err)
		}
		if err := j.PutKey(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	type open struct {
		id   string
		at   time.Time
		held Units
	}
	hold := func(want string) open {
		t.Helper()
		n++
		id := fmt.Sprint("r", n)
		held, _, err := j.Hold(t.Context(), Ask{ID: id, Customer: "default", Key: "key_1", Model: "tokens", At: c.now(), Input: 10, Output: 100, Until: c.now().Add(time.Hour)})
		if got := llm.AsError(err); (got == nil) != (want == "") || got != nil && !strings.Contains(got.Message, want) {
			t.Errorf("%s: %v, want %q", id, err, want)
		}
		return open{id, c.now(), held}
	}
	settle := func(o open) {
		t.Helper()
		_, _, err := j.Settle(t.Context(), Answer{ID: o.id, Customer: "default", Key: "key_1", Model: "tokens", At: o.at, Outcome: &llm.Outcome{Member: "qwen", Finish: llm.FinishStop, Usage: used(10, 0, 50)},
			Input: 10, Output: 50, Delivered: true, Bound: 100}, o.held)
		if err != nil {
			t.Fatal(err)
		}
	}
	day := func(want Units) {
		t.Helper()
		if s, err := j.Customer(t.Context(), "default"); err != nil || Units(s.SpentDay) != want {
			t.Errorf("%v: spent on %s: %s, want %d", err, s.Day, s.SpentDay, want)
		}
	}
	c.set(mustTime("2026-12-31T23:30:00+08:00"))
	put(Customer{Name: "default", MaxDay: 25_000}, KeyLimit{Key: "key_1", Customer: "default"})
	settle(hold("")) // 5100 of the 10100 that were held
	day(5100)
	late := hold("")
	hold("the customer default may spend 0.025 CNY on 2026-12-31 (max_day): 0.0152 are spent or promised, 0.0098 are left, and this request may cost 0.0101; it begins anew at 2027-01-01 00:00 +08:00")
	c.set(mustTime("2027-01-01T00:01:00+08:00"))
	day(0)
	settle(late)
	day(0)
	hold("")
	hold("")
	hold("on 2027-01-01 (max_day)")
	put(Customer{Name: "default"}, KeyLimit{Key: "key_1", Customer: "default", MaxDay: 10_000})
	hold("the key key_1 may spend 0.01 CNY on 2027-01-01 (max_day): 0 are spent or promised, 0.01 are left")
	put(Customer{Name: "default", MaxMonth: 30_000}, KeyLimit{Key: "key_1", Customer: "default"})
	hold("in 2027-01 (max_month): 0.0202 are spent or promised, 0.0098 are left, and this request may cost 0.0101; it begins anew at 2027-02-01 00:00 +08:00")
	put(Customer{Name: "default", MaxRequest: 10_099}, KeyLimit{Key: "key_1", Customer: "default"})
	hold("the customer default may spend 0.010099 CNY on one request (max_request), and this one may cost 0.0101")
	put(Customer{Name: "default", MaxRequest: 10_100}, KeyLimit{Key: "key_1", Customer: "default", MaxTotal: 5_000})
	hold("in all (max_total): 0 are spent or promised, 0.005 are left, and this request may cost 0.0101; it does not begin anew")
	put(Customer{Name: "default"}, KeyLimit{Key: "key_1", Customer: "default"})
	hold("")
}
