package eval

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"summit/brain"
	"summit/run"
)

// Logged evaluates a new brain on requests that were served.
type Logged struct {
	Brain  *brain.Brain
	Policy brain.Policy

	space string
	runs  []LoggedRun
	first []float64 // expected cost of whom it asks first, as a multiple
	skips map[string]int
}

// NewLogged begins an evaluation of a brain that may spend costX times what
// its best single member costs.
func NewLogged(b *brain.Brain, costX float64) (*Logged, error) {
	policy, err := b.Spend(costX)
	if err != nil {
		return nil, err
	}
	return &Logged{Brain: b, Policy: policy, space: b.Space(), skips: map[string]int{}}, nil
}

// Add looks at one request: what the brain would have done, from what was
// answered. Those that say nothing are counted and left.
func (l *Logged) Add(e run.Entry) {
	if why := l.add(e); why != "" {
		l.skips[why]++
	}
}

func (l *Logged) add(e run.Entry) (skip string) {
	lesson := e.Lesson
	switch {
	case lesson == nil || lesson.Features == nil:
		return "no brain chose"
	case lesson.Space != l.space:
		return `a brain of another kind chose (train with --like, and its sketches can be read)`
	case lesson.Answer == "":
		return "the answer can't be compared"
	}
	score, trust, rated := rating(e.Feedback)
	if !rated {
		return "not rated"
	}
	seats := make([]brain.Seat, len(lesson.Asks))
	oldCost := 0.0
	for i, a := range lesson.Asks {
		seats[i].Name = a.Member
		if a.Asked && !a.Shadow {
			oldCost += amount(a.Cost)
		}
	}
	c, err := l.Brain.CaseOf(lesson.Features, seats)
	if err != nil {
		return "its sketch can't be read"
	}
	x := LoggedRun{Weight: 1, Trust: trust, Old: score, OldCost: oldCost}
	l.play(c, lesson, &x)
	if x.Weight > 0 {
		switch key := c.Verdict().Key; key {
		case lesson.Answer:
			x.Score = score
		default:
			// It can be right as far as the one that was given is wrong.
			x.Score, x.Assumed = (1-score)*instead(lesson, key), true
		}
	}
	l.runs = append(l.runs, x)
	return ""
}

// play lets the brain decide from what was answered, as far as that is known.
func (l *Logged) play(c *brain.Case, lesson *run.Lesson, x *LoggedRun) {
	for first := true; ; first = false {
		step := c.Next(l.Policy)
		if step.Seat < 0 {
			return
		}
		a := lesson.Asks[step.Seat]
		if first {
			right, costX := c.Expect(step.Seat)
			x.Model = right
			l.first = append(l.first, costX)
		}
		switch {
		case !a.Asked || (a.Shadow && a.Chance <= 0):
			x.Weight = 0
			return
		case a.Shadow:
			x.Weight /= float64(a.Chance) / 1e6
		}
		x.Cost += amount(a.Cost)
		if a.Error != "" {
			c.Off(step.Seat)
			continue
		}
		c.Answer(step.Seat, a.Cluster, float64(a.Tokens))
	}
}

// Report judges what was added.
func (l *Logged) Report() LoggedReport {
	// Multiples become amounts by what was paid on average.
	old, multiple := 0.0, 0.0
	for i := range l.runs {
		old += l.runs[i].OldCost
	}
	for _, x := range l.first {
		multiple += x
	}
	for i := range l.runs {
		if multiple > 0 && i < len(l.first) {
			l.runs[i].ModelCost = l.first[i] * old / multiple
		}
	}
	r := Judge(l.runs)
	for why, n := range l.skips {
		r.Skipped = append(r.Skipped, Skip{why, n})
	}
	slices.SortFunc(r.Skipped, func(a, b Skip) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Why, b.Why)) })
	if r.Requests == 0 && len(r.Skipped) > 0 {
		r.Why += fmt.Sprintf(": of %d, %s", r.Skipped[0].N, r.Skipped[0].Why)
	}
	return r
}

// rating returns what was said of an answer: the mean of its labels by their
// weights, and how far that can be trusted.
func rating(all []run.Feedback) (score, trust float64, rated bool) {
	for _, f := range all {
		w := f.Source.Weight()
		score += w * f.Score
		trust += w
	}
	if trust <= 0 {
		return 0, 0, false
	}
	return score / trust, min(trust, 1), true
}

// instead returns how probable it is that the answer of that cluster is right
// where the one that was given is wrong: members count by what was thought of
// them when they were asked, as if they erred independently.
func instead(l *run.Lesson, cluster string) float64 {
	if cluster == "" {
		return 0
	}
	odds := map[string]float64{}
	for _, a := range l.Asks {
		if !a.Asked || a.Cluster == "" || a.Cluster == l.Answer {
			continue
		}
		p := 0.5
		if a.Right > 0 {
			p = min(max(float64(a.Right)/1e6, 0.02), 0.98)
		}
		if odds[a.Cluster] == 0 {
			odds[a.Cluster] = 1
		}
		odds[a.Cluster] *= p / (1 - p)
	}
	all := 1.0 // that all are wrong
	for _, o := range odds {
		all += o
	}
	return math.Min(odds[cluster]/all, 1)
}

func amount(m *run.Money) float64 {
	if m == nil {
		return 0
	}
	return float64(m.Amount) / 1e6
}
