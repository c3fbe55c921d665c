package fake

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Tencent Hunyuan by Tencent Cloud's API 3.0: requests are signed with
// TC3-HMAC-SHA256, names are in PascalCase, failures come with HTTP 200, and
// every event tells usage.
// Source: cloud.tencent.com/document/api/1729/105701, document/api/1729/101842.
func init() {
	register(Vendor{
		Name: "hunyuan-native", About: "Tencent Hunyuan by Tencent Cloud's own protocol", Protocol: "ChatCompletions 2023-09-01, TC3-HMAC-SHA256", Kind: "hunyuan-native",
		Model: "hunyuan-turbos-latest", Key: "AKIDEXAMPLE0000000000000000000000000:EXAMPLEKEY0000000000000000000000",
		Unknown: []string{"too-long", "rate-limit"},
		Cannot: map[Scenario]string{
			Embeddings: "its embeddings are an action apart, which is not spoken here",
			Structured: "its own protocol knows no response_format", Vision: "hunyuan-turbos reads text only; hunyuan-vision sees",
		},
		door: tencent{},
	})
}

// tencent is the codec of Tencent Cloud's form.
type tencent struct{}

var tencentCodes = map[string]string{
	invalid: "InvalidParameter", unauthorized: "AuthFailure.SignatureFailure", "expired": "AuthFailure.SignatureExpire", "unknown_key": "AuthFailure.SecretIdNotFound",
	notFound: "InvalidParameterValue.Model", tooLong: "InvalidParameterValue", rateLimited: "RequestLimitExceeded", quota: "FailedOperation.ResourcePackExhausted",
	filtered: "OperationDenied.TextIllegalDetected", overloaded: "FailedOperation.EngineServerLimitExceeded", "no_action": "InvalidAction",
}

func (c tencent) mount(mux *http.ServeMux, s *Server) {
	mux.HandleFunc("POST /{$}", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, c) })
}

func (tencent) authorised(x *exchange) *problem {
	x.w.Header().Set("X-TC-RequestId", "fake-request")
	return tc3Signed(x)
}

var tc3Header = regexp.MustCompile(`^TC3-HMAC-SHA256 Credential=([^/ ,]+)/(\d{4}-\d{2}-\d{2})/hunyuan/tc3_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$`)

// tc3Signed checks the request's signature and the headers that say what is
// asked.
func tc3Signed(x *exchange) *problem {
	h := x.r.Header
	id, secret := x.s.halves()
	parts := tc3Header.FindStringSubmatch(h.Get("Authorization"))
	ts, err := strconv.ParseInt(h.Get("X-TC-Timestamp"), 10, 64)
	switch at := time.Unix(ts, 0); {
	case h.Get("X-TC-Action") != "ChatCompletions" || h.Get("X-TC-Version") != "2023-09-01":
		return &problem{what: "no_action", message: "want X-TC-Action ChatCompletions and X-TC-Version 2023-09-01"}
	case parts == nil:
		return &problem{what: unauthorized, message: "Authorization has not the form of TC3-HMAC-SHA256"}
	case err != nil || x.s.now().Sub(at).Abs() > 5*time.Minute:
		return &problem{what: "expired", message: "X-TC-Timestamp is off by more than 5 minutes"}
	case at.UTC().Format(time.DateOnly) != parts[2]:
		return &problem{what: unauthorized, message: "the date of the credential is not that of X-TC-Timestamp in UTC"}
	case parts[1] != id:
		return &problem{what: "unknown_key", message: "the SecretId is not found"}
	}
	signed := strings.Split(parts[3], ";")
	if !slices.Contains(signed, "content-type") || !slices.Contains(signed, "host") || !slices.IsSorted(signed) {
		return &problem{what: unauthorized, message: "SignedHeaders: want content-type and host at least, sorted"}
	}
	var headers strings.Builder
	for _, name := range signed {
		value := h.Get(name)
		if name == "host" {
			value = x.r.Host
		}
		if name != "content-type" && name != "host" {
			value = strings.ToLower(value)
		}
		fmt.Fprintf(&headers, "%s:%s\n", name, strings.TrimSpace(value))
	}
	canonical := "POST\n/\n\n" + headers.String() + "\n" + parts[3] + "\n" + hash(x.body)
	if !hmac.Equal([]byte(parts[4]), []byte(tc3Signature(secret, "hunyuan", ts, canonical))) {
		return &problem{what: unauthorized, message: "the signature does not match what was sent"}
	}
	return nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func hmac256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// tc3Signature returns the signature of a canonical request.
func tc3Signature(secret, service string, ts int64, canonical string) string {
	date := time.Unix(ts, 0).UTC().Format(time.DateOnly)
	key := hmac256(hmac256(hmac256([]byte("TC3"+secret), date), service), "tc3_request")
	return hex.EncodeToString(hmac256(key, fmt.Sprintf("TC3-HMAC-SHA256\n%d\n%s/%s/tc3_request\n%s", ts, date, service, hash([]byte(canonical)))))
}

// tencentFields are the parameters of ChatCompletions.
var tencentFields = []string{"Model", "Messages", "Stream", "StreamModeration", "TopP", "Temperature", "EnableEnhancement", "Tools", "ToolChoice", "CustomTool",
	"SearchInfo", "Citation", "EnableSpeedSearch", "EnableMultimedia", "EnableDeepSearch", "Seed", "ForceSearchEnhancement", "Stop", "EnableThinking"}

type tencentTool struct {
	Type     string
	Function struct{ Name, Parameters, Description string }
}

func (c tencent) read(x *exchange) *problem {
	bad := func(format string, args ...any) *problem {
		return &problem{what: invalid, message: fmt.Sprintf(format, args...)}
	}
	var fields map[string]json.RawMessage
	var q struct {
		Model    string
		Messages []struct {
			Role       string
			Content    string
			Contents   []struct{ Type, Text string }
			ToolCallID string `json:"ToolCallId"`
			ToolCalls  []struct {
				ID       string `json:"Id"`
				Type     string
				Function struct{ Name, Arguments string }
			}
		}
		Stream         bool
		Tools          []tencentTool
		ToolChoice     string
		CustomTool     *tencentTool
		EnableThinking bool
		Temperature    *float64
	}
	if err := json.Unmarshal(x.body, &fields); err != nil {
		return bad("the body is not a JSON object")
	}
	a := &x.ask
	for name := range fields {
		if a.Fields = append(a.Fields, name); !slices.Contains(tencentFields, name) {
			return bad("The parameter `%s` is not recognized.", name)
		}
	}
	if err := json.Unmarshal(x.body, &q); err != nil {
		return bad("a parameter of the wrong type: %v", err)
	}
	a.Vendor, a.Model, a.Stream, a.Thinks, a.Choice = x.s.Vendor.Name, q.Model, q.Stream, q.EnableThinking, q.ToolChoice
	switch {
	case q.Model != x.s.model:
		return &problem{what: notFound, message: "the model " + q.Model + " does not exist"}
	case len(q.Messages) == 0:
		return bad("Messages is empty")
	case q.Temperature != nil && (*q.Temperature < 0 || *q.Temperature > 2):
		return bad("Temperature: want 0 to 2")
	case !slices.Contains([]string{"", "none", "auto", "custom"}, q.ToolChoice):
		return bad("ToolChoice: want none, auto or custom")
	case q.ToolChoice == "custom" && q.CustomTool == nil:
		return bad("CustomTool is missing")
	}
	waiting := map[string]bool{}
	for i, m := range q.Messages {
		t := Turn{Role: m.Role, Text: m.Content, CallID: m.ToolCallID}
		for _, p := range m.Contents {
			if p.Type != "text" {
				return bad("Messages[%d]: the model does not take %s", i, p.Type)
			}
			t.Text += p.Text
		}
		for _, call := range m.ToolCalls {
			waiting[call.ID] = true
			t.Calls = append(t.Calls, Call{call.ID, call.Function.Name, call.Function.Arguments})
		}
		switch {
		case !slices.Contains([]string{"system", "user", "assistant", "tool"}, m.Role):
			return bad("Messages[%d]: Role %q", i, m.Role)
		case m.Role == "system" && i > 0:
			return bad("Messages[%d]: system stands first or nowhere", i)
		case m.Role == "tool" && !waiting[m.ToolCallID]:
			return bad("Messages[%d]: ToolCallId answers no call", i)
		case t.Text == "" && len(t.Calls) == 0:
			return bad("Messages[%d]: Content and Contents are empty", i)
		}
		a.Turns = append(a.Turns, t)
	}
	for _, tool := range q.Tools {
		if tool.Type != "function" || tool.Function.Name == "" || tool.Function.Parameters != "" && !json.Valid([]byte(tool.Function.Parameters)) {
			return bad("Tools: want functions with a name, and Parameters as the text of a JSON schema")
		}
		a.Tools = append(a.Tools, Tool{tool.Function.Name, json.RawMessage(tool.Function.Parameters)})
	}
	if q.CustomTool != nil {
		a.Choice = q.CustomTool.Function.Name
	}
	return nil
}

func (c tencent) refusal(_ *exchange, p problem) (int, []byte) {
	return http.StatusOK, compact(map[string]any{"Response": map[string]any{
		"Error": map[string]any{"Code": tencentCodes[p.what], "Message": p.message}, "RequestId": "fake-request"}})
}

func (c tencent) trouble(_ *exchange, p problem) frame {
	return frame{data: compact(map[string]any{"Id": "fake", "Note": "", "ErrorMsg": map[string]any{"Msg": p.message, "Code": 4001}})}
}

// inner returns the object that an answer, or an event, is.
func (c tencent) inner(x *exchange, u Usage) map[string]any {
	v := map[string]any{"Created": x.s.now().Unix(), "Id": "fake-answer", "Note": "以上内容为仿真回答", "ModerationLevel": ""}
	if !x.is("usage-none") {
		v["Usage"] = map[string]any{"PromptTokens": u.Input, "CompletionTokens": u.Output + u.Reasoning, "TotalTokens": u.Input + u.Output + u.Reasoning}
	}
	return v
}

func tencentCall(i int, call Call) map[string]any {
	return map[string]any{"Id": call.ID, "Type": "function", "Index": i, "Function": map[string]any{"Name": call.Name, "Arguments": call.Args}}
}

func (c tencent) whole(x *exchange, r Reply) []byte {
	message := map[string]any{"Role": "assistant", "Content": r.Text()}
	if t := r.Thoughts(); t != "" {
		message["ReasoningContent"] = t
	}
	var calls []any
	for i, call := range r.Calls() {
		calls = append(calls, tencentCall(i, call))
	}
	if calls != nil {
		message["ToolCalls"] = calls
	}
	v := c.inner(x, r.Usage)
	v["RequestId"] = "fake-request"
	v["Choices"] = []any{map[string]any{"Index": 0, "FinishReason": r.Finish, "Message": message}}
	return compact(map[string]any{"Response": v})
}

func (c tencent) stream(x *exchange, r Reply) iter.Seq[frame] {
	return func(yield func(frame) bool) {
		used := Usage{Input: r.Usage.Input}
		send := func(delta map[string]any, finish string, content bool) bool {
			v := c.inner(x, used)
			delta["Role"] = "assistant"
			v["Choices"] = []any{map[string]any{"Index": 0, "Delta": delta, "FinishReason": finish}}
			return yield(frame{data: compact(v), content: content})
		}
		for p := range r.all() {
			d := map[string]any{"Content": ""}
			switch size := len([]rune(p.Name + p.Text)); p.Kind {
			case "thought":
				used.Reasoning += size
				d["ReasoningContent"] = p.Text
			case "text":
				used.Output += size
				d["Content"] = p.Text
			case "call":
				used.Output += size
				d["ToolCalls"] = []any{tencentCall(p.Call, Call{p.ID, p.Name, p.Text})}
			}
			if !send(d, "", true) {
				return
			}
		}
		if send(map[string]any{"Content": ""}, r.Finish, false) {
			yield(frame{data: []byte("[DONE]")})
		}
	}
}
