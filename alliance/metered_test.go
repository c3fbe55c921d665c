package alliance

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"summit/ledger"
	"summit/llm"
	"summit/llm/llmtest"
)

// The wrappers keep every promise of a member, booked answers and all.
func TestMeteredPassesSuite(t *testing.T) {
	llmtest.Suite{New: func(t *testing.T, b llmtest.Behaviour) llm.Member {
		j, _ := books(t, 1_000_000_000)
		return asks(j, &Contracted{Member: llmtest.Behaving("qwen", b)}, "qwen")
	}}.Run(t)
}

// Where the contract says drain, an answer whose reader left is read on until
// its end, or for drain_seconds; one that a strategy stops is stopped.
func TestDrain(t *testing.T) {
	f := func(name string, hang, strategy bool, took time.Duration, wantCost Units) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			j, _ := books(t, 1_000_000)
			script := &llmtest.Script{ID: "glm", Hang: hang, Outcome: llm.Outcome{Usage: used(20, 0, 90)}}
			for range 5 {
				script.Pieces = append(script.Pieces, llmtest.Piece{After: time.Second, Event: llm.Event{Kind: llm.KindText, Text: "word "}})
			}
			member := llm.Member(&Contracted{Member: script})
			if strategy {
				member = stopping{member}
			}
			m := asks(j, renamed{member, "tokens"}, "glm")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			start := time.Now()
			for e := range m.Generate(ctx, hello()) {
				if e.Kind == llm.KindText && !strategy {
					cancel()
				}
			}
			if got := time.Since(start); got != took {
				t.Errorf("%s: it took %v, want %v", name, got, took)
			}
			if got, _ := j.store.Balance(t.Context(), "cost:declared:glm", "CNY"); got != wantCost {
				t.Errorf("%s: the member's cost is %d, want %d", name, got, wantCost)
			}
			if got, _ := j.store.Balance(t.Context(), "customer:default:hold", "CNY"); got != 0 {
				t.Errorf("%s: %d are still held", name, got)
			}
		})
	}
	whole := Units(20*4 + 90*16)
	f("read on", false, false, 5*time.Second, whole)
	// The script tells its use when it is stopped, too.
	f("read on for a while", true, false, 31*time.Second, whole)
	f("stopped by a strategy", false, true, time.Second, whole)
}

// stopping is a strategy that has enough after the first piece.
type stopping struct{ llm.Member }

func (s stopping) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, "stopping", func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		done, _ := llm.Relay(s.Member.Generate(inner, r), func(e llm.Event) bool {
			emit(e)
			cancel()
			return true
		})
		done.Err = nil
		return done, nil
	})
}

// A member that has borne all it agreed to leaves routing until the next month,
// where its contract says refuse.
func TestExhausted(t *testing.T) {
	text := []byte("apiVersion: summit/v1\nkind: MemberContract\nmember: qwen\ncurrency: CNY\ncost: {model: per_call, call: '1'}\nsacrifice: {per_request_bp: 10000, per_period: '1.5', on_exhausted: refuse}\n")
	contract, err := ReadContract(text)
	if err != nil {
		t.Fatal(err)
	}
	terms, err := ReadTerms([]byte(liveTerms))
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(terms, []*Contract{contract})
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{}
	c.set(mustTime("2026-12-03T00:00:00Z"))
	j, err := OpenJournal(t.Context(), ledger.NewMemory(c.now), a, c.now)
	if err != nil {
		t.Fatal(err)
	}
	customer(t, j, "default", 1_000_000)
	m := asks(j, renamed{&Contracted{Member: llmtest.Text("qwen", "Four.", 0)}, "tokens"}, "qwen")
	ask := func(want bool) {
		t.Helper()
		if _, err := llm.Collect(m.Generate(t.Context(), hello())); (err == nil) != want {
			t.Errorf("asked: %v, want it answered: %v", err, want)
		}
		c.add(2 * time.Second)
	}
	ask(true)
	ask(true) // bears the rest
	ask(false)
	c.set(mustTime("2027-01-03T00:00:00Z"))
	ask(true)
}
