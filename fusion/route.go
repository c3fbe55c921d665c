package fusion

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"summit/llm"
)

func init() {
	Register("route", "rules choose one member, else a split by weight", newRoute)
}

// RouteParams are the parameters of route. The first rule that matches and
// whose member can serve the request decides; without one, Weights split the
// conversations among the members, and without weights the first member
// answers.
type RouteParams struct {
	Rules   []RouteRule        `yaml:"rules" json:"rules,omitempty" jsonschema_description:"in order; the first that matches decides"`
	Weights map[string]float64 `yaml:"weights" json:"weights,omitempty" jsonschema_description:"shares of the conversations that no rule decides, by member; a conversation stays with its member; empty = all go to the first member"`
	Budget  Budget             `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

// RouteRule matches where every condition that is set holds. A rule without
// conditions matches always.
type RouteRule struct {
	To       string `yaml:"to" json:"to" jsonschema:"required" jsonschema_description:"the member that answers"`
	Language string `yaml:"language" json:"language,omitempty" jsonschema:"enum=zh,enum=en" jsonschema_description:"what the last user message is mostly written in"`
	Contains string `yaml:"contains" json:"contains,omitempty" jsonschema_description:"a text in the last user message, capital or small"`
	Matches  string `yaml:"matches" json:"matches,omitempty" jsonschema_description:"a regular expression (RE2) found in the last user message"`
	Model    string `yaml:"model" json:"model,omitempty" jsonschema_description:"the model name that the client asked for"`
	Format   string `yaml:"format" json:"format,omitempty" jsonschema:"enum=text,enum=json,enum=json_object,enum=json_schema" jsonschema_description:"the form of answer asked for; json = either kind of JSON"`
	// MinInputTokens and MaxInputTokens bound the estimated length of the
	// whole conversation; 0 = no bound.
	MinInputTokens int   `yaml:"min_input_tokens" json:"min_input_tokens,omitempty" jsonschema:"minimum=0" jsonschema_description:"the conversation has at least so many tokens, by estimate"`
	MaxInputTokens int   `yaml:"max_input_tokens" json:"max_input_tokens,omitempty" jsonschema:"minimum=0" jsonschema_description:"the conversation has at most so many tokens, by estimate"`
	Tools          *bool `yaml:"tools" json:"tools,omitempty" jsonschema_description:"the request has tools, or has none"`
	Images         *bool `yaml:"images" json:"images,omitempty" jsonschema_description:"the conversation has images, or has none"`
	Code           *bool `yaml:"code" json:"code,omitempty" jsonschema_description:"the last user message holds source code, or holds none"`
}

// route asks the one member that the rules choose.
type route struct {
	*base
	rules []rule
	split []*seat // members with a share
}

type rule struct {
	RouteRule
	seat    *seat
	matches *regexp.Regexp
	text    string // for people
}

func newRoute(env Env, p RouteParams) (llm.Member, error) {
	b, err := newBase("route", env, needsOne, p.Budget, p.Weights)
	if err != nil {
		return nil, err
	}
	m := &route{base: b}
	for i, r := range p.Rules {
		c, err := b.compile(r)
		if err != nil {
			return nil, b.errorf("rule %d: %w", i+1, err)
		}
		c.text = fmt.Sprintf("rule %d (%s)", i+1, c.text)
		m.rules = append(m.rules, c)
	}
	for _, s := range b.seats {
		if w, named := p.Weights[s.name]; named && w > 0 {
			m.split = append(m.split, s)
		}
	}
	if len(p.Weights) > 0 && len(m.split) == 0 {
		return nil, b.errorf("weights: none is above zero")
	}
	return m, nil
}

func (b *base) compile(r RouteRule) (rule, error) {
	c := rule{RouteRule: r}
	for _, s := range b.seats {
		if s.name == r.To {
			c.seat = s
		}
	}
	if c.seat == nil {
		return c, fmt.Errorf("to: %q is no member of the model, which has %s", clip(r.To), seatNames(b.seats))
	}
	if !slices.Contains([]string{"", "zh", "en"}, r.Language) {
		return c, fmt.Errorf("language %q, want zh or en", clip(r.Language))
	}
	if !slices.Contains([]string{"", "text", "json", "json_object", "json_schema"}, r.Format) {
		return c, fmt.Errorf("format %q, want text, json, json_object or json_schema", clip(r.Format))
	}
	if r.MinInputTokens < 0 || r.MaxInputTokens < 0 || (r.MaxInputTokens > 0 && r.MaxInputTokens < r.MinInputTokens) {
		return c, fmt.Errorf("%d to %d input tokens, want zero or more, the least first", r.MinInputTokens, r.MaxInputTokens)
	}
	if r.Matches != "" {
		re, err := regexp.Compile(r.Matches)
		if err != nil {
			return c, fmt.Errorf("matches: %w", err)
		}
		c.matches = re
	}
	c.text = r.describe()
	return c, nil
}

// describe names the conditions that are set.
func (r *RouteRule) describe() string {
	var all []string
	add := func(set bool, format string, args ...any) {
		if set {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	flag := func(b *bool, word string) {
		if b != nil && *b {
			add(true, "%s", word)
		} else {
			add(b != nil, "no %s", word)
		}
	}
	add(r.Language != "", "language %s", r.Language)
	add(r.Contains != "", "contains %q", clip(r.Contains))
	add(r.Matches != "", "matches %q", clip(r.Matches))
	add(r.Model != "", "model %s", clip(r.Model))
	add(r.Format != "", "format %s", r.Format)
	add(r.MinInputTokens > 0, "at least %d input tokens", r.MinInputTokens)
	add(r.MaxInputTokens > 0, "at most %d input tokens", r.MaxInputTokens)
	flag(r.Tools, "tools")
	flag(r.Images, "images")
	flag(r.Code, "code")
	add(len(all) == 0, "always")
	return strings.Join(all, ", ")
}

// Generate asks the member that the rules choose.
func (m *route) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return m.stream(ctx, r, func(ctx context.Context, w *work) error {
		fit, err := w.fitting()
		if err != nil {
			return err
		}
		s, why := m.choose(r, fit)
		w.because(why)
		_, part, err := w.relay(ctx, []*seat{s}, r, pass{})
		if part != nil {
			w.adopt(part)
		}
		return err
	})
}

// choose returns the member that answers and why. Members that don't fit are
// not chosen: their rules are passed over.
func (m *route) choose(r *llm.Request, fit []*seat) (*seat, string) {
	text := r.LastUser()
	for i := range m.rules {
		if c := &m.rules[i]; slices.Contains(fit, c.seat) && c.holds(r, text) {
			return c.seat, c.text
		}
	}
	// Weighted rendezvous hashing (Thaler & Ravishankar 1998; weights after
	// Schindelhauer & Schomaker 2005): where a member comes or goes, only its
	// own conversations move.
	key := conversation(r)
	var best *seat
	top := math.Inf(-1)
	for _, s := range m.split {
		if !slices.Contains(fit, s) {
			continue
		}
		u := (float64(hash(fmt.Sprint(key), s.name)>>11) + 0.5) / (1 << 53)
		if score := s.weight / -math.Log(u); score > top {
			best, top = s, score
		}
	}
	if best != nil {
		return best, "no rule matches: split by weight"
	}
	return fit[0], "no rule matches: the first member"
}

// holds reports whether all conditions hold. text is the last user message.
func (c *rule) holds(r *llm.Request, text string) bool {
	is := func(want *bool, have func() bool) bool { return want == nil || *want == have() }
	switch {
	case c.Model != "" && c.Model != r.Model,
		c.Format != "" && !c.asks(r.Format),
		!is(c.Tools, func() bool { return len(r.Tools) > 0 }),
		!is(c.Images, func() bool { return r.Has(llm.PartImage) }),
		c.Language != "" && language(text) != c.Language,
		c.Contains != "" && !strings.Contains(strings.ToLower(text), strings.ToLower(c.Contains)),
		c.matches != nil && !c.matches.MatchString(text),
		!is(c.Code, func() bool { return looksLikeCode(text) }):
		return false
	}
	if c.MinInputTokens > 0 || c.MaxInputTokens > 0 {
		n := inputTokens(r)
		if n < int64(c.MinInputTokens) || (c.MaxInputTokens > 0 && n > int64(c.MaxInputTokens)) {
			return false
		}
	}
	return true
}

func (c *rule) asks(f *llm.Format) bool {
	kind := "text"
	if f != nil && f.Kind != "" {
		kind = f.Kind
	}
	return c.Format == kind || (c.Format == "json" && kind != "text")
}

// Quote returns what the dearest member may cost.
func (m *route) Quote(r *llm.Request) (*llm.Cost, error) { return dearest(m.quotes(r, 1, 0)...), nil }
