package dialect

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"summit/llm"
)

// messageForm is what the caller asked of the answer's form.
type messageForm struct {
	thinking bool      // thoughts, and what a council does, are shown
	explain  bool      // the Outcome tree beside the answer
	input    llm.Count // a guess, for the start of a stream, when nobody has counted
}

// messageEncoder writes Messages answers. Blocks stand one after another, as
// clients expect them: while one call's arguments are being written, pieces of
// another are held back.
type messageEncoder struct {
	form   messageForm
	meta   Meta
	begun  bool
	broken bool // an error event was written: nothing follows it
	index  int  // of the open block, or of the next one
	open   blockKind
	call   int // open is blockCall: which call
	calls  int // calls that were begun
	closed map[int]bool
	held   map[int]*llm.Call // calls that wait for the open one to end
	line   bool              // the thinking so far ends in the middle of a line
	output llm.Tally
}

// blockKind says which block of an answer is open.
type blockKind uint8

const (
	blockNone blockKind = iota
	blockThinking
	blockText
	blockCall
)

func newMessageEncoder(m Meta, form messageForm) *messageEncoder {
	return &messageEncoder{form: form, meta: m, closed: map[int]bool{}, held: map[int]*llm.Call{}}
}

func (e *messageEncoder) id() string { return "msg_" + strings.TrimPrefix(e.meta.ID, "run-") }

// event adds the head of one event, whose object is open.
func event(dst []byte, name string) []byte {
	dst = append(append(append(dst, "event: "...), name...), "\ndata: "...)
	return append(append(append(dst, `{"type":"`...), name...), '"')
}

func endEvent(dst []byte) []byte { return append(dst, "}\n\n"...) }

// AppendEvent adds the events of one event.
func (e *messageEncoder) AppendEvent(dst []byte, choice int, ev llm.Event, err error) []byte {
	if e.broken || choice != 0 {
		return dst
	}
	switch ev.Kind {
	case llm.KindStart:
		return e.start(dst)
	case llm.KindText:
		if ev.Text == "" {
			return dst
		}
		e.output.Add(ev.Text)
		dst = e.turn(e.start(dst), blockText)
		return e.delta(dst, `{"type":"text_delta","text":`, ev.Text)
	case llm.KindReasoning:
		return e.think(dst, ev.Text, ev.Signature)
	case llm.KindProgress:
		if ev.Progress == nil {
			return dst
		}
		line := progressLine(ev.Progress)
		if e.line && e.open == blockThinking {
			line = "\n" + line
		}
		return e.think(dst, line, "")
	case llm.KindCall:
		if ev.Call == nil || ev.Call.Index < 0 {
			return dst
		}
		e.output.Add(ev.Call.Name)
		e.output.Add(ev.Call.ArgsDelta)
		return e.piece(e.start(dst), ev.Call)
	case llm.KindDone:
		if err != nil || ev.Done == nil {
			return e.fail(dst, llm.AsError(err))
		}
		return e.finish(e.start(dst), ev.Done)
	}
	return dst
}

// start begins the message, once.
func (e *messageEncoder) start(dst []byte) []byte {
	if e.begun {
		return dst
	}
	e.begun = true
	dst = append(event(dst, "message_start"), `,"message":`...)
	dst = append(e.head(dst), `,"content":[],"stop_reason":null,"stop_sequence":null,"usage":`...)
	dst = appendMessageUsage(dst, llm.Usage{Input: e.form.input, Output: llm.Count{N: 1, From: llm.Estimated}})
	return endEvent(append(dst, '}'))
}

// head opens the object that a message is.
func (e *messageEncoder) head(dst []byte) []byte {
	dst = appendString(append(dst, `{"id":`...), e.id())
	return appendString(append(dst, `,"type":"message","role":"assistant","model":`...), e.meta.Model)
}

// turn makes the open block one of that kind.
func (e *messageEncoder) turn(dst []byte, kind blockKind) []byte {
	if e.open == kind {
		return dst
	}
	dst = e.flush(dst)
	body := `{"type":"text","text":""}`
	if kind == blockThinking {
		body = `{"type":"thinking","thinking":"","signature":""}`
	}
	return e.block(dst, kind, []byte(body))
}

// block opens a block.
func (e *messageEncoder) block(dst []byte, kind blockKind, body []byte) []byte {
	e.open, e.line = kind, false
	dst = strconv.AppendInt(append(event(dst, "content_block_start"), `,"index":`...), int64(e.index), 10)
	return endEvent(append(append(dst, `,"content_block":`...), body...))
}

// delta adds a piece to the open block. kind is the beginning of its object.
func (e *messageEncoder) delta(dst []byte, kind, text string) []byte {
	dst = strconv.AppendInt(append(event(dst, "content_block_delta"), `,"index":`...), int64(e.index), 10)
	dst = appendString(append(append(dst, `,"delta":`...), kind...), text)
	return endEvent(append(dst, '}'))
}

// shut closes the open block, if there is one.
func (e *messageEncoder) shut(dst []byte) []byte {
	if e.open == blockNone {
		return dst
	}
	if e.open == blockCall {
		e.closed[e.call] = true
	}
	dst = strconv.AppendInt(append(event(dst, "content_block_stop"), `,"index":`...), int64(e.index), 10)
	e.open = blockNone
	e.index++
	return endEvent(dst)
}

// flush closes the open block and writes the calls that waited for it.
func (e *messageEncoder) flush(dst []byte) []byte {
	dst = e.shut(dst)
	for _, i := range slices.Sorted(maps.Keys(e.held)) {
		c := e.held[i]
		dst = e.begin(dst, i, c.ID, c.Name)
		if c.Args != "" {
			dst = e.delta(dst, `{"type":"input_json_delta","partial_json":`, c.Args)
		}
		dst = e.shut(dst)
	}
	clear(e.held)
	return dst
}

// begin opens the block of a call.
func (e *messageEncoder) begin(dst []byte, index int, id, name string) []byte {
	e.call = index
	e.calls++
	body := appendString([]byte(`{"type":"tool_use","id":`), id)
	body = appendString(append(body, `,"name":`...), name)
	return e.block(dst, blockCall, append(body, `,"input":{}}`...))
}

// piece adds a piece of a call.
func (e *messageEncoder) piece(dst []byte, d *llm.CallDelta) []byte {
	switch c := e.held[d.Index]; {
	case e.closed[d.Index]:
		return e.fail(dst, llm.Errorf(llm.Protocol, "the member went on with tool call %d after it had ended", d.Index))
	case e.open == blockCall && e.call == d.Index:
	case c != nil:
		c.Args += d.ArgsDelta
		return dst
	case e.open == blockCall:
		e.held[d.Index] = &llm.Call{ID: d.ID, Name: d.Name, Args: d.ArgsDelta}
		return dst
	default:
		dst = e.begin(e.shut(dst), d.Index, d.ID, d.Name)
	}
	if d.ArgsDelta == "" {
		return dst
	}
	return e.delta(dst, `{"type":"input_json_delta","partial_json":`, d.ArgsDelta)
}

func (e *messageEncoder) think(dst []byte, text, signature string) []byte {
	e.output.Add(text)
	if !e.form.thinking || text == "" && signature == "" {
		return dst
	}
	dst = e.start(dst)
	if data, redacted := strings.CutPrefix(signature, redactedMark); redacted && text == "" {
		dst = e.flush(dst)
		body := appendString([]byte(`{"type":"redacted_thinking","data":`), data)
		return e.shut(e.block(dst, blockThinking, append(body, '}')))
	}
	dst = e.turn(dst, blockThinking)
	if text != "" {
		e.line = !strings.HasSuffix(text, "\n")
		dst = e.delta(dst, `{"type":"thinking_delta","thinking":`, text)
	}
	if signature != "" { // it signs this block: what follows is another one
		dst = e.shut(e.delta(dst, `{"type":"signature_delta","signature":`, signature))
	}
	return dst
}

// thoughtsOf returns a reply's thoughts, each with its signature.
func thoughtsOf(r *llm.Reply) []llm.Part {
	if len(r.Thoughts) == 0 && r.Reasoning+r.Signature != "" {
		return []llm.Part{{Kind: llm.PartReasoning, Text: r.Reasoning, Signature: r.Signature}}
	}
	return r.Thoughts
}

func (e *messageEncoder) finish(dst []byte, o *llm.Outcome) []byte {
	if dst = e.flush(dst); e.index == 0 { // an answer has a block, be it empty
		dst = e.shut(e.turn(dst, blockText))
	}
	dst = append(event(dst, "message_delta"), `,"delta":{"stop_reason":`...)
	dst = appendString(dst, stopReason(o.Finish, e.calls))
	dst = append(dst, `,"stop_sequence":null},"usage":`...)
	dst = appendMessageUsage(dst, e.usage(o.Usage))
	if e.form.explain {
		dst = appendOutcome(append(dst, `,"summit":`...), o)
	}
	return endEvent(dst)
}

// usage fills in what nobody counted by guesses, which are marked.
func (e *messageEncoder) usage(u llm.Usage) llm.Usage {
	if !u.Input.Known() && !u.CacheRead.Known() && !u.CacheWrite.Known() {
		u.Input = e.form.input
	}
	if !u.Output.Known() && !u.Reasoning.Known() {
		u.Output = e.output.Count()
	}
	return u
}

func (e *messageEncoder) fail(dst []byte, err *llm.Error) []byte {
	e.broken = true
	if err == nil {
		err = &llm.Error{Kind: llm.Internal}
	}
	dst = append(dst, "event: error\ndata: "...)
	return append(appendMessageError(dst, err), "\n\n"...)
}

// stopReason returns the protocol's word for why an answer ended.
func stopReason(f llm.Finish, calls int) string {
	switch {
	case f == llm.FinishCalls, f == "" && calls > 0:
		return "tool_use"
	case f == llm.FinishLength:
		return "max_tokens"
	case f == llm.FinishFilter:
		return "refusal"
	}
	return "end_turn"
}

// AppendEnd adds the end mark.
func (e *messageEncoder) AppendEnd(dst []byte) []byte {
	if e.broken {
		return dst
	}
	return endEvent(event(dst, "message_stop"))
}

// AppendHeartbeat adds a ping, or, before the message begins, a comment.
func (e *messageEncoder) AppendHeartbeat(dst []byte) []byte {
	if !e.begun {
		return append(dst, ": keep-alive\n\n"...)
	}
	return endEvent(event(dst, "ping"))
}

// Whole returns the body of a plain answer.
func (e *messageEncoder) Whole(replies []*llm.Reply) ([]byte, error) {
	if len(replies) != 1 || replies[0] == nil || replies[0].Outcome == nil {
		return nil, fmt.Errorf("dialect: anthropic: %d replies, want one with its outcome", len(replies))
	}
	r := replies[0]
	dst := append(e.head(make([]byte, 0, 512+len(r.Text)+len(r.Reasoning))), `,"content":[`...)
	n := 0
	next := func() {
		if n++; n > 1 {
			dst = append(dst, ',')
		}
	}
	for _, p := range thoughtsOf(r) {
		if !e.form.thinking || p.Text+p.Signature == "" {
			continue
		}
		next()
		if data, redacted := strings.CutPrefix(p.Signature, redactedMark); redacted && p.Text == "" {
			dst = append(appendString(append(dst, `{"type":"redacted_thinking","data":`...), data), '}')
			continue
		}
		dst = appendString(append(dst, `{"type":"thinking","thinking":`...), p.Text)
		dst = append(appendString(append(dst, `,"signature":`...), p.Signature), '}')
	}
	if r.Text != "" || len(r.Calls) == 0 {
		next()
		dst = append(appendString(append(dst, `{"type":"text","text":`...), r.Text), '}')
	}
	e.output.Add(r.Reasoning)
	e.output.Add(r.Text)
	for _, c := range r.Calls {
		next()
		e.output.Add(c.Name)
		e.output.Add(c.Args)
		dst = appendString(append(dst, `{"type":"tool_use","id":`...), c.ID)
		dst = appendString(append(dst, `,"name":`...), c.Name)
		input, err := object(c.Args)
		if err != nil {
			return nil, fmt.Errorf("dialect: anthropic: tool %s: %w", clip(c.Name), err)
		}
		dst = append(append(append(dst, `,"input":`...), input...), '}')
	}
	dst = append(dst, `],"stop_reason":`...)
	dst = appendString(dst, stopReason(r.Outcome.Finish, len(r.Calls)))
	dst = append(dst, `,"stop_sequence":null,"usage":`...)
	dst = appendMessageUsage(dst, e.usage(r.Outcome.Usage))
	if e.form.explain {
		dst = appendOutcome(append(dst, `,"summit":`...), r.Outcome)
	}
	return append(dst, '}'), nil
}

// object returns a call's arguments as the object that this protocol wants.
// What the model wrote need not be one; then it stands in a field of its own,
// so that the caller's check of the schema says what is wrong.
func object(args string) ([]byte, error) {
	switch trimmed := strings.TrimSpace(args); {
	case trimmed == "":
		return []byte("{}"), nil
	case trimmed[0] == '{' && json.Valid([]byte(trimmed)):
		return []byte(trimmed), nil
	}
	return json.Marshal(map[string]string{"_not_an_object": args})
}

// appendMessageUsage adds the usage object. Figures that somebody guessed are
// marked, which the protocol has no word for.
func appendMessageUsage(dst []byte, u llm.Usage) []byte {
	dst = strconv.AppendInt(append(dst, `{"input_tokens":`...), u.Input.N, 10)
	dst = strconv.AppendInt(append(dst, `,"cache_creation_input_tokens":`...), u.CacheWrite.N, 10)
	dst = strconv.AppendInt(append(dst, `,"cache_read_input_tokens":`...), u.CacheRead.N, 10)
	dst = strconv.AppendInt(append(dst, `,"output_tokens":`...), u.OutputTotal(), 10)
	if guessed(u) {
		dst = append(dst, `,"estimated":true`...)
	}
	return append(dst, '}')
}

// guessed reports whether a figure of the usage is a guess.
func guessed(u llm.Usage) bool {
	return slices.ContainsFunc([]llm.Count{u.Input, u.CacheRead, u.CacheWrite, u.Output, u.Reasoning},
		func(c llm.Count) bool { return c.From == llm.Estimated })
}

// appendCount adds one field with a count, and whether it is a guess.
func appendCount(dst []byte, name string, n llm.Count) []byte {
	dst = strconv.AppendInt(append(appendString(dst, name), ':'), n.N, 10)
	if n.From == llm.Estimated {
		dst = append(dst, `,"estimated":true`...)
	}
	return dst
}
