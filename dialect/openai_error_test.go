package dialect

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"summit/llm"
)

func TestWriteError(t *testing.T) {
	f := func(e *llm.Error, status int, header, body string) {
		t.Helper()
		w := httptest.NewRecorder()
		OpenAI{}.WriteError(w, e)
		got := ""
		for _, h := range []string{"Retry-After", "Retry-After-Ms", "X-Should-Retry"} {
			if v := w.Header().Get(h); v != "" {
				got += h + ": " + v + "; "
			}
		}
		if w.Code != status || got != header || w.Body.String() != body+"\n" || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%v: status %d, %q, %q\n%s, want %d, %q\n%s", e, w.Code, w.Header().Get("Content-Type"), got, w.Body, status, header, body)
		}
	}
	const noRetry = "X-Should-Retry: false; "
	f(&llm.Error{Kind: llm.Invalid, Param: "messages[2].content", Message: `got "x"`}, 400, noRetry, `{"error":{"message":"got \"x\"","type":"invalid_request_error","param":"messages[2].content","code":null}}`)
	f(llm.Errorf(llm.Unauthorized, "wrong key"), 401, noRetry, `{"error":{"message":"wrong key","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`)
	f(llm.Errorf(llm.Forbidden, "no"), 403, noRetry, `{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"forbidden"}}`)
	f(&llm.Error{Kind: llm.NotFound, Param: "model", Message: "no such model"}, 404, noRetry, `{"error":{"message":"no such model","type":"invalid_request_error","param":"model","code":"model_not_found"}}`)
	f(llm.Errorf(llm.NotFound, "no such route"), 404, noRetry, `{"error":{"message":"no such route","type":"invalid_request_error","param":null,"code":"not_found"}}`)
	f(llm.Errorf(llm.TooLong, "body"), 413, noRetry, `{"error":{"message":"body","type":"invalid_request_error","param":null,"code":"request_too_large"}}`)
	f(&llm.Error{Kind: llm.TooLong, Param: "messages", Message: "window"}, 400, noRetry, `{"error":{"message":"window","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`)
	f(&llm.Error{Kind: llm.RateLimited, Message: "slow", RetryAfter: 1500 * time.Millisecond}, 429, "Retry-After: 2; Retry-After-Ms: 1500; ", `{"error":{"message":"slow","type":"rate_limit_error","param":null,"code":"rate_limit_exceeded"}}`)
	f(llm.Errorf(llm.QuotaExhausted, "empty"), 429, noRetry, `{"error":{"message":"empty","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`)
	f(llm.Errorf(llm.Filtered, "no"), 400, noRetry, `{"error":{"message":"no","type":"invalid_request_error","param":null,"code":"content_filter"}}`)
	f(llm.Errorf(llm.Overloaded, "busy"), 503, "", `{"error":{"message":"busy","type":"server_error","param":null,"code":"overloaded"}}`)
	f(llm.Errorf(llm.Timeout, "late"), 504, "", `{"error":{"message":"late","type":"server_error","param":null,"code":"timeout"}}`)
	f(llm.Errorf(llm.Canceled, "gone"), 499, noRetry, `{"error":{"message":"gone","type":"server_error","param":null,"code":"canceled"}}`)
	f(llm.Errorf(llm.Cut, "cut"), 502, "", `{"error":{"message":"cut","type":"server_error","param":null,"code":"upstream_cut"}}`)
	f(llm.Errorf(llm.Protocol, "odd"), 502, "", `{"error":{"message":"odd","type":"server_error","param":null,"code":"upstream_protocol"}}`)
	f(llm.Errorf(llm.Unsupported, "no tools"), 400, noRetry, `{"error":{"message":"no tools","type":"invalid_request_error","param":null,"code":"unsupported"}}`)
	f(&llm.Error{Kind: llm.Internal, Err: errors.New("/secret/path")}, 500, "", `{"error":{"message":"internal error","type":"server_error","param":null,"code":"internal_error"}}`)
	f(nil, 500, "", `{"error":{"message":"internal error","type":"server_error","param":null,"code":"internal_error"}}`)
	f(&llm.Error{Kind: "new"}, 500, "", `{"error":{"message":"new","type":"server_error","param":null,"code":"internal_error"}}`)
	// A member's own trouble with its vendor is not the caller's.
	f(&llm.Error{Kind: llm.Unauthorized, Member: "glm", Message: "wrong key"}, 502, noRetry, `{"error":{"message":"glm: wrong key","type":"server_error","param":null,"code":"upstream_unauthorized"}}`)
	f(&llm.Error{Kind: llm.NotFound, Member: "glm", Param: "model", Message: "x"}, 502, noRetry, `{"error":{"message":"glm: x","type":"server_error","param":"model","code":"upstream_not_found"}}`)
}

// Every kind of error has a row: a new one must be decided on.
func TestEveryKindHasARow(t *testing.T) {
	for _, k := range []llm.ErrorKind{llm.Invalid, llm.Unauthorized, llm.Forbidden, llm.NotFound, llm.TooLong, llm.RateLimited, llm.QuotaExhausted,
		llm.Filtered, llm.Overloaded, llm.Timeout, llm.Canceled, llm.Cut, llm.Protocol, llm.Unsupported, llm.Internal} {
		if _, ok := chatErrors[k]; !ok {
			t.Errorf("kind %s has no row", k)
		}
	}
}

func TestUpstreamError(t *testing.T) {
	q := Quirks{Codes: map[string]llm.ErrorKind{"1113": llm.QuotaExhausted, "1261": llm.TooLong, "ModelArts.81002": llm.Unauthorized}}
	f := func(status int, body string, kind llm.ErrorKind, param, message string) {
		t.Helper()
		e := UpstreamError(q, status, http.Header{}, []byte(body))
		if e.Kind != kind || e.Param != param || e.Message != message || e.Status != status {
			t.Errorf("%d %s: %+v, want %s, %q, %q", status, body, e, kind, param, message)
		}
	}
	openai := func(message, kind, code string) string {
		return `{"error":{"message":"` + message + `","type":"` + kind + `","param":"temperature","code":` + code + `}}`
	}
	f(400, openai("bad", "invalid_request_error", "null"), llm.Unsupported, "temperature", "bad")
	f(401, openai("key", "invalid_request_error", `"invalid_api_key"`), llm.Unauthorized, "", "key")
	f(429, openai("slow", "requests", `"rate_limit_exceeded"`), llm.RateLimited, "", "slow")
	f(429, openai("empty", "insufficient_quota", `"insufficient_quota"`), llm.QuotaExhausted, "", "empty")
	f(400, openai("long", "invalid_request_error", `"context_length_exceeded"`), llm.TooLong, "messages", "long")
	f(400, openai("no", "invalid_request_error", `"content_policy_violation"`), llm.Filtered, "", "no")
	f(404, openai("x", "invalid_request_error", `"model_not_found"`), llm.NotFound, "", "x")
	f(503, openai("x", "server_error", "null"), llm.Overloaded, "", "x")
	// DashScope, DeepSeek, Zhipu, Kimi, Ark, Huawei, vLLM, SGLang, llama.cpp.
	f(400, `{"error":{"message":"pay","type":"Arrearage","param":null,"code":"Arrearage"},"request_id":"r"}`, llm.QuotaExhausted, "", "pay")
	f(429, `{"code":"Throttling.AllocationQuota","message":"m","request_id":"r"}`, llm.RateLimited, "", "m")
	f(400, `{"code":"DataInspectionFailed","message":"m"}`, llm.Filtered, "", "m")
	f(402, `{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}`, llm.QuotaExhausted, "", "Insufficient Balance")
	f(429, `{"error":{"code":"1113","message":"余额不足"}}`, llm.QuotaExhausted, "", "余额不足")
	f(400, `{"error":{"code":"1261","message":"Prompt 超长"}}`, llm.TooLong, "messages", "Prompt 超长")
	f(400, `{"error":{"type":"content_filter","message":"risky"}}`, llm.Filtered, "", "risky")
	f(400, `{"error":{"type":"invalid_request_error","message":"Your request exceeded model token limit: 8192"}}`, llm.TooLong, "messages", "Your request exceeded model token limit: 8192")
	f(429, `{"error":{"type":"engine_overloaded_error","message":"m"}}`, llm.Overloaded, "", "m")
	f(403, `{"error":{"code":"AccountOverdueError","message":"m","type":"Forbidden"}}`, llm.QuotaExhausted, "", "m")
	f(400, `{"error_code":"ModelArts.81002","error_msg":"m"}`, llm.Unauthorized, "", "m")
	f(400, `{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}`, llm.Unsupported, "", "m")
	f(400, `{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}`, llm.TooLong, "messages", "the request exceeds the available context size")
	f(422, `{"detail":[{"loc":["body"],"msg":"field required"}]}`, llm.Unsupported, "", "answered HTTP 422 without saying why")
	f(404, `{"detail":"Not Found"}`, llm.NotFound, "", "Not Found")
	f(404, `{"error":"model 'x' not found, try pulling it first"}`, llm.NotFound, "", "model 'x' not found, try pulling it first")
	// No JSON at all.
	f(502, `<html><body>Bad Gateway</body></html>`, llm.Overloaded, "", "answered HTTP 502 without saying why")
	f(504, ``, llm.Timeout, "", "answered HTTP 504 without saying why")
	f(429, `{"error":{"message":"slow`, llm.RateLimited, "", "answered HTTP 429 without saying why")
	f(302, ``, llm.Protocol, "", "answered HTTP 302 without saying why")
	f(418, ``, llm.Protocol, "", "answered HTTP 418 without saying why")
	// What an upstream says is bounded and on one line.
	f(500, `{"error":{"message":"a\nb\u0000c`+strings.Repeat("长", 1000)+`"}}`, llm.Overloaded, "", "a b c"+strings.Repeat("长", 165)+"…")
}

func TestUpstreamCode(t *testing.T) {
	f := func(body, want string) {
		t.Helper()
		if e := UpstreamError(Quirks{}, 400, nil, []byte(body)); e.Code != want {
			t.Errorf("%s: code %q, want %q", body, e.Code, want)
		}
	}
	f(`{"error":{"message":"m","type":"t","param":null,"code":"Arrearage"},"request_id":"r"}`, "Arrearage")
	f(`{"error":{"inner":{"code":1},"code":404,"x":[]}}`, "404")
	f(`{"request_id":null,"code":"Throttling","message":"m"}`, "Throttling")
	f(`{"Response":{"RequestId":null,"Error":{"Code":"LimitExceeded","Message":"m"}}}`, "LimitExceeded")
	f(`{"error":null,"base_resp":{"status_code":1002,"status_msg":null}}`, "1002")
}

func TestRetryAfter(t *testing.T) {
	f := func(seconds, ms string, want time.Duration) {
		t.Helper()
		h := http.Header{}
		if seconds != "" {
			h.Set("retry-after", seconds)
		}
		if ms != "" {
			h.Set("retry-after-ms", ms)
		}
		if got := UpstreamError(Quirks{}, 429, h, nil).RetryAfter; got != want {
			t.Errorf("Retry-After %q, %q: %v, want %v", seconds, ms, got, want)
		}
	}
	f("", "", 0)
	f("3", "", 3*time.Second)
	f("1.5", "", 1500*time.Millisecond)
	f("3", "250", 250*time.Millisecond)
	f("-3", "", 0)
	f("soon", "", 0)
	f("NaN", "", 0)
	f("1e300", "", 24*time.Hour)
	f("Mon, 01 Jan 2001 00:00:00 GMT", "", 0)
	f("Mon, 01 Jan 2999 00:00:00 GMT", "", 24*time.Hour)
}
