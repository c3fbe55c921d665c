// Package brain decides whom to ask and whom to believe. From recorded
// answers it learns how reliable each member is on which kind of question;
// asked about a prompt, it says which member to ask next, weighs the answers
// that came, and stops where another one isn't worth its price.
//
// Its nouns are Brain (what was learned, a small file), Example (a prompt with
// what members answered, to learn from), Case (one request on its way) and
// Policy (what a point of accuracy is worth). It calls nobody and knows no
// protocol. design.md has the model and what was measured.
package brain

import (
	"math"
	"slices"
)

// Bounds of what is trained on and read.
const (
	MaxMembers  = 512
	MaxExamples = 1 << 16
	maxName     = 256 // bytes of a member's name
	maxCurrency = 8   // bytes of a currency's name
)

// Member is one member that a Brain knows.
type Member struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor,omitempty"` // members of one vendor err alike; empty = nobody's

	// What was learned. Costs are multiples of the best single member's mean.
	Asked    int     `json:"asked"`
	Accuracy float64 `json:"accuracy"`
	CostX    float64 `json:"cost_x"`
	Length   float64 `json:"length"` // mean of the logarithm of a reply's tokens
	Spread   float64 `json:"spread"` // deviation of that from what the neighbours' replies let expect; 0 = lengths are unknown
	Bonus    float64 `json:"bonus"`  // what its answers weigh beyond that
	vendor   uint64  // one bit
}

// Brain is what was learned from examples. It is read-only and may be shared.
type Brain struct {
	header
	store
	codes   []uint8 // rarities as a file holds them
	prompts bool    // some examples have one
	rarity  []float32
	byName  map[string]int
}

// header is the part of a Brain that people can read.
type header struct {
	Version  int      `json:"version"` // of the format: 3
	Examples int      `json:"examples"`
	Members  []Member `json:"members"`
	Best     int      `json:"best"` // the most accurate member, by its place in Members
	Unit     float64  `json:"unit"` // what Best costs a question, in the currency trained with
	Currency string   `json:"currency,omitempty"`
	Shape    shape    `json:"shape"` // of neighbourhoods
	Solo     solo     `json:"solo"`
	Model    model    `json:"model"`
	Ahead    ahead    `json:"ahead"`
	Alone    trust    `json:"alone"` // of the best single member
	Plans    []plan   `json:"plans"`
	Curve    []Point  `json:"curve"` // what the plans came to, cheapest and worst first; as long as Plans
}

// shape says how neighbours are weighed: by their cosine to this power,
// against a member's overall accuracy that counts as much as Prior neighbours
// that are the same.
type shape struct {
	Power float64 `json:"power"`
	Prior float64 `json:"prior"`
}

// solo says how reliable a member is by itself: the log-odds are Base +
// Overall*o + Common*c + Special*s, as in model.
type solo struct {
	Base    float64 `json:"base"`
	Overall float64 `json:"overall"`
	Common  float64 `json:"common"`
	Special float64 `json:"special"`
}

func (s *solo) odds(v *view, j int) float64 {
	return s.Base + s.Overall*v.overall[j] + s.Common*v.common + s.Special*v.special[j]
}

func (s *solo) right(v *view, j int) float64 { return sigmoid(s.odds(v, j)) }

// trust is a Platt scaling: the log-odds of a confidence are Slope times those
// of the probability, plus Shift.
// Source: Platt 1999.
type trust struct {
	Slope float64 `json:"slope"`
	Shift float64 `json:"shift"`
}

func (t trust) confidence(p float64) float64 {
	p = min(max(p, 1e-6), 1-1e-6)
	return sigmoid(t.Slope*math.Log(p/(1-p)) + t.Shift)
}

// Members returns the members that the brain knows, by name.
func (b *Brain) Members() []Member { return slices.Clone(b.header.Members) }

// Currency returns the ISO code of the currency that the brain was trained
// with; empty = nobody said.
func (b *Brain) Currency() string { return b.header.Currency }

// Examples returns how many examples the brain learned from.
func (b *Brain) Examples() int { return b.header.Examples }

// Best returns the name of the member that was most accurate.
func (b *Brain) Best() string { return b.header.Members[b.header.Best].Name }

// Curve returns what the plans came to, cheapest and worst first; as long as Plans.
func (b *Brain) Curve() []Point { return slices.Clone(b.header.Curve) }

// finish makes what follows from the rest: after training and after reading.
func (b *Brain) finish(codes []uint8) {
	b.codes, b.rarity = codes, fromRarities(codes)
	b.store.index()
	b.prompts = slices.ContainsFunc(b.norms, func(n float32) bool { return n > 0 })
	b.byName = make(map[string]int, len(b.header.Members))
	vendors := map[string]uint64{}
	for j := range b.header.Members {
		m := &b.header.Members[j]
		b.byName[m.Name] = j
		m.vendor = bit(vendors, m.Vendor)
	}
}

// bit gives each vendor a bit; of more than 64 some share one.
func bit(vendors map[string]uint64, vendor string) uint64 {
	if vendor == "" {
		return 0
	}
	v, ok := vendors[vendor]
	if !ok {
		v = 1 << (len(vendors) % 64)
		vendors[vendor] = v
	}
	return v
}

// logit returns the log-odds of a probability, kept away from certainty.
func logit(p float64) float64 {
	p = min(max(p, 0.02), 0.98)
	return math.Log(p / (1 - p))
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// view is what the neighbours of a prompt say about each member.
type view struct {
	overall, special []float64 // as in model, by member
	common           float64
	costX            []float64 // expected
	length           []float64 // expected logarithm
}

func newView(members int) view {
	all := make([]float64, 4*members)
	part := func(i int) []float64 { return all[i*members : (i+1)*members : (i+1)*members] }
	return view{overall: part(0), special: part(1), costX: part(2), length: part(3)}
}

// look fills the view from the neighbours. self is the example that is looked
// at while training, whose own score then doesn't count; -1 = none.
func (b *Brain) look(neighbours []near, self int, v *view) {
	members := b.header.Members
	neighbours = neighbours[:min(len(neighbours), maxLooked)]
	var weights [maxLooked]float64
	for i, n := range neighbours {
		weights[i] = math.Pow(float64(n.cosine), b.header.Shape.Power)
	}
	prior := b.header.Shape.Prior
	v.common = 0
	seen := 0.0 // how much of the neighbours all members were asked
	for j := range members {
		m := &members[j]
		accuracy := b.without(self, j)
		overall := logit(accuracy)
		scores, scored := prior*accuracy, prior
		costs := prior * m.CostX
		lengths, measured := prior*m.Length, prior
		for i, n := range neighbours {
			at := b.store.at(int(n.example), j)
			s := b.scores[at]
			if s == unasked {
				continue
			}
			w := weights[i]
			scored += w
			scores += w * float64(s) / scoreUnit
			costs += w * costOf(b.costs[at])
			if l := b.lengths[at]; l > 0 {
				measured += w
				lengths += w * float64(l) / lengthUnit
			}
		}
		v.overall[j] = overall
		v.special[j] = logit(scores/scored) - overall
		v.common += v.special[j] * (scored - prior)
		seen += scored - prior
		if scored == prior {
			v.special[j] = math.NaN() // it was asked none of them
		}
		v.costX[j], v.length[j] = costs/scored, lengths/measured
	}
	if seen > 0 {
		v.common /= seen
	}
	for j := range members {
		if v.special[j] -= v.common; math.IsNaN(v.special[j]) {
			v.special[j] = 0
		}
	}
}

// excess returns how much longer a reply is than expected, in deviations.
func excess(tokens, expected, spread float64) float64 {
	if !(tokens > 0) || spread <= 0 {
		return 0
	}
	return min(max((logLength(tokens)-expected)/spread, -3), 3)
}
