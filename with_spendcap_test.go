package summit

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
)

func newCap(most money.Amount) *spendCap {
	return &spendCap{most: most, currency: "CNY", assumed: 50 * money.Micro}
}

func TestCappedPassesTheSuite(t *testing.T) {
	llmtest.Suite{New: func(_ *testing.T, upstream llmtest.Behaviour) llm.Member {
		return &capped{llmtest.Behaving("found", upstream), newCap(money.Micro)}
	}}.Run(t)
}

func ask(text string) *llm.Request {
	return &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, text)}, MaxTokens: 100}
}

// priced answers and says what it cost.
func priced(cost money.Amount) *llmtest.Script {
	s := llmtest.Text("found", "hello", 0)
	s.Outcome.Cost = &llm.Cost{Amount: cost, Currency: "CNY", From: llm.Upstream}
	s.Facts.Prices = []llm.Price{{Currency: "CNY", Input: 10 * money.Micro, Output: 20 * money.Micro}}
	return s
}

func TestSpendCapRefuses(t *testing.T) {
	purse := newCap(100_000) // 0.1
	script := priced(30_000)
	m := &capped{script, purse}
	answered := 0
	for range 10 {
		_, err := llm.Collect(m.Generate(t.Context(), ask("hi")))
		if err == nil {
			answered++
			continue
		}
		if e := llm.AsError(err); e.Kind != llm.QuotaExhausted || e.Member != "found" {
			t.Fatalf("refused with %v, want kind quota_exhausted", err)
		}
	}
	// Each answer costs 0.03 and is expected to cost 0.002 + a little: after
	// three 0.09 are spent and a fourth fits; then 0.12 are spent.
	if answered != 4 || purse.Spent() != 120_000 || len(script.Asked()) != 4 {
		t.Errorf("%d answers, %s spent, %d asked, want 4, 0.12, 4", answered, purse.Spent(), len(script.Asked()))
	}
	want := "found: the spend cap for members that were found and not configured is reached: 0.12 of 0.1 CNY are spent or promised, and this request may cost 0.00201; raise discover.max_spend, or configure the member"
	if _, err := llm.Collect(m.Generate(t.Context(), ask("hi"))); llm.AsError(err).Public() != want {
		t.Errorf("refused with %q, want %q", llm.AsError(err).Public(), want)
	}
}

func TestSpendCapCounts(t *testing.T) {
	f := func(name string, script *llmtest.Script, want money.Amount) {
		t.Helper()
		purse := newCap(money.Micro)
		llm.Collect((&capped{script, purse}).Generate(t.Context(), ask("hi")))
		if got := purse.Spent(); got != want {
			t.Errorf("%s: %s spent, want %s", name, got, want)
		}
	}
	f("its own figure", priced(7), 7)

	byUsage := llmtest.Text("found", "hello", 0) // 10 tokens in, 5 out, at the assumed 50 a million
	f("tokens at the assumed price", byUsage, 750)

	foreign := priced(7)
	foreign.Outcome.Cost.Currency = "USD"
	f("a cost in another currency: tokens at the list price", foreign, 200)

	unknown := llmtest.Text("found", "hello", 0) // "hi" is 1 token, "hello" 2
	unknown.Outcome = llm.Outcome{}
	f("estimated tokens at the assumed price", unknown, 150)

	refused := llmtest.Text("found", "", 0)
	refused.Pieces, refused.Outcome, refused.Err = nil, llm.Outcome{}, llm.Errorf(llm.RateLimited, "later")
	f("refused before anything came", refused, 0)

	cut := llmtest.Text("found", "hello", 0)
	cut.Outcome, cut.Err = llm.Outcome{}, llm.Errorf(llm.Cut, "broke off")
	f("cut in the middle", cut, 150)

	lost := llmtest.Text("found", "", 0)
	lost.Pieces, lost.Outcome, lost.Err = nil, llm.Outcome{}, llm.Errorf(llm.Timeout, "no answer")
	f("the upstream may have worked", lost, 50)
}

// Many requests at once are held against the cap by what they may cost, not
// only by what those before them did.
func TestSpendCapHoldsWhileInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		purse := newCap(10_050) // two requests of 1 + 100 tokens at 50 a million, 0.00505 each
		slow := llmtest.Text("found", "hello", time.Second)
		slow.Outcome = llm.Outcome{Cost: &llm.Cost{Amount: 1, Currency: "CNY"}}
		m := &capped{slow, purse}
		var wg sync.WaitGroup
		var mu sync.Mutex
		failed := 0
		for range 3 {
			wg.Go(func() {
				if _, err := llm.Collect(m.Generate(t.Context(), ask("hi"))); err != nil {
					mu.Lock()
					failed++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if failed != 2 || purse.Spent() != 1 {
			t.Errorf("%d of 3 refused, %s spent, want 2 and 0.000001", failed, purse.Spent())
		}
	})
}

func TestSpendCapSettlesWhenTheCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		purse := newCap(money.Micro)
		hangs := llmtest.Behaving("found", llmtest.HangsMid)
		hangs.Outcome = llm.Outcome{}
		m := &capped{hangs, purse}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		llm.Collect(m.Generate(ctx, ask("hi")))
		if got := purse.Spent(); got != 150 {
			t.Errorf("%s spent, want 0.00015 for the tokens that came", got)
		}
		for range m.Generate(t.Context(), ask("hi")) {
			break
		}
		if got := purse.Spent(); got != 300 {
			t.Errorf("%s spent, want 0.0003", got)
		}
	})
}
