package member

import (
	"fmt"
	"math"
	"slices"
	"time"

	"summit/llm"
)

// endpoint is one way to ask a member, and what is remembered of it. All but
// the first four fields are under the guard's lock.
type endpoint struct {
	name    string
	address string
	member  llm.Member
	weight  int

	turn    int // smooth weighted round robin: who is furthest behind is next
	streams int // answers that are running

	inARow  int           // failures since the last answer
	openFor time.Duration // how long its circuit is open; 0 = it is closed
	openTil time.Time
	probing bool // a request is finding out whether it works again

	coolTil time.Time
	told    bool // the target itself said until when
	why     llm.ErrorKind

	asked, failed int64
	lastKind      llm.ErrorKind
	lastAt        time.Time
}

// state says whether the target is asked at that time, and until when not.
func (t *endpoint) state(now time.Time) (llm.TargetState, time.Time) {
	switch {
	case t.openFor > 0 && now.Before(t.openTil):
		return llm.TargetOpen, t.openTil
	case t.openFor > 0:
		return llm.TargetProbing, time.Time{}
	case now.Before(t.coolTil):
		return llm.TargetCooling, t.coolTil
	}
	return llm.TargetUp, time.Time{}
}

// rank says how gladly the target is asked: 0 = not now, 1 = as a last
// resort, 2 = like any other.
func (t *endpoint) rank(now time.Time, most int) int {
	switch state, _ := t.state(now); {
	case most > 0 && t.streams >= most:
		return 0
	case state == llm.TargetOpen, state == llm.TargetProbing && t.probing, state == llm.TargetCooling && t.told:
		return 0
	case state == llm.TargetCooling:
		return 1
	}
	return 2
}

// pick chooses a target and counts the call. Those that this answer has not
// tried come first. Where there is none, refusal says why; room is not nil
// where waiting for it helps.
func (g *Guard) pick(now time.Time, tried []*endpoint, conversation uint64) (_ *endpoint, refusal *llm.Error, room <-chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, again := range []bool{false, true} {
		for rank := 2; rank >= 1; rank-- {
			var able []*endpoint
			for _, t := range g.targets {
				if t.rank(now, g.params.Streams) == rank && slices.Contains(tried, t) == again {
					able = append(able, t)
				}
			}
			if t := next(able, conversation); t != nil {
				t.asked++
				t.streams++
				if t.openFor > 0 {
					t.probing = true
				}
				return t, nil, nil
			}
		}
	}
	return nil, g.refusal(now), g.room(now)
}

// next chooses one of the targets by their weights: the conversation's own, or
// by turns. nil = there is none.
func next(able []*endpoint, conversation uint64) *endpoint {
	if conversation != 0 {
		return rendezvous(able, conversation)
	}
	var best *endpoint
	sum := 0
	for _, t := range able {
		t.turn += t.weight
		sum += t.weight
		if best == nil || t.turn > best.turn {
			best = t
		}
	}
	if best != nil {
		best.turn -= sum
	}
	return best
}

// rendezvous chooses the target whose number for the conversation is highest.
// Where a target comes or goes, only its own conversations move.
// Source: Thaler and Ravishankar 1998; the weights by -w/ln(u), Resch and
// Volvovski 2015.
func rendezvous(able []*endpoint, conversation uint64) *endpoint {
	var best *endpoint
	top := math.Inf(-1)
	for _, t := range able {
		x := conversation
		for _, b := range []byte(t.name) {
			x = (x ^ uint64(b)) * 0x9E3779B97F4A7C15
			x ^= x >> 29
		}
		x = (x ^ x>>32) * 0xBF58476D1CE4E5B9
		x ^= x >> 31
		u := (float64(x>>11) + 0.5) / (1 << 53)
		if score := -float64(t.weight) / math.Log(u); score > top {
			best, top = t, score
		}
	}
	return best
}

// refusal says why no target can be asked: the mildest reason, and how long it
// lasts.
func (g *Guard) refusal(now time.Time) *llm.Error {
	var first time.Time
	e := &llm.Error{Kind: llm.Overloaded, Member: g.name, Message: "as many answers as guard.streams allows are running"}
	for _, t := range g.targets {
		state, until := t.state(now)
		if until.IsZero() || !first.IsZero() && !until.Before(first) {
			continue
		}
		first = until
		e.RetryAfter = until.Sub(now)
		if state == llm.TargetOpen {
			e.Kind, e.Message = llm.Overloaded, fmt.Sprintf("failed %d times in a row (%s), and is not asked for %v", t.inARow, t.lastKind, e.RetryAfter.Round(time.Millisecond))
			continue
		}
		e.Kind, e.Message = t.why, fmt.Sprintf("said to wait, and is not asked for %v", e.RetryAfter.Round(time.Millisecond))
	}
	return e
}

// room returns what is closed when an answer ends, where a target is only full
// or being probed; nil = waiting for that helps nobody.
func (g *Guard) room(now time.Time) <-chan struct{} {
	for _, t := range g.targets {
		switch state, _ := t.state(now); {
		case state == llm.TargetProbing, state == llm.TargetUp, state == llm.TargetCooling && !t.told:
			return g.freed
		}
	}
	return nil
}

// untried reports whether there is a target that can be asked and that this
// answer has not asked.
func (g *Guard) untried(now time.Time, tried []*endpoint) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.ContainsFunc(g.targets, func(t *endpoint) bool { return !slices.Contains(tried, t) && t.rank(now, g.params.Streams) > 0 })
}

// done remembers how a call ended. left says that its caller had gone, or that
// another call was faster: then it says nothing of the target.
func (g *Guard) done(t *endpoint, err error, left bool, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t.streams--
	close(g.freed)
	g.freed = make(chan struct{})
	t.probing = false
	if left && err != nil {
		return
	}
	e := llm.AsError(err)
	if e == nil {
		t.inARow, t.openFor, t.coolTil = 0, 0, time.Time{}
		return
	}
	cool := func(otherwise time.Duration) {
		t.told, t.why = e.RetryAfter > 0, e.Kind
		t.coolTil = now.Add(min(e.RetryAfter, maxCooling))
		if !t.told {
			t.coolTil = now.Add(otherwise)
		}
	}
	switch e.Kind {
	case llm.RateLimited: // it works, and has something against this key
		t.inARow, t.openFor = 0, 0
		cool(g.params.CoolDown)
	case llm.QuotaExhausted, llm.Unauthorized, llm.Forbidden:
		t.inARow, t.openFor = 0, 0
		cool(keyRest)
	case llm.Overloaded, llm.Timeout, llm.Cut, llm.Protocol, llm.Internal:
		t.inARow++
		if t.inARow >= g.params.Failures { // so does a probe that fails
			t.openFor = min(max(2*t.openFor, g.params.OpenFor), maxOpen)
			t.openTil = now.Add(t.openFor)
		} else if e.RetryAfter > 0 {
			cool(0)
		}
	default: // it answered: the request did not please it
		t.inARow, t.openFor = 0, 0
		return
	}
	t.failed++
	t.lastKind, t.lastAt = e.Kind, now
}

// Health tells how the targets fared. It asks nobody.
func (g *Guard) Health() llm.Health {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	h := llm.Health{Retries: g.retries, Hedges: g.hedges}
	for _, t := range g.targets {
		state, until := t.state(now)
		h.Targets = append(h.Targets, llm.TargetHealth{
			Name: t.name, Address: t.address, State: state, Until: until, Weight: t.weight, Streams: t.streams,
			Asked: t.asked, Failed: t.failed, InARow: t.inARow, LastKind: t.lastKind, LastAt: t.lastAt,
		})
	}
	return h
}
