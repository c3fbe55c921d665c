package member

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"summit/llm"
)

// sparkPaths are where Spark's models are asked, by their domain.
// Source: www.xfyun.cn/doc/spark Web, X1ws (2025-11).
var sparkPaths = map[string]string{
	"lite": "/v1.1/chat", "generalv3": "/v3.1/chat", "generalv3.5": "/v3.5/chat", "4.0Ultra": "/v4.0/chat",
	"pro-128k": "/chat/pro-128k", "max-32k": "/chat/max-32k", "spark-x": "/v1/x1", "x1": "/v1/x1",
}

// iFlytek Spark over WebSocket, signed with the interface's key: the model is
// the domain. There are no roles for tools, so calls and results in the history
// are sent as text. A connection answers one question.
func init() {
	v := spark()
	v.name, v.about, v.manual = "spark-ws", "iFlytek Spark over its signed WebSocket (APIKey:APISecret)", true
	v.baseURL, v.model, v.keyEnv = "https://spark-api.xf-yun.com", "4.0Ultra", []string{"SPARK_API_KEY:SPARK_API_SECRET"}
	v.quirks.Pass = []string{"auditing", "show_ref_label"}
	v.quirks.MinTemperature, v.quirks.MaxTemperature = 0.01, 1 // more than 0, and 1 at most
	v.quirks.Codes["10000"], v.quirks.Codes["10001"], v.quirks.Codes["10002"] = llm.Protocol, llm.Protocol, llm.Protocol
	v.params = func() params { return &SparkParams{} }
	v.wire = func(c *Config, p params) (wire, error) {
		own := p.(*SparkParams)
		key, secret, err := halves(c.Key, ":", "APIKey:APISecret")
		if err != nil {
			return wire{}, err
		}
		path := own.Path
		if path == "" {
			path = sparkPaths[c.Model]
		}
		switch {
		case own.AppID == "":
			return wire{}, errors.New("params.app_id is missing, want the id of the application that the key is of")
		case path == "":
			return wire{}, fmt.Errorf("model %q, want %s, or params.path beside it", clip(c.Model), strings.Join(slices.Sorted(maps.Keys(sparkPaths)), ", "))
		case path[0] != '/' || strings.ContainsAny(path, "?# "):
			return wire{}, errors.New("params.path: want a path such as /v4.0/chat")
		}
		return wire{
			signer: &sparkKey{key: key, secret: secret, username: own.Username}, socket: true, last: true, noModels: true,
			path: func(*llm.Request, string) string { return path },
			body: own.body, chunk: sparkChunk,
		}, nil
	}
	registerOpenAI(v)
}

// SparkParams are the settings of Spark over WebSocket.
type SparkParams struct {
	OpenAIParams `yaml:",inline"`
	AppID        string `yaml:"app_id" json:"app_id,omitempty" jsonschema:"required" jsonschema_description:"id of the application that the key is of"`
	Path         string `yaml:"path" json:"path,omitempty" jsonschema_description:"where the model is asked, such as /v4.0/chat; empty = by the model"`
	Username     bool   `yaml:"username" json:"username,omitempty" jsonschema_description:"the signature names the key as hmac username, as older gateways do, and not as api_key"`
}

// sparkKey signs the address of a handshake.
// Source: www.xfyun.cn/doc/spark, general authentication of URLs.
type sparkKey struct {
	key, secret string
	username    bool
}

func (s *sparkKey) sign(_ context.Context, req *http.Request, _ []byte) error {
	date := time.Now().UTC().Format(http.TimeFormat)
	host := req.URL.Host
	name := `api_key="` + s.key + `"`
	if s.username {
		name = `hmac username="` + s.key + `"`
	}
	origin := name + `, algorithm="hmac-sha256", headers="host date request-line", signature="` + s.signature(host, date, req.URL.Path) + `"`
	req.URL.RawQuery = url.Values{
		"authorization": {base64.StdEncoding.EncodeToString([]byte(origin))}, "date": {date}, "host": {host},
	}.Encode()
	return nil
}

func (s *sparkKey) signature(host, date, path string) string {
	text := "host: " + host + "\ndate: " + date + "\nGET " + path + " HTTP/1.1"
	return base64.StdEncoding.EncodeToString(sum256([]byte(s.secret), text))
}

func (s *sparkKey) renew(*http.Request) bool { return false }

func (s *sparkKey) secrets() []string { return []string{s.secret, s.key} }

// body puts a request into Spark's frame.
func (p *SparkParams) body(c *chatBody) (any, error) {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	var text []message
	names := map[string]string{} // of functions, by the id of the call
	for i := range c.messages {
		m := &c.messages[i]
		content, err := m.plain()
		if err != nil {
			return nil, err
		}
		role := m.Role
		for _, call := range m.ToolCalls {
			names[call.ID] = call.Function.Name
			content += "\n[call " + call.Function.Name + " " + call.Function.Arguments + "]"
		}
		if role == "tool" {
			role, content = "user", "[result of "+names[m.ToolCallID]+"] "+content
		}
		if role != m.Role || len(m.ToolCalls) > 0 {
			c.warn("calls of tools and their results in the history are sent to this member as text")
		}
		text = append(text, message{role, strings.TrimPrefix(content, "\n")})
	}
	chat := map[string]any{"domain": c.model}
	c.move(chat, map[string]string{
		"temperature": "temperature", "top_k": "top_k", "top_p": "top_p", "max_tokens": "max_tokens", "thinking": "thinking",
		"presence_penalty": "presence_penalty", "frequency_penalty": "frequency_penalty", "auditing": "auditing", "show_ref_label": "show_ref_label",
	})
	header := map[string]any{"app_id": p.AppID}
	c.move(header, map[string]string{"user": "uid"})
	payload := map[string]any{"message": map[string]any{"text": text}}
	functions := []any{}
	for _, t := range c.functions() {
		functions = append(functions, t.Function)
	}
	switch mode, _ := c.choice(); mode {
	case "none":
		functions = nil
	case "required", "tool":
		c.warn("tool_choice is not sent to this member: the model may answer without a call")
	}
	if len(functions) > 0 {
		payload["functions"] = map[string]any{"text": functions}
	}
	return map[string]any{"header": header, "parameter": map[string]any{"chat": chat}, "payload": payload}, nil
}

// sparkChunk puts a frame into the form of Chat Completions.
func sparkChunk(event []byte) []byte {
	var e struct {
		Header struct {
			Code    int             `json:"code"`
			Message json.RawMessage `json:"message"`
			SID     json.RawMessage `json:"sid"`
			Status  int             `json:"status"`
		} `json:"header"`
		Payload *struct {
			Choices struct {
				Status int `json:"status"`
				Text   []struct {
					Content          json.RawMessage `json:"content"`
					ReasoningContent json.RawMessage `json:"reasoning_content"`
					FunctionCall     json.RawMessage `json:"function_call"`
					ToolCalls        json.RawMessage `json:"tool_calls"`
				} `json:"text"`
			} `json:"choices"`
			Usage struct {
				Text json.RawMessage `json:"text"`
			} `json:"usage"`
		} `json:"payload"`
	}
	if json.Unmarshal(event, &e) != nil {
		return event
	}
	if e.Header.Code != 0 {
		text, err := json.Marshal(map[string]any{"code": fmt.Sprint(e.Header.Code), "message": e.Header.Message})
		if err != nil {
			return event
		}
		return text
	}
	if e.Payload == nil {
		return event
	}
	chunk := chatChunk{ID: e.Header.SID, Usage: e.Payload.Usage.Text, Choices: make([]chatDelta, 1)}
	choice := &chunk.Choices[0]
	for _, t := range e.Payload.Choices.Text {
		// One frame has one text; where it has more, each brings what the
		// others don't.
		to := &choice.Message
		for _, f := range []struct {
			to   *json.RawMessage
			from json.RawMessage
		}{{&to.Content, t.Content}, {&to.ReasoningContent, t.ReasoningContent}, {&to.FunctionCall, t.FunctionCall}, {&to.ToolCalls, t.ToolCalls}} {
			if *f.to == nil || string(*f.to) == `""` {
				*f.to = f.from
			}
		}
	}
	if e.Header.Status == 2 || e.Payload.Choices.Status == 2 {
		choice.Finish = "stop"
	}
	return chunk.marshal(event)
}
