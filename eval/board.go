package eval

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"summit/answer"
	"summit/record"
)

// board is a suite's answers as small numbers, so that choosing a plan, which
// tries millions of votes, is arithmetic. Its rules are those of package
// fusion; a test holds the two against each other.
type board struct {
	suite *record.Suite
	m     int        // members
	votes []ballot   // [question][member]
	names [][]string // of the classes of equal answers, by question and ballot's key
}

// ballot is what one member said to one question.
type ballot struct {
	key   int32 // the class of equal answers it belongs to, or one of those below
	prose bool  // the answer is a sentence: few others will say it in the same words
	score float64
	cost  float64
}

const (
	incomparable int32 = -1 // a text that is no answer to compare, such as a refusal
	silent       int32 = -2 // no text
	absent       int32 = -3 // no row: can't be asked
)

// said is what a reply comes to.
type said struct {
	class string // of answers that mean the same; empty = none to compare
	prose bool
}

func newBoard(s *record.Suite) *board {
	b := &board{suite: s, m: len(s.Members), votes: make([]ballot, len(s.Questions)*len(s.Members))}
	finals := map[string]said{} // by what was said; no class = incomparable
	b.names = make([][]string, len(s.Questions))
	for q := range s.Questions {
		classes := map[string]int32{}
		for m := range s.Members {
			c, v := s.Cell(q, m), b.at(q, m)
			v.score, v.cost = c.Score, c.CostUSD
			switch {
			case !c.Asked:
				v.key = absent
				continue
			case !c.HasVote:
				v.key = silent
				continue
			}
			text := c.Said()
			final, ok := finals[text]
			if !ok {
				if a, ok := answer.Final(text); ok {
					final = said{a.Class(), isProse(a)}
				}
				finals[text] = final
			}
			if final.class == "" {
				v.key = incomparable
				continue
			}
			class, ok := classes[final.class]
			if !ok {
				class = int32(len(classes))
				classes[final.class] = class
				b.names[q] = append(b.names[q], final.class)
			}
			v.key, v.prose = class, final.prose
		}
	}
	return b
}

func (b *board) at(q, m int) *ballot { return &b.votes[q*b.m+m] }

// verdict is what a plan does with one question.
type verdict struct {
	author int // the member whose answer it is, by its index in the suite; -1 = no answer
	score  float64
	cost   float64
	calls  int
}

// run returns what the plan does with question q.
func (b *board) run(q int, p *plan) verdict {
	v := verdict{author: -1}
	switch p.Use {
	case useVote:
		for _, m := range p.columns {
			b.ask(q, m, &v)
		}
		v.author = b.decide(q, p, len(p.columns), false)
	case useCascade:
		b.cascade(q, p, &v)
	default:
		if b.ask(q, p.columns[0], &v) {
			v.author = p.columns[0]
		}
	}
	if v.author >= 0 {
		v.score = b.at(q, v.author).score
	}
	return v
}

// ask books a call of the member; it is false where the member has no row.
func (b *board) ask(q, m int, v *verdict) bool {
	if b.at(q, m).key == absent {
		return false
	}
	v.cost += b.at(q, m).cost
	v.calls++
	return true
}

// cascade asks in order until an answer is accepted or the rest can't change
// the choice, as package fusion's cascade by agreement does.
func (b *board) cascade(q int, p *plan, done *verdict) {
	coming := 0.0
	for i := range p.columns {
		coming += p.weight(i)
	}
	plain, blind := false, 0 // there is an answer to compare; answers that can't be
	n := len(p.columns)
	for i, m := range p.columns {
		coming -= p.weight(i)
		b.ask(q, m, done)
		if b.at(q, m).key <= silent {
			continue
		}
		top, second := b.leader(q, p, i+1, true)
		accepted := int(top.size) >= p.Agree
		if p.Threshold > 0 {
			accepted = top.size > 0 && top.sum >= p.Threshold-slack
		}
		if v := b.at(q, m); v.key >= 0 && !v.prose {
			plain = true
		} else if blind++; !plain && !accepted && blind >= p.Agree && i+1 < n {
			// Nothing could be compared: after as many answers as have to
			// agree, the strongest of the others is the last resort.
			b.lastResort(q, p, i+1, done)
			return
		}
		if accepted || (top.size > 0 && top.sum > second+coming+slack) {
			n = i + 1
			break
		}
	}
	done.author = b.decide(q, p, n, true)
}

// lastResort asks the members from place i on, the heaviest first and of
// equals the last, until one answers.
func (b *board) lastResort(q int, p *plan, i int, v *verdict) {
	rest := make([]int, 0, maxSeats)
	for at := len(p.columns) - 1; at >= i; at-- {
		rest = append(rest, at)
	}
	slices.SortStableFunc(rest, func(x, y int) int { return cmp.Compare(p.weight(y), p.weight(x)) })
	for _, at := range rest {
		m := p.columns[at]
		b.ask(q, m, v)
		if b.at(q, m).key > silent {
			v.author = m
			return
		}
	}
	v.author = b.decide(q, p, i, true)
}

// class is the members that gave the same answer. It is small: millions are
// made while plans are searched.
type class struct {
	sum, top float64
	key      int32
	size     int32 // 0 = nobody gave an answer to compare
	lead     int32 // the heaviest supporter, the first of equals, by its place in the plan
	edge     int32 // the first supporter; the last where later ones win ties
}

// maxSeats bounds what is counted without an allocation; only whole pools are
// larger.
const maxSeats = maxCommittee

// decide returns whose answer wins among the first n members of the plan, as
// package fusion's tally does: the greatest sum of weights, then the heaviest
// supporter, then the earliest, or with later the latest. The author is the
// supporter with the greatest share. Where nothing can be compared it is the
// heaviest member that answered.
func (b *board) decide(q int, p *plan, n int, later bool) int {
	top, _ := b.leader(q, p, n, later)
	if top.size > 0 {
		return p.columns[top.lead]
	}
	author, heaviest := -1, 0.0
	for i, m := range p.columns[:n] {
		if b.at(q, m).key != incomparable {
			continue
		}
		if w := p.weight(i); author < 0 || w > heaviest || (later && w == heaviest) {
			author, heaviest = m, w
		}
	}
	return author
}

// slack is the difference below which sums of weights are equal, as in
// package fusion.
const slack = 1e-9

// leader returns the class that leads after n members and the greatest sum of
// any other.
func (b *board) leader(q int, p *plan, n int, later bool) (best class, second float64) {
	var few [maxSeats]class
	classes := few[:0]
	votes := b.votes[q*b.m : (q+1)*b.m]
	for i, m := range p.columns[:n] {
		key := votes[m].key
		if key < 0 {
			continue
		}
		at := 0
		for at < len(classes) && classes[at].key != key {
			at++
		}
		if at == len(classes) {
			classes = append(classes, class{key: key, top: -1, edge: int32(i)})
		}
		c, w := &classes[at], p.weight(i)
		c.size++
		c.sum += w
		if w > c.top {
			c.top, c.lead = w, int32(i)
		}
		if later {
			c.edge = int32(i)
		}
	}
	for i := range classes {
		if c := &classes[i]; best.size == 0 || beats(c, &best, later) {
			if best.size > 0 {
				second = max(second, best.sum)
			}
			best = *c
		} else {
			second = max(second, c.sum)
		}
	}
	return best, second
}

func beats(a, b *class, later bool) bool {
	if d := a.sum - b.sum; math.Abs(d) > slack {
		return d > 0
	}
	if a.top != b.top {
		return a.top > b.top
	}
	if later {
		return a.edge > b.edge
	}
	return a.edge < b.edge
}

// isProse reports whether the answer is a sentence, where equal words would be
// chance: as package fusion decides when a cascade has nothing to compare.
func isProse(a answer.Answer) bool {
	const words, characters = 4, 8
	return a.Kind == answer.KindText && strings.ContainsAny(a.Text, ".!?。！？") &&
		(strings.Count(a.Text, " ") >= words-1 || len(a.Text) >= 3*characters && a.Text[0] >= 0x80)
}
