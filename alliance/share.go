package alliance

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"

	"summit/ledger"
)

// share splits whole units by weights with the method of the largest remainder
// (Hamilton): every share is floored, and the units that are missing go one by
// one to the largest fractions. Ties go by tie. The shares sum to total where
// any weight is above zero; else all are zero. total and weights are zero or
// more.
func share(total Units, weights []*big.Int, tie func(i, j int) int) []Units {
	out := make([]Units, len(weights))
	sum := new(big.Int)
	for _, w := range weights {
		sum.Add(sum, w)
	}
	if sum.Sign() <= 0 || total <= 0 {
		return out
	}
	whole := big.NewInt(int64(total))
	rests := make([]*big.Int, len(weights))
	left := total
	for i, w := range weights {
		product := new(big.Int).Mul(whole, w)
		q, r := product.QuoRem(product, sum, new(big.Int))
		out[i], rests[i] = Units(q.Int64()), r
		left -= out[i]
	}
	order := make([]int, len(weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return cmp.Or(rests[j].Cmp(rests[i]), tie(i, j), cmp.Compare(i, j))
	})
	for _, i := range order[:left] { // fewer are missing than there are fractions
		out[i]++
	}
	return out
}

// TieBreak says who gets a unit when fractions are equal.
type TieBreak string

// The ways to break ties: by SHA-256 of the request's id before the member's
// name, which is fair over time, or by the name, which is easy to follow.
const (
	ByRequestHash TieBreak = "request_hash"
	ByMemberName  TieBreak = "member_name"
)

// among returns the order of members for ties within one request.
func (t TieBreak) among(request string, members []string) func(i, j int) int {
	if t == ByMemberName {
		return func(i, j int) int { return cmp.Compare(members[i], members[j]) }
	}
	sums := make([][sha256.Size]byte, len(members))
	for i, m := range members {
		sums[i] = sha256.Sum256([]byte(request + m))
	}
	return func(i, j int) int { return bytes.Compare(sums[i][:], sums[j][:]) }
}

// waterFill spreads total over parts in proportion to weights, none above its
// cap, and returns the shares; they sum to less than total where the caps are
// too low.
func waterFill(total Units, weights, caps []Units, tie func(i, j int) int) []Units {
	out := make([]Units, len(weights))
	open := make([]bool, len(weights))
	for i := range open {
		open[i] = weights[i] > 0
	}
	for left := total; left > 0; {
		active := make([]*big.Int, len(weights))
		for i := range active {
			active[i] = new(big.Int)
			if open[i] {
				active[i].SetInt64(int64(weights[i]))
			}
		}
		shares := share(left, active, tie)
		full := false
		for i := range shares {
			if open[i] && shares[i] >= caps[i] {
				out[i], open[i], full = caps[i], false, true
			}
		}
		if !full {
			for i := range shares {
				if open[i] {
					out[i] = shares[i]
				}
			}
			break
		}
		left = total
		for i := range out {
			if !open[i] {
				left -= out[i]
			}
		}
		if !slices.Contains(open, true) {
			break
		}
	}
	return out
}

// divide returns a*b/c rounded half to even. c is above zero, a and b are zero
// or more.
func divide(a, b, c *big.Int) (Units, error) {
	q, r := new(big.Int).Mul(a, b), new(big.Int)
	q.QuoRem(q, c, r)
	switch r.Lsh(r, 1).Cmp(c) {
	case 1:
		q.Add(q, big.NewInt(1))
	case 0:
		if q.Bit(0) == 1 {
			q.Add(q, big.NewInt(1))
		}
	}
	if !q.IsInt64() || q.Int64() > int64(maxAmount) {
		return 0, fmt.Errorf("alliance: %s times %s by %s: %w", a, b, c, ledger.ErrOverflow)
	}
	return Units(q.Int64()), nil
}

// basisPoints returns a*bp/10000, rounded down. a is zero or more.
func basisPoints(a Units, bp int64) Units {
	v := new(big.Int).Mul(big.NewInt(int64(a)), big.NewInt(bp))
	return Units(v.Quo(v, big.NewInt(10_000)).Int64())
}
