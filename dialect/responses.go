package dialect

import (
	"bytes"
	"encoding/json"
	"net/http"
	"unicode/utf8"

	"summit/llm"
)

// Responses is the OpenAI Responses protocol as the gateway speaks it. Nothing
// is stored: a request carries its whole history, and one that refers to what
// was stored is refused. Tools of the vendor's own are passed on to members
// that speak this protocol and named in a warning to others.
// Source: https://platform.openai.com/docs/api-reference/responses
type Responses struct{}

func init() { RegisterServer(Responses{}) }

// Name returns "responses".
func (Responses) Name() string { return "responses" }

// Pattern returns the method and path of Responses.
func (Responses) Pattern() string { return "POST /v1/responses" }

// WriteError writes the error as an OpenAI error object.
func (Responses) WriteError(w http.ResponseWriter, err *llm.Error) { OpenAI{}.WriteError(w, err) }

// Decode reads the body of one request in one pass.
func (Responses) Decode(body []byte) (*Call, error) {
	if !utf8.Valid(body) {
		return nil, llm.Errorf(llm.Invalid, "the body is not UTF-8: byte %d", firstInvalid(body))
	}
	d := &responseRequest{scanner: newScanner(body), r: &llm.Request{}}
	d.echo.parallel = true
	d.request()
	if err := d.as(llm.Invalid); err != nil {
		if d.err.offset >= 0 {
			err.Message = "the body is " + err.Message
		}
		return nil, err
	}
	if err := d.r.Valid(); err != nil {
		return nil, err
	}
	d.r.Streaming = d.stream
	form := d.echo
	form.logprobs, form.explain = d.r.Logprobs, d.r.Summit.Explain
	form.input = llm.EstimateInput(d.r)
	return &Call{
		Request: d.r, N: 1, Stream: d.stream,
		Encoder: func(m Meta) Encoder { return newResponseEncoder(m, form) },
	}, nil
}

// responseRequest decodes one request.
type responseRequest struct {
	*scanner
	r            *llm.Request
	instructions string
	stream       bool
	echo         responseForm
}

func (d *responseRequest) request() {
	r := d.r
	seen := false
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "model":
			r.Model = d.text()
		case "input":
			seen = true
			d.input()
		case "instructions":
			d.instructions = d.text()
		case "stream":
			d.stream = d.boolean()
		case "max_output_tokens":
			r.MaxTokens = d.count(1)
		case "temperature":
			v := d.number()
			r.Temperature = &v
		case "top_p":
			v := d.number()
			r.TopP = &v
		case "top_logprobs":
			r.TopLogprobs = d.count(0)
		case "tools":
			d.space()
			start := d.i
			for range d.array("array of tools") {
				r.Tools = append(r.Tools, d.tool())
			}
			d.echo.tools = bytes.Clone(d.b[start:d.i])
		case "tool_choice":
			d.space()
			start := d.i
			d.toolChoice()
			d.echo.toolChoice = bytes.Clone(d.b[start:d.i])
		case "parallel_tool_calls":
			v := d.boolean()
			r.ParallelToolCalls, d.echo.parallel = &v, v
		case "text":
			d.textConfig()
		case "reasoning":
			d.reasoning()
		case "metadata":
			r.Metadata = map[string]string{}
			for label := range d.object() {
				r.Metadata[string(label)] = d.text()
			}
		case "user", "safety_identifier":
			r.User = d.text()
		case "include":
			for range d.array("array of strings") {
				switch d.text() {
				case "message.output_text.logprobs":
					r.Logprobs = true
				case "reasoning.encrypted_content":
					d.echo.signed = true
				}
			}
		case "previous_response_id", "conversation", "prompt":
			d.fail("", "nothing is stored here: send the whole input with each request")
			d.skip()
		case "background":
			if d.boolean() {
				d.fail("", "got true, want false: answers are not kept for later")
			}
		case "store", "truncation", "stream_options", "service_tier":
			d.skip() // nothing is stored, cut short or queued here
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
	case !seen || len(r.Messages) == 0:
		d.fail("input", "missing, want a text or an array of at least one item")
	}
	if d.instructions != "" {
		r.Messages = append([]llm.Message{llm.Text(llm.RoleSystem, d.instructions)}, r.Messages...)
	}
	if m := r.ToolChoice.Mode; (m == "required" || m == "tool") && len(r.Tools) == 0 {
		d.fail("tool_choice", "a tool has to be called, but there is none in tools")
	}
}

// tool reads a tool. One that is no function travels as it came.
func (d *responseRequest) tool() llm.Tool {
	d.space()
	start := d.i
	var t llm.Tool
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "type":
			t.Kind = d.text()
		case "name":
			t.Name = d.text()
		case "description":
			t.Description = d.text()
		case "parameters":
			t.Parameters = d.schema()
		case "strict":
			v := d.boolean()
			t.Strict = &v
		default:
			d.skip()
		}
	}
	switch {
	case d.err != nil:
	case t.Kind == "custom" && t.Name != "": // a free text: members take objects only
		if d.echo.custom == nil {
			d.echo.custom = map[string]bool{}
		}
		d.echo.custom[t.Name] = true
		t.Kind, t.Parameters = "function", json.RawMessage(`{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}`)
	case t.Kind == "":
		d.fail(".type", `missing, want "function" or a vendor's own kind`)
	case t.Kind != "function":
		t = llm.Tool{Kind: t.Kind, Name: t.Name, Form: "responses", Raw: bytes.Clone(d.b[start:d.i])}
	case t.Name == "":
		d.fail(".name", "missing, want the function's name")
	}
	return t
}

func (d *responseRequest) toolChoice() {
	c := &d.r.ToolChoice
	if d.kind() == '"' {
		switch v := d.text(); v {
		case "none", "auto", "required":
			c.Mode = v
		default:
			d.fail("", "got %q, want none, auto, required or an object", clip(v))
		}
		return
	}
	if d.kind() != '{' {
		d.wrong("string or object")
		return
	}
	kind, mode := "", ""
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "type":
			kind = d.text()
		case "name":
			c.Name = d.text()
		case "mode":
			mode = d.text()
		default:
			d.skip()
		}
	}
	switch kind {
	case "function":
		if c.Mode = "tool"; c.Name == "" {
			d.fail(".name", "missing, want the name of the function to call")
		}
	case "allowed_tools":
		if c.Mode, c.Name = mode, ""; mode != "auto" && mode != "required" {
			d.fail(".mode", "got %q, want auto or required", clip(mode))
		}
	default:
		d.fail(".type", "got %q, want function or allowed_tools", clip(kind))
	}
}

// textConfig reads the form of the answer.
func (d *responseRequest) textConfig() {
	for name := range d.object() {
		if d.null() {
			continue
		}
		if string(name) != "format" {
			d.skip() // verbosity: a wish that members have no word for
			continue
		}
		d.space()
		start := d.i
		f := &llm.Format{}
		for name := range d.object() {
			if d.null() {
				continue
			}
			switch string(name) {
			case "type":
				switch f.Kind = d.text(); f.Kind {
				case "text", "json_object", "json_schema":
				default:
					d.fail("", "got %q, want text, json_object or json_schema", clip(f.Kind))
				}
			case "name":
				f.Name = d.text()
			case "description":
				f.Description = d.text()
			case "schema":
				f.Schema = d.schema()
			case "strict":
				v := d.boolean()
				f.Strict = &v
			default:
				d.skip()
			}
		}
		switch {
		case f.Kind == "":
			d.fail(".type", "missing, want text, json_object or json_schema")
		case f.Kind == "json_schema" && f.Schema == nil:
			d.fail(".schema", "missing, want a JSON schema")
		case f.Kind != "json_schema":
			f = &llm.Format{Kind: f.Kind}
		}
		d.r.Format, d.echo.format = f, bytes.Clone(d.b[start:d.i])
	}
}

func (d *responseRequest) reasoning() {
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
		case "effort":
			switch e := d.text(); e {
			case "none", "minimal", "low", "medium", "high", "xhigh", "max":
				d.r.Thinking.Effort = e
			default:
				d.fail("", "got %q, want none, minimal, low, medium, high, xhigh or max", clip(e))
			}
		case "summary", "generate_summary":
			d.echo.summary = d.text() != "none"
		default:
			d.skip()
		}
	}
}
