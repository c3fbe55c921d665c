package dialect

import "strings"

// thinker takes <think>...</think> at the beginning of a text apart, wherever
// the text is cut.
type thinker struct {
	state thinkState
	open  bool   // the text begins inside
	held  string // what could be part of a tag
}

type thinkState uint8

const (
	thinkStart  thinkState = iota // nothing but blanks came, or part of the tag
	thinkInside                   // between the tags
	thinkAfter                    // behind the closing tag, blanks only
	thinkPlain                    // plain text to the end
)

const openTag, closeTag = "<think>", "</think>"

func newThinker(mode string) thinker {
	t := thinker{open: mode == "open"}
	if mode == "off" {
		t.state = thinkPlain
	}
	return t
}

// off says that thoughts come in a field of their own: tags are plain text.
func (t *thinker) off() {
	if t.state == thinkStart && t.held == "" {
		t.state = thinkPlain
	}
}

func (t *thinker) inside() bool { return t.state == thinkInside }

// add returns the thoughts and, after them, the text that s completes.
func (t *thinker) add(s string) (thought, text string) {
	if t.state == thinkPlain || s == "" {
		return "", s
	}
	s, t.held = t.held+s, ""
	if t.state == thinkStart {
		const blanks = 64 // more than that before a tag is text
		rest := strings.TrimLeft(s, " \t\r\n")
		switch {
		case strings.HasPrefix(rest, openTag):
			t.state, s = thinkInside, rest[len(openTag):]
		case strings.HasPrefix(openTag, rest) && len(s)-len(rest) <= blanks:
			t.held = s
			return "", ""
		case t.open:
			t.state = thinkInside
		default:
			t.state = thinkPlain
			return "", s
		}
	}
	if t.state == thinkInside {
		before, after, found := strings.Cut(s, closeTag)
		if !found {
			n := partial(s, closeTag)
			t.held = s[len(s)-n:]
			return s[:len(s)-n], ""
		}
		t.state, thought, s = thinkAfter, before, after
	}
	if s = strings.TrimLeft(s, " \t\r\n"); s != "" {
		t.state = thinkPlain
	}
	return thought, s
}

// rest returns what was held back; the text has ended or a call comes.
func (t *thinker) rest() (thought, text string) {
	s := t.held
	t.held = ""
	switch t.state {
	case thinkStart:
		if s != "" {
			t.state = thinkPlain
		}
		return "", s
	case thinkInside:
		return s, ""
	}
	return "", ""
}

// partial returns how many bytes at the end of s could begin the tag.
func partial(s, tag string) int {
	for n := min(len(s), len(tag)-1); n > 0; n-- {
		if strings.HasSuffix(s, tag[:n]) {
			return n
		}
	}
	return 0
}
