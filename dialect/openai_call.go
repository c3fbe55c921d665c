package dialect

import (
	"bytes"
	"crypto/rand"
	"strconv"
	"strings"

	"summit/llm"
)

// callPiece is one item of a delta's tool_calls.
type callPiece struct {
	index    int64
	hasIndex bool
	id, name string
	args     []byte
}

func readCall(s *scanner) callPiece {
	var p callPiece
	if s.kind() != '{' {
		s.wrong("object")
		return p
	}
	for name := range s.object() {
		switch {
		case s.null():
		case string(name) == "index" && s.kind() == '0':
			p.index, p.hasIndex = int64(s.number()), true
		case string(name) == "id":
			p.id = short(s)
		case string(name) == "function":
			p.function(s)
		default:
			s.skip()
		}
	}
	return p
}

func (p *callPiece) function(s *scanner) {
	for name := range s.object() {
		switch {
		case s.null():
		case string(name) == "name":
			p.name = short(s)
		case string(name) == "arguments" && s.kind() == '{': // an object instead of its text
			p.args = s.raw()
		case string(name) == "arguments":
			if s.kind() != '"' {
				s.wrong("string or object")
				return
			}
			p.args = s.bytes()
		default:
			s.skip()
		}
	}
}

// callState is one tool call as it grows.
type callState struct {
	index    int64 // the server's own index, if it gives one
	hasIndex bool
	id, name string
	out      int  // our index, once the first piece was sent
	begun    bool // the first piece was sent
	any      bool // there are arguments
	held     []byte
	args     joiner
	json     jsonEnd
}

// call adds the events of one piece.
func (c *ChatStream) call(dst []llm.Event, p *callPiece) []llm.Event {
	call := c.find(p)
	if call == nil {
		if len(c.calls) == maxCalls {
			c.err = llm.Errorf(llm.Protocol, "made more than %d tool calls in one answer", maxCalls)
			return dst
		}
		call = &callState{index: p.index, hasIndex: p.hasIndex}
		c.calls = append(c.calls, call)
	}
	if call.id == "" {
		call.id = p.id
	}
	if call.name == "" {
		call.name = p.name
	}
	// What follows complete arguments is a repetition.
	args := p.args[:call.json.feed(p.args)]
	if len(bytes.TrimSpace(args)) > 0 {
		call.any = true
	}
	if call.name == "" {
		call.held = append(call.held, args...)
		return dst
	}
	d := &llm.CallDelta{}
	if !call.begun {
		call.begun, call.out = true, c.named
		c.named++
		if call.id == "" {
			call.id = c.newID(call.out)
		}
		d.ID, d.Name = call.id, call.name
		d.ArgsDelta = call.args.add(call.held)
		call.held = nil
	}
	d.Index = call.out
	d.ArgsDelta += call.args.add(args)
	if d.ID == "" && d.ArgsDelta == "" {
		return dst
	}
	return append(dst, llm.Event{Kind: llm.KindCall, Call: d})
}

// find returns the call that the piece continues, or nil for a new one.
// Servers that give an index, an id and a name once are easy; the rules for
// the others rest on whether the arguments so far are a complete object.
func (c *ChatStream) find(p *callPiece) *callState {
	if len(c.calls) == 0 {
		return nil
	}
	last := c.calls[len(c.calls)-1]
	if p.hasIndex {
		call := c.latest(func(k *callState) bool { return k.hasIndex && k.index == p.index })
		if call == nil || p.name == "" || call.name == "" || p.id != "" && p.id == call.id {
			return call
		}
		// A second name under the same index: another call, or a server that
		// repeats the name in every piece.
		if p.id == "" && call.json.complete && len(bytes.TrimSpace(p.args)) > 0 {
			return nil
		}
		if p.id != "" && (call.json.complete || !call.any) {
			return nil
		}
		return call
	}
	if p.id != "" {
		if call := c.latest(func(k *callState) bool { return k.id == p.id }); call != nil {
			return call
		}
		if p.name == "" && !last.json.complete { // a new id in every piece
			return last
		}
		return nil
	}
	if p.name != "" && (last.json.complete || last.name != "" && last.name != p.name) {
		return nil
	}
	return last
}

func (c *ChatStream) latest(is func(*callState) bool) *callState {
	for i := len(c.calls) - 1; i >= 0; i-- {
		if is(c.calls[i]) {
			return c.calls[i]
		}
	}
	return nil
}

// newID makes an id for a call that came without one. Ids have to be unique
// in a conversation, so it holds the answer's own id, or else chance.
func (c *ChatStream) newID(index int) string {
	const most = 40
	id := c.id
	if id = id[max(0, len(id)-most):]; id == "" || strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		id = rand.Text()
	}
	return "call_" + id + "_" + strconv.Itoa(index)
}

// jsonEnd finds the end of a JSON object in pieces of text. Text that does not
// begin with a brace is never complete.
type jsonEnd struct {
	depth          int
	quoted, escape bool
	other          bool // it is no object
	complete       bool
}

// feed returns how much of p belongs to the object.
func (j *jsonEnd) feed(p []byte) int {
	if j.complete {
		return 0
	}
	if j.other {
		return len(p)
	}
	for i, b := range p {
		switch {
		case j.escape:
			j.escape = false
		case j.quoted:
			j.escape = b == '\\'
			j.quoted = b != '"'
		case b == '"':
			j.quoted = true
		case b == '{' || b == '[':
			j.depth++
		case b == '}' || b == ']':
			if j.depth--; j.depth == 0 {
				j.complete = true
				return i + 1
			}
		case b == ' ' || b == '\t' || b == '\n' || b == '\r' || j.depth > 0:
			continue
		}
		if j.depth <= 0 {
			j.other = true
			return len(p)
		}
	}
	return len(p)
}
