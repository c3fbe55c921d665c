package dialect

import (
	"strings"

	"summit/llm"
)

// maxCalls is the most tool calls of one answer; more is a flood.
const maxCalls = 128

// ChatStream decodes the answer of an OpenAI-compatible server. Whatever form
// the vendor chose, the events are those of llm: one Start, whole runes,
// calls numbered from zero with id and name in their first piece. It holds
// back only what can't be told yet: half a character, half a <think> tag, a
// call whose name has not come. Its first error sticks. It is used by one
// goroutine.
//
// What ends an answer: a chunk with a finish_reason, whatever follows, even
// if [DONE] never comes. [DONE] without one is a Cut, because that is what a
// proxy makes of a broken stream, unless Quirks.NoFinish says that this server
// never sends one. The end of the stream without either is a Cut.
type ChatStream struct {
	beginning
	q    Quirks
	err  error
	id   string // of the first chunk
	used chatUsage

	finished bool // a finish_reason came
	done     bool // [DONE] came
	refused  bool
	chosen   bool  // a choice came,
	choice   int64 // of this index; others are not ours
	deltas   bool  // a delta came

	content, reasoning joiner
	think              thinker
	tokens             []llm.TokenLogprob // for the next text
	calls              []*callState
	named              int // calls whose first piece was sent
	delta              chatDelta
}

// NewChatStream returns a decoder for one answer of a server with those quirks.
func NewChatStream(q Quirks) *ChatStream {
	return &ChatStream{q: q, think: newThinker(q.Think)}
}

// Done reports whether the server said that nothing follows.
func (c *ChatStream) Done() bool { return c.done }

// Finished reports whether a finish_reason came: if the stream ends now, the
// answer is whole.
func (c *ChatStream) Finished() bool { return c.finished }

// Outcome returns what the server said so far of model, finish and usage.
func (c *ChatStream) Outcome() llm.Outcome {
	o := c.out
	o.Usage = c.used.usage()
	return o
}

// Append decodes the data of one server-sent event and adds its events to
// dst. The error is an *llm.Error: what the server reported, or Protocol.
func (c *ChatStream) Append(dst []llm.Event, data []byte) ([]llm.Event, error) {
	if c.err != nil || c.done {
		return dst, c.err
	}
	switch text := strings.TrimSpace(string(data[:min(len(data), 16)])); {
	case text == "[DONE]":
		c.done = true
		return dst, nil
	case text == "" && len(data) <= 16:
		return dst, nil
	}
	return c.chunk(dst, data)
}

// Whole decodes the body of a whole answer, adds its events to dst and ends
// the answer.
func (c *ChatStream) Whole(dst []llm.Event, body []byte) ([]llm.Event, error) {
	dst, err := c.chunk(dst, body)
	if err != nil {
		return dst, err
	}
	if !c.chosen {
		c.err = llm.Errorf(llm.Protocol, "answered without choices")
		return dst, c.err
	}
	c.finished = true
	return c.End(dst)
}

// End ends the answer: the server said [DONE] or closed the stream. It adds
// what was held back.
func (c *ChatStream) End(dst []llm.Event) ([]llm.Event, error) {
	if c.err != nil {
		return dst, c.err
	}
	dst = c.flush(dst)
	switch {
	case c.finished, c.done && c.q.NoFinish && c.begun:
	case !c.begun:
		c.err = llm.Errorf(llm.Protocol, "ended the stream without an answer")
	case c.done:
		c.err = llm.Errorf(llm.Cut, "said [DONE] without a finish_reason")
	default:
		c.err = llm.Errorf(llm.Cut, "broke the stream off before its finish_reason")
	}
	if c.err != nil {
		return dst, c.err
	}
	for _, call := range c.calls {
		if call.name == "" {
			c.err = llm.Errorf(llm.Protocol, "sent a tool call without a name")
			return dst, c.err
		}
		if !call.any { // a call without arguments is still an object to the caller
			dst = append(dst, llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: call.out, ArgsDelta: "{}"}})
		}
	}
	switch f := &c.out.Finish; {
	case c.refused:
		*f = llm.FinishFilter
	case len(c.calls) > 0 && (*f == "" || *f == llm.FinishStop):
		*f = llm.FinishCalls
	case len(c.calls) == 0 && (*f == "" || *f == llm.FinishCalls):
		*f = llm.FinishStop
	}
	return dst, nil
}

// flush adds the text that was held back.
func (c *ChatStream) flush(dst []llm.Event) []llm.Event {
	dst = c.addReasoning(dst, c.reasoning.rest())
	thought, text := c.think.add(c.content.rest())
	dst = c.addText(c.addReasoning(dst, thought), text)
	thought, text = c.think.rest()
	return c.addText(c.addReasoning(dst, thought), text)
}

// chatDelta is what one chunk brings, in the order in which it is passed on.
type chatDelta struct {
	answered  bool
	reasoning [3][]byte // reasoning_content, reasoning, reasoning_details: the same text in vendors that send several
	content   []byte
	refusal   string
	calls     []callPiece
	finish    string
	tokens    []llm.TokenLogprob
}

// chunk decodes one chunk or a whole answer.
func (c *ChatStream) chunk(dst []llm.Event, data []byte) ([]llm.Event, error) {
	s := newScanner(data)
	s.loose = true
	d := &c.delta
	*d = chatDelta{calls: d.calls[:0]}
	var f fault
	for name := range s.object() {
		if s.null() {
			continue
		}
		switch string(name) {
		case "id":
			if id := short(s); c.id == "" {
				c.id = id
			}
		case "model":
			if m := short(s); c.out.Model == "" {
				c.out.Model = m
			}
		case "choices":
			for range s.array("array") {
				if s.null() {
					continue
				}
				c.readChoice(s, d)
			}
		case "usage":
			c.used.read(s)
		default:
			if !f.field(s, string(name)) {
				s.skip()
			}
		}
	}
	s.end()
	// An error that the server reports counts more than how it wrote it.
	if said, ok := f.said(d.answered); ok {
		c.err = said.error(c.q, 200)
		return dst, c.err
	}
	if err := s.as(llm.Protocol); err != nil {
		err.Message, err.Param = "sent a chunk that is wrong: "+err.Message, ""
		c.err = err
		return dst, err
	}
	dst = c.start(dst, c.out.Model)
	return c.pass(dst, d)
}

// readChoice reads one item of choices. Summit asks for one choice.
func (c *ChatStream) readChoice(s *scanner, d *chatDelta) {
	var index int64
	mine := chatDelta{calls: d.calls}
	for name := range s.object() {
		if s.null() {
			continue
		}
		switch string(name) {
		case "index":
			if s.kind() == '0' {
				index = int64(s.number())
			} else {
				s.skip()
			}
		case "delta":
			c.deltas = true
			mine.read(s)
		case "message":
			if c.deltas { // the whole message again, in the last chunk
				s.skip()
				continue
			}
			mine.read(s)
		case "text": // of a text that is continued
			if mine.answered = true; s.kind() != '"' {
				s.wrong("string")
				return
			}
			mine.content = s.bytes()
			c.think.off()
		case "finish_reason":
			if s.kind() == '"' {
				mine.finish = short(s)
			} else {
				s.skip()
			}
		case "logprobs":
			mine.logprobs(s)
		case "usage":
			c.used.read(s)
		default:
			s.skip()
		}
	}
	if s.err != nil {
		return
	}
	if !c.chosen {
		c.chosen, c.choice = true, index
	}
	if c.choice == index && !d.answered {
		*d = mine
	}
}

// read reads a delta or a message.
func (d *chatDelta) read(s *scanner) {
	d.answered = true
	if s.kind() != '{' {
		s.wrong("object")
		return
	}
	for name := range s.object() {
		if s.null() {
			continue
		}
		switch string(name) {
		case "content":
			d.content = contentText(s)
		case "reasoning_content":
			d.reasoning[0] = optional(s)
		case "reasoning":
			d.reasoning[1] = optional(s)
		case "reasoning_details":
			d.reasoning[2] = []byte(details(s))
		case "refusal":
			d.refusal = string(optional(s))
		case "tool_calls":
			if s.kind() == '{' { // one call that is not in a list
				d.calls = append(d.calls, readCall(s))
				continue
			}
			for range s.array("array") {
				if !s.null() {
					d.calls = append(d.calls, readCall(s))
				}
			}
		case "function_call":
			p := callPiece{}
			p.function(s)
			d.calls = append(d.calls, p)
		default:
			s.skip()
		}
	}
}

// optional reads a string, or passes over another type: some vendors put
// objects under these names.
func optional(s *scanner) []byte {
	if s.kind() != '"' {
		s.skip()
		return nil
	}
	return s.bytes()
}

// short reads a name or an id, bounded, or passes over another type.
func short(s *scanner) string {
	const most = 256
	b := optional(s)
	return wellFormed(b[:min(len(b), most)])
}

// contentText reads content: a string, or an array whose texts are joined.
func contentText(s *scanner) []byte {
	switch s.kind() {
	case '"':
		return s.bytes()
	case '[':
	default:
		s.wrong("string or array")
		return nil
	}
	var text []byte
	for range s.array("") {
		if s.kind() != '{' {
			s.skip()
			continue
		}
		for name := range s.object() {
			if string(name) == "text" {
				text = append(text, optional(s)...)
			} else {
				s.skip()
			}
		}
	}
	return text
}

func (d *chatDelta) logprobs(s *scanner) {
	if s.kind() != '{' {
		s.skip()
		return
	}
	var tokens []string
	var chances []float64
	var tops [][]llm.TokenLogprob
	for name := range s.object() {
		if s.kind() != '[' {
			s.skip()
			continue
		}
		switch string(name) {
		case "content":
			for range s.array("") {
				d.tokens = append(d.tokens, token(s, true))
			}
		case "tokens": // these three are of a text that is continued
			for range s.array("") {
				tokens = append(tokens, string(optional(s)))
			}
		case "token_logprobs":
			for range s.array("") {
				chances = append(chances, figure(s))
			}
		case "top_logprobs":
			for range s.array("") {
				tops = append(tops, alternatives(s))
			}
		default:
			s.skip()
		}
	}
	for i := range min(len(tokens), len(chances)) {
		t := llm.TokenLogprob{Token: wellFormed([]byte(tokens[i])), Logprob: chances[i]}
		if i < len(tops) {
			t.Top = tops[i]
		}
		d.tokens = append(d.tokens, t)
	}
}

// figure reads a number, or passes over another type.
func figure(s *scanner) float64 {
	if s.kind() != '0' {
		s.skip()
		return 0
	}
	return s.number()
}

// alternatives reads an object of tokens with their log-probabilities.
func alternatives(s *scanner) []llm.TokenLogprob {
	if s.kind() != '{' {
		s.skip()
		return nil
	}
	var all []llm.TokenLogprob
	for name := range s.object() {
		all = append(all, llm.TokenLogprob{Token: wellFormed(name), Logprob: figure(s)})
	}
	return all
}

// token reads one token with its log-probability, and the alternatives to it.
func token(s *scanner, top bool) llm.TokenLogprob {
	var t llm.TokenLogprob
	for name := range s.object() {
		switch {
		case s.null():
		case string(name) == "token":
			t.Token = s.text()
		case string(name) == "logprob":
			t.Logprob = s.number()
		case string(name) == "bytes" && s.kind() == '[':
			t.Bytes = []byte{}
			for range s.array("") {
				t.Bytes = append(t.Bytes, byte(s.number()))
			}
		case string(name) == "top_logprobs" && top && s.kind() == '[':
			for range s.array("") {
				t.Top = append(t.Top, token(s, false))
			}
		default:
			s.skip()
		}
	}
	return t
}

// pass adds the events of a delta.
func (c *ChatStream) pass(dst []llm.Event, d *chatDelta) ([]llm.Event, error) {
	for _, text := range d.reasoning {
		if len(text) > 0 {
			c.think.off()
			dst = c.addReasoning(dst, c.reasoning.add(text))
			break
		}
	}
	c.tokens = append(c.tokens, d.tokens...)
	thought, text := c.think.add(c.content.add(d.content))
	dst = c.addText(c.addReasoning(dst, thought), text)
	if c.think.inside() {
		c.tokens = nil // of thoughts
	}
	if d.refusal != "" {
		c.refused = true
		dst = c.addText(dst, wellFormed([]byte(d.refusal)))
	}
	if len(d.calls) > 0 {
		dst = c.flush(dst)
	}
	for i := range d.calls {
		if dst = c.call(dst, &d.calls[i]); c.err != nil {
			return dst, c.err
		}
	}
	c.finish(d.finish)
	return dst, c.err
}

func (c *ChatStream) addText(dst []llm.Event, text string) []llm.Event {
	if text == "" {
		return dst
	}
	e := llm.Event{Kind: llm.KindText, Text: text, Tokens: c.tokens}
	c.tokens = nil
	return append(dst, e)
}

func (c *ChatStream) addReasoning(dst []llm.Event, text string) []llm.Event {
	if text == "" {
		return dst
	}
	return append(dst, llm.Event{Kind: llm.KindReasoning, Text: text})
}

// finish notes why the answer ended. Words that mean a failure are errors.
func (c *ChatStream) finish(word string) {
	switch word {
	case "", "null":
		return
	case "length", "max_tokens", "model_context_window_exceeded", "repetition_truncation":
		c.out.Finish = llm.FinishLength
	case "tool_calls", "function_call", "tool_use":
		c.out.Finish = llm.FinishCalls
	case "content_filter", "sensitive":
		c.out.Finish = llm.FinishFilter
	case "error", "network_error", "insufficient_system_resource":
		e := llm.Errorf(llm.Overloaded, "ended the answer with finish_reason %s", word)
		e.Code = word
		c.err = e
		return
	case "abort":
		c.err = llm.Errorf(llm.Cut, "ended the answer with finish_reason abort")
		return
	default: // stop, end_turn, normal, eos and their like
		c.out.Finish = llm.FinishStop
	}
	c.finished = true
}

// chatUsage is what the server said of usage so far: zero is not said. Each
// figure is the last one that was not zero, wherever it stood.
type chatUsage struct{ prompt, completion, total, cached, reasoning int64 }

func (u *chatUsage) read(s *scanner) {
	if s.kind() != '{' {
		s.skip()
		return
	}
	for name := range s.object() {
		switch string(name) {
		case "prompt_tokens", "input_tokens":
			u.figure(s, &u.prompt)
		case "completion_tokens", "output_tokens":
			u.figure(s, &u.completion)
		case "total_tokens":
			u.figure(s, &u.total)
		case "cached_tokens", "prompt_cache_hit_tokens":
			u.figure(s, &u.cached)
		case "reasoning_tokens":
			u.figure(s, &u.reasoning)
		case "prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "output_tokens_details":
			u.read(s)
		default:
			s.skip()
		}
	}
}

func (u *chatUsage) figure(s *scanner, to *int64) {
	if s.kind() != '0' {
		s.skip()
		return
	}
	if v := s.number(); v >= 1 && v <= maxTokens {
		*to = int64(v)
	}
}

// maxTokens is the highest figure of usage that is believed: hundreds of the
// longest windows. A higher one is a mistake of the server's that nobody wants
// on a bill, and is taken as if nothing had been said.
const maxTokens = 1 << 30

// usage returns the figures in llm's disjoint buckets. Reasoning is part of
// the completion, unless the total says that it was counted beside it.
func (u *chatUsage) usage() llm.Usage {
	var v llm.Usage
	if u.prompt > 0 {
		cached := min(u.cached, u.prompt)
		v.Input = llm.Counted(u.prompt - cached)
		if cached > 0 {
			v.CacheRead = llm.Counted(cached)
		}
	}
	if u.completion > 0 || u.reasoning > 0 {
		visible := u.completion - u.reasoning
		if visible < 0 || u.total > 0 && u.total == u.prompt+u.completion+u.reasoning {
			visible = u.completion
		}
		v.Output = llm.Counted(visible)
		if u.reasoning > 0 {
			v.Reasoning = llm.Counted(u.reasoning)
		}
	}
	return v
}
