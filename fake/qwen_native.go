package fake

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
)

// Tongyi Qianwen by DashScope's own protocol: the model is at the multimodal
// address only, every event tells usage, finish_reason is the string "null"
// until the end, and without incremental_output each event repeats the text.
// Source: help.aliyun.com/zh/model-studio, DashScope API (2026-10).
func init() {
	register(Vendor{
		Name: "qwen-native", About: "Tongyi Qianwen by DashScope's own protocol", Protocol: "DashScope generation", Kind: "qwen-native",
		Base: "/api/v1", Model: "qwen3.8-max", Key: "sk-fake-qwen",
		Unknown:    []string{"too-long"},
		Deviations: []string{"no-space"},
		Vectors:    Vectors{Model: "text-embedding-v4", Size: 1024, Sizes: []int{64, 128, 256, 512, 768, 1536, 2048}, Most: 10},
		door:       dashScope{},
	})
}

// dashScope is the codec of DashScope's own form.
type dashScope struct{}

var dashScopeErrors = map[string]failure{
	invalid: {400, "InvalidParameter", ""}, unauthorized: {401, "InvalidApiKey", ""}, notFound: {404, "ModelNotFound", ""}, tooLong: {400, "InvalidParameter", ""},
	rateLimited: {429, "Throttling.RateQuota", ""}, quota: {400, "Arrearage", ""}, filtered: {400, "DataInspectionFailed", ""}, overloaded: {503, "ServiceUnavailable", ""},
}

func (c dashScope) mount(mux *http.ServeMux, s *Server) {
	serve := func(multimodal bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			x := s.begin(w, r)
			if x == nil {
				return
			}
			p := (*problem)(nil)
			switch {
			case x.bearer() != s.key:
				p = &problem{what: unauthorized, message: "Invalid API-key provided."}
			case !multimodal:
				p = &problem{what: invalid, message: "url error, please check url！"}
			default:
				p = c.read(x)
			}
			if p != nil {
				x.refuse(c, *p)
				return
			}
			x.answer(c)
		}
	}
	mux.HandleFunc("POST "+s.Vendor.Base+"/services/embeddings/text-embedding/text-embedding", func(w http.ResponseWriter, r *http.Request) {
		x := s.begin(w, r)
		if x == nil {
			return
		}
		p := &problem{what: unauthorized, message: "Invalid API-key provided."}
		if x.bearer() == s.key {
			p = readDashScopeTexts(x)
		}
		if p != nil {
			x.refuse(c, *p)
			return
		}
		x.answer(dashScopeVectors{c})
	})
	mux.HandleFunc("POST "+s.Vendor.Base+"/services/aigc/text-generation/generation", serve(false))
	mux.HandleFunc("POST "+s.Vendor.Base+"/services/aigc/multimodal-generation/generation", serve(true))
}

// dashScopeMessage is a message of a request.
type dashScopeMessage struct {
	Role      string          `json:"role"`
	Content   json.RawMessage `json:"content"`
	Reasoning string          `json:"reasoning_content"`
	CallID    string          `json:"tool_call_id"`
	Calls     []struct {
		ID       string `json:"id"`
		Type     string `json:"type"`
		Function struct {
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

func (c dashScope) read(x *exchange) *problem {
	bad := func(format string, args ...any) *problem {
		return &problem{what: invalid, message: fmt.Sprintf(format, args...)}
	}
	var q struct {
		Model string `json:"model"`
		Input struct {
			Messages []dashScopeMessage `json:"messages"`
		} `json:"input"`
		Parameters struct {
			Format      string          `json:"result_format"`
			Incremental bool            `json:"incremental_output"`
			Thinking    *bool           `json:"enable_thinking"`
			Effort      string          `json:"reasoning_effort"`
			MaxTokens   int             `json:"max_tokens"`
			Tools       []chatTool      `json:"tools"`
			Choice      json.RawMessage `json:"tool_choice"`
			Response    *struct {
				Type   string `json:"type"`
				Schema struct {
					Schema json.RawMessage `json:"schema"`
				} `json:"json_schema"`
			} `json:"response_format"`
		} `json:"parameters"`
	}
	if err := json.Unmarshal(x.body, &q); err != nil {
		return bad("the body has not the form of a request: %v", err)
	}
	a, p := &x.ask, q.Parameters
	a.Vendor, a.Model, a.MaxTokens, a.Effort = x.s.Vendor.Name, q.Model, p.MaxTokens, p.Effort
	a.Stream = x.r.Header.Get("X-DashScope-SSE") == "enable" || strings.Contains(x.r.Header.Get("Accept"), "text/event-stream")
	x.on["whole-texts"] = !p.Incremental
	switch {
	case q.Model != x.s.model:
		return &problem{what: notFound, message: "Model not exist."}
	case len(q.Input.Messages) == 0:
		return bad("Input should have messages")
	case p.Format != "" && p.Format != "message":
		return bad("result_format: want message")
	case p.Incremental && !a.Stream:
		return bad("incremental_output only supports stream calls")
	}
	if a.Thinks = p.Effort != "none"; p.Thinking != nil {
		a.Thinks = *p.Thinking
	}
	waiting := map[string]bool{}
	for i, m := range q.Input.Messages {
		t := Turn{Role: m.Role, CallID: m.CallID, Thoughts: m.Reasoning}
		if !slices.Contains([]string{"system", "user", "assistant", "tool"}, m.Role) {
			return bad("messages[%d].role is %q", i, m.Role)
		}
		for _, call := range m.Calls {
			waiting[call.ID] = true
			t.Calls = append(t.Calls, Call{call.ID, call.Function.Name, call.Function.Arguments})
		}
		if m.Role == "tool" && !waiting[m.CallID] {
			return bad(`messages with role "tool" must be a response to a preceding message with "tool_calls"`)
		}
		var parts []map[string]string
		if json.Unmarshal(m.Content, &parts) != nil && json.Unmarshal(m.Content, &t.Text) != nil {
			return bad("messages[%d].content: want a list of texts and images", i)
		}
		for _, p := range parts {
			t.Text += p["text"]
			if p["image"] != "" {
				m, ok := image(p["image"])
				if !ok {
					return bad("messages[%d]: the image can't be read", i)
				}
				t.Images = append(t.Images, m)
			}
		}
		a.Turns = append(a.Turns, t)
	}
	chat := &chat{}
	for _, t := range p.Tools {
		if message := chat.tool(a, t); message != "" {
			return bad("%s", message)
		}
	}
	if message := chat.choose(a, p.Choice); message != "" {
		return bad("%s", message)
	}
	if f := p.Response; f != nil {
		switch f.Type {
		case "text":
		case "json_object":
			a.JSON = true
		case "json_schema":
			a.Schema = f.Schema.Schema
		default:
			return bad("response_format.type is %q", f.Type)
		}
	}
	return nil
}

func (c dashScope) refusal(_ *exchange, p problem) (int, []byte) {
	f := dashScopeErrors[p.what]
	return f.status, compact(map[string]any{"code": f.code, "message": p.message, "request_id": "fake-request"})
}

func (c dashScope) trouble(x *exchange, p problem) frame {
	status, body := c.refusal(x, p)
	return frame{lines: []string{"id:9", "event:error", fmt.Sprintf(":HTTP_STATUS/%d", status)}, data: body}
}

// output returns the object of an answer.
func (c dashScope) output(x *exchange, text, thoughts string, calls []any, finish string, u Usage) []byte {
	content := []any{}
	if text != "" {
		content = append(content, map[string]any{"text": text})
	}
	message := map[string]any{"role": "assistant", "content": content, "reasoning_content": thoughts}
	if calls != nil {
		message["tool_calls"] = calls
	}
	v := map[string]any{"request_id": "fake-request", "output": map[string]any{"choices": []any{map[string]any{"finish_reason": finish, "message": message}}}}
	if !x.is("usage-none") {
		v["usage"] = map[string]any{"input_tokens": u.Input, "output_tokens": u.Output + u.Reasoning, "total_tokens": u.Input + u.Output + u.Reasoning,
			"prompt_tokens_details": map[string]any{"cached_tokens": u.Cached}, "output_tokens_details": map[string]any{"reasoning_tokens": u.Reasoning}}
	}
	return compact(v)
}

func dashScopeCall(i int, call Call) map[string]any {
	return map[string]any{"index": i, "id": call.ID, "type": "function", "function": map[string]any{"name": call.Name, "arguments": call.Args}}
}

func (c dashScope) whole(x *exchange, r Reply) []byte {
	var calls []any
	for i, call := range r.Calls() {
		calls = append(calls, dashScopeCall(i, call))
	}
	return c.output(x, r.Text(), r.Thoughts(), calls, r.Finish, r.Usage)
}

func (c dashScope) stream(x *exchange, r Reply) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		used := Usage{Input: r.Usage.Input, Cached: r.Usage.Cached}
		n := 0
		send := func(text, thoughts string, calls []any, finish string, content bool) bool {
			n++
			return yield(frame{lines: []string{fmt.Sprintf("id:%d", n), "event:result", ":HTTP_STATUS/200"}, content: content,
				data: c.output(x, text, thoughts, calls, finish, used)})
		}
		whole := x.is("whole-texts")
		var text, thoughts string
		var calls []any
		for p := range r.all() {
			if !whole {
				text, thoughts, calls = "", "", nil
			}
			switch size := len([]rune(p.Name + p.Text)); p.Kind {
			case "thought":
				used.Reasoning += size
				thoughts += p.Text
			case "text":
				used.Output += size
				text += p.Text
			case "call":
				used.Output += size
				switch {
				case !whole:
					calls = []any{dashScopeCall(p.Call, Call{p.ID, p.Name, p.Text})}
				case p.ID != "":
					calls = append(calls, dashScopeCall(p.Call, r.Calls()[p.Call]))
				}
			}
			if !send(text, thoughts, calls, "null", true) {
				return
			}
		}
		if !whole {
			text, thoughts, calls = "", "", nil
		}
		used = r.Usage
		send(text, thoughts, calls, r.Finish, false)
	}
}
