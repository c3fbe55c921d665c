package fake

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// chat is OpenAI Chat Completions as one vendor speaks it, as data. The zero
// value is a server that does all that the protocol says.
// Source: https://platform.openai.com/docs/api-reference/chat
type chat struct {
	path    string   // below Base; empty = /chat/completions
	refused []string // fields of a request that are an error; tools.strict is the mark inside tools
	known   []string // the only fields that are taken, where extra-forbidden is on; nil = those of the protocol
	choices []string // words of tool_choice that are taken; nil = all
	effort  []string // words of reasoning_effort that are taken; nil = any
	images  bool
	thinks  thinks
	// continues says that the vendor continues texts too, under /completions.
	continues bool
	// thoughtsBack says that an assistant's turn with calls is refused without
	// its thoughts.
	thoughtsBack bool
	auth         func(x *exchange) *problem // nil = a bearer key
	check        func(x *exchange, fields map[string]json.RawMessage) *problem
	errors       map[string]failure // beside and over OpenAI's
	// refuse returns status and body of an error; nil = OpenAI's form.
	refuse   func(x *exchange, f failure, p problem) (int, any)
	decorate func(x *exchange, chunk map[string]any, last bool) // adds what the vendor adds to an answer
}

// thinks says how a vendor's models are told to think.
type thinks struct {
	by        string // enable_thinking, thinking, template, effort; empty = not at all
	unasked   bool   // they think unless told otherwise
	always    bool   // and can't be told otherwise
	noThought string // the word of reasoning_effort that says no
}

// openAIErrors are OpenAI's words.
var openAIErrors = map[string]failure{
	invalid:      {400, "", "invalid_request_error"},
	unauthorized: {401, "invalid_api_key", "invalid_request_error"},
	notFound:     {404, "model_not_found", "invalid_request_error"},
	tooLong:      {400, "context_length_exceeded", "invalid_request_error"},
	rateLimited:  {429, "rate_limit_exceeded", "requests"},
	quota:        {429, "insufficient_quota", "insufficient_quota"},
	filtered:     {400, "content_filter", "invalid_request_error"},
	overloaded:   {503, "", "server_error"},
}

func (c *chat) mount(mux *http.ServeMux, s *Server) {
	path := c.path
	if path == "" {
		path = "/chat/completions"
	}
	mux.HandleFunc("POST "+s.Vendor.Base+path, func(w http.ResponseWriter, r *http.Request) { c.serve(s, w, r) })
	if c.continues {
		mux.HandleFunc("POST "+s.Vendor.Base+"/completions", func(w http.ResponseWriter, r *http.Request) { text{c}.serve(s, w, r) })
	}
	if s.Vendor.Vectors.Model != "" {
		mux.HandleFunc("POST "+s.Vendor.Base+"/embeddings", func(w http.ResponseWriter, r *http.Request) { embeddings{c}.serve(s, w, r) })
	}
	mux.HandleFunc("GET "+s.Vendor.Base+"/models", func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{s: s, w: w, r: r}
		if p := c.authorised(x); p != nil {
			x.refuse(c, *p)
			return
		}
		var data []any
		for _, id := range []string{s.model, s.Vendor.Vectors.Model} {
			if id != "" {
				data = append(data, map[string]any{"id": id, "object": "model", "created": s.now().Unix(), "owned_by": "fake-" + s.Vendor.Name})
			}
		}
		x.write(http.StatusOK, compact(map[string]any{"object": "list", "data": data}))
	})
}

func (c *chat) authorised(x *exchange) *problem {
	switch {
	case c.auth != nil:
		return c.auth(x)
	case x.s.key == "" || x.bearer() == x.s.key:
		return nil
	}
	return &problem{what: unauthorized, message: "Incorrect API key provided"}
}

func (c *chat) serve(s *Server, w http.ResponseWriter, r *http.Request) {
	s.serve(w, r, c)
}

func (c *chat) failure(what string) failure {
	f, ok := c.errors[what]
	if !ok {
		f = openAIErrors[what]
	}
	return f
}

func (c *chat) refusal(x *exchange, p problem) (int, []byte) {
	f := c.failure(p.what)
	if c.refuse != nil {
		status, body := c.refuse(x, f, p)
		return status, compact(body)
	}
	return f.status, compact(openAIError(f, p))
}

// openAIError is OpenAI's form of an error.
func openAIError(f failure, p problem) map[string]any {
	return map[string]any{"error": map[string]any{"message": p.message, "type": f.kind, "param": orNull(p.param), "code": orNull(f.code)}}
}

func (c *chat) trouble(x *exchange, p problem) frame {
	_, body := c.refusal(x, p)
	return frame{data: body}
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// compact writes v as JSON without escapes that JSON does not need.
func compact(v any) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("fake: " + err.Error()) // v is made here of what JSON knows
	}
	return []byte(strings.TrimSuffix(b.String(), "\n"))
}

// chatFields are the fields of the protocol.
var chatFields = []string{"model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens", "temperature", "top_p", "n", "stop",
	"presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "seed", "tools", "tool_choice", "parallel_tool_calls",
	"response_format", "reasoning_effort", "user", "metadata", "store", "service_tier"}

// read reads and checks the request.
func (c *chat) read(x *exchange) *problem {
	a := &x.ask
	a.Vendor = x.s.Vendor.Name
	bad := func(param, message string) *problem { return &problem{what: invalid, message: message, param: param} }
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(x.body, &fields); err != nil {
		return bad("", "the body is not a JSON object: "+err.Error())
	}
	for name := range fields {
		a.Fields = append(a.Fields, name)
	}
	slices.Sort(a.Fields)
	taken := c.known
	if taken == nil {
		taken = chatFields
	}
	for _, name := range a.Fields {
		if slices.Contains(c.refused, name) || x.is("extra-forbidden") && !slices.Contains(taken, name) {
			return bad(name, "[{'type': 'extra_forbidden', 'loc': ('body', '"+name+"'), 'msg': 'Extra inputs are not permitted'}]")
		}
	}
	var q struct {
		Model    string          `json:"model"`
		Messages []chatMessage   `json:"messages"`
		Stream   bool            `json:"stream"`
		Most     int             `json:"max_tokens"`
		MostNew  int             `json:"max_completion_tokens"`
		Tools    []chatTool      `json:"tools"`
		Choice   json.RawMessage `json:"tool_choice"`
		Format   *struct {
			Type   string `json:"type"`
			Schema struct {
				Name   string          `json:"name"`
				Schema json.RawMessage `json:"schema"`
			} `json:"json_schema"`
		} `json:"response_format"`
		Options struct {
			Usage bool `json:"include_usage"`
		} `json:"stream_options"`
		Temperature *float64 `json:"temperature"`
	}
	if err := json.Unmarshal(x.body, &q); err != nil {
		return bad("", "the body has a field of the wrong type: "+err.Error())
	}
	a.Model, a.Stream, a.MaxTokens, a.OneCall = q.Model, q.Stream, max(q.Most, q.MostNew), x.is("tools-function-call")
	switch {
	case q.Model == "":
		return bad("model", "you must provide a model parameter")
	case q.Model != x.s.model:
		return &problem{what: notFound, message: "The model `" + q.Model + "` does not exist", param: "model"}
	case len(q.Messages) == 0:
		return bad("messages", "[] is too short - 'messages'")
	case fields["stream_options"] != nil && !q.Stream:
		return bad("stream_options", "stream_options should be set along with stream = true")
	case q.Temperature != nil && (*q.Temperature < 0 || *q.Temperature > 2):
		return bad("temperature", "temperature must be between 0 and 2")
	}
	if !q.Options.Usage && !x.is("usage-unasked") && q.Stream {
		x.on["usage-none"] = true
	}
	if message := c.messages(a, q.Messages); message != "" {
		return bad("messages", message)
	}
	for _, t := range q.Tools {
		if message := c.tool(a, t); message != "" {
			return bad("tools", message)
		}
	}
	if message := c.choose(a, q.Choice); message != "" {
		return bad("tool_choice", message)
	}
	if f := q.Format; f != nil {
		switch f.Type {
		case "text":
		case "json_object":
			a.JSON = true
		case "json_schema":
			if a.Schema = f.Schema.Schema; a.Schema == nil || f.Schema.Name == "" {
				return bad("response_format", "missing required parameter: 'response_format.json_schema'")
			}
		default:
			return bad("response_format", "invalid response_format.type")
		}
	}
	if message := c.think(a, fields); message != "" {
		return bad("reasoning_effort", message)
	}
	for _, t := range a.Turns {
		if c.thoughtsBack && a.Thinks && len(t.Calls) > 0 && t.Thoughts == "" {
			return bad("messages", "The `reasoning_content` in the thinking mode must be passed back to the API.")
		}
	}
	if c.check != nil {
		return c.check(x, fields)
	}
	return nil
}

// chatTool is a tool of a request.
type chatTool struct {
	Type     string `json:"type"`
	Function struct {
		Name       string          `json:"name"`
		Parameters json.RawMessage `json:"parameters"`
		Strict     *bool           `json:"strict"`
	} `json:"function"`
}

func (c *chat) tool(a *Ask, t chatTool) string {
	switch {
	case t.Type != "function" || t.Function.Name == "":
		return "a tool that is no function with a name"
	case t.Function.Strict != nil && slices.Contains(c.refused, "tools.strict"):
		return "unknown field 'strict' in tools[].function"
	}
	a.Tools = append(a.Tools, Tool{t.Function.Name, t.Function.Parameters})
	return ""
}

// choose reads tool_choice.
func (c *chat) choose(a *Ask, choice json.RawMessage) string {
	if choice == nil {
		return ""
	}
	var word string
	var one struct {
		Type     string `json:"type"`
		Function struct {
			Name string `json:"name"`
		} `json:"function"`
	}
	switch {
	case json.Unmarshal(choice, &word) == nil:
		if !slices.Contains([]string{"auto", "none", "required"}, word) || c.choices != nil && !slices.Contains(c.choices, word) {
			return "tool_choice '" + word + "' is not supported"
		}
		a.Choice = word
	case json.Unmarshal(choice, &one) != nil || one.Type != "function" || one.Function.Name == "":
		return "tool_choice is neither a word nor a function"
	case c.choices != nil && !slices.Contains(c.choices, "function"):
		return "tool_choice with a function is not supported"
	default:
		a.Choice = one.Function.Name
	}
	if len(a.Tools) == 0 && a.Choice != "none" {
		return "tool_choice is only allowed when tools are specified"
	}
	return ""
}

// think reads the switch of thoughts, in the vendor's form.
func (c *chat) think(a *Ask, fields map[string]json.RawMessage) string {
	on := c.thinks.unasked || c.thinks.always
	if raw := fields["reasoning_effort"]; raw != nil {
		if json.Unmarshal(raw, &a.Effort) != nil || c.effort != nil && !slices.Contains(c.effort, a.Effort) {
			return "reasoning_effort " + string(raw) + " is not supported"
		}
		if c.thinks.by != "" && c.effort != nil {
			on = a.Effort != "none" && a.Effort != c.thinks.noThought
		}
	}
	var word struct {
		Type string `json:"type"`
	}
	var kwargs struct {
		Enable *bool `json:"enable_thinking"`
	}
	switch c.thinks.by {
	case "enable_thinking":
		if raw := fields["enable_thinking"]; raw != nil && json.Unmarshal(raw, &on) != nil {
			return "enable_thinking is no boolean"
		}
	case "thinking":
		if raw := fields["thinking"]; raw != nil {
			if json.Unmarshal(raw, &word) != nil || !slices.Contains([]string{"enabled", "disabled", "auto", "adaptive"}, word.Type) {
				return "thinking.type is neither enabled nor disabled"
			}
			on = word.Type != "disabled"
		}
	case "template":
		if raw := fields["chat_template_kwargs"]; raw != nil {
			if json.Unmarshal(raw, &kwargs) != nil {
				return "chat_template_kwargs is no object"
			}
			if kwargs.Enable != nil {
				on = *kwargs.Enable
			}
		}
	}
	a.Thinks = on || c.thinks.always
	return ""
}
