package fusion

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"summit/llm"
)

func ballot(keys string, weights ...float64) []reply {
	replies := make([]reply, len(keys))
	for i, k := range keys {
		w := 1.0
		if i < len(weights) {
			w = weights[i]
		}
		replies[i] = reply{seat: &seat{name: string(rune('a' + i)), weight: w}, part: &llm.Outcome{}, text: string(k)}
		if k != '-' {
			replies[i].key = string(k)
		}
	}
	return replies
}

func TestTally(t *testing.T) {
	for _, c := range []struct {
		keys    string
		weights []float64
		later   bool
		want    string // the classes in order
		lead    int    // whose words win
	}{
		{"xyxyx", nil, false, "xy", 0},
		{"yx", nil, false, "yx", 0},
		{"yx", nil, true, "xy", 1},
		{"yxx", []float64{2, 1, 1}, false, "yx", 0}, // equal sums: the heavier member
		{"yxx", []float64{1.9, 1, 1}, false, "xy", 1},
		{"yxx", []float64{0.3, 0.1, 0.2}, false, "yx", 0}, // 0.1+0.2 is a tie with 0.3
		{"xyyx", nil, true, "xy", 3},
		{"x-y-y", nil, false, "yx", 2},
		{"xx", []float64{1, 2}, false, "x", 1},
		{"--", nil, false, "", 0},
		{"xy", []float64{0, 0}, false, "xy", 0},
	} {
		classes := tally(ballot(c.keys, c.weights...), c.later, nil)
		got := ""
		for _, k := range classes {
			got += k.key
		}
		if got != c.want || (got != "" && classes[0].lead != c.lead) {
			t.Errorf("%q weighing %v, later %v: classes %+v, want %q in the words of %d", c.keys, c.weights, c.later, classes, c.want, c.lead)
		}
	}
}

// Where a vote is settled, no answers that are still to come change its winner.
func TestSettledMeansSettled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "members")
		weights := make([]float64, n)
		all := ""
		for i := range n {
			weights[i] = float64(rapid.IntRange(0, 4).Draw(t, "weight")) / 2
			all += string(rapid.SampledFrom([]rune("xyz-")).Draw(t, "answer"))
		}
		k := rapid.IntRange(0, n).Draw(t, "so far")
		coming := 0.0
		for _, w := range weights[k:] {
			coming += w
		}
		for _, later := range []bool{false, true} {
			early := tally(ballot(all[:k], weights...), later, nil)
			if !settled(early, coming) {
				continue
			}
			if end := tally(ballot(all, weights...), later, nil); end[0].key != early[0].key {
				t.Fatalf("settled for %s after %q, but %q elects %s", early[0].key, all[:k], all, end[0].key)
			}
		}
	})
}

func TestSharesSumUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 9).Draw(t, "supporters")
		keys, weights := "", make([]float64, n)
		for i := range n {
			keys += "x"
			weights[i] = rapid.Float64Range(0, 1e6).Draw(t, "weight")
		}
		replies := ballot(keys, weights...)
		share(ppm, supporters(replies, "x"))
		total := int64(0)
		for _, r := range replies {
			if r.part.WeightPPM < 0 {
				t.Fatalf("a share of %d", r.part.WeightPPM)
			}
			total += r.part.WeightPPM
		}
		if total != ppm {
			t.Fatalf("shares sum to %d, want %d", total, ppm)
		}
	})
}

func TestConfidence(t *testing.T) {
	f := func(keys string, want float64, weights ...float64) {
		t.Helper()
		if got := confidence(tally(ballot(keys, weights...), false, nil)); got != int64(math.Round(want*ppm)) {
			t.Errorf("%q weighing %v: %d, want %.6f", keys, weights, got, want)
		}
	}
	f("x", math.E/(math.E+1))
	f("xxx", math.Exp(3)/(math.Exp(3)+1))
	f("xxy", math.Exp(2)/(math.Exp(2)+math.E+1))
	f("x", 1, 2000) // no overflow
	f("--", 0)
}

func TestFailedNamesAllAndTellsMost(t *testing.T) {
	e := func(member string, kind llm.ErrorKind) *llm.Error {
		return &llm.Error{Kind: kind, Member: member, Message: "m"}
	}
	f := func(want llm.ErrorKind, kinds ...llm.ErrorKind) {
		t.Helper()
		var errs []*llm.Error
		for i, k := range kinds {
			errs = append(errs, e(string(rune('a'+i)), k))
		}
		if got := llm.AsError(failed(errs)); got.Kind != want {
			t.Errorf("failed(%v) is %s, want %s", kinds, got.Kind, want)
		}
	}
	f(llm.Unsupported)
	f(llm.Cut, llm.Cut)
	f(llm.RateLimited, llm.NotFound, llm.RateLimited, llm.Timeout)
	f(llm.TooLong, llm.Overloaded, llm.TooLong)
	f(llm.Unauthorized, llm.Unauthorized, llm.NotFound)
	f(llm.Internal, llm.Internal, llm.Canceled)
	got := llm.AsError(failed([]*llm.Error{e("a", llm.Timeout), {Kind: llm.Internal, Member: "b"},
		{Kind: llm.RateLimited, Member: "c", RetryAfter: 9}, {Kind: llm.RateLimited, Member: "d", RetryAfter: 7}}))
	if got.RetryAfter != 7 || got.Public() != "none of 4 members answered: a: m; b: internal; c: rate_limited; d: rate_limited" {
		t.Errorf("%q, again after %d", got.Public(), got.RetryAfter)
	}
}
