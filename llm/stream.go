package llm

import (
	"context"
	"strings"
	"sync/atomic"
	"time"
)

// NewStream builds a member's stream and keeps the promises that every stream
// makes, so that a member only has to write its body.
//
// body runs on the ranging goroutine. It emits events (not Done) and returns
// what happened; emit is false once the loop was left, and then body returns
// at once. Its ctx ends with the stream. NewStream then sends the one Done:
// it names the member, types the error (a dead ctx wins over the body's own
// words, with its cause), and fills Took and TTFT where body left them zero.
// A nil Outcome is an empty one. A second range gets Done with an Internal error.
func NewStream(ctx context.Context, member string, body func(ctx context.Context, emit func(Event) bool) (*Outcome, error)) Stream {
	var used atomic.Bool
	return func(yield func(Event, error) bool) {
		if used.Swap(true) {
			err := &Error{Kind: Internal, Member: member, Message: "the stream was ranged over twice"}
			yield(Event{Kind: KindDone, Done: &Outcome{Member: member, Err: err}}, err)
			return
		}
		start := time.Now()
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		var ttft time.Duration
		left, refused := false, false
		emit := func(e Event) bool {
			if left || inner.Err() != nil {
				refused = true
				return false
			}
			switch e.Kind {
			case KindDone:
				panic("llm: NewStream's body emitted Done")
			case KindText, KindReasoning, KindCall:
				if ttft == 0 {
					// A first piece within the clock's grain is still a first piece.
					ttft = max(time.Since(start), 1)
				}
			}
			if !yield(e, nil) {
				left = true
				cancel()
			}
			return !left
		}
		done, err := body(inner, emit)
		if left {
			return
		}
		if done == nil {
			done = &Outcome{}
		}
		if done.Member == "" {
			done.Member = member
		}
		if done.Took == 0 {
			done.Took = time.Since(start)
		}
		if done.TTFT == 0 {
			done.TTFT = ttft
		}
		// A body that finished its work is done, whatever came after; one that
		// was stopped ends with the reason, not with what it said of it.
		if e := ContextError(ctx); e != nil && (err != nil || refused) {
			err = e
		}
		if err != nil {
			e := *AsError(err)
			if e.Member == "" {
				e.Member = member
			}
			done.Err = &e
			yield(Event{Kind: KindDone, Done: done}, &e)
			return
		}
		yield(Event{Kind: KindDone, Done: done}, nil)
	}
}

// FailStream returns a stream that ends at once in err.
func FailStream(member string, err error) Stream {
	return NewStream(context.Background(), member, func(context.Context, func(Event) bool) (*Outcome, error) {
		return nil, err
	})
}

// Relay passes a child's events on to emit and returns the child's Done. It
// never leaves the child's loop early: where emit refuses, it goes on reading
// (the child's ctx has ended by then, so that is soon over), so that the
// Outcome of what was used is not lost. Wrappers are built from it.
func Relay(child Stream, emit func(Event) bool) (*Outcome, error) {
	var done *Outcome
	var failure error
	open := true
	for e, err := range child {
		if e.Kind == KindDone {
			done, failure = e.Done, err
			continue
		}
		if open {
			open = emit(e)
		}
	}
	return done, failure
}

// MaxReplyBytes is how much of one answer Collect holds at most. A million
// tokens of Chinese are about 4 MiB; a member that sends more floods.
const MaxReplyBytes = 16 << 20

// Reply is a whole answer.
type Reply struct {
	Text      string
	Reasoning string
	Signature string
	// Thoughts are the reasoning in the pieces that were signed, each with its
	// own signature; the last one may have none.
	Thoughts []Part
	Calls    []Call
	Tokens   []TokenLogprob
	Outcome  *Outcome // never nil
}

// Collect ranges over the stream and returns the whole answer. What came
// before an error is in the Reply beside it. An answer of more than
// MaxReplyBytes is an error of kind Protocol.
func Collect(s Stream) (*Reply, error) {
	var text, reasoning strings.Builder
	var thoughts []*strings.Builder // the texts of reply.Thoughts
	reply := &Reply{}
	var args [][]byte // by call index
	size := 0
	var failure error
	for e, err := range s {
		if err != nil {
			failure = err
		}
		switch e.Kind {
		case KindText:
			text.WriteString(e.Text)
			reply.Tokens = append(reply.Tokens, e.Tokens...)
			size += len(e.Text)
		case KindReasoning:
			reasoning.WriteString(e.Text)
			reply.Signature += e.Signature
			if n := len(reply.Thoughts); n == 0 || reply.Thoughts[n-1].Signature != "" {
				reply.Thoughts, thoughts = append(reply.Thoughts, Part{Kind: PartReasoning}), append(thoughts, &strings.Builder{})
			}
			thoughts[len(thoughts)-1].WriteString(e.Text)
			reply.Thoughts[len(thoughts)-1].Signature = e.Signature
			size += len(e.Text) + len(e.Signature)
		case KindCall:
			// Bounds hostile indices: calls are numbered from zero without gaps.
			if e.Call.Index < 0 || e.Call.Index > len(reply.Calls) {
				failure = Errorf(Protocol, "tool call index %d after %d calls", e.Call.Index, len(reply.Calls))
				break
			}
			if e.Call.Index == len(reply.Calls) {
				reply.Calls = append(reply.Calls, Call{})
				args = append(args, nil)
			}
			c := &reply.Calls[e.Call.Index]
			if e.Call.ID != "" {
				c.ID = e.Call.ID
			}
			if e.Call.Name != "" {
				c.Name = e.Call.Name
			}
			args[e.Call.Index] = append(args[e.Call.Index], e.Call.ArgsDelta...)
			size += len(e.Call.ArgsDelta)
		case KindDone:
			reply.Outcome = e.Done
		}
		if size > MaxReplyBytes {
			failure = Errorf(Protocol, "the answer is longer than %d bytes", MaxReplyBytes)
		}
		if failure != nil {
			break
		}
	}
	reply.Text, reply.Reasoning = text.String(), reasoning.String()
	for i := range thoughts {
		reply.Thoughts[i].Text = thoughts[i].String()
	}
	for i := range args {
		reply.Calls[i].Args = string(args[i])
	}
	if reply.Outcome == nil {
		reply.Outcome = &Outcome{Err: AsError(failure)}
	}
	return reply, failure
}
