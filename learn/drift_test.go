package learn

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"summit/llm"
	"summit/run"
)

// A member that stays as it is makes a false alarm once in 10,000 observations
// or less often; one that falls from 80 to 60 % is noticed within about a
// hundred.
func TestDriftRates(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const members, each = 100, 5000
	alarms := 0
	for range members {
		var s State
		for range baseline + each {
			if s.observe(random.Float64() < 0.8, time.Unix(1, 0)) == 1 {
				alarms++
				s = State{Seen: baseline, Normal: s.Normal, Recent: s.Normal}
			}
		}
	}
	// 500,000 observations: 50 alarms are allowed on average.
	if alarms > 50 {
		t.Errorf("%d false alarms in %d observations, want at most one in 10,000", alarms, members*each)
	}
	t.Logf("%d false alarms in %d observations", alarms, members*each)
	var delays []int
	for range members {
		var s State
		for range baseline {
			s.observe(random.Float64() < 0.8, time.Unix(1, 0))
		}
		for n := 1; ; n++ {
			if s.observe(random.Float64() < 0.6, time.Unix(1, 0)) == 1 || n > 5000 {
				delays = append(delays, n)
				break
			}
		}
	}
	sum, most := 0, 0
	for _, d := range delays {
		sum, most = sum+d, max(most, d)
	}
	if mean := sum / members; mean > 150 || most > 2000 {
		t.Errorf("a fall is noticed after %d observations on average and %d at most", mean, most)
	}
	t.Logf("a fall from 80 to 60 %% is noticed after %d observations on average, %d at most", sum/members, most)
}

// An alarm is logged once, and so is its end; both are kept over a restart.
func TestDriftIsToldOnce(t *testing.T) {
	var text bytes.Buffer
	log := slog.New(slog.NewTextHandler(&text, nil))
	store := run.NewMemory()
	var d Drift
	ask := func(n int, answer string) {
		for range n {
			d.watch(&llm.Outcome{Parts: []*llm.Outcome{{Member: "a", Answer: "1"}, {Member: "b", Answer: "1"}, {Member: "c", Answer: answer}}}, log)
		}
	}
	ask(300, "1")
	ask(100, "2")
	if got := strings.Count(text.String(), "not what it was"); got != 1 || !strings.Contains(text.String(), "member=c what=agreement") {
		t.Errorf("logged %q, want one line about c", text.String())
	}
	if err := d.save(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	all, err := DriftOf(t.Context(), store)
	if err != nil || len(all) != 3 || all[2].Since.IsZero() || all[2].Seen != 400 || !all[0].Since.IsZero() {
		t.Fatalf("kept %+v, %v", all, err)
	}
	if err := d.load(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	ask(1000, "1")
	if got := strings.Count(text.String(), "again what it was"); got != 1 {
		t.Errorf("logged %q, want the end of the alarm once", text.String())
	}
	// One that answers alone, or fails, is not compared.
	before := d.States()
	d.watch(&llm.Outcome{Parts: []*llm.Outcome{{Member: "a", Answer: "1"}, {Member: "b", Err: llm.Errorf(llm.Cut, "x")}}}, log)
	if after := d.States(); after[0] != before[0] {
		t.Error("an answer that was compared with none counts")
	}
}
