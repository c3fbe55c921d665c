package dialect

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"summit/llm"
)

// Anthropic is the Messages protocol as the gateway speaks it. Fields that it
// does not know are kept in Request.Extra; a model's thoughts and what a
// council does are shown as thinking blocks, and only to callers that asked
// for thinking.
// Source: https://docs.anthropic.com/en/api/messages
type Anthropic struct{}

func init() { RegisterServer(Anthropic{}) }

// Name returns "anthropic".
func (Anthropic) Name() string { return "anthropic" }

// Pattern returns the method and path of Messages.
func (Anthropic) Pattern() string { return "POST /v1/messages" }

// CountPattern returns the method and path of counting tokens.
func (Anthropic) CountPattern() string { return "POST /v1/messages/count_tokens" }

// Decode reads the body of one request in one pass.
func (Anthropic) Decode(body []byte) (*Call, error) {
	d, err := decodeMessages(body, true)
	if err != nil {
		return nil, err
	}
	d.r.Streaming = d.stream
	form := messageForm{thinking: d.shown, explain: d.r.Summit.Explain, input: llm.EstimateInput(d.r)}
	return &Call{
		Request: d.r, N: 1, Stream: d.stream,
		Encoder: func(m Meta) Encoder { return newMessageEncoder(m, form) },
	}, nil
}

// DecodeCount reads the body of a request whose tokens are to be counted.
func (Anthropic) DecodeCount(body []byte) (*llm.Request, error) {
	d, err := decodeMessages(body, false)
	if err != nil {
		return nil, err
	}
	return d.r, nil
}

// AppendCount adds the answer to a count.
func (Anthropic) AppendCount(dst []byte, n llm.Count) []byte {
	return append(appendCount(append(dst, '{'), "input_tokens", n), '}')
}

// decodeMessages reads a request; without answer it need not say how long the
// answer may be.
func decodeMessages(body []byte, answer bool) (*messageRequest, error) {
	if !utf8.Valid(body) {
		return nil, llm.Errorf(llm.Invalid, "the body is not UTF-8: byte %d", firstInvalid(body))
	}
	d := &messageRequest{scanner: newScanner(body), r: &llm.Request{}}
	d.request(answer)
	if err := d.as(llm.Invalid); err != nil {
		if d.err.offset >= 0 {
			err.Message = "the body is " + err.Message
		}
		return nil, err
	}
	if err := d.r.Valid(); err != nil {
		return nil, err
	}
	return d, nil
}

// messageRequest decodes one request.
type messageRequest struct {
	*scanner
	r      *llm.Request
	system []llm.Part
	stream bool
	shown  bool // the caller wants to see thinking
}

func (d *messageRequest) request(answer bool) {
	r := d.r
	seen := false
	for name := range d.object() {
		if string(name) == "messages" {
			seen = true
			d.messages()
			continue
		}
		if d.null() {
			continue
		}
		switch string(name) {
		case "model":
			r.Model = d.text()
		case "max_tokens":
			r.MaxTokens = d.count(1)
		case "system":
			d.system = d.content()
		case "stream":
			d.stream = d.boolean()
		case "temperature":
			v := d.number()
			r.Temperature = &v
		case "top_p":
			v := d.number()
			r.TopP = &v
		case "top_k":
			r.TopK = d.count(0)
		case "stop_sequences":
			for range d.array("array of strings") {
				if s := d.text(); s != "" {
					r.Stop = append(r.Stop, s)
				}
			}
		case "tools":
			for range d.array("array of tools") {
				r.Tools = append(r.Tools, d.tool())
			}
		case "tool_choice":
			d.toolChoice()
		case "thinking":
			d.thinking()
		case "output_config":
			d.output()
		case "output_format":
			r.Format = d.format()
		case "metadata":
			for name := range d.object() {
				if string(name) == "user_id" && !d.null() {
					r.User = d.text()
				} else {
					d.skip()
				}
			}
		case "summit":
			(&chatRequest{scanner: d.scanner, r: r}).extension()
		default:
			if r.Extra == nil {
				r.Extra = map[string]json.RawMessage{}
			}
			key := wellFormed(name)
			r.Extra[key] = d.raw()
		}
	}
	d.end()
	switch {
	case d.err != nil:
	case r.Model == "":
		d.fail("model", "missing, want the name of a model")
	case answer && r.MaxTokens == 0:
		d.fail("max_tokens", "missing, want the most tokens to answer with")
	case !seen || len(r.Messages) == 0:
		d.fail("messages", "missing, want an array of at least one message")
	}
	for _, p := range d.system {
		if p.Kind != llm.PartText {
			d.fail("system", "%s block, want text", an(p.Kind))
		}
	}
	if len(d.system) > 0 {
		r.Messages = slices.Insert(r.Messages, 0, llm.Message{Role: llm.RoleSystem, Parts: d.system})
	}
	if m := r.ToolChoice.Mode; (m == "required" || m == "tool") && len(r.Tools) == 0 {
		d.fail("tool_choice", "a tool has to be called, but there is none in tools")
	}
}

func (d *messageRequest) messages() {
	for range d.array("array of messages") {
		var role string
		var content []llm.Part
		said := false
		for name := range d.object() { // the role may stand behind the content
			switch {
			case d.null():
			case string(name) == "role":
				role = d.text()
			case string(name) == "content":
				said = true
				content = d.content()
			default:
				d.skip()
			}
		}
		if d.err != nil {
			return
		}
		if !said {
			d.fail(".content", "missing, want string or array")
		}
		d.message(role, content)
	}
}

// message adds what one message of the protocol says. Results of tools, which
// stand in messages of the user here, become messages of their own.
func (d *messageRequest) message(role string, content []llm.Part) {
	m := llm.Message{Role: llm.Role(role)}
	switch m.Role {
	case llm.RoleUser, llm.RoleAssistant, llm.RoleSystem:
	case "":
		d.fail(".role", "missing, want user, assistant or system")
	default:
		d.fail(".role", "got %q, want user, assistant or system", clip(role))
	}
	for _, p := range content {
		switch {
		case p.Kind == llm.PartText:
		case (p.Kind == llm.PartCall || p.Kind == llm.PartReasoning) == (m.Role == llm.RoleAssistant) && m.Role != llm.RoleSystem:
		default:
			d.fail(".content", "%s block in a message of the %s", an(p.Kind), clip(role))
		}
		if p.Kind == llm.PartResult {
			d.r.Messages = append(d.r.Messages, llm.Message{Role: llm.RoleTool, Parts: []llm.Part{p}})
		} else {
			m.Parts = append(m.Parts, p)
		}
	}
	if len(m.Parts) > 0 || len(content) == 0 {
		d.r.Messages = append(d.r.Messages, m)
	}
}

// content reads a string or an array of blocks. Empty texts leave no part.
func (d *messageRequest) content() []llm.Part {
	if d.kind() == '"' {
		if text := d.text(); text != "" {
			return []llm.Part{{Kind: llm.PartText, Text: text}}
		}
		return nil
	}
	if d.kind() != '[' {
		d.wrong("string or array")
		return nil
	}
	var parts []llm.Part
	for range d.array("") {
		p := d.block()
		switch {
		case p.Kind == llm.PartText && p.Text == "":
		case p.Kind == llm.PartReasoning && p.Text == "" && p.Signature == "":
		default:
			parts = append(parts, p)
		}
	}
	return parts
}

// block reads one block of content, whose fields may come in any order.
func (d *messageRequest) block() llm.Part {
	var p llm.Part
	var kind, id, name, title string
	var input json.RawMessage
	var inner []llm.Part
	var failed, hasText bool
	for field := range d.object() {
		if d.null() {
			continue
		}
		switch string(field) {
		case "type":
			kind = d.text()
		case "text", "thinking":
			p.Text, hasText = d.text(), true
		case "signature", "data":
			p.Signature = d.text()
		case "source":
			p.Media = d.source()
		case "title":
			title = d.text()
		case "id", "tool_use_id":
			id = d.text()
		case "name":
			name = d.text()
		case "input":
			input = d.schema()
		case "content":
			inner = d.content()
		case "is_error":
			failed = d.boolean()
		case "cache_control":
			p.Cache = d.cache()
		default:
			d.skip()
		}
	}
	out := llm.Part{Cache: p.Cache}
	switch kind {
	case "text":
		out.Kind, out.Text = llm.PartText, p.Text
		if !hasText {
			d.fail(".text", "missing, want string")
		}
	case "thinking":
		out.Kind, out.Text, out.Signature = llm.PartReasoning, withoutProgress(p.Text), p.Signature
	case "redacted_thinking":
		out.Kind, out.Signature = llm.PartReasoning, redactedMark+p.Signature
	case "image", "document":
		out.Kind, out.Media = llm.PartImage, p.Media
		if kind == "document" {
			out.Kind = llm.PartFile
		}
		if p.Media == nil {
			d.fail(".source", "missing, want an object with type and data, url or file_id")
			break
		}
		if out.Media.Name = title; kind == "document" && p.Media.MIME == "text/plain" {
			out = llm.Part{Kind: llm.PartText, Text: string(p.Media.Data), Cache: p.Cache}
		}
	case "tool_use":
		out.Kind, out.Call = llm.PartCall, &llm.Call{ID: id, Name: name, Args: string(input)}
		if id == "" {
			d.fail(".id", "missing, want the call's id")
		}
		if name == "" {
			d.fail(".name", "missing, want the tool's name")
		}
	case "tool_result":
		out.Kind, out.Result = llm.PartResult, &llm.Result{CallID: id, Parts: inner, Failed: failed}
		if id == "" {
			d.fail(".tool_use_id", "missing, want the id of the tool_use block that this answers")
		}
		for _, q := range inner {
			if q.Kind != llm.PartText && q.Kind != llm.PartImage && q.Kind != llm.PartFile {
				d.fail(".content", "%s block in a tool's result", an(q.Kind))
			}
		}
	case "":
		d.fail(".type", "missing, want %s", blockKinds)
	default:
		d.fail(".type", "got %q, want %s", clip(kind), blockKinds)
	}
	return out
}

const blockKinds = "text, image, document, tool_use, tool_result, thinking or redacted_thinking"

// source reads where an image or a document is.
func (d *messageRequest) source() *llm.Media {
	m := &llm.Media{}
	var kind, data string
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "type":
			kind = d.text()
		case "media_type":
			m.MIME = d.text()
		case "data":
			data = d.text()
		case "url":
			m.URL = d.text()
		case "file_id":
			m.FileID = d.text()
		default:
			d.skip()
		}
	}
	missing := ""
	switch kind {
	case "base64":
		m.URL, m.FileID = "", ""
		if missing = "data"; d.err == nil {
			var err error
			if m.Data, err = base64.StdEncoding.DecodeString(data); err != nil {
				d.fail(".data", "not base64: %v", err)
			}
		}
		if len(m.Data) > 0 {
			missing = ""
		}
	case "text":
		m.URL, m.FileID, m.MIME, m.Data = "", "", "text/plain", []byte(data)
	case "url":
		if m.FileID = ""; m.URL == "" {
			missing = "url"
		}
	case "file":
		if m.URL = ""; m.FileID == "" {
			missing = "file_id"
		}
	default:
		d.fail(".type", "got %q, want base64, url, file or text", clip(kind))
	}
	if missing != "" {
		d.fail("."+missing, "missing or empty")
	}
	return m
}

// cache reads a cache marker.
func (d *messageRequest) cache() string {
	kind, ttl := "", ""
	for name := range d.object() {
		switch {
		case d.null():
		case string(name) == "type":
			kind = d.text()
		case string(name) == "ttl":
			ttl = d.text()
		default:
			d.skip()
		}
	}
	if kind != "" && ttl != "" {
		kind += "/" + ttl
	}
	return kind
}

// tool reads a tool. One with a type of its own is run by the vendor and
// travels as it came.
func (d *messageRequest) tool() llm.Tool {
	d.space()
	start := d.i
	t := llm.Tool{Kind: "function"}
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "type":
			if t.Kind = d.text(); t.Kind == "custom" {
				t.Kind = "function"
			}
		case "name":
			t.Name = d.text()
		case "description":
			t.Description = d.text()
		case "input_schema":
			t.Parameters = d.schema()
		case "strict":
			v := d.boolean()
			t.Strict = &v
		case "cache_control":
			t.Cache = d.cache()
		default:
			d.skip()
		}
	}
	switch {
	case d.err != nil:
	case t.Kind != "function":
		t = llm.Tool{Kind: t.Kind, Name: t.Name, Form: "anthropic", Raw: bytes.Clone(d.b[start:d.i])}
	case t.Name == "":
		d.fail(".name", "missing, want the tool's name")
	}
	return t
}

func (d *messageRequest) toolChoice() {
	c := &d.r.ToolChoice
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "type":
			switch kind := d.text(); kind {
			case "auto", "none", "tool":
				c.Mode = kind
			case "any":
				c.Mode = "required"
			default:
				d.fail("", "got %q, want auto, any, tool or none", clip(kind))
			}
		case "name":
			c.Name = d.text()
		case "disable_parallel_tool_use":
			v := !d.boolean()
			d.r.ParallelToolCalls = &v
		default:
			d.skip()
		}
	}
	switch {
	case c.Mode == "":
		d.fail(".type", "missing, want auto, any, tool or none")
	case c.Mode == "tool" && c.Name == "":
		d.fail(".name", "missing, want the name of the tool to call")
	case c.Mode != "tool":
		c.Name = ""
	}
}

func (d *messageRequest) thinking() {
	t := &d.r.Thinking
	display := ""
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "type":
			switch kind := d.text(); kind {
			case "enabled", "disabled":
				on := kind == "enabled"
				t.Enabled, d.shown = &on, on
			case "adaptive": // the model decides
				d.shown = true
			default:
				d.fail("", "got %q, want enabled, disabled or adaptive", clip(kind))
			}
		case "budget_tokens":
			t.BudgetTokens = d.count(1)
		case "display":
			display = d.text()
		default:
			d.skip()
		}
	}
	d.shown = d.shown && display != "omitted"
}

// output reads how hard to think, and the form of the answer.
func (d *messageRequest) output() {
	for name := range d.object() {
		switch {
		case d.null():
		case string(name) == "effort":
			switch e := d.text(); e {
			case "low", "medium", "high", "xhigh", "max":
				d.r.Thinking.Effort = e
			default:
				d.fail("", "got %q, want low, medium, high, xhigh or max", clip(e))
			}
		case string(name) == "format":
			d.r.Format = d.format()
		default:
			d.skip()
		}
	}
}

// format reads the form of the answer: a JSON schema.
func (d *messageRequest) format() *llm.Format {
	f := &llm.Format{Kind: "json_schema", Name: "answer"}
	kind := ""
	for name := range d.object() {
		switch {
		case d.null():
		case string(name) == "type":
			kind = d.text()
		case string(name) == "schema":
			f.Schema = d.schema()
		default:
			d.skip()
		}
	}
	switch {
	case kind != "json_schema":
		d.fail(".type", "got %q, want json_schema", clip(kind))
	case f.Schema == nil:
		d.fail(".schema", "missing, want a JSON schema")
	}
	return f
}
