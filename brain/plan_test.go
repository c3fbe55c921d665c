package brain

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// listening returns a trainer that has gone as far as its neighbours.
func listening(t *testing.T, examples []Example, o Options) *trainer {
	t.Helper()
	tr, err := newTrainer(examples, o)
	if err != nil {
		t.Fatal(err)
	}
	tr.count()
	tr.b.finish(tr.remember(nil))
	tr.meet()
	tr.b.header.Shape = shape{2, 0.3}
	tr.lookAround()
	tr.measureLengths()
	tr.listen()
	return tr
}

// The derivatives of the log-loss are those that differences give.
func TestLossSlopes(t *testing.T) {
	examples, o := world(60, 9)
	tr := listening(t, examples, o)
	tr.b.header.Solo = solo{0.1, 1, 0.3, 0.2}
	trials := tr.trials()
	n := figures + len(o.Members)
	x, slope, other := make([]float64, n), make([]float64, n), make([]float64, n)
	random := rand.New(rand.NewPCG(4, 4))
	for k := range x {
		x[k] = random.NormFloat64() / 2
	}
	tr.loss(trials, x, slope)
	const h = 1e-5
	for k := range x {
		x[k] += h
		high := tr.loss(trials, x, other)
		x[k] -= 2 * h
		low := tr.loss(trials, x, other)
		x[k] += h
		if want := (high - low) / (2 * h); math.Abs(slope[k]-want) > 1e-3*(1+math.Abs(want)) {
			t.Errorf("figure %d: slope %v, differences say %v", k, slope[k], want)
		}
	}
}

func TestMinimise(t *testing.T) {
	want := []float64{3, -2, 0.5}
	x := make([]float64, 3)
	minimise(x, func(x, slope []float64) float64 {
		v := 0.0
		for k := range x {
			d := x[k] - want[k]
			v += float64(1+10*k) * (d*d + d*d*d*d)
			slope[k] = float64(1+10*k) * (2*d + 4*d*d*d)
		}
		return v + 1
	})
	for k := range x {
		if math.Abs(x[k]-want[k]) > 1e-2 {
			t.Errorf("x[%d] = %v, want %v", k, x[k], want[k])
		}
	}
}

// What is promised holds on questions that weren't seen, give or take chance:
// the cost under every cap, and the confidence.
func TestSpendKeepsCaps(t *testing.T) {
	examples, o := world(600, 1)
	fresh, _ := world(600, 7)
	b := trained(t, examples, o)
	before := -1.0
	for _, x := range []float64{0.1, 0.25, 0.5, 0.75, 1, 2} {
		p, err := b.Spend(x)
		if err != nil {
			t.Fatal(err)
		}
		score, cost := 0.0, 0.0
		for i := range fresh {
			s, c, _ := play(b, &fresh[i], seatsOf(o), p)
			score, cost = score+s/600, cost+c/10/600
		}
		if cost > 1.06*x {
			t.Errorf("at most %vx: %.3fx", x, cost)
		}
		gain, promised := b.Promise(p)
		if promised > x+1e-9 || gain < before-1e-9 {
			t.Errorf("at most %vx: promises %+.3f at %.3fx, want no less than %+.3f for more money, within the cap", x, gain, promised, before)
		}
		before = gain
		if best := b.Members()[b.header.Best].Accuracy; math.Abs(score-best-gain) > 0.05 {
			t.Errorf("at most %vx: score %.3f, promised %.3f", x, score, best+gain)
		}
	}
}

// A pair of plans shares the prompts as it says; the same prompt goes the same
// way, and without prompts there are no pairs.
func TestCoins(t *testing.T) {
	b := &Brain{prompts: true}
	b.header.Members = []Member{{Name: "a", Asked: 1, Accuracy: 0.5, CostX: 9}}
	b.header.Curve = []Point{{CostX: 0.2, Gain: -0.1}, {CostX: 1, Gain: 0.1}}
	b.header.Plans = make([]plan, 2)
	p, gain, _ := b.best(0.6, b.prompts)
	if math.Abs(gain) > 1e-9 || math.Abs(p.share-0.5) > 1e-9 {
		t.Fatalf("a share of %v and a gain of %v, want half and 0", p.share, gain)
	}
	second := 0
	random := rand.New(rand.NewPCG(2, 2))
	for range 2000 {
		sketch := make([]byte, dims)
		for k := range sketch {
			sketch[k] = byte(random.Uint32())
		}
		coin := coinOf(sketch)
		if coin != coinOf(sketch) {
			t.Fatal("another coin for the same prompt")
		}
		if b.lead(p, coin) == &b.header.Plans[1] {
			second++
		}
	}
	if second < 900 || second > 1100 {
		t.Errorf("the second plan led %d of 2000, want about half", second)
	}
	b.prompts = false
	if p, gain, _ := b.best(0.6, b.prompts); p.other != 0 || gain != -0.1 {
		t.Errorf("without prompts %+v with a gain of %v, want the first plan by itself", p, gain)
	}
	if coinOf(make([]byte, dims)) != 1 {
		t.Error("a prompt without features draws a coin, want the first plan always")
	}
}

// Whoever the plans want may be missing, fail, or have nothing to say: then
// others are asked.
func TestPlansWithoutTheirMembers(t *testing.T) {
	examples, o := world(400, 1)
	b := trained(t, examples, o)
	p, err := b.Spend(0.5)
	if err != nil {
		t.Fatal(err)
	}
	c := b.Case(examples[0].Prompt, []Seat{{Name: "guess"}, {Name: "new"}})
	first := c.Next(p)
	if first.Seat < 0 {
		t.Fatalf("nobody is asked: %s", first.Why)
	}
	c.Off(first.Seat)
	second := c.Next(p)
	if second.Seat != 1-first.Seat {
		t.Fatalf("%+v after a failure, want the other", second)
	}
	c.Answer(second.Seat, "", 10)
	if s := c.Next(p); s.Seat >= 0 {
		t.Errorf("asks %d after all were asked", s.Seat)
	}
	c = b.Case(examples[0].Prompt, seatsOf(o))
	asked := map[int]bool{}
	for s := c.Next(p); s.Seat >= 0; s = c.Next(p) {
		if asked[s.Seat] || len(asked) > 4 {
			t.Fatalf("asks %d again", s.Seat)
		}
		asked[s.Seat] = true
		c.Answer(s.Seat, fmt.Sprint("answer ", s.Seat), 10)
	}
}

// What is known of who asks moves what is expected of a seat.
func TestShift(t *testing.T) {
	examples, o := world(200, 1)
	b := trained(t, examples, o)
	plain, _ := b.Case(examples[0].Prompt, seatsOf(o)).Expect(3)
	seats := seatsOf(o)
	seats[3].Shift = 1
	better, _ := b.Case(examples[0].Prompt, seats).Expect(3)
	if want := sigmoid(math.Log(plain/(1-plain)) + 1); math.Abs(better-want) > 1e-9 {
		t.Errorf("right with %.3f, shifted %.3f, want %.3f", plain, better, want)
	}
}
