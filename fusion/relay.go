package fusion

import (
	"context"
	"sync"
	"time"

	"summit/llm"
)

// pass says how events of members are passed on.
type pass struct {
	// peek holds events back until the first content: a member that fails
	// before that is replaced by the next, and one that ends without content
	// has failed. Without it everything passes at once, unchanged.
	peek     bool
	thoughts bool          // pass the member's reasoning on
	first    time.Duration // peek: longest wait for the first content; 0 = for ever
	cool     bool          // remember who failed
	// request is what a member is asked; nil = the request as it is.
	request func(*seat) *llm.Request
}

// maxDrained is how many events are read from a member after its caller went
// away. A proper one sends Done at once; one that doesn't is left.
const maxDrained = 4096

// errFirst is the cause with which a member is stopped that keeps silent.
var errFirst = &llm.Error{Kind: llm.Timeout, Message: "no content within the time for the first"}

// relay streams the answer of the first of the seats that delivers content.
// It returns who that was and its part: beside nil where the answer is whole,
// beside the error where it broke off in the middle. No seat was committed to
// where part is nil. All parts are in the Outcome.
func (w *work) relay(ctx context.Context, seats []*seat, r *llm.Request, p pass) (by *seat, part *llm.Outcome, err error) {
	var errs []*llm.Error
	reason := ""
	for _, s := range seats {
		a := ask{seat: s, r: r, reason: reason}
		if p.request != nil {
			a.r = p.request(s)
		}
		if denied := w.admit(&a); denied != nil {
			w.note("%s was not asked: %s", s.name, denied.Message)
			own := *denied
			own.Member = s.name
			errs = append(errs, &own)
			continue
		}
		part, begun, failure := w.attempt(ctx, &a, p)
		w.settle(&a, part)
		w.out.Parts = append(w.out.Parts, part)
		if p.cool && ctx.Err() == nil {
			w.cool.note(s.name, failure, time.Now())
		}
		if failure == nil || begun {
			part.WeightPPM = ppm
			if failure != nil {
				return s, part, failure
			}
			return s, part, nil
		}
		errs = append(errs, failure)
		if !failure.Retryable() || ctx.Err() != nil || w.late() {
			break
		}
		reason = "after " + s.name + ": " + string(failure.Kind)
	}
	return nil, nil, failed(errs)
}

// attempt streams one member's answer. begun reports whether the caller has
// got any content of it.
func (w *work) attempt(ctx context.Context, a *ask, p pass) (part *llm.Outcome, begun bool, failure *llm.Error) {
	watch := func(time.Duration) bool { return true } // zero = no longer
	if p.first > 0 {
		var stop context.CancelCauseFunc
		ctx, stop = context.WithCancelCause(ctx)
		defer stop(nil)
		timer := time.AfterFunc(p.first, func() { stop(errFirst) })
		defer timer.Stop()
		watch = func(d time.Duration) bool {
			if d == 0 {
				return timer.Stop()
			}
			return timer.Reset(d)
		}
	}
	s := w.scope(ctx, w.until, a.seat.strategy)
	defer s.stop()
	var done *llm.Outcome
	var start *llm.Event // held back
	open, drained := true, 0
	for e, err := range a.seat.member.Generate(s.of(a.seat), a.r) {
		switch {
		case e.Kind == llm.KindDone:
			done, failure = e.Done, llm.AsError(err)
			continue
		case !open:
			// The caller is gone and the member was told: only its Done is
			// still of use.
			drained++
		case !p.peek:
			begun = true
			open = w.send(e)
		case e.Kind == llm.KindStart:
			held := e
			start = &held
		case e.Kind == llm.KindProgress:
			open = w.send(e)
		case e.Kind == llm.KindReasoning && !p.thoughts:
			if !begun {
				watch(p.first) // it is alive
			}
		case begun || hasContent(&e):
			if start != nil && !w.spoke {
				open = w.send(*start)
			}
			if start = nil; !begun {
				begun = true
				watch(0)
			}
			open = open && w.send(e)
		}
		if drained > maxDrained {
			break
		}
	}
	return w.ended(a, p, done, begun, failure)
}

// ended decides whether a member that was passed on has answered.
func (w *work) ended(a *ask, p pass, done *llm.Outcome, begun bool, failure *llm.Error) (*llm.Outcome, bool, *llm.Error) {
	var part llm.Outcome
	if done != nil {
		part = *done // a member may keep its own
	}
	if part.Member == "" {
		part.Member = a.seat.name
	}
	if part.Reason == "" {
		part.Reason = a.reason
	}
	if part.Expected == nil {
		part.Expected = a.costs
	}
	part.WeightPPM = 0
	switch {
	case failure != nil:
	case done == nil:
		failure = &llm.Error{Kind: llm.Protocol, Member: a.seat.name, Message: "the stream ended without saying how"}
	case !p.peek || begun || part.Finish == llm.FinishLength:
	case part.Finish == llm.FinishFilter:
		failure = &llm.Error{Kind: llm.Filtered, Member: a.seat.name, Message: "a content filter refused"}
	default:
		failure = &llm.Error{Kind: llm.Protocol, Member: a.seat.name, Message: "ended without any content"}
	}
	part.Err = failure
	return &part, begun, failure
}

func hasContent(e *llm.Event) bool {
	return e.Kind == llm.KindCall || e.Text != "" || e.Signature != ""
}

// firstContent is how long to wait for a member's first content. What isn't
// streamed arrives at its end, so there the wait is that for whole answers.
func (w *work) firstContent(own time.Duration) time.Duration {
	const streamed = 2 * time.Minute // a guess: some models think for long and show nothing of it
	switch {
	case own > 0:
		return own
	case w.r.Streaming:
		return streamed
	}
	return patience
}

const (
	// coolDown is how long a member that failed is left out where it didn't
	// say itself: a guess.
	coolDown = 30 * time.Second
	// mendDown is how long after an error that only an operator can mend: no
	// balance, a wrong key, a model that isn't there. A guess.
	mendDown = 5 * time.Minute
	// maxCoolDown bounds what a member may ask for.
	maxCoolDown = 10 * time.Minute
)

// cooler remembers who failed, so that not every request walks dead members
// again. The zero value knows nobody.
type cooler struct {
	mu   sync.Mutex
	rest time.Duration        // instead of coolDown; 0 = coolDown
	hot  map[string]time.Time // by name: left out until then
}

// note takes down how the member's call went.
func (c *cooler) note(name string, err *llm.Error, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		delete(c.hot, name)
		return
	}
	rest := c.rest
	if rest == 0 {
		rest = coolDown
	}
	switch err.Kind {
	case llm.RateLimited, llm.Overloaded, llm.Timeout, llm.Cut, llm.Protocol, llm.Internal:
	case llm.QuotaExhausted, llm.Unauthorized, llm.Forbidden, llm.NotFound:
		rest = max(rest, mendDown)
	default: // the request's own fault, or the caller's
		return
	}
	if err.RetryAfter > 0 {
		rest = min(err.RetryAfter, maxCoolDown)
	}
	if c.hot == nil {
		c.hot = map[string]time.Time{}
	}
	c.hot[name] = now.Add(rest)
}

// order returns the seats that aren't cooling down, and says who is left out.
// Where all are, it returns the one that is ready first: somebody has to try.
func (c *cooler) order(seats []*seat, now time.Time) (ready []*seat, left string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var soonest *seat
	for i, s := range seats {
		until, cooling := c.hot[s.name]
		if !cooling || !now.Before(until) {
			ready = append(ready, s)
			continue
		}
		if soonest == nil || until.Before(c.hot[soonest.name]) {
			soonest = seats[i]
		}
		if left != "" {
			left += "; "
		}
		left += s.name + " failed lately and rests for " + until.Sub(now).Round(time.Second).String()
	}
	if len(ready) == 0 && soonest != nil {
		return []*seat{soonest}, left + "; " + soonest.name + " is asked all the same"
	}
	return ready, left
}

// toFront returns the seats with the one of that name, if any, in front.
func toFront(seats []*seat, name string) []*seat {
	for i, s := range seats {
		if s.name == name {
			return append(append([]*seat{s}, seats[:i]...), seats[i+1:]...)
		}
	}
	return seats
}
