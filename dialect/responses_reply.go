package dialect

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"summit/llm"
)

// responseForm is what the caller asked of the answer's form, and what of the
// request the answer repeats.
type responseForm struct {
	summary    bool // thoughts, and what a council does, are shown as a summary
	signed     bool // signatures of thoughts are shown, be it without the thoughts
	logprobs   bool
	explain    bool // the Outcome tree beside the answer
	parallel   bool
	tools      []byte // as they came; nil = none
	toolChoice []byte
	format     []byte
	custom     map[string]bool // tools whose argument is a free text
	input      llm.Count       // a guess, for when nobody has counted
}

// responseEncoder writes Responses answers. An item that ended is kept, since
// the last event repeats the whole answer: as much as llm.MaxReplyBytes.
type responseEncoder struct {
	form   responseForm
	meta   Meta
	begun  bool
	broken bool // response.failed was written: nothing follows it
	seq    int64
	items  [][]byte      // by output index; nil = has not ended
	open   *responsePart // the message or the reasoning that is being written
	calls  map[int]*responseCall
	order  []int // of calls
	output llm.Tally
}

// responsePart is a message or a reasoning item that grows.
type responsePart struct {
	index    int // among the output's items
	thinking bool
	text     strings.Builder
	midLine  bool
	sign     string
	tokens   []llm.TokenLogprob
}

// responseCall is a call that grows.
type responseCall struct {
	index int
	call  llm.Call
	args  strings.Builder
}

func newResponseEncoder(m Meta, form responseForm) *responseEncoder {
	return &responseEncoder{form: form, meta: m, calls: map[int]*responseCall{}}
}

func (e *responseEncoder) id(kind string, index int) string {
	id := kind + "_" + strings.TrimPrefix(e.meta.ID, "run-")
	if index >= 0 {
		id += "_" + strconv.Itoa(index)
	}
	return id
}

// event adds the head of one event, whose object is open.
func (e *responseEncoder) event(dst []byte, name string) []byte {
	dst = strconv.AppendInt(append(event(dst, name), `,"sequence_number":`...), e.seq, 10)
	e.seq++
	return dst
}

// at adds where an event belongs.
func (e *responseEncoder) at(dst []byte, kind string, index int) []byte {
	dst = appendString(append(dst, `,"item_id":`...), e.id(kind, index))
	return strconv.AppendInt(append(dst, `,"output_index":`...), int64(index), 10)
}

// AppendEvent adds the events of one event.
func (e *responseEncoder) AppendEvent(dst []byte, choice int, ev llm.Event, err error) []byte {
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
		return e.text(e.start(dst), ev)
	case llm.KindReasoning:
		return e.think(dst, ev.Text, ev.Signature)
	case llm.KindProgress:
		if ev.Progress == nil {
			return dst
		}
		line := progressLine(ev.Progress)
		if e.open != nil && e.open.thinking && e.open.midLine {
			line = "\n" + line
		}
		return e.think(dst, line, "")
	case llm.KindCall:
		if ev.Call == nil || ev.Call.Index < 0 {
			return dst
		}
		return e.piece(e.start(dst), ev.Call)
	case llm.KindDone:
		if err != nil || ev.Done == nil {
			return e.fail(e.start(dst), llm.AsError(err))
		}
		return e.finish(e.start(dst), ev.Done)
	}
	return dst
}

// start begins the response, once.
func (e *responseEncoder) start(dst []byte) []byte {
	if e.begun {
		return dst
	}
	e.begun = true
	for _, name := range []string{"response.created", "response.in_progress"} {
		dst = append(e.event(dst, name), `,"response":`...)
		dst = endEvent(append(e.response(dst, "in_progress", nil, nil), '}'))
	}
	return dst
}

// response adds the response object, open at its end.
func (e *responseEncoder) response(dst []byte, status string, o *llm.Outcome, err *llm.Error) []byte {
	or := func(dst, text []byte, other string) []byte {
		if text == nil {
			return append(dst, other...)
		}
		return append(dst, text...)
	}
	dst = appendString(append(dst, `{"id":`...), e.id("resp", -1))
	dst = strconv.AppendInt(append(dst, `,"object":"response","created_at":`...), e.meta.Created.Unix(), 10)
	dst = appendString(append(dst, `,"status":`...), status)
	dst = append(dst, `,"background":false,"error":`...)
	if err != nil {
		code := describe(err).code
		if code == "" {
			code = describe(err).kind
		}
		dst = appendString(append(dst, `{"code":`...), code)
		dst = append(appendString(append(dst, `,"message":`...), err.Public()), '}')
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"incomplete_details":`...)
	if status == "incomplete" {
		reason := "max_output_tokens"
		if o.Finish == llm.FinishFilter {
			reason = "content_filter"
		}
		dst = append(appendString(append(dst, `{"reason":`...), reason), '}')
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"instructions":null,"max_output_tokens":null,"metadata":{},"model":`...)
	dst = append(appendString(dst, e.meta.Model), `,"output":[`...)
	n := 0
	for _, item := range e.items {
		if item == nil {
			continue
		}
		if n++; n > 1 {
			dst = append(dst, ',')
		}
		dst = append(dst, item...)
	}
	dst = strconv.AppendBool(append(dst, `],"parallel_tool_calls":`...), e.form.parallel)
	dst = append(dst, `,"previous_response_id":null,"reasoning":{"effort":null,"summary":null},"store":false,"temperature":null,"text":{"format":`...)
	dst = or(dst, e.form.format, `{"type":"text"}`)
	dst = or(append(dst, `},"tool_choice":`...), e.form.toolChoice, `"auto"`)
	dst = or(append(dst, `,"tools":`...), e.form.tools, "[]")
	dst = append(dst, `,"top_p":null,"truncation":"disabled","usage":`...)
	if o == nil {
		return append(dst, "null"...)
	}
	dst = e.usage(dst, o.Usage)
	if e.form.explain {
		dst = appendOutcome(append(dst, `,"summit":`...), o)
	}
	return dst
}

// usage adds the usage object. What nobody counted is guessed, and marked,
// which the protocol has no word for.
func (e *responseEncoder) usage(dst []byte, u llm.Usage) []byte {
	if !u.Input.Known() && !u.CacheRead.Known() && !u.CacheWrite.Known() {
		u.Input = e.form.input
	}
	if !u.Output.Known() && !u.Reasoning.Known() {
		u.Output = e.output.Count()
	}
	in, out := u.InputTotal(), u.OutputTotal()
	dst = strconv.AppendInt(append(dst, `{"input_tokens":`...), in, 10)
	dst = strconv.AppendInt(append(dst, `,"input_tokens_details":{"cached_tokens":`...), u.CacheRead.N, 10)
	dst = strconv.AppendInt(append(dst, `},"output_tokens":`...), out, 10)
	dst = strconv.AppendInt(append(dst, `,"output_tokens_details":{"reasoning_tokens":`...), u.Reasoning.N, 10)
	dst = strconv.AppendUint(append(dst, `},"total_tokens":`...), uint64(in)+uint64(out), 10)
	if guessed(u) {
		dst = append(dst, `,"estimated":true`...)
	}
	return append(dst, '}')
}

// add makes room for one more item and announces it.
func (e *responseEncoder) add(dst []byte, item func(dst []byte, index int) []byte) ([]byte, int) {
	index := len(e.items)
	e.items = append(e.items, nil)
	dst = strconv.AppendInt(append(e.event(dst, "response.output_item.added"), `,"output_index":`...), int64(index), 10)
	return endEvent(item(append(dst, `,"item":`...), index)), index
}

// end keeps the whole item and says that it ended.
func (e *responseEncoder) end(dst []byte, index int, item []byte) []byte {
	e.items[index] = item
	dst = strconv.AppendInt(append(e.event(dst, "response.output_item.done"), `,"output_index":`...), int64(index), 10)
	return endEvent(append(append(dst, `,"item":`...), item...))
}

func (e *responseEncoder) text(dst []byte, ev llm.Event) []byte {
	e.output.Add(ev.Text)
	if e.open == nil || e.open.thinking {
		dst = e.shut(dst)
		p := &responsePart{}
		dst, p.index = e.add(dst, func(dst []byte, index int) []byte { return e.message(dst, index, "in_progress", nil) })
		e.open = p
		dst = e.at(e.event(dst, "response.content_part.added"), "msg", p.index)
		dst = endEvent(e.part(append(dst, `,"content_index":0,"part":`...), "", nil))
	}
	p := e.open
	p.text.WriteString(ev.Text)
	dst = e.at(e.event(dst, "response.output_text.delta"), "msg", p.index)
	dst = appendString(append(dst, `,"content_index":0,"delta":`...), ev.Text)
	dst = append(dst, `,"logprobs":`...)
	if e.form.logprobs {
		p.tokens = append(p.tokens, ev.Tokens...)
		return endEvent(appendTokens(dst, ev.Tokens))
	}
	return endEvent(append(dst, "[]"...))
}

// message adds a message item; p is nil where it has no content yet.
func (e *responseEncoder) message(dst []byte, index int, status string, p *responsePart) []byte {
	dst = appendString(append(dst, `{"id":`...), e.id("msg", index))
	dst = appendString(append(dst, `,"type":"message","status":`...), status)
	dst = append(dst, `,"role":"assistant","content":[`...)
	if p != nil {
		dst = e.part(dst, p.text.String(), p.tokens)
	}
	return append(dst, "]}"...)
}

func (e *responseEncoder) part(dst []byte, text string, tokens []llm.TokenLogprob) []byte {
	dst = appendString(append(dst, `{"type":"output_text","text":`...), text)
	return append(appendTokens(append(dst, `,"annotations":[],"logprobs":`...), tokens), '}')
}

func (e *responseEncoder) think(dst []byte, text, signature string) []byte {
	e.output.Add(text)
	if !e.form.summary {
		if !e.form.signed {
			return dst
		}
		text = ""
	}
	if text == "" && signature == "" {
		return dst
	}
	if dst = e.start(dst); e.open == nil || !e.open.thinking || e.open.sign != "" {
		dst = e.shut(dst)
		p := &responsePart{thinking: true}
		dst, p.index = e.add(dst, func(dst []byte, index int) []byte { return e.reasoning(dst, index, nil) })
		e.open = p
		dst = e.at(e.event(dst, "response.reasoning_summary_part.added"), "rs", p.index)
		dst = endEvent(append(dst, `,"summary_index":0,"part":{"type":"summary_text","text":""}`...))
	}
	p := e.open
	p.sign += signature
	if text == "" {
		return dst
	}
	p.midLine = !strings.HasSuffix(text, "\n")
	p.text.WriteString(text)
	dst = e.at(e.event(dst, "response.reasoning_summary_text.delta"), "rs", p.index)
	return endEvent(appendString(append(dst, `,"summary_index":0,"delta":`...), text))
}

// reasoning adds a reasoning item; p is nil where it has no content yet.
func (e *responseEncoder) reasoning(dst []byte, index int, p *responsePart) []byte {
	dst = appendString(append(dst, `{"id":`...), e.id("rs", index))
	dst = append(dst, `,"type":"reasoning","summary":[`...)
	if p != nil {
		dst = append(appendString(append(dst, `{"type":"summary_text","text":`...), p.text.String()), '}')
	}
	dst = append(dst, ']')
	if p != nil && p.sign != "" {
		dst = appendString(append(dst, `,"encrypted_content":`...), p.sign)
	}
	return append(dst, '}')
}

// shut ends the message or the reasoning that is being written.
func (e *responseEncoder) shut(dst []byte) []byte {
	p := e.open
	if p == nil {
		return dst
	}
	e.open = nil
	if p.thinking {
		dst = e.at(e.event(dst, "response.reasoning_summary_text.done"), "rs", p.index)
		dst = endEvent(appendString(append(dst, `,"summary_index":0,"text":`...), p.text.String()))
		dst = e.at(e.event(dst, "response.reasoning_summary_part.done"), "rs", p.index)
		dst = appendString(append(dst, `,"summary_index":0,"part":{"type":"summary_text","text":`...), p.text.String())
		dst = endEvent(append(dst, '}'))
		return e.end(dst, p.index, e.reasoning(nil, p.index, p))
	}
	dst = e.at(e.event(dst, "response.output_text.done"), "msg", p.index)
	dst = appendString(append(dst, `,"content_index":0,"text":`...), p.text.String())
	dst = endEvent(appendTokens(append(dst, `,"logprobs":`...), p.tokens))
	dst = e.at(e.event(dst, "response.content_part.done"), "msg", p.index)
	dst = endEvent(e.part(append(dst, `,"content_index":0,"part":`...), p.text.String(), p.tokens))
	return e.end(dst, p.index, e.message(nil, p.index, "completed", p))
}

// piece adds a piece of a call. Calls may grow side by side.
func (e *responseEncoder) piece(dst []byte, d *llm.CallDelta) []byte {
	c := e.calls[d.Index]
	if c == nil {
		dst = e.shut(dst)
		c = &responseCall{call: llm.Call{ID: d.ID, Name: d.Name}}
		e.calls[d.Index] = c
		e.order = append(e.order, d.Index)
		e.output.Add(d.Name)
		dst, c.index = e.add(dst, func(dst []byte, index int) []byte { return e.item(dst, index, c, "in_progress") })
	}
	if d.ArgsDelta == "" {
		return dst
	}
	e.output.Add(d.ArgsDelta)
	c.args.WriteString(d.ArgsDelta)
	if e.form.custom[c.call.Name] {
		return dst // the text stands inside an object: it is written when that is complete
	}
	dst = e.at(e.event(dst, "response.function_call_arguments.delta"), "fc", c.index)
	return endEvent(appendString(append(dst, `,"delta":`...), d.ArgsDelta))
}

// item adds a call's item.
func (e *responseEncoder) item(dst []byte, index int, c *responseCall, status string) []byte {
	kind, field, text := "function_call", "arguments", c.args.String()
	if e.form.custom[c.call.Name] {
		kind, field, text = "custom_tool_call", "input", freeText(text)
	}
	dst = appendString(append(dst, `{"id":`...), e.id("fc", index))
	dst = appendString(append(dst, `,"type":`...), kind)
	dst = appendString(append(dst, `,"status":`...), status)
	dst = appendString(append(dst, `,"call_id":`...), c.call.ID)
	dst = appendString(append(dst, `,"name":`...), c.call.Name)
	dst = append(appendString(append(dst, ','), field), ':')
	return append(appendString(dst, text), '}')
}

// freeText returns the text that a call of a free-text tool holds.
func freeText(args string) string {
	var v struct {
		Input string `json:"input"`
	}
	if args == "" || json.Unmarshal([]byte(args), &v) != nil {
		return args // the model wrote the text as it is
	}
	return v.Input
}

// close ends all calls, in the order in which they began.
func (e *responseEncoder) close(dst []byte) []byte {
	for _, i := range e.order {
		c := e.calls[i]
		if e.form.custom[c.call.Name] {
			text := freeText(c.args.String())
			dst = e.at(e.event(dst, "response.custom_tool_call_input.delta"), "fc", c.index)
			dst = endEvent(appendString(append(dst, `,"delta":`...), text))
			dst = e.at(e.event(dst, "response.custom_tool_call_input.done"), "fc", c.index)
			dst = endEvent(appendString(append(dst, `,"input":`...), text))
		} else {
			dst = e.at(e.event(dst, "response.function_call_arguments.done"), "fc", c.index)
			dst = appendString(append(dst, `,"name":`...), c.call.Name)
			dst = endEvent(appendString(append(dst, `,"arguments":`...), c.args.String()))
		}
		dst = e.end(dst, c.index, e.item(nil, c.index, c, "completed"))
	}
	e.order = nil
	return dst
}

func (e *responseEncoder) finish(dst []byte, o *llm.Outcome) []byte {
	dst = e.close(e.shut(dst))
	status := responseStatus(o.Finish)
	dst = append(e.event(dst, "response."+status), `,"response":`...)
	return endEvent(append(e.response(dst, status, o, nil), '}'))
}

func (e *responseEncoder) fail(dst []byte, err *llm.Error) []byte {
	if err == nil {
		err = &llm.Error{Kind: llm.Internal}
	}
	e.broken = true
	dst = append(e.event(dst, "response.failed"), `,"response":`...)
	return endEvent(append(e.response(dst, "failed", nil, err), '}'))
}

// responseStatus returns the protocol's word for how an answer ended.
func responseStatus(f llm.Finish) string {
	if f == llm.FinishLength || f == llm.FinishFilter {
		return "incomplete"
	}
	return "completed"
}

// AppendEnd adds nothing: response.completed is the end.
func (e *responseEncoder) AppendEnd(dst []byte) []byte { return dst }

// AppendHeartbeat adds a comment.
func (e *responseEncoder) AppendHeartbeat(dst []byte) []byte {
	return append(dst, ": keep-alive\n\n"...)
}

// Whole returns the body of a plain answer.
func (e *responseEncoder) Whole(replies []*llm.Reply) ([]byte, error) {
	if len(replies) != 1 || replies[0] == nil || replies[0].Outcome == nil {
		return nil, fmt.Errorf("dialect: responses: %d replies, want one with its outcome", len(replies))
	}
	r := replies[0]
	e.output.Add(r.Reasoning)
	e.output.Add(r.Text)
	for _, t := range thoughtsOf(r) {
		p := &responsePart{sign: t.Signature}
		if e.form.summary {
			p.text.WriteString(t.Text)
		} else if !e.form.signed {
			continue
		}
		if p.text.Len() == 0 && p.sign == "" {
			continue
		}
		e.items = append(e.items, e.reasoning(nil, len(e.items), p))
	}
	if r.Text != "" || len(r.Calls) == 0 {
		p := &responsePart{}
		p.text.WriteString(r.Text)
		if e.form.logprobs {
			p.tokens = r.Tokens
		}
		e.items = append(e.items, e.message(nil, len(e.items), "completed", p))
	}
	for _, call := range r.Calls {
		c := &responseCall{index: len(e.items), call: call}
		c.args.WriteString(call.Args)
		e.output.Add(call.Name)
		e.output.Add(call.Args)
		e.items = append(e.items, e.item(nil, c.index, c, "completed"))
	}
	return append(e.response(nil, responseStatus(r.Outcome.Finish), r.Outcome, nil), '}'), nil
}
