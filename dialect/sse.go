package dialect

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxFrameBytes is the longest data of one server-sent event that is read.
// Vendors send single events of more than 64 KiB (a whole tool call, a list of
// log-probabilities); more than this is a flood.
const MaxFrameBytes = 8 << 20

// ErrFrameTooLong says that an event is longer than the reader's limit.
var ErrFrameTooLong = errors.New("dialect: the event is too long")

// Frame is one server-sent event.
type Frame struct {
	Name string // the event field; empty = none
	Data []byte // the data lines joined by \n; valid until the next call of Next
}

// FrameReader reads server-sent events as the HTML standard describes them:
// lines end in LF, CR or CRLF, a leading byte order mark and comments are
// skipped, several data lines make one event. It may be cut anywhere. It holds
// a fixed buffer and at most its limit of data.
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
type FrameReader struct {
	r        io.Reader
	limit    int
	buf      [8 << 10]byte
	pos, end int
	err      error // from r

	started bool // a line was read: a byte order mark can't come any more
	skipLF  bool // the last line ended in CR: a LF right after it belongs to it
	head    [8]byte
	headLen int // len(head)+1 = a longer name than any that counts
	field   byte
	space   bool // the next byte of the value is its first
	touched bool // the line has begun
	hasData bool
	name    []byte
	data    []byte
}

// What the line being read is: still its field's name, or the value of one.
const (
	inHead   = 0
	inData   = 'd'
	inEvent  = 'e'
	inIgnore = 'i'
)

// NewFrameReader returns a reader of r with the limit MaxFrameBytes.
func NewFrameReader(r io.Reader) *FrameReader { return newFrameReader(r, MaxFrameBytes) }

func newFrameReader(r io.Reader, limit int) *FrameReader { return &FrameReader{r: r, limit: limit} }

// Next returns the next event that has data. At the end it returns io.EOF.
// An event whose last line was broken off by the end comes with
// io.ErrUnexpectedEOF beside it, so that the caller can see whether it is whole
// all the same. ErrFrameTooLong is wrapped; errors of the reader below come as
// they are.
func (f *FrameReader) Next() (Frame, error) {
	f.name, f.data, f.hasData = f.name[:0], f.data[:0], false
	for {
		if f.pos == f.end {
			if f.err == nil {
				f.fill()
				continue
			}
			return f.last()
		}
		chunk := f.buf[f.pos:f.end]
		if f.skipLF {
			f.skipLF = false
			if chunk[0] == '\n' {
				f.pos++
				continue
			}
		}
		n := endOfLine(chunk)
		if n < 0 {
			f.pos = f.end
			if err := f.take(chunk); err != nil {
				return Frame{}, err
			}
			continue
		}
		f.pos += n + 1
		f.skipLF = chunk[n] == '\r'
		if err := f.take(chunk[:n]); err != nil {
			return Frame{}, err
		}
		blank := !f.touched
		if err := f.endLine(); err != nil {
			return Frame{}, err
		}
		if blank {
			if f.hasData {
				return Frame{Name: string(f.name), Data: f.data}, nil
			}
			f.name = f.name[:0]
		}
	}
}

// last returns the event that the end of the stream leaves unfinished.
func (f *FrameReader) last() (Frame, error) {
	if f.err != io.EOF {
		return Frame{}, f.err
	}
	broken := f.touched
	if err := f.endLine(); err != nil {
		return Frame{}, err
	}
	if !f.hasData {
		return Frame{}, io.EOF
	}
	frame := Frame{Name: string(f.name), Data: f.data}
	f.hasData = false
	if broken {
		return frame, io.ErrUnexpectedEOF
	}
	return frame, nil
}

func (f *FrameReader) fill() {
	// A reader that returns nothing and no error for ever is broken.
	for range 100 {
		n, err := f.r.Read(f.buf[:])
		f.pos, f.end, f.err = 0, max(n, 0), err
		if n > 0 || err != nil {
			return
		}
	}
	f.err = io.ErrNoProgress
}

// take reads a piece of a line.
func (f *FrameReader) take(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	f.touched = true
	if f.field == inHead {
		i := bytes.IndexByte(p, ':')
		name, rest := p, []byte(nil)
		if i >= 0 {
			name, rest = p[:i], p[i+1:]
		}
		if f.headLen+len(name) > len(f.head) {
			f.headLen = len(f.head) + 1
		} else {
			f.headLen += copy(f.head[f.headLen:], name)
		}
		if i < 0 {
			return nil
		}
		if err := f.setField(); err != nil {
			return err
		}
		p = rest
	}
	if f.space && len(p) > 0 {
		f.space = false
		if p[0] == ' ' {
			p = p[1:]
		}
	}
	switch f.field {
	case inData:
		return f.addData(p)
	case inEvent:
		const most = 64 // longer than any event's name
		f.name = append(f.name, p[:min(len(p), most-min(most, len(f.name)))]...)
	}
	return nil
}

// setField decides what the line is, its name being complete.
func (f *FrameReader) setField() error {
	name := f.head[:min(f.headLen, len(f.head))]
	if !f.started {
		name = bytes.TrimPrefix(name, []byte("\uFEFF"))
	}
	f.field, f.space = inIgnore, true
	if f.headLen > len(f.head) {
		return nil
	}
	switch string(name) {
	case "data":
		f.field = inData
		if f.hasData {
			return f.addData([]byte{'\n'})
		}
		f.hasData = true
	case "event":
		f.field = inEvent
		f.name = f.name[:0]
	}
	return nil
}

// endLine ends the line being read, if one has begun.
func (f *FrameReader) endLine() error {
	var err error
	if f.touched && f.field == inHead {
		err = f.setField() // a line without a colon is a field without a value
	}
	f.started = f.started || f.touched
	f.field, f.headLen, f.touched, f.space = inHead, 0, false, false
	return err
}

func (f *FrameReader) addData(p []byte) error {
	need := len(f.data) + len(p)
	if need > f.limit {
		return fmt.Errorf("%w: more than %d bytes", ErrFrameTooLong, f.limit)
	}
	if need > cap(f.data) {
		grown := make([]byte, len(f.data), min(max(2*cap(f.data), need, 1<<10), max(need, f.limit)))
		copy(grown, f.data)
		f.data = grown
	}
	f.data = append(f.data, p...)
	return nil
}

// endOfLine returns the index of the first CR or LF, or -1.
func endOfLine(p []byte) int {
	n := bytes.IndexByte(p, '\n')
	if n >= 0 {
		p = p[:n]
	}
	if i := bytes.IndexByte(p, '\r'); i >= 0 {
		return i
	}
	return n
}

// AppendFrame adds one server-sent event to dst. Line breaks in data become
// several data lines; an empty name writes none. Name and data hold no CR, the
// name no LF.
func AppendFrame(dst []byte, name string, data []byte) []byte {
	if name != "" {
		dst = append(append(append(dst, "event: "...), name...), '\n')
	}
	for {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			break
		}
		dst = append(append(append(dst, "data: "...), data[:i]...), '\n')
		data = data[i+1:]
	}
	return append(append(append(dst, "data: "...), data...), "\n\n"...)
}
