package dialect

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// frames reads all events, drawn as name|data.
func frames(r io.Reader, limit int) (all []string, err error) {
	f := newFrameReader(r, limit)
	for {
		frame, err := f.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil && err != io.ErrUnexpectedEOF {
			return all, err
		}
		text := frame.Name + "|" + string(frame.Data)
		if err != nil {
			text += "|broken"
		}
		all = append(all, text)
		if err != nil {
			return all, nil
		}
	}
}

func TestFrames(t *testing.T) {
	f := func(stream string, want ...string) {
		t.Helper()
		for name, r := range map[string]io.Reader{
			"whole":  strings.NewReader(stream),
			"bytes":  iotest.OneByteReader(strings.NewReader(stream)),
			"halves": iotest.HalfReader(strings.NewReader(stream)),
			"eof":    iotest.DataErrReader(strings.NewReader(stream)),
		} {
			got, err := frames(r, 100)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%q in %s: %q, %v, want %q", stream, name, got, err, want)
			}
		}
	}
	f("")
	f("\n\n\n")
	f("data: a\n\n", "|a")
	f("data:a\n\n", "|a")
	f("data:  a \n\n", "| a ")
	f("data: a\r\n\r\ndata: b\r\n\r\n", "|a", "|b")
	f("data: a\r\rdata: b\r\r", "|a", "|b")
	f("data: a\n\r\ndata: b\n\n", "|a", "|b")
	f("data: a\r\n\ndata: b\n\n", "|a", "|b")
	f("data: a\ndata: b\n\n", "|a\nb")
	f("data: a\r\ndata: b\r\n\r\n", "|a\nb")
	f("data: a\rdata: b\r\r", "|a\nb")
	f("data\ndata:\ndata: c\n\n", "|\n\nc")
	f("data\n\n", "|")
	f(": comment\n\ndata: a\n: more\ndata: b\n\n", "|a\nb")
	f("event: ping\ndata: a\n\ndata: b\n\n", "ping|a", "|b")
	f("event: lost\n\ndata: b\n\n", "|b")
	f("event:"+strings.Repeat("x", 80)+"\ndata:a\n\n", strings.Repeat("x", 64)+"|a")
	f("id: 7\nretry: 10\nlonger-field: x\ndatum: y\ndat: z\ndata: a\n\n", "|a")
	f("\uFEFFdata: a\n\ndata: b\n\n", "|a", "|b")
	f("\uFEFF: c\ndata: a\n\n\uFEFFdata: b\n\n", "|a")
	f("data: 你好，世界 👩‍👩‍👧‍👦\n\n", "|你好，世界 👩‍👩‍👧‍👦")
	f("data: a\n", "|a")      // ended after a line: whole
	f("data: a", "|a|broken") // ended inside a line
	f("data: a\nda", "|a|broken")
	f("data: [DONE]", "|[DONE]|broken")
}

func TestFrameLimit(t *testing.T) {
	f := func(stream string, limit int, tooLong bool) {
		t.Helper()
		for _, r := range []io.Reader{strings.NewReader(stream), iotest.OneByteReader(strings.NewReader(stream))} {
			if _, err := frames(r, limit); errors.Is(err, ErrFrameTooLong) != tooLong {
				t.Errorf("%d bytes with limit %d: error %v, want too long: %v", len(stream), limit, err, tooLong)
			}
		}
	}
	f("data: 12345\n\n", 5, false)
	f("data: 123456\n\n", 5, true)
	f("data: 12\ndata: 34\n\n", 5, false)
	f("data: 12\ndata: 345\n\n", 5, true)
	f("data\ndata\ndata\ndata\n\n", 3, false)
	f("data\ndata\ndata\ndata\ndata\n\n", 3, true)
	f(": "+strings.Repeat("long comment ", 99)+"\ndata: 1\n\n", 5, false)
	f(strings.Repeat("data: 12345\n\n", 99), 5, false)
}

func TestFrameOfManyReads(t *testing.T) {
	big := strings.Repeat("长", 200_000) // 600 KB in one event
	got, err := frames(iotest.HalfReader(strings.NewReader("data: "+big+"\n\ndata: end\n\n")), MaxFrameBytes)
	if err != nil || len(got) != 2 || got[0] != "|"+big || got[1] != "|end" {
		t.Errorf("%d events, error %v, want the long one and the short one", len(got), err)
	}
	r := newFrameReader(strings.NewReader("data: "+big+"\n\n"), 1<<10)
	if _, err := r.Next(); !errors.Is(err, ErrFrameTooLong) {
		t.Errorf("error %v, want too long", err)
	}
	if cap(r.data) > 1<<10 {
		t.Errorf("holds %d bytes, want at most the limit of 1024", cap(r.data))
	}
}

func TestFrameReaderErrors(t *testing.T) {
	broken := errors.New("the line is down")
	_, err := frames(io.MultiReader(strings.NewReader("data: a\n\ndata: b"), iotest.ErrReader(broken)), 100)
	if !errors.Is(err, broken) {
		t.Errorf("error %v, want the reader's", err)
	}
	if _, err := frames(silent{}, 100); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("error %v, want %v", err, io.ErrNoProgress)
	}
}

// silent is a reader that is neither at its end nor has anything.
type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

func TestAppendFrame(t *testing.T) {
	f := func(name, data, want string) {
		t.Helper()
		if got := string(AppendFrame(nil, name, []byte(data))); got != want {
			t.Errorf("AppendFrame(%q, %q) = %q, want %q", name, data, got, want)
		}
	}
	f("", "a", "data: a\n\n")
	f("ping", "a\nb", "event: ping\ndata: a\ndata: b\n\n")
	f("", "", "data: \n\n")
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("data: a\n\n"), 1)
	f.Add([]byte("\uFEFFevent: x\r\ndata:a\rdata\n: c\n\n"), 2)
	f.Add([]byte("data: [DONE]"), 3)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		const limit = 64
		whole, err := frames(bytes.NewReader(stream), limit)
		pieces, err2 := frames(&chunks{stream, max(1, size%17)}, limit)
		if !slices.Equal(whole, pieces) || (err == nil) != (err2 == nil) {
			t.Fatalf("%q: whole %q %v, in pieces %q %v", stream, whole, err, pieces, err2)
		}
		// What was read can be written and read again.
		var again []byte
		for _, w := range whole {
			name, data, _ := strings.Cut(strings.TrimSuffix(w, "|broken"), "|")
			if strings.ContainsAny(name+data, "\r") || strings.Contains(name, "|") {
				return
			}
			again = AppendFrame(again, name, []byte(data))
		}
		back, err := frames(bytes.NewReader(again), limit)
		for i, w := range whole {
			w = strings.TrimSuffix(w, "|broken")
			if err != nil || len(back) != len(whole) || (back[i] != w && !strings.HasPrefix(w, " ")) {
				t.Fatalf("%q: read %q, again %q, %v", stream, whole, back, err)
			}
		}
	})
}

// chunks reads n bytes at a time.
type chunks struct {
	b []byte
	n int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.b[:min(c.n, len(c.b))])
	c.b = c.b[n:]
	return n, nil
}
