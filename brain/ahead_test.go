package brain

import (
	"math"
	"math/rand/v2"
	"testing"
)

// foreseen is a trainer of the made-up world whose figures are fitted, and its
// grounds.
func foreseen(t *testing.T, n int) (*trainer, []ground) {
	t.Helper()
	examples, o := world(n, 3)
	tr := listening(t, examples, o)
	_, w := tr.marginal(tr.b)
	tr.b.header.Solo = solo{w[0], w[1], w[2], w[3]}
	tr.fit()
	grounds := make([]ground, n)
	for i := range grounds {
		grounds[i] = tr.stand(i)
	}
	tr.foresee(grounds)
	return tr, grounds
}

// What a reply is expected to gain is, on average, what it gains.
func TestGainIsWhatComes(t *testing.T) {
	tr, grounds := foreseen(t, 800)
	h := &tr.b.header
	random := rand.New(rand.NewPCG(9, 9))
	var expected, came, squares, n float64
	var w walk
	for i := range grounds {
		g := &grounds[i]
		w.begin()
		order := random.Perm(len(g.keys))
		for _, j := range order[:1+random.IntN(3)] {
			w.ask(&h.Model, g, j)
		}
		was := won(&w, g)
		l := h.Ahead.outlook(&w.tally, &w.odds)
		gain := h.gain(g, &l, order[len(order)-1])
		if !(math.Abs(gain) <= 1) {
			t.Fatalf("a gain of %v", gain)
		}
		w.ask(&h.Model, g, order[len(order)-1])
		is := won(&w, g) - was
		expected, came, squares, n = expected+gain, came+is, squares+is*is, n+1
	}
	if err := math.Sqrt(squares) / n; math.Abs(expected-came)/n > 3*err+0.02 {
		t.Errorf("expected to gain %.3f, gained %.3f ± %.3f", expected/n, came/n, err)
	}
	for _, p := range h.Ahead.Join {
		if p < 0.02 || p > 0.6 {
			t.Errorf("a wrong reply joins a wrong answer with %v, want about a quarter", p)
		}
	}
	if h.Ahead.Silent > 0.05 {
		t.Errorf("silent with %v, nobody is", h.Ahead.Silent)
	}
}

func won(w *walk, g *ground) float64 {
	if j := w.author(g); j >= 0 && w.win >= 0 {
		return g.scores[j]
	}
	return 0
}

// Where nothing that one could say changes the leading answer, nobody is worth
// a thing; where two differ, the one who is mostly right is.
func TestFurther(t *testing.T) {
	tr, grounds := foreseen(t, 300)
	h := &tr.b.header
	g := grounds[0]
	g.keys, g.right = []int16{0, 1, 0, 2}, []float64{0.6, 0.6, 0.95, 0.3}
	g.costX = []float64{0.1, 0.1, 1, 0.1}
	g.before = []float64{0.4, 0.4, 4, -1}
	for j := range g.voices {
		g.voices[j].weight = g.before[j]
	}
	p := &plan{Price: 0.05, Ahead: true}
	var w walk
	w.begin()
	if j := h.further(p, &g, &w); j >= 0 {
		t.Errorf("%d is asked before the opening", j)
	}
	w.ask(&h.Model, &g, 0)
	w.ask(&h.Model, &g, 1)
	if j := h.further(p, &g, &w); j != 2 {
		t.Errorf("%d is asked where two differ, want 2", j)
	}
	p.Price = 5
	if j := h.further(p, &g, &w); j >= 0 {
		t.Errorf("%d is asked at a price that nobody is worth", j)
	}
	p.Price = 0.05
	w.ask(&h.Model, &g, 2)
	if j := h.further(p, &g, &w); j >= 0 {
		t.Errorf("%d is asked though it can't change a thing", j)
	}
	g.keys[3] = absent
	if j := h.further(&plan{Ahead: true, Keen: 1}, &g, &w); j >= 0 {
		t.Errorf("%d is asked, who can't be", j)
	}
}

// A Case follows a plan that looks ahead, and ends.
func TestCaseLooksAhead(t *testing.T) {
	examples, o := world(400, 1)
	fresh, _ := world(100, 7)
	b := trained(t, examples, o)
	b.header.Plans = []plan{{Price: 0.02, Keen: 0.02, Steps: []step{{-1, 0.1}}, Ahead: true, Trust: trust{Slope: 1}}}
	b.header.Curve = []Point{{CostX: 0.4}}
	score, cost := 0.0, 0.0
	for i := range fresh {
		s, c, _ := play(b, &fresh[i], seatsOf(o), Policy{plan: 1})
		score, cost = score+s/100, cost+c/10/100
	}
	if score < 0.85 || cost > 0.7 || cost < 0.12 {
		t.Errorf("score %.2f at %.2fx, want what the best has at less: by asking on", score, cost)
	}
}
