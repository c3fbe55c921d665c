package fusion

import (
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"time"

	"summit/llm"
)

func init() {
	Register("tokens", "members that show what they expect next write one answer together, token by token", newTokens)
}

// TokensParams are the parameters of tokens.
type TokensParams struct {
	Weigh       string             `yaml:"weigh" json:"weigh,omitempty" jsonschema:"enum=gate,enum=confidence,enum=agreement,enum=fixed" jsonschema_description:"what a member's weight at a step follows: gate = how well it expected the steps before; confidence = how sure it is of this one; agreement = how much it expects what the others do; fixed = weights alone; empty = gate"`
	Weights     map[string]float64 `yaml:"weights" json:"weights,omitempty" jsonschema_description:"how much a member counts to begin with; a member that is not named has 1"`
	Mix         string             `yaml:"mix" json:"mix,omitempty" jsonschema:"enum=linear,enum=geometric" jsonschema_description:"linear = the mean of the members' probabilities, geometric = of their logarithms; empty = linear"`
	Sharpness   float64            `yaml:"sharpness" json:"sharpness,omitempty" jsonschema:"minimum=0" jsonschema_description:"confidence, agreement: how much differences count; 0 = 1"`
	Change      float64            `yaml:"change" json:"change,omitempty" jsonschema:"minimum=0,maximum=1" jsonschema_description:"gate: how probably another member is the right one from one step to the next; 0 = 0.02"`
	Against     string             `yaml:"against" json:"against,omitempty" jsonschema_description:"contrast: the weaker of the two members, whose expectations count against an answer; empty = no contrast"`
	Strength    float64            `yaml:"strength" json:"strength,omitempty" jsonschema:"minimum=0" jsonschema_description:"contrast: how much they count; 0 = 0.5"`
	Plausible   float64            `yaml:"plausible" json:"plausible,omitempty" jsonschema:"minimum=0,maximum=1" jsonschema_description:"contrast: the stronger member's steps count that are so probable beside its likeliest; 0 = 0.1"`
	Draft       string             `yaml:"draft" json:"draft,omitempty" jsonschema_description:"speculation: the smaller of the two members, which proposes tokens that the other checks; empty = no speculation"`
	DraftTokens int                `yaml:"draft_tokens" json:"draft_tokens,omitempty" jsonschema:"minimum=0,maximum=64" jsonschema_description:"speculation: tokens proposed at a time; 0 = 4"`
	Budget      Budget             `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

// usualChange is TokensParams.Change: a guess, low enough that a gate holds on
// to a member for a sentence and high enough that it lets go within a word.
const usualChange = 0.02

// tokens lets members write one answer together, step by step. Where all have
// one vocabulary a step is a token; else it is a byte, and each member spells
// the text so far in its own tokens.
type tokens struct {
	*base
	settings TokensParams
	against  *seat // nil = no contrast
	draft    *seat // nil = no speculation

	mu       sync.Mutex
	lexicons map[llm.Vocab]*lexicon
	paired   map[[2]uint64]pairing
}

func newTokens(env Env, p TokensParams) (llm.Member, error) {
	b, err := newBase("tokens", env, needsAll, p.Budget, p.Weights)
	if err != nil {
		return nil, err
	}
	t := &tokens{base: b, settings: p, lexicons: map[llm.Vocab]*lexicon{}}
	if err := t.check(); err != nil {
		return nil, err
	}
	b.card.Logprobs = true
	return t, nil
}

// check fills the defaults and finds the members with a role.
func (t *tokens) check() error {
	p := &t.settings
	def := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&p.Sharpness, 1)
	def(&p.Change, usualChange)
	def(&p.Strength, 0.5)
	def(&p.Plausible, 0.1)
	if p.Weigh == "" {
		p.Weigh = weighGate
	}
	if p.Mix == "" {
		p.Mix = mixLinear
	}
	if p.DraftTokens == 0 {
		p.DraftTokens = 4
	}
	if !slices.Contains([]string{weighGate, weighConfidence, weighAgreement, weighFixed}, p.Weigh) {
		return t.errorf("weigh: %q, want gate, confidence, agreement or fixed", clip(p.Weigh))
	}
	if p.Mix != mixLinear && p.Mix != mixGeometric {
		return t.errorf("mix: %q, want linear or geometric", clip(p.Mix))
	}
	for _, v := range []struct {
		name      string
		got, most float64
	}{{"sharpness", p.Sharpness, 1000}, {"change", p.Change, 1}, {"strength", p.Strength, 100}, {"plausible", p.Plausible, 1}, {"draft_tokens", float64(p.DraftTokens), 64}} {
		if !(v.got > 0 && v.got <= v.most) {
			return t.errorf("%s: %v, want above 0 to %v", v.name, v.got, v.most)
		}
	}
	for _, s := range t.seats {
		if _, ok := llm.As[llm.Stepper](s.member); !ok && !s.card.Continues {
			return t.errorf("member %s doesn't show what it expects next: tokens wants models of this machine, or servers that go on with an answer that was begun and name the likeliest tokens (quirk continue_by)", s.name)
		}
	}
	if p.Against != "" && p.Draft != "" {
		return t.errorf("against and draft: want one of them")
	}
	for _, role := range []struct {
		name, who string
		to        **seat
	}{{"against", p.Against, &t.against}, {"draft", p.Draft, &t.draft}} {
		if role.who == "" {
			continue
		}
		for _, s := range t.seats {
			if s.name == role.who {
				*role.to = s
			}
		}
		if *role.to == nil {
			return t.errorf("%s: %q is no member of the model, which has %s", role.name, clip(role.who), seatNames(t.seats))
		}
		if len(t.seats) != 2 {
			return t.errorf("%s: %d members, want exactly two", role.name, len(t.seats))
		}
		for _, s := range t.seats {
			if _, ok := llm.As[llm.Stepper](s.member); !ok {
				return t.errorf("%s: member %s names the likeliest tokens only, want models of this machine", role.name, s.name)
			}
		}
	}
	return nil
}

// Generate writes the answer.
func (t *tokens) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return t.stream(ctx, r, t.answer)
}

func (t *tokens) answer(ctx context.Context, w *work) error {
	seats, err := w.fitting()
	if err != nil {
		return err
	}
	if why := whole(w.r); why != "" {
		return w.one(ctx, heaviest(seats), why)
	}
	s := w.scope(ctx, w.until, false)
	defer s.stop()
	g := &writing{t: t, work: w, scribe: &scribe{w: w}, start: time.Now()}
	defer g.close()
	if err := g.open(s.plain, seats); err != nil {
		return err
	}
	if g.drafts() {
		err = g.speculate(s.plain)
	} else {
		err = g.write(s.plain)
	}
	return g.finish(ctx, err)
}

// whole says why the request gets its answer from one member alone; empty =
// it doesn't have to.
func whole(r *llm.Request) string {
	switch {
	case toolWork(r):
		return "tool calls can't be written together"
	case r.Completion != nil:
		return "a text that is to be completed as it stands is one member's"
	case structured(r):
		return "an answer with a form can't be written together"
	}
	return ""
}

// lexicon returns the sorted vocabulary, made once.
func (t *tokens) lexicon(v llm.Vocab) *lexicon {
	if !reflect.TypeOf(v).Comparable() {
		return newLexicon(v)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.lexicons[v]
	if !ok {
		l = newLexicon(v)
		t.lexicons[v] = l
	}
	return l
}

func seedOf(r *llm.Request) uint64 {
	if r.Seed != nil {
		return uint64(*r.Seed)
	}
	return rand.Uint64()
}

// filterOf returns the request's sampling. Where it leaves temperature open
// that is 0.7, and tokens below a twentieth of the likeliest are left out, as
// models of this machine do that advise nothing.
func filterOf(r *llm.Request) *filter {
	f := &filter{temperature: 0.7, minP: 0.05, topK: r.TopK}
	if r.Temperature != nil {
		f.temperature = *r.Temperature
	}
	if r.Temperature != nil || r.TopP != nil || r.TopK > 0 {
		f.minP = 0
	}
	if r.TopP != nil {
		f.topP = *r.TopP
	}
	if r.MinP != nil {
		f.minP = *r.MinP
	}
	return f
}

// unserved says what of the request this strategy has no answer to.
func unserved(r *llm.Request) []string {
	var all []string
	if r.FrequencyPenalty != nil && *r.FrequencyPenalty != 0 || r.PresencePenalty != nil && *r.PresencePenalty != 0 || len(r.LogitBias) > 0 {
		all = append(all, "penalties and logit_bias don't count where members write together")
	}
	return all
}

// Quote returns what all members may cost.
func (t *tokens) Quote(r *llm.Request) (*llm.Cost, error) { return sum(t.quotes(r, 1, 0)...), nil }
