package fake

import (
	"bytes"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"time"
)

// codec is how one protocol says things.
type codec interface {
	// refusal returns status and body of the answer that refuses.
	refusal(x *exchange, p problem) (status int, body []byte)
	// whole returns the body of a whole answer.
	whole(x *exchange, r Reply) []byte
	// stream returns the events of an answer in pieces.
	stream(x *exchange, r Reply) iter.Seq[frame]
	// trouble returns the event that tells of a problem in a stream.
	trouble(x *exchange, p problem) frame
}

// frame is one event of a stream.
type frame struct {
	name    string   // of the event; empty = none
	lines   []string // more lines before the data
	data    []byte
	content bool // it holds a piece of the answer
}

// wire is what a stream goes out on.
type wire interface {
	begin()
	send(frame) error
	half(frame) // half of the frame, and no end
}

// refuse answers that the request is refused.
func (x *exchange) refuse(c codec, p problem) {
	status, body := c.refusal(x, p)
	x.write(status, body)
}

func (x *exchange) write(status int, body []byte) {
	if x.socket != nil {
		x.socket.send(frame{data: body})
		return
	}
	x.w.Header().Set("Content-Type", "application/json")
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	x.w.Write(body) // a client that is gone needs no answer
}

// answer plays the reply to what was asked, with the fault that is on.
func (x *exchange) answer(c codec) {
	if p := x.directed(); p != nil {
		x.refuse(c, *p)
		return
	}
	reply := play(&x.ask)
	reply.Endless = x.fault == "flood"
	if x.fault == "no-usage" {
		x.on["usage-none"] = true
	}
	x.s.note(Exchange{x.ask, reply})
	if !x.before(c) {
		return
	}
	switch {
	case x.socket != nil:
		x.play(c, x.socket, c.stream(x, reply))
	case x.ask.Stream:
		x.play(c, &sse{x: x}, c.stream(x, reply))
	default:
		x.body200(c.whole(x, reply))
	}
}

// before plays the faults that come before an answer, and reports whether
// there is one to come.
func (x *exchange) before(c codec) bool {
	p, refused := refusals[x.fault]
	switch {
	case x.fault == "hang":
		x.hang()
	case x.fault == "down":
		x.w.Header().Set("Content-Type", "text/html")
		x.w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(x.w, "<html><body><h1>502 Bad Gateway</h1></body></html>")
	case x.fault == "error-200":
		_, body := c.refusal(x, problem{what: overloaded, message: "the system is busy"})
		x.write(http.StatusOK, body)
	case refused:
		status, body := c.refusal(x, p)
		if x.fault == "rate-limit" && status != http.StatusOK {
			x.w.Header().Set("Retry-After", "7")
		}
		x.write(status, body)
	default:
		return true
	}
	return false
}

// hang waits until the client goes away.
func (x *exchange) hang() {
	<-x.ctx().Done()
	x.s.abort()
}

// wait lets time pass; false = the client went away meanwhile.
func (x *exchange) wait(d time.Duration) bool {
	if d == 0 {
		return x.ctx().Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-x.ctx().Done():
		return false
	}
}

// afterPieces is how many pieces of an answer come before a fault in the
// middle of it.
const afterPieces = 2

// play sends the frames, until the fault that is on says otherwise.
func (x *exchange) play(c codec, w wire, frames iter.Seq[frame]) {
	w.begin()
	content, gone := 0, false
	gap := x.gap
	if x.fault == "slow" {
		gap = time.Second
	}
	for f := range frames {
		if f.content {
			content++
		}
		if content > afterPieces {
			switch x.fault {
			case "cut":
				panic(http.ErrAbortHandler)
			case "end-early":
				return
			case "stall":
				x.hang()
				return
			case "half-json":
				w.half(f)
				return
			case "error-mid":
				w.send(c.trouble(x, problem{what: overloaded, message: "the system is busy"}))
				return
			}
		}
		if x.frames > 0 && !x.wait(gap) || w.send(f) != nil {
			gone = true
			break
		}
		x.frames++
	}
	if gone {
		x.s.abort()
	}
}

// body200 sends a whole answer.
func (x *exchange) body200(body []byte) {
	if x.is("blank-lines") {
		body = append([]byte("\n\n\n"), body...)
	}
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	half := body[:len(body)/2]
	switch x.fault {
	case "cut":
		h.Set("Content-Length", strconv.Itoa(len(body)))
		x.w.Write(half)
		x.flush()
		panic(http.ErrAbortHandler)
	case "end-early", "half-json":
		x.w.Write(half)
		return
	case "stall":
		x.w.Write(half)
		x.flush()
		x.hang()
		return
	case "flood":
		for x.ctx().Err() == nil {
			if _, err := x.w.Write(bytes.Repeat([]byte(" "), 32<<10)); err != nil {
				break
			}
		}
		x.s.abort()
		return
	case "split":
		for i := range body {
			x.w.Write(body[i : i+1])
			x.flush()
		}
		return
	case "slow":
		if !x.wait(time.Second) {
			x.s.abort()
			return
		}
	}
	if !x.wait(x.gap) {
		x.s.abort()
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.w.Write(body)
}

func (x *exchange) flush() { http.NewResponseController(x.w).Flush() }

// sse is a wire of server-sent events.
type sse struct {
	x *exchange
	b []byte
}

func (s *sse) begin() {
	h := s.x.w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	s.x.w.WriteHeader(http.StatusOK)
	s.x.flush()
	if s.x.is("blank-lines") {
		s.out([]byte("\n\n\n"))
	}
}

// text returns a frame as it goes out.
func (s *sse) text(f frame) []byte {
	end, colon := "\n", ": "
	if s.x.is("crlf") {
		end = "\r\n"
	}
	if s.x.is("no-space") {
		colon = ":"
	}
	b := s.b[:0]
	if s.x.is("comments") {
		b = append(append(b, ": keep-alive"...), end+end...)
	}
	for _, line := range f.lines {
		b = append(append(b, line...), end...)
	}
	if f.name != "" {
		b = append(append(b, "event"+colon+f.name...), end...)
	}
	data := f.data
	if s.x.is("multi-line") && len(data) > 1 && data[0] == '{' { // JSON takes a line break behind a brace
		b = append(append(b, "data"+colon+"{"...), end...)
		data = data[1:]
	}
	b = append(append(append(b, "data"+colon...), data...), end+end...)
	s.b = b
	return b
}

func (s *sse) send(f frame) error { return s.out(s.text(f)) }

func (s *sse) half(f frame) {
	b := s.text(f)
	s.out(b[:len(b)-len(f.data)/2-2])
}

func (s *sse) out(b []byte) error {
	if s.x.fault == "split" {
		for i := range b {
			if _, err := s.x.w.Write(b[i : i+1]); err != nil {
				return err
			}
			s.x.flush()
		}
		return nil
	}
	if _, err := s.x.w.Write(b); err != nil {
		return err
	}
	return http.NewResponseController(s.x.w).Flush()
}
