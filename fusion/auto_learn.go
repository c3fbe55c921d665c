package fusion

import (
	"math"

	"summit/brain"
)

// preferred returns who answers alone where that was measured to be the best
// that can be had: the same member, or one that costs no more (by 5 %) and is more
// reliable to whom it is asked for.
func preferred(c *brain.Case, places []brain.Seat, alone string) string {
	own, shifted := -1, false
	for i := range places {
		shifted = shifted || places[i].Shift != 0
		if places[i].Name == alone {
			own = i
		}
	}
	if own < 0 || !shifted {
		return alone
	}
	best := own
	right, costX := c.Expect(own)
	for i := range places {
		if r, x := c.Expect(i); r > right && x <= 1.05*costX {
			best, right = i, r
		}
	}
	return places[best].Name
}

// unshifted returns what the brain takes the probability for without what is
// known of who asks, in millionths: labels are compared with that, or they
// would be learned twice.
func unshifted(right, shift float64) int64 {
	if shift != 0 {
		p := min(max(right, 1e-6), 1-1e-6)
		right = 1 / (1 + (1-p)/p*math.Exp(shift))
	}
	return min(max(int64(math.Round(ppm*right)), 1), ppm)
}
