package eval

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"summit/record"
)

// Calibration is how far a policy's confidence is from how often it was
// right, over all suites of a pool together: in ten bins of equal mass.
type Calibration struct {
	Policy string   `json:"policy"`
	Cap    *float64 `json:"cap"`
	Pool   string   `json:"pool"`
	Suites int      `json:"suites"`
	N      int      `json:"n"` // questions
	ECE    float64  `json:"ece"`
	ECEP95 float64  `json:"ece_p95"` // of a perfectly calibrated one
}

// worlds is how many times a perfectly calibrated policy is drawn for the
// percentile of its error.
const worlds = 500

// widthBins puts confidences into bins of equal width.
func widthBins(confidences []float64) []uint8 {
	bins := make([]uint8, len(confidences))
	for i, c := range confidences {
		bins[i] = uint8(min(int(c*binCount), binCount-1))
	}
	return bins
}

// massBins puts confidences into bins of equal mass, with which those that crowd
// together are told apart too. Source: Nguyen & O'Connor 2015, EMNLP.
func massBins(confidences []float64) []uint8 {
	n := len(confidences)
	order := indicesOf(n)
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(confidences[x], confidences[y]) })
	bins := make([]uint8, n)
	for bin := range binCount {
		for _, i := range order[bin*n/binCount : (bin+1)*n/binCount] {
			bins[i] = uint8(bin)
		}
	}
	return bins
}

func indicesOf(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// binnedError is the expected calibration error over those bins.
func binnedError(bins []uint8, confidences, scores []float64) float64 {
	var sums [binCount]float64
	for i, bin := range bins {
		sums[bin] += confidences[i] - scores[i]
	}
	total := 0.0
	for _, s := range sums {
		total += math.Abs(s)
	}
	return total / math.Max(float64(len(bins)), 1)
}

// errorBound returns the 95th percentile of the calibration error that a
// policy of these confidences has where each is exactly how likely it is to be
// right: what chance does at this number of questions.
func errorBound(bins []uint8, confidences []float64) float64 {
	random := rand.NewPCG(bootSeed, uint64(len(confidences)))
	errors := make([]float64, worlds)
	for w := range errors {
		var sums [binCount]float64
		for i, c := range confidences {
			if sums[bins[i]] += c; float64(random.Uint64()>>11)/(1<<53) < c {
				sums[bins[i]]--
			}
		}
		for _, s := range sums {
			errors[w] += math.Abs(s)
		}
		errors[w] /= math.Max(float64(len(confidences)), 1)
	}
	slices.Sort(errors)
	return quantile(errors, 0.95)
}

// calibrate pools the confidences of each policy, cap and pool over the
// suites. The mix holds other suites' questions once more and is left out, as
// are questions that recur.
func (r *Report) calibrate() {
	type key struct {
		policy, limit, pool string
	}
	at := map[key]int{}
	var confidences, scores [][]float64
	for i := range r.Suites {
		s := &r.Suites[i]
		if s.Suite == record.MixName || strings.HasSuffix(s.Suite, Recurring) {
			continue
		}
		for j := range s.Policies {
			p := &s.Policies[j]
			if len(p.Confidences) == 0 {
				continue
			}
			k := key{p.Policy, p.capText(), s.Pool}
			c, known := at[k]
			if !known {
				c = len(r.Calibration)
				at[k] = c
				r.Calibration = append(r.Calibration, Calibration{Policy: p.Policy, Cap: p.Cap, Pool: s.Pool})
				confidences, scores = append(confidences, nil), append(scores, nil)
			}
			r.Calibration[c].Suites++
			confidences[c] = append(confidences[c], p.Confidences...)
			scores[c] = append(scores[c], p.Scored...)
		}
	}
	for i := range r.Calibration {
		c := &r.Calibration[i]
		c.N = len(scores[i])
		bins := massBins(confidences[i])
		c.ECE, c.ECEP95 = binnedError(bins, confidences[i], scores[i]), errorBound(bins, confidences[i])
	}
	slices.SortStableFunc(r.Calibration, func(a, b Calibration) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Policy, b.Policy))
	})
}
