package llmtest

import (
	"context"
	"testing"
	"time"

	"summit/llm"
)

// Scripted builds the script that behaves so; strategies test with it too.
func TestScriptPassesSuite(t *testing.T) {
	Suite{New: func(_ *testing.T, b Behaviour) llm.Member { return Behaving("m", b) }}.Run(t)
}

func TestRelayWrapperPassesSuite(t *testing.T) {
	Suite{New: func(_ *testing.T, b Behaviour) llm.Member { return relay{Behaving("m", b)} }}.Run(t)
}

func TestScriptTime(t *testing.T) {
	if got := Behaving("m", Answers).Pieces[0].After; got != 10*time.Millisecond {
		t.Errorf("first pause %v, want 10ms", got)
	}
}

// relay is the plainest wrapper: what llm.Relay promises, under the suite.
type relay struct{ inner llm.Member }

func (r relay) Card() *llm.Card    { return r.inner.Card() }
func (r relay) Unwrap() llm.Member { return r.inner }

func (r relay) Generate(ctx context.Context, q *llm.Request) llm.Stream {
	return llm.NewStream(ctx, r.Card().Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		return llm.Relay(r.inner.Generate(ctx, q), emit)
	})
}
