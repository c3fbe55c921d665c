package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Document is one line of a data file: messages or text, not both.
type Document struct {
	Messages []Message `json:"messages,omitempty"`
	Text     string    `json:"text,omitempty"`
}

// Message is one turn of a conversation.
type Message struct {
	Role    string `json:"role"` // system, user or assistant
	Content string `json:"content"`
}

const maxLine = 1 << 24 // bytes of a document

// ReadDocuments calls f for each line of a data file. Errors name the line.
func ReadDocuments(r io.Reader, f func(*Document) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<16), maxLine)
	for line := 1; s.Scan(); line++ {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		d, err := parseDocument(s.Bytes())
		if err == nil {
			err = f(d)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%w (a line may have %d bytes)", err, maxLine)
	}
	return nil
}

func parseDocument(line []byte) (*Document, error) {
	d := new(Document)
	j := json.NewDecoder(bytes.NewReader(line))
	j.DisallowUnknownFields()
	if err := j.Decode(d); err != nil {
		return nil, err
	}
	if j.More() {
		return nil, errors.New("more than one JSON value")
	}
	if (len(d.Messages) > 0) == (d.Text != "") {
		return nil, errors.New("want either messages or text")
	}
	answers := 0
	for i, m := range d.Messages {
		switch m.Role {
		case "system", "user":
		case "assistant":
			answers++
		default:
			return nil, fmt.Errorf("message %d: role: got %q, want system, user or assistant", i, m.Role)
		}
	}
	if len(d.Messages) > 0 && answers == 0 {
		return nil, errors.New("messages: none is an assistant's, so there is nothing to learn")
	}
	return d, nil
}

func readFile(path string, f func(*Document) error) error {
	in, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("train: data: %w", err)
	}
	defer func() { _ = in.Close() }() // read only
	if err := ReadDocuments(in, f); err != nil {
		return fmt.Errorf("train: data %s: %w", path, err)
	}
	return nil
}

// corpus is a data file as tokens, one document after the other.
type corpus struct {
	ids    []int32
	learn  []bool // the token counts as a target
	starts []int  // of each document, and the end
	// tooLong is how many conversations did not fit and were left out.
	tooLong int
}

func (c *corpus) len() int { return len(c.starts) - 1 }

func (c *corpus) document(i int) ([]int32, []bool) {
	lo, hi := c.starts[i], c.starts[i+1]
	return c.ids[lo:hi], c.learn[lo:hi]
}

// add appends tokens as documents of at most context inputs. A text is cut
// into pieces, each of which begins with the last token of the one before.
func (c *corpus) add(ids []int32, learn []bool, context int, cut bool) {
	if len(ids) < 2 {
		return
	}
	if len(ids) > context+1 && !cut {
		c.tooLong++
		return
	}
	for at := 0; at+1 < len(ids); at += context {
		end := min(at+context+1, len(ids))
		c.ids = append(c.ids, ids[at:end]...)
		c.learn = append(c.learn, learn[at:end]...)
		c.starts = append(c.starts, len(c.ids))
	}
}

// readCorpus reads and encodes a data file.
func readCorpus(path string, v *vocabulary, context int) (*corpus, error) {
	c := &corpus{starts: []int{0}}
	var ids []int32
	var learn []bool
	err := readFile(path, func(d *Document) error {
		var err error
		if ids, learn, err = v.encode(ids[:0], learn[:0], d); err != nil {
			return err
		}
		c.add(ids, learn, context, d.Text != "")
		return nil
	})
	if err != nil {
		return nil, err
	}
	if c.len() == 0 {
		return nil, fmt.Errorf("train: data %s: no document that fits a context of %d tokens (%d were longer)", path, context, c.tooLong)
	}
	return c, nil
}
