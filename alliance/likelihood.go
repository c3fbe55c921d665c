package alliance

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"slices"
)

// Logprobs is what the members that mixed an answer token by token thought of
// each token that was emitted: log-probabilities in millionths of a nat, zero
// or below, and the share that each had in the mixture.
type Logprobs struct {
	Weights map[string]int64   `json:"weights"` // in millionths
	Tokens  map[string][]int64 `json:"tokens"`  // by member, one a token; all lists are equally long
}

// Bounds of the log-probabilities of one request: a token less likely than
// e^-40 counts as that; longer answers are a mistake.
const (
	leastLogprob = -40_000_000
	maxEmitted   = 1 << 16
)

// one is 1 in the fixed point of this file: 62 bits behind the point.
const one = 1 << 62

// roots are 2^(-1/2), 2^(-1/4), 2^(-1/8)... in fixed point, rounded down: whole
// numbers alone, so that every machine has the same ones.
var roots = func() (r [32]uint64) {
	x := new(big.Int).SetUint64(one / 2)
	for i := range r {
		x.Sqrt(x.Lsh(x, 62))
		r[i] = x.Uint64()
	}
	return r
}()

// mul returns a*b in fixed point, rounded down. Both are at most 2.
func mul(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi<<2 | lo>>62
}

// power returns 2^(-y) in fixed point, y with 32 bits behind the point, zero or
// more.
func power(y uint64) uint64 {
	whole, x := y>>32, uint64(one)
	if whole > 62 {
		return 0
	}
	for i, r := range roots {
		if y>>(31-i)&1 == 1 {
			x = mul(x, r)
		}
	}
	return x >> whole
}

// logarithm returns -log2 of x with 32 bits behind the point; x is in fixed
// point, above zero and at most 1. Source: Knuth, TAOCP 1.2.2, exercise 25.
func logarithm(x uint64) int64 {
	shift := int64(0)
	for x < one {
		x <<= 1
		shift++
	}
	y := int64(0)
	for range 32 { // x is in [1, 2)
		hi, lo := bits.Mul64(x, x)
		x = hi<<2 | lo>>62
		y <<= 1
		if x >= 2*one {
			x >>= 1
			y |= 1
		}
	}
	return shift<<32 - y
}

// log2e is log2(e) with 32 bits behind the point.
const log2e = 6_196_328_019

// likelihoodGame is the game of a mixture: a coalition is worth the geometric
// mean of the likelihood that the mixture of its members alone gives to the
// tokens that were emitted. It is arithmetic on what was stored: no further
// calls of models.
func likelihoodGame(players, owners []string, l *Logprobs) (*game, error) {
	if len(players) > maxPlayers {
		return nil, fmt.Errorf("logprobs: %d players, want at most %d: their coalitions are counted out", len(players), maxPlayers)
	}
	n := -1
	chance := make([][]uint64, len(players)) // of each token, by player; nil = it did not mix
	weight := make([]uint64, len(players))
	for _, m := range sorted(l.Tokens) {
		i := slices.Index(players, m)
		if i < 0 {
			return nil, fmt.Errorf("logprobs: tokens: %q is no player", clip(m))
		}
		if w := l.Weights[m]; w < 0 || w > maxWorth {
			return nil, fmt.Errorf("logprobs: weights: %s: got %d, want 0 to %d", m, w, maxWorth)
		}
		weight[i] = uint64(l.Weights[m])
		row := l.Tokens[m]
		if n < 0 {
			n = len(row)
		}
		if len(row) != n || n == 0 || n > maxEmitted {
			return nil, fmt.Errorf("logprobs: tokens: %s has %d, want as many as the others, 1 to %d", m, len(row), maxEmitted)
		}
		chance[i] = make([]uint64, n)
		for t, p := range row {
			if p > 0 {
				return nil, fmt.Errorf("logprobs: tokens: %s: token %d has %d, want zero or below", m, t, p)
			}
			chance[i][t] = power(uint64(-max(p, leastLogprob)) * log2e / 1_000_000)
		}
	}
	for _, m := range sorted(l.Weights) {
		if l.Tokens[m] == nil {
			return nil, fmt.Errorf("logprobs: weights: %q has no tokens", clip(m))
		}
	}
	if n < 0 {
		return nil, errors.New("logprobs: tokens: none, want a list for each member that mixed")
	}
	g := newGame(players, owners)
	for set := range g.value {
		all := uint64(0)
		for i := range players {
			if set>>i&1 == 1 {
				all += weight[i]
			}
		}
		if all == 0 {
			continue // nothing to mix: worth nothing
		}
		sum := int64(0)
		for t := range n {
			mixed := uint64(0)
			for i := range players {
				if set>>i&1 == 1 && weight[i] > 0 {
					hi, lo := bits.Mul64(chance[i][t], weight[i])
					q, _ := bits.Div64(hi, lo, all) // weight <= all, so it fits
					mixed += q
				}
			}
			sum += logarithm(min(max(mixed, 1), one))
		}
		mean := power(uint64(sum / int64(n)))
		hi, lo := bits.Mul64(mean, maxWorth)
		g.value[set].SetUint64(hi<<2 | lo>>62)
	}
	return g, nil
}
