package gateway

import (
	"context"
	"net/http"
	"sync"

	"summit/dialect"
	"summit/llm"
)

// answer serves the routes of the protocols.
func (x *exchange) answer() {
	g := x.g
	if g.gate.full() {
		x.fail(g.gate.tooMany())
		return
	}
	// The body is read before there is a place, so that a slow client takes
	// none, and one that goes away while it waits is seen to go.
	b, status, err := x.readBody(g.limits.BodyBytes)
	if err != nil {
		x.failWith(status, err)
		return
	}
	defer b.release()
	if err := g.gate.enter(x.r.Context()); err != nil {
		x.fail(err)
		return
	}
	defer g.gate.leave()
	member, err := x.decode(b.b)
	if err == nil {
		err = x.through()
	}
	if err != nil {
		x.fail(err)
		return
	}
	g.running.begin(x)
	ctx, cancel, free := x.context()
	defer free()
	if x.call.Stream {
		x.stream(ctx, cancel, member)
	} else {
		x.whole(ctx, cancel, member)
	}
}

// decode reads the request and finds who is to answer it.
func (x *exchange) decode(body []byte) (llm.Member, *llm.Error) {
	call, err := x.dialect.Decode(body)
	if err != nil {
		return nil, llm.AsError(err)
	}
	r := call.Request
	if err := r.Valid(); err != nil {
		return nil, llm.AsError(err)
	}
	if call.N < 1 || call.N > maxChoices {
		e := llm.Errorf(llm.Invalid, "%d answers, want 1 to %d: each is a request of its own", call.N, maxChoices)
		e.Param = "n"
		return nil, e
	}
	if r.Model == "" {
		e := llm.Errorf(llm.Invalid, "no model, want one that GET /v1/models lists")
		e.Param = "model"
		return nil, e
	}
	m, err := x.g.models.Model(r.Model)
	if err != nil {
		return nil, x.unknownModel(r.Model)
	}
	r.Streaming = call.Stream
	if r.Completion != nil && !m.Card().Completes {
		if r.Completion.Suffix != "" {
			e := llm.Errorf(llm.Unsupported, "the model %q fills no gap in a text, want one whose server does, or no suffix", clip(r.Model, 100))
			e.Param = "suffix"
			return nil, e
		}
		r.Completion = nil
		x.warn([]string{"the prompt is asked as a message: this model continues no texts"})
	}
	x.call, x.model = call, r.Model
	return m, nil
}

func (x *exchange) meta() dialect.Meta {
	return dialect.Meta{ID: x.runID, Created: x.start, Model: x.model}
}

// whole answers in one piece. Several choices are asked for at the same time;
// the first that fails fails the answer and ends the others.
func (x *exchange) whole(ctx context.Context, cancel context.CancelCauseFunc, m llm.Member) {
	replies := make([]*llm.Reply, x.call.N)
	x.answers = make([]*llm.Outcome, x.call.N)
	var mu sync.Mutex
	var failure *llm.Error
	ask := func(i int) {
		reply, err := llm.Collect(x.guarded(ctx, m))
		replies[i], x.answers[i] = reply, reply.Outcome
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			if failure == nil {
				failure = llm.AsError(err)
				cancel(siblingFailed)
			}
		}
	}
	if len(replies) == 1 {
		ask(0)
	} else {
		var all sync.WaitGroup
		for i := range replies {
			all.Go(func() { ask(i) })
		}
		all.Wait()
	}
	if failure != nil {
		x.fail(failure)
		return
	}
	text, err := x.call.Encoder(x.meta()).Whole(replies)
	if err != nil {
		x.fail(&llm.Error{Kind: llm.Internal, Err: err})
		return
	}
	for _, o := range x.answers {
		x.warn(warningsOf(o))
	}
	x.writeBody(http.StatusOK, "application/json", text)
}

// siblingFailed is why a choice ends when another one has failed.
var siblingFailed = &llm.Error{Kind: llm.Canceled, Message: "another answer to the same request failed"}

// guarded returns the member's answer with the promises of a stream kept
// whatever the member does: one Done, last; no more than llm.MaxReplyBytes; no
// panic. What breaks a promise ends the answer with an error.
func (x *exchange) guarded(ctx context.Context, m llm.Member) llm.Stream {
	return func(yield func(llm.Event, error) bool) {
		name := ""
		ended, reading := false, false // reading: yield runs, whose panics are the reader's
		pass := func(e llm.Event, err error) bool {
			reading = true
			ended = !yield(e, err) || e.Kind == llm.KindDone
			reading = false
			return !ended
		}
		end := func(err *llm.Error) {
			err.Member = name
			pass(llm.Event{Kind: llm.KindDone, Done: &llm.Outcome{Member: name, Err: err}}, err)
		}
		defer func() {
			if reading {
				return
			}
			if p := recover(); p != nil {
				x.g.logPanic(x.id, p)
				if !ended {
					end(&llm.Error{Kind: llm.Internal})
				}
			}
		}()
		name = m.Card().Name
		size := 0
		for e, err := range m.Generate(ctx, x.call.Request) {
			size += len(e.Text) + len(e.Signature)
			if e.Call != nil {
				size += len(e.Call.ID) + len(e.Call.Name) + len(e.Call.ArgsDelta)
			}
			if nonsense := nonsense(e, err); nonsense != "" {
				end(llm.Errorf(llm.Protocol, "the member sent %s", nonsense))
				return
			}
			if size > llm.MaxReplyBytes {
				end(llm.Errorf(llm.Protocol, "the answer is longer than %d bytes", llm.MaxReplyBytes))
				return
			}
			if !pass(e, err) {
				return
			}
		}
		if e := llm.ContextError(ctx); e != nil {
			own := *e
			end(&own)
			return
		}
		end(llm.Errorf(llm.Protocol, "the member's answer has no end"))
	}
}

// nonsense says what is wrong with an event, or nothing.
func nonsense(e llm.Event, err error) string {
	switch {
	case e.Kind < llm.KindStart || e.Kind > llm.KindDone:
		return "an event of no known kind"
	case e.Kind == llm.KindDone && e.Done == nil:
		return "an end without an outcome"
	case e.Kind != llm.KindDone && err != nil:
		return "an error in the middle of an answer"
	case e.Kind == llm.KindCall && (e.Call == nil || e.Call.Index < 0 || e.Call.Index >= maxCalls):
		return "a tool call without content or with a wrong index"
	case e.Kind == llm.KindProgress && e.Progress == nil:
		return "progress without content"
	}
	return ""
}

// maxCalls is the most tool calls of one answer.
const maxCalls = 1024
