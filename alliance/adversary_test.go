package alliance

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/ledger"
	"summit/llm"
)

// meterOne meters an answer of one member that says it used so much; ours is
// what passed by us.
func meterOne(t *testing.T, u llm.Usage) *Event {
	t.Helper()
	a := liveAlliance(t, liveTerms)
	e, err := a.Meter(Answer{ID: "r", Customer: "default", Model: "tokens", At: mustTime("2026-12-03T00:00:00Z"), Outcome: &llm.Outcome{Member: "qwen", Finish: llm.FinishStop, Usage: u},
		Input: 100, Output: 50, Delivered: true, Bound: 500}, 1_000_000, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Whatever a member claims, it is rated with no more than can have been.
func TestClaims(t *testing.T) {
	f := func(name string, u llm.Usage, want Proof, input, output int64) {
		t.Helper()
		e := meterOne(t, u)
		m := e.Request.Members[0]
		if e.Proof["qwen"] != want || m.Buckets.Input+m.Buckets.CacheRead != input || m.Buckets.Output != output {
			t.Errorf("%s: %s, input %d, output %d, want %s, %d, %d", name, e.Proof["qwen"], m.Buckets.Input+m.Buckets.CacheRead, m.Buckets.Output, want, input, output)
		}
		if want == Disputed && e.Claimed["qwen"] == (Buckets{}) && e.Odd["qwen"] == "" {
			t.Errorf("%s: what it claimed is not kept", name)
		}
	}
	f("honest", used(120, 0, 60), Upstream, 120, 60)
	f("cached input is counted once", used(20, 100, 60), Upstream, 120, 60)
	f("less than ours", used(1, 0, 1), Upstream, 1, 1)
	f("nothing said", llm.Usage{}, Estimated, 100, 50)
	f("huge output", used(120, 0, 1_000_000), Disputed, 120, 50)
	f("huge input", used(1_000_000, 0, 60), Disputed, 100, 60)
	f("negative", used(-5, 0, 60), Disputed, 100, 50)
	f("past all bounds", used(math.MaxInt64, math.MaxInt64, math.MaxInt64), Disputed, 100, 50)
	// By an exact count a percent is tolerated.
	exact := Count{Input: 1000, Output: 1000, Exact: true, Known: true}
	for _, c := range []struct {
		claim int64
		want  Proof
	}{{1010, Upstream}, {1011, Disputed}} {
		if u, err := NewUse(used(c.claim, 0, 900), exact, 100); err != nil || u.From != c.want {
			t.Errorf("claim %d of 1000: %s, %v, want %s", c.claim, u.From, err, c.want)
		}
	}
	// Thoughts never pass by us: they are believed, and the customer's hold bounds the price.
	thoughts := used(120, 0, 60)
	thoughts.Reasoning = llm.Counted(100_000_000)
	if e := meterOne(t, thoughts); e.Request.Price != 1_000_000 || !e.Capped {
		t.Errorf("price %d, capped %v, want what was held", e.Request.Price, e.Capped)
	}
}

// A report that comes twice, and an answer that is settled twice, change
// nothing the second time.
func TestReplayed(t *testing.T) {
	j, c := books(t, 1_000_000)
	at := c.now()
	held, _, err := j.Hold(t.Context(), Ask{ID: "r", Customer: "default", Model: "tokens", At: at, Input: 100, Output: 100, Until: at.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	x := Answer{ID: "r", Customer: "default", Model: "tokens", At: at, Outcome: &llm.Outcome{Member: "qwen", Usage: used(100, 0, 50)}, Input: 100, Output: 50, Delivered: true, Bound: 100}
	if _, _, err := j.Settle(t.Context(), x, held); err != nil {
		t.Fatal(err)
	}
	head, _ := j.store.Head(t.Context())
	if _, _, err := j.Settle(t.Context(), x, held); err != nil {
		t.Errorf("the same again: %v", err)
	}
	x.Outcome = &llm.Outcome{Member: "qwen", Usage: used(100, 0, 90)}
	if _, _, err := j.Settle(t.Context(), x, held); err == nil {
		t.Error("another report for a settled request was taken")
	}
	if err := j.Void(t.Context(), "r", "x"); err == nil {
		t.Error("a settled request's hold was taken back")
	}
	if after, _ := j.store.Head(t.Context()); after != head {
		t.Errorf("the books went on from %d to %d", head.Seq, after.Seq)
	}
}

// A member that no contract knows is owed nothing, and the others are paid as
// without it.
func TestWild(t *testing.T) {
	a := liveAlliance(t, liveTerms)
	o := outcomeA()
	o.Parts = append(o.Parts, &llm.Outcome{Member: "stranger", Usage: used(1, 0, 1), WeightPPM: 1})
	e, err := a.Meter(Answer{ID: "r", Customer: "default", Model: "summit", At: mustTime("2026-12-03T00:00:00Z"), Outcome: o, Input: 1200, Output: 500, Delivered: true, Bound: 2000}, 50_000, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Wild) != 1 || e.Wild[0] != "stranger" || len(e.Request.Members) != 4 {
		t.Errorf("wild %v, %d members", e.Wild, len(e.Request.Members))
	}
	if _, _, err := a.Settle(&e.Request, &Books{}); err != nil {
		t.Error(err)
	}
}

// Twice every price and cost is twice every share, to within a unit a rounding.
func TestDoubling(t *testing.T) {
	double := func(text string) string {
		for _, p := range [][2]string{{"'2.40'", "'4.80'"}, {"'9.60'", "'19.20'"}, {"'0.48'", "'0.96'"}, {"input: '4'", "input: '8'"}, {"'16'", "'32'"}, {"'6.50'", "'13'"}, {"'0.004'", "'0.008'"}, {"per_period: '100'", "per_period: '200'"}} {
			text = strings.ReplaceAll(text, p[0], p[1])
		}
		return text
	}
	terms, _ := ReadTerms([]byte(testTerms))
	var all []*Contract
	for _, m := range sorted(testContracts) {
		c, err := ReadContract([]byte(double(string(contractText(m)))))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	twice, err := New(terms, all)
	if err != nil {
		t.Fatal(err)
	}
	once := testAlliance(t)
	for i := range 200 {
		r := &Request{ID: fmt.Sprint(i), At: Moment{mustTime("2026-12-10T00:00:00Z")}, Price: Units(i * 377), Members: []Member{
			{Member: "qwen", Used: true, Buckets: Buckets{Input: int64(i * 31), Output: int64(i * 7)}}, {Member: "glm", Used: i%2 == 0, Buckets: Buckets{Input: 900, Output: 70}}, {Member: "zhinao", Used: i%3 == 0}},
			Predicted: map[string]int64{"qwen": 500_000, "glm": 600_000, "zhinao": 400_000}}
		one, _, err := once.Settle(r, &Books{Reserve: 5000})
		if err != nil {
			t.Fatal(err)
		}
		own := *r
		own.Price *= 2
		two, _, err := twice.Settle(&own, &Books{Reserve: 10_000})
		if err != nil {
			t.Fatal(err)
		}
		sums := map[ledger.Account]Units{}
		for _, p := range two.Postings {
			sums[p.Account] += p.Amount
		}
		for _, p := range one.Postings {
			sums[p.Account] -= 2 * p.Amount
		}
		for account, x := range sums {
			if x > 12 || x < -12 { // a dozen roundings stand between the price and a share
				t.Errorf("request %d: %s differs by %d", i, account, x)
			}
		}
	}
}

// A period that is split in two pays what one would, where no cap and no
// guarantee is bounded by the period.
func TestSplitPeriod(t *testing.T) {
	events := func(split bool) map[string]Units {
		var all []string
		for i := range 20 {
			if split && i == 10 {
				all = append(all, `{"kind":"close","id":"half","at":"2026-12-15","period":"2026-11"}`)
			}
			all = append(all, strings.Replace(requestA, `"id":"a"`, fmt.Sprintf(`"id":"a%d"`, i), 1))
		}
		all = append(all, `{"kind":"close","id":"end","at":"2027-01-01","period":"2026-11"}`) // before any contract: no fee, no guarantee
		s := run(t, `{"requests":[`+strings.Join(all, ",")+`]}`)
		paid := map[string]Units{"reserve": s.Closing.Reserve}
		for _, r := range s.Requests {
			if c, ok := r.(*CloseResult); ok {
				for m, x := range c.Statements {
					paid[m] += Units(x.Fen) * fenUnits
				}
			}
		}
		for m, x := range s.Closing.Residue {
			paid[m] += x
		}
		return paid
	}
	if diff := cmp.Diff(events(false), events(true)); diff != "" {
		t.Errorf("-one +two\n%s", diff)
	}
}

// The ballots of a vote share by who would have decided it; those that were not
// needed get what they are worth in other orders.
func TestBallots(t *testing.T) {
	f := func(b *Ballots, want ...string) {
		t.Helper()
		players := []string{"a", "b", "c"}
		g, err := ballotGame(players, players, b)
		if err != nil {
			t.Fatal(err)
		}
		for i, phi := range g.shares() {
			if phi.RatString() != want[i] {
				t.Errorf("%+v: %s gets %s, want %s", b, players[i], phi.RatString(), want[i])
			}
		}
	}
	order := []string{"a", "b", "c"}
	f(&Ballots{Order: order, Answer: map[string]string{"a": "x", "b": "x", "c": "x"}, Winner: "x"}, "1000000/3", "1000000/3", "1000000/3")
	// c alone is against: a and b share, and c's ballot can only spoil it; b's
	// tie with c is b's, who was asked before.
	f(&Ballots{Order: order, Answer: map[string]string{"a": "x", "b": "x", "c": "y"}, Winner: "x"}, "500000", "500000", "0")
	// A cascade's second step costs a tenth.
	f(&Ballots{Order: order[:1], Answer: map[string]string{"a": "x"}, Winner: "x", Delay: 100_000}, "1000000", "0", "0")
	f(&Ballots{Order: order[:2], Answer: map[string]string{"a": "x", "b": "x"}, Winner: "x", Delay: 100_000}, "450000", "450000", "0")
	for _, bad := range []*Ballots{{Order: order}, {Order: []string{"a", "a"}, Winner: "x"}, {Order: []string{"z"}, Winner: "x"}, {Order: order[:1], Answer: map[string]string{"b": "x"}, Winner: "x"}, {Order: order, Winner: "x", Delay: -1}} {
		if _, err := ballotGame(order, order, bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// The arithmetic of likelihoods is that of the mathematics, and gives each
// member of a mixture what it added to the likelihood.
func TestLikelihood(t *testing.T) {
	for _, x := range []float64{0, 0.1, 0.5, 1, 3.25, 20, 61} {
		got := float64(power(uint64(x*(1<<32)))) / one
		if want := math.Exp2(-x); math.Abs(got-want) > 1e-9*want+1e-17 {
			t.Errorf("2^-%v = %v, want %v", x, got, want)
		}
		if p := math.Exp2(-x); p*one >= 1 {
			if got, want := float64(logarithm(uint64(p*one)))/(1<<32), x; math.Abs(got-want) > 1e-6 {
				t.Errorf("-log2 of 2^-%v = %v", x, got)
			}
		}
	}
	players := []string{"a", "b"}
	half, tenth := int64(math.Round(math.Log(0.5)*1e6)), int64(math.Round(math.Log(0.1)*1e6))
	g, err := likelihoodGame(players, players, &Logprobs{Weights: map[string]int64{"a": 500_000, "b": 500_000}, Tokens: map[string][]int64{"a": {half, half}, "b": {tenth, tenth}}})
	if err != nil {
		t.Fatal(err)
	}
	// Alone a gives 0.5 a token, b 0.1, both together 0.3.
	for set, want := range []int64{0, 500_000, 100_000, 300_000} {
		if got := g.value[set].Int64(); got < want-2 || got > want+2 {
			t.Errorf("coalition %d is worth %d, want %d", set, got, want)
		}
	}
	for _, bad := range []*Logprobs{{}, {Tokens: map[string][]int64{"a": {1}}}, {Tokens: map[string][]int64{"a": {0}, "b": {0, 0}}}, {Tokens: map[string][]int64{"z": {0}}}, {Tokens: map[string][]int64{"a": {}}}, {Weights: map[string]int64{"b": 1}, Tokens: map[string][]int64{"a": {0}}}} {
		if _, err := likelihoodGame(players, players, bad); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

// Nobody can choose which requests are measured, everybody can check it, and
// what was measured counts in the next period.
func TestAudit(t *testing.T) {
	n := 0
	for i := range 10_000 {
		if Drawn(ledger.Sum([]byte("head")), fmt.Sprint(i), 100) {
			n++
		}
	}
	if n < 60 || n > 140 {
		t.Errorf("%d of 10000 are drawn, want about 100", n)
	}
	j, _ := books(t, 1_000_000)
	settleA(t, j, "a")
	if err := j.Audit(t.Context(), Audited{Request: "a", V: tableA()}); err == nil {
		t.Error("a request that was not drawn was measured")
	}
	got := Tables([]Audited{{V: map[string]int64{"b+a": 10, "a": 3}}, {V: map[string]int64{"a+b": 21}}, {V: map[string]int64{"a": maxWorth + 1}}})
	if diff := cmp.Diff(map[string]int64{"a+b": 15, "a": 3}, got); diff != "" {
		t.Error(diff)
	}
}
