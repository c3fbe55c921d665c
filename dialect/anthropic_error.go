package dialect

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"summit/llm"
)

// messageErrors are the statuses and types of errors in this protocol.
// Source: https://docs.anthropic.com/en/api/errors
var messageErrors = map[llm.ErrorKind]struct {
	status int
	kind   string
}{
	llm.Invalid:        {400, "invalid_request_error"},
	llm.Unauthorized:   {401, "authentication_error"},
	llm.Forbidden:      {403, "permission_error"},
	llm.NotFound:       {404, "not_found_error"},
	llm.TooLong:        {413, "request_too_large"},
	llm.RateLimited:    {429, "rate_limit_error"},
	llm.QuotaExhausted: {402, "billing_error"},
	llm.Filtered:       {400, "invalid_request_error"},
	llm.Overloaded:     {529, "overloaded_error"},
	llm.Timeout:        {504, "timeout_error"},
	llm.Canceled:       {499, "api_error"},
	llm.Cut:            {502, "api_error"},
	llm.Protocol:       {502, "api_error"},
	llm.Unsupported:    {400, "invalid_request_error"},
	llm.Internal:       {500, "api_error"},
}

// messageError returns status and type of an error. Where a member failed, its
// own key, rights or model name are not the caller's fault.
func messageError(e *llm.Error) (status int, kind string) {
	row, ok := messageErrors[e.Kind]
	if !ok {
		row = messageErrors[llm.Internal]
	}
	switch {
	case e.Member != "" && (e.Kind == llm.Unauthorized || e.Kind == llm.Forbidden || e.Kind == llm.NotFound):
		return 502, "api_error"
	case e.Kind == llm.TooLong && e.Param != "": // a field is too long, not the body
		return 400, "invalid_request_error"
	}
	return row.status, row.kind
}

// WriteError writes the error as an Anthropic error object. A nil error is
// written as an internal one.
func (Anthropic) WriteError(w http.ResponseWriter, err *llm.Error) {
	if err == nil {
		err = &llm.Error{Kind: llm.Internal}
	}
	status, _ := messageError(err)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	if err.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64(math.Ceil(err.RetryAfter.Seconds())), 10))
	}
	if describe(err).noRetry {
		h.Set("X-Should-Retry", "false")
	}
	w.WriteHeader(status)
	w.Write(append(appendMessageError(nil, err), '\n')) // a client that is gone needs no answer
}

// appendMessageError adds the error object, as a body and as an event have it.
func appendMessageError(dst []byte, err *llm.Error) []byte {
	_, kind := messageError(err)
	dst = appendString(append(dst, `{"type":"error","error":{"type":`...), kind)
	return append(appendString(append(dst, `,"message":`...), err.Public()), "}}"...)
}

// messageKinds maps the protocol's types of errors.
var messageKinds = map[string]llm.ErrorKind{
	"invalid_request_error": llm.Unsupported, "authentication_error": llm.Unauthorized, "permission_error": llm.Forbidden,
	"not_found_error": llm.NotFound, "request_too_large": llm.TooLong, "rate_limit_error": llm.RateLimited,
	"billing_error": llm.QuotaExhausted, "timeout_error": llm.Timeout, "api_error": llm.Overloaded, "overloaded_error": llm.Overloaded,
}

// MessageUpstreamError reads the error answer of a server that speaks
// Messages. It is never nil.
func MessageUpstreamError(status int, h http.Header, body []byte) *llm.Error {
	var f messageFrame
	s := newScanner(body)
	if s.kind() == '{' {
		for name := range s.object() {
			if string(name) == "error" && s.kind() == '{' {
				f.failed = f.fault.read(s)
			} else {
				s.skip()
			}
		}
	}
	if !f.failed { // a proxy's own, or a vendor that answers in another form
		return UpstreamError(Quirks{}, status, h, body)
	}
	err := messageFault(f.fault, status)
	err.RetryAfter = retryAfter(h)
	return err
}

// messageFault types what the server said. That the balance is used up it says
// in words only.
func messageFault(y saying, status int) *llm.Error {
	e := y.error(Quirks{}, status)
	if y.code == "" {
		e.Code = y.kind
	}
	if k, ok := messageKinds[y.kind]; ok && e.Kind != llm.TooLong {
		e.Kind, e.Param = k, ""
		text := strings.ToLower(y.message)
		for _, t := range tooLong {
			if k == llm.Unsupported && strings.Contains(text, t) {
				e.Kind, e.Param = llm.TooLong, "messages"
			}
		}
		if k == llm.Unsupported && strings.Contains(text, "credit balance is too low") {
			e.Kind = llm.QuotaExhausted
		}
	}
	return e
}
