package fake

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"time"
)

// Baidu's ERNIE by the older protocol of Qianfan: the token stands in the
// address, messages are an odd number and take turns, there is one function
// call at a time, and failures come with HTTP 200.
// Source: cloud.baidu.com/doc/WENXINWORKSHOP (chat, error codes); parts by memory.
func init() {
	const base = "/rpc/2.0/ai_custom/v1/wenxinworkshop"
	register(Vendor{
		Name: "qianfan-v1", About: "Baidu ERNIE by the older protocol of Qianfan", Protocol: "wenxinworkshop, OAuth token", Kind: "qianfan-v1",
		Base: base, Model: "completions_pro", Key: "ak0001:sk0001",
		Unknown: []string{"rate-limit"},
		Cannot: map[Scenario]string{
			Embeddings: "for embeddings use the kind `qianfan`",
			Reasoning:  "ERNIE 4 does not think", Structured: "it knows JSON, but no schema", Vision: "its messages take text only", Parallel: "it calls one function at a time",
		},
		params: func(address string) string { return `{"token_url":"` + address + `/oauth/2.0/token"}` },
		door:   doors{route{"POST " + base + "/chat/{model}", ernie{}.serve}, route{"/oauth/2.0/token", oauthToken}},
	})
}

// oauthToken gives a token for a month.
func oauthToken(s *Server, w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, w: w, r: r}
	id, secret := s.halves()
	switch {
	case r.FormValue("grant_type") != "client_credentials":
		x.write(http.StatusBadRequest, compact(map[string]any{"error": "unsupported_grant_type", "error_description": "The authorization grant type is not supported"}))
	case r.FormValue("client_id") != id || r.FormValue("client_secret") != secret:
		x.write(http.StatusUnauthorized, compact(map[string]any{"error": "invalid_client", "error_description": "Client authentication failed"}))
	default:
		const month = 30 * 24 * time.Hour
		x.write(http.StatusOK, compact(map[string]any{"access_token": s.issue(month), "expires_in": int(month.Seconds()), "scope": "public"}))
	}
}

// ernie is the codec of the older protocol.
type ernie struct{}

var ernieCodes = map[string]int{
	invalid: 336003, unauthorized: 110, notFound: 3, tooLong: 336007, rateLimited: 18, quota: 17, filtered: 336300, overloaded: 336100,
}

func (c ernie) serve(s *Server, w http.ResponseWriter, r *http.Request) {
	x := s.begin(w, r)
	if x == nil {
		return
	}
	var p *problem
	switch {
	case !s.holds(r.URL.Query().Get("access_token")):
		p = &problem{what: unauthorized, message: "Access token invalid or no longer valid"}
	case r.PathValue("model") != s.model:
		p = &problem{what: notFound, message: "Unsupported openapi method"}
	default:
		p = c.read(x)
	}
	if p != nil {
		x.refuse(c, *p)
		return
	}
	x.answer(c)
}

func (c ernie) read(x *exchange) *problem {
	bad := func(format string, args ...any) *problem {
		return &problem{what: invalid, message: fmt.Sprintf(format, args...)}
	}
	type function struct {
		Name       string          `json:"name"`
		Parameters json.RawMessage `json:"parameters"`
		Arguments  string          `json:"arguments"`
	}
	var q struct {
		Messages []struct {
			Role    string    `json:"role"`
			Content string    `json:"content"`
			Name    string    `json:"name"`
			Call    *function `json:"function_call"`
		} `json:"messages"`
		Stream      bool       `json:"stream"`
		System      string     `json:"system"`
		Functions   []function `json:"functions"`
		Most        int        `json:"max_output_tokens"`
		Temperature *float64   `json:"temperature"`
		Format      string     `json:"response_format"`
	}
	if err := json.Unmarshal(x.body, &q); err != nil {
		return bad("the body has not the form of a request: %v", err)
	}
	a := &x.ask
	a.Vendor, a.Model, a.Stream, a.MaxTokens, a.OneCall, a.JSON = x.s.Vendor.Name, x.s.model, q.Stream, q.Most, true, q.Format == "json_object"
	switch {
	case len(q.Messages)%2 == 0:
		return bad("the length of messages must be an odd number")
	case q.Most != 0 && q.Most < 2:
		return bad("max_output_tokens: want 2 or more")
	case q.Temperature != nil && (*q.Temperature <= 0 || *q.Temperature > 1):
		return bad("temperature: want more than 0 and at most 1")
	case !slices.Contains([]string{"", "text", "json_object"}, q.Format):
		return bad("response_format: want text or json_object")
	}
	if q.System != "" {
		a.Turns = append(a.Turns, Turn{Role: "system", Text: q.System})
	}
	for i, m := range q.Messages {
		t := Turn{Role: m.Role, Text: m.Content}
		switch mine := i%2 == 1; {
		case mine != (m.Role == "assistant") || !slices.Contains([]string{"user", "assistant", "function"}, m.Role):
			return bad("messages[%d]: the roles user and assistant take turns, got %s", i, m.Role)
		case m.Role == "function" && (i == 0 || q.Messages[i-1].Call == nil || q.Messages[i-1].Call.Name != m.Name):
			return bad("messages[%d]: a function's result without its call", i)
		case m.Content == "" && m.Call == nil:
			return bad("messages[%d]: content is empty", i)
		}
		if m.Call != nil {
			t.Calls = []Call{{ID: m.Call.Name, Name: m.Call.Name, Args: m.Call.Arguments}}
		}
		if m.Role == "function" {
			t.Role = "tool"
		}
		a.Turns = append(a.Turns, t)
	}
	for _, f := range q.Functions {
		if f.Name == "" || f.Parameters == nil {
			return bad("functions: want a name and parameters")
		}
		a.Tools = append(a.Tools, Tool{f.Name, f.Parameters})
	}
	return nil
}

func (c ernie) refusal(_ *exchange, p problem) (int, []byte) {
	return http.StatusOK, compact(map[string]any{"error_code": ernieCodes[p.what], "error_msg": p.message, "id": "as-fake"})
}

func (c ernie) trouble(x *exchange, p problem) frame {
	_, body := c.refusal(x, p)
	return frame{data: body}
}

// answer returns the object of an answer, or of a piece of it.
func (c ernie) answer(x *exchange, text string, call *Call, finish string, u Usage) map[string]any {
	v := map[string]any{"id": "as-fake", "object": "chat.completion", "created": x.s.now().Unix(), "result": text, "is_truncated": false, "need_clear_history": false, "finish_reason": finish}
	if call != nil {
		v["function_call"] = map[string]any{"name": call.Name, "thoughts": "用户需要调用工具", "arguments": call.Args}
	}
	if !x.is("usage-none") {
		v["usage"] = map[string]any{"prompt_tokens": u.Input, "completion_tokens": u.Output, "total_tokens": u.Input + u.Output}
	}
	return v
}

// ending returns the protocol's word for the end.
func (c ernie) ending(r Reply) string {
	if r.Finish == "tool_calls" {
		return "function_call"
	}
	return "normal"
}

func (c ernie) whole(x *exchange, r Reply) []byte {
	var call *Call
	if calls := r.Calls(); len(calls) > 0 {
		call = &calls[0]
	}
	return compact(c.answer(x, r.Text(), call, c.ending(r), r.Usage))
}

func (c ernie) stream(x *exchange, r Reply) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		n := 0
		send := func(text string, call *Call, last bool) bool {
			finish := ""
			if last {
				finish = c.ending(r)
			}
			v := c.answer(x, text, call, finish, r.Usage)
			v["sentence_id"], v["is_end"] = n, last
			n++
			return yield(frame{data: compact(v), content: !last})
		}
		calls := r.Calls()
		for p := range r.all() {
			if p.Kind == "text" && !send(p.Text, nil, false) {
				return
			}
		}
		if len(calls) > 0 && !send("", &calls[0], false) {
			return
		}
		send("", nil, true)
	}
}
