package fake_test

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"
)

// question is what a client asks, whatever its protocol.
type question struct {
	model  string
	text   string
	stream bool
	tools  bool
	image  bool
	schema bool
	think  bool
	quick  bool // not to think
	// turns are those after the first question: answers that called tools.
	turns []answer
	// seen is called with each piece of an answer; nil = nobody.
	seen func(kind string)
}

// answer is what a client read.
type answer struct {
	status    int
	header    http.Header
	text      string
	thoughts  string
	sign      string
	calls     []call
	finish    string // stop, tool_calls, length or filter
	input     int
	output    int
	estimated bool
	ended     bool   // the protocol's proper end came
	failed    string // the code or type of an error; empty = none
	message   string // of the error
	err       error  // of reading
	times     []time.Time
}

type call struct{ id, name, args string }

// protocol is one way to ask the gateway.
type protocol struct {
	name string
	ask  func(b *bench, ctx context.Context, q question) answer
	text bool // it carries text and nothing else
}

// protocols are the dialects above.
var protocols = []protocol{{"chat", askChat, false}, {"responses", askResponses, false}, {"messages", askMessages, false}, {"completions", askCompletions, true}}

const weather = `{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city","days"]}`

const answerSchema = `{"type":"object","properties":{"city":{"type":"string"},"hot":{"type":"boolean"}},"required":["city","hot"],"additionalProperties":false}`

// picture is a PNG of one pixel.
const picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

// toolSays is what the tools of a test give back.
func toolSays(i int) string { return fmt.Sprintf("晴 %d°C", 20+i) }

type object = map[string]any
type list = []any

func raw(s string) json.RawMessage { return json.RawMessage(s) }

// ask sends the question and reads status and header; body reads the rest.
func (b *bench) ask(ctx context.Context, path string, q question, body any, whole func(object, *answer), event func(name string, v object, a *answer) bool) answer {
	var a answer
	resp, err := b.post(ctx, path, body, "Anthropic-Version", "2023-06-01")
	if err != nil {
		a.err = err
		return a
	}
	defer resp.Body.Close()
	a.status, a.header = resp.StatusCode, resp.Header
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		text, err := io.ReadAll(resp.Body)
		var v object
		if a.err = err; err == nil {
			a.err = json.Unmarshal(text, &v)
		}
		if e, ok := v["error"].(object); ok && resp.StatusCode != http.StatusOK {
			a.fail(e)
		} else if a.err == nil {
			whole(v, &a)
		}
		return a
	}
	a.err = frames(resp.Body, func(name, data string) bool {
		if data == "[DONE]" {
			a.ended = true
			return true
		}
		var v object
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			a.failed, a.message = "not JSON", data
			return false
		}
		if e, ok := v["error"].(object); ok {
			a.fail(e)
			return true
		}
		return event(name, v, &a)
	})
	return a
}

// fail reads an error object: the code where there is one, else the type.
func (a *answer) fail(e object) {
	a.failed, _ = e["code"].(string)
	if a.failed == "" {
		a.failed, _ = e["type"].(string)
	}
	a.message, _ = e["message"].(string)
}

func (a *answer) piece(q question, kind, text string) {
	if text == "" {
		return
	}
	switch kind {
	case "text":
		a.text += text
	case "thought":
		a.thoughts += text
	}
	a.times = append(a.times, time.Now())
	if q.seen != nil {
		q.seen(kind)
	}
}

func str(v object, name string) string { s, _ := v[name].(string); return s }
func num(v object, name string) int    { n, _ := v[name].(float64); return int(n) }
func obj(v object, name string) object { o, _ := v[name].(object); return o }
func arr(v object, name string) list   { l, _ := v[name].(list); return l }

// askChat speaks OpenAI Chat Completions.
func askChat(b *bench, ctx context.Context, q question) answer {
	content := any(q.text)
	if q.image {
		content = list{object{"type": "text", "text": q.text}, object{"type": "image_url", "image_url": object{"url": "data:image/png;base64," + picture}}}
	}
	messages := list{object{"role": "system", "content": "Be brief."}, object{"role": "user", "content": content}}
	for _, t := range q.turns {
		m := object{"role": "assistant", "content": nil}
		if q.think {
			m["reasoning_content"] = t.thoughts
		}
		var calls list
		for _, c := range t.calls {
			calls = append(calls, object{"id": c.id, "type": "function", "function": object{"name": c.name, "arguments": c.args}})
		}
		m["tool_calls"] = calls
		messages = append(messages, m)
		for i, c := range t.calls {
			messages = append(messages, object{"role": "tool", "tool_call_id": c.id, "content": toolSays(i)})
		}
	}
	body := object{"model": q.model, "messages": messages, "max_tokens": 1000}
	if q.stream {
		body["stream"], body["stream_options"] = true, object{"include_usage": true}
	}
	if q.tools {
		body["tools"] = list{object{"type": "function", "function": object{"name": "weather", "description": "tells the weather", "parameters": raw(weather)}}}
	}
	if q.schema {
		body["response_format"] = object{"type": "json_schema", "json_schema": object{"name": "answer", "schema": raw(answerSchema)}}
	}
	if q.think {
		body["reasoning_effort"] = "high"
	}
	if q.quick {
		body["reasoning_effort"] = "none"
	}
	usage := func(v object, a *answer) {
		if u := obj(v, "usage"); u != nil {
			a.input, a.output = num(u, "prompt_tokens"), num(u, "completion_tokens")
			a.estimated, _ = u["estimated"].(bool)
		}
	}
	finish := func(word string, a *answer) {
		if word != "" {
			a.finish = map[string]string{"content_filter": "filter"}[word]
			if a.finish == "" {
				a.finish = word
			}
		}
	}
	return b.ask(ctx, "/v1/chat/completions", q, body, func(v object, a *answer) {
		usage(v, a)
		for _, c := range arr(v, "choices") {
			m := obj(c.(object), "message")
			a.text, a.thoughts = str(m, "content"), str(m, "reasoning_content")
			for _, t := range arr(m, "tool_calls") {
				f := obj(t.(object), "function")
				a.calls = append(a.calls, call{str(t.(object), "id"), str(f, "name"), str(f, "arguments")})
			}
			finish(str(c.(object), "finish_reason"), a)
			a.ended = true
		}
	}, func(_ string, v object, a *answer) bool {
		usage(v, a)
		for _, c := range arr(v, "choices") {
			d := obj(c.(object), "delta")
			a.piece(q, "thought", str(d, "reasoning_content"))
			a.piece(q, "text", str(d, "content"))
			for _, t := range arr(d, "tool_calls") {
				i, f := num(t.(object), "index"), obj(t.(object), "function")
				if i == len(a.calls) {
					a.calls = append(a.calls, call{id: str(t.(object), "id"), name: str(f, "name")})
				}
				a.calls[i].args += str(f, "arguments")
				a.piece(q, "call", "x")
			}
			finish(str(c.(object), "finish_reason"), a)
		}
		return true
	})
}

// askResponses speaks OpenAI Responses.
func askResponses(b *bench, ctx context.Context, q question) answer {
	content := list{object{"type": "input_text", "text": q.text}}
	if q.image {
		content = append(content, object{"type": "input_image", "image_url": "data:image/png;base64," + picture})
	}
	input := list{object{"type": "message", "role": "user", "content": content}}
	for _, t := range q.turns {
		if q.think {
			item := object{"type": "reasoning", "id": "rs_1", "summary": list{object{"type": "summary_text", "text": t.thoughts}}}
			if t.sign != "" {
				item["encrypted_content"] = t.sign
			}
			input = append(input, item)
		}
		for _, c := range t.calls {
			input = append(input, object{"type": "function_call", "call_id": c.id, "name": c.name, "arguments": c.args})
		}
		for i, c := range t.calls {
			input = append(input, object{"type": "function_call_output", "call_id": c.id, "output": toolSays(i)})
		}
	}
	body := object{"model": q.model, "instructions": "Be brief.", "input": input, "store": false, "max_output_tokens": 1000, "stream": q.stream}
	if q.tools {
		body["tools"] = list{object{"type": "function", "name": "weather", "description": "tells the weather", "parameters": raw(weather)}}
	}
	if q.schema {
		body["text"] = object{"format": object{"type": "json_schema", "name": "answer", "schema": raw(answerSchema)}}
	}
	if q.think {
		body["reasoning"], body["include"] = object{"effort": "high", "summary": "auto"}, list{"reasoning.encrypted_content"}
	}
	if q.quick {
		body["reasoning"] = object{"effort": "none"}
	}
	end := func(v object, a *answer) {
		switch str(v, "status") {
		case "completed":
			a.ended, a.finish = true, "stop"
		case "incomplete":
			a.ended, a.finish = true, map[string]string{"max_output_tokens": "length", "content_filter": "filter"}[str(obj(v, "incomplete_details"), "reason")]
		case "failed":
			a.fail(obj(v, "error"))
		}
		if u := obj(v, "usage"); u != nil {
			a.input, a.output = num(u, "input_tokens"), num(u, "output_tokens")
			a.estimated, _ = u["estimated"].(bool)
		}
		text, thoughts := "", ""
		a.calls = nil
		for _, item := range arr(v, "output") {
			switch o := item.(object); str(o, "type") {
			case "message":
				for _, c := range arr(o, "content") {
					text += str(c.(object), "text")
				}
			case "reasoning":
				for _, c := range arr(o, "summary") {
					thoughts += str(c.(object), "text")
				}
				a.sign += str(o, "encrypted_content")
			case "function_call":
				a.calls = append(a.calls, call{str(o, "call_id"), str(o, "name"), str(o, "arguments")})
				if a.finish == "stop" {
					a.finish = "tool_calls"
				}
			}
		}
		if q.stream && a.failed == "" && (text != a.text || thoughts != a.thoughts) {
			a.failed, a.message = "unequal", "the deltas are not what the whole answer says"
		}
		a.text, a.thoughts = text, thoughts
	}
	return b.ask(ctx, "/v1/responses", q, body, end, func(name string, v object, a *answer) bool {
		if name != str(v, "type") {
			a.failed, a.message = "name", name
		}
		switch name {
		case "response.output_text.delta":
			a.piece(q, "text", str(v, "delta"))
		case "response.reasoning_summary_text.delta":
			a.piece(q, "thought", str(v, "delta"))
		case "response.function_call_arguments.delta":
			a.piece(q, "call", "x")
		case "response.completed", "response.incomplete", "response.failed":
			end(obj(v, "response"), a)
		}
		return true
	})
}

// askMessages speaks Anthropic Messages.
func askMessages(b *bench, ctx context.Context, q question) answer {
	content := list{object{"type": "text", "text": q.text}}
	if q.image {
		content = append(content, object{"type": "image", "source": object{"type": "base64", "media_type": "image/png", "data": picture}})
	}
	messages := list{object{"role": "user", "content": content}}
	for _, t := range q.turns {
		var said, results list
		if q.think {
			said = append(said, object{"type": "thinking", "thinking": t.thoughts, "signature": t.sign})
		}
		for i, c := range t.calls {
			said = append(said, object{"type": "tool_use", "id": c.id, "name": c.name, "input": raw(c.args)})
			results = append(results, object{"type": "tool_result", "tool_use_id": c.id, "content": toolSays(i)})
		}
		messages = append(messages, object{"role": "assistant", "content": said}, object{"role": "user", "content": results})
	}
	body := object{"model": q.model, "system": "Be brief.", "messages": messages, "max_tokens": 4000, "stream": q.stream}
	if q.tools {
		body["tools"] = list{object{"name": "weather", "description": "tells the weather", "input_schema": raw(weather)}}
	}
	if q.schema {
		body["output_config"] = object{"format": object{"type": "json_schema", "schema": raw(answerSchema)}}
	}
	if q.think {
		body["thinking"] = object{"type": "enabled", "budget_tokens": 2000}
	}
	if q.quick {
		body["thinking"] = object{"type": "disabled"}
	}
	usage := func(u object, a *answer) {
		a.input, a.output = num(u, "input_tokens")+num(u, "cache_read_input_tokens")+num(u, "cache_creation_input_tokens"), num(u, "output_tokens")
		a.estimated, _ = u["estimated"].(bool)
	}
	finish := func(word string, a *answer) {
		a.finish = map[string]string{"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "refusal": "filter"}[word]
	}
	return b.ask(ctx, "/v1/messages", q, body, func(v object, a *answer) {
		usage(obj(v, "usage"), a)
		finish(str(v, "stop_reason"), a)
		for _, c := range arr(v, "content") {
			switch o := c.(object); str(o, "type") {
			case "text":
				a.text += str(o, "text")
			case "thinking":
				a.thoughts += str(o, "thinking")
				a.sign += str(o, "signature")
			case "tool_use":
				args, _ := json.Marshal(o["input"])
				a.calls = append(a.calls, call{str(o, "id"), str(o, "name"), string(args)})
			}
		}
		a.ended = true
	}, func(name string, v object, a *answer) bool {
		if name != str(v, "type") {
			a.failed, a.message = "name", name
		}
		switch d := obj(v, "delta"); name {
		case "content_block_start":
			if c := obj(v, "content_block"); str(c, "type") == "tool_use" {
				a.calls = append(a.calls, call{id: str(c, "id"), name: str(c, "name")})
			}
		case "content_block_delta":
			a.piece(q, "text", str(d, "text"))
			a.piece(q, "thought", str(d, "thinking"))
			a.sign += str(d, "signature")
			if str(d, "type") == "input_json_delta" {
				a.calls[len(a.calls)-1].args += str(d, "partial_json")
				a.piece(q, "call", "x")
			}
		case "message_delta":
			finish(str(d, "stop_reason"), a)
			usage(obj(v, "usage"), a)
		case "message_stop":
			a.ended = true
		}
		return true
	})
}

// askCompletions speaks OpenAI Completions.
func askCompletions(b *bench, ctx context.Context, q question) answer {
	body := object{"model": q.model, "prompt": q.text, "max_tokens": 1000}
	if q.stream {
		body["stream"], body["stream_options"] = true, object{"include_usage": true}
	}
	read := func(v object, a *answer) {
		if u := obj(v, "usage"); u != nil {
			a.input, a.output = num(u, "prompt_tokens"), num(u, "completion_tokens")
			a.estimated, _ = u["estimated"].(bool)
		}
		for _, c := range arr(v, "choices") {
			a.piece(q, "text", str(c.(object), "text"))
			if word := str(c.(object), "finish_reason"); word != "" {
				a.finish = word
			}
		}
	}
	return b.ask(ctx, "/v1/completions", q, body, func(v object, a *answer) {
		read(v, a)
		a.ended = true
	}, func(_ string, v object, a *answer) bool {
		read(v, a)
		return true
	})
}

// embed asks for vectors, as numbers or in base64.
func (b *bench) embed(ctx context.Context, model string, texts []string, size int, packed bool) (answer, [][]float32) {
	body := object{"model": model, "input": texts}
	if len(texts) == 1 {
		body["input"] = texts[0]
	}
	if size > 0 {
		body["dimensions"] = size
	}
	if packed {
		body["encoding_format"] = "base64"
	}
	var rows [][]float32
	a := b.ask(ctx, "/v1/embeddings", question{}, body, func(v object, a *answer) {
		u := obj(v, "usage")
		a.input, a.ended = num(u, "prompt_tokens"), true
		a.estimated, _ = u["estimated"].(bool)
		for i, d := range arr(v, "data") {
			var row []float32
			if num(d.(object), "index") != i {
				a.failed, a.message = "order", "the vectors are not in the order of the texts"
			}
			for _, n := range arr(d.(object), "embedding") {
				row = append(row, float32(n.(float64)))
			}
			if packed {
				bytes, err := base64.StdEncoding.DecodeString(str(d.(object), "embedding"))
				if err != nil {
					a.err = err
				}
				for ; len(bytes) >= 4; bytes = bytes[4:] {
					row = append(row, math.Float32frombits(binary.LittleEndian.Uint32(bytes)))
				}
			}
			rows = append(rows, row)
		}
	}, nil)
	return a, rows
}
