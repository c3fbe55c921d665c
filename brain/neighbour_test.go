package brain

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Many prompts are not all compared; the nearest are still found.
func TestNearestOfMany(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const kinds, n = 200, 3 * maxCompared
	var themes [kinds][dims]float64
	for k := range themes {
		for d := range dims {
			themes[k][d] = random.NormFloat64()
		}
	}
	draw := func(to []int8) {
		theme := &themes[random.IntN(kinds)]
		for d := range to {
			to[d] = int8(20 * (theme[d] + 1.2*random.NormFloat64()))
		}
	}
	s := store{n: n, sketches: make([]int8, n*dims)}
	for i := range n {
		draw(s.sketches[i*dims : (i+1)*dims])
	}
	s.index()
	var sketch [dims]int8
	var some, every [maxNear]near
	found, weight := 0.0, 0.0
	for range 40 {
		draw(sketch[:])
		got, want := s.nearest(sketch[:], false, some[:0]), exact(&s, sketch[:], every[:0])
		if len(got) != maxNear || len(want) != maxNear {
			t.Fatalf("%d and %d neighbours, want %d", len(got), len(want), maxNear)
		}
		for _, w := range want {
			c := float64(w.cosine * w.cosine)
			weight += c
			if slices.Contains(got, w) {
				found += c
			}
		}
	}
	if found < 0.97*weight {
		t.Errorf("%.1f %% of the weight of the nearest was found, want 97", 100*found/weight)
	}
	own := s.sketches[77*dims : 78*dims]
	if got := s.nearest(own, false, some[:0]); len(got) == 0 || got[0].example != 77 {
		t.Errorf("the nearest to example 77 is %v, want itself", got)
	}
}

// exact compares every prompt.
func exact(s *store, sketch []int8, dst []near) []near {
	all := *s
	all.signs = make([]signs, s.n)
	for i := range all.signs {
		all.signs[i] = signsOf(sketch)
	}
	return all.nearest(sketch, false, dst)
}
