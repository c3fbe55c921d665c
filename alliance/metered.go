package alliance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"summit/ledger"
	"summit/llm"
)

// Asker says whose request a context is of.
type Asker struct {
	Customer string
	Key      string // its id; empty = none
	ID       string // of the request; never used twice
	Retry    string // the caller's own Idempotency-Key; empty = none
}

// Metered is a model that is paid for. It puts the most that a request can cost
// aside before anybody is asked, and settles in one commit before the last
// event is passed on: who has the end of an answer has been charged for it, and
// nobody is charged for what was not delivered.
type Metered struct {
	llm.Member
	Journal *Journal
	// Asker finds out who asks; false = nobody who pays, such as the operator's
	// own program. Such requests pass as they are.
	Asker func(context.Context) (Asker, bool)
	// Needs lists members that may be asked: a request is refused where one of
	// them has no contract, for nobody could pay it. nil = not checked.
	Needs []string
	// Judge measures who contributed what to fused answers of the audit sample,
	// where the terms name one; nil = nobody does.
	Judge Judge
	// Most is the longest that a request can take. The hold lasts so long, and
	// a while for its end to be booked.
	Most time.Duration
}

// Unwrap returns the model.
func (m *Metered) Unwrap() llm.Member { return m.Member }

// bookTime is how long a hold outlives its request, and how long the end of
// one may take to be booked.
const bookTime = 5 * time.Minute

// Generate asks the model.
func (m *Metered) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	who, pays := m.Asker(ctx)
	if !pays {
		return m.Member.Generate(ctx, r)
	}
	return llm.NewStream(ctx, m.Card().Name, func(inner context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		x := Answer{ID: who.ID, Customer: who.Customer, Key: who.Key, Model: m.Card().Name, At: m.Journal.now()}
		if err := m.contracted(x.At); err != nil {
			return nil, err
		}
		own := r.Clone()
		input := m.count(inner, r, &x)
		x.Bound = m.bound(r)
		own.MaxTokens = int(x.Bound)
		held, seed, err := m.hold(inner, &x, who, r, input)
		if err != nil {
			return nil, err
		}
		a := m.Journal.Alliance()
		own.Summit.Proposals = m.listening(a, seed, x.ID, r, x.At)
		var answer strings.Builder // kept for a judge only
		var tally llm.Tally
		done, failure := llm.Relay(m.Member.Generate(selling(inner, ctx, m.Journal), own), func(e llm.Event) bool {
			if !emit(e) {
				return false
			}
			switch e.Kind {
			case llm.KindText, llm.KindReasoning:
				tally.Add(e.Text)
				x.Delivered = x.Delivered || e.Text != ""
				if own.Summit.Proposals && e.Kind == llm.KindText && answer.Len()+len(e.Text) <= llm.MaxReplyBytes {
					answer.WriteString(e.Text)
				}
			case llm.KindCall:
				tally.Add(e.Call.Name)
				tally.Add(e.Call.ArgsDelta)
				x.Delivered = true
			}
			return true
		})
		x.Output, x.Outcome, x.Err = tally.Count().N, done, llm.AsError(failure)
		if gone := llm.ContextError(ctx); gone != nil && failure == nil && inner.Err() != nil {
			x.Err = gone // it was read to its end for the member's figures only
		}
		if own.Summit.Proposals {
			if x.Err == nil && x.Delivered && a.drawn(seed, &x) {
				x.measured = m.measure(ctx, a, r, &x, answer.String())
			}
			forget(done)
		}
		// The reader may be gone, but the money is not.
		booking, stop := context.WithTimeout(context.WithoutCancel(ctx), bookTime)
		defer stop()
		if _, _, err := m.Journal.Settle(booking, x, held); err != nil {
			// The hold stays until it expires: what can't be booked is not passed
			// on as a whole answer.
			return done, &llm.Error{Kind: llm.Overloaded, Message: "the answer could not be booked", RetryAfter: time.Second, Err: err}
		}
		return done, failure
	})
}

// hold puts the money aside. A request with an Idempotency-Key of the caller is
// charged once: it is answered anew only where nothing was charged before.
func (m *Metered) hold(ctx context.Context, x *Answer, who Asker, r *llm.Request, input int64) (held Units, seed ledger.Hash, err error) {
	ask := Ask{Customer: x.Customer, Key: x.Key, Model: x.Model, At: x.At, Input: input, Output: x.Bound, Until: x.At.Add(m.Most + bookTime)}
	if who.Retry == "" {
		ask.ID = x.ID
		held, receipt, err := m.Journal.hold(ctx, ask)
		if err == nil && receipt.Replayed {
			err = llm.Errorf(llm.Internal, "the request's id was used before")
		}
		return held, receipt.Hash, err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return 0, seed, err
	}
	ask.Hash = ledger.Sum(text)
	base := ledger.Sum([]byte(who.Customer), []byte{0}, []byte(who.Retry)).String()[:32]
	const most = 100
	for try := 1; try <= most; try++ {
		x.ID = fmt.Sprintf("retry-%s-%d", base, try)
		ask.ID = x.ID
		held, receipt, err := m.Journal.hold(ctx, ask)
		if err != nil || !receipt.Replayed {
			return held, receipt.Hash, err
		}
		switch charged, open, err := m.Journal.ended(ctx, x.ID); {
		case err != nil:
			return 0, seed, err
		case open:
			return 0, seed, &llm.Error{Kind: llm.RateLimited, Message: "a request with this Idempotency-Key is being answered", RetryAfter: time.Second}
		case charged:
			return 0, seed, llm.Errorf(llm.Invalid, "the request with this Idempotency-Key was answered and charged; answers are not kept: want another key to ask again")
		}
	}
	return 0, seed, llm.Errorf(llm.Invalid, "the Idempotency-Key was tried %d times, want another one", most)
}

// ended reports whether a request was charged, or is still open.
func (j *Journal) ended(ctx context.Context, id string) (charged, open bool, err error) {
	t, err := j.store.Find(ctx, "settle:"+id)
	if errors.Is(err, ledger.ErrNotFound) {
		for h, err := range j.store.Holds(ctx, time.Time{}) {
			if err != nil {
				return false, false, err
			}
			if h.Key == "hold:"+id {
				return false, true, nil
			}
		}
		return false, false, nil // taken back
	}
	if err != nil {
		return false, false, err
	}
	event, _, err := opened(t)
	if err != nil {
		return false, false, err
	}
	return event.Request.Price > 0, false, nil
}

// contracted refuses a request whose members could not be paid.
func (m *Metered) contracted(at time.Time) error {
	a := m.Journal.Alliance()
	for _, name := range m.Needs {
		if _, err := a.contract(name, at); err != nil {
			return llm.Errorf(llm.Overloaded, "%s can't be sold: %v", m.Card().Name, err)
		}
	}
	return nil
}

// count counts the request's input, and returns the most that it may be charged
// for: a guess is guarded by half of it, as a vendor's own tokenizer may count
// more.
func (m *Metered) count(ctx context.Context, r *llm.Request, x *Answer) int64 {
	if c, ok := llm.As[llm.TokenCounter](m.Member); ok {
		if n, err := c.CountTokens(ctx, r); err == nil && n >= 0 {
			x.Input, x.Exact = int64(n), true
			return x.Input
		}
	}
	x.Input = llm.EstimateInput(r).N
	return min(x.Input+x.Input/2+16, maxUnits)
}

// bound returns the most tokens that the answer may have: what the request
// says, else what the model can, else what the terms hold.
func (m *Metered) bound(r *llm.Request) int64 {
	most := m.Journal.Alliance().Terms.HoldTokens
	if r.MaxTokens > 0 {
		return int64(r.MaxTokens)
	}
	if n := int64(m.Card().MaxOutputTokens); n > 0 && n < most {
		return n
	}
	return most
}

// Embed meters what is paid by its input alone, such as vectors of texts: do
// asks the model. What can't be booked is an error.
func (m *Metered) Embed(ctx context.Context, texts []string, do func() (llm.Usage, error)) error {
	who, pays := m.Asker(ctx)
	if !pays {
		_, err := do()
		return err
	}
	x := Answer{ID: who.ID, Customer: who.Customer, Key: who.Key, Model: m.Card().Name, At: m.Journal.now()}
	if err := m.contracted(x.At); err != nil {
		return err
	}
	var t llm.Tally
	for _, text := range texts {
		t.Add(text)
	}
	x.Input = t.Count().N
	held, fresh, err := m.Journal.Hold(ctx, Ask{ID: x.ID, Customer: x.Customer, Key: x.Key, Model: x.Model, At: x.At, Input: x.Input + x.Input/2 + 16, Until: x.At.Add(m.Most + bookTime)})
	if err == nil && !fresh {
		err = llm.Errorf(llm.Internal, "the request's id was used before")
	}
	if err != nil {
		return err
	}
	start := m.Journal.now()
	usage, failure := do()
	x.Err, x.Delivered = llm.AsError(failure), failure == nil
	if !usage.Output.Known() {
		usage.Output = llm.Count{From: usage.Input.From}
	}
	x.Outcome = &llm.Outcome{Member: m.leaf(), Usage: usage, Took: m.Journal.now().Sub(start), Err: x.Err}
	booking, stop := context.WithTimeout(context.WithoutCancel(ctx), bookTime)
	defer stop()
	if _, _, err := m.Journal.Settle(booking, x, held); err != nil {
		return &llm.Error{Kind: llm.Overloaded, Message: "the vectors could not be booked", RetryAfter: time.Second, Err: err}
	}
	return failure
}

// leaf names the member that embeds.
func (m *Metered) leaf() string {
	if len(m.Needs) == 1 {
		return m.Needs[0]
	}
	return m.Card().Name
}
