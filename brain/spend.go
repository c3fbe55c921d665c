package brain

import (
	"fmt"
	"math"
	"slices"
)

// Policy says how a Case spends.
type Policy struct {
	Price float64 // without a plan from Spend: what a call that costs as much as the best single member has to gain in accuracy
	Alone string  // this member answers alone: nothing was measured to be better; empty = nobody does
	Calls int     // most calls, up to 16; 0 = DefaultCalls

	// By their places on the curve plus one: the plan, and the one by which a
	// share of the prompts goes instead, so that the mean cost meets a cap.
	plan, other int
	share       float64
}

// DefaultCalls is how many members a Case asks at most where nobody says.
const DefaultCalls = maxSteps

const (
	// aim is the share of a cap that is planned for: what a Pace spends on new
	// questions scatters around it by 2 or 3 %.
	aim = 0.96
	// gate and gateErrors are the gain that a plan has to promise over the best
	// single member of the cost before it is followed, at least so much and so
	// many standard errors: do no harm. What a plan promises is compared with a
	// member that was chosen by other questions, too: without that, half a
	// standard error left a member alone that the plans beat on dev.
	gate, gateErrors = 0.002, 0.25
)

// Spend returns the policy that was best while training among those whose mean
// cost is at most costX times that of the best single member: a plan, or two
// of which each leads a share of the prompts. Where that doesn't clearly promise
// more than the best member of that cost has, it answers alone.
func (b *Brain) Spend(costX float64) (Policy, error) { return b.spend(costX, b.prompts) }

// spend is Spend; pairs says whether two plans may share the requests.
func (b *Brain) spend(costX float64, pairs bool) (Policy, error) {
	if !(costX > 0) || math.IsInf(costX, 0) {
		return Policy{}, fmt.Errorf("brain: cost %v, want a multiple above zero of the best single member's", costX)
	}
	p, gain, err := b.best(aim*costX, pairs)
	members := b.header.Members
	alone := -1
	if members[b.header.Best].CostX <= costX {
		alone = b.header.Best
	}
	for j := range members {
		if m := &members[j]; m.CostX <= costX && 2*m.Asked >= members[b.header.Best].Asked && (alone < 0 || m.Accuracy > members[alone].Accuracy) {
			alone = j
		}
	}
	if alone >= 0 && gain < members[alone].Accuracy-members[b.header.Best].Accuracy+max(gate, gateErrors*err) {
		return Policy{Alone: members[alone].Name}, nil
	}
	return p, nil
}

// best returns the plan or the two plans with the greatest gain of those whose
// mean cost is at most costX, the gain and its standard error; the cheapest
// plan where all cost more.
func (b *Brain) best(costX float64, pairs bool) (p Policy, gain, err float64) {
	curve := b.header.Curve // cheapest first, better with every point
	if len(curve) == 0 {
		return Policy{}, math.Inf(-1), 0
	}
	within := 0
	for within+1 < len(curve) && curve[within+1].CostX <= costX {
		within++
	}
	p, gain, err = Policy{plan: within + 1}, curve[within].Gain, curve[within].Err
	if curve[within].CostX > costX {
		return p, math.Inf(-1), 0
	}
	if !pairs {
		return p, gain, err // nothing to draw from which plan leads
	}
	for low := range within + 1 {
		for high := within + 1; high < len(curve); high++ {
			x, y := &curve[low], &curve[high]
			share := (costX - x.CostX) / (y.CostX - x.CostX)
			if g := x.Gain + share*(y.Gain-x.Gain); g > gain+1e-6 {
				p, gain = Policy{plan: low + 1, other: high + 1, share: share}, g
				err = x.Err + share*(y.Err-x.Err) // at most
			}
		}
	}
	return p, gain, err
}

// lead returns which plan leads a question of which coin, of 0 to 1, was
// drawn; nil = there is none.
func (b *Brain) lead(p Policy, coin float64) *plan {
	at := p.plan - 1
	if p.other > 0 && coin < p.share {
		at = p.other - 1
	}
	if at < 0 { // by the price
		for i := range b.header.Curve {
			worth := func(i int) float64 { return b.header.Curve[i].Gain - p.Price*b.header.Curve[i].CostX }
			if at < 0 || worth(i) > worth(at) {
				at = i
			}
		}
	}
	if at < 0 || at >= len(b.header.Plans) {
		return nil
	}
	return &b.header.Plans[at]
}

// coinOf draws a number of 0 to 1 from a prompt's sketch, the same for the
// same prompt; 1 where there is no prompt.
func coinOf(sketch []byte) float64 {
	h, any := uint64(14695981039346656037), byte(0)
	for _, v := range sketch {
		h = (h ^ uint64(v)) * 1099511628211
		any |= v
	}
	if any == 0 {
		return 1
	}
	return float64(mix(h)>>11) / (1 << 53)
}

// Promise returns what the policy was measured to gain over the best single
// member, in accuracy, and its mean cost as a multiple of that member's; for
// one that answers alone, what that one does.
func (b *Brain) Promise(p Policy) (gain, costX float64) {
	if j := slices.IndexFunc(b.header.Members, func(m Member) bool { return p.Alone != "" && m.Name == p.Alone }); j >= 0 {
		m := b.header.Members
		return m[j].Accuracy - m[b.header.Best].Accuracy, m[j].CostX
	}
	curve := b.header.Curve
	at := func(i int) (float64, float64) {
		if i < 0 || i >= len(curve) {
			return 0, 0
		}
		return curve[i].Gain, curve[i].CostX
	}
	gain, costX = at(p.plan - 1)
	if p.other > 0 {
		g, c := at(p.other - 1)
		gain, costX = gain+p.share*(g-gain), costX+p.share*(c-costX)
	}
	return gain, costX
}
