package alliance

import (
	"errors"
	"fmt"
	"slices"
)

// Ballots is what the members of a vote or a cascade answered, in the order in
// which they were asked. Answers stand as letters or hashes: only whether two
// are the same counts.
type Ballots struct {
	Order  []string          `json:"order"`           // members, the first asked first
	Answer map[string]string `json:"answer"`          // by member; absent = none that can be compared
	Winner string            `json:"winner"`          // the answer that was given
	Delay  int64             `json:"delay,omitempty"` // what every further step of a cascade takes off the worth, in millionths
}

// ballotGame is the game of a vote: a coalition is worth all if it alone would
// have given the same answer, by the most ballots, ties to who was asked first;
// less what its steps cost in a cascade. It needs no further calls of models.
// Source: Shapley & Shubik 1954, "A method for evaluating the distribution of
// power in a committee system".
func ballotGame(players, owners []string, b *Ballots) (*game, error) {
	if len(players) > maxPlayers {
		return nil, fmt.Errorf("ballots: %d players, want at most %d: their coalitions are counted out", len(players), maxPlayers)
	}
	if b.Winner == "" {
		return nil, errors.New("ballots: winner: missing, want the answer that was given")
	}
	if b.Delay < 0 || b.Delay > maxWorth {
		return nil, fmt.Errorf("ballots: delay: got %d, want 0 to %d", b.Delay, maxWorth)
	}
	order := make([]int, 0, len(b.Order))
	for _, m := range b.Order {
		i := slices.Index(players, m)
		if i < 0 || slices.Contains(order, i) {
			return nil, fmt.Errorf("ballots: order: %q is no player, or stands there twice", clip(m))
		}
		order = append(order, i)
	}
	for _, m := range sorted(b.Answer) {
		if !slices.Contains(b.Order, m) {
			return nil, fmt.Errorf("ballots: answer: %q is not in order", clip(m))
		}
	}
	g := newGame(players, owners)
	for set := range g.value {
		best, most := "", 0
		counts := map[string]int{}
		steps := int64(0)
		for _, i := range order {
			if set>>i&1 == 0 {
				continue
			}
			steps++
			if a := b.Answer[players[i]]; a != "" {
				counts[a]++
			}
		}
		for _, i := range order { // the first asked wins a tie
			if a := b.Answer[players[i]]; set>>i&1 == 1 && counts[a] > most {
				best, most = a, counts[a]
			}
		}
		if best == b.Winner {
			g.value[set].SetInt64(max(maxWorth-b.Delay*max(steps-1, 0), 0))
		}
	}
	return g, nil
}
