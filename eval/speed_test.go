package eval

import (
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"summit/brain"
	"summit/record"
)

// slowEnv lets the tests run that need minutes: SUMMIT_SLOW=1.
const slowEnv = "SUMMIT_SLOW"

// Bounds of what a brain may take. They are met on one core of a server of
// 2024; a machine that is busy with other work may miss them.
const (
	decisionTime  = 2 * time.Millisecond // for all of a prompt's steps
	trainingTime  = 60 * time.Second     // on all recorded outcomes
	trainingBytes = 2 << 30              // that the process got from the system
)

// decide plays a prompt to its end on one brain: as many steps as it wants,
// each member with the answer that was recorded.
func decide(b *brain.Brain, s *record.Suite, seats []brain.Seat, columns []int, q int, policy brain.Policy) (steps int) {
	c := b.Case(s.Questions[q].Text(), seats)
	for {
		next := c.Next(policy)
		if next.Seat < 0 {
			return steps
		}
		steps++
		cell := s.Cell(q, columns[next.Seat])
		switch {
		case !cell.Asked:
			c.Off(next.Seat)
		default:
			c.Answer(next.Seat, cell.Said(), cell.TokensOut)
		}
	}
}

// table returns the seats of a pool.
func table(s *record.Suite, pool []int) []brain.Seat {
	seats := make([]brain.Seat, len(pool))
	for i, m := range pool {
		seats[i] = brain.Seat{Name: s.Members[m].Name, Vendor: s.Members[m].Vendor}
	}
	return seats
}

// TestDecisionTime holds the time of a decision on a made-up suite, on one
// core; the bound is generous, for the machine may be busy.
func TestDecisionTime(t *testing.T) {
	if underRace {
		t.Skip("times mean nothing under the race detector")
	}
	dir := t.TempDir()
	noisy(400, 100).write(t, dir)
	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Learn(LearnOptions{Folder: folder, Splits: []string{"train"}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := folder.Read("noisy", "dev")
	if err != nil {
		t.Fatal(err)
	}
	median, most := decisionTimes(t, b, s, indices(len(s.Members)), s.In("dev"))
	if median > 10*decisionTime {
		t.Errorf("a decision takes %v (at most %v), want %v and at most ten times that here", median, most, decisionTime)
	}
}

// decisionTimes returns the median and the longest time of a question's
// decisions, on one core.
func decisionTimes(t testing.TB, b *brain.Brain, s *record.Suite, pool, questions []int) (median, most time.Duration) {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	policy, err := b.Spend(1)
	if err != nil {
		t.Fatal(err)
	}
	var all []time.Duration
	seats := table(s, pool)
	for _, q := range questions {
		start := time.Now()
		decide(b, s, seats, pool, q, policy)
		all = append(all, time.Since(start))
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)-1]
}

// TestLearnAll trains a brain on all recorded outcomes: how long that takes,
// what memory, and how long its decisions take.
func TestLearnAll(t *testing.T) {
	if os.Getenv(slowEnv) == "" {
		t.Skipf("takes a minute: %s=1 runs it", slowEnv)
	}
	folder := sharedFolder(t)
	start := time.Now()
	b, err := Learn(LearnOptions{Folder: folder, Splits: []string{"train", "dev"}})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	t.Logf("%d examples of %d members: %v on %d cores, %d MiB from the system", b.Examples(), len(b.Members()), took.Round(time.Second/10), runtime.GOMAXPROCS(0), memory.Sys>>20)
	if took > trainingTime {
		t.Errorf("training takes %v, want at most %v", took, trainingTime)
	}
	if memory.Sys > trainingBytes {
		t.Errorf("training takes %d MiB, want at most %d", memory.Sys>>20, trainingBytes>>20)
	}
	for _, name := range []string{"korbench", "rgym", "mmlupro"} {
		s, err := folder.Read(name, "dev")
		if err != nil {
			t.Fatal(err)
		}
		pool, err := s.Pool("all", s.In("dev"))
		if err != nil {
			t.Fatal(err)
		}
		questions := s.In("dev")
		median, most := decisionTimes(t, b, s, pool, questions[:min(len(questions), 300)])
		t.Logf("%s: a question's decisions take %v, at most %v, among %d members", name, median, most, len(pool))
		if median > decisionTime {
			t.Errorf("%s: the median is %v, want at most %v", name, median, decisionTime)
		}
	}
}

// BenchmarkDecision is all decisions of one question, on one core, by a brain
// of one suite; calls/question stands beside their time.
func BenchmarkDecision(b *testing.B) {
	const dir = "../../shared/outcomes"
	folder, err := record.OpenDir(dir)
	if err != nil {
		b.Skip("the recorded outcomes are not beside this repository")
	}
	learned, err := Learn(LearnOptions{Folder: folder, Splits: []string{"train"}, Suites: []string{"korbench"}})
	if err != nil {
		b.Fatal(err)
	}
	s, err := folder.Read("korbench", "dev")
	if err != nil {
		b.Fatal(err)
	}
	pool, err := s.Pool("all", s.In("dev"))
	if err != nil {
		b.Fatal(err)
	}
	policy, err := learned.Spend(1)
	if err != nil {
		b.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	seats, questions, steps, n := table(s, pool), s.In("dev"), 0, 0
	for b.Loop() {
		steps += decide(learned, s, seats, pool, questions[n%len(questions)], policy)
		n++
	}
	b.ReportMetric(float64(steps)/float64(n), "calls/question")
}
