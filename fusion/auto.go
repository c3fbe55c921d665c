package fusion

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"summit/llm"
)

func init() {
	Register("auto", "one capable member where answers can't be compared, else whom a brain says, or a cascade by agreement", newAuto)
}

// AutoParams are the parameters of auto.
type AutoParams struct {
	Order    []string           `yaml:"order" json:"order,omitempty" jsonschema_description:"all members from the cheapest to the strongest; empty = by price, the dearest taken for the strongest, or in the order of members where a price is unknown"`
	Agree    int                `yaml:"agree" json:"agree,omitempty" jsonschema:"minimum=0" jsonschema_description:"so many equal answers are accepted; 0 = 2"`
	Weights  map[string]float64 `yaml:"weights" json:"weights,omitempty" jsonschema_description:"log-odds of being right, by member; a member that is not named has 1"`
	Effort   string             `yaml:"effort" json:"effort,omitempty" jsonschema:"enum=fast,enum=balanced,enum=best" jsonschema_description:"what a brain may spend on average, as a multiple of what the best single member costs: fast = 0.25, balanced = 1, best = 3; empty = balanced"`
	CostX    float64            `yaml:"cost_x" json:"cost_x,omitempty" jsonschema:"minimum=0" jsonschema_description:"that multiple as a number, instead of effort; 0 = by effort"`
	Price    float64            `yaml:"price" json:"price,omitempty" jsonschema:"minimum=0" jsonschema_description:"instead of both: how much accuracy, of 1, a call at the best single member's cost has to gain; 0 = by cost_x or effort"`
	Parallel int                `yaml:"parallel" json:"parallel,omitempty" jsonschema:"minimum=0" jsonschema_description:"most members that a brain asks at the same time, to save time; 0 = 1"`
	Budget   Budget             `yaml:"budget" json:"budget,omitzero" jsonschema_description:"bounds of one request"`
}

// auto chooses by what the request needs:
//
//   - Tools, tool calls in the conversation, images, sounds, files, a JSON
//     format or a long context: one capable member answers, the strongest
//     first, and keeps the conversation; the next where it fails before its
//     first content.
//   - Anything else: a cascade by agreement from the cheapest member up. If
//     the first answer can't be compared, as with free text, the strongest
//     member answers alone and streams.
//
// The request's budget.prefer changes that: "cost" lets the cheapest capable
// member be the one, "speed" has one member answer always, and "quality" asks
// for one more member to agree.
//
// With a brain the second case is its: it says whom to ask next, weighs the
// answers by who gave them to what kind of question, and stops where another
// one isn't worth its price. "cost" and "quality" are then the efforts fast
// and best. Without a brain the order is by configuration or price as it was
// when the model was built, and the last member is trusted to be the strongest.
type auto struct {
	*base // seats from the cheapest to the strongest
	climb climb
	mind  *mind // nil = no brain
}

func newAuto(env Env, p AutoParams) (llm.Member, error) {
	b, err := newBase("auto", env, needsOne, p.Budget, p.Weights)
	if err != nil {
		return nil, err
	}
	if b.seats, err = b.cheapFirst(p.Order); err != nil {
		return nil, err
	}
	a := &auto{base: b, climb: climb{agree: p.Agree, blind: 1}}
	if err := a.climb.check(b); err != nil {
		return nil, err
	}
	a.mind, err = newMind(b, env, p)
	return a, err
}

// cheapFirst orders the seats as named, else by price.
func (b *base) cheapFirst(order []string) ([]*seat, error) {
	seats := slices.Clone(b.seats)
	if len(order) > 0 {
		place := func(s *seat) int { return slices.Index(order, s.name) }
		slices.SortStableFunc(seats, func(x, y *seat) int { return cmp.Compare(place(x), place(y)) })
		if len(order) != len(seats) || slices.ContainsFunc(seats, func(s *seat) bool { return place(s) < 0 }) {
			return nil, b.errorf("order: %s, want each of %s once", clip(strings.Join(order, ", ")), seatNames(b.seats))
		}
		return seats, nil
	}
	// A usual request, by guess; only the order of the prices counts.
	usual := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, strings.Repeat("word ", 800))}, MaxTokens: 500}
	price := map[*seat]*llm.Cost{}
	for _, s := range seats {
		c := worst(s.member, s.card, usual, 0)
		if c == nil || (price[seats[0]] != nil && c.Currency != price[seats[0]].Currency) {
			return seats, nil
		}
		price[s] = c
	}
	slices.SortStableFunc(seats, func(x, y *seat) int { return cmp.Compare(price[x].Amount, price[y].Amount) })
	return seats, nil
}

// Generate chooses by what the request needs.
func (a *auto) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	return a.stream(ctx, r, a.answer)
}

func (a *auto) answer(ctx context.Context, w *work) error {
	seats, err := w.fitting()
	if err != nil {
		return err
	}
	prefer := w.r.Summit.Budget.Prefer
	if why := alone(w.r, prefer, seats); why != "" {
		seats = schooled(w.r, seats)
		if prefer != "cost" {
			seats = strongest(seats)
		}
		return w.one(ctx, seats, why)
	}
	if a.mind != nil {
		return w.think(ctx, seats, a.mind, prefer)
	}
	c := a.climb
	if prefer == "quality" {
		c.agree++
	}
	return w.climb(ctx, seats, c)
}

// alone says why one member has to answer alone; empty where it needn't.
func alone(r *llm.Request, prefer string, seats []*seat) string {
	switch {
	case toolWork(r):
		return "tools"
	case r.Has(llm.PartImage):
		return "images"
	case r.Has(llm.PartAudio):
		return "audio"
	case r.Has(llm.PartFile):
		return "files"
	case structured(r):
		return "a JSON format"
	case r.Summit.Question == nil && inputTokens(r) > longTokens:
		return "a long context"
	case prefer == "speed":
		return "speed is preferred"
	case len(seats) == 1:
		return "no other member fits"
	}
	return ""
}

// schooled returns the seats that write JSON by schema where that is asked
// for and any can; a member without that ability may still manage.
func schooled(r *llm.Request, seats []*seat) []*seat {
	if r.Format == nil || r.Format.Kind != "json_schema" {
		return seats
	}
	var able []*seat
	for _, s := range seats {
		if s.card.Structured {
			able = append(able, s)
		}
	}
	if len(able) == 0 {
		return seats
	}
	return able
}

// Quote returns what all members may cost.
func (a *auto) Quote(r *llm.Request) (*llm.Cost, error) { return sum(a.quotes(r, 1, 0)...), nil }
