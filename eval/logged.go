package eval

import (
	"fmt"
	"math"
)

// LoggedRun is one request that was served and rated, as a new policy sees it:
// what it would have come to, if all whom it would have asked were asked.
type LoggedRun struct {
	// Weight is 1 over the probability that all were asked whom the new policy
	// would have asked; 0 where not all of them were.
	Weight float64
	Trust  float64 // of the rating, 0 to 1
	// Score and Cost are of the answer that the new policy would have given;
	// they count where Weight is above 0.
	Score, Cost float64
	Old         float64 // score of the answer that was given
	OldCost     float64
	// Model and ModelCost are what is expected of the new policy without looking
	// at anybody's answer. They make figures narrower, never wrong.
	Model, ModelCost float64
	Assumed          bool // Score was not told but follows by assumption
}

// Estimate is what one estimator says of a new policy on logged requests.
type Estimate struct {
	Name     string  `json:"name"`
	Score    float64 `json:"score"`
	Gain     float64 `json:"gain"` // over what was served
	GainLow  float64 `json:"gain_low"`
	GainHigh float64 `json:"gain_high"` // 95 % interval
	Cost     float64 `json:"cost"`      // of a request
	CostLow  float64 `json:"cost_low"`  // of what is spent more than before
	CostHigh float64 `json:"cost_high"`
}

// Verdict is what follows for a new policy.
type Verdict string

// The verdicts.
const (
	Promote      Verdict = "promote"
	DontPromote  Verdict = "do not promote"
	TooLittle    Verdict = "too little data"
	minEffective         = 100  // effective requests below which nothing follows
	maxWidth             = 0.15 // and the width of the gain's interval above which nothing does: both are guesses
	harmless             = 0.01 // loss that a cheaper policy may have at the lower end of the interval
)

// LoggedReport is an evaluation of a new policy on logged requests.
type LoggedReport struct {
	Requests  int        `json:"requests"`      // that were rated and could be looked at
	Matched   int        `json:"matched"`       // of which all were asked whom the new policy would have asked
	Assumed   int        `json:"assumed"`       // of these, scores that follow by assumption
	Effective float64    `json:"effective"`     // effective sample size of the matched ones
	Clip      float64    `json:"clip"`          // weights above this were cut
	Clipped   int        `json:"clipped"`       // how many were
	Old       float64    `json:"old"`           // mean score of what was served
	OldCost   float64    `json:"old_cost"`      // and mean cost
	Estimates []Estimate `json:"estimates"`     // ips, snips, dr
	Verdict   Verdict    `json:"verdict"`       // by dr
	Why       string     `json:"why,omitempty"` // for people
	Skipped   []Skip     `json:"skipped,omitempty"`
}

// Skip counts requests that could not be looked at, by the reason.
type Skip struct {
	Why string `json:"why"`
	N   int    `json:"n"`
}

// Judge estimates the score and cost of a new policy, and what follows.
//
// ips is the mean of weight times score (Horvitz & Thompson 1952), its weights
// cut at the square root of their number (Ionides 2008). snips divides by the
// weights' mean instead of trusting that it is 1 (Swaminathan & Joachims
// 2015). dr is the model's expectation, corrected by the weighted errors that
// it made (Dudík, Langford & Li 2011, arXiv:1103.4601). Intervals are normal,
// of differences within each request. The effective sample size is Kish's.
func Judge(runs []LoggedRun) LoggedReport {
	r := LoggedReport{Requests: len(runs), Clip: max(math.Sqrt(float64(len(runs))), 1)}
	trust, squares, sum := 0.0, 0.0, 0.0
	weights := make([]float64, len(runs))
	for i, x := range runs {
		weights[i] = min(x.Weight, r.Clip)
		if x.Weight > r.Clip {
			r.Clipped++
		}
		if x.Weight > 0 {
			r.Matched++
			if x.Assumed {
				r.Assumed++
			}
		}
		trust += x.Trust
		w := x.Trust * weights[i]
		sum += w
		squares += w * w
		r.Old += x.Trust * x.Old
		r.OldCost += x.Trust * x.OldCost
	}
	if trust <= 0 {
		r.Verdict, r.Why = TooLittle, "no request was rated"
		return r
	}
	r.Old, r.OldCost = r.Old/trust, r.OldCost/trust
	if squares > 0 {
		r.Effective = sum * sum / squares
	}
	// mean returns the trusted mean of f and its standard error.
	mean := func(f func(i int) float64) (m, se float64) {
		for i := range runs {
			m += runs[i].Trust * f(i)
		}
		m /= trust
		v := 0.0
		for i := range runs {
			d := runs[i].Trust * (f(i) - m)
			v += d * d
		}
		return m, math.Sqrt(v) / trust
	}
	const z = 1.959964
	estimate := func(name string, score, cost func(i int) float64, vScore, vCost float64) {
		gain, se := mean(func(i int) float64 { return score(i) - runs[i].Old })
		more, seCost := mean(func(i int) float64 { return cost(i) - runs[i].OldCost })
		e := Estimate{Name: name, Score: r.Old + gain, Gain: gain, Cost: r.OldCost + more}
		if name == "snips" { // its influence function has no mean of its own
			e.Score, e.Gain, e.Cost = vScore, vScore-r.Old, vCost
			more, gain = vCost-r.OldCost, vScore-r.Old
		}
		e.GainLow, e.GainHigh = gain-z*se, gain+z*se
		e.CostLow, e.CostHigh = more-z*seCost, more+z*seCost
		r.Estimates = append(r.Estimates, e)
	}
	estimate("ips", func(i int) float64 { return weights[i] * runs[i].Score }, func(i int) float64 { return weights[i] * runs[i].Cost }, 0, 0)
	if sum > 0 {
		vScore, vCost := 0.0, 0.0
		for i, x := range runs {
			vScore += x.Trust * weights[i] * x.Score / sum
			vCost += x.Trust * weights[i] * x.Cost / sum
		}
		per := sum / trust
		estimate("snips", func(i int) float64 { return weights[i] * (runs[i].Score - vScore) / per },
			func(i int) float64 { return weights[i] * (runs[i].Cost - vCost) / per }, vScore, vCost)
	}
	estimate("dr", func(i int) float64 { return runs[i].Model + weights[i]*(runs[i].Score-runs[i].Model) },
		func(i int) float64 { return runs[i].ModelCost + weights[i]*(runs[i].Cost-runs[i].ModelCost) }, 0, 0)
	r.decide()
	return r
}

// decide says what follows from the doubly robust estimate.
func (r *LoggedReport) decide() {
	dr := r.Estimates[len(r.Estimates)-1]
	points := func(x float64) string { return fmt.Sprintf("%+.1f", 100*x) }
	span := points(dr.GainLow) + " to " + points(dr.GainHigh) + " points"
	switch {
	case r.Effective < minEffective:
		r.Verdict, r.Why = TooLittle, fmt.Sprintf("%d requests count as much as %.0f, want %d: serve more, or ask more in the shadow (brain.shadow)", r.Matched, r.Effective, minEffective)
	case dr.GainHigh < 0:
		r.Verdict, r.Why = DontPromote, "it is worse: "+span
	case dr.GainLow > 0:
		r.Verdict, r.Why = Promote, "it is better: "+span
	case dr.GainLow >= -harmless && dr.CostHigh < 0:
		r.Verdict, r.Why = Promote, "it costs less and is no worse than by "+points(dr.GainLow)+" points"
	case dr.GainHigh-dr.GainLow > maxWidth:
		r.Verdict, r.Why = TooLittle, "the gain may be "+span
	default:
		r.Verdict, r.Why = DontPromote, "no gain is shown: "+span
	}
}
