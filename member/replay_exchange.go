package member

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"summit/llm"
)

// Bounds of a file of exchanges. What is longer is recorded as cut.
const (
	maxExchangeBody  = 16 << 20
	maxExchangeLine  = 4 * maxExchangeBody // two bodies, escaped
	maxExchangeCount = 10_000
)

// exchange is one line of the file. Bodies are text; a body that is no valid
// UTF-8 is base64 in Raw. Prompts and answers are in it, word for word: that
// is what it is for. Keys are not.
type exchange struct {
	Request  exchangeRequest  `json:"request"`
	Response exchangeResponse `json:"response"`
}

type exchangeRequest struct {
	Method string      `json:"method"`
	URL    string      `json:"url"`
	Header http.Header `json:"header,omitempty"`
	Body   string      `json:"body,omitempty"`
	Raw    []byte      `json:"raw,omitempty"`
}

type exchangeResponse struct {
	Status int         `json:"status,omitempty"`
	Header http.Header `json:"header,omitempty"`
	Body   string      `json:"body,omitempty"`
	Raw    []byte      `json:"raw,omitempty"`
	Cut    bool        `json:"cut,omitempty"`   // the body broke off, or was not read to its end
	Error  string      `json:"error,omitempty"` // no response came: why
}

// keptHeaders are the only ones that are written. A list of what is secret
// would miss the next vendor's name for its key.
var keptHeaders = []string{"Accept", "Content-Type", "Retry-After", "X-Request-Id"}

// keptQuery are the only query parameters whose values are written.
var keptQuery = []string{"api-version", "alt"}

const redacted = "REDACTED"

// Recorder is an http.RoundTripper that passes requests on and appends every
// exchange to a file. Headers but a few, user names, passwords and query
// values are never written; where the value of a header that is left out, or
// a query value, turns up in a body, it is replaced. Bodies pass as they
// come, so streams stay streams. Calls that fetch a token are left out. It is safe for concurrent use.
type Recorder struct {
	next http.RoundTripper

	mu      sync.Mutex
	file    *os.File
	failure error // the first write that failed
}

// NewRecorder appends to the file, which is made readable by its owner only:
// it holds prompts. next makes the calls; nil = http.DefaultTransport.
func NewRecorder(path string, next http.RoundTripper) (*Recorder, error) {
	if next == nil {
		next = http.DefaultTransport
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("member: exchanges: %w", err)
	}
	return &Recorder{next: next, file: f}, nil
}

// Close ends the recording and returns the first error of writing it.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.file.Close(); r.failure == nil && err != nil {
		r.failure = fmt.Errorf("member: exchanges: %w", err)
	}
	return r.failure
}

// RoundTrip passes the request on; the exchange is written once the answer's
// body was read to its end or closed.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Context().Value(unrecorded{}) != nil {
		return r.next.RoundTrip(req)
	}
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(io.LimitReader(req.Body, maxExchangeBody+1))
		req.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("member: exchanges: request body: %w", err)
		}
		if len(body) > maxExchangeBody {
			return nil, fmt.Errorf("member: exchanges: the request body is longer than %d bytes", maxExchangeBody)
		}
		clone := req.Clone(req.Context())
		clone.Body = io.NopCloser(bytes.NewReader(body))
		req = clone
	}
	hide := secretsOf(req)
	x := &exchange{Request: exchangeRequest{Method: req.Method, URL: publicURL(req.URL), Header: kept(req.Header)}}
	x.Request.Body, x.Request.Raw = asText(hide(body))
	resp, err := r.next.RoundTrip(req)
	if err != nil {
		x.Response.Error = string(hide([]byte(err.Error())))
		r.write(x)
		return nil, err
	}
	x.Response.Status, x.Response.Header = resp.StatusCode, kept(resp.Header)
	resp.Body = &tee{body: resp.Body, end: func(data []byte, whole bool) {
		x.Response.Body, x.Response.Raw = asText(hide(data))
		x.Response.Cut = !whole
		r.write(x)
	}}
	return resp, nil
}

func (r *Recorder) write(x *exchange) {
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	err := enc.Encode(x)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		_, err = r.file.Write(line.Bytes())
	}
	if err != nil && r.failure == nil {
		r.failure = fmt.Errorf("member: exchanges: %w", err)
	}
}

// tee is a body that keeps what is read through it.
type tee struct {
	body io.ReadCloser
	kept []byte
	over bool
	once sync.Once
	end  func(data []byte, whole bool)
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.body.Read(p)
	if room := maxExchangeBody - len(t.kept); n > room {
		t.kept, t.over = append(t.kept, p[:room]...), true
	} else {
		t.kept = append(t.kept, p[:n]...)
	}
	if err != nil {
		t.once.Do(func() { t.end(t.kept, err == io.EOF && !t.over) })
	}
	return n, err
}

func (t *tee) Close() error {
	err := t.body.Close()
	t.once.Do(func() { t.end(t.kept, false) })
	return err
}

// kept returns the headers that may be written.
func kept(h http.Header) http.Header {
	var out http.Header
	for _, name := range keptHeaders {
		if v := h.Values(name); len(v) > 0 {
			if out == nil {
				out = http.Header{}
			}
			out[name] = slices.Clone(v)
		}
	}
	return out
}

// publicURL writes the address without user, password and query values.
func publicURL(u *url.URL) string {
	c := *u
	c.User = nil
	if q := c.Query(); len(q) > 0 {
		for name := range q {
			if !slices.Contains(keptQuery, name) {
				q[name] = []string{redacted}
			}
		}
		c.RawQuery = q.Encode()
	}
	return c.String()
}

// secretsOf returns a function that replaces the request's secrets in a text:
// whatever of it is not written otherwise. Values under eight bytes are left:
// they are flags, and stand in texts by chance.
func secretsOf(req *http.Request) func([]byte) []byte {
	var values []string
	add := func(v string) {
		for _, word := range append(strings.Fields(v), v) {
			if len(word) >= 8 && !slices.Contains(values, word) {
				values = append(values, word)
			}
		}
	}
	for name, vs := range req.Header {
		switch {
		case slices.Contains(keptHeaders, name), name == "User-Agent", name == "Accept-Encoding", name == "Content-Length":
		default:
			for _, v := range vs {
				add(v)
			}
		}
	}
	for name, vs := range req.URL.Query() {
		if !slices.Contains(keptQuery, name) {
			for _, v := range vs {
				add(v)
			}
		}
	}
	if pass, ok := req.URL.User.Password(); ok {
		add(pass)
	}
	// Longest first, so that no part of a longer one is left.
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	return func(text []byte) []byte {
		for _, v := range values {
			text = bytes.ReplaceAll(text, []byte(v), []byte(redacted))
		}
		return text
	}
}

func asText(b []byte) (string, []byte) {
	if utf8.Valid(b) {
		return string(b), nil
	}
	return "", b
}

// Player is an http.RoundTripper that answers from recorded exchanges and
// never calls anybody. A request gets the first exchange not yet played that
// has its method, path, query and body; the host does not count, and JSON
// bodies are compared as values. It is safe for concurrent use.
type Player struct {
	mu        sync.Mutex
	name      string
	exchanges []exchange
	played    []bool
}

// OpenPlayer reads a file that a Recorder wrote.
func OpenPlayer(path string) (*Player, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("member: exchanges: %w", err)
	}
	defer f.Close()
	return NewPlayer(f, path)
}

// NewPlayer reads exchanges, one JSON line each; name is for errors.
func NewPlayer(r io.Reader, name string) (*Player, error) {
	p := &Player{name: name}
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), maxExchangeLine)
	n := 0
	for lines.Scan() {
		n++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var x exchange
		if err := json.Unmarshal(lines.Bytes(), &x); err != nil {
			return nil, fmt.Errorf("member: exchanges: %s:%d: %w", name, n, err)
		}
		if _, err := url.Parse(x.Request.URL); err != nil || x.Request.Method == "" {
			return nil, fmt.Errorf("member: exchanges: %s:%d: request %q %q, want a method and an address", name, n, x.Request.Method, x.Request.URL)
		}
		if s := x.Response.Status; x.Response.Error == "" && (s < 100 || s > 999) {
			return nil, fmt.Errorf("member: exchanges: %s:%d: status %d, want three digits, or an error", name, n, s)
		}
		if p.exchanges = append(p.exchanges, x); len(p.exchanges) > maxExchangeCount {
			return nil, fmt.Errorf("member: exchanges: %s: more than %d exchanges", name, maxExchangeCount)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("member: exchanges: %s:%d: %w", name, n+1, err)
	}
	p.played = make([]bool, len(p.exchanges))
	return p, nil
}

// RoundTrip answers from the recording; a request that is not in it is an
// error.
func (p *Player) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(io.LimitReader(req.Body, maxExchangeBody))
		req.Body.Close()
		if err != nil {
			return nil, fmt.Errorf("member: exchanges: request body: %w", err)
		}
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	x, err := p.take(req, secretsOf(req)(body))
	if err != nil {
		return nil, err
	}
	if x.Response.Error != "" {
		return nil, errors.New(x.Response.Error)
	}
	data := []byte(x.Response.Body)
	if x.Response.Raw != nil {
		data = x.Response.Raw
	}
	var content io.Reader = bytes.NewReader(data)
	length := int64(len(data))
	if x.Response.Cut {
		content, length = io.MultiReader(content, cutReader{}), -1
	}
	header := x.Response.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", x.Response.Status, http.StatusText(x.Response.Status)), StatusCode: x.Response.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: io.NopCloser(content), ContentLength: length, Request: req,
	}, nil
}

// take finds the exchange and marks it as played.
func (p *Player) take(req *http.Request, body []byte) (*exchange, error) {
	want := target(publicURL(req.URL))
	canonicalBody := canonicalJSON(body)
	p.mu.Lock()
	defer p.mu.Unlock()
	left := 0
	for i := range p.exchanges {
		x := &p.exchanges[i]
		if p.played[i] {
			continue
		}
		left++
		recorded := []byte(x.Request.Body)
		if x.Request.Raw != nil {
			recorded = x.Request.Raw
		}
		if x.Request.Method == req.Method && target(x.Request.URL) == want && bytes.Equal(canonicalJSON(recorded), canonicalBody) {
			p.played[i] = true
			return x, nil
		}
	}
	return nil, fmt.Errorf("member: exchanges: %s: no exchange for %s %s with this body of %d bytes among the %d not yet played of %d",
		p.name, req.Method, want, len(body), left, len(p.exchanges))
}

// target returns path and query of an address.
func target(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.RequestURI()
}

// canonicalJSON returns the JSON value with sorted keys, or the bytes
// themselves where they are none.
func canonicalJSON(b []byte) []byte {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil || dec.More() {
		return b
	}
	out, err := json.Marshal(v)
	if err != nil {
		return b
	}
	return out
}

// cutReader ends a body that broke off.
type cutReader struct{}

func (cutReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// newExchanged builds the member of another kind over recorded exchanges.
func newExchanged(c Config, p ReplayParams) (llm.Member, error) {
	if p.Dir != "" || p.Member != "" || len(p.Suites)+len(p.Splits) > 0 {
		return nil, fmt.Errorf("member: %s: params.exchanges goes with params.of and params.record only, not with those of a folder", c.Name)
	}
	inner := c
	inner.Params = nil
	if inner.Use = p.Of; inner.Use == "" {
		inner.Use = "openai"
	}
	if inner.Use == "replay" {
		return nil, fmt.Errorf("member: %s: params.of is replay, want the kind of member whose exchanges these are", c.Name)
	}
	var transport http.RoundTripper
	if p.Record {
		var next http.RoundTripper
		if c.Client != nil {
			next = c.Client.Transport
		}
		if next == nil {
			next = newTransport(10 * time.Second) // which speaks WebSocket too
		}
		r, err := NewRecorder(p.Exchanges, next)
		if err != nil {
			return nil, fmt.Errorf("member: %s: %w", c.Name, err)
		}
		transport = r
	} else {
		player, err := OpenPlayer(p.Exchanges)
		if err != nil {
			return nil, fmt.Errorf("member: %s: %w", c.Name, err)
		}
		transport = player
		inner.Card.Labels = append(slices.Clone(inner.Card.Labels), LabelRecorded)
	}
	inner.Client = &http.Client{Transport: transport}
	return New(inner)
}
