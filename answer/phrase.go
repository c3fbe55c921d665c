package answer

import (
	"strings"
	"unicode/utf8"
)

// fromPhrase takes what stands behind the last phrase that announces an
// answer: "the answer is", "Final answer:", 答案是, 故选.
func fromPhrase(s string, depth int) (Answer, bool) {
	// The last place of each word. Each is searched for only before its last
	// find, so that every byte is looked at once for each word.
	words := [...]string{"nswer", "NSWER", "答案", "选"}
	var at [len(words)]int
	for w := range words {
		at[w] = strings.LastIndex(s, words[w])
	}
	for n := 0; n < maxTries; {
		w := 0
		for v := range at {
			if at[v] > at[w] {
				w = v
			}
		}
		i := at[w]
		if i < 0 {
			break
		}
		at[w] = strings.LastIndex(s[:i], words[w])
		after := -1
		switch words[w] {
		case "答案":
			after = chinesePhrase(s, i+len("答案"))
		case "选":
			after = choicePhrase(s, i)
		default:
			after = englishPhrase(s, i)
		}
		if after < 0 {
			continue
		}
		n++
		a, ok := fromLine(s[after:], depth)
		if ok && words[w] == "选" && a.Kind != KindChoice {
			key := letters(a.Key) // ABD
			a.Kind, ok = KindChoice, key != ""
		}
		if ok {
			return a, true
		}
	}
	return Answer{}, false
}

// choicePhrase returns where the option begins behind the 选 at s[i], or -1.
func choicePhrase(s string, i int) int {
	for _, before := range [...]string{"故", "因此", "所以", "应", "应该", "本题", "正确的是", "我"} {
		if strings.HasSuffix(s[:i], before) {
			return skipMarks(s, i+len("选"))
		}
	}
	return -1
}

// englishPhrase returns where the answer begins behind "nswer" at s[i:], or -1.
func englishPhrase(s string, i int) int {
	if i == 0 || s[i-1]|0x20 != 'a' {
		return -1
	}
	before := strings.TrimRight(s[max(0, i-12):i-1], " *_\"'#")
	for _, w := range [...]string{"this", "your", "an", "any", "no", "that", "my", "their", "his", "her", "its", "our", "This", "Your", "My", "That", "Their", "No"} {
		if rest, ok := strings.CutSuffix(before, w); ok && (rest == "" || !isLetter(rest[len(rest)-1])) {
			return -1
		}
	}
	heading := atLineStart(s[:i-1])
	i += len("nswer")
	if i < len(s) && s[i]|0x20 == 's' {
		if i++; !strings.HasPrefix(strings.TrimLeft(s[i:], "* "), ":") {
			return -1 // "answers must be comparable"
		}
	}
	for _, of := range [...]string{" to the question", " to this question", " to the problem", " to this problem"} {
		if strings.HasPrefix(s[i:], of) {
			i += len(of)
		}
	}
	rest := s[i:]
	marks := len(rest) - len(strings.TrimLeft(rest, "*_\"' `"))
	rest = rest[marks:]
	for _, link := range [...]string{":", "：", "is:", "is：", "is ", "is\n", "is**", "IS ", "IS:", "would be ", "should be ", "must be ", "therefore is ", "is therefore ", "is thus ", "=", "->", "→"} {
		if strings.HasPrefix(rest, link) {
			at := i + marks + len(link)
			for _, filler := range [...]string{" indeed ", " thus ", " therefore "} {
				if strings.HasPrefix(s[at-1:], filler) {
					at += len(filler) - 1
				}
			}
			return skipMarks(s, at)
		}
	}
	// A heading: "## Answer", and the answer in the next line.
	if heading && (rest == "" || rest[0] == '\n' || rest[0] == '\r') {
		return i
	}
	return -1
}

// atLineStart reports whether s ends where a line has only marks so far, or
// the words before "answer" in a heading.
func atLineStart(s string) bool {
	line := s[strings.LastIndexByte(s[max(0, len(s)-40):], '\n')+1+max(0, len(s)-40):]
	switch strings.ToLower(strings.Trim(line, " #*_\t")) {
	case "", "final", "the", "the final", "correct", "the correct":
		return true
	}
	return false
}

// chinesePhrase returns where the answer begins behind 答案 at s[i:], or -1.
func chinesePhrase(s string, i int) int {
	rest := strings.TrimLeft(s[i:], "* \"")
	at := len(s) - len(rest)
	for _, link := range [...]string{"应该是", "应为", "应是", "应该为", "应该选", "应选", "就是", "是", "为", "：", ":", "】", "选择", "选", "="} {
		if after, ok := strings.CutPrefix(rest, link); ok {
			if next, _ := utf8.DecodeRuneInString(after); link == "是" && next == '否' {
				return -1
			}
			return skipMarks(s, at+len(link))
		}
	}
	return -1
}

// skipMarks moves over blanks, colons and emphasis on the same line.
func skipMarks(s string, i int) int {
	rest := strings.TrimLeft(s[i:], " :：\t")
	return len(s) - len(rest)
}

// explanations end an answer in a sentence, whatever it is.
var explanations = []string{
	". ", "。", "；", "; ", "! ", "！", ", because", " because ", ", since ", " since ", ", as ", ", which", ", so ", ", where ",
	"，因", "，所以", "，即", "，也就是", "，它", "，他", "，她", "，这", "，其",
}

// asides may explain an answer or be part of it: it is cut there only if that
// leaves a number, a choice or the like.
var asides = []string{" (", "（"}

// fromLine takes the answer from the beginning of s: the rest of the line, or
// the next line that has something in it. Of a sentence it takes what stands
// before its explanation.
func fromLine(s string, depth int) (Answer, bool) {
	line := ""
	for range 4 {
		var more bool
		line, s, more = strings.Cut(s, "\n")
		line = tidy(line)
		if line != "" || !more {
			break
		}
	}
	if strings.HasPrefix(line, "```") {
		body, _, ok := strings.Cut(s, "```")
		if body = trim(body); !ok || strings.Contains(body, "\n") {
			return Answer{}, false
		}
		line = body
	}
	if line == "" {
		return Answer{}, false
	}
	whole, ok := inside(line, max(depth, maxDepth-1))
	if !ok || whole.Key == "" || whole.Kind != KindText {
		return whole, ok
	}
	// Text, perhaps with an explanation behind.
	head := line[:min(len(line), 2*maxBareRunes*utf8.UTFMax)]
	sentence := tidy(head[:firstOf(head, explanations)])
	if len(head) < len(line) && len(sentence) == len(head) {
		return Answer{}, false
	}
	for _, part := range [...]string{sentence, tidy(sentence[:firstOf(sentence, asides)])} {
		if a, ok := Normalize(part); ok && a.Kind != KindText {
			return a, true
		}
	}
	if utf8.RuneCountInString(sentence) > maxBareRunes {
		return Answer{}, false
	}
	a, ok := Normalize(sentence)
	if !ok {
		return declined, true
	}
	return a, true
}

// firstOf returns the index of the first of the separators in s, its length
// if there is none.
func firstOf(s string, separators []string) int {
	first := len(s)
	for _, sep := range separators {
		if i := strings.Index(s[:first], sep); i > 0 {
			first = i
		}
	}
	return first
}

// tidy removes what a line has around an answer: blanks, emphasis, the rest
// of a JSON line, closing quotes and brackets that open nowhere.
func tidy(s string) string {
	s = trim(s)
	for range 8 { // more pairs than that stand around nothing
		before := s
		s = strings.TrimRight(s, " \r\t*!")
		if last, n := utf8.DecodeLastRuneInString(s); strings.ContainsRune(",;，；。！", last) {
			s = s[:len(s)-n]
		}
		for _, pair := range [...]string{`""`, "''", "``", "{}", "()", "[]", "“”", "【】", "「」"} {
			open, n := utf8.DecodeRuneInString(pair)
			shut := pair[n:]
			if inner, ok := strings.CutSuffix(s, shut); ok && inner != "" && !strings.ContainsRune(inner, open) {
				s = inner
			}
		}
		if inner, ok := strings.CutSuffix(s, "."); ok && strings.HasSuffix(inner, "*") {
			s = inner
		}
		s = strings.TrimLeft(s, " \t")
		if strings.HasPrefix(s, "**") && strings.Count(s[:min(len(s), 400)], "**") == 1 {
			s = s[2:]
		}
		if s == before || s == "" {
			break
		}
	}
	return s
}
