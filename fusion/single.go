package fusion

import (
	"context"

	"summit/llm"
)

func init() {
	Register("single", "one member, everything passed through unchanged", newSingle)
}

// SingleParams are the parameters of single.
type SingleParams struct {
	Budget Budget `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

// single passes one member's events on unchanged.
type single struct{ *base }

func newSingle(env Env, p SingleParams) (llm.Member, error) {
	b, err := newBase("single", env, needsOne, p.Budget, nil)
	if err != nil {
		return nil, err
	}
	if len(b.seats) != 1 {
		return nil, b.errorf("%d members, want exactly one", len(b.seats))
	}
	return &single{b}, nil
}

// Generate asks the member.
func (s *single) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return s.stream(ctx, r, func(ctx context.Context, w *work) error {
		seats, err := w.fitting()
		if err != nil {
			return err
		}
		_, part, err := w.relay(ctx, seats, r, pass{})
		if part != nil {
			w.adopt(part)
		}
		return err
	})
}

// Quote returns what the member may cost.
func (s *single) Quote(r *llm.Request) (*llm.Cost, error) { return sum(s.quotes(r, 1, 0)...), nil }
