package arch

import (
	"fmt"
	"math"
)

// turning is what a rope table is made from, whichever file it came from.
type turning struct {
	kind    RopeKind
	dim     int
	base    float64
	scaling string  // "", "none", "linear", "yarn", "longrope"; llama-3 factors come as divisors
	factor  float64 // of linear and yarn; 0 = 1

	// YaRN.
	origTokens         int
	betaFast, betaSlow float64 // 0 = 32 and 1
	exactRange         bool    // the range of dimensions is not rounded outwards
	magnitude          float64 // of cos and sin; 0 = as the scaling says

	divisors    []float32 // [dim/2]: each frequency is divided by its own; nil = none
	long        []float32 // LongRoPE: the divisors for sequences longer than origTokens
	scalingName string    // for people; "" = scaling

	// Multi-section rope: how many pairs turn by the time, height, width and extra position. Text has the same first
	// three and an extra position of 0, so that the pairs of the fourth section stay as they are. woven: the first
	// three sections take turns instead of lying one after the other.
	sections []int
	woven    bool
}

// rope makes the table. Source of the YaRN part: Peng et al. 2023, arXiv:2309.00071; of the rounding: the published
// transformers code, which llama.cpp follows.
func (t turning) rope() Rope {
	r := Rope{Kind: t.kind, Dim: t.dim, Base: t.base, Magnitude: 1, Scaling: t.scalingName, Factor: 1}
	if t.kind == NoRope || t.dim < 2 {
		return Rope{Kind: NoRope, Magnitude: 1}
	}
	if r.Scaling == "" && t.scaling != "none" {
		r.Scaling = t.scaling
	}
	factor := t.factor
	if factor == 0 || t.scaling == "none" {
		factor = 1
	}
	r.Factor = factor
	if factor == 1 && r.Scaling == "linear" {
		r.Scaling = ""
	}
	low, high := t.yarnRange()
	table := func(divisors []float32) []float64 {
		f := make([]float64, t.dim/2)
		for i := range f {
			f[i] = math.Pow(t.base, -2*float64(i)/float64(t.dim))
			if divisors != nil {
				f[i] /= float64(divisors[i])
			}
			switch t.scaling {
			case "yarn":
				ramp := (float64(i) - low) / math.Max(0.001, high-low)
				keep := 1 - math.Min(1, math.Max(0, ramp)) // 1 = as trained, 0 = all interpolated
				f[i] = f[i]/factor*(1-keep) + f[i]*keep
			default:
				f[i] /= factor
			}
			if t.still(i) {
				f[i] = 0
			}
		}
		return f
	}
	r.Freqs = table(t.divisors)
	if t.magnitude != 0 {
		r.Magnitude = float32(t.magnitude)
	} else if t.scaling == "yarn" {
		r.Magnitude = float32(yarnMagnitude(factor, 1))
	}
	if t.divisors != nil && r.Scaling == "" {
		r.Scaling = "factors"
	}
	if t.long != nil {
		r.LongFreqs, r.LongMagnitude, r.ShortTokens = table(t.long), r.Magnitude, t.origTokens
	}
	return r
}

// check refuses what no table can be made of. keyDim is the width of a head.
func (t turning) check(keyDim int) error {
	bad := func(f float64) bool { return math.IsNaN(f) || math.IsInf(f, 0) }
	switch {
	case keyDim < 1 || keyDim > maxDim:
		return fmt.Errorf("head width: got %d, want 1 to %d", keyDim, maxDim)
	case t.kind == NoRope:
		return nil
	case t.dim < 2 || t.dim > keyDim || t.dim%2 != 0:
		return fmt.Errorf("rope dimensions: got %d, want an even number from 2 to the head width of %d", t.dim, keyDim)
	case bad(t.base) || t.base <= 1:
		return fmt.Errorf("rope base: got %v, want above 1", t.base)
	case bad(t.factor) || t.factor < 0:
		return fmt.Errorf("rope scaling factor: got %v, want above 0", t.factor)
	case bad(t.magnitude) || t.magnitude < 0:
		return fmt.Errorf("rope attention factor: got %v, want above 0", t.magnitude)
	case t.origTokens < 1 && t.scaling == "yarn":
		return fmt.Errorf("rope original context: got %d tokens, want 1 or more", t.origTokens)
	case bad(t.betaFast) || bad(t.betaSlow) || t.betaFast < 0 || t.betaSlow < 0:
		return fmt.Errorf("rope betas: got %v and %v, want above 0", t.betaFast, t.betaSlow)
	case t.sections != nil && !t.sectionsFit():
		return fmt.Errorf("rope sections: got %v, want four numbers of 0 or more with a sum of 1 to %d", t.sections, t.dim)
	case t.divisors != nil && len(t.divisors) != t.dim/2 || t.long != nil && len(t.long) != t.dim/2:
		return fmt.Errorf("rope divisors: got %d and %d, want %d", len(t.divisors), len(t.long), t.dim/2)
	}
	return nil
}

func (t turning) sectionsFit() bool {
	if len(t.sections) != 4 {
		return false
	}
	sum := 0
	for _, n := range t.sections {
		if n < 0 || n > t.dim {
			return false
		}
		sum += n
	}
	return sum >= 1 && sum <= t.dim
}

// still says whether pair i belongs to the extra section, which text does not turn.
func (t turning) still(i int) bool {
	if len(t.sections) != 4 {
		return false
	}
	time, height, width := t.sections[0], t.sections[1], t.sections[2]
	at := i % (time + height + width + t.sections[3])
	if !t.woven {
		return at >= time+height+width
	}
	return at >= 3*[]int{time, height, width}[at%3]
}

// yarnRange gives the pairs between which YaRN goes from keeping a frequency to interpolating it.
func (t turning) yarnRange() (low, high float64) {
	fast, slow := t.betaFast, t.betaSlow
	if fast == 0 {
		fast = 32
	}
	if slow == 0 {
		slow = 1
	}
	pair := func(turns float64) float64 {
		return float64(t.dim) * math.Log(float64(t.origTokens)/(turns*2*math.Pi)) / (2 * math.Log(t.base))
	}
	low, high = pair(fast), pair(slow)
	if !t.exactRange {
		low, high = math.Floor(low), math.Ceil(high)
	}
	return math.Max(0, low), math.Min(float64(t.dim-1), high)
}

// yarnMagnitude is YaRN's attention factor: 1 + 0.1·m·ln(factor) for a factor above 1.
func yarnMagnitude(factor, m float64) float64 {
	if factor <= 1 {
		return 1
	}
	return 1 + 0.1*m*math.Log(factor)
}

// ntkBase is the base that NTK-aware scaling by alpha gives: base·alpha^(dim/(dim-2)).
func ntkBase(base, alpha float64, dim int) float64 {
	if alpha <= 0 || alpha == 1 || dim <= 2 {
		return base
	}
	return base * math.Pow(alpha, float64(dim)/float64(dim-2))
}

// llama3Divisors are the divisors of the llama-3 scaling: long waves are stretched by factor, short ones kept, those
// between blended. Source: the published transformers code of "rope_type": "llama3".
func llama3Divisors(base float64, dim int, factor, lowFactor, highFactor float64, origTokens int) []float32 {
	d := make([]float32, dim/2)
	for i := range d {
		f := math.Pow(base, -2*float64(i)/float64(dim))
		turns := float64(origTokens) * f / (2 * math.Pi) // how often the pair turns within the trained window
		switch {
		case turns < lowFactor:
			d[i] = float32(factor)
		case turns > highFactor:
			d[i] = 1
		default:
			smooth := (turns - lowFactor) / (highFactor - lowFactor)
			d[i] = float32(1 / ((1-smooth)/factor + smooth))
		}
	}
	return d
}
