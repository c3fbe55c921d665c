package member

import (
	"context"
	"errors"
	"slices"
	"time"

	"summit/llm"
)

// attempt is one call of a target.
type attempt struct {
	t      *endpoint
	hedge  bool // beside another one
	begun  time.Time
	cancel context.CancelCauseFunc
	events chan llm.Event // race only; closed once done and err are known

	done *llm.Outcome
	err  error
	lost bool // another one was faster
	took time.Duration
}

// begin makes a call's context, in which it may keep silent for so long.
func (a *guarded) begin(ctx context.Context, t *endpoint) (*attempt, context.Context, func()) {
	c := &attempt{t: t, begun: time.Now()}
	inner, cancel := context.WithCancelCause(ctx)
	c.cancel = cancel
	heard := func() {}
	if d := a.g.params.First; d > 0 {
		timer := time.AfterFunc(d, func() { cancel(errSlow) })
		heard = func() { timer.Stop() }
	}
	return c, inner, heard
}

// end remembers how the call ended.
func (a *guarded) end(ctx context.Context, c *attempt) {
	c.took = time.Since(c.begun)
	c.cancel(nil)
	a.g.done(c.t, c.err, ctx.Err() != nil || c.lost, time.Now())
	a.keep(c)
}

// once makes one call and passes its answer on.
func (a *guarded) once(ctx context.Context, t *endpoint) error {
	c, inner, heard := a.begin(ctx, t)
	a.start = nil
	c.done, c.err = llm.Relay(t.member.Generate(inner, a.r), func(e llm.Event) bool {
		if content(e) {
			heard()
		}
		return a.pass(e)
	})
	heard()
	if c.err == nil && !a.delivered && a.start != nil { // an answer without content is one too
		a.emit(*a.start)
	}
	a.end(ctx, c)
	return c.err
}

func content(e llm.Event) bool {
	return e.Kind == llm.KindText || e.Kind == llm.KindReasoning || e.Kind == llm.KindCall
}

// race makes a call, a second one beside it where the first is slow, and
// passes on the answer whose content comes first. The other one is stopped.
// It returns when both have ended; an error is that of the last to fail.
func (a *guarded) race(ctx context.Context, t *endpoint) error {
	calls := []*attempt{a.launch(ctx, t, false)}
	defer func() {
		for _, c := range calls {
			c.cancel(errLost)
			for range c.events { // it ends soon
			}
			a.end(ctx, c)
		}
	}()
	late := time.NewTimer(a.g.params.Hedge)
	defer late.Stop()
	starts := map[*attempt]*llm.Event{}
	var err error
	for len(calls) > 0 {
		c, e, open := (*attempt)(nil), llm.Event{}, false
		var second chan llm.Event
		if len(calls) > 1 {
			second = calls[1].events
		}
		select {
		case e, open = <-calls[0].events:
			c = calls[0]
		case e, open = <-second:
			c = calls[1]
		case <-late.C:
			if u := a.g.beside(time.Now(), calls[0].t); u != nil {
				a.tried = append(a.tried, u)
				calls = append(calls, a.launch(ctx, u, true))
			}
			continue
		}
		switch {
		case open && !content(e):
			if e.Kind == llm.KindStart {
				starts[c] = &e
			}
			continue
		case !open && c.err != nil: // failed before its content; the other goes on
			err = c.err
			calls = slices.DeleteFunc(calls, func(d *attempt) bool { return d == c })
			a.end(ctx, c)
			continue
		}
		// c is the answer.
		for _, other := range calls {
			if other != c {
				other.lost = true
				other.cancel(errLost)
			}
		}
		late.Stop()
		a.start = starts[c]
		if open {
			going := a.pass(e)
			for e := range c.events {
				going = going && a.pass(e)
			}
		} else if a.start != nil {
			a.emit(*a.start)
		}
		// The answer's end is kept last, so that its Outcome is the one shown.
		slices.SortStableFunc(calls, func(x, y *attempt) int {
			switch {
			case x == c:
				return 1
			case y == c:
				return -1
			}
			return 0
		})
		return c.err
	}
	return err
}

// launch begins a call that is read by somebody else.
func (a *guarded) launch(ctx context.Context, t *endpoint, hedge bool) *attempt {
	c, inner, heard := a.begin(ctx, t)
	c.hedge, c.events = hedge, make(chan llm.Event)
	go func() {
		defer close(c.events)
		for e, err := range t.member.Generate(inner, a.r) {
			if e.Kind == llm.KindDone {
				c.done, c.err = e.Done, err
				continue
			}
			if content(e) {
				heard()
			}
			select {
			case c.events <- e:
			case <-inner.Done(): // read on to the end, for its Outcome
			}
		}
		heard()
		if c.done == nil {
			c.done, c.err = &llm.Outcome{}, errors.Join(c.err, llm.Errorf(llm.Internal, "the stream had no end"))
		}
	}()
	return c
}

// beside chooses the target for a second call beside one of t: another one if
// any can be asked.
func (g *Guard) beside(now time.Time, t *endpoint) *endpoint {
	u, _, _ := g.pick(now, []*endpoint{t}, 0)
	if u != nil {
		g.mu.Lock()
		g.hedges++
		g.mu.Unlock()
	}
	return u
}
