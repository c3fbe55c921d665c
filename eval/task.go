package eval

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Task is questions to put to a model, each with a reference and a scorer.
type Task struct {
	Suite     string // the name under which the answers are kept
	Questions []TaskQuestion
}

// TaskQuestion is one question of a Task.
type TaskQuestion struct {
	ID        string `json:"id"`
	Text      string `json:"question"`
	Reference string `json:"reference"`
	Scorer    string `json:"scorer"` // a name in scorers
	Domain    string `json:"domain"`
	Lang      string `json:"lang"` // en, zh, ...; empty = en
	Suite     string `json:"suite,omitempty"`
}

// Bounds of a task file.
const (
	maxTaskBytes     = 64 << 20
	maxQuestions     = 100_000
	maxQuestionBytes = 1 << 19 // a recorded line, with its JSON escapes, has to hold it
)

var taskWord = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ReadTask reads a task file; name is its name, which gives the suite's name
// where the file has none, and stands in errors. Where it ends in .jsonl,
// every line is one question:
//
//	{"id": "1", "question": "What is 6 x 7?", "reference": "42", "scorer": "number"}
//
// Any other file is text: blocks, set apart by lines of three dashes. A block
// begins with lines "key: value" (id, reference, scorer, domain, lang), then
// come an empty line and the question. A first block without a question sets
// what holds for all, the suite's name among it:
//
//	suite: sums
//	scorer: number
//	---
//	reference: 42
//
//	What is 6 x 7?
//
// A question without an id gets its number, one without a scorer "exact".
func ReadTask(r io.Reader, name string) (*Task, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxTaskBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("eval: %s: %w", name, err)
	case len(data) > maxTaskBytes:
		return nil, fmt.Errorf("eval: %s: more than %d bytes", name, maxTaskBytes)
	case !utf8.Valid(data):
		return nil, fmt.Errorf("eval: %s: not valid UTF-8", name)
	}
	t := &Task{}
	b := taskBuilder{task: t, name: name, seen: map[string]int{}}
	if strings.HasSuffix(name, ".jsonl") {
		err = b.lines(data)
	} else {
		err = b.blocks(data)
	}
	if err != nil {
		return nil, err
	}
	if len(t.Questions) == 0 {
		return nil, fmt.Errorf("eval: %s: no questions", name)
	}
	if t.Suite == "" {
		base := filepath.Base(name)
		t.Suite = strings.TrimSuffix(base, filepath.Ext(base))
	}
	if !taskWord.MatchString(t.Suite) {
		return nil, fmt.Errorf("eval: %s: suite %q, want up to 64 letters, digits, - and _; set it in the file", name, clip(t.Suite))
	}
	return t, nil
}

type taskBuilder struct {
	task *Task
	name string
	seen map[string]int // line of each id
}

// add checks a question and completes it.
func (b *taskBuilder) add(q TaskQuestion, line int) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("eval: %s:%d: %w", b.name, line, fmt.Errorf(format, args...))
	}
	if q.Suite != "" {
		if b.task.Suite != "" && b.task.Suite != q.Suite {
			return bad("suite %q after %q, want one in a file", clip(q.Suite), clip(b.task.Suite))
		}
		b.task.Suite = q.Suite
	}
	q.Suite = ""
	if q.ID == "" {
		q.ID = strconv.Itoa(len(b.task.Questions) + 1)
	}
	if q.Scorer == "" {
		q.Scorer = "exact"
	}
	if q.Lang == "" {
		q.Lang = "en"
	}
	switch s, known := scorers[q.Scorer]; {
	case strings.TrimSpace(q.Text) == "":
		return bad("question %q has no text", clip(q.ID))
	case len(q.Text)+len(q.Reference) > maxQuestionBytes:
		return bad("question %q has %d bytes, want at most %d with its reference", clip(q.ID), len(q.Text)+len(q.Reference), maxQuestionBytes)
	case !known:
		return bad("question %q: scorer %q, want one of %s", clip(q.ID), clip(q.Scorer), strings.Join(Scorers(), ", "))
	case q.Reference == "" && !s.free:
		return bad("question %q has no reference, which scorer %s compares with", clip(q.ID), q.Scorer)
	case s.check != nil:
		if err := s.check(q.Reference); err != nil {
			return bad("question %q: %w", clip(q.ID), err)
		}
	}
	if at, twice := b.seen[q.ID]; twice {
		return bad("id %q is taken by the question of line %d", clip(q.ID), at)
	}
	b.seen[q.ID] = line
	if b.task.Questions = append(b.task.Questions, q); len(b.task.Questions) > maxQuestions {
		return bad("more than %d questions", maxQuestions)
	}
	return nil
}

// lines reads a question a line.
func (b *taskBuilder) lines(data []byte) error {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		var q TaskQuestion
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		err := dec.Decode(&q)
		if err == nil && dec.More() {
			err = errors.New("more than one JSON value")
		}
		if err != nil {
			return fmt.Errorf("eval: %s:%d: %w", b.name, n, err)
		}
		if err := b.add(q, n); err != nil {
			return err
		}
	}
	return nil
}

// blocks reads questions in blocks.
func (b *taskBuilder) blocks(data []byte) error {
	var defaults, q TaskQuestion
	var text []string
	body := false        // the block's keys are over
	first, start := 1, 1 // line of the block
	finish := func() error {
		q.Text = strings.Trim(strings.Join(text, "\n"), "\n")
		empty := strings.TrimSpace(q.Text) == ""
		switch {
		case empty && q == (TaskQuestion{Text: q.Text}) && first == start: // nothing before the first dashes
		case empty && first == start:
			if q.ID != "" {
				return fmt.Errorf("eval: %s:%d: question %q has no text", b.name, start, clip(q.ID))
			}
			defaults = q
			defaults.Text = ""
		case empty && q == (TaskQuestion{Text: q.Text}):
			return fmt.Errorf("eval: %s:%d: the block is empty", b.name, start)
		default:
			for _, key := range []struct{ own, common *string }{
				{&q.Reference, &defaults.Reference}, {&q.Scorer, &defaults.Scorer}, {&q.Domain, &defaults.Domain}, {&q.Lang, &defaults.Lang}, {&q.Suite, &defaults.Suite},
			} {
				if *key.own == "" {
					*key.own = *key.common
				}
			}
			if err := b.add(q, start); err != nil {
				return err
			}
		}
		q, text, body = TaskQuestion{}, nil, false
		return nil
	}
	n := 0
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxTaskBytes+1)
	for lines.Scan() {
		n++
		line := strings.TrimSuffix(lines.Text(), "\r")
		switch {
		case strings.TrimRight(line, " \t") == "---":
			if err := finish(); err != nil {
				return err
			}
			start = n + 1
		case body:
			text = append(text, line)
		case strings.TrimSpace(line) == "":
			body = true
		case strings.HasPrefix(line, "#") && start == first: // a comment above all questions
		default:
			if err := q.set(line); err != nil {
				return fmt.Errorf("eval: %s:%d: %w", b.name, n, err)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("eval: %s:%d: %w", b.name, n+1, err)
	}
	if start > n && start > first {
		return nil // the file ends in dashes
	}
	return finish()
}

// set reads a line "key: value".
func (q *TaskQuestion) set(line string) error {
	key, value, ok := strings.Cut(line, ":")
	fields := map[string]*string{"id": &q.ID, "reference": &q.Reference, "scorer": &q.Scorer, "domain": &q.Domain, "lang": &q.Lang, "suite": &q.Suite}
	field := fields[strings.TrimSpace(key)]
	if !ok || field == nil {
		return fmt.Errorf("%q, want a line such as \"reference: 42\" (id, reference, scorer, domain, lang, suite), and an empty line before the question", clip(line))
	}
	if *field != "" {
		return fmt.Errorf("%s twice", strings.TrimSpace(key))
	}
	*field = strings.TrimSpace(value)
	return nil
}

// clip keeps error texts short whatever came in, cutting between runes.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
