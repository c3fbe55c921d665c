package dialect

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"summit/internal/nearest"
	"summit/llm"
)

// OpenAI is the OpenAI Chat Completions protocol as the gateway speaks it.
// Fields that it does not know are kept in Request.Extra, except inside the
// `summit` object, where they are errors.
// Source: https://platform.openai.com/docs/api-reference/chat
type OpenAI struct{}

func init() { RegisterServer(OpenAI{}) }

// Name returns "openai".
func (OpenAI) Name() string { return "openai" }

// Pattern returns the method and path of Chat Completions.
func (OpenAI) Pattern() string { return "POST /v1/chat/completions" }

// maxChoices is the most answers of one call, as at OpenAI.
const maxChoices = 128

// Decode reads the body of one request in one pass.
func (OpenAI) Decode(body []byte) (*Call, error) {
	if !utf8.Valid(body) {
		return nil, llm.Errorf(llm.Invalid, "the body is not UTF-8: byte %d", firstInvalid(body))
	}
	d := &chatRequest{scanner: newScanner(body), r: &llm.Request{}, n: 1}
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
	form := chatForm{
		usage: d.usage, logprobs: d.r.Logprobs, explain: d.r.Summit.Explain, legacy: d.functions,
	}
	return &Call{
		Request: d.r, N: d.n, Stream: d.stream,
		Encoder: func(m Meta) Encoder { return newChatEncoder(m, form) },
	}, nil
}

func firstInvalid(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return len(b)
}

// chatRequest decodes one request.
type chatRequest struct {
	*scanner
	r         *llm.Request
	n         int
	stream    bool
	usage     bool // the caller wants a usage chunk
	functions bool // the caller speaks of functions, not of tools

	legacyIDs map[string]string // of the last call of each function in the legacy form
	choice    string            // which field chose the tool
	allowed   map[string]bool
	enable    *bool
	budget    int
	completed int // max_completion_tokens
}

func (d *chatRequest) request() {
	r := d.r
	seen := false
	for name := range d.object() {
		if string(name) == "messages" {
			seen = true
			d.messages()
			continue
		}
		if d.null() { // null is as good as absent
			continue
		}
		switch string(name) {
		case "max_completion_tokens":
			d.completed = d.count(1)
		case "logprobs":
			r.Logprobs = d.boolean()
		case "top_logprobs":
			r.TopLogprobs = d.count(0)
		case "metadata":
			r.Metadata = map[string]string{}
			for label := range d.object() {
				r.Metadata[string(label)] = d.text()
			}
		case "tools":
			d.tools()
		case "functions":
			d.functions = true
			d.legacyFunctions()
		case "tool_choice", "function_call":
			d.toolChoice(string(name))
		case "parallel_tool_calls":
			v := d.boolean()
			r.ParallelToolCalls = &v
		case "response_format":
			d.format()
		case "reasoning_effort":
			d.effort()
		case "thinking":
			d.thinking()
		case "enable_thinking":
			v := d.boolean()
			d.enable = &v
		case "thinking_budget":
			d.budget = d.count(1)
		default:
			d.common(name)
		}
	}
	d.end()
	if d.err == nil && r.Model == "" {
		d.fail("model", "missing, want the name of a model")
	}
	if d.err == nil && (!seen || len(r.Messages) == 0) {
		d.fail("messages", "missing, want an array of at least one message")
	}
	d.settle()
}

// common reads a field that completions have too, or keeps one that is unknown.
func (d *chatRequest) common(name []byte) {
	r := d.r
	switch string(name) {
	case "model":
		r.Model = d.text()
	case "stream":
		d.stream = d.boolean()
	case "stream_options":
		d.streamOptions()
	case "n":
		if d.n = int(d.integer(1)); d.n > maxChoices {
			d.fail("", "got %d, want 1 to %d", d.n, maxChoices)
		}
	case "max_tokens":
		r.MaxTokens = d.count(1)
	case "temperature":
		r.Temperature = d.float()
	case "top_p":
		r.TopP = d.float()
	case "top_k":
		if k := d.integer(-1); k > 0 { // -1 and 0 are "all" in engines
			r.TopK = int(min(k, 1<<31-1))
		}
	case "min_p":
		r.MinP = d.float()
	case "frequency_penalty":
		r.FrequencyPenalty = d.float()
	case "presence_penalty":
		r.PresencePenalty = d.float()
	case "seed":
		v := d.integer(-1 << 63)
		r.Seed = &v
	case "stop":
		d.stop()
	case "logit_bias":
		r.LogitBias = map[string]float64{}
		for token := range d.object() {
			r.LogitBias[string(token)] = d.number()
		}
	case "user":
		r.User = d.text()
	case "summit":
		d.extension()
	default:
		if r.Extra == nil {
			r.Extra = map[string]json.RawMessage{}
		}
		key := wellFormed(name)
		r.Extra[key] = d.raw()
	}
}

// settle decides between fields that say the same thing twice.
func (d *chatRequest) settle() {
	r := d.r
	if d.completed > 0 {
		r.MaxTokens = d.completed
	}
	if r.Thinking.Enabled == nil {
		r.Thinking.Enabled = d.enable
	}
	if r.Thinking.BudgetTokens == 0 {
		r.Thinking.BudgetTokens = d.budget
	}
	if d.allowed != nil {
		kept := r.Tools[:0]
		for _, t := range r.Tools {
			if d.allowed[t.Name] {
				kept = append(kept, t)
			}
		}
		r.Tools = kept
	}
	if m := r.ToolChoice.Mode; (m == "required" || m == "tool") && len(r.Tools) == 0 {
		d.fail(d.choice, "a tool has to be called, but there is none in tools")
	}
}

func (d *chatRequest) float() *float64 {
	v := d.number()
	return &v
}

func (d *chatRequest) streamOptions() {
	for name := range d.object() {
		switch {
		case d.null():
		case string(name) == "include_usage":
			d.usage = d.boolean()
		default:
			d.skip()
		}
	}
}

func (d *chatRequest) stop() {
	if d.kind() == '"' {
		if s := d.text(); s != "" {
			d.r.Stop = []string{s}
		}
		return
	}
	for range d.array("string or array of strings") {
		if s := d.text(); s != "" {
			d.r.Stop = append(d.r.Stop, s)
		}
	}
}

func (d *chatRequest) effort() {
	switch e := d.text(); e {
	case "none", "minimal", "low", "medium", "high", "xhigh", "max":
		d.r.Thinking.Effort = e
	case "":
	default:
		d.fail("", "got %q, want none, minimal, low, medium, high, xhigh or max", clip(e))
	}
}

func (d *chatRequest) thinking() {
	for name := range d.object() {
		switch {
		case d.null():
		case string(name) == "type":
			switch t := d.text(); t {
			case "enabled", "disabled":
				on := t == "enabled"
				d.r.Thinking.Enabled = &on
			case "auto", "adaptive": // the model decides
			default:
				d.fail("", "got %q, want enabled, disabled, auto or adaptive", clip(t))
			}
		case string(name) == "budget_tokens":
			d.r.Thinking.BudgetTokens = d.count(1)
		default:
			d.skip()
		}
	}
}

func (d *chatRequest) tools() {
	for range d.array("array of tools") {
		d.space()
		start := d.i
		t := llm.Tool{}
		function := false
		for name := range d.object() {
			switch {
			case d.null():
			case string(name) == "type":
				t.Kind = d.text()
			case string(name) == "function":
				function = true
				if d.kind() == '{' {
					d.definition(&t)
				} else {
					d.skip()
				}
			default:
				d.skip()
			}
		}
		if d.err != nil {
			return
		}
		switch {
		case t.Kind == "function" && (!function || t.Name == ""):
			d.fail(".function.name", "missing, want the function's name")
		case t.Kind == "":
			d.fail(".type", `missing, want "function" or a vendor's own kind`)
		case t.Kind != "function":
			t = llm.Tool{Kind: t.Kind, Name: t.Name, Raw: bytes.Clone(d.b[start:d.i])}
		}
		d.r.Tools = append(d.r.Tools, t)
	}
}

func (d *chatRequest) legacyFunctions() {
	for range d.array("array of functions") {
		t := llm.Tool{Kind: "function"}
		if d.definition(&t); t.Name == "" {
			d.fail(".name", "missing, want the function's name")
		}
		d.r.Tools = append(d.r.Tools, t)
	}
}

// definition reads a function that may be called.
func (d *chatRequest) definition(t *llm.Tool) {
	for name := range d.object() {
		if d.null() {
			continue
		}
		switch string(name) {
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
}

func (d *chatRequest) toolChoice(field string) {
	if d.choice != "" {
		d.fail("", "given beside %s, want one of the two", d.choice)
		return
	}
	d.choice = field
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
	c.Mode = "tool"
	kind := "function"
	for name := range d.object() {
		switch string(name) {
		case "type":
			kind = d.text()
		case "name": // the legacy form
			c.Name = d.text()
		case "function":
			for name := range d.object() {
				if string(name) == "name" {
					c.Name = d.text()
				} else {
					d.skip()
				}
			}
		case "allowed_tools":
			d.allowedTools()
		default:
			d.skip()
		}
	}
	switch {
	case kind == "allowed_tools" && d.allowed != nil:
	case kind != "function":
		d.fail(".type", "got %q, want function or allowed_tools", clip(kind))
	case c.Name == "":
		d.fail(".function.name", "missing, want the name of the function to call")
	}
}

// allowedTools narrows the tools down to the listed ones.
func (d *chatRequest) allowedTools() {
	c := &d.r.ToolChoice
	c.Mode, d.allowed = "auto", map[string]bool{}
	for name := range d.object() {
		switch string(name) {
		case "mode":
			if c.Mode = d.text(); c.Mode != "auto" && c.Mode != "required" {
				d.fail("", "got %q, want auto or required", clip(c.Mode))
			}
		case "tools":
			for range d.array("array of tools") {
				var t llm.Tool
				for name := range d.object() {
					if string(name) == "function" {
						d.definition(&t)
					} else {
						d.skip()
					}
				}
				d.allowed[t.Name] = true
			}
		default:
			d.skip()
		}
	}
}

func (d *chatRequest) format() {
	f := &llm.Format{}
	described := false
	for name := range d.object() {
		switch {
		case d.null():
		case string(name) == "type":
			switch f.Kind = d.text(); f.Kind {
			case "text", "json_object", "json_schema":
			default:
				d.fail("", "got %q, want text, json_object or json_schema", clip(f.Kind))
			}
		case string(name) == "json_schema":
			described = true
			for name := range d.object() {
				if d.null() {
					continue
				}
				switch string(name) {
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
		default:
			d.skip()
		}
	}
	switch {
	case f.Kind == "":
		d.fail(".type", "missing, want text, json_object or json_schema")
	case f.Kind == "json_schema" && !described:
		d.fail(".json_schema", "missing, want an object with name and schema")
	case f.Kind != "json_schema":
		f = &llm.Format{Kind: f.Kind}
	}
	d.r.Format = f
}

// extension reads the `summit` object. It is ours, so an unknown key is a
// mistake of the caller's and not a newer protocol.
func (d *chatRequest) extension() {
	x := &d.r.Summit
	for name := range d.object() {
		if known(d.scanner, name, "explain", "budget", "question", "learn") && !d.null() {
			switch string(name) {
			case "explain":
				x.Explain = d.boolean()
			case "learn":
				x.Unlearned = !d.boolean()
			case "budget":
				d.spending(&x.Budget)
			case "question":
				x.Question = &llm.Question{}
				for name := range d.object() {
					if known(d.scanner, name, "suite", "id") && !d.null() {
						if string(name) == "suite" {
							x.Question.Suite = d.text()
						} else {
							x.Question.ID = d.text()
						}
					}
				}
			}
		}
	}
}

func (d *chatRequest) spending(b *llm.Budget) {
	for name := range d.object() {
		if !known(d.scanner, name, "max_cost_of", "max_cost", "max_seconds", "max_calls", "prefer") || d.null() {
			continue
		}
		switch string(name) {
		case "max_cost_of":
			b.MaxCostOf = d.text()
		case "max_cost":
			var text string
			if d.kind() == '0' {
				text = string(d.digits())
			} else {
				text = d.text()
			}
			if d.err == nil && (b.MaxCost.UnmarshalText([]byte(text)) != nil || b.MaxCost < 0) {
				d.fail("", "got %q, want a decimal number of zero or more with at most six decimal places", clip(text))
			}
		case "max_seconds":
			if b.MaxSeconds = d.number(); b.MaxSeconds < 0 {
				d.fail("", "got %s, want zero or more", strconv.FormatFloat(b.MaxSeconds, 'g', -1, 64))
			}
		case "max_calls":
			b.MaxCalls = d.count(0)
		case "prefer":
			b.Prefer = d.text()
		}
	}
}

// known reports whether name is one of the words, or fails naming the nearest.
func known(s *scanner, name []byte, words ...string) bool {
	best, least := "", 1<<30
	for _, w := range words {
		if string(name) == w {
			return true
		}
		if n := nearest.Distance(clip(string(name)), w); n < least {
			best, least = w, n
		}
	}
	s.fail("", "unknown key, the nearest known one is %q", best)
	return false
}
