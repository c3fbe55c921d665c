package brain

import "fmt"

// Change is one thing in which two brains differ.
type Change struct {
	What string `json:"what"`
	Old  string `json:"old"` // empty = it is new
	New  string `json:"new"` // empty = it is gone
}

// Diff says what is different in the newer brain, in the figures that people
// can read. Brains without a difference there may still hold other examples.
func Diff(old, newer *Brain) []Change {
	var all []Change
	note := func(what, was, is string) {
		if was != is {
			all = append(all, Change{what, was, is})
		}
	}
	a, b := &old.header, &newer.header
	note("examples", fmt.Sprint(a.Examples), fmt.Sprint(b.Examples))
	note("best", old.Best(), newer.Best())
	for i := range a.Members {
		m := &a.Members[i]
		if j, ok := newer.byName[m.Name]; ok {
			n := &b.Members[j]
			note(m.Name+": asked", fmt.Sprint(m.Asked), fmt.Sprint(n.Asked))
			note(m.Name+": accuracy", percent(m.Accuracy), percent(n.Accuracy))
			note(m.Name+": cost", times(m.CostX), times(n.CostX))
			continue
		}
		note(m.Name, percent(m.Accuracy)+" at "+times(m.CostX), "")
	}
	for i := range b.Members {
		if m := &b.Members[i]; !old.Knows(m.Name) {
			note(m.Name, "", percent(m.Accuracy)+" at "+times(m.CostX))
		}
	}
	figures := b.Model.figures()
	for i, f := range a.Model.figures() {
		note("model: "+f.name, fmt.Sprintf("%.4g", *f.at), fmt.Sprintf("%.4g", *figures[i].at))
	}
	for _, cost := range []float64{0.25, 0.5, 1, 2, 4} {
		note(fmt.Sprintf("expected gain at up to %gx", cost), old.promise(cost), newer.promise(cost))
	}
	return all
}

// Knows reports whether the brain has learned of the member.
func (b *Brain) Knows(member string) bool {
	_, ok := b.byName[member]
	return ok
}

// promise says what the policy of a cost was measured to gain.
func (b *Brain) promise(costX float64) string {
	p, err := b.Spend(costX)
	if err != nil {
		return err.Error()
	}
	if p.Alone != "" {
		return p.Alone + " alone"
	}
	gain, _ := b.Promise(p)
	return fmt.Sprintf("%+.1f points", 100*gain)
}

func percent(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) }
func times(v float64) string   { return fmt.Sprintf("%.2gx", v) }
