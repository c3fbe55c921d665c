package dialect

import (
	"bytes"
	"maps"
	"slices"

	"summit/llm"
)

// ResponseStream decodes the answer of a server that speaks Responses. The
// encrypted form of thoughts comes as a Reasoning event of its own, after the
// summary of them. Items that a caller of another protocol has no word for,
// such as searches that the server makes itself, are passed over. Its first
// error sticks. It is used by one goroutine.
//
// What ends an answer: response.completed or response.incomplete. [DONE] is not
// part of the protocol; the end of the stream without either is a Cut.
// Source: https://platform.openai.com/docs/api-reference/responses-streaming
type ResponseStream struct {
	beginning
	err  error
	used chatUsage

	finished, refused bool
	said              bool // content came
	text, thought     joiner
	parts             map[int64]bool           // output indices whose text came in pieces
	summaries         map[int64]bool           // output indices whose thoughts came
	calls             map[int64]*responsePiece // by output index
	made              int
}

// responsePiece is a call as it grows.
type responsePiece struct {
	out  int
	any  bool
	args joiner
	over bool
}

// NewResponseStream returns a decoder for one answer.
func NewResponseStream() *ResponseStream {
	return &ResponseStream{parts: map[int64]bool{}, summaries: map[int64]bool{}, calls: map[int64]*responsePiece{}}
}

// Done reports whether the server said that nothing follows.
func (c *ResponseStream) Done() bool { return c.finished }

// Finished reports whether the answer is whole.
func (c *ResponseStream) Finished() bool { return c.finished }

// Outcome returns what the server said so far of model, finish and usage.
func (c *ResponseStream) Outcome() llm.Outcome {
	o := c.out
	o.Usage = c.used.usage()
	return o
}

// responseFrame is what one event, or a whole answer, says.
type responseFrame struct {
	kind, model, status, reason string
	index                       int64 // of the output
	summary                     int64 // index of a part of the summary
	delta                       []byte
	item                        *responseThing
	output                      []*responseThing
	tokens                      []llm.TokenLogprob
	fault                       saying
	failed                      bool
}

// responseThing is one item of the output.
type responseThing struct {
	kind, id, name string
	args, blob     []byte
	text           []byte
	summary        string
	refusal        bool
	tokens         []llm.TokenLogprob
}

// Append decodes the data of one server-sent event and adds its events to dst.
func (c *ResponseStream) Append(dst []llm.Event, data []byte) ([]llm.Event, error) {
	data = bytes.TrimSpace(data)
	if c.err != nil || c.finished || len(data) == 0 || string(data) == "[DONE]" {
		return dst, c.err
	}
	f, err := c.read(data)
	if err != nil {
		return dst, err
	}
	dst = c.start(dst, f.model)
	switch f.kind {
	case "response.output_item.added":
		if f.item != nil && f.item.calls() {
			dst = c.call(dst, f.index, f.item)
		}
	case "response.output_text.delta":
		c.parts[f.index] = true
		dst = c.write(dst, f.delta, f.tokens)
	case "response.refusal.delta":
		c.parts[f.index], c.refused = true, true
		dst = c.write(dst, f.delta, nil)
	case "response.reasoning_summary_part.added":
		if f.summary > 0 {
			dst = c.think(dst, []byte("\n\n"))
		}
	case "response.reasoning_summary_text.delta", "response.reasoning_text.delta":
		c.summaries[f.index] = true
		dst = c.think(dst, f.delta)
	case "response.function_call_arguments.delta":
		dst = c.piece(dst, f.index, f.delta)
	case "response.output_item.done":
		if f.item != nil {
			dst = c.item(dst, f.index, f.item)
		}
	case "response.completed", "response.incomplete":
		dst = c.whole(dst, f)
	case "response.failed", "response.cancelled":
		c.err = llm.Errorf(llm.Overloaded, "ended the answer with %s without saying why", f.kind)
	}
	const most = maxCalls * 8
	if len(c.parts)+len(c.summaries) > most {
		c.err = llm.Errorf(llm.Protocol, "sent more than %d items in one answer", most)
	}
	return dst, c.err
}

// Whole decodes the body of a whole answer, adds its events to dst and ends
// the answer.
func (c *ResponseStream) Whole(dst []llm.Event, body []byte) ([]llm.Event, error) {
	f, err := c.read(body)
	if err != nil {
		return dst, err
	}
	if f.status == "" {
		c.err = llm.Errorf(llm.Protocol, "answered without a response")
		return dst, c.err
	}
	dst = c.start(dst, f.model)
	if f.status == "failed" || f.status == "cancelled" {
		c.err = llm.Errorf(llm.Overloaded, "ended the answer as %s without saying why", f.status)
		return dst, c.err
	}
	if dst = c.whole(dst, f); c.err != nil {
		return dst, c.err
	}
	return c.End(dst)
}

// whole ends the answer; what of it did not come in pieces is in the response.
func (c *ResponseStream) whole(dst []llm.Event, f *responseFrame) []llm.Event {
	if !c.said {
		for i, item := range f.output {
			if dst = c.item(dst, int64(i), item); c.err != nil {
				return dst
			}
		}
	}
	c.finished = true
	if f.status == "incomplete" || f.kind == "response.incomplete" {
		if c.out.Finish = llm.FinishLength; f.reason == "content_filter" {
			c.out.Finish = llm.FinishFilter
		}
	}
	return dst
}

// End ends the answer. It adds what was held back.
func (c *ResponseStream) End(dst []llm.Event) ([]llm.Event, error) {
	if c.err != nil {
		return dst, c.err
	}
	dst = c.rest(dst)
	switch {
	case !c.begun:
		c.err = llm.Errorf(llm.Protocol, "ended the stream without an answer")
	case !c.finished:
		c.err = llm.Errorf(llm.Cut, "broke the stream off before response.completed")
	}
	if c.err != nil {
		return dst, c.err
	}
	for _, i := range slices.Sorted(maps.Keys(c.calls)) { // whose item did not end by itself
		dst = c.item(dst, i, &responseThing{kind: "function_call"})
	}
	if f := &c.out.Finish; *f == "" {
		switch {
		case c.refused:
			*f = llm.FinishFilter
		case c.made > 0:
			*f = llm.FinishCalls
		default:
			*f = llm.FinishStop
		}
	}
	return dst, c.err
}

// read reads one event or a whole answer.
func (c *ResponseStream) read(data []byte) (*responseFrame, error) {
	s := newScanner(data)
	s.loose = true
	f := &responseFrame{}
	var top saying
	for name := range s.object() {
		if s.null() {
			continue
		}
		switch string(name) {
		case "type":
			f.kind = short(s)
		case "output_index":
			f.index = s.integer(0)
		case "summary_index":
			f.summary = s.integer(0)
		case "delta":
			f.delta = optional(s)
		case "item":
			f.item = readThing(s)
		case "logprobs":
			if s.kind() != '[' {
				s.skip()
				continue
			}
			for range s.array("") {
				f.tokens = append(f.tokens, token(s, true))
			}
		case "response":
			f.response(c, s)
		case "code", "message", "param":
			if !top.field(s, string(name)) {
				s.skip()
			}
		default:
			f.answered(c, s, string(name))
		}
	}
	s.end()
	if f.kind == "error" && !f.failed {
		f.fault, f.failed = top, true
	}
	if f.failed {
		e := f.fault.error(Quirks{}, 200)
		c.err = e
		return f, e
	}
	if err := s.as(llm.Protocol); err != nil {
		err.Message, err.Param = "sent an event that is wrong: "+err.Message, ""
		c.err = err
		return f, err
	}
	return f, nil
}

func (f *responseFrame) response(c *ResponseStream, s *scanner) {
	if s.kind() != '{' {
		s.skip()
		return
	}
	for name := range s.object() {
		if !s.null() {
			f.answered(c, s, string(name))
		}
	}
}

// answered reads one field of a response.
func (f *responseFrame) answered(c *ResponseStream, s *scanner, name string) {
	switch {
	case name == "model":
		f.model = short(s)
	case name == "status":
		f.status = short(s)
	case name == "usage":
		c.used.read(s)
	case name == "error" && s.kind() == '{':
		f.failed = f.fault.read(s)
	case name == "incomplete_details" && s.kind() == '{':
		for name := range s.object() {
			if string(name) == "reason" && !s.null() {
				f.reason = short(s)
			} else {
				s.skip()
			}
		}
	case name == "output" && s.kind() == '[':
		for range s.array("") {
			if t := readThing(s); len(f.output) < maxBlocks {
				f.output = append(f.output, t)
			}
		}
	default:
		s.skip()
	}
}

// readThing reads one item of the output.
func readThing(s *scanner) *responseThing {
	t := &responseThing{}
	if s.kind() != '{' {
		s.wrong("object")
		return t
	}
	for name := range s.object() {
		if s.null() {
			continue
		}
		switch string(name) {
		case "type":
			t.kind = short(s)
		case "call_id":
			t.id = short(s)
		case "name":
			t.name = short(s)
		case "arguments":
			if s.kind() == '{' {
				t.args = s.raw()
			} else {
				t.args = optional(s)
			}
		case "encrypted_content":
			t.blob = optional(s)
		case "summary":
			t.summary = details(s)
		case "content":
			t.content(s)
		default:
			s.skip()
		}
	}
	return t
}

func (t *responseThing) content(s *scanner) {
	if s.kind() != '[' {
		t.text = append(t.text, optional(s)...)
		return
	}
	for range s.array("") {
		if s.kind() != '{' {
			s.skip()
			continue
		}
		for name := range s.object() {
			switch {
			case s.null():
			case string(name) == "text":
				t.text = append(t.text, optional(s)...)
			case string(name) == "refusal":
				t.refusal = true
				t.text = append(t.text, optional(s)...)
			case string(name) == "logprobs" && s.kind() == '[':
				for range s.array("") {
					t.tokens = append(t.tokens, token(s, true))
				}
			default:
				s.skip()
			}
		}
	}
}

func (t *responseThing) calls() bool { return t.kind == "function_call" }

// item takes what of an item that ended did not come in pieces.
func (c *ResponseStream) item(dst []llm.Event, index int64, t *responseThing) []llm.Event {
	switch t.kind {
	case "message":
		if !c.parts[index] && len(t.text) > 0 {
			c.parts[index] = true
			c.refused = c.refused || t.refusal
			dst = c.write(dst, t.text, t.tokens)
		}
		dst = c.rest(dst)
	case "reasoning":
		if !c.summaries[index] {
			c.summaries[index] = true
			text := []byte(t.summary)
			if len(text) == 0 {
				text = t.text
			}
			dst = c.think(dst, text)
		}
		dst = c.rest(dst)
		if len(t.blob) > 0 {
			dst = append(dst, llm.Event{Kind: llm.KindReasoning, Signature: responsesMark + wellFormed(t.blob)})
		}
	case "function_call":
		p := c.calls[index]
		if p == nil {
			if dst = c.call(dst, index, t); c.err != nil {
				return dst
			}
			p = c.calls[index]
		}
		if p.over {
			return dst
		}
		if !p.any {
			args := t.args
			if len(bytes.TrimSpace(args)) == 0 { // a call without arguments is still an object to the caller
				args = []byte("{}")
			}
			dst = c.piece(dst, index, args)
		}
		p.over = true
		if rest := p.args.rest(); rest != "" {
			dst = append(dst, llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: p.out, ArgsDelta: rest}})
		}
	}
	return dst
}

// call begins a call.
func (c *ResponseStream) call(dst []llm.Event, index int64, t *responseThing) []llm.Event {
	if c.calls[index] != nil {
		return dst
	}
	if t.name == "" || c.made == maxCalls {
		c.err = llm.Errorf(llm.Protocol, "sent a tool call without a name, or more than %d", maxCalls)
		return dst
	}
	p := &responsePiece{out: c.made}
	c.calls[index] = p
	c.made++
	c.said = true
	id := t.id
	if id == "" {
		id = (&ChatStream{}).newID(p.out)
	}
	return append(c.rest(dst), llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: p.out, ID: id, Name: t.name}})
}

// piece adds a piece of a call's arguments.
func (c *ResponseStream) piece(dst []llm.Event, index int64, args []byte) []llm.Event {
	p := c.calls[index]
	if p == nil || p.over {
		c.err = llm.Errorf(llm.Protocol, "sent arguments of call %d, which is not open", index)
		return dst
	}
	if text := p.args.add(args); text != "" {
		p.any = true
		dst = append(dst, llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: p.out, ArgsDelta: text}})
	}
	return dst
}

func (c *ResponseStream) write(dst []llm.Event, p []byte, tokens []llm.TokenLogprob) []llm.Event {
	if text := c.text.add(p); text != "" {
		c.said = true
		dst = append(dst, llm.Event{Kind: llm.KindText, Text: text, Tokens: tokens})
	}
	return dst
}

func (c *ResponseStream) think(dst []llm.Event, p []byte) []llm.Event {
	if text := c.thought.add(p); text != "" {
		c.said = true
		dst = append(dst, llm.Event{Kind: llm.KindReasoning, Text: text})
	}
	return dst
}

// rest adds what was held back of texts.
func (c *ResponseStream) rest(dst []llm.Event) []llm.Event {
	if t := c.thought.rest(); t != "" {
		dst = append(dst, llm.Event{Kind: llm.KindReasoning, Text: t})
	}
	if t := c.text.rest(); t != "" {
		dst = append(dst, llm.Event{Kind: llm.KindText, Text: t})
	}
	return dst
}
