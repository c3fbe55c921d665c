package member

import (
	"encoding/json"

	"summit/dialect"
	"summit/llm"
)

// Tencent Hunyuan by Tencent Cloud's own API 3.0 (ChatCompletions), for keys
// SecretId:SecretKey. Failures come with HTTP 200. It has no limit of tokens
// and no penalties. Newer models are on TokenHub only: use hunyuan.
// Source: cloud.tencent.com/document/api/1729/105701 (2023-09-01).
func init() {
	registerOpenAI(vendor{
		name: "hunyuan-native", about: "Tencent Hunyuan by Tencent Cloud's own protocol (SecretId:SecretKey)", maker: "tencent", manual: true,
		baseURL: "https://hunyuan.tencentcloudapi.com", model: "hunyuan-turbos-latest", keyEnv: []string{"TENCENTCLOUD_SECRET_ID:TENCENTCLOUD_SECRET_KEY"},
		quirks: dialect.Quirks{
			ThinkingSwitch: "enable_thinking", NoStreamOptions: true,
			Efforts: map[string]string{"none": "", "minimal": "", "low": "", "medium": "", "high": "", "xhigh": "", "max": ""},
			Strip:   []string{"tools.strict"},
			Pass:    []string{"enable_enhancement", "stream_moderation", "force_search_enhancement"},
			Codes: map[string]llm.ErrorKind{
				"AuthFailure.SignatureFailure": llm.Unauthorized, "AuthFailure.SignatureExpire": llm.Unauthorized, "AuthFailure.SecretIdNotFound": llm.Unauthorized,
				"AuthFailure.UnauthorizedOperation": llm.Forbidden, "UnauthorizedOperation": llm.Forbidden, "FailedOperation.UserUnAuthError": llm.Forbidden,
				"FailedOperation.ResourcePackExhausted": llm.QuotaExhausted, "FailedOperation.ServiceStop": llm.QuotaExhausted,
				"FailedOperation.ServiceNotActivated": llm.QuotaExhausted, "FailedOperation.FreeResourcePackExhausted": llm.QuotaExhausted,
				"LimitExceeded": llm.RateLimited, "RequestLimitExceeded": llm.RateLimited, "FailedOperation.EngineRequestTimeout": llm.Timeout,
				"FailedOperation.EngineServerLimitExceeded": llm.Overloaded, "FailedOperation.EngineServerError": llm.Overloaded, "InternalError": llm.Overloaded,
				"InvalidParameterValue.Model": llm.NotFound, "InvalidParameterValue": llm.Unsupported, "InvalidParameter": llm.Unsupported,
				"OperationDenied.TextIllegalDetected": llm.Filtered, "OperationDenied.ImageIllegalDetected": llm.Filtered,
			},
		},
		params: func() params { return &HunyuanParams{} },
		wire: func(c *Config, p params) (wire, error) {
			id, key, err := halves(c.Key, ":", "SecretId:SecretKey")
			if err != nil {
				return wire{}, err
			}
			sign := &tc3{id: id, key: key, service: "hunyuan", action: "ChatCompletions", version: "2023-09-01", region: p.(*HunyuanParams).Region}
			return wire{signer: sign, body: hunyuanBody, chunk: hunyuanChunk, noModels: true,
				path: func(*llm.Request, string) string { return "/" }}, nil
		},
	})
}

// HunyuanParams are the settings of Hunyuan by Tencent Cloud's own protocol.
type HunyuanParams struct {
	OpenAIParams `yaml:",inline"`
	Region       string `yaml:"region" json:"region,omitempty" jsonschema_description:"Tencent Cloud region, such as ap-guangzhou; empty = none is sent"`
}

type hunyuanMessage struct {
	Role       string        `json:"Role"`
	Content    *string       `json:"Content,omitempty"`
	Contents   []hunyuanPart `json:"Contents,omitempty"`
	ToolCallID string        `json:"ToolCallId,omitempty"`
	ToolCalls  []hunyuanCall `json:"ToolCalls,omitempty"`
}

type hunyuanPart struct {
	Type     string        `json:"Type"`
	Text     string        `json:"Text,omitempty"`
	ImageURL *hunyuanImage `json:"ImageUrl,omitempty"`
}

type hunyuanImage struct {
	URL string `json:"Url"`
}

type hunyuanCall struct {
	ID       string `json:"Id"`
	Type     string `json:"Type"`
	Index    int    `json:"Index"`
	Function struct {
		Name      string `json:"Name"`
		Arguments string `json:"Arguments"`
	} `json:"Function"`
}

type hunyuanTool struct {
	Type     string `json:"Type"`
	Function struct {
		Name        string `json:"Name"`
		Parameters  string `json:"Parameters"` // JSON text
		Description string `json:"Description,omitempty"`
	} `json:"Function"`
}

// hunyuanBody puts a request into the form of ChatCompletions.
func hunyuanBody(c *chatBody) (any, error) {
	messages := make([]hunyuanMessage, 0, len(c.messages))
	for i := range c.messages {
		m := &c.messages[i]
		own := hunyuanMessage{Role: m.Role, ToolCallID: m.ToolCallID}
		if m.Name != "" && m.Role != "tool" {
			c.warn("names of participants are not sent to this member")
		}
		parts := m.parts()
		images := false
		for _, p := range parts {
			images = images || p.Type == "image_url"
		}
		if images {
			for _, p := range parts {
				switch p.Type {
				case "text":
					own.Contents = append(own.Contents, hunyuanPart{Type: "text", Text: p.Text})
				case "image_url":
					own.Contents = append(own.Contents, hunyuanPart{Type: "image_url", ImageURL: &hunyuanImage{p.ImageURL.URL}})
				default:
					return nil, &llm.Error{Kind: llm.Unsupported, Param: "messages", Message: "takes texts and images only, got a part of type " + clip(p.Type)}
				}
			}
		} else {
			text, err := m.plain()
			if err != nil {
				return nil, err
			}
			own.Content = &text
		}
		for j, call := range m.ToolCalls {
			k := hunyuanCall{ID: call.ID, Type: "function", Index: j}
			k.Function.Name, k.Function.Arguments = call.Function.Name, call.Function.Arguments
			own.ToolCalls = append(own.ToolCalls, k)
		}
		messages = append(messages, own)
	}
	body := map[string]any{"Model": c.model, "Messages": messages, "Stream": c.stream}
	c.move(body, map[string]string{
		"temperature": "Temperature", "top_p": "TopP", "stop": "Stop", "seed": "Seed", "enable_thinking": "EnableThinking",
		"enable_enhancement": "EnableEnhancement", "stream_moderation": "StreamModeration", "force_search_enhancement": "ForceSearchEnhancement",
	})
	if stop, ok := body["Stop"].(json.RawMessage); ok && len(stop) > 0 && stop[0] == '"' {
		body["Stop"] = []json.RawMessage{stop}
	}
	var tools []hunyuanTool
	for _, t := range c.functions() {
		own := hunyuanTool{Type: "function"}
		own.Function.Name, own.Function.Description, own.Function.Parameters = t.Function.Name, t.Function.Description, "{}"
		if t.Function.Parameters != nil {
			own.Function.Parameters = string(t.Function.Parameters)
		}
		tools = append(tools, own)
	}
	if tools != nil {
		body["Tools"] = tools
	}
	switch mode, name := c.choice(); mode {
	case "auto", "none":
		body["ToolChoice"] = mode
	case "tool":
		for _, t := range tools {
			if t.Function.Name == name {
				body["ToolChoice"], body["CustomTool"] = "custom", t
			}
		}
		if body["CustomTool"] == nil {
			c.warn("tool_choice is not sent to this member: it names no function of the request")
		}
	case "required":
		c.warn("tool_choice required is not sent to this member: the model may answer without a call")
	}
	return body, nil
}

// hunyuanChunk puts an event into the form of Chat Completions. A plain answer
// has it all inside Response, a stream's events do not.
func hunyuanChunk(event []byte) []byte {
	var outer struct {
		Response json.RawMessage
	}
	if json.Unmarshal(event, &outer) == nil && outer.Response != nil {
		event = outer.Response
	}
	return snakeKeys(event)
}

// snakeKeys writes the names of a JSON text's fields in small letters with
// underscores: FinishReason becomes finish_reason, Id id. Values stay byte for
// byte, and so do the names of Error and ErrorMsg, which the decoder knows, and
// what is no JSON.
func snakeKeys(text []byte) []byte {
	out := make([]byte, 0, len(text)+len(text)/8)
	var objects []bool // for each open bracket: it is an object's
	name := false      // the next string is a field's name
	for i := 0; i < len(text); i++ {
		switch b := text[i]; b {
		case '{', '[':
			objects = append(objects, b == '{')
			name = b == '{'
		case '}', ']':
			if len(objects) > 0 {
				objects = objects[:len(objects)-1]
			}
			name = false
		case ',':
			name = len(objects) > 0 && objects[len(objects)-1]
		case '"':
			end := i + 1
			for end < len(text) && text[end] != '"' {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			word := text[i:min(end+1, len(text))]
			if name && string(word) != `"Error"` && string(word) != `"ErrorMsg"` {
				out = appendSnake(out, word)
			} else {
				out = append(out, word...)
			}
			name = false
			i = end
			continue
		}
		out = append(out, text[i])
	}
	return out
}

func appendSnake(out, word []byte) []byte {
	for i, b := range word {
		if b >= 'A' && b <= 'Z' {
			if i > 1 && (word[i-1] < 'A' || word[i-1] > 'Z') && word[i-1] != '_' {
				out = append(out, '_')
			}
			b += 'a' - 'A'
		}
		out = append(out, b)
	}
	return out
}
