package answer

import (
	"strings"
	"unicode/utf8"
)

const (
	// maxBareRunes is how long a reply may be to be taken as an answer by
	// itself: what the recorded outcomes keep uncut.
	maxBareRunes = maxKeyRunes
	// maxTries is how many candidates of one kind are looked at from the end.
	maxTries = 8
)

// Final finds the final answer in a model's whole reply, English or Chinese,
// and normalises it. In this order it takes: a JSON object's answer or
// final_answer, <answer>..</answer>, the last \boxed{..}, [正确答案]..<eoa>, the
// last line "#### ..", the last [[..]], the last "answer is ..", "Answer: ..",
// 答案是.. or 故选.., a fenced block that is all of the reply, and a reply of one
// line that is itself short enough. <think>..</think> is never searched.
//
// It is false where nothing could be compared: an empty reply, an essay, many
// lines of code, a refusal, a question back. Time is linear in the reply's length.
func Final(reply string) (Answer, bool) {
	found := marksIn(reply)
	if found&tagMark != 0 {
		reply = withoutThinking(reply)
	}
	s := trim(reply)
	if s == "" {
		return Answer{}, false
	}
	return final(s, found, 0)
}

// marks are what may mark an answer inside of a reply. Most short replies have
// none, and most long ones few: nothing is searched for that isn't there.
type marks uint8

const (
	lineMark    marks = 1 << iota // a line break
	boxMark                       // a backslash
	hashMark                      // ##
	tagMark                       // <
	fenceMark                     // ``
	bracketMark                   // [[ or [正
	phraseMark                    // answer, 答案, 选
)

// marksIn returns the marks in the text.
func marksIn(s string) marks {
	var m marks
	for i := range len(s) {
		switch s[i] {
		case '\n', '\r':
			m |= lineMark
		case '\\':
			m |= boxMark
		case '#':
			if i > 0 && s[i-1] == '#' {
				m |= hashMark
			}
		case '<':
			m |= tagMark
		case '`':
			if i > 0 && s[i-1] == '`' {
				m |= fenceMark
			}
		case '[':
			if i+1 < len(s) && (s[i+1] == '[' || s[i+1] >= utf8.RuneSelf) {
				m |= bracketMark
			}
		case 'n', 'N': // answer
			if i > 0 && i+1 < len(s) && s[i-1]|0x20 == 'a' && s[i+1]|0x20 == 's' {
				m |= phraseMark
			}
		case 0x88: // the end of 案 (E6 A1 88) in 答案
			if i >= 2 && s[i-1] == 0xA1 && s[i-2] == 0xE6 {
				m |= phraseMark
			}
		case 0x89: // the end of 选 (E9 80 89)
			if i >= 2 && s[i-1] == 0x80 && s[i-2] == 0xE9 {
				m |= phraseMark
			}
		}
	}
	return m
}

// final finds the answer in s, in which are at most those marks.
func final(s string, found marks, depth int) (Answer, bool) {
	if s[0] == '{' {
		if a, ok := fromObject(s); ok {
			return a, a.Key != ""
		}
	}
	if found != 0 {
		// A literal as a whole goes before what may stand in it: [[1, 2], [3, 4]]
		// is a list of lists, '#### 4' a string.
		switch s[0] {
		case '[', '(', '{':
			if _, key := container(fold(s)); key != "" && !isDoubleBracketed(s) {
				return Normalize(s)
			}
		case '"', '\'':
			if _, ok := quoted(s); ok {
				return Normalize(s)
			}
		}
		for _, finder := range [...]struct {
			mark marks
			find func(string, int) (Answer, bool)
		}{
			{tagMark, fromTags}, {boxMark, fromBox}, {bracketMark, fromEOA}, {hashMark, fromHashes}, {bracketMark, fromBrackets},
			{phraseMark, fromPhrase}, {fenceMark, fromFence},
		} {
			if found&finder.mark != 0 {
				if a, ok := finder.find(s, depth); ok {
					return a, a.Key != ""
				}
			}
		}
	}
	if found&lineMark != 0 && strings.ContainsAny(s, "\n\r") ||
		len(s) > maxBareRunes && (len(s) > maxBareRunes*utf8.UTFMax || utf8.RuneCountInString(s) > maxBareRunes) {
		return Answer{}, false
	}
	if asksBack(s) {
		return Answer{}, false
	}
	return Normalize(s)
}

// asksBack reports whether a reply of several words is itself a question, such
// as "Hello! How can I help you?": that is no answer to compare.
func asksBack(s string) bool {
	switch {
	case strings.HasSuffix(s, "?"):
		return strings.Count(s, " ") >= 3 || utf8.RuneCountInString(s) < len(s)/2 && len(s) > 18
	case strings.HasSuffix(s, "？"):
		return len(s) > 18 // six Chinese characters
	}
	return false
}

// declined is what a finder returns beside true where it found a place for
// the answer and a refusal in it: then no other place is looked at.
var declined Answer

// withoutThinking returns what stands behind the thoughts. A template may have
// swallowed the opening tag; a reply that ended while thinking has no answer.
func withoutThinking(s string) string {
	if strings.IndexByte(s, '<') < 0 {
		return s
	}
	if i := strings.LastIndex(s, "</think>"); i >= 0 {
		s = s[i+len("</think>"):]
	}
	if i := strings.Index(s, "<think>"); i >= 0 {
		s = s[:i]
	}
	return s
}

// inside normalises what stood in a place for answers. It may have marks of
// its own: <answer>\boxed{5}</answer>.
func inside(s string, depth int) (Answer, bool) {
	s = trim(s)
	if s == "" {
		return Answer{}, false
	}
	if depth < maxDepth {
		if found := marksIn(s); found != 0 {
			if a, ok := final(s, found, depth+1); ok {
				return a, true
			}
		}
	}
	a, ok := Normalize(s)
	if !ok {
		return declined, true
	}
	return a, true
}

// fromObject takes the answer of a JSON object or Python dictionary.
func fromObject(s string) (Answer, bool) {
	value, ok := field(s, isAnswerName)
	if !ok {
		return Answer{}, false
	}
	if inner, ok := quoted(value); ok && trim(inner) == inner {
		value = inner // perhaps with a literal in it: "'abc'"
	}
	a, ok := Normalize(value)
	if !ok {
		return declined, true
	}
	return a, true
}

func isAnswerName(name string) bool {
	switch strings.ToLower(strings.NewReplacer("_", "", " ", "", "-", "").Replace(name[:min(len(name), 40)])) {
	case "answer", "finalanswer", "答案", "最终答案":
		return true
	}
	return false
}

// fromTags takes what stands in the last <answer>..</answer>.
func fromTags(s string, depth int) (Answer, bool) {
	end := strings.LastIndex(s, "</answer>")
	if end < 0 {
		return Answer{}, false
	}
	start := strings.LastIndex(s[:end], "<answer>")
	if start < 0 {
		return Answer{}, false
	}
	return inside(s[start+len("<answer>"):end], depth)
}

// fromBox takes what stands in the last \boxed{..}.
func fromBox(s string, depth int) (Answer, bool) {
	for range maxTries {
		i := max(strings.LastIndex(s, `\boxed`), strings.LastIndex(s, `\fbox`))
		if i < 0 {
			return Answer{}, false
		}
		rest := strings.TrimLeft(s[i+1+len(commandName(s[i+1:])):], " ")
		s = s[:i]
		if rest == "" {
			continue
		}
		if rest[0] != '{' {
			// \boxed 5
			word, _, _ := strings.Cut(rest, " ")
			return inside(strings.TrimRight(word, "$.,"), depth)
		}
		if n := braced(rest); n > 0 {
			if a, ok := inside(rest[1:n], depth); ok {
				return a, true
			}
		}
	}
	return Answer{}, false
}

// braced returns the index of the brace that closes the one at s[0], 0 = none.
func braced(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return 0
}

// fromEOA takes what stands in the last [正确答案]..<eoa>; the end may be missing.
func fromEOA(s string, depth int) (Answer, bool) {
	const mark = "[正确答案]"
	i := strings.LastIndex(s, mark)
	if i < 0 {
		return Answer{}, false
	}
	rest, _, found := strings.Cut(s[i+len(mark):], "<eoa>")
	if !found {
		rest, _, _ = strings.Cut(rest, "\n")
	}
	rest = strings.Trim(rest, " :：\t\n")
	if key := letters(rest); key != "" {
		return Answer{KindChoice, key, rest}, true
	}
	return inside(rest, depth)
}

// fromHashes takes the last line "#### ..". As that is also a heading, text
// counts only in the last line.
func fromHashes(s string, depth int) (Answer, bool) {
	const mark = "####"
	for end, n := len(s), 0; n < maxTries; n++ {
		i := strings.LastIndex(s[:end], mark)
		if i < 0 {
			break
		}
		end = i
		if i > 0 && s[i-1] == '#' {
			continue
		}
		line, after, _ := strings.Cut(s[i+len(mark):], "\n")
		a, ok := inside(line, depth)
		if ok && (a.Kind != KindText && a.Key != "" || trim(after) == "") {
			return a, true
		}
	}
	return Answer{}, false
}

// isDoubleBracketed reports whether s is one thing in double square brackets,
// which marks an answer, and no list of lists.
func isDoubleBracketed(s string) bool {
	inner, ok := strings.CutPrefix(s, "[[")
	if !ok {
		return false
	}
	inner, ok = strings.CutSuffix(inner, "]]")
	return ok && !strings.ContainsAny(inner, "[],")
}

// fromBrackets takes what stands in the last [[..]]. A list of lists is kept
// whole.
func fromBrackets(s string, depth int) (Answer, bool) {
	end := strings.LastIndex(s, "]]")
	if end < 0 {
		return Answer{}, false
	}
	start := -1
	for i, open := end, 1; i > 0 && start < 0; i-- {
		switch s[i] {
		case ']':
			if i < end {
				open++
			}
		case '[':
			if open--; open == 0 && s[i-1] == '[' {
				start = i - 1
			}
		}
	}
	if start < 0 {
		if start = strings.LastIndex(s[:end], "[["); start < 0 {
			return Answer{}, false
		}
	}
	whole := s[start : end+2]
	if !isDoubleBracketed(whole) {
		if _, key := container(fold(whole)); key != "" {
			return Normalize(whole)
		}
	}
	return inside(whole[2:len(whole)-2], maxDepth)
}

// fromFence takes the content of a fenced block that is all of the reply, or
// the answer of a JSON object in the last one.
func fromFence(s string, depth int) (Answer, bool) {
	const fence = "```"
	end := strings.LastIndex(s, fence)
	if end < 0 {
		return Answer{}, false
	}
	start := strings.LastIndex(s[:end], fence)
	if start < 0 {
		return Answer{}, false
	}
	body := s[start+len(fence) : end]
	if language, rest, ok := strings.Cut(body, "\n"); ok && !strings.ContainsAny(trim(language), " \t") {
		body = rest
	}
	body = trim(body)
	if body == "" {
		return Answer{}, false
	}
	if body[0] == '{' {
		if a, ok := fromObject(body); ok {
			return a, true
		}
	}
	if start > 0 || trim(s[end+len(fence):]) != "" || depth >= maxDepth {
		return Answer{}, false
	}
	return final(body, marksIn(body), depth+1)
}
