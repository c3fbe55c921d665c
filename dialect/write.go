package dialect

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// appendString adds s to dst as a JSON string. Bytes that are no UTF-8 become
// U+FFFD.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, "\uFFFD"...)
		}
		i++
		start = i
	}
	return append(append(dst, s[start:]...), '"')
}

// appendFloat adds a number to dst as the shortest text that reads back the
// same; what JSON has no word for becomes null.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64)
}

// joiner puts a text together that a vendor split between the bytes of a
// character or the halves of a surrogate pair: it holds the beginning of a
// character back until the rest comes. The zero value is ready.
type joiner struct{ held []byte }

// add returns the whole characters of what was held and p. What can't become
// a character any more is U+FFFD.
func (j *joiner) add(p []byte) string {
	if len(j.held) == 0 && utf8.Valid(p) {
		return string(p)
	}
	all := append(j.held, p...)
	out := make([]byte, 0, len(all))
	i := 0
	for i < len(all) {
		if r, n := utf8.DecodeRune(all[i:]); r != utf8.RuneError || n > 1 {
			out = append(out, all[i:i+n]...)
			i += n
			continue
		}
		rest := all[i:]
		if high, ok := half(rest); ok && isHigh(high) {
			if len(rest) < 6 && couldBeLow(rest[3:]) {
				break
			}
			if low, ok := half(rest[3:]); ok && isLow(low) {
				out = utf8.AppendRune(out, pair(high, low))
				i += 6
				continue
			}
			out, i = append(out, "\uFFFD"...), i+3
			continue
		} else if ok {
			out, i = append(out, "\uFFFD"...), i+3
			continue
		}
		if len(rest) < utf8.UTFMax && !utf8.FullRune(rest) || len(rest) == 2 && rest[0] == 0xED && rest[1] >= 0xA0 && rest[1] <= 0xBF {
			break
		}
		out, i = append(out, "\uFFFD"...), i+1
	}
	j.held = append(j.held[:0], all[i:]...)
	return string(out)
}

// rest ends the text and returns what is still held.
func (j *joiner) rest() string {
	if len(j.held) == 0 {
		return ""
	}
	j.held = j.held[:0]
	return "\uFFFD"
}

// half reads half a surrogate pair as scanner.loose leaves it.
func half(p []byte) (rune, bool) {
	if len(p) < 3 || p[0] != 0xED || p[1] < 0xA0 || p[1] > 0xBF || p[2]&0xC0 != 0x80 {
		return 0, false
	}
	return rune(p[0]&0x0F)<<12 | rune(p[1]&0x3F)<<6 | rune(p[2]&0x3F), true
}

func couldBeLow(p []byte) bool {
	return len(p) < 1 || p[0] == 0xED && (len(p) < 2 || p[1] >= 0xB0 && p[1] <= 0xBF)
}
