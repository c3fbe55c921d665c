package fake

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
)

// Anthropic by its own protocol: thoughts are signed and refused where they
// come back changed, unknown fields are refused, and a tool's result has to
// follow its call at once.
// Source: docs.anthropic.com, Messages (2026-07).
func init() {
	register(Vendor{
		Name: "anthropic", About: "Anthropic Claude", Protocol: "Messages", Kind: "anthropic",
		Base: "/v1", Model: "claude-sonnet-5", Key: "sk-ant-fake",
		Unknown: []string{"quota", "filtered"},
		Returns: true, Signed: true,
		Cannot: map[Scenario]string{Embeddings: "Anthropic has no embeddings"},
		door:   claude{},
	})
}

// claude is the codec of Messages.
type claude struct{}

var claudeErrors = map[string]failure{
	invalid: {400, "", "invalid_request_error"}, unauthorized: {401, "", "authentication_error"}, notFound: {404, "", "not_found_error"},
	tooLong: {400, "", "invalid_request_error"}, rateLimited: {429, "", "rate_limit_error"}, quota: {400, "", "invalid_request_error"},
	filtered: {400, "", "invalid_request_error"}, overloaded: {529, "", "overloaded_error"},
}

func (c claude) mount(mux *http.ServeMux, s *Server) {
	serve := func(count bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			x := s.begin(w, r)
			if x == nil {
				return
			}
			w.Header().Set("Request-Id", "req_fake")
			p := c.authorised(x)
			if p == nil {
				p = c.read(x, count)
			}
			switch {
			case p != nil:
				x.refuse(c, *p)
			case count:
				x.write(http.StatusOK, compact(map[string]any{"input_tokens": x.ask.tokens()}))
			default:
				x.answer(c)
			}
		}
	}
	mux.HandleFunc("POST "+s.Vendor.Base+"/messages", serve(false))
	mux.HandleFunc("POST "+s.Vendor.Base+"/messages/count_tokens", serve(true))
	mux.HandleFunc("GET "+s.Vendor.Base+"/models", func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{s: s, w: w, r: r}
		if p := c.authorised(x); p != nil {
			x.refuse(c, *p)
			return
		}
		x.write(http.StatusOK, compact(map[string]any{"has_more": false, "first_id": s.model, "last_id": s.model,
			"data": []any{map[string]any{"type": "model", "id": s.model, "display_name": s.model, "created_at": "2026-01-01T00:00:00Z"}}}))
	})
}

func (c claude) authorised(x *exchange) *problem {
	h := x.r.Header
	switch {
	case h.Get("X-Api-Key") != x.s.key && x.bearer() != x.s.key:
		return &problem{what: unauthorized, message: "invalid x-api-key"}
	case h.Get("Anthropic-Version") != "2023-06-01":
		return &problem{what: invalid, message: "anthropic-version: header is required"}
	}
	return nil
}

var claudeFields = []string{"model", "max_tokens", "messages", "system", "stream", "temperature", "top_p", "top_k", "stop_sequences", "tools", "tool_choice", "thinking",
	"output_config", "metadata", "service_tier", "context_management", "container", "mcp_servers"}

func (c claude) read(x *exchange, count bool) *problem {
	bad := func(format string, args ...any) *problem {
		return &problem{what: invalid, message: fmt.Sprintf(format, args...)}
	}
	a := &x.ask
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(x.body, &fields); err != nil {
		return bad("the body is not a JSON object")
	}
	for name := range fields {
		if a.Fields = append(a.Fields, name); !slices.Contains(claudeFields, name) {
			return bad("%s: Extra inputs are not permitted", name)
		}
	}
	var q struct {
		Model    string `json:"model"`
		Most     int    `json:"max_tokens"`
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
		System json.RawMessage `json:"system"`
		Stream bool            `json:"stream"`
		Tools  []struct {
			Type   string          `json:"type"`
			Name   string          `json:"name"`
			Schema json.RawMessage `json:"input_schema"`
		} `json:"tools"`
		Choice *struct {
			Type string `json:"type"`
			Name string `json:"name"`
		} `json:"tool_choice"`
		Thinking *struct {
			Type string `json:"type"`
		} `json:"thinking"`
		Output struct {
			Effort string `json:"effort"`
			Format *struct {
				Type   string          `json:"type"`
				Schema json.RawMessage `json:"schema"`
			} `json:"format"`
		} `json:"output_config"`
		Temperature *float64 `json:"temperature"`
	}
	if err := json.Unmarshal(x.body, &q); err != nil {
		return bad("a field of the wrong type: %v", err)
	}
	a.Vendor, a.Model, a.Stream, a.MaxTokens, a.Effort = x.s.Vendor.Name, q.Model, q.Stream, q.Most, q.Output.Effort
	switch t := q.Thinking; {
	case q.Model != x.s.model:
		return &problem{what: notFound, message: "model: " + q.Model}
	case q.Most < 1 && !count:
		return bad("max_tokens: Field required")
	case len(q.Messages) == 0:
		return bad("messages: at least one message is required")
	case q.Temperature != nil && (*q.Temperature < 0 || *q.Temperature > 1):
		return bad("temperature: range: 0..1")
	case a.Effort != "" && !slices.Contains([]string{"low", "medium", "high", "xhigh", "max"}, a.Effort):
		return bad("output_config.effort: got %q", a.Effort)
	case t == nil || t.Type == "disabled":
	case t.Type != "adaptive":
		return bad(`thinking.type: "%s" is not supported by this model, use "adaptive"`, t.Type)
	case q.Temperature != nil && *q.Temperature != 1:
		return bad("`temperature` may only be set to 1 when thinking is enabled")
	default:
		a.Thinks = true
	}
	if q.System != nil {
		t := Turn{Role: "system"}
		if p := c.blocks(&t, nil, q.System); p != "" {
			return bad("system: %s", p)
		}
		a.Turns = append(a.Turns, t)
	}
	for _, t := range q.Tools {
		if t.Name == "" || t.Schema == nil || t.Type != "" && t.Type != "custom" {
			return bad("tools: want a name and input_schema")
		}
		a.Tools = append(a.Tools, Tool{t.Name, t.Schema})
	}
	if q.Choice != nil {
		switch a.Choice = map[string]string{"auto": "auto", "any": "required", "none": "none", "tool": q.Choice.Name}[q.Choice.Type]; {
		case a.Choice == "":
			return bad("tool_choice.type: got %q", q.Choice.Type)
		case len(a.Tools) == 0:
			return bad("tool_choice: may only be specified while providing tools")
		}
	}
	if f := q.Output.Format; f != nil {
		if f.Type != "json_schema" || f.Schema == nil {
			return bad("output_config.format: want json_schema with a schema")
		}
		a.Schema = f.Schema
	}
	var waiting []string // calls whose results have to come with the next message
	for i, m := range q.Messages {
		if m.Role != "user" && m.Role != "assistant" {
			return bad("messages.%d.role: Input should be 'user' or 'assistant'", i)
		}
		t := Turn{Role: m.Role}
		var results []Turn
		if p := c.blocks(&t, &results, m.Content); p != "" {
			return bad("messages.%d.%s", i, p)
		}
		for _, r := range results {
			at := slices.Index(waiting, r.CallID)
			if at < 0 {
				return bad("messages.%d: unexpected `tool_use_id` found in `tool_result` blocks: %s", i, r.CallID)
			}
			waiting = slices.Delete(waiting, at, at+1)
		}
		if len(waiting) > 0 {
			return bad("messages.%d: `tool_use` ids were found without `tool_result` blocks immediately after: %s", i, waiting[0])
		}
		for _, call := range t.Calls {
			waiting = append(waiting, call.ID)
		}
		a.Turns = append(a.Turns, results...)
		if t.Role == "assistant" || t.Text != "" || t.Images != nil {
			a.Turns = append(a.Turns, t)
		}
	}
	return nil
}

// blocks reads content: a text or blocks. Results of tools become turns of
// their own. What it returns is what is wrong.
func (c claude) blocks(t *Turn, results *[]Turn, content json.RawMessage) string {
	if json.Unmarshal(content, &t.Text) == nil {
		return ""
	}
	var all []struct {
		Type      string          `json:"type"`
		Text      string          `json:"text"`
		Thinking  string          `json:"thinking"`
		Signature string          `json:"signature"`
		ID        string          `json:"id"`
		Name      string          `json:"name"`
		Input     json.RawMessage `json:"input"`
		UseID     string          `json:"tool_use_id"`
		Content   json.RawMessage `json:"content"`
		Source    struct {
			Type, Data, URL string
			MIME            string `json:"media_type"`
		} `json:"source"`
	}
	if json.Unmarshal(content, &all) != nil {
		return "content: want a text or blocks"
	}
	for i, b := range all {
		where := fmt.Sprintf("content.%d", i)
		switch {
		case b.Type == "text" && b.Text == "":
			return where + ": text content blocks must be non-empty"
		case b.Type == "text":
			t.Text += b.Text
		case b.Type == "image" && t.Role != "assistant":
			m, ok := Image{URL: b.Source.URL}, b.Source.URL != ""
			if b.Source.Type == "base64" {
				m, ok = inline(b.Source.MIME, b.Source.Data)
			}
			if !ok {
				return where + ": the image can't be read"
			}
			t.Images = append(t.Images, m)
		case b.Type == "document" && t.Role != "assistant":
			data, err := base64.StdEncoding.DecodeString(b.Source.Data)
			if err != nil || b.Source.Type == "base64" && b.Source.MIME != "application/pdf" || b.Source.Type != "base64" && b.Source.URL == "" && b.Source.Type != "text" {
				return where + ": the document can't be read"
			}
			t.Images = append(t.Images, Image{MIME: b.Source.MIME, Bytes: len(data), URL: b.Source.URL})
		case b.Type == "thinking" && t.Role == "assistant":
			if b.Signature != seal(b.Thinking) {
				return where + ": Invalid `signature` in `thinking` block"
			}
			t.Thoughts, t.Sign = t.Thoughts+b.Thinking, b.Signature
		case b.Type == "tool_use" && t.Role == "assistant":
			var input map[string]any
			if b.ID == "" || b.Name == "" || json.Unmarshal(b.Input, &input) != nil || input == nil {
				return where + ": tool_use: want id, name and input that is an object"
			}
			t.Calls = append(t.Calls, Call{b.ID, b.Name, string(b.Input)})
		case b.Type == "tool_result" && t.Role == "user" && results != nil:
			r := Turn{Role: "tool", CallID: b.UseID}
			if b.Content != nil {
				if p := c.blocks(&r, nil, b.Content); p != "" {
					return where + "." + p
				}
			}
			*results = append(*results, r)
		default:
			return where + ".type: a " + b.Type + " block in a message of the " + t.Role
		}
	}
	return ""
}

// seal returns the signature of thoughts.
func seal(thoughts string) string { return "fake-signature-" + hash([]byte(thoughts))[:16] }

func (c claude) refusal(_ *exchange, p problem) (int, []byte) {
	f := claudeErrors[p.what]
	return f.status, compact(map[string]any{"type": "error", "error": map[string]any{"type": f.kind, "message": p.message}, "request_id": "req_fake"})
}

func (c claude) trouble(x *exchange, p problem) frame {
	_, body := c.refusal(x, p)
	return frame{name: "error", data: body}
}

var claudeStops = map[string]string{"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens", "content_filter": "refusal"}

// usage returns the object that tells usage. Cached input is apart.
func (c claude) usage(x *exchange, u Usage) map[string]any {
	if x.is("usage-none") {
		return nil
	}
	return map[string]any{"input_tokens": u.Input - u.Cached, "cache_creation_input_tokens": 0, "cache_read_input_tokens": u.Cached, "output_tokens": u.Output + u.Reasoning}
}

func (c claude) message(x *exchange, content []any, stop any, u Usage) map[string]any {
	v := map[string]any{"id": "msg_fake", "type": "message", "role": "assistant", "model": x.ask.Model, "content": content, "stop_reason": stop, "stop_sequence": nil}
	if usage := c.usage(x, u); usage != nil {
		v["usage"] = usage
	}
	return v
}

func (c claude) whole(x *exchange, r Reply) []byte {
	content := []any{}
	if t := r.Thoughts(); t != "" {
		content = append(content, map[string]any{"type": "thinking", "thinking": t, "signature": seal(t)})
	}
	if t := r.Text(); t != "" {
		content = append(content, map[string]any{"type": "text", "text": t})
	}
	for _, call := range r.Calls() {
		content = append(content, map[string]any{"type": "tool_use", "id": call.ID, "name": call.Name, "input": json.RawMessage(call.Args)})
	}
	return compact(c.message(x, content, claudeStops[r.Finish], r.Usage))
}

func (c claude) stream(x *exchange, r Reply) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		open := true // somebody reads
		send := func(name string, content bool, v map[string]any) {
			v["type"] = name
			open = open && yield(frame{name: name, data: compact(v), content: content})
		}
		index, block := -1, "" // the open block
		stop := func() {
			if block == "thought" {
				send("content_block_delta", false, map[string]any{"index": index, "delta": map[string]any{"type": "signature_delta", "signature": seal(r.Thoughts())}})
			}
			if block != "" {
				send("content_block_stop", false, map[string]any{"index": index})
			}
		}
		start := Usage{Input: r.Usage.Input, Cached: r.Usage.Cached, Output: 1}
		send("message_start", false, map[string]any{"message": c.message(x, []any{}, nil, start)})
		for p := range r.all() {
			if !open {
				return
			}
			if p.Kind != block || p.ID != "" {
				stop()
				index, block = index+1, p.Kind
				body := map[string]any{"type": "text", "text": ""}
				switch p.Kind {
				case "thought":
					body = map[string]any{"type": "thinking", "thinking": "", "signature": ""}
				case "call":
					body = map[string]any{"type": "tool_use", "id": p.ID, "name": p.Name, "input": map[string]any{}}
				}
				send("content_block_start", false, map[string]any{"index": index, "content_block": body})
				if index == 0 {
					send("ping", false, map[string]any{})
				}
			}
			delta := map[string]any{"type": "text_delta", "text": p.Text}
			switch p.Kind {
			case "thought":
				delta = map[string]any{"type": "thinking_delta", "thinking": p.Text}
			case "call":
				delta = map[string]any{"type": "input_json_delta", "partial_json": p.Text}
			}
			send("content_block_delta", true, map[string]any{"index": index, "delta": delta})
		}
		stop()
		end := map[string]any{"delta": map[string]any{"stop_reason": claudeStops[r.Finish], "stop_sequence": nil}}
		if !x.is("usage-none") {
			end["usage"] = map[string]any{"output_tokens": r.Usage.Output + r.Usage.Reasoning}
		}
		send("message_delta", false, end)
		send("message_stop", false, map[string]any{})
	}
}
