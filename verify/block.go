package verify

import "strings"

// block is a fenced block of Markdown.
type block struct {
	language string // the word behind the opening fence, in small letters; empty = none
	text     string // with its last line break
}

// blocks returns the fenced blocks of a reply: ``` or ~~~, three or more, with
// nothing but blanks before. A block that isn't closed goes to the end.
func blocks(text string) []block {
	var all []block
	fence := ""
	var b block
	var body strings.Builder
	for line := range strings.Lines(text) {
		bare := strings.TrimSpace(line)
		mark := fenceOf(bare)
		switch {
		case fence == "" && mark != "":
			language, _, _ := strings.Cut(strings.TrimSpace(bare[len(mark):]), " ")
			if mark[0] == '`' && strings.Contains(bare[len(mark):], "`") {
				continue // ```code``` in one line is no fence
			}
			fence, b = mark, block{language: strings.ToLower(language)}
			body.Reset()
		case fence != "" && mark != "" && mark[0] == fence[0] && len(mark) >= len(fence) && len(bare) == len(mark):
			b.text = body.String()
			all, fence = append(all, b), ""
		case fence != "":
			body.WriteString(line)
		}
	}
	if fence != "" {
		b.text = body.String()
		all = append(all, b)
	}
	return all
}

// fenceOf returns the marks that the line begins with, if they are a fence.
func fenceOf(line string) string {
	if line == "" || line[0] != '`' && line[0] != '~' {
		return ""
	}
	n := 0
	for n < len(line) && line[n] == line[0] {
		n++
	}
	if n < 3 {
		return ""
	}
	return line[:n]
}
