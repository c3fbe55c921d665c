// Package answer finds the final answer in a model's reply and brings it to a
// form in which equal answers are equal strings, so that the replies of
// several models can be compared and counted.
//
// Its nouns are Answer (what was found), Kind (what sort of thing it is) and
// the key (the normal form). Final reads a whole reply, Normalize a bare
// answer; Class names what answers that are written in two ways have in common. Each kind has its file; to add a notation, extend the file of its
// kind, or add a kind to normalize, and its spellings to the test tables. The
// package imports nothing of ours.
//
// Keys are cautious: two answers that may mean different things keep
// different keys, since a vote that counts them together is wrong without
// anybody seeing it, while one that counts them apart is only weaker. There
// are three exceptions, for people write both forms for the same answer: the
// unit or percent sign behind a number is dropped ("5 km" is "5"), plain words
// are the same with a small and a capital first letter, and quotes around a
// whole answer don't count.
package answer

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind says what sort of answer it is.
type Kind string

// The kinds of answers.
const (
	KindNumber  Kind = "number"  // 42, 1/3, 百分之五
	KindChoice  Kind = "choice"  // C, or AC for several options
	KindLiteral Kind = "literal" // a Python value other than a number: [1, 'a'], True
	KindLaTeX   Kind = "latex"   // a formula that is no number
	KindJSON    Kind = "json"    // a JSON object
	KindText    Kind = "text"    // anything else that is short enough
)

// Answer is a final answer. Two answers with equal keys are the same.
type Answer struct {
	Kind Kind
	Key  string // the normal form; of one of more than 160 runes the first 80 and a hash
	Text string // as the model wrote it, without what stands around it
}

const (
	// The recorded outcomes that Summit is measured on keep answers of up to
	// 160 characters and cut longer ones to 80 and a hash; so do we.
	maxKeyRunes = 160
	cutKeyRunes = 80
	hashDigits  = 12
	// maxPasses bounds how often an answer is brought nearer to its normal
	// form; two passes are the rule, the second changes nothing.
	maxPasses = 8
)

// Normalize brings a bare answer, such as a reference or what Final found, to
// its normal form. It is false where nothing could be compared: for an empty
// text and for a refusal.
func Normalize(bare string) (Answer, bool) {
	s := trim(bare)
	if isPlainNumber(s) {
		return Answer{KindNumber, s, s}, true
	}
	if len(s) == 1 && isUpper(s[0]) {
		return Answer{KindChoice, s, s}, true
	}
	// A key is its own key: what one pass leaves, the next may still change.
	// ( c ) becomes (c), and that is a choice.
	a := Answer{Text: s}
	for next, pass := s, 0; pass < maxPasses; next, pass = a.Key, pass+1 {
		kind, key := normalize(next, 0)
		if key == "" {
			return Answer{}, false
		}
		if key = cut(key); key == a.Key {
			return a, true
		}
		if a.Kind, a.Key = kind, key; key == s {
			return a, true
		}
	}
	return a, true
}

// Same reports whether two bare answers mean the same: they have one Class.
func Same(a, b string) bool {
	x, ok := Normalize(a)
	if !ok {
		return false
	}
	y, ok := Normalize(b)
	return ok && x.Class() == y.Class()
}

// normalize tries the kinds from the strictest to the loosest. An empty key
// means that there is nothing to compare. depth bounds answers within answers.
func normalize(s string, depth int) (Kind, string) {
	s = fold(s)
	if s = unwrap(s); s == "" {
		return "", ""
	}
	if key := number(s); key != "" {
		return KindNumber, key
	}
	if key := choice(s); key != "" {
		return KindChoice, key
	}
	formula := depth < maxDepth && isLaTeX(s)
	switch s[0] {
	case '"', '\'':
		if inner, ok := quoted(s); ok {
			return quotedKey(inner, depth)
		}
	case '[', '(', '{':
		if formula && strings.IndexByte(s, '"') < 0 && strings.IndexByte(s, '\'') < 0 {
			break // [0, \infty)
		}
		if kind, key := container(s); key != "" {
			return kind, key
		}
	}
	if key := keyword(s); key != "" {
		return KindLiteral, key
	}
	if formula {
		if plain := latex(s); plain != s {
			kind, key := normalize(plain, depth+1)
			if kind == KindText {
				kind = KindLaTeX
			}
			return kind, key
		}
	}
	if isRefusal(s) {
		return "", ""
	}
	return KindText, text(s)
}

// maxDepth bounds wrappers in wrappers: quotes in LaTeX in a box.
const maxDepth = 4

// quotedKey returns the key of a quoted string. Quotes around a plain answer
// don't count; a string that says something only by its blanks, or holds line
// breaks, is exact and keeps them.
func quotedKey(inner string, depth int) (Kind, string) {
	exact := inner == "" || trim(inner) != inner || strings.ContainsFunc(inner, unicode.IsControl) || depth >= maxDepth
	if !exact {
		switch inner[0] {
		case '"', '\'': // quotes in quotes are part of the string
			exact = true
		}
	}
	if !exact {
		if kind, key := normalize(inner, depth+1); key != "" {
			return kind, key
		}
	}
	return KindLiteral, string(appendQuoted(nil, inner))
}

// cut keeps keys short, as the recorded outcomes do: the beginning and a hash.
func cut(key string) string {
	if len(key) <= maxKeyRunes || utf8.RuneCountInString(key) <= maxKeyRunes {
		return key
	}
	end := 0
	for range cutKeyRunes {
		_, n := utf8.DecodeRuneInString(key[end:])
		end += n
	}
	sum := sha256.Sum256([]byte(key))
	return key[:end] + "…#" + hex.EncodeToString(sum[:])[:hashDigits]
}

// unwrap removes what stands around an answer and is no part of it: emphasis,
// code and math marks, a full stop at the end.
func unwrap(s string) string {
	for {
		s = trim(s)
		n := len(s)
		if n < 2 {
			return s
		}
		switch last := s[n-1]; {
		case last == '.' && s[n-2] != '.':
			s = s[:n-1]
			continue
		case last == 0x82 && strings.HasSuffix(s, "。") && n > len("。"):
			s = s[:n-len("。")]
			continue
		}
		if inner := unmark(s); inner != s {
			s = inner
			continue
		}
		return s
	}
}

// unmark removes one pair of marks, if the text has them at both ends and
// nowhere between.
func unmark(s string) string {
	var open, shut string
	switch s[0] {
	case '*':
		open = "*"
		if strings.HasPrefix(s, "**") {
			open = "**"
		}
	case '_':
		if !strings.HasPrefix(s, "__") {
			return s
		}
		open = "__"
	case '`':
		open = "`"
	case '$':
		open = "$"
		if strings.HasPrefix(s, "$$") {
			open = "$$"
		}
	case '\\':
		switch {
		case strings.HasPrefix(s, `\(`):
			open, shut = `\(`, `\)`
		case strings.HasPrefix(s, `\[`):
			open, shut = `\[`, `\]`
		default:
			return s
		}
	default:
		return s
	}
	if shut == "" {
		shut = open
	}
	if len(s) <= len(open)+len(shut) || !strings.HasSuffix(s, shut) {
		return s
	}
	inner := s[len(open) : len(s)-len(shut)]
	if trim(inner) == "" || shut[0] != '\\' && strings.Contains(inner, shut[:1]) {
		return s
	}
	return inner
}

// trim removes blanks and line breaks at both ends.
func trim(s string) string {
	// Most answers have none: look before calling.
	if s == "" || isGraphic(s[0]) && isGraphic(s[len(s)-1]) {
		return s
	}
	return strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff'
	})
}

func isGraphic(b byte) bool { return b > ' ' && b < 0x7f }
func isDigit(b byte) bool   { return b-'0' < 10 }
func isUpper(b byte) bool   { return b-'A' < 26 }
func isLower(b byte) bool   { return b-'a' < 26 }
func isLetter(b byte) bool  { return isUpper(b) || isLower(b) }
