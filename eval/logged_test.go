package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"summit/brain"
	"summit/money"
	"summit/run"
)

// world is a simulation whose truth is known: questions of two kinds, members
// that are good at one of them, a policy that always asks the first member,
// and asks in the shadow by a known chance.
type world struct {
	random *rand.Rand
	share  float64 // chance of a member that wasn't asked
	told   float64 // what is written down of it
}

// right is how often a member is right on a kind of question.
var right = [2][3]float64{{0.55, 0.75, 0.9}, {0.75, 0.6, 0.5}}

// value is the truth about the new policy: member 2 for the first kind and
// member 0, who was asked anyway, for the second.
const value = (0.9 + 0.75) / 2

func (w *world) runs(n int) []LoggedRun {
	runs := make([]LoggedRun, n)
	for i := range runs {
		kind := w.random.IntN(2)
		hit := func(member int) float64 {
			if w.random.Float64() < right[kind][member] {
				return 1
			}
			return 0
		}
		x := LoggedRun{Trust: 1, Old: hit(0), OldCost: 1, Model: 0.6, ModelCost: 2}
		if kind == 1 {
			x.Weight, x.Score, x.Cost = 1, x.Old, 1
		} else if w.random.Float64() < w.share {
			x.Weight, x.Score, x.Cost = 1/w.told, hit(2), 4
		}
		runs[i] = x
	}
	return runs
}

// covered returns how often each estimator's interval of the gain holds the
// truth.
func covered(t *testing.T, w *world) map[string]float64 {
	t.Helper()
	const worlds, n = 400, 1500
	truth := value - (0.55+0.75)/2
	hits := map[string]float64{}
	for range worlds {
		r := Judge(w.runs(n))
		for _, e := range r.Estimates {
			if e.GainLow <= truth && truth <= e.GainHigh {
				hits[e.Name] += 1.0 / worlds
			}
		}
	}
	return hits
}

// The intervals hold the truth as often as they say; with a chance that is
// written down wrongly they don't, and that is to be seen.
func TestEstimatorsHoldTheTruth(t *testing.T) {
	hits := covered(t, &world{rand.New(rand.NewPCG(1, 1)), 0.2, 0.2})
	for _, name := range []string{"ips", "snips", "dr"} {
		// 95 % of 400 have a deviation of 1.1 points.
		if h := hits[name]; h < 0.91 || h > 0.985 {
			t.Errorf("%s: the interval holds the truth in %.1f %%, want 95", name, 100*h)
		}
	}
	t.Logf("right chances: %v", hits)
	wrong := covered(t, &world{rand.New(rand.NewPCG(1, 2)), 0.2, 0.6})
	for _, name := range []string{"ips", "snips", "dr"} {
		if h := wrong[name]; h > 0.5 {
			t.Errorf("%s: with chances three times too high the interval still holds the truth in %.1f %%", name, 100*h)
		}
	}
	t.Logf("wrong chances: %v", wrong)
}

func TestVerdicts(t *testing.T) {
	f := func(name string, want Verdict, why string, n int, change func(i int, x *LoggedRun)) {
		t.Helper()
		random := rand.New(rand.NewPCG(5, 6))
		runs := make([]LoggedRun, n)
		for i := range runs {
			x := LoggedRun{Weight: 1, Trust: 1, OldCost: 1, Cost: 1, ModelCost: 1, Model: 0.7}
			if random.Float64() < 0.7 {
				x.Old = 1
			}
			x.Score = x.Old
			change(i, &x)
			runs[i] = x
		}
		if r := Judge(runs); r.Verdict != want || !strings.Contains(r.Why, why) {
			t.Errorf("%s: %s because %q, want %s because %q\n%+v", name, r.Verdict, r.Why, want, why, r)
		}
	}
	f("the same", DontPromote, "no gain is shown", 1000, func(int, *LoggedRun) {})
	f("better", Promote, "better", 1000, func(i int, x *LoggedRun) {
		if i%10 == 0 {
			x.Score = 1
		}
	})
	f("worse", DontPromote, "worse", 1000, func(i int, x *LoggedRun) {
		if i%10 == 0 {
			x.Score = 0
		}
	})
	f("as good for less", Promote, "costs less", 1000, func(_ int, x *LoggedRun) { x.Cost, x.ModelCost = 0.5, 0.5 })
	f("few", TooLittle, "want 100", 50, func(int, *LoggedRun) {})
	f("hardly ever seen", TooLittle, "in the shadow", 1000, func(i int, x *LoggedRun) {
		if x.Weight = 0; i%100 == 0 {
			x.Weight = 100
		}
	})
	f("weak labels all the same", Promote, "better", 1000, func(i int, x *LoggedRun) {
		if x.Trust = 0.25; i%10 == 0 {
			x.Score = 1
		}
	})
	if r := Judge(nil); r.Verdict != TooLittle {
		t.Errorf("of nothing: %s", r.Verdict)
	}
}

// pair trains a brain for which the one member is better than the other.
func pair(t *testing.T, first, second float64, like *brain.Brain) *brain.Brain {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 8))
	var examples []brain.Example
	for i := range 200 {
		e := brain.Example{Prompt: fmt.Sprintf("What is %d times %d?", i, i+3)}
		for j, share := range []float64{first, second} {
			r := brain.Reply{Member: j, Key: fmt.Sprint(10001 + j + 10*i), Cost: 1, Tokens: 10}
			if random.Float64() < share {
				r.Score, r.Key = 1, fmt.Sprint(10000+10*i)
			}
			e.Replies = append(e.Replies, r)
		}
		examples = append(examples, e)
	}
	b, err := brain.Train(examples, brain.Options{Members: []brain.Member{{Name: "a"}, {Name: "b"}}, Like: like})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A whole run: an old brain that asks a served, b was asked in the shadow, and
// people said who was right. A brain that prefers b, who is better, is
// promoted; the old one gains nothing over itself; one of another space sees
// nothing.
func TestLoggedBrains(t *testing.T) {
	old := pair(t, 0.9, 0.5, nil)
	better := pair(t, 0.5, 0.9, old)
	if better.Space() != old.Space() {
		t.Fatal("a brain trained like another one is of another space")
	}
	random := rand.New(rand.NewPCG(9, 10))
	entries := make([]run.Entry, 1500)
	for i := range entries {
		price := &run.Money{Amount: money.Micro, Currency: "CNY"}
		ok := [2]bool{random.Float64() < 0.6, random.Float64() < 0.9} // not what the old one thinks
		cluster := func(j int) string {
			if ok[j] {
				return "right"
			}
			return fmt.Sprint("wrong", j)
		}
		l := &run.Lesson{Features: old.Sketch(fmt.Sprintf("What is %d times %d?", i, i+1)), Space: old.Space(), Answer: cluster(0), Asks: []run.Ask{
			{Member: "a", Cluster: cluster(0), Chance: 1e6, Right: 900_000, Share: 1e6, Asked: true, Tokens: 10, Cost: price},
			{Member: "b", Chance: 300_000, Right: 500_000, Shadow: true},
		}}
		if random.Float64() < 0.3 {
			b := &l.Asks[1]
			b.Asked, b.Cluster, b.Tokens, b.Cost = true, cluster(1), 10, price
		}
		f := run.Feedback{Source: run.SourceUser}
		if ok[0] {
			f.Score = 1
		}
		entries[i] = run.Entry{Lesson: l, Feedback: []run.Feedback{f}}
	}
	judge := func(b *brain.Brain) LoggedReport {
		t.Helper()
		l, err := NewLogged(b, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			l.Add(e)
		}
		l.Add(run.Entry{})
		return l.Report()
	}
	r := judge(better)
	dr := r.Estimates[len(r.Estimates)-1]
	if r.Verdict != Promote || r.Requests != 1500 || math.Abs(float64(r.Matched)-450) > 60 || len(r.Skipped) != 1 || dr.GainLow < 0 {
		t.Errorf("the better brain: %+v", r)
	}
	if r := judge(old); r.Verdict != DontPromote || r.Matched != 1500 || math.Abs(r.Estimates[0].Gain) > 1e-9 {
		t.Errorf("the old brain against itself: %+v", r)
	}
	r = judge(pairOf(t, "quite another kind of question"))
	if r.Verdict != TooLittle || r.Requests != 0 || !strings.Contains(r.Why, "--like") {
		t.Errorf("a brain of another space: %+v", r)
	}
}

// pairOf is a brain of a space of its own.
func pairOf(t *testing.T, text string) *brain.Brain {
	t.Helper()
	var examples []brain.Example
	for i := range 50 {
		examples = append(examples, brain.Example{Prompt: fmt.Sprint(text, " ", i), Replies: []brain.Reply{{Member: 0, Key: "1", Score: 1, Cost: 1}, {Member: 1, Key: "2", Cost: 1}}})
	}
	b, err := brain.Train(examples, brain.Options{Members: []brain.Member{{Name: "a"}, {Name: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
