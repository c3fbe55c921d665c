package member

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"summit/llm"
)

// Tongyi Qianwen by DashScope's own protocol. Texts go to one address, models
// that also see or hear to another, where contents are lists; a model at the
// wrong one answers "url error". Fields of parameters that Summit has no word
// for are passed on.
// Source: help.aliyun.com/zh/model-studio, DashScope API (2026-10).
func init() {
	v := qwen()
	v.name, v.about, v.manual = "qwen-native", "Tongyi Qianwen by DashScope's own protocol", true
	v.baseURL = "https://dashscope.aliyuncs.com/api/v1"
	v.quirks.NoStreamOptions = true
	v.quirks.ReasoningField = "reasoning_content"
	v.quirks.Pass = []string{"*"}
	v.quirks.Strip = append(v.quirks.Strip, "tools.strict", "user", "metadata", "logit_bias", "min_p")
	maps.Copy(v.quirks.Codes, map[string]llm.ErrorKind{
		"Throttling": llm.RateLimited, "Throttling.RateQuota": llm.RateLimited, "Throttling.BurstRate": llm.RateLimited, "Throttling.User": llm.RateLimited,
		"Arrearage": llm.QuotaExhausted, "AllocationQuota.FreeTierOnly": llm.QuotaExhausted, "CommodityNotPurchased": llm.QuotaExhausted, "PostpaidBillOverdue": llm.QuotaExhausted,
		"DataInspectionFailed": llm.Filtered, "AccessDenied": llm.Forbidden, "Model.AccessDenied": llm.Forbidden, "Workspace.AccessDenied": llm.Forbidden,
		"ModelNotFound": llm.NotFound, "Model.NotFound": llm.NotFound, "InvalidParameter": llm.Unsupported, "InvalidURL": llm.Unsupported, "ModelServingError": llm.Overloaded,
		"RequestTimeOut": llm.Timeout, "ServiceUnavailable": llm.Overloaded, "ModelUnavailable": llm.Overloaded,
	})
	v.params = func() params { return &DashScopeParams{} }
	v.wire = func(c *Config, p params) (wire, error) {
		own := p.(*DashScopeParams)
		if slices.Index([]string{"", "text", "multimodal"}, own.Generation) < 0 {
			return wire{}, errors.New("params.generation: want text, multimodal or nothing (by the model's name)")
		}
		return wire{
			noModels: true, body: own.body, chunk: dashScopeChunk, vectors: dashScopeVectors,
			path: func(r *llm.Request, model string) string {
				if own.multimodal(r, model) {
					return "/services/aigc/multimodal-generation/generation"
				}
				return "/services/aigc/text-generation/generation"
			},
			header: func(req *http.Request, stream bool) {
				if stream {
					req.Header.Set("X-DashScope-SSE", "enable")
				}
				if own.Workspace != "" {
					req.Header.Set("X-DashScope-WorkSpace", own.Workspace)
				}
			},
		}, nil
	}
	registerOpenAI(v)
}

// DashScopeParams are the settings of Qianwen by DashScope's own protocol.
type DashScopeParams struct {
	OpenAIParams `yaml:",inline"`
	Generation   string `yaml:"generation" json:"generation,omitempty" jsonschema:"enum=text,enum=multimodal" jsonschema_description:"the address that the model is at: text or multimodal; empty = multimodal for Qwen 3.5 and later, for models with vl or omni in their names and for requests with images or sound"`
	Workspace    string `yaml:"workspace" json:"workspace,omitempty" jsonschema_description:"the workspace (business space) of the model; empty = the key's own"`
}

// multimodal reports at which address the model is.
func (p *DashScopeParams) multimodal(r *llm.Request, model string) bool {
	switch p.Generation {
	case "text":
		return false
	case "multimodal":
		return true
	}
	return dashScopeSees(model) || r != nil && (r.Has(llm.PartImage) || r.Has(llm.PartAudio))
}

// dashScopeSees reports whether a model of that name is at the multimodal
// address. The next generations are taken to be there too.
func dashScopeSees(model string) bool {
	for _, part := range []string{"-vl", "vl-", "omni", "qvq", "-audio"} {
		if strings.Contains(model, part) {
			return true
		}
	}
	rest, ok := strings.CutPrefix(model, "qwen")
	if !ok {
		return false
	}
	number, _, _ := strings.Cut(rest, "-")
	major, minor, _ := strings.Cut(number, ".")
	return len(major) == 1 && (major == "3" && len(minor) > 0 && cmp.Compare(minor, "5") >= 0 || major >= "4" && major <= "9")
}

// body puts a request into DashScope's form: messages inside input, all else
// inside parameters.
func (p *DashScopeParams) body(c *chatBody) (any, error) {
	type message struct {
		Role             string     `json:"role"`
		Name             string     `json:"name,omitempty"`
		Content          any        `json:"content"`
		ReasoningContent string     `json:"reasoning_content,omitempty"`
		ToolCalls        []chatCall `json:"tool_calls,omitempty"`
		ToolCallID       string     `json:"tool_call_id,omitempty"`
	}
	seen := p.multimodal(nil, c.model)
	for i := range c.messages {
		seen = seen || p.Generation == "" && slices.ContainsFunc(c.messages[i].parts(), func(p chatPart) bool { return p.Type == "image_url" || p.Type == "input_audio" })
	}
	messages := make([]message, 0, len(c.messages))
	for i := range c.messages {
		m := &c.messages[i]
		own := message{Role: m.Role, Name: m.Name, ReasoningContent: m.ReasoningContent, ToolCalls: m.ToolCalls, ToolCallID: m.ToolCallID}
		if seen {
			list := []map[string]string{}
			for _, part := range m.parts() {
				switch part.Type {
				case "text":
					list = append(list, map[string]string{"text": part.Text})
				case "image_url":
					list = append(list, map[string]string{"image": part.ImageURL.URL})
				case "input_audio":
					list = append(list, map[string]string{"audio": "data:audio/" + cmp.Or(part.InputAudio.Format, "wav") + ";base64," + part.InputAudio.Data})
				default:
					return nil, &llm.Error{Kind: llm.Unsupported, Param: "messages", Message: "takes texts, images and sound only, got a part of type " + clip(part.Type)}
				}
			}
			if m.Refusal != "" {
				list = append(list, map[string]string{"text": m.Refusal})
			}
			own.Content = list
		} else {
			text, err := m.plain()
			if err != nil {
				return nil, err
			}
			own.Content = text
		}
		messages = append(messages, own)
	}
	parameters := map[string]any{"result_format": "message"}
	if c.stream {
		parameters["incremental_output"] = true
	}
	if tools := c.functions(); tools != nil {
		parameters["tools"] = tools
	}
	for name := range maps.Clone(c.fields) {
		parameters[name] = c.take(name)
	}
	return map[string]any{"model": c.model, "input": map[string]any{"messages": messages}, "parameters": parameters}, nil
}

// dashScopeChunk puts an event into the form of Chat Completions: what is in
// output comes up, and a text outside of choices becomes one.
func dashScopeChunk(event []byte) []byte {
	var e struct {
		RequestID json.RawMessage `json:"request_id"`
		Usage     json.RawMessage `json:"usage"`
		Output    *struct {
			Choices []json.RawMessage `json:"choices"`
			Text    json.RawMessage   `json:"text"`
			Finish  json.RawMessage   `json:"finish_reason"`
		} `json:"output"`
	}
	if json.Unmarshal(event, &e) != nil || e.Output == nil {
		return event // an error, or something else that the decoder tells
	}
	chunk := map[string]any{"choices": e.Output.Choices}
	if e.Output.Choices == nil && e.Output.Text != nil {
		choice := map[string]any{"message": map[string]any{"content": e.Output.Text}}
		if e.Output.Finish != nil {
			choice["finish_reason"] = e.Output.Finish
		}
		chunk["choices"] = []any{choice}
	}
	if e.RequestID != nil {
		chunk["id"] = e.RequestID
	}
	if e.Usage != nil {
		chunk["usage"] = e.Usage
	}
	text, err := json.Marshal(chunk)
	if err != nil {
		return event
	}
	return text
}
