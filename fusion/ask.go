package fusion

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"summit/answer"
	"summit/llm"
)

// ask is one question to one member of a council.
type ask struct {
	seat    *seat
	r       *llm.Request
	reason  string    // why it is asked; empty = as all are
	verdict bool      // the reply is read by the strategy, not by the caller
	hold    *hold     // the call was reserved before; nil = it wasn't
	quote   *llm.Cost // what was reserved; filled by admit
	costs   *llm.Cost // what it is expected to cost; filled by admit
}

// reply is one member's whole answer, or why there is none.
type reply struct {
	seat   *seat
	part   *llm.Outcome // nil = it was not asked
	text   string
	tokens []llm.TokenLogprob
	key    string // the final answer's normal form; empty = can't be compared
	class  string // of answers that mean the same; empty = that of the key alone
	prose  bool   // the key is a sentence: few others will say it in the same words
	err    *llm.Error
}

// answered reports whether the member gave a whole answer.
func (rep *reply) answered() bool { return rep.part != nil && rep.err == nil }

const (
	// maxVerdictBytes is how much of a judge's reply is read: a verdict is
	// one line, what stands before it is thinking aloud.
	maxVerdictBytes = 256 << 10
	// floodBytes bounds what comes beside the text: thoughts, pieces of tool
	// calls and log-probabilities, each token of these counted as tokenBytes.
	floodBytes = 4 * llm.MaxReplyBytes
	tokenBytes = 64
	// bytesPerToken is for the estimate of what a flood used: a guess
	// between English with four and Chinese with two.
	bytesPerToken = 3
)

// errDecided is the error of members that were stopped because they weren't
// needed any more.
var errDecided = &llm.Error{Kind: llm.Canceled, Message: "not waited for: the answer was decided"}

// hold is a call reserved for a judge or an aggregator before the members are
// asked, so that they can't use up what it needs.
type hold struct {
	purse *purse
	quote *llm.Cost
	spent bool
}

// hold reserves a call of the seat; nil where there is nothing to reserve.
func (w *work) hold(s *seat) (*hold, *llm.Error) {
	if s.strategy {
		return &hold{}, nil
	}
	quote := w.quote(s, w.r)
	if err := w.purse.take(quote); err != nil {
		return nil, err
	}
	return &hold{purse: w.purse, quote: quote}, nil
}

// release gives an unused call back. It may be called twice, and on nil.
func (h *hold) release() {
	if h != nil && h.purse != nil && !h.spent {
		h.spent = true
		h.purse.giveBack(h.quote)
	}
}

// quote is what a call may cost, asked for only where something bounds it.
func (w *work) quote(s *seat, r *llm.Request) *llm.Cost {
	if !w.purse.bounded() {
		return nil
	}
	return worst(s.member, s.card, r, 0)
}

// admit reserves the call of a plain member; strategies do that inside.
func (w *work) admit(a *ask) *llm.Error {
	a.hold.release()
	if a.seat.strategy {
		return nil
	}
	a.costs = w.expect(a.seat, a.r)
	a.quote = w.quote(a.seat, a.r)
	return w.purse.take(a.quote)
}

// settle books what the call cost.
func (w *work) settle(a *ask, part *llm.Outcome) {
	if !a.seat.strategy {
		w.purse.settle(a.quote, part.Cost)
		a.seat.lengths.note(part)
	}
}

// gather asks and collects the whole answer into rep. forward gets the
// Progress of a strategy below; nil = nobody reads it.
//
// A member that floods is left in the middle of its stream, so what it used
// is estimated from what came.
func gather(ctx context.Context, a *ask, rep *reply, forward func(*llm.ProgressNote)) {
	rep.seat = a.seat
	most := llm.MaxReplyBytes
	if a.verdict {
		most = maxVerdictBytes
	}
	// One variable, for the loop's body moves each to the heap.
	var g struct {
		done       *llm.Outcome
		failure    *llm.Error
		more       strings.Builder // all pieces, once there is a second one
		size, rest int             // bytes of the answer; of what is not kept, but can flood as well
		calls      bool
	}
	for e, err := range a.seat.member.Generate(ctx, a.r) {
		switch e.Kind {
		case llm.KindDone:
			g.done, g.failure = e.Done, llm.AsError(err)
		case llm.KindText:
			g.size += len(e.Text)
			switch {
			case g.size > most:
			case rep.text == "":
				rep.text = e.Text
			case g.more.Len() == 0:
				g.more.WriteString(rep.text)
				fallthrough
			default:
				g.more.WriteString(e.Text)
			}
			rep.tokens = append(rep.tokens, e.Tokens...)
			for i := range e.Tokens {
				g.rest += tokenBytes * (1 + len(e.Tokens[i].Top))
			}
		case llm.KindReasoning:
			g.rest += len(e.Text)
		case llm.KindCall:
			g.calls = true
			g.rest += len(e.Call.ArgsDelta)
		case llm.KindProgress:
			if forward != nil {
				forward(e.Progress)
			}
		}
		if g.size > most || g.rest > floodBytes {
			g.failure = llm.Errorf(llm.Protocol, "the answer is longer than %d bytes", most)
			g.done = &llm.Outcome{Usage: llm.Usage{
				Input:  llm.Count{N: inputTokens(a.r), From: llm.Estimated},
				Output: llm.Count{N: int64(g.size+g.rest) / bytesPerToken, From: llm.Estimated},
				Calls:  llm.Count{N: 1, From: llm.OwnCount},
			}}
			break
		}
	}
	if g.more.Len() > 0 {
		rep.text = g.more.String()
	}
	rep.finish(a, g.done, g.failure, g.calls)
}

// finish decides whether what was collected is an answer.
func (rep *reply) finish(a *ask, done *llm.Outcome, failure *llm.Error, calls bool) {
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
		failure = llm.Errorf(llm.Protocol, "the stream ended without saying how")
	case strings.TrimSpace(rep.text) != "":
	case part.Finish == llm.FinishFilter:
		failure = llm.Errorf(llm.Filtered, "a content filter refused")
	case calls:
		failure = llm.Errorf(llm.Protocol, "called a tool where none was given")
	default:
		failure = llm.Errorf(llm.Protocol, "ended without an answer")
	}
	if failure != nil {
		e := *failure
		if e.Member == "" {
			e.Member = a.seat.name
		}
		rep.err, part.Err = &e, &e
		rep.text, rep.tokens = "", nil // nobody reads a part of an answer
	}
	// An answer that hit a token limit may not have come to its end yet: its
	// text can be used, but it is compared with no other.
	if failure == nil && !a.verdict && part.Finish != llm.FinishLength {
		if final, ok := answer.Final(rep.text); ok {
			rep.key, rep.class, rep.prose = final.Key, final.Class(), isProse(final)
		}
	}
	if rep.key != "" {
		part.Answer = rep.key
	}
	rep.part = &part
}

// unneeded says that the member was stopped because the answer was decided.
func (rep *reply) unneeded() {
	e := *errDecided
	e.Member, e.Err = rep.err.Member, rep.err
	rep.err, rep.part.Err, rep.part.Reason = &e, &e, errDecided.Message
}

// isProse reports whether the answer is a sentence, such as a greeting, where
// equal words would be chance, and not a bare fact.
func isProse(a answer.Answer) bool {
	const words, characters = 4, 8 // fewer are a name or a value that ends in a full stop; a guess
	return a.Kind == answer.KindText && strings.ContainsAny(a.Text, ".!?。！？") &&
		(strings.Count(a.Text, " ") >= words-1 || len(a.Text) >= 3*characters && a.Text[0] >= 0x80)
}

// put asks one member on the calling goroutine.
func (w *work) put(s *scope, a ask) reply {
	rep := reply{seat: a.seat}
	if err := w.admit(&a); err != nil {
		w.note("%s was not asked: %s", a.seat.name, err.Message)
		rep.err = err
		return rep
	}
	w.announce(&a)
	var forward func(*llm.ProgressNote)
	if w.r.Streaming {
		forward = func(n *llm.ProgressNote) { w.send(llm.Event{Kind: llm.KindProgress, Progress: n}) }
	}
	gather(s.of(a.seat), &a, &rep, forward)
	rep.part.ChancePPM = ppm // who is asked one by one is asked for certain, by what was answered before
	w.settle(&a, rep.part)
	w.out.Parts = append(w.out.Parts, rep.part)
	w.report(&a, &rep)
	return rep
}

// recorded reports whether the request names a recorded question, which
// recordings answer, at once and the same each time.
func (w *work) recorded() bool { return w.r.Summit.Question != nil }

// council asks in parallel, at most maxParallel at a time, and returns one
// reply for each ask in the same order. After each reply it calls enough
// (nil = wait for all); where that is true the rest is stopped. All of them
// have ended when it returns, and their parts stand in the Outcome in the
// order asked.
//
// A panic in a member would end the whole server here, far from the goroutine
// that could recover it, so it becomes that member's Internal error.
func (w *work) council(ctx context.Context, asks []ask, until time.Time, enough func([]reply) bool) []reply {
	type message struct {
		i    int
		note *llm.ProgressNote // nil = ask i has ended
	}
	replies := make([]reply, len(asks))
	s := w.scope(ctx, until, slices.ContainsFunc(asks, func(a ask) bool { return a.seat.strategy }))
	defer s.stop()
	messages := make(chan message, len(asks))
	start := func(i int) {
		defer func() {
			if p := recover(); p != nil {
				replies[i] = reply{seat: asks[i].seat}
				replies[i].finish(&asks[i], nil, &llm.Error{Kind: llm.Internal, Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}, false)
			}
			messages <- message{i: i}
		}()
		var forward func(*llm.ProgressNote)
		if w.r.Streaming {
			forward = func(n *llm.ProgressNote) { messages <- message{i, n} }
		}
		gather(s.of(asks[i].seat), &asks[i], &replies[i], forward)
	}
	// Members that have ended, by their index: replies[i] belongs to its
	// goroutine until then.
	ended := make([]reply, len(asks))
	end := func(i int, rep reply) {
		ended[i] = rep
		w.settle(&asks[i], rep.part)
		w.report(&asks[i], &rep)
	}
	// Recordings answer at once: as long as they do, they are asked one after
	// the other, since a goroutine costs more than they.
	inline := w.recorded() && !w.r.Streaming
	running, next, stopped := 0, 0, false
	for {
		for ; !stopped && next < len(asks) && running < maxParallel; next++ {
			a := &asks[next]
			if s.plain.Err() != nil {
				w.note("%s was not asked: the time limit has passed", a.seat.name)
				continue
			}
			if err := w.admit(a); err != nil {
				w.note("%s was not asked: %s", a.seat.name, err.Message)
				ended[next] = reply{seat: a.seat, err: err}
				continue
			}
			w.announce(a)
			if inline {
				var rep reply
				gather(s.of(a.seat), a, &rep, nil)
				end(next, rep)
				inline = rep.part.Took < time.Millisecond
				continue
			}
			running++
			go start(next)
		}
		if running == 0 {
			break
		}
		m := <-messages
		if m.note != nil {
			w.send(llm.Event{Kind: llm.KindProgress, Progress: m.note})
			continue
		}
		running--
		rep := &replies[m.i]
		if stopped && rep.err != nil && rep.err.Kind == llm.Canceled && ctx.Err() == nil {
			rep.unneeded()
		}
		end(m.i, *rep)
		if !stopped && enough != nil && enough(ended) {
			stopped = true
			w.out.Stop = "the answers that were still missing could not change the choice"
			s.stop()
		}
	}
	for i := range ended {
		if ended[i].part != nil {
			w.out.Parts = append(w.out.Parts, ended[i].part)
		}
	}
	return ended
}

// announce tells the caller who is asked.
func (w *work) announce(a *ask) {
	state := llm.StateAsked
	if a.verdict {
		state = llm.StateJudging
	}
	w.progress(a.seat.name, state, a.reason)
}

// report tells the caller what became of it. A verdict that was given is told
// by what it decides.
func (w *work) report(a *ask, rep *reply) {
	switch {
	case !w.r.Streaming:
	case rep.err != nil && rep.part.Reason == errDecided.Message: // nobody needs to know
	case rep.err != nil:
		w.progress(a.seat.name, llm.StateFailed, string(rep.err.Kind))
	case !a.verdict:
		note := fmt.Sprintf("%.1fs", rep.part.Took.Seconds())
		if rep.key != "" {
			note = clip(rep.key) + ", " + note
		}
		w.progress(a.seat.name, llm.StateAnswered, note)
	}
}

// proposals asks the seats the request itself.
func (w *work) proposals(seats []*seat, r *llm.Request) []ask {
	asks := make([]ask, len(seats))
	for i, s := range seats {
		asks[i] = ask{seat: s, r: r}
	}
	return asks
}

// say sends a collected answer as the strategy's own.
func (w *work) say(rep *reply) {
	w.progress(rep.seat.name, llm.StateDecided, w.out.Reason)
	w.send(llm.Event{Kind: llm.KindText, Text: rep.text, Tokens: rep.tokens})
}

// failed says why nobody answered: the one error there was, or one that names
// all members with the kind that tells the caller most.
func failed(errs []*llm.Error) error {
	switch len(errs) {
	case 0:
		return llm.Errorf(llm.Unsupported, "no member could be asked")
	case 1:
		return errs[0]
	}
	// What the caller can change comes first, then what passes by itself,
	// then what an operator has to mend.
	order := []llm.ErrorKind{llm.Invalid, llm.Filtered, llm.TooLong, llm.RateLimited, llm.Overloaded, llm.Timeout, llm.Cut,
		llm.Protocol, llm.QuotaExhausted, llm.Unsupported, llm.Internal, llm.Unauthorized, llm.Forbidden, llm.NotFound, llm.Canceled}
	rank := func(k llm.ErrorKind) int {
		for i, o := range order {
			if o == k {
				return i
			}
		}
		return len(order)
	}
	all := &llm.Error{Kind: errs[0].Kind, Param: errs[0].Param}
	texts := make([]string, len(errs))
	for i, e := range errs {
		if rank(e.Kind) < rank(all.Kind) {
			all.Kind, all.Param = e.Kind, e.Param
		}
		text := e.Public()
		if e.Message == "" && e.Member != "" {
			text = e.Member + ": " + string(e.Kind)
		}
		texts[i] = clip(text)
	}
	for _, e := range errs {
		if e.Kind == all.Kind && e.RetryAfter > 0 && (all.RetryAfter == 0 || e.RetryAfter < all.RetryAfter) {
			all.RetryAfter = e.RetryAfter
		}
	}
	all.Message = fmt.Sprintf("none of %d members answered: %s", len(errs), strings.Join(texts, "; "))
	return all
}

// failures lists the errors of the replies.
func failures(replies []reply) []*llm.Error {
	var errs []*llm.Error
	for i := range replies {
		if e := replies[i].err; e != nil {
			if e.Member == "" && replies[i].seat != nil {
				own := *e
				own.Member = replies[i].seat.name
				e = &own
			}
			errs = append(errs, e)
		}
	}
	return errs
}
