package fake

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
)

// OpenAI by its newer protocol: nothing is stored, so thoughts come encrypted
// where that was asked for and are refused without; there is no [DONE].
// Source: https://platform.openai.com/docs/api-reference/responses
func init() {
	register(Vendor{
		Name: "responses", About: "OpenAI", Protocol: "Responses", Kind: "responses",
		Base: "/v1", Model: "gpt-5.5", Key: "sk-fake-openai",
		Returns: true, Signed: true,
		Cannot: map[Scenario]string{Embeddings: "for embeddings use the kind `openai`"},
		door:   responses{},
	})
}

// responses is the codec of Responses.
type responses struct{}

func (c responses) mount(mux *http.ServeMux, s *Server) {
	mux.HandleFunc("POST "+s.Vendor.Base+"/responses", func(w http.ResponseWriter, r *http.Request) {
		x := s.begin(w, r)
		if x == nil {
			return
		}
		p := (*problem)(nil)
		if x.bearer() != s.key {
			p = &problem{what: unauthorized, message: "Incorrect API key provided"}
		} else {
			p = c.read(x)
		}
		if p != nil {
			x.refuse(c, *p)
			return
		}
		x.answer(c)
	})
}

var responseFields = []string{"model", "input", "instructions", "stream", "stream_options", "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "include", "store",
	"max_output_tokens", "max_tool_calls", "temperature", "top_p", "top_logprobs", "metadata", "user", "safety_identifier", "prompt_cache_key", "service_tier", "truncation",
	"background", "previous_response_id", "conversation", "prompt"}

// responseItem is an item of the input.
type responseItem struct {
	Type      string          `json:"type"`
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	CallID    string          `json:"call_id"`
	Name      string          `json:"name"`
	Arguments string          `json:"arguments"`
	Output    json.RawMessage `json:"output"`
	Encrypted string          `json:"encrypted_content"`
	Summary   []struct {
		Text string `json:"text"`
	} `json:"summary"`
}

func (c responses) read(x *exchange) *problem {
	bad := func(param, format string, args ...any) *problem {
		return &problem{what: invalid, message: fmt.Sprintf(format, args...), param: param}
	}
	a := &x.ask
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(x.body, &fields); err != nil {
		return bad("", "the body is not a JSON object")
	}
	for name := range fields {
		if a.Fields = append(a.Fields, name); !slices.Contains(responseFields, name) {
			return bad(name, "Unknown parameter: '%s'.", name)
		}
	}
	var q struct {
		Model        string          `json:"model"`
		Input        json.RawMessage `json:"input"`
		Instructions string          `json:"instructions"`
		Stream       bool            `json:"stream"`
		Store        *bool           `json:"store"`
		Most         int             `json:"max_output_tokens"`
		Include      []string        `json:"include"`
		Choice       json.RawMessage `json:"tool_choice"`
		Tools        []struct {
			Type       string          `json:"type"`
			Name       string          `json:"name"`
			Parameters json.RawMessage `json:"parameters"`
		} `json:"tools"`
		Text struct {
			Format *struct {
				Type   string          `json:"type"`
				Name   string          `json:"name"`
				Schema json.RawMessage `json:"schema"`
			} `json:"format"`
		} `json:"text"`
		Reasoning struct {
			Effort  string `json:"effort"`
			Summary string `json:"summary"`
		} `json:"reasoning"`
	}
	if err := json.Unmarshal(x.body, &q); err != nil {
		return bad("", "a parameter of the wrong type: %v", err)
	}
	a.Vendor, a.Model, a.Stream, a.MaxTokens, a.Effort = x.s.Vendor.Name, q.Model, q.Stream, q.Most, q.Reasoning.Effort
	a.Thinks = q.Reasoning.Summary != "" && a.Effort != "none"
	x.on["encrypted"] = slices.Contains(q.Include, "reasoning.encrypted_content")
	switch {
	case q.Model != x.s.model:
		return &problem{what: notFound, message: "The model '" + q.Model + "' does not exist", param: "model"}
	case q.Most != 0 && q.Most < 16:
		return bad("max_output_tokens", "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16")
	case a.Effort != "" && !slices.Contains([]string{"none", "minimal", "low", "medium", "high", "xhigh"}, a.Effort):
		return bad("reasoning.effort", "Unsupported value: '%s'", a.Effort)
	case fields["previous_response_id"] != nil:
		return bad("previous_response_id", "Previous response not found: this fake stores nothing")
	}
	if q.Instructions != "" {
		a.Turns = append(a.Turns, Turn{Role: "system", Text: q.Instructions})
	}
	for _, t := range q.Tools {
		if t.Type != "function" || t.Name == "" {
			return bad("tools", "this fake knows functions only")
		}
		a.Tools = append(a.Tools, Tool{t.Name, t.Parameters})
	}
	var one struct{ Type, Name string }
	if q.Choice != nil && json.Unmarshal(q.Choice, &a.Choice) != nil {
		if json.Unmarshal(q.Choice, &one) != nil || one.Type != "function" || one.Name == "" {
			return bad("tool_choice", "want a word or a function")
		}
		a.Choice = one.Name
	}
	if f := q.Text.Format; f != nil && f.Type != "text" {
		if a.JSON = true; f.Type == "json_schema" {
			if a.Schema = f.Schema; f.Name == "" || f.Schema == nil {
				return bad("text.format.name", "Missing required parameter: 'text.format.name'.")
			}
		}
	}
	return c.input(a, q.Input, q.Store != nil && !*q.Store)
}

// input reads the conversation. Thoughts, texts and calls are items of their
// own and make one turn.
func (c responses) input(a *Ask, input json.RawMessage, unstored bool) *problem {
	bad := func(i int, format string, args ...any) *problem {
		return &problem{what: invalid, param: fmt.Sprintf("input[%d]", i), message: fmt.Sprintf(format, args...)}
	}
	var text string
	if json.Unmarshal(input, &text) == nil {
		a.Turns = append(a.Turns, Turn{Role: "user", Text: text})
		return nil
	}
	var items []responseItem
	if json.Unmarshal(input, &items) != nil || len(items) == 0 {
		return &problem{what: invalid, param: "input", message: "want a text or items"}
	}
	said := func() *Turn {
		if n := len(a.Turns); n > 0 && a.Turns[n-1].Role == "assistant" {
			return &a.Turns[n-1]
		}
		a.Turns = append(a.Turns, Turn{Role: "assistant"})
		return &a.Turns[len(a.Turns)-1]
	}
	waiting := map[string]bool{}
	for i, m := range items {
		switch m.Type {
		case "", "message":
			t := Turn{Role: m.Role}
			if t.Role == "developer" {
				t.Role = "system"
			}
			if !slices.Contains([]string{"system", "user", "assistant"}, t.Role) {
				return bad(i, "Invalid value: '%s'", m.Role)
			}
			if why := c.content(&t, m.Content); why != "" {
				return bad(i, "%s", why)
			}
			if t.Role == "assistant" {
				said().Text += t.Text
			} else {
				a.Turns = append(a.Turns, t)
			}
		case "function_call":
			if m.CallID == "" || m.Name == "" || !json.Valid([]byte(m.Arguments)) {
				return bad(i, "function_call: want call_id, name and arguments that are JSON")
			}
			waiting[m.CallID] = true
			t := said()
			t.Calls = append(t.Calls, Call{m.CallID, m.Name, m.Arguments})
		case "function_call_output":
			if !waiting[m.CallID] {
				return bad(i, "No tool call found for function call output with call_id %s.", m.CallID)
			}
			delete(waiting, m.CallID)
			t := Turn{Role: "tool", CallID: m.CallID}
			if why := c.content(&t, m.Output); why != "" {
				return bad(i, "%s", why)
			}
			a.Turns = append(a.Turns, t)
		case "reasoning":
			if m.Summary == nil {
				return bad(i, "Missing required parameter: 'input[%d].summary'.", i)
			}
			thoughts := ""
			for _, s := range m.Summary {
				thoughts += s.Text
			}
			if unstored && m.Encrypted != seal(thoughts) {
				return bad(i, "The encrypted content could not be verified, and items are not persisted when `store` is set to false.")
			}
			t := said()
			t.Thoughts, t.Sign = thoughts, m.Encrypted
		default:
			return bad(i, "Invalid value: '%s'", m.Type)
		}
	}
	if len(waiting) > 0 {
		return bad(len(items)-1, "No tool output found for a function call.")
	}
	return nil
}

func (c responses) content(t *Turn, content json.RawMessage) string {
	if json.Unmarshal(content, &t.Text) == nil {
		return ""
	}
	var parts []struct{ Type, Text, Refusal string }
	var images []struct {
		URL string `json:"image_url"`
	}
	if json.Unmarshal(content, &parts) != nil || json.Unmarshal(content, &images) != nil {
		return "content is neither a text nor parts"
	}
	for i, p := range parts {
		switch {
		case p.Type == "input_text" && t.Role != "assistant", p.Type == "output_text" && t.Role == "assistant":
			t.Text += p.Text
		case p.Type == "refusal" && t.Role == "assistant":
			t.Text += p.Refusal
		case p.Type == "input_image" && t.Role != "assistant":
			m, ok := image(images[i].URL)
			if !ok {
				return "Expected a valid URL for image_url"
			}
			t.Images = append(t.Images, m)
		default:
			return "Invalid value: '" + p.Type + "' in a message of the " + t.Role
		}
	}
	return ""
}

func (c responses) refusal(_ *exchange, p problem) (int, []byte) {
	f := openAIErrors[p.what]
	return f.status, compact(openAIError(f, p))
}

func (c responses) trouble(x *exchange, p problem) frame {
	v := c.response(x, "failed", nil, Usage{})
	v["error"] = map[string]any{"code": "server_error", "message": p.message}
	delete(v, "usage")
	return frame{name: "response.failed", data: compact(map[string]any{"type": "response.failed", "sequence_number": 999, "response": v})}
}

// response returns the response object.
func (c responses) response(x *exchange, status string, output []any, u Usage) map[string]any {
	if output == nil {
		output = []any{}
	}
	v := map[string]any{"id": "resp_fake", "object": "response", "created_at": x.s.now().Unix(), "status": status, "model": x.ask.Model, "output": output,
		"error": nil, "incomplete_details": nil, "parallel_tool_calls": true, "store": false, "usage": nil}
	if status != "in_progress" && !x.is("usage-none") {
		v["usage"] = map[string]any{"input_tokens": u.Input, "input_tokens_details": map[string]any{"cached_tokens": u.Cached}, "output_tokens": u.Output + u.Reasoning,
			"output_tokens_details": map[string]any{"reasoning_tokens": u.Reasoning}, "total_tokens": u.Input + u.Output + u.Reasoning}
	}
	return v
}

// item returns an item of the output: of the kind thought, text or call.
func (c responses) item(x *exchange, i int, kind, status, text string, call Call) map[string]any {
	switch kind {
	case "thought":
		v := map[string]any{"id": fmt.Sprintf("rs_%d", i), "type": "reasoning", "summary": []any{}}
		if text != "" {
			v["summary"] = []any{map[string]any{"type": "summary_text", "text": text}}
		}
		if x.is("encrypted") && status == "completed" {
			v["encrypted_content"] = seal(text)
		}
		return v
	case "call":
		return map[string]any{"id": fmt.Sprintf("fc_%d", i), "type": "function_call", "status": status, "call_id": call.ID, "name": call.Name, "arguments": text}
	}
	v := map[string]any{"id": fmt.Sprintf("msg_%d", i), "type": "message", "status": status, "role": "assistant", "content": []any{}}
	if text != "" {
		v["content"] = []any{map[string]any{"type": "output_text", "text": text, "annotations": []any{}}}
	}
	return v
}

func (c responses) whole(x *exchange, r Reply) []byte {
	var output []any
	if t := r.Thoughts(); t != "" {
		output = append(output, c.item(x, len(output), "thought", "completed", t, Call{}))
	}
	if t := r.Text(); t != "" {
		output = append(output, c.item(x, len(output), "text", "completed", t, Call{}))
	}
	for _, call := range r.Calls() {
		output = append(output, c.item(x, len(output), "call", "completed", call.Args, call))
	}
	return compact(c.response(x, "completed", output, r.Usage))
}

func (c responses) stream(x *exchange, r Reply) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		open, seq := true, 0 // somebody reads
		send := func(name string, content bool, v map[string]any) {
			v["type"], v["sequence_number"] = name, seq
			seq++
			open = open && yield(frame{name: name, data: compact(v), content: content})
		}
		var output []any
		var kind, text, id string // of the open item
		var call Call
		at := func(v map[string]any) map[string]any {
			v["item_id"], v["output_index"] = id, len(output)
			return v
		}
		stop := func() {
			switch kind {
			case "":
				return
			case "thought":
				send("response.reasoning_summary_text.done", false, at(map[string]any{"summary_index": 0, "text": text}))
				send("response.reasoning_summary_part.done", false, at(map[string]any{"summary_index": 0, "part": map[string]any{"type": "summary_text", "text": text}}))
			case "text":
				send("response.output_text.done", false, at(map[string]any{"content_index": 0, "text": text}))
				send("response.content_part.done", false, at(map[string]any{"content_index": 0, "part": map[string]any{"type": "output_text", "text": text, "annotations": []any{}}}))
			case "call":
				send("response.function_call_arguments.done", false, at(map[string]any{"arguments": text}))
			}
			item := c.item(x, len(output), kind, "completed", text, call)
			send("response.output_item.done", false, map[string]any{"output_index": len(output), "item": item})
			output = append(output, item)
			kind, text = "", ""
		}
		for _, name := range []string{"response.created", "response.in_progress"} {
			send(name, false, map[string]any{"response": c.response(x, "in_progress", nil, Usage{})})
		}
		for p := range r.all() {
			if !open {
				return
			}
			if p.Kind != kind || p.ID != "" {
				stop()
				kind, call = p.Kind, Call{ID: p.ID, Name: p.Name}
				item := c.item(x, len(output), kind, "in_progress", "", call)
				id = item["id"].(string)
				send("response.output_item.added", false, map[string]any{"output_index": len(output), "item": item})
				switch kind {
				case "thought":
					send("response.reasoning_summary_part.added", false, at(map[string]any{"summary_index": 0, "part": map[string]any{"type": "summary_text", "text": ""}}))
				case "text":
					send("response.content_part.added", false, at(map[string]any{"content_index": 0, "part": map[string]any{"type": "output_text", "text": "", "annotations": []any{}}}))
				}
			}
			if !r.Endless { // or it would be held whole
				text += p.Text
			}
			switch kind {
			case "thought":
				send("response.reasoning_summary_text.delta", true, at(map[string]any{"summary_index": 0, "delta": p.Text}))
			case "text":
				send("response.output_text.delta", true, at(map[string]any{"content_index": 0, "delta": p.Text}))
			case "call":
				send("response.function_call_arguments.delta", true, at(map[string]any{"delta": p.Text}))
			}
		}
		stop()
		send("response.completed", false, map[string]any{"response": c.response(x, "completed", output, r.Usage)})
	}
}
