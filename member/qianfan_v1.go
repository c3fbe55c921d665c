package member

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/url"

	"summit/dialect"
	"summit/llm"
)

// Baidu's ERNIE by the older protocol of Qianfan (v1), with an access token in
// the address. The model is part of the path; messages are an odd number and
// take turns; there is one function call at a time. Failures come with HTTP 200.
// Source: cloud.baidu.com/doc/WENXINWORKSHOP (chat, error codes).
func init() {
	registerOpenAI(vendor{
		name: "qianfan-v1", about: "Baidu ERNIE by the older protocol of Qianfan (API_KEY:SECRET_KEY)", maker: "baidu", manual: true,
		baseURL: "https://aip.baidubce.com/rpc/2.0/ai_custom/v1/wenxinworkshop", model: "completions_pro", keyEnv: []string{"QIANFAN_API_KEY:QIANFAN_SECRET_KEY"},
		quirks: dialect.Quirks{
			NoStreamOptions: true,
			Efforts:         map[string]string{"none": "", "minimal": "", "low": "", "medium": "", "high": "", "xhigh": "", "max": ""},
			Strip:           []string{"tools.strict"},
			Pass:            []string{"penalty_score", "disable_search", "enable_citation", "enable_system_memory"},
			Codes: map[string]llm.ErrorKind{
				"1": llm.Overloaded, "2": llm.Overloaded, "3": llm.NotFound, "4": llm.RateLimited, "6": llm.Forbidden, "13": llm.Unauthorized, "14": llm.Unauthorized, "15": llm.Unauthorized,
				"17": llm.QuotaExhausted, "18": llm.RateLimited, "19": llm.QuotaExhausted, "100": llm.Unauthorized, "110": llm.Unauthorized, "111": llm.Unauthorized,
				"336000": llm.Overloaded, "336001": llm.Unsupported, "336002": llm.Unsupported, "336003": llm.Unsupported, "336004": llm.Forbidden, "336005": llm.Overloaded,
				"336006": llm.Unsupported, "336007": llm.TooLong, "336100": llm.Overloaded, "336101": llm.Overloaded, "336102": llm.Unsupported, "336103": llm.TooLong,
				"336104": llm.Unsupported, "336105": llm.Unsupported, "336200": llm.Overloaded, "336300": llm.Filtered, "336301": llm.Filtered,
				"336501": llm.RateLimited, "336502": llm.RateLimited, "336503": llm.RateLimited,
			},
		},
		params: func() params { return &QianfanParams{} },
		wire:   qianfanWire,
	})
}

// QianfanParams are the settings of Qianfan's older protocol.
type QianfanParams struct {
	OpenAIParams `yaml:",inline"`
	Token        string `yaml:"token" json:"token,omitempty" jsonschema:"enum=oauth,enum=bce" jsonschema_description:"oauth = the key is API_KEY:SECRET_KEY of an application; bce = it is AK:SK of the account, for which IAM gives a short token; empty = oauth"`
	TokenURL     string `yaml:"token_url" json:"token_url,omitempty" jsonschema_description:"where tokens are given; empty = https://aip.baidubce.com/oauth/2.0/token, or with bce https://iam.bj.baidubce.com"`
}

func qianfanWire(c *Config, p params) (wire, error) {
	own := p.(*QianfanParams)
	id, secret, err := halves(c.Key, ":", "API_KEY:SECRET_KEY")
	if err != nil {
		return wire{}, err
	}
	client := httpClient(c.Client, own.ConnectTimeout)
	w := wire{body: qianfanBody, chunk: qianfanChunk, noModels: true, path: func(_ *llm.Request, model string) string {
		return "/chat/" + url.PathEscape(model)
	}}
	switch own.Token {
	case "", "oauth":
		address, err := checkBase(cmp.Or(own.TokenURL, "https://aip.baidubce.com/oauth/2.0/token"))
		if err != nil {
			return wire{}, notBase("token_url", err)
		}
		w.signer = oauthToken(client, address, id, secret)
	case "bce":
		address, err := checkBase(cmp.Or(own.TokenURL, bceIAM))
		if err != nil {
			return wire{}, notBase("token_url", err)
		}
		w.signer = bceToken(client, address, id, secret).inQuery("access_token")
	default:
		return wire{}, errors.New("params.token: want oauth, bce or nothing (oauth)")
	}
	return w, nil
}

type qianfanMessage struct {
	Role         string        `json:"role"`
	Name         string        `json:"name,omitempty"`
	Content      string        `json:"content"`
	FunctionCall *chatFunction `json:"function_call,omitempty"`
}

// qianfanBody puts a request into Qianfan's form. Calls that were made at once
// become calls one after the other, each with its result; messages of one role
// in a row become one.
func qianfanBody(c *chatBody) (any, error) {
	body := map[string]any{}
	if c.stream {
		body["stream"] = true
	}
	var system string
	var turns []qianfanMessage
	add := func(m qianfanMessage) {
		if n := len(turns); n > 0 && turns[n-1].Role == m.Role && m.Role != "function" && m.FunctionCall == nil && turns[n-1].FunctionCall == nil {
			turns[n-1].Content += "\n\n" + m.Content
			return
		}
		turns = append(turns, m)
	}
	type made struct {
		call *chatFunction
		text string // what was said beside it
	}
	calls := map[string]made{} // and not answered yet, by id
	for i := range c.messages {
		m := &c.messages[i]
		text, err := m.plain()
		if err != nil {
			return nil, err
		}
		switch m.Role {
		case "system":
			if system != "" {
				system += "\n\n"
			}
			system += text
		case "tool":
			of, ok := calls[m.ToolCallID]
			if !ok {
				return nil, &llm.Error{Kind: llm.Unsupported, Param: "messages", Message: "a tool's result for a call that was not made before it"}
			}
			delete(calls, m.ToolCallID)
			add(qianfanMessage{Role: "assistant", Content: of.text, FunctionCall: of.call})
			add(qianfanMessage{Role: "function", Name: of.call.Name, Content: text})
		case "assistant":
			if len(m.ToolCalls) == 0 {
				add(qianfanMessage{Role: "assistant", Content: text})
			}
			for j := range m.ToolCalls {
				calls[m.ToolCalls[j].ID] = made{&m.ToolCalls[j].Function, text}
				text = ""
			}
		default:
			add(qianfanMessage{Role: "user", Content: text})
		}
	}
	for i := range turns { // the user, or a function for it, and the assistant take turns
		if (turns[i].Role == "assistant") != (i%2 == 1) {
			return nil, &llm.Error{Kind: llm.Unsupported, Param: "messages", Message: "takes conversations only in which the user (or a tool's result) and the model take turns, the user first"}
		}
	}
	if len(turns)%2 == 0 {
		return nil, &llm.Error{Kind: llm.Unsupported, Param: "messages", Message: "takes conversations only that end with the user or a tool's result"}
	}
	body["messages"] = turns
	if system != "" {
		body["system"] = system
	}
	c.move(body, map[string]string{
		"temperature": "temperature", "top_p": "top_p", "stop": "stop", "max_tokens": "max_output_tokens", "user": "user_id",
		"penalty_score": "penalty_score", "disable_search": "disable_search", "enable_citation": "enable_citation", "enable_system_memory": "enable_system_memory",
	})
	if raw := c.take("response_format"); raw != nil {
		var format struct{ Type string }
		_ = json.Unmarshal(raw, &format) // it is of our own making
		switch format.Type {
		case "json_object", "text":
			body["response_format"] = format.Type
		case "json_schema":
			body["response_format"] = "json_object"
			c.warn("the schema of response_format is not sent to this member, only that the answer is JSON")
		}
	}
	if raw := c.take("parallel_tool_calls"); string(raw) == "true" {
		c.warn("parallel_tool_calls is not sent to this member: it makes one call at a time")
	}
	tools := c.functions()
	mode, name := c.choice()
	if mode == "none" {
		tools = nil
	}
	var functions []any
	for _, t := range tools {
		f := map[string]any{"name": t.Function.Name, "description": cmp.Or(t.Function.Description, t.Function.Name), "parameters": t.Function.Parameters}
		if t.Function.Parameters == nil {
			f["parameters"] = map[string]any{"type": "object", "properties": map[string]any{}}
		}
		functions = append(functions, f)
	}
	if functions != nil {
		body["functions"] = functions
	}
	switch mode {
	case "tool":
		body["tool_choice"] = map[string]any{"type": "function", "function": map[string]any{"name": name}}
	case "required":
		c.warn("tool_choice required is not sent to this member: the model may answer without a call")
	}
	return body, nil
}

// qianfanChunk puts an event into the form of Chat Completions. finish_reason
// stands on every event ("normal"); only the last one's counts.
func qianfanChunk(event []byte) []byte {
	var e struct {
		ID           json.RawMessage `json:"id"`
		ErrorCode    json.RawMessage `json:"error_code"`
		Result       json.RawMessage `json:"result"`
		IsEnd        *bool           `json:"is_end"` // nil = a whole answer
		Truncated    bool            `json:"is_truncated"`
		Clear        bool            `json:"need_clear_history"`
		Finish       string          `json:"finish_reason"`
		FunctionCall json.RawMessage `json:"function_call"`
		Usage        json.RawMessage `json:"usage"`
	}
	if json.Unmarshal(event, &e) != nil || e.ErrorCode != nil || e.Result == nil && e.FunctionCall == nil && e.IsEnd == nil {
		return event
	}
	chunk := chatChunk{ID: e.ID, Usage: e.Usage, Choices: make([]chatDelta, 1)}
	choice := &chunk.Choices[0]
	choice.Message.Content, choice.Message.FunctionCall = e.Result, e.FunctionCall
	if e.IsEnd == nil || *e.IsEnd {
		switch choice.Finish = cmp.Or(e.Finish, "stop"); {
		case e.Clear: // the question or the answer was found unsafe
			choice.Finish = "content_filter"
		case e.Truncated && choice.Finish == "normal":
			choice.Finish = "length"
		}
	}
	return chunk.marshal(event)
}
