package fusion

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"summit/llm"
)

// base is what every strategy is built on: its members and its card.
type base struct {
	name     string
	strategy string
	card     llm.Card
	seats    []*seat // in the order of the configuration
	budget   Budget
	lookup   func(name string) (llm.Member, error) // nil = members only
	cool     cooler
	kept     keeper
}

// seat is one member's place in a strategy.
type seat struct {
	member   llm.Member
	card     *llm.Card
	name     string
	weight   float64
	strategy bool // a strategy too: it keeps the request's limits by itself
	lengths  lengths
}

// keepsLimits marks strategies, also behind wrappers.
func (b *base) keepsLimits() {}

// Card describes the strategy. It is read-only.
func (b *base) Card() *llm.Card { return &b.card }

// needs says how many of its members a strategy has to ask.
type needs bool

const (
	needsOne needs = false // one answers: what any of them can, the strategy can
	needsAll needs = true  // the window is that of the smallest
)

// newBase checks what all strategies share and builds the card.
func newBase(strategy string, env Env, n needs, budget Budget, weights map[string]float64) (*base, error) {
	b := &base{name: env.Name, strategy: strategy, budget: budget, lookup: env.Member}
	if env.Name == "" {
		return nil, fmt.Errorf("fusion: %s: the model has no name", strategy)
	}
	if len(env.Members) == 0 {
		return nil, b.errorf("no members, want at least one")
	}
	for i, m := range env.Members {
		if m == nil {
			return nil, b.errorf("member %d is missing", i+1)
		}
		b.seats = append(b.seats, newSeat(m))
	}
	if err := b.weigh(weights); err != nil {
		return nil, err
	}
	if budget.MaxCalls < 0 || budget.MaxCost < 0 || !(budget.MaxSeconds >= 0) {
		return nil, b.errorf("budget: a bound is negative, want zero (none) or more")
	}
	if budget.MaxCostOf != "" {
		if _, err := b.find(budget.MaxCostOf); err != nil {
			return nil, b.errorf("budget: max_cost_of: %w", err)
		}
	}
	b.describe(n)
	return b, nil
}

func newSeat(m llm.Member) *seat {
	s := &seat{member: m, card: m.Card(), weight: 1}
	s.name = s.card.Name
	_, s.strategy = llm.As[interface{ keepsLimits() }](m)
	return s
}

// weigh gives the seats their weights; a member that is not named has 1.
func (b *base) weigh(weights map[string]float64) error {
	names := make([]string, 0, len(weights))
	for name := range weights {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		w := weights[name]
		if !(w >= 0) || math.IsInf(w, 0) {
			return b.errorf("weights: %s is %v, want zero or more", clip(name), w)
		}
		found := false
		for _, s := range b.seats {
			if s.name == name {
				s.weight, found = w, true
			}
		}
		if !found {
			return b.errorf("weights: %q is no member of the model, which has %s", clip(name), seatNames(b.seats))
		}
	}
	return nil
}

func (b *base) errorf(format string, args ...any) error {
	return fmt.Errorf("fusion: %s: "+format, append([]any{b.name}, args...)...)
}

// find returns the member of that name: one of the strategy's own, else any.
func (b *base) find(name string) (llm.Member, error) {
	for _, s := range b.seats {
		if s.name == name {
			return s.member, nil
		}
	}
	if b.lookup == nil {
		return nil, fmt.Errorf("%q is no member of the model, which has %s", clip(name), seatNames(b.seats))
	}
	m, err := b.lookup(name)
	if err == nil && m == nil {
		err = fmt.Errorf("%q is no known member", clip(name))
	}
	return m, err
}

// helper returns the seat of a judge or an aggregator; nil where name is empty.
func (b *base) helper(role, name string) (*seat, error) {
	if name == "" {
		return nil, nil
	}
	m, err := b.find(name)
	if err != nil {
		return nil, b.errorf("%s: %w", role, err)
	}
	return newSeat(m), nil
}

// describe makes the card: able to do what any member can, since requests go
// to those that fit, with the window that the strategy's need allows.
func (b *base) describe(n needs) {
	c := &b.card
	c.Name = b.name
	c.About = fmt.Sprintf("%s of %s", b.strategy, seatNames(b.seats))
	smallest := func(a, b int) int { // of the known ones
		return least(a, b)
	}
	largest := func(a, b int) int { // unknown where one is unknown
		if a == 0 || b == 0 {
			return 0
		}
		return max(a, b)
	}
	join := largest
	if n == needsAll {
		join = smallest
	}
	first := b.seats[0].card
	c.Vendor, c.Family, c.WindowTokens, c.MaxOutputTokens = first.Vendor, first.Family, first.WindowTokens, first.MaxOutputTokens
	for _, s := range b.seats {
		m := s.card
		c.WindowTokens, c.MaxOutputTokens = join(c.WindowTokens, m.WindowTokens), join(c.MaxOutputTokens, m.MaxOutputTokens)
		c.Tools = c.Tools || m.Tools
		c.Structured = c.Structured || m.Structured
		c.Reasoning = c.Reasoning || m.Reasoning
		c.Logprobs = c.Logprobs || m.Logprobs
		if m.Vendor != c.Vendor {
			c.Vendor = ""
		}
		if m.Family != c.Family {
			c.Family = ""
		}
		for _, in := range m.Inputs {
			if !slices.Contains(c.Inputs, in) {
				c.Inputs = append(c.Inputs, in)
			}
		}
		for _, l := range m.Labels {
			if !slices.Contains(c.Labels, l) {
				c.Labels = append(c.Labels, l)
			}
		}
	}
}

// work is one request on its way through one strategy. Only the goroutine
// that ranges over the stream touches it.
type work struct {
	*base
	r     *llm.Request
	emit  func(llm.Event) bool
	purse *purse
	until time.Time // the request's time limit; zero = none
	out   *llm.Outcome
	notes []string // what was left out or cut short, and why; the end of Reason
	spoke bool     // an event was sent
	input int64    // tokens of r, estimated; 0 = not counted yet
}

// stream runs answer as the strategy's stream. answer emits the events, adds
// a part to w.out for each member asked and says in w.out.Reason what decided.
func (b *base) stream(ctx context.Context, r *llm.Request, answer func(context.Context, *work) error) llm.Stream {
	return llm.NewStream(ctx, b.name, func(ctx context.Context, emit func(llm.Event) bool) (*llm.Outcome, error) {
		w := &work{base: b, r: r, emit: emit, out: &llm.Outcome{Strategy: b.strategy}}
		err := w.begin(ctx)
		if err == nil {
			err = answer(ctx, w)
		}
		w.out.SumParts()
		if len(w.notes) > 0 {
			w.because(strings.Join(w.notes, "; "))
		}
		return w.out, err
	})
}

// because adds to the Outcome's reason.
func (w *work) because(why string) {
	if w.out.Reason != "" && why != "" {
		w.out.Reason += "; "
	}
	w.out.Reason += why
}

// note says something that limits the answer, at the end of the reason.
func (w *work) note(format string, args ...any) {
	const most = 32 // a request has at most a few dozen members
	if len(w.notes) < most {
		w.notes = append(w.notes, fmt.Sprintf(format, args...))
	}
}

// send emits an event; it is false once the caller is gone.
func (w *work) send(e llm.Event) bool {
	w.spoke = true
	return w.emit(e)
}

// progress tells a caller who reads a stream what the council does.
func (w *work) progress(member string, state llm.ProgressState, note string) {
	if w.r.Streaming {
		w.send(llm.Event{Kind: llm.KindProgress, Progress: &llm.ProgressNote{Member: member, State: state, Note: note}})
	}
}

// fitting returns the members that can serve the request and says which ones
// were left out. Where none fits the error names the reason of each; its kind
// is TooLong where that was everyone's reason, else Unsupported.
func (w *work) fitting() ([]*seat, error) {
	fit := w.seats
	var why []string
	param, tooLong := "", true
	for i, s := range w.seats {
		e := s.card.Fits(w.r)
		switch {
		case e != nil:
			if why == nil {
				fit = append([]*seat(nil), w.seats[:i]...)
			}
			why = append(why, s.name+" ("+e.Message+")")
			if param == "" {
				param = e.Param
			}
			tooLong = tooLong && e.Kind == llm.TooLong
		case why != nil:
			fit = append(fit, s)
		}
	}
	if why == nil {
		return fit, nil
	}
	if len(fit) == 0 {
		e := llm.Errorf(llm.Unsupported, "no member can serve this request: %s", strings.Join(why, ", "))
		if e.Param = param; tooLong {
			e.Kind = llm.TooLong
		}
		return nil, e
	}
	w.note("left out: %s", strings.Join(why, ", "))
	return fit, nil
}

// heaviest returns the seats by weight, the first of equals first.
func heaviest(seats []*seat) []*seat {
	seats = slices.Clone(seats)
	slices.SortStableFunc(seats, func(a, b *seat) int { return cmp.Compare(b.weight, a.weight) })
	return seats
}

// adopt copies into the Outcome what a part says of the answer itself.
func (w *work) adopt(part *llm.Outcome) {
	w.out.Model, w.out.Finish = part.Model, part.Finish
	w.out.Answer, w.out.ConfidencePPM = part.Answer, part.ConfidencePPM
}

func seatNames(seats []*seat) string {
	names := make([]string, len(seats))
	for i, s := range seats {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

// clip keeps what came from outside short in messages, cutting between runes.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 {
		cut--
	}
	return s[:cut] + "…"
}
