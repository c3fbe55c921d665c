package fusion

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"summit/llm"
)

// writing is one answer at work.
type writing struct {
	*work
	t *tokens
	*scribe
	members []*writer
	same    bool // all have one vocabulary
	lex     *lexicon
	choose  chooser
	scale   *scale
	steps   *steps
	limit   int // tokens; 0 = none
	start   time.Time

	proposed, accepted int // by speculation
	ended              llm.Finish
}

// writer is a member at work on an answer.
type writer struct {
	ask     ask
	part    *llm.Outcome
	session llm.Session
	prompt  int // tokens of it
	lex     *lexicon
	remote  *remoteVoice // nil = it has a session
	voice   voice        // nil = it has dropped out
}

// open opens the members' sessions. Those that fail are left out, unless
// nobody is left.
func (g *writing) open(ctx context.Context, seats []*seat) error {
	r := g.work.r
	if r.Thinking.Enabled == nil && r.Thinking.Effort == "" {
		r = r.Clone() // thoughts of several members at once are nobody's
		r.Thinking.Enabled = new(bool)
	}
	g.choose = chooser{filter: filterOf(r), rng: rand.New(rand.NewPCG(seedOf(r), 0x5ca1ab1e))}
	var errs []*llm.Error
	for _, s := range seats {
		m := &writer{ask: ask{seat: s, r: r}}
		if denied := g.admit(&m.ask); denied != nil {
			g.note("%s was not asked: %s", s.name, denied.Message)
			errs = append(errs, denied)
			continue
		}
		g.announce(&m.ask)
		m.part = &llm.Outcome{Member: s.name, Model: s.card.Model, Expected: m.ask.costs}
		g.out.Parts = append(g.out.Parts, m.part)
		g.members = append(g.members, m)
		stepper, ok := llm.As[llm.Stepper](s.member)
		if !ok {
			m.remote = &remoteVoice{g: g, m: m}
			continue
		}
		session, err := stepper.Open(ctx, r)
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			errs = append(errs, g.drop(m, err))
			g.settle(&m.ask, m.part)
			continue
		}
		m.session, m.prompt, m.lex = session, session.Len(), g.t.lexicon(session.Vocab())
	}
	g.members = slices.DeleteFunc(g.members, func(m *writer) bool { return m.session == nil && m.remote == nil })
	if len(g.members) == 0 {
		return failed(errs)
	}
	g.same = !slices.ContainsFunc(g.members, func(m *writer) bool { return m.remote != nil || m.lex.print != g.members[0].lex.print })
	g.lex = g.members[0].lex
	var prior []float64
	for _, m := range g.members {
		prior = append(prior, m.ask.seat.weight)
		if g.drafts() {
			continue // the sessions are all it needs
		}
		var err error
		switch {
		case m.remote != nil:
			m.voice = m.remote
		case g.same:
			m.voice, err = newTokenVoice(m.session, m.lex)
		default:
			m.voice, err = newByteVoice(m.session, m.lex, g.choose.filter, false)
		}
		if err != nil {
			return &llm.Error{Kind: llm.Internal, Member: m.part.Member, Err: err}
		}
	}
	g.scale = newScale(g.t.settings.Weigh, prior, g.t.settings.Sharpness, g.t.settings.Change)
	g.steps = newSteps(len(g.members))
	g.limit = r.MaxTokens
	return nil
}

// drafts reports whether one member proposes what the other checks: both have
// to be there for that.
func (g *writing) drafts() bool { return g.t.draft != nil && len(g.members) == 2 }

// drop takes a member that failed out of the work and returns why.
func (g *writing) drop(m *writer, err error) *llm.Error {
	e := *llm.AsError(err)
	if e.Member == "" {
		e.Member = m.ask.seat.name
	}
	m.part.Err, m.voice = &e, nil
	g.note("%s dropped out: %s", m.ask.seat.name, e.Kind)
	g.progress(m.ask.seat.name, llm.StateFailed, string(e.Kind))
	return &e
}

// write is the answer of a mixture or a contrast.
func (g *writing) write(ctx context.Context) error {
	size := byteSize
	if g.same {
		size = g.lex.vocab.Len()
	}
	plain, shaped := make([]float64, size), make([]float64, size)
	all := make([]*expectation, len(g.members))
	p := make([]float64, len(g.members))
	var queue []int
	for {
		if err := g.expect(ctx, all); err != nil {
			return err
		}
		weights := g.scale.weigh(all)
		g.mix(plain, shaped, weights, all)
		if len(queue) == 0 {
			queue = g.pick(shaped, weights, all)
		}
		symbol := queue[0]
		queue = queue[1:]
		if symbol < 0 {
			g.ended = llm.FinishStop // nobody knows how to go on
			g.note("no member expected anything that makes text")
			return nil
		}
		for m, e := range all {
			if p[m] = 0; e != nil {
				p[m] = e.plain[symbol] + unknown(e)*plain[symbol]
			}
		}
		if i := g.contrasted(); i >= 0 {
			g.steps.against(i, p, plain[symbol])
		} else {
			g.steps.note(g.t.settings.Mix, weights, p)
		}
		g.scale.learn(p)
		if g.ends(symbol) {
			g.ended = llm.FinishStop
			return nil
		}
		g.spell(symbol, plain)
		for _, m := range g.members {
			if m.voice != nil {
				m.voice.take(symbol)
			}
		}
		if g.over {
			g.ended = llm.FinishStop
			return nil
		}
		if g.limit > 0 && len(g.begun) == 0 && g.written() >= g.limit {
			g.ended = llm.FinishLength
			return nil
		}
	}
}

// expect asks every member what it expects. One that fails drops out.
func (g *writing) expect(ctx context.Context, all []*expectation) error {
	left := 0
	var last *llm.Error
	for i, m := range g.members {
		all[i] = nil
		if m.voice == nil {
			continue
		}
		e, err := m.voice.expect(ctx)
		if err == nil {
			all[i] = e
			left++
			continue
		}
		if ctx.Err() != nil {
			return err
		}
		if known := llm.AsError(err); known.Kind == llm.TooLong {
			return err
		}
		last = g.drop(m, err)
	}
	if left == 0 {
		return last
	}
	if g.t.against != nil {
		for i, m := range g.members {
			if m.ask.seat != g.t.against && all[i] == nil {
				return last // the stronger one is gone
			}
		}
	}
	return nil
}

// contrasted returns which member is held against the other; -1 = none is.
func (g *writing) contrasted() int {
	if g.t.against == nil || len(g.members) != 2 || g.members[0].voice == nil || g.members[1].voice == nil {
		return -1
	}
	if g.members[0].ask.seat == g.t.against {
		return 1
	}
	return 0
}

// mix writes the distribution of the next symbol: as it is, and narrowed by
// the request's settings.
func (g *writing) mix(plain, shaped, weights []float64, all []*expectation) {
	if i := g.contrasted(); i >= 0 {
		contrast(plain, all[i].plain, all[1-i].plain, g.t.settings.Strength, g.t.settings.Plausible)
		contrast(shaped, all[i].shaped, all[1-i].plain, g.t.settings.Strength, g.t.settings.Plausible)
		return
	}
	lists := func(of func(*expectation) []float64) [][]float64 {
		out := make([][]float64, len(all))
		for i, e := range all {
			if e != nil {
				out[i] = of(e)
			}
		}
		return out
	}
	blend(plain, g.t.settings.Mix, weights, lists(func(e *expectation) []float64 { return e.plain }))
	if g.same {
		copy(shaped, plain)
		return
	}
	blend(shaped, g.t.settings.Mix, weights, lists(func(e *expectation) []float64 { return e.shaped }))
}

// pick chooses what comes next.
func (g *writing) pick(shaped, weights []float64, all []*expectation) []int {
	if g.same {
		return []int{g.choose.token(shaped)}
	}
	var ahead func([]byte) float64
	if g.t.settings.Mix == mixLinear && g.contrasted() < 0 {
		ahead = func(next []byte) float64 {
			sum := 0.0
			for i, m := range g.members {
				if all[i] != nil {
					sum += weights[i] * m.voice.ahead(next)
				}
			}
			return sum
		}
	}
	return g.choose.text(shaped, g.begun, ahead)
}

func (g *writing) ends(symbol int) bool {
	if g.same {
		return g.lex.vocab.End(symbol)
	}
	return symbol == bytesEnd
}

// written is how long the answer is, in the tokens of the member with most.
func (g *writing) written() int {
	n := 0
	for _, m := range g.members {
		if m.voice != nil {
			n = max(n, m.voice.length())
		}
	}
	return n
}

// unknown is what the member doesn't tell of the next symbol.
func unknown(e *expectation) float64 {
	sum := 0.0
	for _, v := range e.plain {
		sum += v
	}
	if rest := 1 - sum; rest > never {
		return rest
	}
	return 0
}
