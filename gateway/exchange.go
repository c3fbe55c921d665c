package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"summit/dialect"
	"summit/identity"
	"summit/llm"
)

// exchange is one request on its way through the gateway.
type exchange struct {
	via     []string // the servers that it has come through, this one last
	g       *Gateway
	w       responder
	r       *http.Request
	runID   string // ours: of the answer and of the entry in the run log
	id      string // of the request: the client's, else runID
	start   time.Time
	key     identity.Key   // who asks; empty on public routes
	dialect dialect.Server // how errors are written
	// answering says that the route is one of a protocol, whose requests are
	// counted.
	answering bool
	call      *dialect.Call  // nil until it was decoded
	model     string         // as asked, once it is known to exist
	err       *llm.Error     // how it failed; nil = it did not
	answers   []*llm.Outcome // what happened, one for each choice
	warnings  []string       // what members did not get of the request
	ended     chan struct{}  // closed once the run log knows; nil = nobody was asked
}

// ServeHTTP answers one request. What holds for every request is here, in
// order: an id, a recovery from panics, a line in the log, Host and Origin,
// the route, the key.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{g: g, r: r, start: time.Now(), dialect: g.openai}
	x.runID = newID(x.start)
	x.id = requestID(r, x.runID)
	x.w = newResponder(w, g.limits.WriteTime)
	ids := []string{x.id}
	x.w.Header()["X-Request-Id"], x.w.Header()["Request-Id"] = ids, ids // as OpenAI's clients look for it, and as Anthropic's do
	counted := g.inflight.enter()
	if counted {
		defer g.inflight.leave()
	}
	defer g.running.end(x)
	defer x.finish()
	if x.guard() {
		return
	}
	rt, allow := g.route(r)
	if rt == nil {
		x.unrouted(allow)
		return
	}
	if rt.dialect != nil {
		x.dialect, x.answering = rt.dialect, !rt.quiet
	}
	if !counted && rt.access != public {
		x.w.Header().Set("Connection", "close")
		x.fail(shuttingDown())
		return
	}
	if rt.access != public {
		if err := x.authenticate(rt); err != nil {
			x.fail(err)
			return
		}
	}
	rt.serve(x)
}

func shuttingDown() *llm.Error {
	return &llm.Error{Kind: llm.Overloaded, Message: "the server is shutting down"}
}

// finish recovers from a panic, counts and logs.
func (x *exchange) finish() {
	p := recover()
	if p != nil && p != http.ErrAbortHandler {
		x.g.logPanic(x.id, p)
		e := &llm.Error{Kind: llm.Internal}
		if x.w.status == 0 {
			x.fail(e)
			p = nil
		} else {
			x.err = e
		}
	}
	took := time.Since(x.start)
	x.answers = slices.DeleteFunc(x.answers, func(o *llm.Outcome) bool { return o == nil }) // of a panic
	x.record(took)
	x.logLine(took)
	if p != nil {
		// Part of an answer was sent: break the connection, so that it can't be
		// taken for a whole one.
		panic(http.ErrAbortHandler)
	}
}

// logPanic logs a panic's stack. The value may hold anything, so only errors
// of the runtime are spelled out.
func (g *Gateway) logPanic(id string, p any) {
	what := fmt.Sprintf("%T", p)
	if e, ok := p.(interface{ RuntimeError() }); ok {
		what = clip(fmt.Sprint(e), 200)
	}
	g.log.Error("panic", "request_id", id, "value", what, "stack", string(debug.Stack()))
}

// fail answers with the error, in the protocol of the route.
func (x *exchange) fail(err *llm.Error) { x.failWith(0, err) }

// failWith is fail with another status than the kind's own; 0 = that.
func (x *exchange) failWith(status int, err *llm.Error) {
	x.err = err
	x.w.instead = status
	if err.Kind == llm.Unauthorized && err.Member == "" {
		x.w.Header().Set("WWW-Authenticate", `Bearer realm="summit"`)
	}
	x.dialect.WriteError(&x.w, err)
}

// logLine writes the one line about the request. It never holds a prompt, an
// answer, a key or a body; of errors only what we made ourselves is told.
func (x *exchange) logLine(took time.Duration) {
	level := slog.LevelInfo
	if x.call == nil && x.err == nil && x.r.Method != http.MethodPost && x.r.Method != http.MethodDelete {
		level = slog.LevelDebug // health checks, metrics, listings
	}
	ctx := context.Background()
	if !x.g.log.Enabled(ctx, level) {
		return
	}
	line := make([]slog.Attr, 0, 16)
	line = append(line, slog.String("request_id", x.id), slog.String("method", clip(x.r.Method, 20)), slog.String("path", clip(x.r.URL.Path, 200)),
		slog.Int("status", x.w.status), slog.Duration("took", took))
	if x.key.ID != "" {
		line = append(line, slog.String("key_id", x.key.ID), slog.String("tenant", x.key.Tenant))
	}
	if x.model != "" {
		u := x.usage()
		line = append(line, slog.String("model", x.model), slog.Bool("stream", x.call.Stream),
			slog.Int64("input_tokens", u.InputTotal()), slog.Int64("output_tokens", u.OutputTotal()))
	}
	if e := x.err; e != nil {
		line = append(line, slog.String("error", string(e.Kind)))
		if e.Member != "" {
			line = append(line, slog.String("member", clip(e.Member, 100)))
		}
		if e.Status != 0 {
			line = append(line, slog.Int("upstream_status", e.Status), slog.String("upstream_code", clip(e.Code, 100)))
		}
		if e.Kind == llm.Internal && e.Err != nil {
			line = append(line, slog.String("cause", clip(e.Err.Error(), 500)))
		}
	}
	x.g.log.LogAttrs(ctx, level, "request", line...)
}

func (x *exchange) usage() llm.Usage {
	var u llm.Usage
	for _, o := range x.answers {
		u = u.Add(o.Usage)
	}
	return u
}

// writeJSON answers with the value.
func (x *exchange) writeJSON(status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		x.fail(&llm.Error{Kind: llm.Internal, Err: err})
		return
	}
	x.writeBody(status, "application/json", append(text, '\n'))
}

func (x *exchange) writeBody(status int, contentType string, body []byte) {
	x.w.Header()["Content-Type"] = []string{contentType}
	x.w.WriteHeader(status)
	x.w.Write(body) // a client that is gone needs no answer
}

// newID returns an id of the time in milliseconds and 80 random bits. Ids that
// rise with time are cheap to index: the run log's newest stand side by side.
func newID(now time.Time) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], uint64(now.UnixMilli())<<16)
	rand.Read(b[6:]) // never fails: the program ends before
	return "run-" + idLetters.EncodeToString(b[:])
}

var idLetters = base32.NewEncoding("0123456789abcdefghijklmnopqrstuv").WithPadding(base32.NoPadding)

// requestID returns the client's own id if it is sane, else ours.
func requestID(r *http.Request, ours string) string {
	if ids := r.Header["X-Request-Id"]; len(ids) == 1 && sane(ids[0]) {
		return ids[0]
	}
	return ours
}

func sane(id string) bool {
	const most = 128
	if id == "" || len(id) > most {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return true
}

// clip shortens what came from outside.
func clip(s string, most int) string {
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// responder is the way out: it gives every write a deadline, so that a client
// that doesn't read is dropped, and knows what was sent. The body, which the
// server reads to its end whether it is wanted or not, has one too. Both end
// with their request: net/http clears them.
type responder struct {
	http.ResponseWriter
	control *http.ResponseController
	most    time.Duration // for one write
	status  int           // 0 = nothing was sent
	instead int           // a status in the place of the next one
}

func newResponder(w http.ResponseWriter, most time.Duration) responder {
	r := responder{ResponseWriter: w, control: http.NewResponseController(w), most: most}
	// Not every writer of a test has deadlines: errors of setting one are left.
	_ = r.control.SetReadDeadline(time.Now().Add(bodyTime))
	return r
}

// extend gives the connection time for the next write, and for what the
// server sends after the handler has returned.
func (w *responder) extend() {
	_ = w.control.SetWriteDeadline(time.Now().Add(w.most))
}

// WriteHeader sends the status, or the one that is to stand instead.
func (w *responder) WriteHeader(status int) {
	if w.instead != 0 {
		status = w.instead
	}
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write writes p in pieces, each within the deadline.
func (w *responder) Write(p []byte) (int, error) {
	const piece = 256 << 10
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n := 0
	for {
		w.extend()
		m, err := w.ResponseWriter.Write(p[n:min(n+piece, len(p))])
		if n += m; err != nil || n >= len(p) {
			return n, err
		}
	}
}

// flush sends what was written, within the deadline of the write.
func (w *responder) flush() error {
	if err := w.control.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
