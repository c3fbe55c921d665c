package fusion

import (
	"math"
	"slices"
	"strings"

	"summit/llm"
)

// maxPlayers is of how many members all coalitions are valued.
const maxPlayers = 10

// steps is the account of one answer: who expected what of it.
type steps struct {
	logs   [][]float64 // by member: the log-probability of each step
	worth  []float64   // by coalition, as a set of members: the sum over the steps of the log-probability of what came
	mine   []float64   // by member: how much of the steps is due to it
	n      int
	sum, w []float64 // reused
}

func newSteps(members int) *steps {
	s := &steps{logs: make([][]float64, members), mine: make([]float64, members)}
	if members <= maxPlayers {
		s.worth = make([]float64, 1<<members)
		s.sum, s.w = make([]float64, 1<<members), make([]float64, 1<<members)
	}
	return s
}

// note takes down a step of a mixture: the members' weights, and the
// probability that each gave to what came. Restricted to a coalition the
// mixture has the same weights, scaled to 1.
func (s *steps) note(how string, weights, p []float64) {
	total := 0.0
	for m := range p {
		s.logs[m] = append(s.logs[m], math.Log(p[m]))
		total += weights[m] * p[m]
	}
	for m := range p {
		if total > 0 {
			s.mine[m] += weights[m] * p[m] / total
		} else {
			s.mine[m] += weights[m]
		}
	}
	s.n++
	for set := 1; set < len(s.worth); set++ {
		low := set & -set
		m := 0
		for low>>m != 1 {
			m++
		}
		term := weights[m] * p[m]
		if how == mixGeometric {
			term = weights[m] * math.Log(max(p[m], never))
		}
		s.sum[set], s.w[set] = s.sum[set^low]+term, s.w[set^low]+weights[m]
		switch {
		case s.w[set] == 0:
			s.worth[set] += math.Log(never)
		case how == mixGeometric:
			s.worth[set] += s.sum[set] / s.w[set]
		default:
			s.worth[set] += math.Log(max(s.sum[set]/s.w[set], never))
		}
	}
}

// against takes down a step of two members, the first of which has its
// answer held against the second's: together they gave it that probability.
func (s *steps) against(first int, p []float64, together float64) {
	for m := range p {
		s.logs[m] = append(s.logs[m], math.Log(p[m]))
		s.worth[1<<m] += math.Log(max(p[m], never))
	}
	s.mine[first]++
	s.worth[1<<len(p)-1] += math.Log(max(together, never))
	s.n++
}

// alone takes down a step that is one member's own doing. logs has not a number
// for a member that was not asked.
func (s *steps) alone(first int, logs []float64) {
	for m, v := range logs {
		s.logs[m] = append(s.logs[m], v)
	}
	s.mine[first]++
	s.n++
	for set := 1; set < len(s.worth); set++ {
		if set>>first&1 == 1 {
			s.worth[set] += max(logs[first], math.Log(never))
		} else {
			s.worth[set] += math.Log(never)
		}
	}
}

// close writes what was taken down to the members' parts and to the whole.
func (s *steps) close(out *llm.Outcome, parts []*llm.Outcome) {
	if s.n == 0 {
		return
	}
	for m, part := range parts {
		part.StepLogprobs = s.logs[m]
	}
	for m, share := range split(ppm, s.mine) {
		parts[m].WeightPPM = share
	}
	if s.worth == nil {
		return
	}
	out.Coalitions = map[string]int64{}
	for set := 1; set < len(s.worth); set++ {
		var names []string
		for m, part := range parts {
			if set>>m&1 == 1 {
				names = append(names, part.Member)
			}
		}
		slices.Sort(names)
		out.Coalitions[strings.Join(names, "+")] = int64(math.Round(ppm * math.Exp(s.worth[set]/float64(s.n))))
	}
}

// split shares total by weight, to the unit: what does not divide goes to the
// largest remainders, the first of equals (Hamilton).
func split(total int64, weights []float64) []int64 {
	shares, rest := make([]int64, len(weights)), make([]float64, len(weights))
	left := total
	for m, w := range normal(weights) {
		exact := float64(total) * w
		shares[m] = int64(exact)
		rest[m] = exact - float64(shares[m])
		left -= shares[m]
	}
	order := make([]int, len(weights))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case rest[a] > rest[b]:
			return -1
		case rest[a] < rest[b]:
			return 1
		}
		return 0
	})
	for i := int64(0); i < left; i++ {
		shares[order[i%int64(len(order))]]++
	}
	return shares
}
