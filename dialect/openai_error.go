package dialect

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"summit/llm"
)

// chatError is how one kind of error looks in this protocol.
type chatError struct {
	status  int
	kind    string // the error's type
	code    string // empty = null
	noRetry bool   // clients are told that trying again is useless
}

// chatErrors is the one table from kinds to HTTP. Retries are left to the
// client where they could help; it tries 408, 409, 429 and 5xx again unless
// told otherwise.
var chatErrors = map[llm.ErrorKind]chatError{
	llm.Invalid:        {400, "invalid_request_error", "", true},
	llm.Unauthorized:   {401, "invalid_request_error", "invalid_api_key", true},
	llm.Forbidden:      {403, "invalid_request_error", "forbidden", true},
	llm.NotFound:       {404, "invalid_request_error", "not_found", true},
	llm.TooLong:        {413, "invalid_request_error", "request_too_large", true},
	llm.RateLimited:    {429, "rate_limit_error", "rate_limit_exceeded", false},
	llm.QuotaExhausted: {429, "insufficient_quota", "insufficient_quota", true},
	llm.Filtered:       {400, "invalid_request_error", "content_filter", true},
	llm.Overloaded:     {503, "server_error", "overloaded", false},
	llm.Timeout:        {504, "server_error", "timeout", false},
	llm.Canceled:       {499, "server_error", "canceled", true}, // nginx's word for a client that went away
	llm.Cut:            {502, "server_error", "upstream_cut", false},
	llm.Protocol:       {502, "server_error", "upstream_protocol", false},
	llm.Unsupported:    {400, "invalid_request_error", "unsupported", true},
	llm.Internal:       {500, "server_error", "internal_error", false},
}

// describe returns the row for an error. Where a member failed, its own key,
// rights or model name are not the caller's fault.
func describe(e *llm.Error) chatError {
	row, ok := chatErrors[e.Kind]
	if !ok {
		row = chatErrors[llm.Internal]
	}
	switch {
	case e.Member != "" && (e.Kind == llm.Unauthorized || e.Kind == llm.Forbidden || e.Kind == llm.NotFound):
		return chatError{502, "server_error", "upstream_" + string(e.Kind), true}
	case e.Kind == llm.NotFound && e.Param == "model":
		row.code = "model_not_found"
	case e.Kind == llm.TooLong && e.Param != "": // a field is too long, not the body
		row.status, row.code = 400, "context_length_exceeded"
	}
	return row
}

// WriteError writes the error as an OpenAI error object. A nil error is
// written as an internal one.
func (OpenAI) WriteError(w http.ResponseWriter, err *llm.Error) {
	if err == nil {
		err = &llm.Error{Kind: llm.Internal}
	}
	row := describe(err)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if err.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(err.RetryAfter.Seconds())), 10))
		h.Set("Retry-After-Ms", strconv.FormatInt(max(err.RetryAfter.Milliseconds(), 1), 10))
	}
	if row.noRetry {
		h.Set("X-Should-Retry", "false")
	}
	w.WriteHeader(row.status)
	w.Write(append(appendError(nil, err), '\n')) // a client that is gone needs no answer
}

// appendErrorEvent adds the event that ends a broken stream.
func appendErrorEvent(dst []byte, err *llm.Error) []byte {
	if err == nil {
		err = &llm.Error{Kind: llm.Internal}
	}
	return append(appendError(append(dst, "data: "...), err), "\n\n"...)
}

// appendError adds {"error":{...}} with all four keys.
func appendError(dst []byte, err *llm.Error) []byte {
	row := describe(err)
	orNull := func(dst []byte, s string) []byte {
		if s == "" {
			return append(dst, "null"...)
		}
		return appendString(dst, s)
	}
	dst = appendString(append(dst, `{"error":{"message":`...), err.Public())
	dst = appendString(append(dst, `,"type":`...), row.kind)
	dst = orNull(append(dst, `,"param":`...), err.Param)
	dst = orNull(append(dst, `,"code":`...), row.code)
	return append(dst, "}}"...)
}

// statusKinds maps an upstream's HTTP status where its body says nothing.
var statusKinds = map[int]llm.ErrorKind{
	// A request that passed Decode makes sense; what refuses it is a limit of
	// this one upstream, and another may serve it.
	400: llm.Unsupported, 405: llm.Unsupported, 415: llm.Unsupported, 422: llm.Unsupported, 501: llm.Unsupported,
	401: llm.Unauthorized, 402: llm.QuotaExhausted, 403: llm.Forbidden, 404: llm.NotFound, 408: llm.Timeout,
	413: llm.TooLong, 429: llm.RateLimited, 504: llm.Timeout, 524: llm.Timeout,
}

// codeKinds maps the words that OpenAI-compatible vendors write into code or
// type. A dotted code is looked up whole, then up to its first dot. Codes that
// are numbers mean different things at different vendors: see Quirks.Codes.
var codeKinds = map[string]llm.ErrorKind{
	"invalid_api_key": llm.Unauthorized, "authentication_error": llm.Unauthorized, "invalid_authentication_error": llm.Unauthorized,
	"incorrect_api_key_error": llm.Unauthorized, "InvalidApiKey": llm.Unauthorized, "AuthenticationError": llm.Unauthorized,
	"invalid_iam_token": llm.Unauthorized, "AuthFailure": llm.Unauthorized,

	"permission_denied_error": llm.Forbidden, "permission_error": llm.Forbidden, "AccessDenied": llm.Forbidden,

	"model_not_found": llm.NotFound, "ModelNotFound": llm.NotFound, "resource_not_found_error": llm.NotFound, "not_found_error": llm.NotFound,
	"ModelNotOpen": llm.NotFound, "InvalidEndpointOrModel": llm.NotFound, "NotFoundError": llm.NotFound,

	"context_length_exceeded": llm.TooLong, "exceed_context_size_error": llm.TooLong, "string_above_max_length": llm.TooLong, "request_too_large": llm.TooLong,

	"rate_limit_exceeded": llm.RateLimited, "rate_limit_error": llm.RateLimited, "rate_limit_reached_error": llm.RateLimited,
	"limit_requests": llm.RateLimited, "Throttling": llm.RateLimited, "RateLimitExceeded": llm.RateLimited, "RequestLimitExceeded": llm.RateLimited,
	"LimitExceeded": llm.RateLimited, "rpm_rate_limit_exceeded": llm.RateLimited, "tpm_rate_limit_exceeded": llm.RateLimited,

	"insufficient_quota": llm.QuotaExhausted, "exceeded_current_quota_error": llm.QuotaExhausted, "insufficient_balance": llm.QuotaExhausted,
	"Arrearage": llm.QuotaExhausted, "AccountOverdueError": llm.QuotaExhausted, "account_overdue": llm.QuotaExhausted,
	"QuotaExceeded": llm.QuotaExhausted, "billing_hard_limit_reached": llm.QuotaExhausted,

	"content_filter": llm.Filtered, "content_policy_violation": llm.Filtered, "DataInspectionFailed": llm.Filtered, "data_inspection_failed": llm.Filtered,
	"SensitiveContentDetected": llm.Filtered, "InputTextSensitiveContentDetected": llm.Filtered, "OutputTextSensitiveContentDetected": llm.Filtered,
	"system_unsafe": llm.Filtered, "unsafe_request": llm.Filtered,

	"engine_overloaded_error": llm.Overloaded, "overloaded_error": llm.Overloaded, "ServerOverloaded": llm.Overloaded, "ServiceUnavailable": llm.Overloaded,
	"InternalError": llm.Overloaded, "InternalServiceError": llm.Overloaded, "server_error": llm.Overloaded, "internal_error": llm.Overloaded,

	"RequestTimeOut": llm.Timeout, "timeout": llm.Timeout,
}

// tooLong are the texts by which servers without a code say that a prompt is
// longer than the window (vLLM, SGLang, Kimi). Texts are matched nowhere else.
var tooLong = []string{"maximum context length", "context length", "model token limit", "context window", "prompt is too long"}

// UpstreamError reads the error answer of an OpenAI-compatible server: its
// HTTP status, its header, and its body, which may be anything and which the
// caller has bounded. It is never nil.
func UpstreamError(q Quirks, status int, h http.Header, body []byte) *llm.Error {
	var f fault
	s := newScanner(body)
	if s.kind() == '{' {
		for name := range s.object() {
			if !s.null() && !f.field(s, string(name)) {
				s.skip()
			}
		}
	}
	said, ok := f.said(false)
	if !ok && s.err == nil {
		said = f.top
	}
	err := said.error(q, status)
	err.RetryAfter = retryAfter(h)
	return err
}

// ResponseUpstreamError reads the error answer of a server that speaks
// Responses, which is that of Chat Completions. It is never nil.
func ResponseUpstreamError(status int, h http.Header, body []byte) *llm.Error {
	return UpstreamError(Quirks{}, status, h, body)
}

// saying is what an upstream says of an error.
type saying struct{ message, kind, code, param string }

// fault collects the places where vendors put errors: error (OpenAI; at some
// servers a string), base_resp (MiniMax), Response.Error and ErrorMsg
// (Tencent), error_code with error_msg (Baidu, Huawei), code with message at
// the top (Spark, DashScope), object "error" (vLLM), detail (FastAPI).
type fault struct {
	inner, base, flat, top saying
	object                 bool // object is "error"
}

// field reads one top-level field, whose value is not null, and reports
// whether it took it.
func (f *fault) field(s *scanner, name string) bool {
	switch kind := s.kind(); {
	case name == "error" || name == "ErrorMsg" || name == "Error":
		if kind == '"' {
			f.inner.message = brief(s.text())
			return true
		}
		return kind == '{' && f.inner.read(s)
	case name == "base_resp":
		return kind == '{' && f.base.read(s)
	case name == "Response" && kind == '{':
		for name := range s.object() {
			if !s.null() && (string(name) != "Error" || !f.field(s, "Error")) {
				s.skip()
			}
		}
		return true
	case name == "object" && kind == '"':
		f.object = string(s.bytes()) == "error"
		return true
	case name == "error_code" || name == "error_msg":
		return f.flat.field(s, strings.TrimPrefix(name, "error_"))
	case name == "code" || name == "message" || name == "type" || name == "param" || name == "detail":
		return f.top.field(s, name)
	}
	return false
}

// said returns the error, if there is one. answered tells that an answer
// stands beside it: then a code at the top is no error.
func (f *fault) said(answered bool) (saying, bool) {
	switch {
	case f.inner != saying{}:
		return f.inner, true
	case f.base.code != "":
		return f.base, true
	case f.flat.code != "":
		return f.flat, true
	case f.object, !answered && f.top.code != "" && f.top.code != "200":
		return f.top, true
	}
	return saying{}, false
}

func (y *saying) read(s *scanner) bool {
	for name := range s.object() {
		if !s.null() && !y.field(s, string(name)) {
			s.skip()
		}
	}
	return true
}

// field reads one field of an error object; values of other types than text
// and number are left to the caller.
func (y *saying) field(s *scanner, name string) bool {
	var text string
	switch s.kind() {
	case '"':
		text = brief(s.text())
	case '0':
		text = string(s.digits())
	default:
		return false
	}
	switch name {
	case "message", "Message", "Msg", "msg", "status_msg", "detail":
		y.message = text
	case "type":
		y.kind = text
	case "code", "Code", "status_code":
		if y.code = text; text == "0" {
			y.code = ""
		}
	case "param":
		y.param = text
	}
	return true
}

// error types what was said, by the vendor's own table, then by the common
// words, then by the status.
func (y saying) error(q Quirks, status int) *llm.Error {
	e := &llm.Error{Kind: llm.Overloaded, Message: y.message, Code: y.code, Status: status}
	if e.Message == "" {
		e.Message = "answered HTTP " + strconv.Itoa(status) + " without saying why"
	}
	if k, ok := statusKinds[status]; ok {
		e.Kind = k
	} else if status >= 300 && status < 500 {
		e.Kind = llm.Protocol
	}
	for _, word := range []string{y.kind, y.code} { // the code last: it says more
		stem, _, _ := strings.Cut(word, ".")
		for _, w := range []string{stem, word} {
			if k, ok := codeKinds[w]; ok {
				e.Kind = k
			}
		}
	}
	if k, ok := q.Codes[y.code]; ok {
		e.Kind = k
	}
	if e.Kind == llm.Unsupported || e.Kind == llm.Overloaded && status < 500 {
		for _, t := range tooLong {
			if strings.Contains(strings.ToLower(y.message), t) {
				e.Kind = llm.TooLong
			}
		}
	}
	switch e.Kind {
	case llm.TooLong:
		e.Param = "messages"
	case llm.Unsupported:
		e.Param = y.param
	}
	return e
}

// brief bounds a text of an upstream and keeps control characters out of it.
func brief(s string) string {
	const most = 500
	cut := false
	if len(s) > most {
		n := most
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s, cut = s[:n], true
	}
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7F {
			return ' '
		}
		return r
	}, s)
	if cut {
		s += "…"
	}
	return s
}

// retryAfter reads how long the upstream asks to wait: 0 = it does not say.
func retryAfter(h http.Header) time.Duration {
	const most = 24 * time.Hour
	wait := func(name string, unit time.Duration) time.Duration {
		v, err := strconv.ParseFloat(strings.TrimSpace(h.Get(name)), 64)
		if err != nil || !(v > 0) {
			return 0
		}
		return time.Duration(min(v, float64(most/unit)) * float64(unit))
	}
	if d := wait("Retry-After-Ms", time.Millisecond); d > 0 {
		return d
	}
	if d := wait("Retry-After", time.Second); d > 0 {
		return d
	}
	at, err := http.ParseTime(h.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return min(max(time.Until(at), 0), most)
}
