package member

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"summit/catalogue"
	"summit/dialect"
	"summit/llm"
)

// vendor is an OpenAI-compatible vendor or server, as data. One more is one
// file with an init that calls registerOpenAI.
type vendor struct {
	name    string
	about   string
	maker   string // who makes the models; empty = whoever made the served one
	baseURL string
	model   string   // the default; empty = the first that the server lists
	keyEnv  []string // where its key may be; nil = needs none
	local   bool
	quirks  dialect.Quirks
	// home adds the quirks and returns the default model of the vendor's own
	// address, for a kind that is mostly used with others'; nil = none.
	home   func(*dialect.Quirks) (model string)
	models []llm.Card // what the catalogue knows of its models: Model, window, inputs, list prices
	manual bool       // it is used only where it is configured: it needs settings, or another kind is the vendor's usual one
	// params returns a pointer to settings that have OpenAIParams inside them;
	// nil = *OpenAIParams.
	params func() params
	// wire returns how the server is spoken to; p is what params returned,
	// filled. nil = Chat Completions and a bearer key. It may change c.BaseURL.
	wire func(c *Config, p params) (wire, error)
	// wrap makes the member of what speaks to the server; nil = as it is.
	wrap func(m *OpenAI, p params) llm.Member
}

// params is the settings of a kind: OpenAIParams, or a struct that has them
// inside.
type params interface{ common() *OpenAIParams }

func (p *OpenAIParams) common() *OpenAIParams { return p }

// labelUnverified marks what nobody has tried against the live service.
const labelUnverified = "unverified"

// registerOpenAI adds a kind for the vendor.
func registerOpenAI(v vendor) {
	if err := v.quirks.Valid(); err != nil {
		panic(fmt.Sprintf("member: %s: %v", v.name, err))
	}
	v.models = known(v.name, v.maker)
	own := func() params {
		p := params(&OpenAIParams{})
		if v.params != nil {
			p = v.params()
		}
		q := v.quirks // a copy, so that a configuration may change it
		q.Strip, q.Pass, q.AlwaysThink = slices.Clone(q.Strip), slices.Clone(q.Pass), slices.Clone(q.AlwaysThink)
		q.Body, q.Efforts, q.Codes = maps.Clone(q.Body), maps.Clone(q.Efforts), maps.Clone(q.Codes)
		p.common().Quirks = q
		return p
	}
	Register(Kind{
		Name: v.name, About: v.about, Vendor: v.maker, BaseURL: v.baseURL, Model: v.model, KeyEnv: v.keyEnv, Local: v.local, Manual: v.manual,
		Models: v.models,
		Params: func() any { return own() },
		New: func(c Config) (llm.Member, error) {
			p := own()
			switch given := c.Params.(type) {
			case nil:
			case OpenAIParams:
				*p.common() = given
			case params:
				if reflect.TypeOf(given) == reflect.TypeOf(p) {
					reflect.ValueOf(p).Elem().Set(reflect.ValueOf(given).Elem()) // a copy: a member may change it
				} else {
					return nil, fmt.Errorf("member: %s: parameters are %T, want %T", c.Name, c.Params, p)
				}
			default:
				return nil, fmt.Errorf("member: %s: parameters are %T, want %T", c.Name, c.Params, p)
			}
			home := strings.TrimRight(c.BaseURL, "/") == v.baseURL
			if v.home != nil && home {
				if model := v.home(&p.common().Quirks); c.Model == "" {
					c.Model, c.Card.Model = model, model
				}
			}
			c.Card = v.card(c, home)
			var w wire
			if v.wire != nil {
				p.common().defaults()
				var err error
				if w, err = v.wire(&c, p); err != nil {
					return nil, fmt.Errorf("member: %s: %w", c.Name, err)
				}
			}
			m, err := newOpenAI(c, *p.common(), w)
			if err != nil || v.wrap == nil {
				return m, err
			}
			return v.wrap(m, p), nil
		},
	})
}

// card fills in what the user left open: facts of a known model, and at the
// vendor's own address (home) its list prices. That a server calls tools and
// keeps to schemas is assumed until it refuses.
func (v *vendor) card(c Config, home bool) llm.Card {
	card := c.Card
	card.Tools, card.Structured = true, true
	i := slices.IndexFunc(v.models, func(m llm.Card) bool { return m.Model == c.Model })
	if home || i >= 0 {
		card.Labels = append(slices.Clone(card.Labels), labelUnverified)
	}
	if i < 0 {
		return card
	}
	fill := func(to *int, from int) {
		if *to == 0 {
			*to = from
		}
	}
	known := &v.models[i]
	fill(&card.WindowTokens, known.WindowTokens)
	fill(&card.MaxOutputTokens, known.MaxOutputTokens)
	card.Reasoning = card.Reasoning || known.Reasoning
	if card.Family == "" {
		card.Family = known.Family
	}
	if card.Inputs == nil {
		card.Inputs = known.Inputs
	}
	if card.Prices == nil && home {
		card.Prices = known.Prices
	}
	return card
}

// known returns what the catalogue knows of the models that a kind serves, with
// the vendor's own price list. Of several prices for the same case the first
// one that is known holds for all time before it.
func known(kind, maker string) []llm.Card {
	var cards []llm.Card
	for _, m := range catalogue.Of(kind) {
		c := llm.Card{Vendor: maker, Model: m.ID, Family: m.Family, WindowTokens: m.WindowTokens, MaxOutputTokens: m.MaxOutputTokens, Reasoning: m.Reasoning}
		for _, mode := range m.Inputs {
			c.Inputs = append(c.Inputs, llm.Modality(mode))
		}
		list := m.List()
		for _, p := range list {
			price := llm.Price{Currency: p.Currency, From: p.ValidFrom, AboveInputTokens: p.AboveInputTokens, Within: p.Within,
				Input: p.Input, Output: p.Output, CacheRead: p.CacheRead, CacheWrite: p.CacheWrite, Reasoning: p.Reasoning, Source: p.Source, Unverified: p.Unverified}
			if !slices.ContainsFunc(list, func(q catalogue.Price) bool {
				return q.AboveInputTokens == p.AboveInputTokens && q.Window == p.Window && q.ValidFrom.Before(p.ValidFrom)
			}) {
				price.From = time.Time{}
			}
			c.Prices = append(c.Prices, price)
		}
		cards = append(cards, c)
	}
	return cards
}
