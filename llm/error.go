package llm

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrorKind is what others may act on; texts are never matched.
type ErrorKind string

// The kinds of errors.
const (
	Invalid        ErrorKind = "invalid"         // the request makes no sense
	Unauthorized   ErrorKind = "unauthorized"    // no key or a wrong one
	Forbidden      ErrorKind = "forbidden"       // the key may not do this
	NotFound       ErrorKind = "not_found"       // no such model or thing
	TooLong        ErrorKind = "too_long"        // more than the window or the body limit
	RateLimited    ErrorKind = "rate_limited"    // try again after RetryAfter
	QuotaExhausted ErrorKind = "quota_exhausted" // no balance: trying again won't help
	Filtered       ErrorKind = "filtered"        // a content filter refused
	Overloaded     ErrorKind = "overloaded"      // the upstream is too busy or down
	Timeout        ErrorKind = "timeout"         // a deadline passed
	Canceled       ErrorKind = "canceled"        // the caller went away
	Cut            ErrorKind = "cut"             // the stream broke off before its end
	Protocol       ErrorKind = "protocol"        // the upstream answered nonsense
	Unsupported    ErrorKind = "unsupported"     // a fair request that this member can't serve
	Internal       ErrorKind = "internal"        // a fault of ours
)

// Error is what went wrong, for programs (Kind) and for people (Message).
type Error struct {
	Kind       ErrorKind
	Member     string        // who failed; empty = Summit itself
	Message    string        // for the caller: names the thing, what came, what was wanted
	Param      string        // the request field at fault; empty = none
	Code       string        // the upstream's own code; empty = none
	Status     int           // the upstream's HTTP status; 0 = none
	RetryAfter time.Duration // 0 = unknown
	Err        error         // the cause; nil = none
}

// Error returns member, kind, message and cause in one line.
func (e *Error) Error() string {
	s := string(e.Kind)
	if e.Member != "" {
		s = e.Member + ": " + s
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Public returns the text that a caller may see. A fault of ours is not
// spelled out: its details may hold paths or addresses.
func (e *Error) Public() string {
	if e.Kind == Internal && e.Message == "" {
		return "internal error"
	}
	s := e.Message
	if s == "" {
		s = string(e.Kind)
	}
	if e.Member != "" {
		return e.Member + ": " + s
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable reports whether asking another member, or the same one later,
// could help.
func (e *Error) Retryable() bool {
	switch e.Kind {
	case RateLimited, QuotaExhausted, Overloaded, Timeout, Cut, Protocol, Internal, Unauthorized, Forbidden, NotFound, Unsupported, TooLong, Filtered:
		return true
	}
	return false
}

// AsError returns err as an *Error: itself if it is one, Canceled or Timeout
// for those of context, Internal for anything else, nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: Timeout, Message: "the deadline passed", Err: err}
	case errors.Is(err, context.Canceled):
		return &Error{Kind: Canceled, Message: "the request was canceled", Err: err}
	}
	return &Error{Kind: Internal, Err: err}
}

// ContextError returns why ctx ended, as an *Error that carries the cause:
// Timeout if that is a passed deadline, the cause itself if that is an
// *Error, else Canceled. It is nil while ctx lives.
func ContextError(ctx context.Context) *Error {
	if ctx.Err() == nil {
		return nil
	}
	cause := context.Cause(ctx)
	if e := AsError(cause); e.Kind != Internal {
		return e
	}
	return &Error{Kind: Canceled, Message: "the request was canceled", Err: cause}
}

// Errorf returns an error of the kind with a message for the caller.
func Errorf(kind ErrorKind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}
