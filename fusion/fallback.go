package fusion

import (
	"context"
	"time"

	"summit/llm"
)

func init() {
	Register("fallback", "members in order: the next where one fails before its first content", newFallback)
}

// FallbackParams are the parameters of fallback.
type FallbackParams struct {
	FirstSeconds float64 `yaml:"first_seconds" json:"first_seconds,omitempty" jsonschema:"minimum=0" jsonschema_description:"longest wait for a member's first content before the next is asked; 0 = 120, and 300 for answers that are not streamed"`
	RestSeconds  float64 `yaml:"rest_seconds" json:"rest_seconds,omitempty" jsonschema:"minimum=0" jsonschema_description:"how long a member that failed is left out where it did not say itself; 0 = 30"`
	Budget       Budget  `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

// fallback asks members in order until one delivers content. It commits only
// then: what failed before was never seen by the caller, what fails after is
// the caller's error. Members that failed rest for a while.
type fallback struct {
	*base
	wait time.Duration
}

func newFallback(env Env, p FallbackParams) (llm.Member, error) {
	b, err := newBase("fallback", env, needsOne, p.Budget, nil)
	if err != nil {
		return nil, err
	}
	const most = float64(24 * time.Hour / time.Second)
	if !(p.FirstSeconds >= 0 && p.FirstSeconds <= most) || !(p.RestSeconds >= 0 && p.RestSeconds <= most) {
		return nil, b.errorf("first_seconds %v, rest_seconds %v, want zero to %v", p.FirstSeconds, p.RestSeconds, most)
	}
	b.cool.rest = time.Duration(p.RestSeconds * float64(time.Second))
	return &fallback{base: b, wait: time.Duration(p.FirstSeconds * float64(time.Second))}, nil
}

// Generate asks the members in order.
func (f *fallback) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return f.stream(ctx, r, func(ctx context.Context, w *work) error {
		fit, err := w.fitting()
		if err != nil {
			return err
		}
		fit, left := w.cool.order(fit, time.Now())
		if left != "" {
			w.note("%s", left)
		}
		by, part, err := w.relay(ctx, fit, r, pass{peek: true, thoughts: true, first: w.firstContent(f.wait), cool: true})
		if part != nil {
			w.adopt(part)
			if n := len(w.out.Parts); n > 1 {
				w.because(by.name + " answers " + part.Reason)
			}
		}
		return err
	})
}

// Quote returns what asking all of them may cost.
func (f *fallback) Quote(r *llm.Request) (*llm.Cost, error) { return sum(f.quotes(r, 1, 0)...), nil }
