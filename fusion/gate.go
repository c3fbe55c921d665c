package fusion

import (
	"context"
	"fmt"
	"slices"

	"summit/llm"
)

func init() {
	Register("gate", "a learned gate sends each request to the member that it is for, or says that it is for none", newGate)
}

// Gate knows which member a text is for: it was learned from texts that each
// member is for, and from texts that none is for.
type Gate interface {
	// Choose returns the name of the member, or of the model that it runs,
	// and how sure that is, 0 to 1; empty = none.
	Choose(text string) (member string, confidence float64)
}

// GateParams are the parameters of gate. What the gate learned comes with the
// members; where nothing was learned of them, the first one answers.
type GateParams struct {
	Samples     int     `yaml:"samples" json:"samples,omitempty" jsonschema:"minimum=0,maximum=32" jsonschema_description:"the chosen member answers so many times, and the answer that most of these agree on is taken; 0 = once, streamed"`
	Otherwise   string  `yaml:"otherwise" json:"otherwise,omitempty" jsonschema_description:"what is said to a request that is for no member; empty = such a request fails"`
	OtherwiseZH string  `yaml:"otherwise_zh" json:"otherwise_zh,omitempty" jsonschema_description:"the same, where the request is in Chinese; empty = otherwise"`
	Sure        float64 `yaml:"sure" json:"sure,omitempty" jsonschema:"minimum=0,maximum=1" jsonschema_description:"an answer of likeliest tokens one of which its member held less probable than this is not given, and unsure is said; such answers are not streamed; 0 = all are given"`
	Unsure      string  `yaml:"unsure" json:"unsure,omitempty" jsonschema_description:"what is said instead of an answer that its member is not sure of; empty = otherwise"`
	UnsureZH    string  `yaml:"unsure_zh" json:"unsure_zh,omitempty" jsonschema_description:"the same, where the request is in Chinese; empty = unsure"`
	Budget      Budget  `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

// maxSamples bounds how often one member is asked for one request.
const maxSamples = 32

// sampleTemperature is for answers that are compared: at 0 all were the same.
// A guess, as usual for votes of one model with itself.
const sampleTemperature = 0.7

type gate struct {
	*base
	learned  Gate // nil = nothing
	params   GateParams
	doubting map[*seat]*seat // seats by which answers are kept back that are not sure
}

func newGate(env Env, p GateParams) (llm.Member, error) {
	b, err := newBase("gate", env, needsOne, p.Budget, nil)
	if err != nil {
		return nil, err
	}
	if p.Samples < 0 || p.Samples > maxSamples {
		return nil, b.errorf("samples: %d, want 0 to %d", p.Samples, maxSamples)
	}
	if !(p.Sure >= 0 && p.Sure <= 1) {
		return nil, b.errorf("sure: %v, want 0 to 1", p.Sure)
	}
	if p.UnsureZH == "" {
		p.UnsureZH = p.Unsure
	}
	if p.Sure > 0 && p.Unsure == "" && p.Otherwise == "" {
		return nil, b.errorf("sure: %v without unsure or otherwise, want what is said to a doubtful answer", p.Sure)
	}
	if p.OtherwiseZH == "" {
		p.OtherwiseZH = p.Otherwise
	}
	g := &gate{b, env.Gate, p, map[*seat]*seat{}}
	for _, s := range b.seats {
		if p.Sure > 0 && s.card.Logprobs {
			g.doubting[s] = &seat{member: &doubter{s.member, p.Sure, g.unsure}, card: s.card, name: s.name, weight: s.weight, strategy: s.strategy}
		}
	}
	return g, nil
}

// unsure is what is said instead of a doubtful answer.
func (g *gate) unsure(r *llm.Request) string {
	text := r.LastUser()
	if say := inLanguage(text, g.params.Unsure, g.params.UnsureZH); say != "" {
		return say
	}
	return inLanguage(text, g.params.Otherwise, g.params.OtherwiseZH)
}

// Generate asks the member that the last user message is for.
func (g *gate) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return g.stream(ctx, r, func(ctx context.Context, w *work) error {
		fit, err := w.fitting()
		if err != nil {
			return err
		}
		s, err := g.choose(w, fit)
		if s == nil || err != nil {
			return err
		}
		if g.params.Samples > 1 && !toolWork(r) {
			return g.sample(ctx, w, s)
		}
		if own := g.doubting[s]; own != nil && !toolWork(r) {
			s = own
		}
		_, part, err := w.relay(ctx, []*seat{s}, r, pass{})
		if part != nil {
			w.adopt(part)
		}
		return err
	})
}

// choose returns who answers; nil where the refusal was said, or failed.
func (g *gate) choose(w *work, fit []*seat) (*seat, error) {
	if g.learned == nil {
		w.because("no gate was learned for these members: the first one")
		return fit[0], nil
	}
	text := w.r.LastUser()
	name, p := g.learned.Choose(text)
	for _, s := range fit {
		if name != "" && (s.name == name || s.card.Model == name) {
			w.because(fmt.Sprintf("the gate gives %s %.0f %%", s.name, 100*p))
			return s, nil
		}
	}
	if name != "" {
		w.because(fmt.Sprintf("the gate gives %s %.0f %%, who is not there", clip(name), 100*p))
	} else {
		w.because(fmt.Sprintf("the gate is %.0f %% sure that it is for no member", 100*p))
	}
	say := inLanguage(text, g.params.Otherwise, g.params.OtherwiseZH)
	if say == "" {
		return nil, llm.Errorf(llm.Unsupported, "the request is for none of %s", seatNames(g.seats))
	}
	w.out.Finish = llm.FinishStop
	w.send(llm.Event{Kind: llm.KindText, Text: say})
	return nil, nil
}

// inLanguage returns the text in the language of a request.
func inLanguage(request, en, zh string) string {
	if language(request) == "zh" {
		return zh
	}
	return en
}

// sample asks one member several times and takes the answer that most agree on.
func (g *gate) sample(ctx context.Context, w *work, s *seat) error {
	seats := make([]*seat, g.params.Samples)
	for i := range seats {
		seats[i] = s
	}
	asks := w.proposals(seats, w.r)
	for i := range asks[1:] { // the first answers as it always does
		r := *w.r
		if r.Temperature == nil {
			r.Temperature = new(sampleTemperature)
		}
		if r.Seed != nil {
			r.Seed = new(*r.Seed + int64(i) + 1)
		}
		asks[i+1].r = &r
	}
	replies := w.council(ctx, asks, w.phase(1), w.enough(seats, false))
	if err := failures(replies); len(err) == len(replies) {
		return failed(err)
	}
	w.cutShort(replies)
	d := w.decide(replies, false)
	w.because(d.why)
	w.use(d)
	w.say(d.winner)
	return nil
}

// Quote returns what the dearest member may cost, as often as it may be asked.
func (g *gate) Quote(r *llm.Request) (*llm.Cost, error) {
	var all []*llm.Cost
	for _, s := range g.seats {
		if s.card.Fits(r) == nil {
			one := worst(s.member, s.card, r, 0)
			all = append(all, sum(slices.Repeat([]*llm.Cost{one}, max(1, g.params.Samples))...))
		}
	}
	return dearest(all...), nil
}
