package eval

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
)

const (
	resamples = 2000
	// bootSeed is any fixed number: the same input gives the same intervals.
	bootSeed = 20_260_101
	// binCount is how many bins of equal width the calibration error has.
	binCount = 10
)

// bootstrap holds how often each question stands in each resample. All
// policies measured on the same questions use the same resamples, so their
// intervals can be compared.
type bootstrap struct {
	n      int
	counts []uint8 // [resample][question]
}

// newBootstrap draws the resamples of n questions, with replacement.
func newBootstrap(n int) *bootstrap {
	b := &bootstrap{n: n, counts: make([]uint8, resamples*n)}
	random := rand.NewPCG(bootSeed, uint64(n))
	for r := range resamples {
		row := b.counts[r*n : (r+1)*n]
		for range n {
			// The high word of a product is uniform below n but for a bias of
			// n/2^64 (Lemire 2019, arXiv:1805.10941).
			at, _ := bits.Mul64(random.Uint64(), uint64(n))
			if row[at] < math.MaxUint8 { // 256 draws of one question: never in practice
				row[at]++
			}
		}
	}
	return b
}

// interval returns the central 95 % of the resampled means of diffs, one a
// question. Of two policies on the same questions it is the paired interval
// of their difference.
func (b *bootstrap) interval(diffs []float64) (low, high float64) {
	if b.n == 0 {
		return 0, 0
	}
	// Most differences are zero: only the others are summed.
	var at []int
	for i, d := range diffs {
		if d != 0 {
			at = append(at, i)
		}
	}
	means := make([]float64, resamples)
	for r := range means {
		row := b.counts[r*b.n : (r+1)*b.n]
		sum := 0.0
		for _, i := range at {
			sum += float64(row[i]) * diffs[i]
		}
		means[r] = sum / float64(b.n)
	}
	slices.Sort(means)
	return quantile(means, 0.025), quantile(means, 0.975)
}

// quantile returns the q-quantile of sorted values, interpolated.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// wilson returns the 95 % interval of a mean of n scores in [0,1].
// Source: Wilson 1927, JASA 22.
func wilson(mean float64, n int) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	const z = 1.959964
	f := float64(n)
	mid := (mean + z*z/(2*f)) / (1 + z*z/f)
	half := z / (1 + z*z/f) * math.Sqrt(mean*(1-mean)/f+z*z/(4*f*f))
	return max(mid-half, 0), min(mid+half, 1)
}

func mean(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
