package summit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"summit/identity"
	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
	"summit/run"
)

// bill is a member whose answers cost so much.
func bill(name string, cost money.Amount, after time.Duration) *llmtest.Script {
	s := llmtest.Text(name, "The answer is 1.", after)
	s.Facts.Prices = []llm.Price{{Currency: "CNY", Call: cost}}
	s.Outcome.Cost = &llm.Cost{Amount: cost, Currency: "CNY", From: llm.Upstream}
	return s
}

func asker(ctx context.Context, tenant string) context.Context {
	return identity.Asking(ctx, identity.Key{ID: "key_x", Tenant: tenant})
}

// ledgerless is accounts over a store in memory.
func ledgerless() *accounts {
	return &accounts{store: run.NewMemory(), currency: "CNY", log: slog.New(slog.DiscardHandler)}
}

// A day's bound holds until midnight, a month's until the first; nobody else's
// requests count.
func TestTenantBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := ledgerless()
		// Yesterday's and last month's spending is in the store.
		at := func(days int) time.Time { return time.Now().AddDate(0, 0, days) }
		time.Sleep(time.Until(time.Date(2000, 3, 10, 12, 0, 0, 0, time.Local)))
		var before []run.Entry
		for i, days := range []int{-40, -2, 0} {
			before = append(before, run.Entry{ID: fmt.Sprint(i), At: at(days), Tenant: "lab", Spent: &run.Money{Amount: 5, Currency: "CNY"}})
		}
		if err := a.store.Append(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		m := &limited{bill("dear", 10, 0), a, map[string]Tenant{"lab": {MaxDay: 30, MaxMonth: 50}}}
		ask := func(tenant string) *llm.Error {
			_, err := llm.Collect(m.Generate(asker(t.Context(), tenant), ask("1?")))
			return llm.AsError(err)
		}
		f := func(tenant string, want string) {
			t.Helper()
			e := ask(tenant)
			if got := fmt.Sprint(e != nil); (want != "") != (e != nil) || (e != nil && (e.Kind != llm.QuotaExhausted || !strings.Contains(e.Message, want))) {
				t.Errorf("%s at %s: failed %s, %v, want %q", tenant, time.Now().Format(time.DateOnly), got, e, want)
			}
		}
		f("lab", "") // 15 today, 20 this month
		f("lab", "")
		f("lab", "") // 35: the last one is let through with 5 left, and costs more than that
		f("lab", "identity.tenants.lab.max_day")
		f("other", "")
		time.Sleep(time.Until(time.Date(2000, 3, 11, 0, 0, 1, 0, time.Local)))
		f("lab", "") // 10 today, 50 this month
		f("lab", "identity.tenants.lab.max_month")
		time.Sleep(time.Until(time.Date(2000, 4, 1, 0, 0, 1, 0, time.Local)))
		f("lab", "")
	})
}

// What requests in flight may cost is put aside, and what is left bounds each:
// a strategy asks nobody whose worst case is above it.
func TestTenantBoundsHoldInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openWith(t, map[string]llm.Member{"cheap": bill("cheap", 10, time.Second), "dear": bill("dear", 25, time.Second)})
		model, err := s.member("both")
		if err != nil {
			t.Fatal(err)
		}
		a := ledgerless()
		m := &limited{model, a, map[string]Tenant{"lab": {MaxDay: 40}}}
		var replies [2]*llm.Reply
		var errs [2]error
		done := make(chan int)
		for i := range replies {
			go func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				replies[i], errs[i] = llm.Collect(m.Generate(asker(t.Context(), "lab"), ask("1?")))
				done <- i
			}()
		}
		<-done
		<-done
		// 35 are held for the first, so 5 are left for the second: nobody is that cheap.
		if errs[0] != nil || len(replies[0].Outcome.Parts) != 2 {
			t.Errorf("the first: %v, want both asked", errs[0])
		}
		if e := llm.AsError(errs[1]); e == nil || e.Kind != llm.QuotaExhausted || !strings.Contains(e.Message, `tenant "lab" has 0.000005 CNY left`) {
			t.Errorf("the second: %v, want nobody asked", errs[1])
		}
		if got := a.tenants["lab"]; got.today != 35 || got.held != 0 {
			t.Errorf("booked %s with %s held, want 0.000035 and nothing", got.today, got.held)
		}
	})
}

// openWith makes a directory of members and one model "both" that votes.
func openWith(t *testing.T, members map[string]llm.Member) *directory {
	t.Helper()
	d := &directory{entries: map[string]*Entry{}, purse: newCap(money.Micro)}
	var names []string
	for _, name := range []string{"cheap", "dear"} {
		d.addMember(&Entry{Name: name, Member: members[name]})
		names = append(names, name)
	}
	if err := d.addModels(Config{Models: map[string]Model{"both": {Use: "vote", Members: names}}}); err != nil {
		t.Fatal(err)
	}
	if err := d.keepBudgets(); err != nil {
		t.Fatal(err)
	}
	return d
}

// A budget holds where a member is asked by its own name, too.
func TestBudgetOfAMemberAlone(t *testing.T) {
	d := openWith(t, map[string]llm.Member{"cheap": bill("cheap", 10, 0), "dear": bill("dear", 25, 0)})
	f := func(b llm.Budget, kind llm.ErrorKind) {
		t.Helper()
		m, err := d.member("dear")
		if err != nil {
			t.Fatal(err)
		}
		r := ask("1?")
		r.Summit.Budget = b
		reply, err := llm.Collect(m.Generate(t.Context(), r))
		e := llm.AsError(err)
		if (e == nil) != (kind == "") || (e != nil && e.Kind != kind) {
			t.Errorf("%+v: %v, want kind %q", b, err, kind)
		}
		if e == nil && b.Bounds() && (reply.Outcome.Expected == nil || reply.Outcome.Expected.Amount != 25) {
			t.Errorf("%+v: expected cost %+v, want 25", b, reply.Outcome.Expected)
		}
	}
	f(llm.Budget{}, "")
	f(llm.Budget{Prefer: "cost"}, "")
	f(llm.Budget{MaxCostOf: "dear"}, "")
	f(llm.Budget{MaxCostOf: "cheap"}, llm.Unsupported)
	f(llm.Budget{MaxCostOf: "nobody"}, llm.Invalid)
	f(llm.Budget{MaxCost: 24}, llm.Unsupported)
}

// A tenant's budget is a bound of each request; its preference is a default.
func TestTenantBudget(t *testing.T) {
	script := bill("dear", 25, 0)
	m := &limited{script, ledgerless(), map[string]Tenant{"lab": {Budget: TenantBudget{MaxCostOf: "cheap", MaxSeconds: 2, MaxCalls: 3, Prefer: "cost"}}}}
	for _, own := range []string{"", "quality"} {
		r := ask("1?")
		r.Summit.Budget.Prefer = own
		if _, err := llm.Collect(m.Generate(asker(t.Context(), "lab"), r)); err != nil {
			t.Fatal(err)
		}
		all := script.Asked()
		got := all[len(all)-1].Summit
		want := own
		if own == "" {
			want = "cost"
		}
		if got.Limit != (llm.Budget{MaxCostOf: "cheap", MaxSeconds: 2, MaxCalls: 3, Prefer: "cost"}) || got.Budget.Prefer != want {
			t.Errorf("own preference %q: asked with %+v", own, got)
		}
		if r.Summit.Limit.Bounds() {
			t.Error("the caller's own request was changed")
		}
	}
}

func TestTenantConfig(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		_, err := Load(Sources{Path: write(t, text), Env: env()})
		var c *ConfigError
		if want == "" && err != nil || want != "" && (!errors.As(err, &c) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
	}
	const members = "members: {a: {use: test-echo}}\n"
	f(members+"identity: {tenants: {lab: {max_day: 2.5, max_month: 20, budget: {max_cost_of: a, max_seconds: 10, prefer: quality}}}}", "")
	f(members+"identity: {tenants: {lab: {max_day: -1}}}", "identity.tenants.lab.max_day")
	f(members+"identity: {tenants: {lab: {budget: {max_cost_of: b}}}}", `"b" is neither a member nor a model`)
	f(members+"identity: {tenants: {lab: {budget: {prefer: luck}}}}", "known: cost, quality, speed")
	f(members+"identity: {tenants: {lab: {budget: {max_seconds: 1e9}}}}", "want 0 (no bound) to 86400")
	f(members+"identity: {tenants: {lab: {max_week: 1}}}", "max_week")
}

// vectors is a member that has embeddings, at a price for each call.
type vectors struct {
	llm.Member
	usage llm.Usage
	err   error
	asked int
}

func (v *vectors) Embed(context.Context, []string, int) ([][]float32, llm.Usage, error) {
	v.asked++
	return [][]float32{{1}}, v.usage, v.err
}

// A tenant's bound counts embeddings, too.
func TestTenantBoundsCountEmbeddings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used := llm.Usage{Input: llm.Count{N: 2, From: llm.Upstream}}
		below := &vectors{Member: bill("v", 10, 0), usage: used}
		below.Card().Prices[0].Input = 2 * money.Micro
		m := &limited{below, ledgerless(), map[string]Tenant{"lab": {MaxDay: 31}, "free": {}}}
		f := func(tenant, text string, asked int, want string) {
			t.Helper()
			_, _, err := m.Embed(asker(t.Context(), tenant), []string{text}, 0)
			if (want == "") != (err == nil) || err != nil && !strings.Contains(llm.AsError(err).Error(), want) || below.asked != asked {
				t.Errorf("%s: %v after %d calls, want %q after %d", tenant, err, below.asked, want, asked)
			}
		}
		f("lab", strings.Repeat("word ", 100), 0, "less than the")
		f("lab", "two words", 1, "")
		below.err, below.usage = &llm.Error{Kind: llm.RateLimited}, llm.Usage{}
		f("lab", "two words", 2, "rate_limited") // nobody worked on it
		below.err = &llm.Error{Kind: llm.Cut}
		f("lab", "two words", 3, "cut") // somebody may have: what was held is booked
		below.err, below.usage = nil, used
		f("lab", "two words", 3, "less than the")
		f("free", "two words", 4, "")
		if got := m.accounts.tenants["lab"]; got.held != 0 || got.today != 14+16 {
			t.Errorf("booked %s with %s held, want 0.000014 for the answer and the 0.000016 that were held for the one that was cut", got.today, got.held)
		}
		if _, _, err := (&limited{bill("v", 1, 0), m.accounts, m.tenants}).Embed(asker(t.Context(), "lab"), nil, 0); llm.AsError(err).Kind != llm.Unsupported {
			t.Errorf("a member without embeddings: %v", err)
		}
	})
}
