package alliance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/ledger"
	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
)

// liveTerms sells every answer for 0.05 CNY, as worked example A has it.
const liveTerms = testTerms + "zone: Asia/Shanghai\nprices: {'*': {call: '0.05'}, tokens: {input: '10', output: '100'}, free: {}, fast: {input: '10', output: '100'}}\n"

// clock is the time of a test's books.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time      { return time.UnixMicro(c.at.Load()).UTC() }
func (c *clock) set(t time.Time)     { c.at.Store(t.UnixMicro()) }
func (c *clock) add(d time.Duration) { c.at.Add(d.Microseconds()) }

func liveAlliance(t testing.TB, terms string) *Alliance {
	t.Helper()
	read, err := ReadTerms([]byte(terms))
	if err != nil {
		t.Fatal(err)
	}
	var all []*Contract
	for _, m := range sorted(testContracts) {
		text := contractText(m)
		if m == "glm" {
			text = append(text, "on_abort: drain\n"...)
		}
		c, err := ReadContract(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	a, err := New(read, all)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// books returns a journal over fresh books, with a prepaid customer that has so
// many units.
func books(t testing.TB, wallet Units) (*Journal, *clock) {
	t.Helper()
	c := &clock{}
	c.set(mustTime("2026-12-03T00:00:00Z"))
	j, err := OpenJournal(t.Context(), ledger.NewMemory(c.now), liveAlliance(t, liveTerms), c.now)
	if err != nil {
		t.Fatal(err)
	}
	customer(t, j, "default", wallet)
	return j, c
}

func customer(t testing.TB, j *Journal, name string, wallet Units) {
	t.Helper()
	if err := j.PutCustomer(t.Context(), Customer{Name: name}); err != nil {
		t.Fatal(err)
	}
	if wallet > 0 {
		if err := j.Deposit(t.Context(), name, money.Amount(wallet), "bank-"+name, j.now()); err != nil {
			t.Fatal(err)
		}
	}
}

func used(in, cached, out int64) llm.Usage {
	return llm.Usage{Input: llm.Counted(in), CacheRead: llm.Counted(cached), Output: llm.Counted(out), Calls: llm.Counted(1)}
}

// outcomeA is worked example A as a strategy reports it.
func outcomeA() *llm.Outcome {
	return &llm.Outcome{Member: "summit-max", Strategy: "fuse", Finish: llm.FinishStop, Usage: used(4600, 200, 1750), Parts: []*llm.Outcome{
		{Member: "qwen", Usage: used(1000, 200, 600), WeightPPM: 250_000},
		{Member: "glm", Usage: used(1200, 0, 550), WeightPPM: 250_000},
		{Member: "pangu", Usage: used(1200, 0, 500), Took: 2350 * time.Millisecond, WeightPPM: 250_000},
		{Member: "everest", Usage: used(1200, 0, 100), WeightPPM: 250_000},
	}}
}

func settleA(t testing.TB, j *Journal, id string) *Result {
	t.Helper()
	at := j.now()
	held, fresh, err := j.Hold(t.Context(), Ask{ID: id, Customer: "default", Model: "summit-max", At: at, Input: 1200, Output: 2000, Until: at.Add(time.Hour)})
	if err != nil || !fresh {
		t.Fatalf("hold: %v, fresh %v", err, fresh)
	}
	_, res, err := j.Settle(t.Context(), Answer{ID: id, Customer: "default", Model: "summit-max", At: at, Outcome: outcomeA(), Input: 1200, Output: 500, Delivered: true, Bound: 2000}, held)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// tableA is what the coalitions of example A are worth, as the audits of the
// period before have measured.
func tableA() map[string]int64 {
	var r Request
	if err := json.Unmarshal([]byte(requestA), &r); err != nil {
		panic(err)
	}
	v := map[string]int64{}
	for name, worth := range r.V {
		v[coalition(strings.Split(name, "+"))] = worth
	}
	return v
}

// The live path and "summit settle" compute the same, and what is in the books
// is what worked example A has.
func TestLiveExampleA(t *testing.T) {
	j, _ := books(t, 1_000_000)
	v := tableA()
	j.tables.Store(&v)
	res := settleA(t, j, "a")
	want := run(t, `{"requests":[`+requestA+`]}`).Requests[0].(*Result)
	if diff := cmp.Diff(want.Postings, res.Postings); diff != "" {
		t.Errorf("postings: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(want.Phi, res.Phi); diff != "" {
		t.Errorf("phi: -want +got\n%s", diff)
	}
	for account, units := range map[string]Units{"customer:default:wallet": -950_000, "customer:default:hold": 0, "tax:vat": -2830, "operator:fee": -2358, "member:qwen:payable": -13_079,
		"member:glm:payable": -18_730, "member:pangu:payable": -8_357, "member:everest:payable": -2_775, "reserve": -1_871, "meter:absorbed:pangu": 4243, "meter:card_ms:pangu": 2350, "meter:spent:default": 50_000} {
		if got, err := j.store.Balance(t.Context(), ledger.Account(account), "CNY"); err != nil || got != units {
			t.Errorf("%s: %d, %v, want %d", account, got, err, units)
		}
	}
	// A third of it back, as example C has it, twice the same and then the rest.
	third := run(t, `{"requests":[`+requestA+`,{"kind":"refund","id":"r","of":"a","part":"1/3"}]}`).Requests[1].(*RefundResult)
	for range 2 {
		got, err := j.Refund(t.Context(), &Refund{ID: "r", Of: "a", Part: "1/3"})
		if err != nil {
			t.Fatal(err)
		}
		cash := slices.DeleteFunc(slices.Clone(got.Postings), func(p ledger.Posting) bool { k, _ := p.Account.Type(); return k == ledger.Memo })
		for i := range cash {
			cash[i].Currency = ""
		}
		if diff := cmp.Diff(third.Postings, cash); diff != "" {
			t.Errorf("refund: -want +got\n%s", diff)
		}
	}
	if _, err := j.Refund(t.Context(), &Refund{ID: "r2", Of: "a", Part: "1/3"}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Refund(t.Context(), &Refund{ID: "r3", Of: "a"}); err == nil {
		t.Error("more than the whole was given back")
	}
	if _, err := j.Refund(t.Context(), &Refund{ID: "r4", Of: "a", Part: "1/3"}); err != nil {
		t.Fatal(err)
	}
	for b, err := range j.store.Balances(t.Context(), ledger.BalanceFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		want := map[ledger.Account]Units{"bank:CNY": 1_000_000, "customer:default:wallet": -1_000_000}[b.Account]
		if !strings.HasPrefix(string(b.Account), "meter:") && b.Amount != want {
			t.Errorf("after the whole was given back, %s has %d, want %d", b.Account, b.Amount, want)
		}
	}
}

// Losses of several requests: caps bind over the period, the reserve is never
// overdrawn, and the live path gives what a run over the same events gives.
func TestLiveIsRun(t *testing.T) {
	j, _ := books(t, 100_000_000)
	events := Events{}
	for i := range 40 {
		id := fmt.Sprint("r", i)
		model := "tokens"
		if i%3 == 0 {
			model = "summit"
		}
		at := j.now()
		held, _, err := j.Hold(t.Context(), Ask{ID: id, Customer: "default", Model: model, At: at, Input: 2000, Output: 2000, Until: at.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		out := int64(100 + 37*i%900)
		o := &llm.Outcome{Member: "vote", Strategy: "vote", Answer: "4", Finish: llm.FinishStop, Usage: used(900, 0, out), Parts: []*llm.Outcome{
			{Member: "zhinao", Usage: used(900, 0, out), Answer: "4", WeightPPM: 500_000}, {Member: "glm", Usage: used(900, 0, out), Answer: "4", WeightPPM: 500_000},
			{Member: "hunyuan", Usage: used(900, 0, 50), Answer: "5"}}}
		e, _, err := j.Settle(t.Context(), Answer{ID: id, Customer: "default", Model: model, At: at, Outcome: o, Input: 900, Output: out, Delivered: true, Bound: 2000}, held)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(e.Request)
		if err != nil {
			t.Fatal(err)
		}
		events.Requests = append(events.Requests, raw)
	}
	s, err := j.Alliance().Run(&events)
	if err != nil {
		t.Fatal(err)
	}
	balance := func(account string) Units {
		x, err := j.store.Balance(t.Context(), ledger.Account(account), "CNY")
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for m, x := range s.Closing.Payable {
		if got := -balance("member:" + m + ":payable"); got != x {
			t.Errorf("%s: %d in the books, %d by the run", m, got, x)
		}
	}
	for m, x := range s.Closing.Deferred {
		if got := -balance("cost:deferred:" + m); got != x {
			t.Errorf("%s: %d put off in the books, %d by the run", m, got, x)
		}
	}
	for m, x := range s.Closing.CapsLeft {
		if got := 100_000_000 - balance("meter:sacrifice:"+m); got != x {
			t.Errorf("%s: cap %d in the books, %d by the run", m, got, x)
		}
	}
	if got := -balance("reserve"); got != s.Closing.Reserve {
		t.Errorf("reserve: %d in the books, %d by the run", got, s.Closing.Reserve)
	}
	if total(s.Closing.Deferred)+total(s.Closing.Absorbed) == 0 {
		t.Error("the run met neither a loss nor a subscription")
	}
}

// asks returns a metered member whose requests are the customer's.
func asks(j *Journal, m llm.Member, name string) *Metered {
	var n atomic.Int64
	return &Metered{Member: m, Journal: j, Most: time.Minute, Needs: []string{name}, Asker: func(ctx context.Context) (Asker, bool) {
		retry, _ := ctx.Value(retryKey{}).(string)
		return Asker{Customer: "default", ID: fmt.Sprint("run-", n.Add(1)), Retry: retry}, true
	}}
}

type retryKey struct{}

func hello() *llm.Request {
	return &llm.Request{MaxTokens: 100, Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{{Kind: llm.PartText, Text: "What is two and two, and why is that so?"}}}}}
}

// renamed is a member under another name, as a model of one member is.
type renamed struct {
	llm.Member
	name string
}

func (r renamed) Card() *llm.Card    { c := *r.Member.Card(); c.Name = r.name; return &c }
func (r renamed) Unwrap() llm.Member { return r.Member }

// Every row of the abort matrix, through the wrapper: what the customer pays,
// what the member has coming, and that nothing stays held.
func TestAbortMatrix(t *testing.T) {
	const text = "Two and two are four, because that is what counting on from two by two gives."
	tokens := llm.EstimateTokens(text)
	piece := llmtest.Piece{Event: llm.Event{Kind: llm.KindText, Text: text}}
	input := llm.EstimateInput(hello()).N
	// tokens sells for 10 and 100 a million; glm costs 4 and 16.
	price := func(in, out int64) Units { return Units(in*10 + out*100) }
	cost := func(in, out int64) Units { return Units(in*4 + out*16) }
	whole := used(20, 0, 30)
	seen := map[string]bool{}
	f := func(name string, end End, delivered bool, script *llmtest.Script, leave bool, wantPrice, wantCost Units) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			j, _ := books(t, 1_000_000)
			script.ID = "glm"
			m := asks(j, renamed{&Contracted{Member: script}, "tokens"}, "glm")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			for e := range m.Generate(ctx, hello()) {
				if leave && e.Kind != llm.KindDone {
					cancel()
				}
			}
			var event *Event
			for txn, err := range j.store.Txns(t.Context(), ledger.Filter{}) {
				if err != nil {
					t.Fatal(err)
				}
				switch txn.Kind {
				case "settle":
					if event, _, err = opened(txn); err != nil {
						t.Fatal(err)
					}
				case "void":
					event = &Event{End: End(txn.Reason)}
				}
			}
			if event == nil {
				t.Fatal("nothing was booked")
			}
			if event.End != end {
				t.Errorf("end %q, want %q", event.End, end)
			}
			seen[fmt.Sprint(end, delivered)] = true
			balance := func(account string) Units {
				x, err := j.store.Balance(t.Context(), ledger.Account(account), "CNY")
				if err != nil {
					t.Fatal(err)
				}
				return x
			}
			if got := 1_000_000 + balance("customer:default:wallet"); got != wantPrice {
				t.Errorf("charged %d, want %d", got, wantPrice)
			}
			if got := balance("customer:default:hold"); got != 0 {
				t.Errorf("%d are still held", got)
			}
			if got := balance("cost:declared:glm"); got != wantCost {
				t.Errorf("the member's cost is %d, want %d", got, wantCost)
			}
		})
	}
	fail := func(kind llm.ErrorKind) error { return &llm.Error{Kind: kind, Message: "scripted"} }
	with := func(u llm.Usage, err error, pieces ...llmtest.Piece) *llmtest.Script {
		return &llmtest.Script{Pieces: pieces, Err: err, Outcome: llm.Outcome{Usage: u}}
	}
	f("whole", EndWhole, true, with(whole, nil, piece), false, price(20, 30), cost(20, 30))
	f("whole, nothing in it", EndWhole, false, with(used(20, 0, 0), nil), false, 0, cost(20, 0))
	f("no usage", EndSilent, true, with(llm.Usage{}, nil, piece), false, price(input, tokens), cost(input, tokens))
	f("no usage, nothing in it", EndSilent, false, with(llm.Usage{}, nil), false, 0, 0)
	f("failed after a piece", EndFailed, true, with(llm.Usage{}, fail(llm.Overloaded), piece), false, price(input, tokens), cost(input, tokens))
	f("failed at once", EndFailed, false, with(llm.Usage{}, fail(llm.Internal)), false, 0, 0)
	f("cut", EndCut, true, with(llm.Usage{}, fail(llm.Cut), piece), false, price(input, tokens), cost(input, tokens))
	f("cut at once", EndCut, false, with(llm.Usage{}, fail(llm.Protocol)), false, 0, 0)
	f("filtered after a piece", EndFilter, true, with(llm.Usage{}, fail(llm.Filtered), piece), false, price(input, tokens), cost(input, tokens))
	f("filtered at once", EndFilter, false, with(llm.Usage{}, fail(llm.Filtered)), false, 0, 0)
	f("too late after a piece", EndTime, true, with(llm.Usage{}, fail(llm.Timeout), piece), false, price(input, tokens), cost(input, tokens))
	f("too late", EndTime, false, with(llm.Usage{}, fail(llm.Timeout)), false, 0, 0)
	f("refused", EndRefused, false, with(llm.Usage{}, fail(llm.Invalid)), false, 0, 0)
	f("the reader left, and the contract says drain", EndGone, true, with(used(20, 0, 90), nil, piece, piece), true, price(input, tokens), cost(20, 90))
	f("the reader left before anything", EndGone, false, with(used(20, 0, 90), nil, llmtest.Piece{Event: llm.Event{Kind: llm.KindStart}}, piece), true, 0, cost(20, 90))
	for _, r := range Matrix {
		if !seen[fmt.Sprint(r.End, r.Delivered)] {
			t.Errorf("row %s, delivered %v, has no test", r.End, r.Delivered)
		}
	}
}

// A member without drain is ended with its reader, and has what was delivered
// by our own count where it says nothing.
func TestReaderLeaves(t *testing.T) {
	j, _ := books(t, 1_000_000)
	script := llmtest.Text("qwen", "Four.", 0)
	script.Outcome, script.Hang = llm.Outcome{}, true
	m := asks(j, renamed{&Contracted{Member: script}, "tokens"}, "qwen")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var failure error
	for e, err := range m.Generate(ctx, hello()) {
		if failure = err; e.Kind == llm.KindText {
			cancel()
		}
	}
	if e := llm.AsError(failure); e == nil || e.Kind != llm.Canceled {
		t.Errorf("ended with %v, want canceled", failure)
	}
	want := Units(llm.EstimateInput(hello()).N*10 + llm.EstimateTokens("Four.")*100)
	if got, _ := j.store.Balance(t.Context(), "customer:default:wallet", "CNY"); got != want-1_000_000 {
		t.Errorf("charged %d, want %d", got+1_000_000, want)
	}
}

// The end of an answer comes after its money.
func TestSettledBeforeDone(t *testing.T) {
	j, _ := books(t, 1_000_000)
	m := asks(j, renamed{llmtest.Text("qwen", "Four.", 0), "tokens"}, "qwen")
	for e, err := range m.Generate(t.Context(), hello()) {
		if err != nil {
			t.Fatal(err)
		}
		_, settled := j.store.Find(t.Context(), "settle:run-1")
		_, held := j.store.Find(t.Context(), "hold:run-1")
		if held != nil {
			t.Errorf("%s: no hold before it", e.Kind)
		}
		if (settled == nil) != (e.Kind == llm.KindDone) {
			t.Errorf("%s: settled: %v", e.Kind, settled == nil)
		}
	}
	// Where it can't be booked, it does not end well.
	j.store.Close()
	m = asks(j, llmtest.Text("qwen", "Four.", 0), "qwen")
	if _, err := llm.Collect(m.Generate(t.Context(), hello())); llm.AsError(err) == nil || llm.AsError(err).Kind != llm.Overloaded {
		t.Errorf("with closed books: %v, want overloaded", err)
	}
}

// Bounds are decided where they are booked: of many at once no more pass than
// there is money for.
func TestNoCheckThenAct(t *testing.T) {
	f := func(name string, prepare func(*Journal), kind llm.ErrorKind, want int) {
		t.Helper()
		j, c := books(t, 0)
		prepare(j)
		var passed, refused atomic.Int64
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				// 10 tokens in and 100 out: 10,100 units.
				_, _, err := j.Hold(t.Context(), Ask{ID: fmt.Sprint(i), Customer: "default", Key: "key_1", Model: "tokens", At: c.now(), Input: 10, Output: 100, Until: c.now().Add(time.Hour)})
				switch e := llm.AsError(err); {
				case err == nil:
					passed.Add(1)
				case e.Kind == kind:
					refused.Add(1)
				default:
					t.Errorf("%s: %v, want %s", name, err, kind)
				}
			})
		}
		all.Wait()
		if int(passed.Load()) != want || int(refused.Load()) != 100-want {
			t.Errorf("%s: %d passed, %d refused, want %d to pass", name, passed.Load(), refused.Load(), want)
		}
	}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	f("wallet", func(j *Journal) { must(j.Deposit(t.Context(), "default", 101_000, "b", j.now())) }, llm.RateLimited, 10)
	f("empty", func(*Journal) {}, llm.QuotaExhausted, 0)
	f("month", func(j *Journal) {
		must(j.Deposit(t.Context(), "default", 10_000_000, "b", j.now()))
		must(j.PutCustomer(t.Context(), Customer{Name: "default", MaxMonth: 50_500}))
	}, llm.RateLimited, 5)
	f("day", func(j *Journal) {
		must(j.Deposit(t.Context(), "default", 10_000_000, "b", j.now()))
		must(j.PutCustomer(t.Context(), Customer{Name: "default", MaxDay: 30_299}))
	}, llm.RateLimited, 2)
	f("key's day", func(j *Journal) {
		must(j.Deposit(t.Context(), "default", 10_000_000, "b", j.now()))
		must(j.PutKey(t.Context(), KeyLimit{Key: "key_1", Customer: "default", MaxDay: 40_400}))
	}, llm.QuotaExhausted, 4)
	f("request", func(j *Journal) {
		must(j.Deposit(t.Context(), "default", 10_000_000, "b", j.now()))
		must(j.PutKey(t.Context(), KeyLimit{Key: "key_1", Customer: "default", MaxRequest: 10_099}))
	}, llm.QuotaExhausted, 0)
	f("key", func(j *Journal) {
		must(j.Deposit(t.Context(), "default", 10_000_000, "b", j.now()))
		must(j.PutKey(t.Context(), KeyLimit{Key: "key_1", Customer: "default", MaxTotal: 30_299}))
	}, llm.QuotaExhausted, 2)
	// A free model is asked with an empty wallet.
	j, c := books(t, 0)
	if _, _, err := j.Hold(t.Context(), Ask{ID: "f", Customer: "default", Model: "free", At: c.now(), Input: 10, Output: 10, Until: c.now().Add(time.Hour)}); err != nil {
		t.Errorf("a free model: %v", err)
	}
	if _, _, err := j.Hold(t.Context(), Ask{ID: "g", Customer: "stranger", Model: "free", At: c.now(), Until: c.now().Add(time.Hour)}); llm.AsError(err) == nil || llm.AsError(err).Kind != llm.QuotaExhausted {
		t.Errorf("a stranger: %v, want it refused", err)
	}
	// Who pays later has a credit.
	must(j.PutCustomer(t.Context(), Customer{Name: "later", Billing: Postpaid, Credit: 25_000}))
	for i, want := range []llm.ErrorKind{"", "", llm.QuotaExhausted} {
		_, _, err := j.Hold(t.Context(), Ask{ID: fmt.Sprint("l", i), Customer: "later", Model: "tokens", At: c.now(), Input: 10, Output: 100, Until: c.now().Add(time.Hour)})
		if (err == nil) != (want == "") {
			t.Errorf("request %d on credit: %v, want %q", i, err, want)
		}
	}
}

// A caller that tries again with the same Idempotency-Key is charged once.
func TestRetry(t *testing.T) {
	j, _ := books(t, 1_000_000)
	script := llmtest.Text("qwen", "Four.", 0)
	m := asks(j, renamed{script, "tokens"}, "qwen")
	ctx := context.WithValue(t.Context(), retryKey{}, "attempt")
	script.Err = &llm.Error{Kind: llm.Overloaded}
	pieces := script.Pieces
	script.Pieces = nil
	if _, err := llm.Collect(m.Generate(ctx, hello())); err == nil {
		t.Fatal("the first try was to fail")
	}
	script.Err, script.Pieces = nil, pieces
	if _, err := llm.Collect(m.Generate(ctx, hello())); err != nil {
		t.Fatal("nothing was charged, so it is answered: ", err)
	}
	once, _ := j.store.Balance(t.Context(), "customer:default:wallet", "CNY")
	if _, err := llm.Collect(m.Generate(ctx, hello())); llm.AsError(err) == nil || llm.AsError(err).Kind != llm.Invalid {
		t.Errorf("a third try: %v, want it refused", err)
	}
	other := hello()
	other.MaxTokens = 50
	if _, err := llm.Collect(m.Generate(ctx, other)); llm.AsError(err) == nil || llm.AsError(err).Kind != llm.Invalid {
		t.Errorf("another request under the key: %v, want it refused", err)
	}
	if twice, _ := j.store.Balance(t.Context(), "customer:default:wallet", "CNY"); twice != once || once == -1_000_000 {
		t.Errorf("wallet %d after %d", twice, once)
	}
}

// buffer is a file of a test.
type buffer struct{ bytes.Buffer }

func (*buffer) Close() error { return nil }

// A month is closed, stated and signed; the statements hold, add up to what was
// posted, and a changed one is found out. The next month starts anew, and both
// together pay what one would.
func TestCloseAndStatements(t *testing.T) {
	j, c := books(t, 10_000_000)
	v := tableA()
	j.tables.Store(&v)
	settleA(t, j, "a1")
	c.add(24 * time.Hour)
	settleA(t, j, "a2")
	if _, err := j.Refund(t.Context(), &Refund{ID: "r", Of: "a1", Part: "1/2"}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.OpenDispute(t.Context(), Dispute{ID: "d", Member: "glm", Request: "a2", Amount: 1000, Reason: "measured"}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Close(t.Context(), "2026-12"); err == nil {
		t.Error("a month that is not over was closed")
	}
	c.set(mustTime("2027-01-05T00:00:00Z"))
	settleA(t, j, "a3") // of the next month, before the close
	closed, err := j.Close(t.Context(), "2026-12")
	if err != nil {
		t.Fatal(err)
	}
	again, err := j.Close(t.Context(), "2026-12")
	if diff := cmp.Diff(closed, again); err != nil || diff != "" {
		t.Errorf("closed again: %v %s", err, diff)
	}
	state := func() (map[string]*buffer, *CloseRecord, []*MemberStatement) {
		files := map[string]*buffer{}
		record, all, err := j.Statements(t.Context(), "2026-12", func(m string) (io.WriteCloser, error) {
			files[m] = &buffer{}
			return files[m], nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return files, record, all
	}
	files, record, all := state()
	_, key, _ := ed25519.GenerateKey(bytes.NewReader(make([]byte, 64)))
	record.Sign(key)
	if err := j.Keep(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	if err := j.Keep(t.Context(), record); err != nil {
		t.Errorf("kept again: %v", err)
	}
	files2, record2, _ := state()
	record2.Sign(key)
	if record.Hash() != record2.Hash() {
		t.Error("two runs have different records")
	}
	for m := range files {
		if !bytes.Equal(files[m].Bytes(), files2[m].Bytes()) {
			t.Errorf("%s: two runs have different bytes", m)
		}
	}
	var contracts []*Contract
	for _, list := range j.Alliance().contracts {
		contracts = append(contracts, list...)
	}
	for _, s := range all {
		check, err := VerifyStatement(bytes.NewReader(files[s.Member].Bytes()), contracts)
		if err != nil || len(check.Problems) > 0 {
			t.Fatalf("%s: %v, %v", s.Member, err, check.Problems)
		}
		if check.CSV != s.CSV || check.Total != s.Total || check.Fen != s.Fen || !record.Holds(s.Member, check.CSV) {
			t.Errorf("%s: %+v, want %+v", s.Member, check.MemberStatement, s)
		}
		if s.Member == "glm" && (s.Posted != 2*18_730-9365-1000 || check.Rated != 2) {
			t.Errorf("glm: posted %d, %d rated", s.Posted, check.Rated)
		}
		if s.Member == "zhinao" && (s.Fen != 0 || s.Posted != 0) {
			t.Errorf("zhinao: the reserve can't pay its guarantee: %+v", s)
		}
	}
	// Any changed figure is found.
	text := files["glm"].String()
	for _, change := range [][2]string{{"0.018730", "0.018731"}, {",1200,", ",1201,"}, {"0.013600", "0.013500"}, {"payable", "brought_forward"}} {
		changed := strings.Replace(text, change[0], change[1], 1)
		check, err := VerifyStatement(strings.NewReader(changed), contracts)
		if changed == text && change[0] != "0.018730" {
			t.Errorf("nothing to change: %q", change[0])
		}
		if changed != text && err == nil && len(check.Problems) == 0 {
			t.Errorf("%q for %q was not found", change[1], change[0])
		}
	}
	record2.Statements[0].Fen++
	if record2.Verify() == nil {
		t.Error("a changed record verifies")
	}
	// Every statement is on the way to the root without the others.
	var leaves [][]byte
	for i := range record.Statements {
		leaves = append(leaves, record.Statements[i].leaf())
	}
	for i := range leaves {
		p := Prove(leaves, i)
		if !p.Leads(leaves[i], record.Sheets) || p.Leads(leaves[(i+1)%len(leaves)], record.Sheets) {
			t.Errorf("proof %d", i)
		}
	}
	settleA(t, j, "a4")
	settleA(t, j, "a5")
	settleA(t, j, "a6")
	// A refund of a closed month's request lands in the open one.
	if _, err := j.Refund(t.Context(), &Refund{ID: "late", Of: "a2", Fault: "glm"}); err != nil {
		t.Fatal(err)
	}
	txn, err := j.store.Find(t.Context(), "refund:late")
	if err != nil || txn.Period != "2027-01" || txn.Effective != "2026-12" {
		t.Errorf("a late refund: %v, period %s, effective %s", err, txn.Period, txn.Effective)
	}
	if _, err := j.DecideDispute(t.Context(), "d", "release", ""); err != nil {
		t.Fatal(err)
	}
	if x, _ := j.store.Balance(t.Context(), "dispute:d", "CNY"); x != 0 {
		t.Errorf("%d are still disputed", x)
	}
	c.set(mustTime("2027-02-02T00:00:00Z"))
	if _, err := j.Close(t.Context(), "2027-02"); err == nil {
		t.Error("a month was closed before the one before it")
	}
	if _, err := j.Close(t.Context(), "2027-01"); err != nil {
		t.Fatal(err)
	}
	approved := map[string]Units{}
	for b, err := range j.store.Balances(t.Context(), ledger.BalanceFilter{Prefix: "member:"}) {
		if err != nil {
			t.Fatal(err)
		}
		approved[strings.Split(string(b.Account), ":")[1]] -= b.Amount
	}
	for b, err := range j.store.Balances(t.Context(), ledger.BalanceFilter{Prefix: "rounding:"}) {
		if err != nil {
			t.Fatal(err)
		}
		approved[strings.TrimPrefix(string(b.Account), "rounding:")] -= b.Amount
	}
	for m, want := range map[string]string{"qwen": "", "everest": "approved are"} {
		for range 2 { // the same reference is booked once
			err := j.Pay(t.Context(), m, 30_000, "bank-"+m)
			if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("payout to %s: %v, want %q", m, err, want)
			}
		}
	}
	approved["qwen"] -= 30_000
	// What both months' statements say is what is in the books.
	stated := map[string]Units{}
	for _, s := range all {
		stated[s.Member] += Units(s.Fen) * fenUnits
	}
	_, all, err = j.Statements(t.Context(), "2027-01", func(string) (io.WriteCloser, error) { return &buffer{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		stated[s.Member] += Units(s.Fen)*fenUnits + s.Rest
		if s.Member == "qwen" {
			stated["qwen"] -= 30_000
		}
		if stated[s.Member] != approved[s.Member] {
			t.Errorf("%s: %d by its statements, %d in the books", s.Member, stated[s.Member], approved[s.Member])
		}
	}
	if stated["qwen"] == 0 || stated["hunyuan"] == 0 {
		t.Errorf("nothing was stated: %v", stated)
	}
}

// A refund of a request whose costs were put off and repaid since leaves no
// debt behind: what is put off later is a claim in full, in the books as in a
// run over the same records.
func TestRefundAfterRecoup(t *testing.T) {
	j, _ := books(t, 100_000_000)
	events := &Events{}
	ask := func(id, model, member string, out int64) {
		t.Helper()
		at := j.now()
		held, _, err := j.Hold(t.Context(), Ask{ID: id, Customer: "default", Model: model, At: at, Input: 10, Output: out, Until: at.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		e, _, err := j.Settle(t.Context(), Answer{ID: id, Customer: "default", Model: model, At: at, Outcome: &llm.Outcome{Member: member, Finish: llm.FinishStop, Usage: used(10, 0, out)}, Input: 10, Output: out, Delivered: true, Bound: out}, held)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(e.Request)
		if err != nil {
			t.Fatal(err)
		}
		events.Requests = append(events.Requests, raw)
	}
	refund := func(id, of, part string) {
		t.Helper()
		if _, err := j.Refund(t.Context(), &Refund{ID: id, Of: of, Part: part}); err != nil {
			t.Fatal(err)
		}
		events.Requests = append(events.Requests, json.RawMessage(fmt.Sprintf(`{"kind":"refund","id":%q,"of":%q,"part":%q}`, id, of, part)))
	}
	check := func(what string) Units {
		t.Helper()
		s, err := j.Alliance().Run(events)
		if err != nil {
			t.Fatal(err)
		}
		claim, err := j.store.Balance(t.Context(), "cost:deferred:spark", "CNY")
		if err != nil || -claim != s.Closing.Deferred["spark"] {
			t.Errorf("%s: the claim is %d in the books, by a run %d, %v", what, -claim, s.Closing.Deferred["spark"], err)
		}
		paid, err := j.store.Balance(t.Context(), "member:spark:payable", "CNY")
		if err != nil || -paid != s.Closing.Payable["spark"] {
			t.Errorf("%s: %d in the books, by a run %d, %v", what, -paid, s.Closing.Payable["spark"], err)
		}
		return -claim
	}
	ask("loss", "free", "spark", 5000) // all of its cost is put off
	whole := check("put off")
	if whole == 0 {
		t.Fatal("nothing was put off")
	}
	refund("r1", "loss", "1/2")
	if half := check("a half refunded"); half != whole/2 {
		t.Errorf("after a half was refunded the claim is %d of %d", half, whole)
	}
	ask("gain", "summit", "glm", 100) // repays the other half
	if left := check("repaid"); left != 0 {
		t.Errorf("the claim is still %d", left)
	}
	refund("r2", "loss", "1/2")
	check("all refunded")
	ask("loss2", "free", "spark", 5000)
	if check("put off again") <= 0 { // the reserve pays a part
		t.Error("what is put off after a refund is no claim")
	}
}
