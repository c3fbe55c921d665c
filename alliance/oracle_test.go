package alliance

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/big"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// oracle settles a request a second time, as the specification says it and by
// other means: fractions instead of whole numbers, orders of arrival instead of
// coalitions, one unit at a time where units are left over.
type oracle struct {
	r        *Request
	reserve  Units
	caps     map[string]Units
	deferred map[string]Units
}

type verdict struct {
	tax, fee, fromReserve, toReserve                  Units
	sacrifice, putOff, recovered, recouped, dividends map[string]Units
}

func whole(r *big.Rat) Units { return Units(new(big.Int).Div(r.Num(), r.Denom()).Int64()) }

// even rounds half to even.
func even(r *big.Rat) Units {
	f := whole(r)
	switch rest := new(big.Rat).Sub(r, big.NewRat(int64(f), 1)); rest.Cmp(big.NewRat(1, 2)) {
	case 1:
		return f + 1
	case 0:
		return f + f%2
	}
	return f
}

// hamilton shares a total by weights, a unit at a time.
func hamilton(total Units, names []string, weight map[string]*big.Rat, before func(a, b string) bool) map[string]Units {
	out := map[string]Units{}
	sum := new(big.Rat)
	for _, n := range names {
		sum.Add(sum, weight[n])
	}
	if total <= 0 || sum.Sign() == 0 {
		return out
	}
	rest := map[string]*big.Rat{}
	left := total
	for _, n := range names {
		exact := new(big.Rat).Mul(big.NewRat(int64(total), 1), new(big.Rat).Quo(weight[n], sum))
		out[n] = whole(exact)
		rest[n] = exact.Sub(exact, big.NewRat(int64(out[n]), 1))
		left -= out[n]
	}
	for ; left > 0; left-- {
		best := ""
		for _, n := range names {
			if rest[n] != nil && (best == "" || rest[n].Cmp(rest[best]) > 0 || rest[n].Cmp(rest[best]) == 0 && before(n, best)) {
				best = n
			}
		}
		out[best]++
		rest[best] = nil
	}
	return out
}

// arrivals returns the mean of what each player adds on arrival, over all orders
// (each has an owner of its own).
func arrivals(names []string, v func([]string) *big.Rat) map[string]*big.Rat {
	phi := map[string]*big.Rat{}
	for _, n := range names {
		phi[n] = new(big.Rat)
	}
	orders := int64(0)
	var walk func(rest, there []string)
	walk = func(rest, there []string) {
		if len(rest) == 0 {
			orders++
			for i, n := range there {
				phi[n].Add(phi[n], new(big.Rat).Sub(v(there[:i+1]), v(there[:i])))
			}
			return
		}
		for i := range rest {
			other := append(append([]string{}, rest[:i]...), rest[i+1:]...)
			walk(other, append(append([]string{}, there...), rest[i]))
		}
	}
	walk(names, nil)
	for _, n := range names {
		phi[n].Quo(phi[n], big.NewRat(orders, 1))
	}
	return phi
}

func (o *oracle) settle(contracts map[string]*Contract, byName bool) *verdict {
	r := o.r
	v := &verdict{sacrifice: map[string]Units{}, putOff: map[string]Units{}, recovered: map[string]Units{}, recouped: map[string]Units{}, dividends: map[string]Units{}}
	v.tax = even(big.NewRat(int64(r.Price)*600, 10_600))
	net := r.Price - v.tax
	v.fee = whole(big.NewRat(int64(net)*500, 10_000))
	pool := net - v.fee
	var names, used []string
	cost := map[string]Units{}
	all := Units(0)
	for _, m := range r.Members {
		names = append(names, m.Member)
		if !m.Used {
			continue
		}
		used = append(used, m.Member)
		k := contracts[m.Member].Cost
		x := new(big.Rat)
		perMillion := func(n int64, rate int64) {
			x.Add(x, new(big.Rat).Mul(big.NewRat(n, 1_000_000), big.NewRat(rate, 1)))
		}
		switch k.Model {
		case "per_token":
			perMillion(m.Buckets.Input, int64(*k.Input))
			perMillion(m.Buckets.Output, int64(*k.Output))
		case "per_call":
			x.SetInt64(*m.Calls * int64(k.Call))
		case "subscription":
			x.SetFrac64(*m.Calls*int64(k.Fee), k.PlannedCalls)
		case "self_hosted":
			x.Mul(big.NewRat(m.CardMS, 3_600_000), big.NewRat(int64(k.CardHour), 1))
		}
		cost[m.Member] = even(x)
		all += cost[m.Member]
	}
	sort.Strings(names)
	sort.Strings(used)
	before := func(a, b string) bool {
		if byName {
			return a < b
		}
		x, y := sha256.Sum256([]byte(r.ID+a)), sha256.Sum256([]byte(r.ID+b))
		return bytes.Compare(x[:], y[:]) < 0
	}
	rat := func(m map[string]Units) map[string]*big.Rat {
		out := map[string]*big.Rat{}
		for n, x := range m {
			out[n] = big.NewRat(int64(x), 1)
		}
		return out
	}
	if pool < all {
		left := all - pool
		// Water rises: whoever is full leaves, what is left is shared again.
		open := append([]string{}, used...)
		short := left
		for len(open) > 0 && short > 0 {
			weights := map[string]*big.Rat{}
			for _, n := range open {
				weights[n] = big.NewRat(int64(cost[n]), 1)
			}
			shares := hamilton(short, open, weights, before)
			var rest []string
			full := false
			for _, n := range open {
				limit := min(whole(big.NewRat(int64(cost[n])*contracts[n].Sacrifice.PerRequestBP, 10_000)), o.caps[n])
				if cost[n] == 0 {
					continue
				}
				if shares[n] >= limit {
					v.sacrifice[n], full = limit, true
					short -= limit
				} else {
					rest = append(rest, n)
				}
			}
			open = rest
			if !full {
				for _, n := range open {
					v.sacrifice[n] = shares[n]
				}
				break
			}
		}
		for _, n := range used {
			left -= v.sacrifice[n]
		}
		v.fromReserve = min(left, o.reserve)
		left -= v.fromReserve
		open2 := map[string]Units{}
		for _, n := range used {
			open2[n] = cost[n] - v.sacrifice[n]
		}
		v.putOff = hamilton(left, used, rat(open2), before)
	}
	for _, n := range used {
		v.recovered[n] = cost[n] - v.sacrifice[n] - v.putOff[n]
	}
	if pool < all {
		return v
	}
	surplus := pool - all
	var claimants []string
	claims := Units(0)
	for n, x := range o.deferred {
		claimants = append(claimants, n)
		claims += x
	}
	sort.Strings(claimants)
	repaid := min(whole(big.NewRat(int64(surplus)*5000, 10_000)), claims)
	v.recouped = hamilton(repaid, claimants, rat(o.deferred), before)
	surplus -= repaid
	v.toReserve = whole(big.NewRat(int64(surplus)*1000, 10_000))
	rest := surplus - v.toReserve
	weights := map[string]*big.Rat{}
	for _, n := range names {
		weights[n] = new(big.Rat)
	}
	if len(r.V) > 0 || len(r.Predicted) > 0 {
		phi := arrivals(names, func(s []string) *big.Rat {
			if len(r.Predicted) > 0 {
				best := int64(0)
				for _, n := range s {
					best = max(best, r.Predicted[n])
				}
				return big.NewRat(best, 1)
			}
			own := append([]string{}, s...)
			sort.Strings(own)
			for name, worth := range r.V {
				parts := strings.Split(name, "+")
				sort.Strings(parts)
				if strings.Join(parts, "+") == strings.Join(own, "+") {
					return big.NewRat(worth, 1)
				}
			}
			return new(big.Rat)
		})
		for _, m := range r.Members {
			share := int64(10_000)
			if !m.Used {
				share = contracts[m.Member].Dividend.StandbyBP
			}
			if phi[m.Member].Sign() > 0 {
				weights[m.Member] = phi[m.Member].Mul(phi[m.Member], big.NewRat(share, 1))
			}
		}
	}
	v.dividends = hamilton(rest, names, weights, before)
	v.toReserve += rest - total(v.dividends)
	return v
}

// Random settlements come out as the oracle has them. SUMMIT_ORACLE says how
// many ("make test-oracle": 100,000).
func TestOracle(t *testing.T) {
	n := 1_500
	if text := os.Getenv("SUMMIT_ORACLE"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	done := 0
	for _, tie := range []TieBreak{ByMemberName, ByRequestHash} {
		a := testAlliance(t)
		a.Terms.TieBreak = tie
		contracts := map[string]*Contract{}
		for m, list := range a.contracts {
			contracts[m] = list[0]
		}
		for seed := range n / 2 {
			r := rapid.Custom(func(t *rapid.T) *Request { return draw(t, fmt.Sprint("r", seed)) }).Example(seed)
			if len(r.Members) > 5 { // the oracle goes through all orders
				r.Members = r.Members[:5]
				names := map[string]bool{}
				for _, m := range r.Members {
					names[m.Member] = true
				}
				for m := range r.Predicted {
					if !names[m] {
						delete(r.Predicted, m)
					}
				}
				for s := range r.V {
					for m := range strings.SplitSeq(s, "+") {
						if !names[m] {
							delete(r.V, s)
						}
					}
				}
			}
			for i := range r.Members {
				if r.Members[i].Calls == nil {
					one := int64(1)
					r.Members[i].Calls = &one
				}
			}
			mix := sha256.Sum256([]byte(fmt.Sprint(seed)))
			o := &oracle{r: r, reserve: Units(mix[0]) * 97, caps: map[string]Units{}, deferred: map[string]Units{"zhinao": Units(mix[1]) * 31, "glm": Units(mix[2]) * 17}}
			for m := range contracts {
				o.caps[m] = Units(mix[3]) * 41
			}
			books := &Books{Reserve: o.reserve, CapsLeft: o.caps, Deferred: o.deferred}
			res, _, err := a.Settle(r, books)
			if err != nil {
				t.Fatal(err)
			}
			want := o.settle(contracts, tie == ByMemberName)
			got := &verdict{res.Tax, res.Fee, res.FromReserve, res.ToReserve, res.Sacrifice, res.Deferred, res.Recovered, res.Recouped, res.Dividends}
			for _, m := range []map[string]Units{want.sacrifice, want.putOff, want.recovered, want.recouped, want.dividends, got.sacrifice, got.putOff, got.recovered, got.recouped, got.dividends} {
				without(m)
			}
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(verdict{})); diff != "" {
				t.Fatalf("seed %d: %+v\n-want +got\n%s", seed, r, diff)
			}
			done++
		}
	}
	t.Logf("%d settlements are as the oracle has them", done)
}
