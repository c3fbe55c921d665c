package dialect

import (
	"bytes"
	"maps"
	"slices"

	"summit/llm"
)

// MessageStream decodes the answer of a server that speaks Messages. A
// signature comes as a Reasoning event of its own, after the thoughts that it
// signs; redacted thoughts are such an event alone. Blocks that a caller of
// another protocol has no word for, such as those of tools that the server
// runs itself, are passed over. Its first error sticks. It is used by one
// goroutine.
//
// What ends an answer: a message_delta with a stop_reason, even if message_stop
// never comes. The end of the stream without one is a Cut.
// Source: https://docs.anthropic.com/en/docs/build-with-claude/streaming
type MessageStream struct {
	beginning
	err  error
	used messageUsage

	finished, done bool
	blocks         map[int64]*messageBlock // that are open
	calls          int
}

// messageBlock is one block of content as it grows.
type messageBlock struct {
	kind      string
	text      joiner
	signature []byte
	call      int
	any       bool   // arguments came
	input     []byte // that stood in the block's beginning
	id, name  string
}

// maxBlocks is how many blocks may be open at once; more is a flood.
const maxBlocks = 256

// NewMessageStream returns a decoder for one answer.
func NewMessageStream() *MessageStream { return &MessageStream{blocks: map[int64]*messageBlock{}} }

// Done reports whether message_stop came.
func (c *MessageStream) Done() bool { return c.done }

// Finished reports whether a stop_reason came: if the stream ends now, the
// answer is whole.
func (c *MessageStream) Finished() bool { return c.finished }

// Outcome returns what the server said so far of model, finish and usage.
func (c *MessageStream) Outcome() llm.Outcome {
	o := c.out
	o.Usage = c.used.usage(c.finished)
	return o
}

// messageFrame is what one event, or a whole answer, says; its fields may come
// in any order.
type messageFrame struct {
	kind, model, stop string
	index             int64
	block             *messageBlock
	content           []*messageBlock
	delta             string // the delta's type
	text              []byte
	fault             saying
	failed            bool
}

// Append decodes the data of one server-sent event and adds its events to dst.
func (c *MessageStream) Append(dst []llm.Event, data []byte) ([]llm.Event, error) {
	if c.err != nil || c.done || len(bytes.TrimSpace(data)) == 0 {
		return dst, c.err
	}
	if bytes.Equal(bytes.TrimSpace(data[:min(len(data), 32)]), []byte("[DONE]")) { // of servers that speak several protocols
		c.done = c.finished
		return dst, nil
	}
	f, err := c.read(data)
	if err != nil {
		return dst, err
	}
	switch f.kind {
	case "message_start":
		dst = c.start(dst, f.model)
	case "content_block_start":
		dst = c.open(c.start(dst, ""), f.index, f.block)
	case "content_block_delta":
		dst = c.add(c.start(dst, ""), f)
	case "content_block_stop":
		dst = c.shut(dst, f.index)
	case "message_delta":
		dst = c.start(dst, "")
		c.stop(f.stop)
	case "message_stop":
		c.done = true
	}
	return dst, c.err
}

// Whole decodes the body of a whole answer, adds its events to dst and ends
// the answer.
func (c *MessageStream) Whole(dst []llm.Event, body []byte) ([]llm.Event, error) {
	f, err := c.read(body)
	if err != nil {
		return dst, err
	}
	if f.kind != "message" {
		c.err = llm.Errorf(llm.Protocol, "answered without a message")
		return dst, c.err
	}
	dst = c.start(dst, f.model)
	for i, b := range f.content {
		if dst = c.open(dst, int64(i), b); c.err == nil {
			dst = c.shut(dst, int64(i))
		}
	}
	c.stop(f.stop)
	if f.stop == "" {
		c.finished = true
	}
	return c.End(dst)
}

// End ends the answer: message_stop came, or the server closed the stream. It
// adds what was held back.
func (c *MessageStream) End(dst []llm.Event) ([]llm.Event, error) {
	if c.err != nil {
		return dst, c.err
	}
	for _, i := range slices.Sorted(maps.Keys(c.blocks)) {
		dst = c.shut(dst, i)
	}
	switch {
	case !c.begun:
		c.err = llm.Errorf(llm.Protocol, "ended the stream without an answer")
	case !c.finished && c.done:
		c.err = llm.Errorf(llm.Cut, "said message_stop without a stop_reason")
	case !c.finished:
		c.err = llm.Errorf(llm.Cut, "broke the stream off before its stop_reason")
	}
	if c.err != nil {
		return dst, c.err
	}
	switch f := &c.out.Finish; {
	case c.calls > 0 && (*f == "" || *f == llm.FinishStop):
		*f = llm.FinishCalls
	case c.calls == 0 && (*f == "" || *f == llm.FinishCalls):
		*f = llm.FinishStop
	}
	return dst, nil
}

// read reads one event or a whole answer. Errors that the server reports and
// what is no JSON are errors.
func (c *MessageStream) read(data []byte) (*messageFrame, error) {
	s := newScanner(data)
	s.loose = true
	f := &messageFrame{}
	for name := range s.object() {
		if s.null() {
			continue
		}
		switch string(name) {
		case "type":
			f.kind = short(s)
		case "index":
			f.index = s.integer(0)
		case "message":
			f.message(c, s)
		case "content_block":
			f.block = readBlock(s)
		case "delta":
			f.change(s)
		case "error":
			f.failed = s.kind() == '{' && f.fault.read(s)
		default:
			if !f.field(c, s, string(name)) {
				s.skip()
			}
		}
	}
	s.end()
	if f.failed && (f.kind == "error" || f.kind == "") {
		c.err = messageFault(f.fault, 200)
		return f, c.err
	}
	if err := s.as(llm.Protocol); err != nil {
		err.Message, err.Param = "sent an event that is wrong: "+err.Message, ""
		c.err = err
		return f, err
	}
	return f, nil
}

// field reads what stands in a message, and in the event that ends one.
func (f *messageFrame) field(c *MessageStream, s *scanner, name string) bool {
	switch {
	case name == "model":
		f.model = short(s)
	case name == "stop_reason":
		f.stop = short(s)
	case name == "usage":
		c.used.read(s)
	case name == "content" && s.kind() == '[':
		for range s.array("") {
			if b := readBlock(s); len(f.content) < maxBlocks {
				f.content = append(f.content, b)
			}
		}
	default:
		return false
	}
	return true
}

func (f *messageFrame) message(c *MessageStream, s *scanner) {
	if s.kind() != '{' {
		s.skip()
		return
	}
	for name := range s.object() {
		if !s.null() && !f.field(c, s, string(name)) {
			s.skip()
		}
	}
}

// change reads a delta, of a block or of the message.
func (f *messageFrame) change(s *scanner) {
	if s.kind() != '{' {
		s.wrong("object")
		return
	}
	for name := range s.object() {
		if s.null() {
			continue
		}
		switch string(name) {
		case "type":
			f.delta = short(s)
		case "text", "thinking", "partial_json", "signature":
			f.text = optional(s)
		case "stop_reason":
			f.stop = short(s)
		default:
			s.skip()
		}
	}
}

// readBlock reads a block of content.
func readBlock(s *scanner) *messageBlock {
	b := &messageBlock{}
	var text, data []byte
	if s.kind() != '{' {
		s.wrong("object")
		return b
	}
	for name := range s.object() {
		if s.null() {
			continue
		}
		switch string(name) {
		case "type":
			b.kind = short(s)
		case "text", "thinking":
			text = optional(s)
		case "signature":
			b.signature = bytes.Clone(optional(s))
		case "data":
			data = optional(s)
		case "id":
			b.id = short(s)
		case "name":
			b.name = short(s)
		case "input":
			b.input = s.raw()
		default:
			s.skip()
		}
	}
	switch b.kind {
	case "text", "thinking":
		b.input = bytes.Clone(text)
	case "redacted_thinking":
		b.signature = append([]byte(redactedMark), data...)
	}
	return b
}

// open begins a block.
func (c *MessageStream) open(dst []llm.Event, index int64, b *messageBlock) []llm.Event {
	if b == nil || len(c.blocks) == maxBlocks {
		c.err = llm.Errorf(llm.Protocol, "sent a block without content, or more than %d at once", maxBlocks)
		return dst
	}
	if c.blocks[index] != nil {
		dst = c.shut(dst, index)
	}
	c.blocks[index] = b
	switch b.kind {
	case "text", "thinking":
		dst = b.write(dst, b.input)
		b.input = nil
	case "tool_use":
		if b.name == "" {
			c.err = llm.Errorf(llm.Protocol, "sent a tool call without a name")
			return dst
		}
		if c.calls == maxCalls {
			c.err = llm.Errorf(llm.Protocol, "made more than %d tool calls in one answer", maxCalls)
			return dst
		}
		b.call = c.calls
		c.calls++
		if b.id == "" {
			b.id = (&ChatStream{}).newID(b.call)
		}
		dst = append(dst, llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: b.call, ID: b.id, Name: b.name}})
	}
	return dst
}

// write adds a piece of a block's text.
func (b *messageBlock) write(dst []llm.Event, p []byte) []llm.Event {
	text := b.text.add(p)
	switch {
	case text == "":
	case b.kind == "text":
		dst = append(dst, llm.Event{Kind: llm.KindText, Text: text})
	case b.kind == "thinking":
		dst = append(dst, llm.Event{Kind: llm.KindReasoning, Text: text})
	case b.kind == "tool_use":
		b.any = true
		dst = append(dst, llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: b.call, ArgsDelta: text}})
	}
	return dst
}

func (c *MessageStream) add(dst []llm.Event, f *messageFrame) []llm.Event {
	b := c.blocks[f.index]
	if b == nil {
		c.err = llm.Errorf(llm.Protocol, "sent a piece of block %d, which has not begun", f.index)
		return dst
	}
	switch f.delta {
	case "text_delta", "thinking_delta", "input_json_delta":
		return b.write(dst, f.text)
	case "signature_delta":
		if len(b.signature)+len(f.text) > MaxFrameBytes {
			c.err = llm.Errorf(llm.Protocol, "sent a signature of more than %d bytes", MaxFrameBytes)
			return dst
		}
		b.signature = append(b.signature, f.text...)
	}
	return dst // citations and what is new are passed over
}

// shut ends a block.
func (c *MessageStream) shut(dst []llm.Event, index int64) []llm.Event {
	b := c.blocks[index]
	if b == nil {
		return dst
	}
	delete(c.blocks, index)
	if rest := b.text.rest(); rest != "" {
		dst = b.write(dst, []byte(rest))
	}
	switch b.kind {
	case "thinking", "redacted_thinking":
		if len(b.signature) > 0 {
			dst = append(dst, llm.Event{Kind: llm.KindReasoning, Signature: wellFormed(b.signature)})
		}
	case "tool_use":
		if !b.any { // a call without arguments is still an object to the caller
			args := "{}"
			if len(b.input) > 0 && b.input[0] == '{' {
				args = wellFormed(b.input)
			}
			dst = append(dst, llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: b.call, ArgsDelta: args}})
		}
	}
	return dst
}

// stop notes why the answer ended.
func (c *MessageStream) stop(reason string) {
	switch reason {
	case "":
		return
	case "max_tokens", "model_context_window_exceeded":
		c.out.Finish = llm.FinishLength
	case "tool_use":
		c.out.Finish = llm.FinishCalls
	case "refusal":
		c.out.Finish = llm.FinishFilter
	case "pause_turn":
		c.out.Finish = llm.FinishStop
		c.out.Warnings = append(c.out.Warnings, "this member paused a long turn: send its answer back to let it go on")
	default: // end_turn, stop_sequence
		c.out.Finish = llm.FinishStop
	}
	c.finished = true
}

// messageUsage is what the server said of usage so far. Each figure is the
// last one that was not zero: a message_delta repeats and corrects the start's.
type messageUsage struct{ input, write, cached, output int64 }

func (u *messageUsage) read(s *scanner) {
	if s.kind() != '{' {
		s.skip()
		return
	}
	for name := range s.object() {
		to := (*int64)(nil)
		switch string(name) {
		case "input_tokens":
			to = &u.input
		case "cache_creation_input_tokens":
			to = &u.write
		case "cache_read_input_tokens":
			to = &u.cached
		case "output_tokens":
			to = &u.output
		}
		if to == nil || s.kind() != '0' {
			s.skip()
		} else if v := s.number(); v >= 1 && v <= maxTokens {
			*to = int64(v)
		}
	}
}

// usage returns the figures in llm's buckets, which are disjoint here too. The
// output's is only that of a finished answer: the start brings one of no worth.
func (u *messageUsage) usage(finished bool) llm.Usage {
	var v llm.Usage
	if u.input+u.write+u.cached > 0 {
		v.Input = llm.Counted(u.input)
		if u.cached > 0 {
			v.CacheRead = llm.Counted(u.cached)
		}
		if u.write > 0 {
			v.CacheWrite = llm.Counted(u.write)
		}
	}
	if u.output > 0 && finished {
		v.Output = llm.Counted(u.output)
	}
	return v
}
