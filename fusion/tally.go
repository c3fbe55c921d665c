package fusion

import (
	"fmt"
	"math"
)

// ppm is the whole of a share, in millionths.
const ppm = 1_000_000

// class is the replies that gave the same answer.
type class struct {
	key  string // what they have in common: reply.meaning
	size int
	sum  float64 // of the supporters' weights
	top  float64 // the heaviest supporter's weight
	lead int     // the heaviest supporter, by index into the replies
	edge int     // the first supporter, or the last where later ones win ties
}

// tally counts the replies by answer, best class first. Weights are log-odds
// and add up. Ties go to the class with the heavier supporter, then to the
// earlier one; with later, to the later one. The classes are appended to all.
func tally(replies []reply, later bool, all []class) []class {
	for i := range replies {
		rep := &replies[i]
		meaning := rep.meaning()
		if meaning == "" {
			continue
		}
		at := -1
		for c := range all {
			if all[c].key == meaning {
				at = c
				break
			}
		}
		if at < 0 {
			if all == nil {
				all = make([]class, 0, len(replies))
			}
			all = append(all, class{key: meaning, top: -1, edge: i})
			at = len(all) - 1
		}
		c, weight := &all[at], rep.seat.weight
		c.size++
		c.sum += weight
		if weight > c.top || (later && weight == c.top) {
			c.top, c.lead = weight, i
		}
		if later {
			c.edge = i
		}
	}
	// Insertion sort: there are few, and mostly in order already.
	for i := 1; i < len(all); i++ {
		for j := i; j > 0 && better(&all[j], &all[j-1], later); j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	return all
}

// meaning is equal for replies whose answers mean the same; empty where the
// answer can't be compared.
func (rep *reply) meaning() string {
	if rep.class != "" && rep.key != "" {
		return rep.class
	}
	return rep.key
}

// slack is the difference below which sums of weights are equal: adding 0.1
// and 0.2 is not to break a tie with 0.3.
const slack = 1e-9

func better(a, b *class, later bool) bool {
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

// settled reports whether votes of this weight, still to come, can't change
// the winner any more.
func settled(classes []class, coming float64) bool {
	if len(classes) == 0 {
		return false
	}
	second := 0.0
	if len(classes) > 1 {
		second = classes[1].sum
	}
	return classes[0].sum > second+coming+slack
}

// confidence is how likely the winner is, were the members independent and
// their weights true log-odds: the softmax of the classes' sums, with one
// more class of sum zero for the answer that nobody gave. It is not
// calibrated: members err alike.
func confidence(classes []class) int64 {
	if len(classes) == 0 {
		return 0
	}
	top := classes[0].sum
	total := math.Exp(-top)
	for i := range classes {
		total += math.Exp(classes[i].sum - top)
	}
	return int64(math.Round(ppm / total))
}

// share writes WeightPPM of the supporters: total by weight, in equal parts
// where no weight is above zero. What rounding leaves goes to the first.
func share(total int64, supporters []*reply) {
	if len(supporters) == 0 {
		return
	}
	weights := 0.0
	for _, s := range supporters {
		weights += s.seat.weight
	}
	left := total
	for _, s := range supporters {
		part := float64(total) / float64(len(supporters))
		if weights > 0 {
			part = float64(total) * (s.seat.weight / weights)
		}
		s.part.WeightPPM += int64(part)
		left -= int64(part)
	}
	supporters[0].part.WeightPPM += left
}

// decision is how a council chose among whole answers.
type decision struct {
	winner  *reply
	classes []class // none where nothing could be compared
	why     string
}

// decide takes the answer with the greatest weight behind it; where no answer
// can be compared with another, that of the heaviest member. It writes the
// shares and the confidence. There must be an answer.
func (w *work) decide(replies []reply, later bool) decision {
	classes := tally(replies, later, nil)
	d := decision{classes: classes}
	answered := 0
	for i := range replies {
		rep := &replies[i]
		if !rep.answered() {
			continue
		}
		answered++
		if len(classes) == 0 && (d.winner == nil || rep.seat.weight > d.winner.seat.weight || (later && rep.seat.weight == d.winner.seat.weight)) {
			d.winner = rep
		}
	}
	if len(classes) == 0 {
		d.winner.part.WeightPPM += ppm
		if d.why = "only " + d.winner.seat.name + " answered"; answered > 1 {
			d.why = fmt.Sprintf("%d answers can't be compared: %s's is taken, %s", answered, d.winner.seat.name, first(later))
		}
		return d
	}
	d.winner = &replies[classes[0].lead]
	share(ppm, supporters(replies, classes[0].key))
	w.out.ConfidencePPM = confidence(classes)
	d.why = fmt.Sprintf("%q has %d of %d answers", clip(d.winner.key), classes[0].size, answered)
	if len(classes) > 1 && classes[0].size <= classes[1].size {
		d.why += ": " + tieWhy(&classes[0], &classes[1], later)
	}
	return d
}

func tieWhy(a, b *class, later bool) string {
	switch {
	case math.Abs(a.sum-b.sum) > slack:
		return fmt.Sprintf("weight %.4g against %.4g", a.sum, b.sum)
	case a.top != b.top:
		return "a tie that the heavier member breaks"
	case later:
		return "a tie that the later member breaks"
	}
	return "a tie that the earlier member breaks"
}

func first(later bool) string {
	if later {
		return "the heaviest member's and the last of equals"
	}
	return "the heaviest member's and the first of equals"
}

func supporters(replies []reply, meaning string) []*reply {
	var all []*reply
	for i := range replies {
		if replies[i].meaning() == meaning {
			all = append(all, &replies[i])
		}
	}
	return all
}

// use makes the decision's answer the strategy's own.
func (w *work) use(d decision) {
	part := d.winner.part
	w.out.Model, w.out.Finish, w.out.Answer = part.Model, part.Finish, d.winner.key
}
