package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// guard marks names of control tokens that are plain text: a noncharacter of
// Unicode, which no text may hold.
const guard = "\U0010fffe"

// Guard marks the names of control tokens in what a user wrote, so that they
// stay plain text when the text becomes part of a prompt whose other control
// tokens are meant. EncodeGuarded takes the marks away.
func (t *Tokenizer) Guard(text string) string {
	text = strings.ReplaceAll(text, guard, "")
	var b strings.Builder
	t.specials.partition(text, true, func(plain string, id int) {
		if id < 0 {
			b.WriteString(plain)
			return
		}
		name := t.specials.texts[id]
		_, n := utf8.DecodeRuneInString(name)
		if t.Special(id) {
			b.WriteString(name[:n])
			b.WriteString(guard)
			b.WriteString(name[n:])
		} else {
			b.WriteString(name)
		}
	})
	if b.Len() == len(text) {
		return text
	}
	return b.String()
}

// EncodeGuarded is Encode with special, but for names that Guard has marked.
func (t *Tokenizer) EncodeGuarded(text string) []int { return t.encode(text, true, true) }
