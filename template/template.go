// Package template renders the chat template of a model file and reads the
// model's answer: what is reasoning, what is a tool call, what is text.
//
// Templates are written in Jinja, by whoever made the model file, and are run
// as what they are: programs from outside. Template is a bounded interpreter
// of the part of Jinja that chat templates use, as Hugging Face's Transformers
// sets it up (trim_blocks, lstrip_blocks, immutable values, break and
// continue). Steps, depth and output are limited; files, imports and the
// network don't exist. Values are plain: nil, bool, numbers, strings, []any,
// map[string]any, and *Map where the order of keys matters.
//
// Answers are read by a Format, one family a file (format_*.go); the next one
// is one new file that calls Register.
package template

import (
	"fmt"
	"time"
)

// The bounds of a rendering where Limits leaves them open. The largest
// published templates have about 20 kB and take some thousand steps.
const (
	maxSource    = 1 << 20
	defaultSteps = 5_000_000
	defaultBytes = 16 << 20
	maxNesting   = 200  // of a template's source
	maxDepth     = 2000 // of evaluation, and of values
)

// Template is a parsed chat template. It may be rendered by many at a time.
type Template struct {
	name string
	body []node
}

// Parse reads a template. name stands in errors, which tell the line.
func Parse(name, source string) (*Template, error) {
	if len(source) > maxSource {
		return nil, fmt.Errorf("template: %s: got %d bytes, want at most %d", name, len(source), maxSource)
	}
	tokens, err := lex(source)
	if err != nil {
		return nil, fmt.Errorf("template: %s: %w", name, err)
	}
	p := parser{tokens: tokens}
	body, err := p.template()
	if err != nil {
		return nil, fmt.Errorf("template: %s: %w", name, err)
	}
	return &Template{name: name, body: body}, nil
}

// Limits bound one rendering. The zero value has the usual ones.
type Limits struct {
	Steps int // evaluated nodes and processed bytes/64; 0 = 5 million
	Bytes int // of output, and of any one string; 0 = 16 MiB
	Now   time.Time
}

// RaisedError is what a template says by raise_exception: the messages don't
// suit the model.
type RaisedError struct{ Message string }

func (e *RaisedError) Error() string { return e.Message }

// Render runs the template over variables. An error tells the line; one that
// the template itself raised is a *RaisedError within.
func (t *Template) Render(vars map[string]any, l Limits) (string, error) {
	if l.Steps <= 0 {
		l.Steps = defaultSteps
	}
	if l.Bytes <= 0 {
		l.Bytes = defaultBytes
	}
	e := &exec{limits: l}
	top := &scope{vars: map[string]any{}}
	for name, f := range globals {
		top.vars[name] = f
	}
	for name, v := range vars {
		plain, err := e.plain(v, 0)
		if err != nil {
			return "", fmt.Errorf("template: %s: variable %q: %w", t.name, name, err)
		}
		top.vars[name] = plain
	}
	if _, err := e.block(t.body, &scope{parent: top, vars: map[string]any{}}); err != nil {
		return "", fmt.Errorf("template: %s: line %d: %w", t.name, e.line, err)
	}
	return string(e.out), nil
}
