package member

import (
	"net"
	"net/http"
	"sync"
	"time"
)

var (
	clientsMu sync.Mutex
	clients   = map[time.Duration]*http.Client{}
)

// httpClient returns the client for calls of models: the given one, or one
// that all members with that connect timeout share. Either way it follows no
// redirect. It has no timeout of its own: streams are long, and the caller's
// context bounds them.
func httpClient(given *http.Client, connect time.Duration) *http.Client {
	if given != nil {
		c := *given
		c.CheckRedirect = noRedirect
		if t, ok := c.Transport.(*http.Transport); ok {
			c.Transport = sockets{t}
		}
		return &c
	}
	clientsMu.Lock()
	defer clientsMu.Unlock()
	c := clients[connect]
	if c == nil {
		c = &http.Client{Transport: newTransport(connect), CheckRedirect: noRedirect}
		clients[connect] = c
	}
	return c
}

// sockets is somebody's transport that speaks WebSocket too.
type sockets struct{ *http.Transport }

func (s sockets) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme == "ws" || req.URL.Scheme == "wss" {
		return socket{s.Transport}.RoundTrip(req)
	}
	return s.Transport.RoundTrip(req)
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// A stream holds its HTTP/1.1 connection to its end, so as many are needed at
// once as the gateway answers requests (512 unless configured); half of them
// are kept for the next burst. There is no bound on those in use: the gateway
// and guard.streams bound the answers.
const (
	maxIdle        = 2048
	maxIdlePerHost = 256
)

// newTransport returns a transport tuned for streams: many connections a host
// are kept, nothing is compressed (a compressor holds events back), an HTTP/2
// connection that has died is noticed, and WebSocket is spoken too.
func newTransport(connect time.Duration) *http.Transport {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: connect, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:    connect,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdlePerHost,
		IdleConnTimeout:        90 * time.Second,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
	}
	t.RegisterProtocol("ws", socket{t})
	t.RegisterProtocol("wss", socket{t})
	return t
}
