package verify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// PythonCall is a call of a function in Python: a program that defines what
// the expression needs, and the expression.
type PythonCall struct {
	Program    string
	Expression string
}

// FindPythonCall finds in a question a program and the call whose value is
// asked for: lines of Python between [PYTHON] and [/PYTHON], or in a fenced
// block, of which the last is "assert <expression> == ??".
func FindPythonCall(question string) (PythonCall, bool) {
	if len(question) > MaxTextBytes {
		return PythonCall{}, false
	}
	var texts []string
	if _, rest, ok := cutLast(question, "[PYTHON]"); ok {
		text, _, _ := strings.Cut(rest, "[/PYTHON]")
		texts = append(texts, text)
	}
	for _, b := range blocks(question) {
		texts = append(texts, b.text)
	}
	for _, text := range texts {
		text = strings.TrimRight(text, " \t\r\n")
		head, ok := strings.CutSuffix(text, "??")
		if !ok {
			continue
		}
		if head, ok = strings.CutSuffix(strings.TrimRight(head, " "), "=="); !ok {
			continue
		}
		program, expression, ok := cutLast("\n"+head, "\nassert ")
		if expression = strings.TrimSpace(expression); ok && expression != "" && strings.TrimSpace(program) != "" {
			return PythonCall{program + "\n", expression}, true
		}
	}
	return PythonCall{}, false
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+len(sep):], true
}

// Python runs calls in the sandbox of the command check. It is safe for
// concurrent use.
type Python struct{ command *command }

const (
	pythonSeconds = 5
	pythonMiB     = 256
)

// NewPython prepares the sandbox; it is an error where commands aren't
// allowed, or where this machine has none.
func NewPython(env Env) (*Python, error) {
	c, err := newCommand(env, CommandParams{
		Run: []string{"python3", "-I", "-S", "run.py"}, File: "program.py", Seconds: pythonSeconds, MemoryMiB: pythonMiB,
	})
	if err != nil {
		return nil, fmt.Errorf("verify: python: %w", err)
	}
	return &Python{c.(*command)}, nil
}

// pythonRun evaluates the expression after the program, and prints its value
// behind a mark.
const pythonRun = `import sys
mark = open("mark.txt").read()
program = open("program.py").read()
expression = open("expression.txt").read()
scope = {"__name__": "program"}
exec(compile(program, "program", "exec"), scope)
value = repr(eval(compile(expression, "expression", "eval"), scope))
sys.stdout.write("\n" + mark + value + "\n")
sys.stdout.flush()
`

// Value returns the expression's value as Python writes it. An error says
// that it has none: the program failed, ran too long, or printed too much.
func (p *Python) Value(ctx context.Context, call PythonCall) (string, error) {
	sum := sha256.Sum256([]byte(call.Program + "\x00" + call.Expression))
	mark := "value " + hex.EncodeToString(sum[:8]) + ": "
	r, err := p.command.execute(ctx, map[string]string{
		"run.py": pythonRun, "program.py": call.Program, "expression.txt": call.Expression, "mark.txt": mark,
	})
	switch {
	case err != nil:
		return "", err
	case r.late:
		return "", fmt.Errorf("it ran longer than %s", p.command.wait)
	}
	_, value, found := cutLast(string(r.output.kept), "\n"+mark)
	if r.status != 0 || !found {
		said := strings.TrimSpace(r.output.String())
		return "", fmt.Errorf("it ended with status %d and no value: %s", r.status, clip(said[strings.LastIndexByte(said, '\n')+1:], 300))
	}
	value, _ = strings.CutSuffix(value, "\n")
	if value == "" {
		return "", errors.New("its value is written as nothing")
	}
	return value, nil
}
