package brain

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Example is one prompt with what members answered to it.
type Example struct {
	Prompt  string // empty = unknown: then only what holds overall is learned
	Replies []Reply
}

// Reply is what one member answered.
type Reply struct {
	Member int     // by its place in Options.Members
	Key    string  // the answer's normal form; empty = it holds none that can be compared
	Score  float64 // 0 to 1
	Cost   float64 // in one currency for all
	Tokens float64 // of the reply, thoughts included; 0 = unknown
}

// Options say what to train with.
type Options struct {
	Members  []Member // name and vendor of each; the rest is learned
	Currency string   // ISO code of the replies' costs; empty = unknown
	Workers  int      // 0 = one a processor; the brain is the same for any number
	Like     *Brain   // sketches are made as by this one, so that those which were kept of requests can be read; nil = by the examples
}

// Bounds of the work of training. More examples make it slower and hardly
// better.
const (
	maxFitted    = 3000 // examples that the model is fitted to
	maxSimulated = 2000 // examples that plans are grown and measured on
	fewest       = 8    // examples that anything can be learned from
)

// Train learns from examples. Equal input gives an equal brain, to the byte.
func Train(examples []Example, o Options) (*Brain, error) {
	t, err := newTrainer(examples, o)
	if err != nil {
		return nil, err
	}
	t.count()
	codes := t.remember(o.Like)
	t.b.finish(codes)
	t.meet()
	t.b.header.Shape = t.chooseShape()
	t.lookAround()
	t.measureLengths()
	t.listen()
	_, w := t.marginal(t.b)
	t.b.header.Solo = solo{w[0], w[1], w[2], w[3]}
	t.fit()
	t.draw()

	return t.b, nil
}

// trainer is the examples on their way to a Brain.
type trainer struct {
	b        *Brain
	examples []Example
	workers  int
	rows     []int       // [example*members+member] = its reply; -1 = none
	near     [][]near    // by example, without itself
	views    []view      // by example, likewise
	fitted   []int       // examples that the model is fitted to
	grams    [][]gram    // by example
	excess   [][]float64 // by example and member: how much longer the reply is than expected
	echoes   [][]echo    // by example and reply
}

func newTrainer(examples []Example, o Options) (*trainer, error) {
	if n := len(o.Members); n == 0 || n > MaxMembers {
		return nil, fmt.Errorf("brain: %d members to train with, want 1 to %d", n, MaxMembers)
	}
	if n := len(examples); n < fewest || n > MaxExamples {
		return nil, fmt.Errorf("brain: %d examples to train with, want %d to %d", n, fewest, MaxExamples)
	}
	t := &trainer{b: &Brain{}, examples: examples, workers: o.Workers}
	if t.workers <= 0 {
		t.workers = runtime.GOMAXPROCS(0)
	}
	names := map[string]bool{}
	for i, m := range o.Members {
		if m.Name == "" || len(m.Name) > maxName || len(m.Vendor) > maxName || names[m.Name] {
			return nil, fmt.Errorf("brain: member %d is named %.80q, want a name of its own of at most %d bytes", i+1, m.Name, maxName)
		}
		names[m.Name] = true
		t.b.header.Members = append(t.b.header.Members, Member{Name: m.Name, Vendor: m.Vendor})
	}
	m := len(o.Members)
	t.rows = make([]int, len(examples)*m)
	for i := range t.rows {
		t.rows[i] = -1
	}
	if len(o.Currency) > maxCurrency {
		return nil, fmt.Errorf("brain: currency %.20q, want an ISO code", o.Currency)
	}
	finite := func(v float64) bool { return v >= 0 && !math.IsInf(v, 0) }
	for i := range examples {
		for k, r := range examples[i].Replies {
			switch {
			case r.Member < 0 || r.Member >= m:
				return nil, fmt.Errorf("brain: example %d: a reply of member %d, want 0 to %d", i+1, r.Member, m-1)
			case !(r.Score >= 0 && r.Score <= 1):
				return nil, fmt.Errorf("brain: example %d: member %q scores %v, want 0 to 1", i+1, o.Members[r.Member].Name, r.Score)
			case !finite(r.Cost) || !finite(r.Tokens):
				return nil, fmt.Errorf("brain: example %d: member %q costs %v for %v tokens, want numbers of at least zero", i+1, o.Members[r.Member].Name, r.Cost, r.Tokens)
			case t.rows[i*m+r.Member] >= 0:
				return nil, fmt.Errorf("brain: example %d: two replies of member %q", i+1, o.Members[r.Member].Name)
			}
			t.rows[i*m+r.Member] = k
		}
	}
	t.b.header.Version, t.b.header.Examples, t.b.header.Currency = version, len(examples), o.Currency
	t.fitted = thin(len(examples), maxFitted)
	return t, nil
}

// reply returns what the member said to the example; nil = it wasn't asked.
func (t *trainer) reply(i, j int) *Reply {
	k := t.rows[i*len(t.b.header.Members)+j]
	if k < 0 {
		return nil
	}
	return &t.examples[i].Replies[k]
}

// thin returns at most that many of n numbers, evenly spread.
func thin(n, most int) []int {
	some := make([]int, min(n, most))
	for i := range some {
		some[i] = i * n / len(some)
	}
	return some
}

// each calls f for 0 to n-1 on the trainer's workers. f writes only what
// belongs to its number.
func (t *trainer) each(n int, f func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(t.workers, n) {
		group.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	group.Wait()
}

// count fills in what holds of each member overall.
func (t *trainer) count() {
	members := t.b.header.Members
	costs := make([]float64, len(members))
	measured := make([]int, len(members))
	for i := range t.examples {
		for _, r := range t.examples[i].Replies {
			m := &members[r.Member]
			m.Asked++
			m.Accuracy += r.Score
			costs[r.Member] += r.Cost
			if r.Tokens > 0 {
				measured[r.Member]++
				m.Length += logLength(r.Tokens)
			}
		}
	}
	best, all := -1, 0.0
	for j := range members {
		m := &members[j]
		n := float64(max(m.Asked, 1))
		costs[j] /= n
		all += costs[j] / float64(len(members))
		m.Accuracy /= n
		m.Length /= float64(max(measured[j], 1))
		// One that was asked a few questions only isn't known to be best; of
		// equals the cheaper one is.
		if 2*m.Asked >= len(t.examples) && (best < 0 || m.Accuracy > members[best].Accuracy ||
			m.Accuracy == members[best].Accuracy && costs[j] < costs[best]) {
			best = j
		}
	}
	if best < 0 {
		best = 0
		for j := range members {
			if members[j].Asked > members[best].Asked {
				best = j
			}
		}
	}
	unit := costs[best]
	if unit == 0 {
		unit = all // the best is free: costs are multiples of the mean
	}
	if unit == 0 {
		unit = 1
	}
	t.b.header.Best, t.b.header.Unit = best, unit
	for j := range members {
		members[j].CostX = costs[j] / unit
	}
}

// remember makes the store. It returns the codes of the rarities, which are
// like's where there is one.
func (t *trainer) remember(like *Brain) []uint8 {
	n, m := len(t.examples), len(t.b.header.Members)
	t.grams = make([][]gram, n)
	t.each(n, func(i int) { t.grams[i] = grams(t.examples[i].Prompt) })
	codes := rarities(t.grams)
	if like != nil {
		codes = like.codes
	}
	t.grams = nil
	rarity := fromRarities(codes)
	s := &t.b.store
	*s = store{
		n: n, members: m,
		sketches: make([]int8, n*dims), scores: make([]uint8, n*m), costs: make([]uint8, n*m), lengths: make([]uint8, n*m),
		keys: make([]uint16, n*m), forms: make([]uint16, n*m),
	}
	t.each(n, func(i int) {
		sketch(t.examples[i].Prompt, rarity, s.sketches[i*dims:(i+1)*dims])
		for j := range m {
			at := s.at(i, j)
			s.scores[at] = unasked
			if r := t.reply(i, j); r != nil {
				s.scores[at], s.costs[at], s.lengths[at] = scoreCode(r.Score), costCode(r.Cost/t.b.header.Unit), lengthCode(r.Tokens)
				said := markOf(r.Key)
				s.keys[at], s.forms[at] = said.key, said.form
			}
		}
	})
	return codes
}

// meet finds the neighbours of each example among the others.
func (t *trainer) meet() {
	t.near = make([][]near, len(t.examples))
	t.each(len(t.near), func(i int) {
		var found [maxNear]near
		own := t.b.sketches[i*dims : (i+1)*dims]
		t.near[i] = slices.Clone(t.b.store.nearest(own, true, found[:0]))
	})
}

// The shapes of neighbourhoods that are tried.
var (
	powers = []float64{1, 2, 4, 8}
	priors = []float64{0.1, 0.3, 1, 3}
)

// chooseShape returns the shape under which the members' own reliabilities
// have the least log-loss on examples that are not in the store.
func (t *trainer) chooseShape() shape {
	var shapes []shape
	for _, power := range powers {
		for _, prior := range priors {
			shapes = append(shapes, shape{power, prior})
		}
	}
	losses := make([]float64, len(shapes))
	t.each(len(shapes), func(k int) {
		own := *t.b // the rest is shared and read only
		own.header.Shape = shapes[k]
		losses[k], _ = t.marginal(&own)
	})
	best := 0
	for k := range losses {
		if losses[k] < losses[best]-1e-6 {
			best = k
		}
	}
	return shapes[best]
}

// marginal fits the first four figures of the model to each reply by itself,
// by Newton's method, and returns the log-loss and the figures.
func (t *trainer) marginal(b *Brain) (float64, [4]float64) {
	var rows []fact
	v := newView(len(b.header.Members))
	for _, i := range thin(len(t.examples), maxFitted) {
		b.look(t.near[i], i, &v)
		for j := range b.header.Members {
			if s := b.scores[b.store.at(i, j)]; s != unasked {
				rows = append(rows, fact{[4]float64{1, v.overall[j], v.common, v.special[j]}, float64(s) / scoreUnit})
			}
		}
	}
	return logistic(rows)
}

// fact is what is known of something, and whether it was so.
type fact struct {
	x [4]float64
	y float64
}

// logistic fits log-odds that are linear in the facts, by Newton's method, and
// returns the log-loss and the figures. They begin at, and are held to, the
// second fact as it is.
func logistic(rows []fact) (float64, [4]float64) {
	w := [4]float64{0, 1, 0, 0}
	loss := 0.0
	for range 6 {
		var gradient [4]float64
		var curve [4][4]float64
		loss = 0
		for k := range w {
			gradient[k] = ridge * (w[k] - [4]float64{0, 1, 0, 0}[k])
			curve[k][k] = ridge
		}
		for i := range rows {
			r := &rows[i]
			z := w[0]*r.x[0] + w[1]*r.x[1] + w[2]*r.x[2] + w[3]*r.x[3]
			p := min(max(sigmoid(z), 1e-6), 1-1e-6)
			loss -= r.y*math.Log(p) + (1-r.y)*math.Log(1-p)
			for k := range w {
				gradient[k] += (p - r.y) * r.x[k]
				for l := range w {
					curve[k][l] += p * (1 - p) * r.x[k] * r.x[l]
				}
			}
		}
		step := solve(curve, gradient)
		for k := range w {
			w[k] -= step[k]
		}
	}
	return loss / float64(max(len(rows), 1)), w
}

// ridge holds figures that nothing is known about where they begin.
const ridge = 1

// solve returns x with a*x = y, for a symmetric positive a, by elimination.
func solve(a [4][4]float64, y [4]float64) [4]float64 {
	for k := range y {
		for r := k + 1; r < len(y); r++ {
			f := a[r][k] / a[k][k]
			for c := k; c < len(y); c++ {
				a[r][c] -= f * a[k][c]
			}
			y[r] -= f * y[k]
		}
	}
	for k := len(y) - 1; k >= 0; k-- {
		for c := k + 1; c < len(y); c++ {
			y[k] -= a[k][c] * y[c]
		}
		y[k] /= a[k][k]
	}
	return y
}

// lookAround fills the views of all examples.
func (t *trainer) lookAround() {
	t.views = make([]view, len(t.examples))
	t.each(len(t.views), func(i int) {
		t.views[i] = newView(len(t.b.header.Members))
		t.b.look(t.near[i], i, &t.views[i])
	})
}

// measureLengths fills in how far lengths are from what was expected.
func (t *trainer) measureLengths() {
	members := t.b.header.Members
	squares := make([]float64, len(members))
	counts := make([]float64, len(members))
	for i := range t.examples {
		for j := range members {
			if r := t.reply(i, j); r != nil && r.Tokens > 0 {
				d := logLength(r.Tokens) - t.views[i].length[j]
				squares[j] += d * d
				counts[j]++
			}
		}
	}
	for j := range members {
		members[j].Spread = 0
		// Replies that are all of one length, such as a letter, say nothing.
		if s := math.Sqrt(squares[j] / max(counts[j], 1)); s > 0.02 {
			members[j].Spread = s
		}
	}
	t.excess = make([][]float64, len(t.examples))
	for i := range t.examples {
		t.excess[i] = make([]float64, len(members))
		for j := range members {
			if r := t.reply(i, j); r != nil {
				t.excess[i][j] = excess(r.Tokens, t.views[i].length[j], members[j].Spread)
			}
		}
	}
}
