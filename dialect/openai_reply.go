package dialect

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"summit/llm"
)

// chatForm is what the caller asked of the answer's form.
type chatForm struct {
	usage    bool // a usage chunk at the end of a stream
	logprobs bool
	explain  bool // the Outcome tree beside the answer
	legacy   bool // function_call instead of tool_calls
}

// chatEncoder writes Chat Completions answers. Chunks are put together by
// hand: a stream of a million tokens must not cost a reflection each.
type chatEncoder struct {
	form    chatForm
	meta    Meta
	head    []byte // a chunk up to the index of its choice
	choices []chatChoice
	usage   llm.Usage
	broken  bool // an error event was written: nothing follows it
}

// chatChoice is how far one choice of a stream has come.
type chatChoice struct {
	begun   bool // its role was sent
	done    bool
	midLine bool // its reasoning stands in the middle of a line
	calls   int  // tool calls begun
}

func newChatEncoder(m Meta, form chatForm) *chatEncoder {
	e := &chatEncoder{form: form, meta: m}
	e.head = append(e.object([]byte("data: "), "chat.completion.chunk"), `,"choices":[{"index":`...)
	return e
}

// object opens the JSON object that chunks and whole answers begin with.
func (e *chatEncoder) object(dst []byte, kind string) []byte {
	dst = appendString(append(dst, `{"id":`...), e.meta.ID)
	dst = append(append(append(dst, `,"object":"`...), kind...), `","created":`...)
	dst = strconv.AppendInt(dst, e.meta.Created.Unix(), 10)
	return appendString(append(dst, `,"model":`...), e.meta.Model)
}

// AppendEvent adds the chunks of one event.
func (e *chatEncoder) AppendEvent(dst []byte, choice int, ev llm.Event, err error) []byte {
	if e.broken || choice < 0 || choice >= maxChoices {
		return dst
	}
	for len(e.choices) <= choice {
		e.choices = append(e.choices, chatChoice{})
	}
	c := &e.choices[choice]
	if c.done {
		return dst
	}
	switch ev.Kind {
	case llm.KindText:
		if ev.Text == "" && (len(ev.Tokens) == 0 || !e.form.logprobs) {
			return dst
		}
		dst = append(e.open(dst, choice), `"content":`...)
		dst = append(appendString(dst, ev.Text), '}')
		if e.form.logprobs && len(ev.Tokens) > 0 {
			dst = appendLogprobs(append(dst, `,"logprobs":`...), ev.Tokens)
		}
		return e.close(dst)
	case llm.KindReasoning:
		return e.reasoning(dst, choice, ev.Text)
	case llm.KindProgress:
		if ev.Progress == nil {
			return dst
		}
		line := progressLine(ev.Progress)
		if c.midLine {
			line = "\n" + line
		}
		return e.reasoning(dst, choice, line)
	case llm.KindCall:
		if ev.Call == nil {
			return dst
		}
		return e.call(dst, choice, ev.Call)
	case llm.KindDone:
		c.done = true
		if err != nil || ev.Done == nil {
			e.broken = true
			return appendErrorEvent(dst, llm.AsError(err))
		}
		return e.finish(dst, choice, ev.Done)
	}
	return dst
}

// open begins a chunk of the choice up to its delta's first field; before the
// choice's first one it adds the chunk with the role.
func (e *chatEncoder) open(dst []byte, choice int) []byte {
	if c := &e.choices[choice]; !c.begun {
		c.begun = true
		dst = append(e.open(dst, choice), `"role":"assistant","content":""}`...)
		dst = e.close(dst)
	}
	dst = strconv.AppendInt(append(dst, e.head...), int64(choice), 10)
	return append(dst, `,"delta":{`...)
}

// close ends a chunk whose delta is complete.
func (e *chatEncoder) close(dst []byte) []byte {
	dst = append(dst, `,"finish_reason":null}]`...)
	return e.closeChunk(dst)
}

func (e *chatEncoder) closeChunk(dst []byte) []byte {
	if e.form.usage {
		dst = append(dst, `,"usage":null`...)
	}
	return append(dst, "}\n\n"...)
}

func (e *chatEncoder) reasoning(dst []byte, choice int, text string) []byte {
	if text == "" {
		return dst
	}
	e.choices[choice].midLine = !strings.HasSuffix(text, "\n")
	dst = append(e.open(dst, choice), `"reasoning_content":`...)
	return e.close(append(appendString(dst, text), '}'))
}

func (e *chatEncoder) call(dst []byte, choice int, d *llm.CallDelta) []byte {
	c := &e.choices[choice]
	if d.Index < 0 || (e.form.legacy && d.Index > 0) { // the legacy form has room for one call
		return dst
	}
	if d.Index >= c.calls {
		c.calls = d.Index + 1
		dst = e.open(dst, choice)
		if e.form.legacy {
			dst = appendString(append(dst, `"function_call":{"name":`...), d.Name)
			dst = append(dst, `,"arguments":""}}`...)
		} else {
			dst = strconv.AppendInt(append(dst, `"tool_calls":[{"index":`...), int64(d.Index), 10)
			dst = appendString(append(dst, `,"id":`...), d.ID)
			dst = appendString(append(dst, `,"type":"function","function":{"name":`...), d.Name)
			dst = append(dst, `,"arguments":""}}]}`...)
		}
		dst = e.close(dst)
	}
	if d.ArgsDelta == "" {
		return dst
	}
	dst = e.open(dst, choice)
	if e.form.legacy {
		dst = appendString(append(dst, `"function_call":{"arguments":`...), d.ArgsDelta)
		return e.close(append(dst, "}}"...))
	}
	dst = strconv.AppendInt(append(dst, `"tool_calls":[{"index":`...), int64(d.Index), 10)
	dst = appendString(append(dst, `,"function":{"arguments":`...), d.ArgsDelta)
	return e.close(append(dst, "}}]}"...))
}

func (e *chatEncoder) finish(dst []byte, choice int, o *llm.Outcome) []byte {
	e.usage = e.usage.Add(o.Usage)
	dst = append(e.open(dst, choice), `},"finish_reason":`...)
	dst = appendString(dst, e.finishWord(o.Finish, e.choices[choice].calls))
	dst = append(dst, "}]"...)
	if e.form.explain {
		dst = appendOutcome(append(dst, `,"summit":`...), o)
	}
	return e.closeChunk(dst)
}

func (e *chatEncoder) finishWord(f llm.Finish, calls int) string {
	switch {
	case f == "" && calls > 0:
		f = llm.FinishCalls
	case f == "":
		f = llm.FinishStop
	}
	if f == llm.FinishCalls && e.form.legacy {
		return "function_call"
	}
	return string(f)
}

// AppendEnd adds the usage chunk, if it was asked for, and the end mark.
func (e *chatEncoder) AppendEnd(dst []byte) []byte {
	if e.broken {
		return dst
	}
	if e.form.usage {
		dst = e.object(append(dst, "data: "...), "chat.completion.chunk")
		dst = appendUsage(append(dst, `,"choices":[],"usage":`...), e.usage)
		dst = append(dst, "}\n\n"...)
	}
	return append(dst, "data: [DONE]\n\n"...)
}

// AppendHeartbeat adds a comment.
func (e *chatEncoder) AppendHeartbeat(dst []byte) []byte {
	return append(dst, ": keep-alive\n\n"...)
}

// Whole returns the body of a plain answer.
func (e *chatEncoder) Whole(replies []*llm.Reply) ([]byte, error) {
	size := 512
	for _, r := range replies {
		size += len(r.Text) + len(r.Reasoning)
	}
	dst := append(e.object(make([]byte, 0, size), "chat.completion"), `,"choices":[`...)
	var total llm.Usage
	parts := make([]*llm.Outcome, 0, len(replies))
	for i, r := range replies {
		if r == nil || r.Outcome == nil {
			return nil, fmt.Errorf("dialect: openai: reply %d of %d has no outcome", i, len(replies))
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.choice(dst, i, r)
		total = total.Add(r.Outcome.Usage)
		parts = append(parts, r.Outcome)
	}
	dst = appendUsage(append(dst, `],"usage":`...), total)
	if e.form.explain && len(parts) > 0 {
		top := parts[0]
		if len(parts) > 1 {
			top = &llm.Outcome{Member: e.meta.Model, Strategy: "n", Parts: parts}
			top.SumParts()
		}
		dst = appendOutcome(append(dst, `,"summit":`...), top)
	}
	return append(dst, '}'), nil
}

func (e *chatEncoder) choice(dst []byte, index int, r *llm.Reply) []byte {
	dst = strconv.AppendInt(append(dst, `{"index":`...), int64(index), 10)
	dst = append(dst, `,"message":{"role":"assistant","content":`...)
	if r.Text == "" && len(r.Calls) > 0 {
		dst = append(dst, "null"...)
	} else {
		dst = appendString(dst, r.Text)
	}
	if r.Reasoning != "" {
		dst = appendString(append(dst, `,"reasoning_content":`...), r.Reasoning)
	}
	dst = append(dst, `,"refusal":null`...)
	switch {
	case len(r.Calls) == 0:
	case e.form.legacy:
		dst = appendFunction(append(dst, `,"function_call":`...), r.Calls[0])
	default:
		dst = append(dst, `,"tool_calls":[`...)
		for i, c := range r.Calls {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendString(append(dst, `{"id":`...), c.ID)
			dst = appendFunction(append(dst, `,"type":"function","function":`...), c)
			dst = append(dst, '}')
		}
		dst = append(dst, ']')
	}
	dst = append(dst, `},"logprobs":`...)
	if e.form.logprobs && len(r.Tokens) > 0 {
		dst = appendLogprobs(dst, r.Tokens)
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"finish_reason":`...)
	return append(appendString(dst, e.finishWord(r.Outcome.Finish, len(r.Calls))), '}')
}

// appendFunction adds name and arguments of a call.
func appendFunction(dst []byte, c llm.Call) []byte {
	dst = appendString(append(dst, `{"name":`...), c.Name)
	return append(appendString(append(dst, `,"arguments":`...), c.Args), '}')
}

// appendUsage adds the usage object, or null where nobody knows: unknown is
// not zero. Figures that somebody guessed are marked, which the protocol has
// no word for; which ones they are is told in the Outcome tree.
func appendUsage(dst []byte, u llm.Usage) []byte {
	if !u.Input.Known() && !u.CacheRead.Known() && !u.Output.Known() && !u.Reasoning.Known() {
		return append(dst, "null"...)
	}
	in, out := u.InputTotal(), u.OutputTotal()
	dst = strconv.AppendInt(append(dst, `{"prompt_tokens":`...), in, 10)
	dst = strconv.AppendInt(append(dst, `,"completion_tokens":`...), out, 10)
	dst = strconv.AppendUint(append(dst, `,"total_tokens":`...), uint64(in)+uint64(out), 10)
	dst = strconv.AppendInt(append(dst, `,"prompt_tokens_details":{"cached_tokens":`...), u.CacheRead.N, 10)
	dst = strconv.AppendInt(append(dst, `},"completion_tokens_details":{"reasoning_tokens":`...), u.Reasoning.N, 10)
	if dst = append(dst, '}'); guessed(u) {
		dst = append(dst, `,"estimated":true`...)
	}
	return append(dst, '}')
}

func appendLogprobs(dst []byte, tokens []llm.TokenLogprob) []byte {
	return append(appendTokens(append(dst, `{"content":`...), tokens), `,"refusal":null}`...)
}

// appendTokens adds a list of tokens with their log-probabilities.
func appendTokens(dst []byte, tokens []llm.TokenLogprob) []byte {
	dst = append(dst, '[')
	for i, t := range tokens {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendToken(dst, t), `,"top_logprobs":[`...)
		for j, top := range t.Top {
			if j > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendToken(dst, top), '}')
		}
		dst = append(dst, "]}"...)
	}
	return append(dst, ']')
}

// appendToken adds a token without its closing brace.
func appendToken(dst []byte, t llm.TokenLogprob) []byte {
	dst = appendString(append(dst, `{"token":`...), t.Token)
	dst = appendFloat(append(dst, `,"logprob":`...), max(t.Logprob, -9999)) // -9999 stands for minus infinity in this protocol
	if t.Bytes == nil {
		return append(dst, `,"bytes":null`...)
	}
	dst = append(dst, `,"bytes":[`...)
	for i, b := range t.Bytes {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(dst, uint64(b), 10)
	}
	return append(dst, ']')
}

func appendOutcome(dst []byte, o *llm.Outcome) []byte {
	text, err := json.Marshal(o)
	if err != nil { // can't be: the tree has plain fields only
		return append(dst, "null"...)
	}
	return append(dst, text...)
}

// progressMark begins each line of reasoning that tells what the council does.
// Lines that begin so are no model's thoughts and are stripped from history.
const progressMark = "⛰ "

// progressLine renders a note as one marked line.
func progressLine(p *llm.ProgressNote) string {
	const most = 300 // bytes of note: enough for a sentence
	note := p.Note
	if len(note) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(note[cut]) {
			cut--
		}
		note = note[:cut] + "…"
	}
	line := string(p.State) + " " + note
	if p.Member != "" {
		line = p.Member + ": " + line
	}
	return progressMark + strings.Join(strings.Fields(line), " ") + "\n"
}

// withoutProgress strips the marked lines from reasoning that comes back in
// history.
func withoutProgress(reasoning string) string {
	if !strings.Contains(reasoning, progressMark) {
		return reasoning
	}
	var out strings.Builder
	for line := range strings.Lines(reasoning) {
		if !strings.HasPrefix(line, progressMark) {
			out.WriteString(line)
		}
	}
	return out.String()
}
