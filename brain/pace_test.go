package brain

import (
	"math"
	"math/rand/v2"
	"testing"
)

// What plans promise to cost is off by a fifth: over many requests the cap is
// met all the same, and one request's cap stays within bounds.
func TestMeterMeetsCaps(t *testing.T) {
	f := func(name string, off float64, flight int) {
		t.Helper()
		m := meter{aim: 0.8}
		random := rand.New(rand.NewPCG(3, 3))
		var open []booking
		paid, base := 0.0, 0.0
		end := func() {
			b := open[0]
			open = open[1:]
			real := b.base * math.Exp(random.NormFloat64()/2-0.125)
			cost := off * b.target * b.base * math.Exp(random.NormFloat64()/2-0.125)
			m.end(b, spending{paid: cost, expected: b.target * b.base, base: real})
			paid, base = paid+cost, base+real
		}
		for range 600 {
			b, coin := m.begin(0.5 + random.Float64())
			if b.target < 0.39 || b.target > 1.01 || coin < 0 || coin >= 1 {
				t.Fatalf("%s: a cap of %v and a coin of %v", name, b.target, coin)
			}
			if open = append(open, b); len(open) >= flight {
				end()
			}
		}
		for len(open) > 0 {
			end()
		}
		if x := paid / base; math.Abs(x-0.8) > 0.03 {
			t.Errorf("%s: %.3f, want 0.8", name, x)
		}
	}
	f("as promised", 1, 1)
	f("dearer", 1.2, 1)
	f("cheaper", 0.85, 1)
	f("many at a time", 1.2, 30)
}

func TestMeterForgetsSavings(t *testing.T) {
	m := meter{aim: 1}
	for range 10000 {
		b, _ := m.begin(1)
		m.end(b, spending{paid: 0.1, expected: 0.1})
	}
	over := 0.0
	for range 100 {
		b, _ := m.begin(1)
		m.end(b, spending{paid: b.target, expected: b.target, base: 1})
		over += b.target - 1
	}
	if over > mostSaved+1 {
		t.Errorf("overspent %.1f of 100 after a time of saving", over)
	}
	m = meter{aim: 1, balance: -7}
	b, _ := m.begin(1)
	if m.cancel(b); math.Abs(m.balance+7) > 1e-9 {
		t.Errorf("balance %v after a request that doesn't count, want -7", m.balance)
	}
}

// On questions that weren't seen, the cost is at most the cap, with prompts
// and without.
func TestPaceKeepsCaps(t *testing.T) {
	examples, o := world(600, 1)
	fresh, _ := world(600, 7)
	for _, prompts := range []bool{true, false} {
		if prompts && testing.Short() {
			continue
		}
		for i := range examples {
			if !prompts {
				examples[i].Prompt, fresh[i].Prompt = "", ""
			}
		}
		b := trained(t, examples, o)
		for _, x := range []float64{0.25, 0.5, 0.75, 1, 2} {
			p, err := b.Pace(x)
			if err != nil {
				t.Fatal(err)
			}
			cost, best := 0.0, 0.0
			for i := range fresh {
				e := &fresh[i]
				c := b.Case(e.Prompt, seatsOf(o))
				turn := p.Begin(c)
				for s := c.Next(turn.Policy); s.Seat >= 0; s = c.Next(turn.Policy) {
					r := e.Replies[s.Seat]
					c.Answer(s.Seat, r.Key, r.Tokens)
					c.Paid(s.Seat, r.Cost)
					cost += r.Cost
				}
				turn.End(c)
				best += e.Replies[b.header.Best].Cost
			}
			if cost > x*best {
				t.Errorf("prompts %v, at most %vx: %.3fx", prompts, x, cost/best)
			}
		}
	}
}
