package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"summit/dialect"
	"summit/llm"
)

// stream answers with server-sent events. One goroutine for each choice
// ranges over the member's answer and puts encoded events into a buffer; this
// one writes the buffer out. So an event is sent as soon as it is there, and
// events that come faster than they can be sent share a write.
func (x *exchange) stream(ctx context.Context, cancel context.CancelCauseFunc, m llm.Member) {
	s := &events{
		encoder: x.call.Encoder(x.meta()),
		left:    x.call.N,
		wake:    make(chan struct{}, 1),
		cancel:  cancel,
	}
	s.room.L = &s.mu
	x.answers = make([]*llm.Outcome, x.call.N)
	var choices sync.WaitGroup
	for i := range x.call.N {
		choices.Go(func() { x.produce(ctx, m, s, i) })
	}
	err := x.consume(s)
	if err != nil {
		// Nobody reads any more: what is below ends at once, and its Outcome is
		// still waited for.
		s.abandon()
		cancel(err)
	}
	choices.Wait()
	if err == nil {
		err = s.err
	}
	switch {
	case err == nil:
	case x.w.status == 0:
		x.fail(err)
	default:
		x.err = err
	}
	if s.torn {
		panic(http.ErrAbortHandler) // the stream can't even say that it failed
	}
}

// produce puts one choice's events into s.
func (x *exchange) produce(ctx context.Context, m llm.Member, s *events, choice int) {
	defer func() {
		if p := recover(); p != nil { // of the encoder: members' own are caught in guarded
			x.g.logPanic(x.id, p)
			s.tear()
		}
	}()
	for e, err := range x.guarded(ctx, m) {
		if e.Kind == llm.KindDone {
			x.answers[choice] = e.Done
		}
		s.put(choice, e, err)
	}
}

// consume writes the events out until the answer ended. The error says why
// nobody reads it any more. An answer that failed before it began leaves the
// status unsent.
func (x *exchange) consume(s *events) *llm.Error {
	gone := x.r.Context().Done()
	timer := time.NewTimer(peekTime)
	defer timer.Stop()
	var spare []byte
	var last time.Time // when something was sent
	for {
		silent := false
		select {
		case <-s.wake:
		case <-timer.C:
			silent = true
		case <-gone:
			return llm.ContextError(x.r.Context())
		}
		first := x.w.status == 0
		beat := silent && (first || time.Since(last) >= beatTime)
		out, begun, ended := s.take(spare, beat)
		if !begun {
			if ended {
				return nil
			}
			continue // the upstream took the request, but may still refuse it
		}
		if first {
			x.warn(s.warned())
			x.beginStream()
		}
		if first || len(out) > 0 {
			if err := x.send(out); err != nil {
				return &llm.Error{Kind: llm.Canceled, Message: "the client does not read, or went away", Err: err}
			}
			last = time.Now()
		}
		if ended {
			return nil
		}
		if first || silent {
			timer.Reset(beatTime - time.Since(last))
		}
		spare = out
	}
}

// beginStream sends status 200 and the headers with the first event.
func (x *exchange) beginStream() {
	h := x.w.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["Cache-Control"] = []string{"no-cache"}
	h["X-Accel-Buffering"] = []string{"no"} // or nginx holds events back
	x.w.WriteHeader(http.StatusOK)
}

func (x *exchange) send(p []byte) error {
	if _, err := x.w.Write(p); err != nil {
		return err
	}
	return x.w.flush()
}

// maxBuffered is how many bytes of events wait for a slow reader before the
// member has to wait.
const maxBuffered = 64 << 10

// events is a stream on its way from the members to the client.
type events struct {
	encoder dialect.Encoder
	cancel  context.CancelCauseFunc
	wake    chan struct{} // holds one: there is something to take

	mu       sync.Mutex
	room     sync.Cond // of mu: the buffer was taken, or nothing more goes in
	buf      []byte
	begun    bool       // there was an event that makes it status 200; errors are events from then on
	left     int        // choices that have not ended
	err      *llm.Error // why the answer broke; nothing is put in after it
	gone     bool       // nobody reads
	warnings []string   // of Start events: those before the first piece get into the header
	torn     bool       // the encoder failed
}

// put encodes one event of a choice. It waits while the buffer is full. After
// the answer broke, or was left, events are thrown away.
func (s *events) put(choice int, e llm.Event, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.buf) >= maxBuffered && s.open() {
		s.room.Wait()
	}
	if !s.open() {
		return
	}
	switch {
	case e.Kind == llm.KindDone && err != nil:
		s.fail(llm.AsError(err))
		if s.begun {
			s.buf = s.encoder.AppendEvent(s.buf, choice, e, err)
		}
	case e.Kind == llm.KindDone:
		s.begun = true
		s.buf = s.encoder.AppendEvent(s.buf, choice, e, nil)
		if s.left--; s.left == 0 {
			s.buf = s.encoder.AppendEnd(s.buf)
		}
	default:
		s.warnings = append(s.warnings, e.Warnings...)
		// A Start alone proves little: it is sent with what follows it.
		s.begun = s.begun || e.Kind != llm.KindStart
		s.buf = s.encoder.AppendEvent(s.buf, choice, e, nil)
	}
	s.signal()
}

// warned returns the warnings so far.
func (s *events) warned() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warnings
}

// open reports whether events are still taken. The caller holds mu.
func (s *events) open() bool { return s.err == nil && !s.gone }

// fail ends the answer and, with it, the other choices. The caller holds mu.
func (s *events) fail(err *llm.Error) {
	s.err = err
	s.room.Broadcast()
	s.cancel(siblingFailed)
}

func (s *events) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// tear ends an answer that can't be encoded any further.
func (s *events) tear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open() {
		s.torn = s.begun
		s.fail(&llm.Error{Kind: llm.Internal})
		s.signal()
	}
}

// abandon throws away what comes.
func (s *events) abandon() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	s.room.Broadcast()
}

// take returns what was put in since the last time, whether the stream has
// begun, and whether nothing more will come. Where there was silence for too
// long, beat adds a comment, with which the stream begins at the latest. spare
// is the buffer of the last time.
func (s *events) take(spare []byte, beat bool) (out []byte, begun, ended bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ended = s.err != nil || s.left == 0
	if beat && !ended {
		s.begun = true
		if len(s.buf) == 0 {
			s.buf = s.encoder.AppendHeartbeat(s.buf)
		}
	}
	if !s.begun {
		return nil, false, ended
	}
	out, s.buf = s.buf, spare[:0]
	s.room.Broadcast()
	return out, true, ended
}
