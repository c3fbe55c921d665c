package eval

import (
	"context"
	"errors"
	"sync"

	"summit/answer"
	"summit/fusion"
	"summit/llm"
	"summit/verify"
)

// The policy tool answers by running the program that the question holds, and
// asks the best single member where there is none or it fails. What the run
// takes of this machine is not counted as cost.

const (
	useTool  = "tool"
	toolName = "python3 in a sandbox"
)

// tool runs programs of questions, each once. It is safe for concurrent use.
type tool struct {
	python *verify.Python
	err    error // why nothing can be run

	mu     sync.Mutex
	values map[verify.PythonCall]func() (string, error)
	probe  func() error
}

func openTool(allowed bool) *tool {
	t := &tool{values: map[verify.PythonCall]func() (string, error){}}
	if !allowed {
		t.err = errors.New("it runs programs that questions hold, in a sandbox: --allow-commands allows it")
		return t
	}
	t.python, t.err = verify.NewPython(verify.Env{AllowCommands: true})
	return t
}

// missing says why programs can't be run here; empty = they can.
func (t *tool) missing(ctx context.Context) string {
	if t.err == nil && t.probe == nil {
		t.probe = sync.OnceValue(func() error {
			_, err := t.python.Value(ctx, verify.PythonCall{Program: "x = 1\n", Expression: "x"})
			return err
		})
	}
	if t.err == nil {
		t.err = t.probe()
	}
	if t.err != nil {
		return t.err.Error()
	}
	return ""
}

// value returns what the question's program gives.
func (t *tool) value(ctx context.Context, question string) (string, error) {
	call, ok := verify.FindPythonCall(question)
	if !ok {
		return "", errors.New("the question holds no program to run")
	}
	if t.python == nil {
		return "", t.err
	}
	t.mu.Lock()
	known := t.values[call]
	if known == nil {
		known = sync.OnceValues(func() (string, error) { return t.python.Value(ctx, call) })
		t.values[call] = known
	}
	t.mu.Unlock()
	return known()
}

// tool returns the plan that runs the questions' programs. It has one size:
// no cap changes it.
func (f *fitter) tool(limit float64) (*plan, bool, error) {
	if _, tooled, ok := f.checks(); !ok || !tooled || limit > 0 {
		return nil, false, nil
	}
	p := f.plan(useTool, []int{f.best}, nil, "the program of the question is run; where that fails, the best single member")
	p.tooled = true
	return p, true, nil
}

// tooled builds the strategy: the tool first, then the members.
func (m *measurer) tooled(members []llm.Member) (llm.Member, error) {
	first := toolMember{tool: m.tool, card: llm.Card{Name: toolName, About: "runs the program that a question holds"}}
	env := fusion.Env{Name: "eval", Members: append([]llm.Member{&first}, members...)}
	return fusion.New("fallback", env, nil)
}

// found is the score of an answer that the tool gave: that of a member that
// gave the same, else by the reference.
func (m *measurer) found(q int, text string) float64 {
	s := m.board.suite
	for j := range s.Members {
		if c := s.Cell(q, j); c.HasVote && answer.Same(c.Said(), text) {
			return c.Score
		}
	}
	if r := s.Questions[q].Reference; r != nil && answer.Same(*r, text) {
		return 1
	}
	return 0
}

// toolMember answers with what the question's program gives.
type toolMember struct {
	tool *tool
	card llm.Card
}

func (t *toolMember) Card() *llm.Card { return &t.card }

func (t *toolMember) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, toolName, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		value, err := t.tool.value(ctx, r.LastUser())
		if err != nil {
			return nil, llm.Errorf(llm.Overloaded, "%s", err)
		}
		done := &llm.Outcome{Finish: llm.FinishStop, Usage: llm.Usage{Calls: llm.Count{N: 1, From: llm.OwnCount}}}
		emit(llm.Event{Kind: llm.KindStart, Model: toolName})
		emit(llm.Event{Kind: llm.KindText, Text: value})
		return done, nil
	})
}
