package member

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"time"

	"summit/dialect"
	"summit/llm"
)

// openAIAnswer is one answer of a server as it comes.
type openAIAnswer struct {
	m     *OpenAI
	r     *llm.Request
	emit  func(llm.Event) bool
	start time.Time
	chat  decoder

	hears    listener // nil = nothing is heard beside the decoder
	resp     *http.Response
	model    string   // that was asked
	warnings []string // what it did not get
	asked    bool     // the request was sent
	begun    bool     // the server began to answer
	bytes    int      // of text, thoughts and calls
	output   llm.Tally
	thought  llm.Tally
	events   []llm.Event
}

// errReaderLeft ends an answer whose reader is gone; llm.NewStream knows why.
var errReaderLeft = errors.New("member: the reader left")

// run asks and passes the answer on.
func (a *openAIAnswer) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &a.m.params
	total := time.AfterFunc(p.AnswerTimeout, func() {
		cancel(llm.Errorf(llm.Timeout, "the answer took longer than %v", p.AnswerTimeout))
	})
	defer total.Stop()
	quiet := &watch{cancel: cancel}
	quiet.expect(p.HeaderTimeout, "no answer began within %v")
	defer quiet.stop()

	var err error
	if a.model, err = a.m.upstreamModel(ctx); err != nil {
		return err
	}
	w := &a.m.wire
	body, warnings, err := w.encode(a.r, dialect.ChatOptions{Model: a.model, Stream: !p.Quirks.NoStream, Quirks: p.Quirks})
	if err != nil {
		return err
	}
	a.warnings = warnings
	err = a.exchange(ctx, quiet, body)
	// A token that was refused inside HTTP 200 is renewed here, any other in do.
	if e := llm.AsError(err); e != nil && e.Kind == llm.Unauthorized && e.Status < 300 && !a.begun && a.resp != nil && w.signer.renew(a.resp.Request) {
		a.chat = a.m.decoder()
		err = a.exchange(ctx, quiet, body)
	}
	return err
}

// exchange sends the request and passes the answer on.
func (a *openAIAnswer) exchange(ctx context.Context, quiet *watch, body []byte) error {
	p, w := &a.m.params, &a.m.wire
	accept, path := eventStream, "/chat/completions"
	if p.Quirks.NoStream {
		accept = "application/json"
	}
	switch {
	case w.path != nil:
		path = w.path(a.r, a.model)
	case w.completes(a.r, &p.Quirks):
		path = "/completions"
	}
	a.asked = true
	quiet.expect(p.HeaderTimeout, "no answer began within %v")
	resp, err := a.m.do(ctx, http.MethodPost, path, accept, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	a.resp = resp
	if w.heard != nil {
		a.hears = w.heard()
		a.hears.header(resp.Header)
	}
	quiet.expect(p.IdleTimeout, "nothing came for %v in the middle of the answer")
	content := bufio.NewReader(&lively{resp.Body, quiet})
	if err := a.m.refused(ctx, &http.Response{StatusCode: resp.StatusCode, Header: resp.Header, Body: io.NopCloser(content)}); err != nil {
		return err
	}
	if isWhole(content) {
		return a.whole(ctx, content)
	}
	if err = a.stream(ctx, content); err != nil && !a.begun {
		return unlike(resp, err)
	}
	if err == nil && !w.last {
		// A connection whose answer was read to its end can be used again; one
		// that the server holds open after [DONE] is not worth the wait.
		quiet.expect(50*time.Millisecond, "the end did not come within %v")
		io.Copy(io.Discard, io.LimitReader(content, maxErrorBytes))
	}
	return err
}

// unlike says what came where there was no answer in it: a page of a proxy, or
// an encoding that nobody asked for.
func unlike(resp *http.Response, err error) error {
	e := llm.AsError(err)
	if e.Kind != llm.Protocol {
		return err
	}
	named := *e
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch encoding := resp.Header.Get("Content-Encoding"); {
	case encoding != "" && encoding != "identity":
		named.Message = fmt.Sprintf("answered in the encoding %q, which it was not asked for", clip(encoding))
	case kind != "" && kind != eventStream && kind != "application/json":
		named.Message = fmt.Sprintf("answered with content of the type %s in place of an answer: a proxy, or a wrong base_url?", clip(kind))
	default:
		return err
	}
	return &named
}

// heard returns an event of the server as a chunk of Chat Completions.
func (a *openAIAnswer) heard(event []byte) []byte {
	if a.hears != nil {
		a.hears.event(event)
	}
	if a.m.wire.chunk != nil {
		return a.m.wire.chunk(event)
	}
	return event
}

// isWhole reports whether the body is one JSON object, which no stream of
// events begins like. Servers name the type wrongly in both directions, and
// some send blank lines while they think.
func isWhole(content *bufio.Reader) bool {
	for {
		switch b, err := content.ReadByte(); {
		case err != nil:
			return false
		case b == ' ' || b == '\t' || b == '\r' || b == '\n':
		default:
			content.UnreadByte()
			return b == '{'
		}
	}
}

// stream reads server-sent events to their end.
func (a *openAIAnswer) stream(ctx context.Context, content io.Reader) error {
	frames := dialect.NewFrameReader(content)
	for !a.chat.Done() && !(a.m.wire.last && a.chat.Finished()) {
		frame, err := frames.Next()
		cut := errors.Is(err, io.ErrUnexpectedEOF) && len(frame.Data) > 0
		if err == nil || cut {
			a.events, err = a.chat.Append(a.events[:0], a.heard(frame.Data))
			if left := a.pass(); left != nil {
				return left
			}
			if err == nil {
				continue
			}
			if cut && llm.AsError(err).Kind == llm.Protocol {
				return &llm.Error{Kind: llm.Cut, Message: "broke the stream off in the middle of a chunk", Err: err}
			}
			return err
		}
		if errors.Is(err, io.EOF) || a.chat.Finished() {
			break
		}
		if errors.Is(err, dialect.ErrFrameTooLong) {
			return &llm.Error{Kind: llm.Protocol, Message: fmt.Sprintf("sent an event of more than %d bytes", dialect.MaxFrameBytes), Err: err}
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		a.end()
		if left := a.pass(); left != nil {
			return left
		}
		return &llm.Error{Kind: llm.Cut, Message: "the connection broke off in the middle of the answer", Err: err}
	}
	err := a.end()
	if left := a.pass(); left != nil {
		return left
	}
	return err
}

// end takes what the decoder held back.
func (a *openAIAnswer) end() (err error) {
	a.events, err = a.chat.End(a.events[:0])
	return err
}

// whole reads a whole answer.
func (a *openAIAnswer) whole(ctx context.Context, content io.Reader) error {
	limit := 2 * int64(a.m.params.MaxAnswerBytes) // escapes make JSON longer than its text
	body, err := io.ReadAll(io.LimitReader(content, limit+1))
	switch {
	case err != nil && ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return &llm.Error{Kind: llm.Cut, Message: "the connection broke off in the middle of the answer", Err: err}
	case int64(len(body)) > limit:
		return a.tooLong()
	}
	a.events, err = a.chat.Whole(a.events[:0], a.heard(body))
	if left := a.pass(); left != nil {
		return left
	}
	return err
}

// pass passes the decoded events on and counts them.
func (a *openAIAnswer) pass() error {
	for _, e := range a.events {
		a.begun = true
		if a.m.wire.event != nil {
			a.m.wire.event(a.m.card.Name, &e)
		}
		switch e.Kind {
		case llm.KindStart:
			e.Warnings = a.warnings
			if a.hears != nil {
				a.hears.begin(&e)
			}
		case llm.KindReasoning:
			a.thought.Add(e.Text)
			a.bytes += len(e.Text)
		case llm.KindText:
			a.output.Add(e.Text)
			a.bytes += len(e.Text)
		case llm.KindCall:
			a.output.Add(e.Call.Name + e.Call.ArgsDelta)
			a.bytes += len(e.Call.ArgsDelta)
		}
		if a.bytes > a.m.params.MaxAnswerBytes {
			return a.tooLong()
		}
		if !a.emit(e) {
			return errReaderLeft
		}
	}
	a.events = a.events[:0]
	return nil
}

func (a *openAIAnswer) tooLong() error {
	return llm.Errorf(llm.Protocol, "the answer is longer than %d bytes", a.m.params.MaxAnswerBytes)
}

// outcome returns what is known of the answer, whole or not. Where the server
// began and did not say what it used, that is estimated.
func (a *openAIAnswer) outcome() *llm.Outcome {
	o := a.chat.Outcome()
	if o.Model == "" {
		o.Model = a.model
	}
	o.Warnings = slices.Concat(a.warnings, o.Warnings)
	if a.hears != nil {
		a.hears.tell(&o)
	}
	estimate := func(c *llm.Count, n int64) {
		if !c.Known() {
			*c = llm.Count{N: n, From: llm.Estimated}
		}
	}
	if a.begun {
		if !o.Usage.Input.Known() {
			estimate(&o.Usage.Input, llm.EstimateInput(a.r).N)
		}
		if !o.Usage.Output.Known() {
			estimate(&o.Usage.Output, a.output.Count().N)
			if n := a.thought.Count().N; n > 0 {
				estimate(&o.Usage.Reasoning, n)
			}
		}
		if c := a.m.card.Cost(o.Usage, a.start); c != nil {
			o.Cost = c
		}
	}
	if a.asked {
		o.Usage.Calls = llm.Count{N: 1, From: llm.OwnCount}
	}
	return &o
}

// watch cancels an answer when nothing is heard of it for too long.
type watch struct {
	cancel context.CancelCauseFunc
	timer  *time.Timer
	d      time.Duration
}

// expect starts the time anew; text has a verb for it.
func (w *watch) expect(d time.Duration, text string) {
	w.stop()
	w.d = d
	w.timer = time.AfterFunc(d, func() { w.cancel(llm.Errorf(llm.Timeout, text, d)) })
}

func (w *watch) heard() { w.timer.Reset(w.d) }

func (w *watch) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

// lively is a body whose bytes are signs of life.
type lively struct {
	body  io.Reader
	watch *watch
}

func (l *lively) Read(p []byte) (int, error) {
	n, err := l.body.Read(p)
	if n > 0 {
		l.watch.heard()
	}
	return n, err
}
