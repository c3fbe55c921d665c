package alliance

import (
	"fmt"
	"math/big"
	"math/bits"
	"slices"
	"strings"
)

// maxPlayers is the most players whose game is counted out: 2^12 coalitions.
const maxPlayers = 12

// game is a cooperative game: what each coalition of the players is worth, by
// its bits.
type game struct {
	players []string
	owners  []string // of the players: those of one owner bargain as one
	value   []*big.Int
}

// newGame returns a game in which every coalition is worth nothing.
func newGame(players, owners []string) *game {
	g := &game{players: players, owners: owners, value: make([]*big.Int, 1<<len(players))}
	for set := range g.value {
		g.value[set] = new(big.Int)
	}
	return g
}

// addedShares returns the contributions of a game in which a coalition is worth
// the sum of its members' shares in the answer: those shares.
func addedShares(players []string, weights map[string]int64) ([]*big.Rat, error) {
	phi := make([]*big.Rat, len(players))
	sum := int64(0)
	for i, p := range players {
		w := weights[p]
		if w < 0 || w > maxWorth {
			return nil, fmt.Errorf("weights: %s: got %d, want 0 to %d", p, w, maxWorth)
		}
		phi[i] = new(big.Rat).SetInt64(w)
		sum += w
	}
	for _, name := range sorted(weights) {
		if !slices.Contains(players, name) {
			return nil, fmt.Errorf("weights: %q is no member of the request", clip(name))
		}
	}
	if sum > maxWorth {
		return nil, fmt.Errorf("weights: they sum to %d, want at most %d", sum, maxWorth)
	}
	return phi, nil
}

// tableGame reads a game from the worth of named coalitions: names joined by
// "+", in any order; the empty one is worth 0 where it is not named.
func tableGame(players, owners []string, v map[string]int64) (*game, error) {
	if len(players) > maxPlayers {
		return nil, fmt.Errorf("%d players, want at most %d: their coalitions are counted out", len(players), maxPlayers)
	}
	g := &game{players: players, owners: owners, value: make([]*big.Int, 1<<len(players))}
	for name, worth := range v {
		set := 0
		for p := range strings.SplitSeq(name, "+") {
			if p == "" && name == "" {
				break
			}
			i := slices.Index(players, p)
			if i < 0 || set>>i&1 == 1 {
				return nil, fmt.Errorf("v: coalition %q: %q is no player, or stands there twice", clip(name), clip(p))
			}
			set |= 1 << i
		}
		if g.value[set] != nil {
			return nil, fmt.Errorf("v: coalition %q is given twice", clip(name))
		}
		if worth < 0 || worth > maxWorth {
			return nil, fmt.Errorf("v: coalition %q: got %d, want 0 to %d", clip(name), worth, maxWorth)
		}
		g.value[set] = big.NewInt(worth)
	}
	if g.value[0] == nil {
		g.value[0] = new(big.Int)
	}
	for set, worth := range g.value {
		if worth == nil {
			return nil, fmt.Errorf("v: coalition %q is missing", strings.Join(g.names(set), "+"))
		}
	}
	return g, nil
}

// maxWorth is the most that a coalition can be worth: in millionths, all.
const maxWorth = 1_000_000

// bestGame is the game of routing: a coalition is worth its best member.
func bestGame(players, owners []string, predicted map[string]int64) (*game, error) {
	if len(players) > maxPlayers {
		return nil, fmt.Errorf("%d players, want at most %d: their coalitions are counted out", len(players), maxPlayers)
	}
	g := newGame(players, owners)
	for set := range g.value {
		best := int64(0)
		for i, p := range players {
			if set>>i&1 == 1 {
				best = max(best, predicted[p])
			}
		}
		g.value[set].SetInt64(best)
	}
	return g, nil
}

func (g *game) names(set int) []string {
	var names []string
	for i, p := range g.players {
		if set>>i&1 == 1 {
			names = append(names, p)
		}
	}
	return names
}

// shares returns each player's contribution, exactly: the Owen value, which
// bargains between owners first and inside each owner then, so that a clone
// adds nothing to its owner. With one player an owner it is the Shapley value.
// Source: Owen 1977, "Values of games with a priori unions".
func (g *game) shares() []*big.Rat {
	var owners []string
	for _, o := range g.owners {
		if !slices.Contains(owners, o) {
			owners = append(owners, o)
		}
	}
	members := make([]int, len(owners)) // the bits of each owner's players
	for i, o := range g.owners {
		members[slices.Index(owners, o)] |= 1 << i
	}
	phi := make([]*big.Rat, len(g.players))
	for i := range g.players {
		phi[i] = new(big.Rat)
		mine := slices.Index(owners, g.owners[i])
		inside := members[mine] &^ (1 << i)
		k, s := len(owners), bits.OnesCount(uint(members[mine]))
		for q := range 1 << k { // which other owners are there already
			if q>>mine&1 == 1 {
				continue
			}
			there := 0
			for o, m := range members {
				if q>>o&1 == 1 {
					there |= m
				}
			}
			outer := order(bits.OnesCount(uint(q)), k)
			for t := inside; ; t = (t - 1) & inside { // which of the own are
				gain := new(big.Int).Sub(g.value[there|t|1<<i], g.value[there|t])
				if gain.Sign() != 0 {
					term := new(big.Rat).SetInt(gain)
					term.Mul(term, outer).Mul(term, order(bits.OnesCount(uint(t)), s))
					phi[i].Add(phi[i], term)
				}
				if t == 0 {
					break
				}
			}
		}
	}
	return phi
}

// order returns the share of the orders of n in which exactly those before
// stand in front: before! (n-before-1)! / n!.
func order(before, n int) *big.Rat {
	num := new(big.Int).Mul(factorial(before), factorial(n-before-1))
	return new(big.Rat).SetFrac(num, factorial(n))
}

func factorial(n int) *big.Int { return new(big.Int).MulRange(1, int64(n)) }

// bestShares returns the contributions of bestGame in closed form, for any
// number of players of different owners: with the worths sorted, each step up
// is shared by those that reach it.
func bestShares(players []string, predicted map[string]int64) []*big.Rat {
	n := len(players)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int {
		return int(predicted[players[i]] - predicted[players[j]])
	})
	phi := make([]*big.Rat, n)
	sum, last := new(big.Rat), int64(0)
	for k, i := range order {
		q := predicted[players[i]]
		sum.Add(sum, big.NewRat(q-last, int64(n-k)))
		phi[i], last = new(big.Rat).Set(sum), q
	}
	return phi
}
