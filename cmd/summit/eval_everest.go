package main

import (
	"context"
	"io"

	"summit/eval"
	"summit/everest"
)

// everest measures the small models inside this program, and summit over
// them, on their frozen test sets.
func (e *evaluation) everest(ctx context.Context) error {
	switch e.output {
	case "", "table", "json", "yaml":
	default:
		return usage("--output %q with --live, want table, json or yaml", e.output)
	}
	s, err := e.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	e.announce(s)
	o := eval.MatrixOptions{Concurrency: e.concurrency}
	for _, skill := range everest.Skills() {
		questions, err := everest.Tests(skill.Name)
		if err != nil {
			return err
		}
		task := eval.MatrixTask{Name: skill.Name, Owner: skill.Member(), Right: skill.Right, Refused: everest.Refused}
		for _, q := range questions {
			task.Questions = append(task.Questions, eval.TaskQuestion{ID: q.ID, Text: q.Text, Reference: q.Reference, Lang: q.Lang})
		}
		o.Tasks = append(o.Tasks, task)
		m, err := s.Model(skill.Member())
		if err != nil {
			return failed("--live everest needs the small models as members: run it without a configuration, and with SUMMIT_DISCOVER_ENABLED=false", err)
		}
		o.Members = append(o.Members, m)
	}
	if o.Super, err = s.Model(e.model); err != nil {
		return failed(`"summit models" lists what can be asked`, err)
	}
	b := newBar(e.err)
	o.Progress = b.show
	report, err := eval.Matrix(ctx, o)
	b.clear()
	if err != nil {
		return err
	}
	return e.emit(report, func(w io.Writer) { _ = report.WriteTable(w) })
}
