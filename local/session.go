package local

import (
	"context"

	"summit/engine"
	"summit/llm"
)

// Open starts a sequence with the request's prompt in it, whose logits are
// the first to look at.
func (m *Member) Open(ctx context.Context, r *llm.Request) (llm.Session, error) {
	if err := m.card.Fits(r); err != nil {
		return nil, err
	}
	p, err := m.voice.prompt(r)
	if err != nil {
		return nil, m.typed(err)
	}
	e, release, err := m.model.lease(ctx)
	if err != nil {
		return nil, m.typed(err)
	}
	in, err := e.NewSession(m.store.options.Namespace(ctx))
	if err != nil {
		release()
		return nil, m.typed(err)
	}
	s := &session{m: m, in: in, release: release}
	if s.logits, err = in.AppendLast(ctx, p.ids); err != nil {
		s.Close()
		return nil, m.typed(err)
	}
	return s, nil
}

// session is one sequence of a member; the model stays loaded until Close.
type session struct {
	m       *Member
	in      *engine.Session
	logits  []float32
	release func()
}

func (s *session) Vocab() llm.Vocab { return s.m.voice.tok }
func (s *session) Len() int         { return s.in.Len() }

func (s *session) Append(ctx context.Context, ids []int) ([][]float32, error) {
	rows, err := s.in.Append(ctx, ids)
	if err != nil {
		return nil, s.m.typed(err)
	}
	s.logits = rows[len(rows)-1]
	return rows, nil
}

func (s *session) Logits() []float32 { return s.logits }

// Truncate keeps the first n tokens; more than there are is all of them.
func (s *session) Truncate(n int) {
	n = min(max(n, 0), s.in.Len())
	if n < s.in.Len() && s.in.Truncate(n) == nil {
		s.logits = nil
	}
}

func (s *session) Close() {
	_ = s.in.Close() // a closed engine has let it go already
	s.release()
}
