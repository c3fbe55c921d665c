package fusion

import (
	"strings"
	"unicode/utf8"

	"summit/llm"
)

// scribe sends an answer that comes byte by byte: whole characters, up to the
// first stop word.
type scribe struct {
	w       *work
	begun   []byte // a character that isn't whole yet
	held    string // what may be the beginning of a stop word
	logprob float64
	tokens  []llm.TokenLogprob // not yet sent
	over    bool               // a stop word came, or the caller left
}

// write takes bytes that had that log-probability. token, if not nil, is what
// they are reported as; else each character is.
func (s *scribe) write(b []byte, logprob float64, token *llm.TokenLogprob) {
	s.begun = append(s.begun, b...)
	s.logprob += logprob
	if token != nil && s.w.r.Logprobs {
		s.tokens = append(s.tokens, *token)
	}
	n := complete(s.begun)
	if n == 0 {
		return
	}
	text := strings.ToValidUTF8(string(s.begun[:n]), "\ufffd")
	if token == nil && s.w.r.Logprobs {
		s.tokens = append(s.tokens, llm.TokenLogprob{Token: text, Bytes: append([]byte(nil), s.begun[:n]...), Logprob: s.logprob})
	}
	s.begun, s.logprob = append(s.begun[:0], s.begun[n:]...), 0
	s.say(s.cut(text))
}

// end sends what was held back.
func (s *scribe) end() {
	if s.over {
		return
	}
	text := s.held + strings.ToValidUTF8(string(s.begun), "\ufffd")
	s.held, s.begun = "", nil
	s.say(text)
}

func (s *scribe) say(text string) {
	if text == "" {
		return
	}
	tokens := s.tokens
	s.tokens = nil
	if !s.w.send(llm.Event{Kind: llm.KindText, Text: text, Tokens: tokens}) {
		s.over = true
	}
}

// cut returns what may be shown: what stands before a stop word, and not yet
// what one may begin with.
func (s *scribe) cut(text string) string {
	if len(s.w.r.Stop) == 0 {
		return text
	}
	s.held += text
	first, keep := -1, 0
	for _, word := range s.w.r.Stop {
		if word == "" {
			continue
		}
		if i := strings.Index(s.held, word); i >= 0 && (first < 0 || i < first) {
			first = i
		}
		for n := min(len(word)-1, len(s.held)); n > keep; n-- {
			if strings.HasSuffix(s.held, word[:n]) {
				keep = n
				break
			}
		}
	}
	if first >= 0 {
		text, s.held, s.over = s.held[:first], "", true
		if text != "" {
			s.w.send(llm.Event{Kind: llm.KindText, Text: text, Tokens: s.tokens})
		}
		return ""
	}
	text, s.held = s.held[:len(s.held)-keep], s.held[len(s.held)-keep:]
	return text
}

// complete returns how many bytes of b are whole characters, or can't become
// one.
func complete(b []byte) int {
	for i := 1; i <= min(utf8.UTFMax-1, len(b)); i++ {
		c := b[len(b)-i]
		if c&0xc0 == 0x80 {
			continue
		}
		if c >= 0xc0 && !utf8.FullRune(b[len(b)-i:]) {
			return len(b) - i
		}
		break
	}
	return len(b)
}

// follows reports whether the byte may come after those of a character that is
// begun. Source: The Unicode Standard, table 3-7.
func follows(begun []byte, c byte) bool {
	if len(begun) == 0 {
		return c < 0x80 || c >= 0xc2 && c <= 0xf4
	}
	low, high := byte(0x80), byte(0xbf)
	if len(begun) == 1 {
		switch begun[0] {
		case 0xe0:
			low = 0xa0
		case 0xed:
			high = 0x9f
		case 0xf0:
			low = 0x90
		case 0xf4:
			high = 0x8f
		}
	}
	return c >= low && c <= high
}

// length is how many bytes the character has that begins with c.
func length(c byte) int {
	switch {
	case c < 0x80:
		return 1
	case c < 0xe0:
		return 2
	case c < 0xf0:
		return 3
	}
	return 4
}
