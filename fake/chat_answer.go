package fake

import (
	"encoding/json"
	"iter"
	"strconv"
	"strings"
)

// finishes are the deviations that end an answer with a word of their own.
var finishes = map[string]string{
	"finish-normal": "normal", "finish-eos": "eos_token", "finish-sensitive": "sensitive", "finish-content-filter": "content_filter", "finish-window": "model_context_window_exceeded",
	"finish-repetition": "repetition_truncation", "finish-network-error": "network_error", "finish-no-resource": "insufficient_system_resource",
}

// finish returns the word that ends an answer; nil = there is none.
func (x *exchange) finish(r Reply) any {
	if x.is("finish-none") || x.is("done-without-finish") {
		return nil
	}
	for deviation, word := range finishes {
		if x.is(deviation) && r.Finish == "stop" {
			return word
		}
	}
	if x.is("finish-stop-with-tools") && r.Finish == "tool_calls" {
		return "stop"
	}
	return r.Finish
}

// unfinished returns finish_reason before the end.
func (x *exchange) unfinished() any {
	switch {
	case x.is("finish-empty"):
		return ""
	case x.is("finish-null-string"):
		return "null"
	}
	return nil
}

// usage returns the object that tells usage; said is false where there is none.
func (x *exchange) usage(u Usage) any {
	if x.is("usage-zero") {
		u = Usage{}
	}
	return map[string]any{
		"prompt_tokens": u.Input, "completion_tokens": u.Output + u.Reasoning, "total_tokens": u.Input + u.Output + u.Reasoning,
		"prompt_tokens_details":     map[string]any{"cached_tokens": u.Cached},
		"completion_tokens_details": map[string]any{"reasoning_tokens": u.Reasoning},
	}
}

// envelope returns what every chunk, or the whole answer, has.
func (c *chat) envelope(x *exchange, object string, n int) map[string]any {
	id, created := "chatcmpl-fake", x.s.now().Unix()
	if x.is("id-changes") {
		id += "-" + strconv.Itoa(n)
	}
	if x.is("created-ms") {
		created = x.s.now().UnixMilli()
	}
	return map[string]any{"id": id, "object": object, "created": created, "model": x.ask.Model}
}

// thought puts thoughts where this vendor has them.
func (x *exchange) thought(into map[string]any, text string) {
	switch {
	case x.is("reasoning-details"):
		into["reasoning_details"] = []any{map[string]any{"type": "reasoning.text", "id": "reasoning-text-1", "index": 0, "text": text}}
	case x.is("reasoning-plain"):
		into["reasoning"] = text
	case x.is("reasoning-both"):
		into["reasoning"], into["reasoning_content"] = text, text
	default:
		into["reasoning_content"] = text
	}
}

func (c *chat) whole(x *exchange, r Reply) []byte {
	message := map[string]any{"role": "assistant", "content": r.Text()}
	calls := r.Calls()
	if len(calls) > 0 {
		message["content"] = nil
		if x.is("content-empty") {
			message["content"] = ""
		}
		var all []any
		for i, call := range calls {
			v := map[string]any{"id": call.ID, "type": "function", "function": map[string]any{"name": call.Name, "arguments": x.args(call.Args)}}
			if !x.is("tools-no-index") {
				v["index"] = i
			}
			all = append(all, v)
		}
		message["tool_calls"] = all
		if x.is("tools-function-call") {
			delete(message, "tool_calls")
			message["function_call"] = map[string]any{"name": calls[0].Name, "arguments": x.args(calls[0].Args)}
		}
	}
	if t := r.Thoughts(); t != "" {
		if x.is("reasoning-think") {
			message["content"] = "<think>" + t + "</think>\n\n" + r.Text()
		} else {
			x.thought(message, t)
		}
	}
	if x.is("role-none") {
		delete(message, "role")
	}
	choice := map[string]any{"index": 0, "message": message, "finish_reason": x.finish(r)}
	v := c.envelope(x, "chat.completion", 0)
	v["choices"] = []any{choice}
	switch {
	case x.is("usage-none"):
	case x.is("usage-in-choice"):
		choice["usage"] = x.usage(r.Usage)
	default:
		v["usage"] = x.usage(r.Usage)
	}
	if x.is("big-event") {
		v["padding"] = strings.Repeat("填", 30_000)
	}
	if c.decorate != nil {
		c.decorate(x, v, true)
	}
	return compact(v)
}

// args returns the arguments of a call: a text, or the object itself.
func (x *exchange) args(args string) any {
	if x.is("tools-args-object") {
		return json.RawMessage(args)
	}
	return args
}

// chatStream writes the chunks of one answer.
type chatStream struct {
	c     *chat
	x     *exchange
	yield func(frame) bool
	n     int
	used  Usage // so far
	ended bool  // nobody reads any more
}

func (c *chat) stream(x *exchange, r Reply) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		s := &chatStream{c: c, x: x, yield: yield, used: Usage{Input: r.Usage.Input, Cached: r.Usage.Cached}}
		s.chunk(s.first(), nil, false, false)
		s.pieces(r)
		s.used = r.Usage
		s.end(r)
		if !s.ended && !x.is("done-missing") {
			yield(frame{data: []byte("[DONE]")})
		}
	}
}

// first returns the delta that begins the answer.
func (s *chatStream) first() map[string]any {
	d := map[string]any{"content": ""}
	if !s.x.is("role-none") {
		d["role"] = "assistant"
	}
	if s.x.is("content-null") {
		d["content"] = nil
	}
	return d
}

// chunk sends one chunk; a nil delta is one without choices.
func (s *chatStream) chunk(delta map[string]any, finish any, last, content bool) {
	if s.ended {
		return
	}
	x := s.x
	v := s.c.envelope(x, "chat.completion.chunk", s.n)
	choices := []any{}
	if delta != nil {
		switch {
		case s.n == 0 || x.is("role-none"):
		case x.is("role-every"):
			delta["role"] = "assistant"
		case x.is("role-empty"):
			delta["role"] = ""
		}
		if finish == nil && !last {
			finish = x.unfinished()
		}
		choice := map[string]any{"index": 0, "delta": delta, "finish_reason": finish}
		if x.is("finish-none") {
			delete(choice, "finish_reason")
		}
		if last && x.is("usage-in-choice") && !x.is("usage-none") {
			choice["usage"] = x.usage(s.used)
		}
		choices = append(choices, choice)
	}
	v["choices"] = choices
	switch {
	case x.is("usage-none") || x.is("usage-in-choice"):
	case delta == nil, x.is("usage-every-chunk"), last && (x.is("usage-last-chunk") || x.is("usage-zero")):
		v["usage"] = x.usage(s.used)
	}
	if _, said := v["usage"]; !said && x.is("usage-null") {
		v["usage"] = nil
	}
	if s.n == 2 && x.is("big-event") {
		v["padding"] = strings.Repeat("填", 30_000)
	}
	if s.c.decorate != nil {
		s.c.decorate(x, v, last)
	}
	s.n++
	s.ended = !s.yield(frame{data: compact(v), content: content})
}

// piece sends a delta that holds a piece of the answer.
func (s *chatStream) piece(delta map[string]any) {
	if _, has := delta["content"]; !has {
		switch {
		case s.x.is("content-null"):
			delta["content"] = nil
		case s.x.is("content-empty"):
			delta["content"] = ""
		}
	}
	s.chunk(delta, nil, false, true)
}

func (s *chatStream) pieces(r Reply) {
	x := s.x
	inside := false // <think>
	calls := r.Calls()
	for p := range r.all() {
		if s.ended {
			return
		}
		if inside && p.Kind != "thought" {
			inside = false
			s.piece(map[string]any{"content": "</think>\n\n"})
		}
		switch p.Kind {
		case "thought":
			s.used.Reasoning += len([]rune(p.Text))
			if !x.is("reasoning-think") {
				d := map[string]any{}
				x.thought(d, p.Text)
				s.piece(d)
				continue
			}
			if !inside {
				inside = true
				p.Text = "<think>" + p.Text
			}
			s.piece(map[string]any{"content": p.Text})
		case "text":
			s.used.Output += len([]rune(p.Text))
			s.piece(map[string]any{"content": p.Text})
		case "call":
			s.used.Output += len([]rune(p.Name + p.Text))
			s.call(p, calls)
		}
	}
}

// call sends a piece of a call, or, with the first one, the whole call.
func (s *chatStream) call(p Piece, calls []Call) {
	x := s.x
	whole := x.is("tools-whole") || x.is("tools-args-object") || x.is("tools-same-index")
	single := x.is("tools-function-call")
	if p.ID == "" && (whole || single) || single && p.Call > 0 {
		return
	}
	call := calls[p.Call]
	if single {
		s.piece(map[string]any{"function_call": map[string]any{"name": call.Name, "arguments": x.args(call.Args)}})
		return
	}
	function := map[string]any{"arguments": p.Text}
	if whole {
		function["arguments"] = x.args(call.Args)
	}
	v := map[string]any{"index": p.Call, "function": function}
	switch {
	case p.ID != "" || x.is("tools-id-repeated"):
		v["id"], v["type"], function["name"] = call.ID, "function", call.Name
	case x.is("tools-id-empty"):
		v["id"], v["type"], function["name"] = "", "function", ""
	}
	if x.is("tools-same-index") {
		v["index"] = 0
	}
	if x.is("tools-no-index") {
		delete(v, "index")
	}
	s.piece(map[string]any{"tool_calls": []any{v}})
}

// end sends the chunk that ends the answer, and the one with usage.
func (s *chatStream) end(r Reply) {
	x := s.x
	if !x.is("done-without-finish") {
		s.chunk(map[string]any{}, x.finish(r), true, false)
	}
	if !x.is("usage-none") && !x.is("usage-last-chunk") && !x.is("usage-every-chunk") && !x.is("usage-in-choice") && !x.is("usage-zero") {
		s.chunk(nil, nil, true, false)
	}
}
