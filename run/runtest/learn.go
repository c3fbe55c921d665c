package runtest

import (
	"encoding/json"
	"errors"
	"reflect"
	"testing"
	"time"

	"summit/llm"
	"summit/money"
	"summit/run"
)

func yuan(micros int64) *run.Money { return &run.Money{Amount: money.Amount(micros), Currency: "CNY"} }

func lessons(t *testing.T, s run.Store) {
	e := entry(0)
	e.Lesson = &run.Lesson{
		Features: []byte{1, 0, 255}, Space: "0123abcd", Answer: "c1", Confidence: 900_000,
		Asks: []run.Ask{
			{Member: "a", Cluster: "c1", Chance: 1_000_000, Right: 700_000, Share: 1_000_000, Asked: true, Tokens: 12, Cost: yuan(5)},
			{Member: "b", Chance: 20_000, Right: 400_000, Shadow: true},
		},
	}
	want := *e.Lesson
	if err := s.Append(t.Context(), []run.Entry{e, entry(1)}); err != nil {
		t.Fatal(err)
	}
	has := func(want *run.Lesson) {
		t.Helper()
		var got []*run.Lesson
		if err := s.Scan(t.Context(), func(e run.Entry) error { got = append(got, e.Lesson); return nil }); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, []*run.Lesson{want, nil}) {
			t.Errorf("scanned lessons %+v, want %+v and none", got, want)
		}
		if one, err := s.Get(t.Context(), e.ID); err != nil || !reflect.DeepEqual(one.Lesson, want) {
			t.Errorf("lesson %+v, %v, want %+v", one.Lesson, err, want)
		}
	}
	has(&want)
	late := run.Ask{Member: "b", Cluster: "c2", Chance: 1, Asked: true, Shadow: true, Cost: yuan(7)}
	for _, foreign := range []struct{ id, tenant string }{{e.ID, "lab"}, {"run-none", e.Tenant}} {
		var wrong *llm.Error
		if err := s.AddShadow(t.Context(), foreign.id, foreign.tenant, e.At, late); !errors.As(err, &wrong) || wrong.Kind != llm.NotFound {
			t.Errorf("a shadow of %v: %v, want kind not_found", foreign, err)
		}
	}
	if err := s.AddShadow(t.Context(), e.ID, e.Tenant, e.At, late); err != nil {
		t.Fatal(err)
	}
	// The chance is what the run says, which was written down before the draw.
	after := want
	late.Chance, late.Right = 20_000, 400_000
	after.Asks = []run.Ask{want.Asks[0], late}
	has(&after)
	if want.Asks[1].Asked {
		t.Error("a lesson that was handed out has changed")
	}
	if got, err := s.Spent(t.Context(), run.ShadowAccount, "2026-11-01"); err != nil || len(got) != 1 || got[0].Amount != 7 {
		t.Errorf("the shadow spent %+v, %v, want 7 once", got, err)
	}
	errStop := errors.New("stop")
	if err := s.Scan(t.Context(), func(run.Entry) error { return errStop }); !errors.Is(err, errStop) {
		t.Errorf("scan returns %v, want the visitor's error", err)
	}
}

func spending(t *testing.T, s run.Store) {
	entries := []run.Entry{entry(0), entry(1), entry(2), entry(3)}
	entries[0].Spent, entries[1].Spent, entries[2].Spent = yuan(3), yuan(4), &run.Money{Amount: 5, Currency: "USD"}
	entries[3].Tenant, entries[3].Spent = "lab", yuan(100)
	later := entry(4)
	later.At, later.Spent = start.Add(48*time.Hour), yuan(6)
	for range 2 { // the second time nothing is new
		if err := s.Append(t.Context(), append(entries, later)); err != nil {
			t.Fatal(err)
		}
	}
	f := func(account string, from time.Time, want ...run.Spending) {
		t.Helper()
		if got, err := s.Spent(t.Context(), account, run.Day(from)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s has spent %+v, %v, want %+v", account, got, err, want)
		}
	}
	day, next := run.Day(start), run.Day(later.At)
	mine := run.TenantAccount("default")
	f(mine, start, run.Spending{Day: day, Amount: 7, In: "CNY"}, run.Spending{Day: day, Amount: 5, In: "USD"}, run.Spending{Day: next, Amount: 6, In: "CNY"})
	f(mine, later.At, run.Spending{Day: next, Amount: 6, In: "CNY"})
	f(run.TenantAccount("lab"), start, run.Spending{Day: day, Amount: 100, In: "CNY"})
	f(run.TenantAccount("nobody"), start)
	// Accounts stay when runs go.
	prune(t, s, later.At.Add(time.Hour), 0, 10, 5)
	f(mine, later.At, run.Spending{Day: next, Amount: 6, In: "CNY"})
}

func learned(t *testing.T, s run.Store) {
	value := func(kind, tenant, member, text string) run.Learned {
		return run.Learned{Kind: kind, Tenant: tenant, Member: member, At: start, Value: json.RawMessage(text)}
	}
	a, b, c := value("overlay", "lab", "b", `{"x":1}`), value("overlay", "lab", "a", `[1]`), value("drift", "", "a", `2`)
	if err := s.Learn(t.Context(), []run.Learned{a, b, c}); err != nil {
		t.Fatal(err)
	}
	f := func(kind string, want ...run.Learned) {
		t.Helper()
		if got, err := s.Learned(t.Context(), kind); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", kind, got, err, want)
		}
	}
	f("overlay", b, a)
	f("drift", c)
	a.Value = json.RawMessage(`{"x":2}`)
	b.Value = nil
	if err := s.Learn(t.Context(), []run.Learned{a, b}); err != nil {
		t.Fatal(err)
	}
	f("overlay", a)
	f("none")
}
