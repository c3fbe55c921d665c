package fusion

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"summit/llm"
)

// Credit is what a judge says of one statement of an answer.
type Credit struct {
	Worth int64 // 0 to 9: how much the answer owes to it
	By    []int // the proposals that say it, by their number; nil = none does
}

const (
	// maxStatements is into how many statements an answer is taken apart: more
	// than a judge tells apart well. A guess.
	maxStatements = 40
	// creditTokens bounds a judge's reply with its thoughts. A guess.
	creditTokens = 8192
)

// Credits asks a judge of an answer that was written out of proposals which of
// them say each of its statements. The judge sees no names, and the proposals in
// the order given. The Outcome is the judge's, also beside an error; nil = it
// was not asked. Errors have no text of the request or of the reply.
func Credits(ctx context.Context, judge llm.Member, r *llm.Request, answer string, proposals []string) ([]Credit, *llm.Outcome, error) {
	parts := statements(answer)
	if len(parts) == 0 || len(proposals) == 0 || len(proposals) > maxCandidates {
		return nil, nil, llm.Errorf(llm.Unsupported, "%d statements and %d proposals, want some of both and at most %d proposals", len(parts), len(proposals), maxCandidates)
	}
	var numbered strings.Builder
	for i, s := range parts {
		fmt.Fprintf(&numbered, "%d: %s\n", i+1, s)
	}
	text := fullPrompt(taskCredit, question(r), strings.TrimSuffix(numbered.String(), "\n"), proposals)
	own := &llm.Request{Model: judge.Card().Name, Messages: []llm.Message{llm.Text(llm.RoleUser, text)}, MaxTokens: least(creditTokens, judge.Card().MaxOutputTokens)}
	if e := judge.Card().Fits(own); e != nil {
		return nil, nil, e
	}
	a := ask{seat: newSeat(judge), r: own, verdict: true, reason: "judge"}
	var rep reply
	start := time.Now()
	gather(ctx, &a, &rep, nil)
	if rep.part.Took == 0 {
		rep.part.Took = time.Since(start)
	}
	if rep.err != nil {
		return nil, rep.part, rep.err
	}
	all, ok := readCredits(rep.text, len(parts), len(proposals))
	if !ok {
		return nil, rep.part, llm.Errorf(llm.Protocol, "the verdict on %d statements can't be read", len(parts))
	}
	return all, rep.part, nil
}

// statements takes an answer apart: sentences, lines, and blocks of code. Those
// that are too short to say anything, such as the number of a point, belong to
// the next; neighbours are taken together where there are too many.
func statements(text string) []string {
	var all []string
	short := ""
	add := func(s string) {
		s = short + s
		short = ""
		letters := 0
		for _, r := range s {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				letters++
			}
		}
		switch {
		case letters == 0:
		case letters < 3 && len(s) < 8: // a guess
			short = s + " "
		default:
			all = append(all, s)
		}
	}
	var code []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			if code == nil {
				code = []string{line}
				continue
			}
			add(strings.Join(append(code, line), "\n"))
			code = nil
			continue
		}
		if code != nil {
			code = append(code, line)
			continue
		}
		for _, s := range sentences(strings.TrimSpace(line)) {
			add(s)
		}
	}
	if code != nil {
		add(strings.Join(code, "\n"))
	}
	if short = strings.TrimSpace(short); short != "" {
		if len(all) == 0 {
			return []string{short}
		}
		all[len(all)-1] += " " + short
	}
	for size := (len(all) + maxStatements - 1) / maxStatements; size > 1; size = 1 {
		var joined []string
		for at := 0; at < len(all); at += size {
			joined = append(joined, strings.Join(all[at:min(at+size, len(all))], " "))
		}
		all = joined
	}
	return all
}

// sentences splits a line behind the marks that end sentences.
func sentences(line string) []string {
	var all []string
	from := 0
	for i, r := range line {
		end := i + len(string(r))
		switch {
		case strings.ContainsRune("。！？；", r):
		case strings.ContainsRune(".!?;", r) && end < len(line) && line[end] == ' ':
		default:
			continue
		}
		all = append(all, strings.TrimSpace(line[from:end]))
		from = end
	}
	if rest := strings.TrimSpace(line[from:]); rest != "" {
		all = append(all, rest)
	}
	return all
}

var creditLine = regexp.MustCompile(`^\W*(\d{1,3})\W*[:.)]\W*([0-9])\b[\s,;|*]*((?:[A-Z][\s,;]*)*|-|none)\W*$`)

// readCredits reads the verdict of a CREDIT: a line for each of n statements.
// Other lines are thinking aloud; of several for one statement the last counts.
func readCredits(text string, n, proposals int) ([]Credit, bool) {
	all := make([]Credit, n)
	told := make([]bool, n)
	for line := range strings.SplitSeq(text, "\n") {
		m := creditLine.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || len(line) > maxVerdictLine {
			continue
		}
		i, err := strconv.Atoi(m[1])
		if err != nil || i < 1 || i > n {
			return nil, false
		}
		c := Credit{Worth: int64(m[2][0] - '0')}
		for _, l := range m[3] {
			if l < 'A' || l > 'Z' {
				continue
			}
			p, ok := candidate(string(l), proposals)
			if !ok {
				return nil, false
			}
			c.By = append(c.By, p)
		}
		all[i-1], told[i-1] = c, true
	}
	for _, t := range told {
		if !t {
			return nil, false
		}
	}
	return all, true
}
