package brain

import "slices"

// plan is whom to ask in which order, and what an answer has to be worth.
type plan struct {
	// Price is what a call that costs as much as the best single member has to
	// gain in accuracy. A step is taken where Keen times the probability that
	// the leading answer is wrong is more than Price times the step's cost.
	Price float64 `json:"price"`
	Keen  float64 `json:"keen"`
	Steps []step  `json:"steps"`
	// Ahead says that after the steps whoever's reply is expected to gain most
	// beyond its cost is asked, while there is somebody.
	Ahead bool `json:"ahead,omitempty"`
	// Trust makes confidences of the probabilities that the plan ends with.
	Trust trust `json:"trust"`
}

// step names whom to ask: a member, by its place, or, where that is -1,
// whoever of those left is the most reliable on questions like this, less Pick
// times its cost.
type step struct {
	Member int     `json:"member"`
	Pick   float64 `json:"pick,omitempty"`
}

// trouble is what a call has to gain in accuracy whatever it costs: nobody
// waits for less, and the figures aren't better than that. A guess.
const trouble = 0.0005

// worth reports whether a call of this cost is, where the leading answer is
// right with probability top.
func (p *plan) worth(top, costX float64) bool {
	return p.Keen*(1-top) > p.Price*costX+trouble
}

// ground is a question as plans walk over it: what is expected of each seat
// and what it answers. While training, the seats are the members.
type ground struct {
	common float64
	seatOf []int // by member; -1 = it has none
	voices []voice
	before []float64 // what each one's word weighs as far as is known before it is heard
	right  []float64 // expected, by itself
	costX  []float64 // expected
	paid   []float64 // real, as a multiple of the unit
	scores []float64
	keys   []int16 // which answer; noKey or absent
}

const (
	noKey  = -1 // a reply without an answer
	absent = -2 // it can't be asked
)

// walk is a question on its way: who was asked, and what that says.
type walk struct {
	tally
	keys  [maxKinds]int16
	order []int   // who was asked
	kind  []int32 // what each answered, by its place in the tally; -1 = nothing that counts
	paid  float64
	odds  odds
	top   float64
	win   int32   // the likeliest answer; -1 = there is none
	value float64 // while plans are grown
}

// was reports whether the seat was asked.
func (w *walk) was(j int) bool { return slices.Contains(w.order, j) }

func (w *walk) begin() { *w = walk{order: w.order[:0], kind: w.kind[:0], win: -1} }

// who returns whom the step asks; -1 = nobody.
func (s step) who(g *ground, w *walk) int {
	open := func(j int) bool { return j >= 0 && g.keys[j] != absent && !w.was(j) }
	if s.Member >= 0 {
		if j := g.seatOf[s.Member]; open(j) {
			return j
		}
		return -1
	}
	best, most := -1, 0.0
	for j := range g.keys {
		if v := g.right[j] - s.Pick*g.costX[j]; (best < 0 || v > most) && open(j) {
			best, most = j, v
		}
	}
	return best
}

// next returns whom the step asks where that is worth it; -1 = nobody.
func (p *plan) next(s step, g *ground, w *walk) int {
	j := s.who(g, w)
	if j >= 0 && len(w.order) > 0 && !p.worth(w.top, g.costX[j]) {
		return -1
	}
	return j
}

// hear writes the tally with one more answer, and returns the answer's place
// in it; -1 = it doesn't count.
func (w *walk) hear(g *ground, j int, t *tally) int32 {
	*t = w.tally
	kind := int32(-1)
	if key := g.keys[j]; key != noKey {
		if kind = int32(slices.Index(w.keys[:w.kinds], key)); kind < 0 && w.kinds < maxKinds {
			kind = w.kinds
		}
	}
	if kind < 0 {
		t.miss(g.voices[j])
	} else {
		t.add(g.voices[j], kind)
	}
	return kind
}

// ask has a seat answer.
func (w *walk) ask(m *model, g *ground, j int) {
	var t tally
	kind := w.hear(g, j, &t)
	if kind >= 0 {
		w.keys[kind] = g.keys[j]
	}
	w.tally = t
	w.order, w.kind = append(w.order, j), append(w.kind, kind)
	w.paid += g.paid[j]
	w.weigh(m, g.common, &w.odds)
	w.top, w.win = w.odds.top(w.kinds)
}

// author returns who speaks for the likeliest answer: of those who gave it the
// one whose word weighs most; where there is no answer, of all that were asked.
// -1 = nobody was.
func (w *walk) author(g *ground) int {
	best := -1
	for k, j := range w.order {
		if w.kind[k] == w.win && (best < 0 || g.voices[j].weight > g.voices[best].weight) {
			best = j
		}
	}
	return best
}

// ending is how a question ended.
type ending struct {
	score, cost float64
	calls       int
	sure        float64 // the model's probability; 0 = no answer
}

// run walks the plan.
func (p *plan) run(h *header, g *ground, w *walk) ending {
	w.begin()
	for _, s := range p.Steps {
		if j := p.next(s, g, w); j >= 0 {
			w.ask(&h.Model, g, j)
		}
	}
	for j := h.further(p, g, w); j >= 0; j = h.further(p, g, w) {
		w.ask(&h.Model, g, j)
	}
	end := ending{cost: w.paid, calls: len(w.order), sure: w.top}
	// One alone that has no answer is still what is answered with.
	if j := w.author(g); j >= 0 && (w.win >= 0 || len(w.order) == 1) {
		end.score = g.scores[j]
	}
	return end
}
