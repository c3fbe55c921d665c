package fake

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
)

// Google's Gemini by its own protocol: schemas are of a subset, calls have an
// object for arguments and no id, their signature has to come back, there is
// no word for an answer that ends in calls, and every chunk tells usage.
// Source: ai.google.dev, generateContent and thought signatures.
func init() {
	register(Vendor{
		Name: "gemini", About: "Google Gemini", Protocol: "generateContent", Kind: "gemini",
		Base: "/v1beta", Model: "gemini-3.5-flash", Key: "fake-gemini-key",
		Unknown: []string{"quota", "too-long"},
		Vectors: Vectors{Model: "gemini-embedding-001", Size: 3072, Any: true, Most: 100},
		door:    gemini{},
	})
}

// gemini is the codec of generateContent.
type gemini struct{}

var geminiErrors = map[string]failure{
	invalid: {400, "INVALID_ARGUMENT", ""}, unauthorized: {400, "INVALID_ARGUMENT", "API_KEY_INVALID"}, notFound: {404, "NOT_FOUND", ""}, tooLong: {400, "INVALID_ARGUMENT", ""},
	rateLimited: {429, "RESOURCE_EXHAUSTED", ""}, quota: {429, "RESOURCE_EXHAUSTED", ""}, overloaded: {503, "UNAVAILABLE", ""},
}

func (c gemini) mount(mux *http.ServeMux, s *Server) {
	mux.HandleFunc("POST "+s.Vendor.Base+"/models/{action}", func(w http.ResponseWriter, r *http.Request) {
		x := s.begin(w, r)
		if x == nil {
			return
		}
		model, action, _ := strings.Cut(r.PathValue("action"), ":")
		x.ask.Model, x.ask.Stream = model, action == "streamGenerateContent"
		p := c.authorised(x)
		switch {
		case p != nil:
		case action == "batchEmbedContents" && model == s.Vendor.Vectors.Model:
			if p = readGeminiTexts(x); p == nil {
				x.answer(geminiVectors{c})
				return
			}
		case model != s.model || action != "generateContent" && action != "streamGenerateContent":
			p = &problem{what: notFound, message: "models/" + r.PathValue("action") + " is not found for API version v1beta"}
		case x.ask.Stream && r.URL.Query().Get("alt") != "sse":
			p = &problem{what: invalid, message: "this fake streams with alt=sse only"}
		default:
			p = c.read(x)
		}
		if p != nil {
			x.refuse(c, *p)
			return
		}
		x.answer(c)
	})
	mux.HandleFunc("GET "+s.Vendor.Base+"/models", func(w http.ResponseWriter, r *http.Request) {
		x := &exchange{s: s, w: w, r: r}
		if p := c.authorised(x); p != nil {
			x.refuse(c, *p)
			return
		}
		x.write(http.StatusOK, compact(map[string]any{"models": []any{map[string]any{"name": "models/" + s.model, "supportedGenerationMethods": []string{"generateContent"}}}}))
	})
}

func (c gemini) authorised(x *exchange) *problem {
	if x.r.Header.Get("X-Goog-Api-Key") != x.s.key && x.r.URL.Query().Get("key") != x.s.key {
		return &problem{what: unauthorized, message: "API key not valid. Please pass a valid API key."}
	}
	return nil
}

// geminiCallSign is the signature of every call; geminiNoSign is the word that
// Google documents for calls of other models.
const geminiCallSign, geminiNoSign = "ZmFrZS1jYWxs", "skip_thought_signature_validator"

type geminiPart struct {
	Text    string `json:"text"`
	Thought bool   `json:"thought"`
	Sign    string `json:"thoughtSignature"`
	Data    *struct {
		MIME string `json:"mimeType"`
		Data string `json:"data"`
	} `json:"inlineData"`
	Call *struct {
		Name string          `json:"name"`
		Args json.RawMessage `json:"args"`
	} `json:"functionCall"`
	Result *struct {
		Name     string          `json:"name"`
		Response json.RawMessage `json:"response"`
	} `json:"functionResponse"`
}

func (c gemini) read(x *exchange) *problem {
	bad := func(format string, args ...any) *problem {
		return &problem{what: invalid, message: fmt.Sprintf(format, args...)}
	}
	type content struct {
		Role  string       `json:"role"`
		Parts []geminiPart `json:"parts"`
	}
	var q struct {
		Contents []content `json:"contents"`
		System   *content  `json:"systemInstruction"`
		Tools    []struct {
			Functions []struct {
				Name       string          `json:"name"`
				Parameters json.RawMessage `json:"parameters"`
				Schema     json.RawMessage `json:"parametersJsonSchema"`
			} `json:"functionDeclarations"`
		} `json:"tools"`
		ToolConfig struct {
			Calling struct {
				Mode  string   `json:"mode"`
				Names []string `json:"allowedFunctionNames"`
			} `json:"functionCallingConfig"`
		} `json:"toolConfig"`
		Config struct {
			MaxTokens  int             `json:"maxOutputTokens"`
			MIME       string          `json:"responseMimeType"`
			Schema     json.RawMessage `json:"responseSchema"`
			JSONSchema json.RawMessage `json:"responseJsonSchema"`
			Thinking   *struct {
				Level   string `json:"thinkingLevel"`
				Budget  *int   `json:"thinkingBudget"`
				Include bool   `json:"includeThoughts"`
			} `json:"thinkingConfig"`
		} `json:"generationConfig"`
	}
	if err := json.Unmarshal(x.body, &q); err != nil {
		return bad("Invalid JSON payload received: %v", err)
	}
	a := &x.ask
	a.Vendor, a.MaxTokens = x.s.Vendor.Name, q.Config.MaxTokens
	if len(q.Contents) == 0 {
		return bad("contents is not specified")
	}
	if q.System != nil {
		t := Turn{Role: "system"}
		for _, p := range q.System.Parts {
			t.Text += p.Text
		}
		a.Turns = append(a.Turns, t)
	}
	for _, t := range q.Tools {
		for _, f := range t.Functions {
			schema := f.Schema
			if f.Parameters != nil {
				if name := foreign(f.Parameters, 0); name != "" {
					return bad("Invalid JSON payload received. Unknown name %q at 'tools.function_declarations.parameters'", name)
				}
				schema = f.Parameters
			}
			a.Tools = append(a.Tools, Tool{f.Name, schema})
		}
	}
	switch mode := q.ToolConfig.Calling; strings.ToUpper(mode.Mode) {
	case "", "AUTO":
	case "NONE":
		a.Choice = "none"
	case "ANY":
		if a.Choice = "required"; len(mode.Names) == 1 {
			a.Choice = mode.Names[0]
		}
	default:
		return bad("toolConfig.functionCallingConfig.mode: got %q", mode.Mode)
	}
	if t := q.Config.Thinking; t != nil {
		switch a.Effort = t.Level; {
		case t.Level != "" && !slices.Contains([]string{"minimal", "low", "medium", "high"}, strings.ToLower(t.Level)):
			return bad("thinkingLevel: got %q", t.Level)
		case t.Level != "" && t.Budget != nil:
			return bad("You can only set only one of thinking budget and thinking level.")
		}
		a.Thinks = t.Include && !strings.EqualFold(t.Level, "minimal") && (t.Budget == nil || *t.Budget != 0)
	}
	if q.Config.MIME == "application/json" {
		a.JSON, a.Schema = true, q.Config.JSONSchema
		if q.Config.Schema != nil {
			if name := foreign(q.Config.Schema, 0); name != "" {
				return bad("Invalid JSON payload received. Unknown name %q at 'generation_config.response_schema'", name)
			}
			a.Schema = q.Config.Schema
		}
	} else if q.Config.Schema != nil || q.Config.JSONSchema != nil {
		return bad("responseSchema is only supported with responseMimeType application/json")
	}
	for i, m := range q.Contents {
		if p := c.content(a, i, m.Role, m.Parts); p != "" {
			return bad("%s", p)
		}
	}
	return nil
}

// content reads one content. Results of functions become turns of their own.
func (c gemini) content(a *Ask, i int, role string, parts []geminiPart) string {
	t := Turn{Role: map[string]string{"user": "user", "model": "assistant"}[role]}
	if t.Role == "" || len(parts) == 0 {
		return fmt.Sprintf("contents[%d]: want the role user or model, and parts", i)
	}
	signed := false
	for _, p := range parts {
		switch {
		case p.Thought:
			t.Thoughts += p.Text
		case p.Data != nil:
			m, ok := inline(p.Data.MIME, p.Data.Data)
			if !ok {
				return "Unable to process input image."
			}
			t.Images = append(t.Images, m)
		case p.Call != nil:
			// The first of several calls carries the signature for all of them.
			if signed = signed || p.Sign == geminiCallSign || p.Sign == geminiNoSign; !signed || t.Role != "assistant" {
				return "Function call is missing a thought_signature in functionCall parts."
			}
			t.Calls = append(t.Calls, Call{p.Call.Name, p.Call.Name, string(p.Call.Args)})
		case p.Result != nil:
			var object map[string]any
			if json.Unmarshal(p.Result.Response, &object) != nil || object == nil {
				return "functionResponse.response: want an object"
			}
			text := string(p.Result.Response)
			for _, v := range object {
				if s, ok := v.(string); ok {
					text = s
				}
			}
			a.Turns = append(a.Turns, Turn{Role: "tool", Text: text, CallID: p.Result.Name})
		default:
			t.Text += p.Text
		}
	}
	if t.Text != "" || t.Images != nil || t.Calls != nil || t.Thoughts != "" {
		a.Turns = append(a.Turns, t)
	}
	return ""
}

// foreign returns a word of a schema that the subset does not know.
func foreign(schema json.RawMessage, depth int) string {
	words := []string{"type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required", "minProperties", "maxProperties",
		"minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering", "default", "items", "minimum", "maximum"}
	var v map[string]json.RawMessage
	if depth > 32 || json.Unmarshal(schema, &v) != nil {
		return ""
	}
	for name, value := range v {
		if !slices.Contains(words, name) {
			return name
		}
		var inner []json.RawMessage
		var named map[string]json.RawMessage
		switch {
		case name == "items":
			inner = append(inner, value)
		case name == "anyOf":
			json.Unmarshal(value, &inner)
		case name == "properties" && json.Unmarshal(value, &named) == nil:
			for _, p := range named {
				inner = append(inner, p)
			}
		}
		for _, s := range inner {
			if name := foreign(s, depth+1); name != "" {
				return name
			}
		}
	}
	return ""
}

func (c gemini) refusal(x *exchange, p problem) (int, []byte) {
	if p.what == filtered {
		return http.StatusOK, compact(map[string]any{"promptFeedback": map[string]any{"blockReason": "SAFETY"}, "modelVersion": x.ask.Model,
			"usageMetadata": map[string]any{"promptTokenCount": 8, "totalTokenCount": 8}})
	}
	f := geminiErrors[p.what]
	v := map[string]any{"code": f.status, "message": p.message, "status": f.code}
	if f.kind != "" {
		v["details"] = []any{map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": f.kind, "domain": "googleapis.com"}}
	}
	return f.status, compact(map[string]any{"error": v})
}

func (c gemini) trouble(x *exchange, p problem) frame {
	_, body := c.refusal(x, p)
	return frame{data: body}
}

// chunk returns an answer, or a piece of it.
func (c gemini) chunk(x *exchange, parts []any, finish string, u Usage) []byte {
	candidate := map[string]any{"index": 0, "content": map[string]any{"role": "model", "parts": parts}}
	if finish != "" {
		candidate["finishReason"] = finish
	}
	v := map[string]any{"candidates": []any{candidate}, "modelVersion": x.ask.Model, "responseId": "fake"}
	if !x.is("usage-none") {
		v["usageMetadata"] = map[string]any{"promptTokenCount": u.Input, "candidatesTokenCount": u.Output, "thoughtsTokenCount": u.Reasoning,
			"cachedContentTokenCount": u.Cached, "totalTokenCount": u.Input + u.Output + u.Reasoning}
	}
	return compact(v)
}

// call returns the part that calls; the first call carries the signature.
func (c gemini) call(i int, call Call) map[string]any {
	v := map[string]any{"functionCall": map[string]any{"name": call.Name, "args": json.RawMessage(call.Args)}}
	if i == 0 {
		v["thoughtSignature"] = geminiCallSign
	}
	return v
}

var geminiFinishes = map[string]string{"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}

func (c gemini) whole(x *exchange, r Reply) []byte {
	parts := []any{}
	if t := r.Thoughts(); t != "" {
		parts = append(parts, map[string]any{"text": t, "thought": true})
	}
	if t := r.Text(); t != "" {
		parts = append(parts, map[string]any{"text": t})
	}
	for i, call := range r.Calls() {
		parts = append(parts, c.call(i, call))
	}
	return c.chunk(x, parts, geminiFinishes[r.Finish], r.Usage)
}

func (c gemini) stream(x *exchange, r Reply) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		used := Usage{Input: r.Usage.Input, Cached: r.Usage.Cached}
		calls := r.Calls()
		for p := range r.all() {
			part := map[string]any{"text": p.Text}
			switch size := len([]rune(p.Name + p.Text)); {
			case p.Kind == "thought":
				used.Reasoning += size
				part["thought"] = true
			case p.Kind == "text":
				used.Output += size
			case p.ID == "":
				continue
			default:
				part = c.call(p.Call, calls[p.Call])
			}
			if !yield(frame{data: c.chunk(x, []any{part}, "", used), content: true}) {
				return
			}
		}
		yield(frame{data: c.chunk(x, []any{map[string]any{"text": ""}}, geminiFinishes[r.Finish], r.Usage)})
	}
}
