package learn

import (
	"math"
	"math/rand/v2"
	"testing"

	"summit/run"
)

// A tenant for whom a member is right less often than the brain says moves it
// to where it is, and no further than the bound.
func TestOverlayFindsTheShift(t *testing.T) {
	f := func(truth, p, low, high float64) {
		t.Helper()
		random := rand.New(rand.NewPCG(1, 2))
		var o Overlay
		for range 400 {
			y := 0.0
			if random.Float64() < truth {
				y = 1
			}
			o.add(p, y, 1, nil)
		}
		if o.Shift < low || o.Shift > high {
			t.Errorf("right on %.2f where %.2f was expected: shift %.2f, want %.2f to %.2f", truth, p, o.Shift, low, high)
		}
	}
	f(0.8, 0.8, -0.25, 0.25)
	f(0.7, 0.8, -0.9, -0.3) // the log-odds differ by 0.54
	f(0.1, 0.8, -1, -1)
	f(0.99, 0.5, 1, 1)
}

// A few labels move little; weak ones less.
func TestOverlayIsSmall(t *testing.T) {
	after := func(n int, weight float64) float64 {
		var o Overlay
		for range n {
			o.add(0.8, 0, weight, nil)
		}
		return -o.Shift
	}
	if one := after(1, 1); one < 0.1 || one > 0.25 {
		t.Errorf("one label moves it by %.2f, want 0.1 to 0.25", one)
	}
	if weak := after(1, 0.1); weak > after(1, 1)/5 {
		t.Errorf("a weak label moves it by %.3f, a strong one by %.3f", weak, after(1, 1))
	}
}

// A second word takes the place of the first.
func TestOverlayTakesBack(t *testing.T) {
	var twice, once Overlay
	twice.add(0.6, 1, 1, nil)
	first := 1.0
	twice.add(0.6, 0, 1, &first)
	once.add(0.6, 0, 1, nil)
	if math.Abs(twice.Shift-once.Shift) > 0.01 || twice.Labels != 1 {
		t.Errorf("shift %.3f from %d labels, want %.3f from 1", twice.Shift, twice.Labels, once.Shift)
	}
}

func TestOverlaysLearnFromALesson(t *testing.T) {
	ask := func(member, cluster string, share int64) run.Ask {
		return run.Ask{Member: member, Cluster: cluster, Share: share, Right: 700_000, Asked: true}
	}
	e := run.Entry{ID: "r", Tenant: "lab", Lesson: &run.Lesson{Answer: "c1", Asks: []run.Ask{
		ask("winner", "c1", 1e6), ask("agrees", "c1", 0), ask("differs", "c2", 0), ask("silent", "", 0),
		{Member: "unknown", Cluster: "c1", Asked: true}, {Member: "unasked", Right: 700_000, Shadow: true},
	}}}
	shifts := func(score float64) map[string]float64 {
		var o Overlays
		all := map[string]float64{}
		for _, l := range o.learn(e, label{run.Feedback{Run: "r", Score: score, Source: run.SourceUser, Tenant: "lab"}, nil}) {
			all[l.Member] = o.shift("lab", l.Member)
			if o.shift("other", l.Member) != 0 {
				t.Errorf("%s: another tenant has a shift", l.Member)
			}
		}
		return all
	}
	good := shifts(1)
	if len(good) != 3 || !(good["winner"] > 0 && good["agrees"] == good["winner"] && good["differs"] < 0) {
		t.Errorf("a good answer shifts %v", good)
	}
	// Nothing follows for the others from a bad one.
	bad := shifts(0)
	if len(bad) != 2 || !(bad["winner"] < 0 && bad["agrees"] == bad["winner"]) {
		t.Errorf("a bad answer shifts %v", bad)
	}
}
