package local

import (
	"context"
	"slices"
	"strings"

	"summit/engine"
	"summit/llm"
	"summit/template"
	"summit/tokenizer"
)

// Generate answers the request: text, reasoning and calls as they are
// computed. It ends within one step of ctx's end.
func (m *Member) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return llm.NewStream(ctx, m.card.Name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		done := &llm.Outcome{Member: m.card.Name, Model: m.card.Model}
		err := m.answer(ctx, r, emit, done)
		return done, m.typed(err)
	})
}

func (m *Member) answer(ctx context.Context, r *llm.Request, emit func(llm.Event) bool, done *llm.Outcome) error {
	if err := r.Valid(); err != nil {
		return err
	}
	if err := m.card.Fits(r); err != nil {
		return err
	}
	p, err := m.voice.prompt(r)
	if err != nil {
		return err
	}
	namespace := m.store.options.Namespace(ctx)
	h, err := m.voice.hold(namespace, r, p)
	if err != nil {
		return err
	}
	p.read.Form = h.form
	pick, err := m.sampler(r, p, h.limit())
	if err != nil {
		return err
	}
	e, release, err := m.model.lease(ctx)
	if err != nil {
		return err
	}
	defer release()
	done.Warnings = slices.Clone(h.warnings) // the rules are shared
	if !emit(llm.Event{Kind: llm.KindStart, Model: m.card.Model, Warnings: done.Warnings}) {
		return context.Cause(ctx)
	}
	a := &answer{voice: m.voice, r: r, emit: emit, stop: stopper{words: r.Stop}, stream: m.voice.tok.Stream(false), reader: m.voice.format.Read(p.read)}
	res, err := e.Generate(ctx, engine.Request{Prompt: p.ids, MaxTokens: r.MaxTokens, Picker: pick, Stop: m.voice.ends, Salt: namespace}, a.token)
	a.end()
	done.Usage = llm.Usage{
		Input: own(res.PromptTokens - res.CachedTokens), CacheRead: own(res.CachedTokens),
		Output: own(res.Tokens - a.thoughts), Reasoning: own(a.thoughts), Calls: own(1),
	}
	if err == nil {
		err = pick.Err()
	}
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	switch {
	case a.calls > 0 && !a.open:
		done.Finish = llm.FinishCalls
	case res.Reason == engine.Length:
		done.Finish = llm.FinishLength
	default:
		done.Finish = llm.FinishStop
	}
	return nil
}

// answer turns tokens into events.
type answer struct {
	voice    *voice
	r        *llm.Request
	emit     func(llm.Event) bool
	stream   *tokenizer.Stream
	reader   template.Reader
	stop     stopper
	kind     template.PartKind  // of the last part
	thoughts int                // tokens of reasoning
	calls    int                // that are over
	open     bool               // another one has begun
	tokens   []llm.TokenLogprob // not yet sent
	over     bool               // a stop word came, or the caller left
}

// token takes one token; false = no more are wanted.
func (a *answer) token(t engine.Token) bool {
	var text string
	switch tag, isTag := a.voice.tags[t.ID]; {
	case isTag:
		text = a.stream.Rest() + tag
	case a.voice.tok.End(t.ID):
	default:
		text = a.stream.Next(t.ID)
	}
	if a.r.Logprobs && !a.voice.tok.Special(t.ID) {
		a.tokens = append(a.tokens, a.logprob(t))
	}
	before := a.kind
	a.parts(a.reader.Next(text))
	if a.kind == template.Reasoning || before == template.Reasoning && text == "" {
		a.thoughts++
	}
	return !a.over
}

func (a *answer) end() {
	if a.over {
		return
	}
	a.parts(a.reader.Next(a.stream.Rest()))
	a.parts(a.reader.End())
	if !a.over {
		a.text(a.stop.rest())
	}
}

func (a *answer) parts(parts []template.Part) {
	for _, p := range parts {
		if a.over {
			return
		}
		a.kind = p.Kind
		switch p.Kind {
		case template.Text:
			text, found := a.stop.cut(p.Text)
			a.text(text)
			a.over = a.over || found
		case template.Reasoning:
			a.tokens = nil
			a.send(llm.Event{Kind: llm.KindReasoning, Text: whole(p.Text)})
		case template.Call:
			a.text(a.stop.rest())
			id := p.ID
			if id == "" {
				id = callID()
			}
			a.send(llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: a.calls, ID: id, Name: whole(p.Name), ArgsDelta: whole(p.Arguments)}})
			a.called()
		case template.CallBegin:
			a.text(a.stop.rest())
			if a.open { // the one before broke off
				a.calls++
			}
			id := p.ID
			if id == "" {
				id = callID()
			}
			a.open = true
			a.send(llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: a.calls, ID: id, Name: whole(p.Name)}})
		case template.CallArguments:
			a.send(llm.Event{Kind: llm.KindCall, Call: &llm.CallDelta{Index: a.calls, ArgsDelta: whole(p.Text)}})
		case template.CallEnd:
			a.called()
		}
	}
}

// called counts a call that is over.
func (a *answer) called() {
	a.calls++
	a.open, a.tokens = false, nil
	if a.r.ParallelToolCalls != nil && !*a.r.ParallelToolCalls {
		a.over = true
	}
}

func (a *answer) text(s string) {
	if s == "" {
		return
	}
	tokens := a.tokens
	a.tokens = nil
	a.send(llm.Event{Kind: llm.KindText, Text: whole(s), Tokens: tokens})
}

func (a *answer) send(e llm.Event) {
	if !a.emit(e) {
		a.over = true
	}
}

// whole replaces bytes that are no characters: a model may write such.
func whole(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func (a *answer) logprob(t engine.Token) llm.TokenLogprob {
	one := func(id int, p float32) llm.TokenLogprob {
		b := a.voice.tok.Bytes(id)
		return llm.TokenLogprob{Token: whole(string(b)), Bytes: b, Logprob: float64(p)}
	}
	out := one(t.ID, t.Logprob)
	for _, x := range t.Top {
		out.Top = append(out.Top, one(x.ID, x.Logprob))
	}
	return out
}

// stopper looks for words that end an answer, across pieces of it.
type stopper struct {
	words []string
	held  string
}

// cut returns what may be shown of the text so far, and whether a word came.
func (s *stopper) cut(text string) (string, bool) {
	s.held += text
	first := -1
	keep := 0
	for _, w := range s.words {
		if w == "" {
			continue
		}
		if i := strings.Index(s.held, w); i >= 0 && (first < 0 || i < first) {
			first = i
		}
		for n := min(len(w)-1, len(s.held)); n > keep; n-- {
			if strings.HasSuffix(s.held, w[:n]) {
				keep = n
				break
			}
		}
	}
	if first >= 0 {
		text, s.held = s.held[:first], ""
		return text, true
	}
	text, s.held = s.held[:len(s.held)-keep], s.held[len(s.held)-keep:]
	return text, false
}

// rest gives up what was held back.
func (s *stopper) rest() string {
	text := s.held
	s.held = ""
	return text
}
