package fusion

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"summit/brain"
	"summit/llm"
	"summit/money"
)

// efforts are what may be spent on average, as multiples of what the best
// single member costs.
var efforts = map[string]float64{"fast": 0.25, "": 1, "balanced": 1, "best": 3}

// mind is a brain with what a model was configured to spend.
type mind struct {
	brain    *brain.Brain
	space    string                                           // of its sketches
	shift    func(ctx context.Context, member string) float64 // nil = nobody's
	price    float64                                          // what accuracy is worth; 0 = there are caps
	paces    map[string]*brain.Pace                           // by a request's budget.prefer; "" = as configured
	parallel int
	costX    map[string]float64 // of members that the brain doesn't know, by name
}

// newMind checks the parameters that are a brain's; nil = there is none.
func newMind(b *base, env Env, p AutoParams) (*mind, error) {
	mine := env.Brain
	spend, known := efforts[p.Effort]
	switch {
	case !known:
		return nil, b.errorf("effort: %q, want fast, balanced or best", clip(p.Effort))
	case !(p.CostX >= 0) || math.IsInf(p.CostX, 0):
		return nil, b.errorf("cost_x: %v, want zero or more", p.CostX)
	case !(p.Price >= 0) || math.IsInf(p.Price, 0):
		return nil, b.errorf("price: %v, want zero or more", p.Price)
	case p.Parallel < 0 || p.Parallel > maxParallel:
		return nil, b.errorf("parallel: %d, want 0 to %d", p.Parallel, maxParallel)
	case mine == nil:
		return nil, nil
	}
	if p.CostX > 0 {
		spend = p.CostX
	}
	m := &mind{brain: mine, space: mine.Space(), shift: env.Shift, parallel: max(p.Parallel, 1), price: p.Price, paces: map[string]*brain.Pace{}, costX: map[string]float64{}}
	for prefer, x := range map[string]float64{"": spend, "cost": efforts["fast"], "quality": efforts["best"]} {
		pace, err := mine.Pace(x)
		if err != nil {
			return nil, b.errorf("%w", err)
		}
		m.paces[prefer] = pace
	}
	if env.Pace != nil {
		m.paces[""] = env.Pace
	}
	m.compare(b.seats)
	return m, nil
}

// compare finds what members cost that the brain doesn't know, by their prices
// for a usual request beside that of the brain's best.
func (m *mind) compare(seats []*seat) {
	usual := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, strings.Repeat("word ", 800))}, MaxTokens: 500}
	price := func(s *seat) *llm.Cost { return worst(s.member, s.card, usual, 0) }
	i := slices.IndexFunc(seats, func(s *seat) bool { return s.name == m.brain.Best() })
	if i < 0 {
		return
	}
	best := price(seats[i])
	if best == nil || best.Amount <= 0 {
		return
	}
	for _, s := range seats {
		if m.brain.Knows(s.name) {
			continue
		}
		if c := price(s); c != nil && c.Currency == best.Currency && c.Amount > 0 {
			m.costX[s.name] = float64(c.Amount) / float64(best.Amount)
		}
	}
}

// begin returns by which policy a request goes.
func (m *mind) begin(c *brain.Case, prefer string) brain.Turn {
	pace, ok := m.paces[prefer]
	if !ok {
		prefer, pace = "", m.paces[""]
	}
	if prefer == "" && m.price > 0 {
		return brain.Turn{Policy: brain.Policy{Price: m.price}}
	}
	return pace.Begin(c)
}

// think asks whom the brain says, until it says to stop.
func (w *work) think(ctx context.Context, seats []*seat, m *mind, prefer string) error {
	places := make([]brain.Seat, len(seats))
	for i, s := range seats {
		places[i] = brain.Seat{Name: s.name, Vendor: s.card.Vendor, CostX: m.costX[s.name]}
		if m.shift != nil {
			places[i].Shift = m.shift(ctx, s.name)
		}
	}
	c := m.brain.Case(w.r.LastUser(), places)
	w.out.Sketch = &llm.Sketch{Features: c.Kept(), Space: m.space}
	turn := m.begin(c, prefer)
	defer turn.End(c)
	policy := turn.Policy
	policy.Calls = brain.DefaultCalls
	if left, counted := w.purse.left(); counted {
		policy.Calls = max(min(policy.Calls, left), 1)
	}
	policy.Alone = preferred(c, places, policy.Alone)
	t := thought{Case: c, seats: seats, places: places, policy: policy, currency: m.brain.Currency()}
	end := w.phase(1)
	for ctx.Err() == nil {
		t.afford(w)
		step := c.Next(policy)
		if step.Seat < 0 {
			t.why = step.Why
			break
		}
		left := time.Until(end)
		if left <= 0 {
			t.why = "the time limit has passed"
			break
		}
		// Half of the time that is left, so that one that hangs leaves time
		// for the next.
		if m.parallel == 1 {
			s := w.scope(ctx, time.Now().Add(left/2), seats[step.Seat].strategy)
			rep := w.put(&s, ask{seat: seats[step.Seat], r: w.r, reason: step.Why})
			s.stop()
			t.hear(step.Seat, rep)
			if rep.answered() && rep.seat.name == policy.Alone {
				// Whatever it says, nothing was measured to be better.
				t.why = step.Why
				break
			}
		} else {
			asked := c.Together(step.Seat, policy, m.parallel)
			asks := make([]ask, len(asked))
			for k, i := range asked {
				asks[k] = ask{seat: seats[i], r: w.r, reason: "at the same time"}
			}
			asks[0].reason = step.Why
			for k, rep := range w.council(ctx, asks, time.Now().Add(left/2), nil) {
				t.hear(asked[k], rep)
			}
		}
		if rest := t.rest(); t.blind && !t.plain && len(rest) > 0 {
			turn.Cancel() // who writes freely is asked whatever it costs
			return w.lastResort(ctx, rest, t.replies)
		}
	}
	return w.believe(&t)
}

// thought is one request on its way through a brain.
type thought struct {
	*brain.Case
	seats    []*seat
	places   []brain.Seat
	policy   brain.Policy
	currency string // in which the brain counts
	replies  []reply
	place    []int // of replies, among the seats
	off      map[int]bool
	plain    bool // there is an answer to compare
	blind    bool // there is one that can't be
	expected float64
	why      string // what ended it
}

// hear tells the brain what came of a seat.
func (t *thought) hear(i int, rep reply) {
	if t.off == nil {
		t.off = map[int]bool{}
	}
	t.off[i] = true
	t.replies, t.place = append(t.replies, rep), append(t.place, i)
	tokens := 0.0
	if rep.part != nil {
		right, costX := t.Expect(i)
		t.expected += costX
		rep.part.RightPPM, rep.part.ChancePPM = unshifted(right, t.places[i].Shift), ppm
		if u := rep.part.Usage; u.Output.Known() {
			tokens = float64(u.OutputTotal())
		}
		t.Paid(i, t.amount(rep))
	}
	switch {
	case rep.answered():
		t.Answer(i, rep.meaning(), tokens)
		if rep.key != "" && !rep.prose {
			t.plain = true
		} else {
			t.blind = true
		}
	case rep.part != nil && rep.err.Kind == llm.Protocol && rep.part.Finish == llm.FinishStop:
		// It ended in the proper way and had no answer.
		t.Answer(i, "", tokens)
	default:
		t.Off(i)
	}
}

// amount returns what a reply cost in the brain's currency; -1 = unknown.
func (t *thought) amount(rep reply) float64 {
	switch c := rep.part.Cost; {
	case c == nil && rep.err != nil:
		return 0 // it failed before it cost anything
	case c == nil || string(c.Currency) != t.currency:
		return -1
	default:
		return float64(c.Amount) / money.Micro
	}
}

// afford leaves out the seats that a limit of the cost doesn't allow any more.
func (t *thought) afford(w *work) {
	if !w.purse.bounded() {
		return
	}
	for i, s := range t.seats {
		if t.off[i] || s.strategy {
			continue
		}
		if err := w.purse.allows(w.quote(s, w.r)); err != nil {
			w.note("%s was not asked: %s", s.name, err.Message)
			if t.off == nil {
				t.off = map[int]bool{}
			}
			t.off[i] = true
			t.Off(i)
		}
	}
}

// rest returns the seats that are left, the most reliable last.
func (t *thought) rest() []*seat {
	var left []int
	for i := range t.seats {
		if !t.off[i] {
			left = append(left, i)
		}
	}
	slices.SortStableFunc(left, func(x, y int) int {
		a, _ := t.Expect(x)
		b, _ := t.Expect(y)
		return cmp.Compare(a, b)
	})
	rest := make([]*seat, len(left))
	for k, i := range left {
		rest[k] = t.seats[i]
	}
	return rest
}

// believe answers with what the brain believes.
func (w *work) believe(t *thought) error {
	v := t.Verdict()
	if len(v.Supporters) == 0 {
		if len(t.replies) == 1 && t.replies[0].part != nil && t.replies[0].err != nil {
			// One alone was asked: what came of it is what is said, as with
			// the strategy single.
			t.replies[0].part.WeightPPM = ppm
			w.adopt(t.replies[0].part)
			return failed(failures(t.replies))
		}
		return w.conclude(t.replies, "")
	}
	supporters := make([]*reply, len(v.Supporters))
	total := 0.0
	for k, s := range v.Supporters {
		supporters[k] = &t.replies[slices.Index(t.place, s.Seat)]
		total += s.Weight
	}
	left := int64(ppm)
	for k, s := range v.Supporters {
		part := int64(ppm / float64(len(supporters)))
		if total > 0 {
			part = int64(ppm * (s.Weight / total))
		}
		supporters[k].part.WeightPPM = part
		left -= part
	}
	supporters[0].part.WeightPPM += left
	answered := 0
	for i := range t.replies {
		if t.replies[i].answered() {
			answered++
		}
	}
	winner := supporters[0]
	w.out.ConfidencePPM = int64(math.Round(ppm * v.Confidence))
	w.out.Model, w.out.Finish, w.out.Answer = winner.part.Model, winner.part.Finish, winner.key
	w.out.Stop = t.why
	w.out.Reason = fmt.Sprintf("%q has %d of %d answers, right with %.0f %%; %s; expected to cost %.2gx",
		clip(winner.key), len(supporters), answered, 100*v.Confidence, t.why, t.expected)
	w.say(winner)
	return nil
}

// left returns how many calls are left here and in every purse around.
func (p *purse) left() (calls int, counted bool) {
	if p == nil {
		return 0, false
	}
	p.top.mu.Lock()
	defer p.top.mu.Unlock()
	for at := p; at != nil; at = at.up {
		if at.counted && (!counted || at.calls < calls) {
			calls, counted = at.calls, true
		}
	}
	return calls, counted
}

// allows reports why a call of this quote can't be made; nil = it can.
func (p *purse) allows(quote *llm.Cost) *llm.Error {
	p.top.mu.Lock()
	defer p.top.mu.Unlock()
	for at := p; at != nil; at = at.up {
		if err := at.refuses(quote); err != nil {
			return err
		}
	}
	return nil
}
