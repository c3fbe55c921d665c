package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

func init() {
	Register("starlark", "an expression or a small program of your own says whether the answer is right", newStarlark)
}

// StarlarkParams are the parameters of starlark.
type StarlarkParams struct {
	Program string `yaml:"program" json:"program" jsonschema:"required" jsonschema_description:"an expression, or a program that defines check(); the names text (the whole reply), answer (the final answer in its normal form; empty = none) and question are texts; the value is True, False or a text that says what is wrong (an empty one = nothing)"`
}

const (
	maxProgramBytes = 64 << 10
	// maxSteps and maxRun bound the time. The steps are far more than checks
	// need, a guess; the clock is for steps that search long texts.
	maxSteps = 1_000_000
	maxRun   = 2 * time.Second
	// starlarkBytes bounds what a program may make in all, freed or not.
	starlarkBytes = 64 << 20
)

// script is a Starlark program: a dialect of Python without input, output,
// clocks, chance, while and recursion, so it ends and says the same each time.
type script struct{ program *starlark.Program }

func newStarlark(_ Env, p StarlarkParams) (Checker, error) {
	source := strings.TrimSpace(p.Program)
	if source == "" || len(source) > maxProgramBytes {
		return nil, fmt.Errorf("program: %d bytes, want 1 to %d", len(source), maxProgramBytes)
	}
	options := &syntax.FileOptions{Set: true}
	if _, err := options.ParseExpr("program", source, 0); err == nil {
		source = "def check(): return (" + source + "\n)"
	}
	f, err := options.Parse("program", source, 0)
	if err != nil {
		return nil, fmt.Errorf("program: %w", err)
	}
	defined := false
	for _, s := range f.Stmts {
		switch s := s.(type) {
		case *syntax.LoadStmt:
			return nil, errors.New("program: load is not supported")
		case *syntax.DefStmt:
			defined = defined || s.Name.Name == "check" && len(s.Params) == 0
		}
	}
	if !defined {
		return nil, errors.New("program: it is no expression and defines no check()")
	}
	metered(f)
	known := new(meter).names(&Case{})
	program, err := starlark.FileProgram(f, known.Has)
	if err != nil {
		return nil, fmt.Errorf("program: %w", err)
	}
	return &script{program}, nil
}

func (s *script) Check(ctx context.Context, c *Case) (Finding, error) {
	m := &meter{left: starlarkBytes}
	thread := &starlark.Thread{Name: "check", Print: func(*starlark.Thread, string) {}}
	thread.SetMaxExecutionSteps(maxSteps)
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { thread.Cancel(stopped(ctx)) })
	defer stop()
	globals, err := s.program.Init(thread, m.names(c))
	if err != nil {
		return Finding{}, failure(err)
	}
	v, err := starlark.Call(thread, globals["check"], nil, nil)
	if err != nil {
		return Finding{}, failure(err)
	}
	switch v := v.(type) {
	case starlark.Bool:
		if v {
			return pass(""), nil
		}
		return fail("the program says that it is wrong"), nil
	case starlark.String:
		return Finding{Pass: v == "", Message: string(v)}, nil
	}
	return Finding{}, fmt.Errorf("the program returned a %s, want True, False or a text", v.Type())
}

// failure is what the program's author has to know: the error and its line.
func failure(err error) error {
	var e *starlark.EvalError
	if !errors.As(err, &e) {
		return fmt.Errorf("the program failed: %w", err)
	}
	for i := len(e.CallStack) - 1; i >= 0; i-- {
		if at := e.CallStack[i].Pos; at.Filename() == "program" && at.Line > 0 {
			return fmt.Errorf("the program failed in line %d: %s", at.Line, e.Msg)
		}
	}
	return fmt.Errorf("the program failed: %s", e.Msg)
}
