package member

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/coder/websocket"

	"summit/dialect"
)

// socket is an http.RoundTripper for addresses of the scheme ws or wss: it
// opens the connection, sends the request's body as one message, and gives the
// messages that come back as server-sent events. So a protocol over WebSocket
// is a wire like any other, and can be recorded and played like any other. A
// handshake that is refused is the answer that it was.
type socket struct{ base http.RoundTripper }

// maxSocketBody is the longest message that is sent: the longest request of
// the gateway, and what JSON adds to it.
const maxSocketBody = 64 << 20

func (s socket) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(io.LimitReader(req.Body, maxSocketBody+1))
		req.Body.Close()
		if err != nil {
			return nil, err
		}
		if len(body) > maxSocketBody {
			return nil, fmt.Errorf("member: websocket: a message of more than %d bytes", maxSocketBody)
		}
	}
	header := http.Header{}
	for name, values := range req.Header {
		switch name {
		case "Accept", "Content-Type", "Content-Length":
		default:
			header[name] = values
		}
	}
	conn, resp, err := websocket.Dial(ctx, req.URL.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: s.base, CheckRedirect: noRedirect},
		HTTPHeader: header,
	})
	switch {
	case err != nil && resp != nil && resp.StatusCode != http.StatusSwitchingProtocols && resp.Body != nil:
		resp.Request = req
		return resp, nil
	case err != nil:
		return nil, fmt.Errorf("member: websocket: %w", bareAddress(err))
	}
	conn.SetReadLimit(dialect.MaxFrameBytes)
	if body != nil {
		if err := conn.Write(ctx, websocket.MessageText, body); err != nil {
			conn.CloseNow()
			return nil, fmt.Errorf("member: websocket: %w", err)
		}
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {eventStream}}, Body: &messages{ctx: ctx, conn: conn}, ContentLength: -1, Request: req,
	}, nil
}

// bareAddress takes the address, and the signature in it, out of an error.
func bareAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// messages is a connection's messages as server-sent events.
type messages struct {
	ctx  context.Context
	conn *websocket.Conn
	left []byte
	end  error
}

func (m *messages) Read(p []byte) (int, error) {
	for len(m.left) == 0 {
		if m.end != nil {
			return 0, m.end
		}
		_, text, err := m.conn.Read(m.ctx)
		if err != nil {
			m.end = m.why(err)
			continue
		}
		// A carriage return is a blank between two values of JSON, and nothing
		// that may stand in a line of an event.
		m.left = dialect.AppendFrame(m.left[:0], "", bytes.ReplaceAll(text, []byte("\r"), []byte(" ")))
	}
	n := copy(p, m.left)
	m.left = m.left[n:]
	return n, nil
}

// why says how the messages ended: properly, or broken off.
func (m *messages) why(err error) error {
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway, websocket.StatusNoStatusRcvd:
		return io.EOF
	}
	if cause := context.Cause(m.ctx); cause != nil {
		return cause
	}
	if errors.Is(err, websocket.ErrMessageTooBig) {
		return dialect.ErrFrameTooLong
	}
	return io.ErrUnexpectedEOF
}

func (m *messages) Close() error {
	m.end = io.ErrClosedPipe
	return m.conn.CloseNow()
}
