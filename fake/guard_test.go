package fake_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing/synctest"
	"time"

	"summit/llm"
	"summit/member"
)

// guarded is the name of a new member that a guard keeps: one with each key.
// The fake answers all of them, so that a fault that comes once meets the first
// that is asked.
func (c *cell) guarded(p member.GuardParams, params string, keys ...string) string {
	name := fmt.Sprintf("%s-%d", c.column.name, c.fake.Asked())
	var all []member.Target
	for i, key := range keys {
		all = append(all, member.Target{Member: c.member(fmt.Sprintf("%s-%d", name, i), key, params)})
	}
	g, err := member.NewGuard(p, all...)
	if err != nil {
		c.t.Fatal(err)
	}
	c.members.put(name, llm.Member(g))
	return name
}

// first returns words that break one answer, and only once.
func (c *cell) first(fault string) string {
	return fmt.Sprintf("Say hello. [[fake fault=%s times=1 try=%d]]", fault, c.fake.Asked())
}

// known returns those of the faults for which the vendor has words.
func (c *cell) known(faults ...string) []string {
	return slices.DeleteFunc(faults, func(f string) bool { return slices.Contains(c.vendor.Unknown, f) })
}

// asksTimes asks and fails unless the vendor was asked so many times.
func (c *cell) asksTimes(want int, q question) (a answer, took time.Duration) {
	before, start := c.fake.Asked(), time.Now()
	a, _ = c.asks(q)
	if n := c.fake.Asked() - before; n != want {
		c.errorf("%q: the vendor was asked %d times, want %d", q.text, n, want)
	}
	return a, time.Since(start)
}

// impatient members wait two seconds, for headers and for what comes next.
const impatient = `{"header_timeout":2000000000,"idle_timeout":2000000000}`

// retry: what passes is asked once more, after a wait, and what does not pass
// is not.
func (c *cell) retry() {
	for _, stream := range []bool{true, false} {
		for _, fault := range c.known("rate-limit", "rate-limit-bare", "overloaded", "down", "error-200", "hang") {
			q := question{model: c.guarded(member.GuardParams{}, impatient, c.fake.Key()), text: c.first(fault), stream: stream}
			a, took := c.asksTimes(2, q)
			c.whole(a, c.last(), q)
			least, most := 250*time.Millisecond, 501*time.Millisecond // the first wait, less what chance takes off
			switch fault {
			case "rate-limit":
				least, most = 7*time.Second, 8*time.Second
			case "hang":
				least, most = least+2*time.Second, most+2*time.Second
			}
			if took < least || took > most {
				c.errorf("%s: the answer came after %v, want %v to %v", fault, took, least, most)
			}
		}
	}
	for _, fault := range c.known("quota", "filtered", "too-long") {
		a, took := c.asksTimes(1, question{model: c.guarded(member.GuardParams{}, "", c.fake.Key()), text: "Say hello. [[fake fault=" + fault + "]]", stream: true})
		c.fault(a, faultKinds[fault]...)
		if took != 0 {
			c.errorf("%s was waited for: %v", fault, took)
		}
	}
}

// failover: where another key or address may do, it is asked at once.
func (c *cell) failover() {
	for _, fault := range c.known("rate-limit", "rate-limit-bare", "quota", "overloaded", "down", "error-200", "hang") {
		q := question{model: c.guarded(member.GuardParams{}, impatient, c.fake.Key(), c.fake.Key()), text: c.first(fault), stream: true}
		a, took := c.asksTimes(2, q)
		c.whole(a, c.last(), q)
		if most := 2 * time.Second; took > most || took > 0 && fault != "hang" {
			c.errorf("%s: the other was asked after %v", fault, took)
		}
	}
	for _, fault := range c.known("filtered", "too-long") { // the same words please nobody
		a, _ := c.asksTimes(1, question{model: c.guarded(member.GuardParams{}, "", c.fake.Key(), c.fake.Key()), text: "Say hello. [[fake fault=" + fault + "]]"})
		c.fault(a, faultKinds[fault]...)
	}
	if c.vendor.Key != "" {
		q := question{model: c.guarded(member.GuardParams{}, "", wrongKey(c.fake.Key()), c.fake.Key()), text: "Say hello."}
		for range 2 { // the second time the wrong key is not tried
			a, _ := c.asksTimes(1, q)
			c.whole(a, c.last(), q)
		}
	}
}

// circuit: a member that fails again and again is not asked for a while, and
// then by one request.
func (c *cell) circuit() {
	const failures, rest = 3, 10 * time.Second
	opened := 0
	for _, fault := range c.known("overloaded", "down", "error-200", "hang") {
		q := question{model: c.guarded(member.GuardParams{Retries: new(0), Failures: failures, OpenFor: rest}, impatient, c.fake.Key())}
		var a answer
		for range failures {
			q.text = "Say hello. [[fake fault=" + fault + "]]"
			if a, _ = c.asksTimes(1, q); a.failed == broken["chat"]["rate_limited"].word || a.failed == broken["messages"]["rate_limited"].word {
				break
			}
		}
		if a.status == 429 {
			continue // the vendor's word for too busy is that of too many requests: it is let cool
		}
		q.text = "Say hello."
		a, _ = c.asksTimes(0, q)
		c.fault(a, "overloaded")
		if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 1 || n > int(rest/time.Second) {
			c.errorf("%s: Retry-After %q, want 1 to 10", fault, a.header.Get("Retry-After"))
		}
		time.Sleep(rest)
		a, _ = c.asksTimes(1, q)
		c.whole(a, c.last(), q)
		opened++
	}
	if opened == 0 {
		c.errorf("nothing opens the circuit")
	}
}

// hedge: a second call beside one that is slow is the answer, and the slow one
// is left.
func (c *cell) hedge() {
	before := len(c.fake.Aborted())
	q := question{model: c.guarded(member.GuardParams{Hedge: time.Second}, "", c.fake.Key(), c.fake.Key()), text: c.first("hang"), stream: true}
	a, took := c.asksTimes(2, q)
	if a.err != nil || a.failed != "" || !a.ended || a.text != c.last().Reply.Text() || took != time.Second {
		c.errorf("after %v: status %d, error %q (%s), %v, text %q", took, a.status, a.failed, a.message, a.err, clip(a.text))
	}
	if u := c.last().Reply.Usage; !a.estimated || a.input <= u.Input { // both are paid for, and the slow one said nothing
		c.errorf("usage %d in, estimated %v, want more than %d in, estimated", a.input, a.estimated, u.Input)
	}
	time.Sleep(100 * time.Millisecond)
	synctest.Wait()
	if len(c.fake.Aborted()) != before+1 {
		c.errorf("the slow call was not left within 100 ms")
	}
}

// once: an answer that has begun is not asked for again, whatever breaks it.
func (c *cell) once() {
	for _, fault := range []string{"cut", "end-early", "stall", "error-mid", "half-json"} {
		q := question{model: c.guarded(member.GuardParams{}, impatient, c.fake.Key(), c.fake.Key()), text: c.first(fault), stream: true}
		a, _ := c.asksTimes(1, q)
		c.fault(a, faultKinds[fault]...)
	}
}
