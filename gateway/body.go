package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"summit/llm"
)

// buffers holds the bodies of small requests for the next ones: a dialect
// keeps no reference to what it decoded.
var buffers = sync.Pool{New: func() any { return new(buffer) }}

type buffer struct{ b []byte }

// keptBytes is the longest body whose buffer is kept.
const keptBytes = 64 << 10

// body is a request's body. It counts against the bodies in flight until it
// is released, which is when the request ends: what was decoded from it is as
// large as it was.
type body struct {
	*buffer
	gateway *Gateway
	taken   int64
}

// readBody reads the whole body, which may have so many bytes, if the server's
// own limit allows them. On error there is nothing to release.
func (x *exchange) readBody(most int64) (body, int, *llm.Error) {
	b := body{gateway: x.g}
	most = min(most, x.g.limits.BodyBytes)
	if n := x.r.ContentLength; n > most {
		return b, 0, llm.Errorf(llm.TooLong, "the body has %d bytes, want at most %d", n, most)
	}
	if e := x.r.Header.Get("Content-Encoding"); e != "" && e != "identity" {
		return b, http.StatusUnsupportedMediaType, llm.Errorf(llm.Invalid, "the body has Content-Encoding %q, want none", clip(e, 40))
	}
	// A body of unknown length is counted as it grows.
	const unknown = 32 << 10
	first := x.r.ContentLength
	if first < 0 {
		first = min(unknown, most)
	}
	if err := b.take(first); err != nil {
		return b, 0, err
	}
	b.buffer = buffers.Get().(*buffer)
	status, err := x.fill(&b, first, most)
	if err != nil {
		b.release()
	}
	return b, status, err
}

// fill reads the body into b, for which so many bytes were taken.
func (x *exchange) fill(b *body, taken, most int64) (int, *llm.Error) {
	in := http.MaxBytesReader(x.w.ResponseWriter, x.r.Body, most)
	buf := b.b[:0]
	if int64(cap(buf)) < taken+1 {
		buf = make([]byte, 0, taken+1) // one more, to see the end without growing
	}
	defer func() { b.b = buf }()
	for {
		if len(buf) == cap(buf) {
			more := min(int64(cap(buf)), most+1-int64(len(buf))) // at most double
			if err := b.take(more); err != nil {
				return 0, err
			}
			buf = append(make([]byte, 0, int64(cap(buf))+more), buf...)
		}
		n, err := in.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		var tooLong *http.MaxBytesError
		switch {
		case err == nil:
		case err == io.EOF:
			return 0, nil
		case errors.As(err, &tooLong):
			return 0, llm.Errorf(llm.TooLong, "the body has more than %d bytes, want at most that", most)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return http.StatusRequestTimeout, llm.Errorf(llm.Timeout, "%d bytes of the body came within %v, want all of it", len(buf), bodyTime)
		default:
			return 0, &llm.Error{Kind: llm.Canceled, Message: "the body broke off", Err: fmt.Errorf("gateway: read the body: %w", err)}
		}
	}
}

// take counts n more bytes of the body.
func (b *body) take(n int64) *llm.Error {
	if !b.gateway.bodies.take(n) {
		return &llm.Error{Kind: llm.RateLimited, RetryAfter: retryTime,
			Message: fmt.Sprintf("the bodies of the requests in flight have %d bytes together, which is all that this server holds", b.gateway.limits.BodiesBytes)}
	}
	b.taken += n
	return nil
}

// release gives the body back.
func (b *body) release() {
	b.gateway.bodies.give(b.taken)
	if b.buffer != nil && cap(b.b) <= keptBytes {
		buffers.Put(b.buffer)
	}
	*b = body{}
}
