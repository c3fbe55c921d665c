package demo

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"summit/answer"
)

// The rule by which a demonstration member judges and fuses. It is no model
// and knows no right answers; it sees only the candidates:
//
//	RANK   the candidate whose final answer most candidates share, the longest
//	       of those; without a final answer to compare, the longest candidate
//	CHECK  accepts what has a final answer, or says something at length
//	GROUP  candidates with the same final answer, or nearly the same words
//	FUSE   the text that RANK takes; of free prose, with the sentence of each
//	       of up to two other candidates that has the most new words
//
// The form of the prompts is the one that package fusion documents: a line
// "Task: RANK", and the candidates between lines with a mark of sixteen
// hexadecimal digits, [[mark CANDIDATE A]] and [[mark END CANDIDATE A]].
const (
	// maxSensible is how long a candidate may be in runes to be preferred for
	// its length.
	maxSensible = 2000
	// maxCandidates is how many letters there are.
	maxCandidates = 26
	maxAdded      = 2
	// minNews is how many words a sentence must add to be worth it; a guess.
	minNews = 5
)

// council is a prompt to judge or fuse.
type council struct {
	task       string
	candidates []string
	keys       []string // of the final answers; empty = none
}

// readCouncil reads a prompt of a council. It is false for any other text.
func readCouncil(text string) (*council, bool) {
	// The prompt may stand behind the caller's own words, and a candidate may
	// imitate one: the first that is whole counts.
	for range 8 {
		rest, ok := strings.CutPrefix(text, "Task: ")
		if ok {
			if c, ok := readTask(rest); ok {
				return c, true
			}
			text = rest
		}
		i := strings.Index(text, "\nTask: ")
		if i < 0 {
			break
		}
		text = text[i+1:]
	}
	return nil, false
}

func readTask(text string) (*council, bool) {
	task, rest, _ := strings.Cut(text, "\n")
	switch task {
	case "RANK", "CHECK", "GROUP", "FUSE":
	default:
		return nil, false
	}
	// The first mark is the prompt's own: what was asked and answered is
	// between marks.
	_, opening, _ := strings.Cut(rest, "\n[[")
	const digits = 16
	if len(opening) < digits || strings.Trim(opening[:digits], "0123456789abcdef") != "" {
		return nil, false
	}
	mark := opening[:digits]
	c := &council{task: task}
	for len(c.candidates) < maxCandidates {
		name := "CANDIDATE " + letter(len(c.candidates))
		_, body, ok := strings.Cut(rest, "\n[["+mark+" "+name+"]]\n")
		if !ok {
			break
		}
		body, after, ok := strings.Cut(body, "\n[["+mark+" END "+name+"]]")
		if !ok {
			break
		}
		rest = after
		a, _ := answer.Final(body)
		c.candidates = append(c.candidates, body)
		c.keys = append(c.keys, a.Key)
	}
	return c, len(c.candidates) > 0
}

func letter(i int) string { return string(rune('A' + i)) }

// verdict returns the reply in the form that the task asks for.
func (c *council) verdict() string {
	switch c.task {
	case "RANK":
		return "BEST: " + letter(c.best())
	case "CHECK":
		if c.keys[0] != "" || utf8.RuneCountInString(c.candidates[0]) >= 20 && !isUnknown(c.candidates[0]) {
			return "ACCEPT"
		}
		return "REJECT"
	case "GROUP":
		return "GROUPS: " + c.groups()
	}
	return c.fused()
}

// isUnknown reports whether a member says that it knows nothing.
func isUnknown(text string) bool { return strings.Contains(text, "summit config init") }

// best returns the index of the candidate that the rule takes.
func (c *council) best() int {
	shared := map[string]int{}
	for _, k := range c.keys {
		if k != "" {
			shared[k]++
		}
	}
	worth := func(i int) [3]int {
		length := utf8.RuneCountInString(c.candidates[i])
		if length > maxSensible {
			length = 0
		}
		known := 1
		if isUnknown(c.candidates[i]) {
			known = 0
		}
		return [3]int{shared[c.keys[i]], known, length}
	}
	best := 0
	for i := range c.candidates {
		a, b := worth(i), worth(best)
		if slices.Compare(a[:], b[:]) > 0 {
			best = i
		}
	}
	return best
}

// groups writes which candidates say the same.
func (c *council) groups() string {
	var groups [][]int
next:
	for i := range c.candidates {
		for g, members := range groups {
			first := members[0]
			same := c.keys[i] != "" && c.keys[i] == c.keys[first]
			if c.keys[i] == "" && c.keys[first] == "" {
				same = likeness(formOf(head(c.candidates[i])).pairs, formOf(head(c.candidates[first])).pairs) >= similar
			}
			if same {
				groups[g] = append(groups[g], i)
				continue next
			}
		}
		groups = append(groups, []int{i})
	}
	var b strings.Builder
	for g, members := range groups {
		if g > 0 {
			b.WriteString(" | ")
		}
		for n, i := range members {
			if n > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(letter(i))
		}
	}
	return b.String()
}

// head bounds what is compared.
func head(s string) string {
	if len(s) > 4*maxSensible {
		return strings.ToValidUTF8(s[:4*maxSensible], "")
	}
	return s
}

// fused writes one answer out of the candidates.
func (c *council) fused() string {
	best := c.best()
	text := c.candidates[best]
	said := sentences(text)
	if c.keys[best] != "" || isUnknown(text) || len(said) < 3 || len(text) > 4*maxSensible {
		return text // a final answer, or verse: nothing to add
	}
	known := map[string]bool{}
	for _, w := range formOf(text).words {
		known[w] = true
	}
	used := map[int]bool{best: true}
	for range maxAdded {
		most, from, add := minNews-1, -1, ""
		for i, other := range c.candidates {
			if used[i] || c.keys[i] != "" || isUnknown(other) {
				continue
			}
			for _, s := range sentences(head(other)) {
				if n := news(s, known); n > most {
					most, from, add = n, i, s
				}
			}
		}
		if from < 0 {
			break
		}
		if last, _ := utf8.DecodeLastRuneInString(text); last < 0x2E80 {
			text += " "
		}
		text += add
		used[from] = true
		for _, w := range formOf(add).words {
			known[w] = true
		}
	}
	return text
}

// news counts the different words of the sentence that are not known; of
// Latin letters only the longer ones, which say something.
func news(sentence string, known map[string]bool) int {
	fresh := map[string]bool{}
	for _, w := range formOf(sentence).words {
		if !known[w] && (len(w) > 3 || w[0] >= utf8.RuneSelf) {
			fresh[w] = true
		}
	}
	return len(fresh)
}

// sentences cuts prose into its sentences.
func sentences(text string) []string {
	var all []string
	runes := []rune(text)
	start := 0
	for i, r := range runes {
		end := strings.ContainsRune("。！？\n", r) ||
			strings.ContainsRune(".!?", r) && (i+1 == len(runes) || unicode.IsSpace(runes[i+1]))
		if end || i+1 == len(runes) {
			if s := strings.TrimSpace(string(runes[start : i+1])); s != "" {
				all = append(all, s)
			}
			start = i + 1
		}
	}
	return all
}
