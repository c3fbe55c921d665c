package answer

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lastOption is the last letter that names an option where something else
// than the letter stands there too.
const lastOption = 'J'

// choice returns the key of a choice, or "" where s is not clearly one: the
// letter of an option, alone or with its marks ("(C)", "C.", "选项C"), or
// with its text behind it ("C. Paris"), or letters of several options
// ("A, C"), whose key is all of them in order.
func choice(s string) string {
	if len(s) == 1 {
		if isUpper(s[0]) {
			return s
		}
		return ""
	}
	for _, prefix := range [...]string{"选项", "选择", "选", "Option ", "option ", "Choice ", "choice "} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			return letters(trimMarks(rest))
		}
	}
	for _, suffix := range [...]string{"选项", "项"} {
		if rest, ok := strings.CutSuffix(s, suffix); ok {
			return letters(trimMarks(rest))
		}
	}
	switch {
	case s[0] == '(' && len(s) >= 3 && s[2] == ')' && isLetter(s[1]):
		if len(s) == 3 {
			return upper(s[1])
		}
		// "(C) Paris", but not the product "(A)(B)".
		if isOption(s[1]) && startsOptionText(s[3:]) {
			return s[1:2]
		}
	case strings.HasPrefix(s, "【") && strings.HasSuffix(s, "】"):
		return letters(s[len("【") : len(s)-len("】")])
	case isOption(s[0]):
		switch {
		case s[1] == '.' || s[1] == ')' || s[1] == ':':
			if len(s) == 2 || startsOptionText(s[2:]) {
				return s[:1]
			}
		case strings.HasPrefix(s[1:], "、") || strings.HasPrefix(s[1:], "．"):
			if rest := s[1+len("、"):]; rest == "" || !isOption(rest[0]) {
				return s[:1]
			}
		}
		if len(s) < 3*int(lastOption-'A'+1)*2 {
			return severalLetters(s)
		}
	}
	return ""
}

// startsOptionText reports whether an option's text begins here: behind a
// blank, or at once with a Chinese character.
func startsOptionText(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r == ' ' || unicode.Is(unicode.Han, r)
}

// letters returns the key of letters where only a choice can stand.
func letters(s string) string {
	if len(s) == 1 && isUpper(s[0]) {
		return s
	}
	if key := severalLetters(s); key != "" {
		return key
	}
	for i := range len(s) {
		if !isOption(s[i]) || i > 0 && s[i] <= s[i-1] {
			return ""
		}
	}
	return s
}

// trimMarks removes what stands around a letter behind a word such as 选项.
func trimMarks(s string) string {
	s = strings.TrimSuffix(strings.TrimSuffix(s, "项"), "选项")
	return strings.Trim(s, " :()*\"'")
}

// severalLetters returns the key of options in rising order with separators
// between them, "" for anything else.
func severalLetters(s string) string {
	var b []byte
	for s != "" {
		if !isOption(s[0]) || len(b) > 0 && s[0] <= b[len(b)-1] {
			return ""
		}
		b = append(b, s[0])
		s = s[1:]
		if s == "" {
			break
		}
		cut := false
		for _, sep := range [...]string{", and ", " and ", ", ", ",", "、", "和", "与"} {
			if s, cut = strings.CutPrefix(s, sep); cut {
				break
			}
		}
		if !cut || s == "" {
			return ""
		}
	}
	if len(b) < 2 {
		return ""
	}
	return string(b)
}

func isOption(b byte) bool { return b >= 'A' && b <= lastOption }

func upper(b byte) string { return string(b &^ 0x20) }
