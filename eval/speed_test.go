package eval

import (
	"os"
	"runtime"
	"testing"
	"time"

	"summit/brain"
	"summit/record"
)

// slowEnv lets the tests run that need minutes: SUMMIT_SLOW=1.
const slowEnv = "SUMMIT_SLOW"

// Bounds of what a brain may take, in time on processors, so that a machine
// which is busy with other work doesn't count.
const (
	decisionTime  = 2 * time.Millisecond // for all of a prompt's steps, mean
	trainingTime  = 60 * time.Second     // on all recorded outcomes, on two cores
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
	if took := decisionTimes(t, b, s, indices(len(s.Members)), s.In("dev")); took > 5*decisionTime {
		t.Errorf("a question's decisions take %v, want %v and at most five times that here", took, decisionTime)
	}
}

// decisionTimes returns the mean time on a processor of a question's
// decisions, on one core.
func decisionTimes(t testing.TB, b *brain.Brain, s *record.Suite, pool, questions []int) time.Duration {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	policy, err := b.Spend(1)
	if err != nil {
		t.Fatal(err)
	}
	seats := table(s, pool)
	start := cpu()
	for _, q := range questions {
		decide(b, s, seats, pool, q, policy)
	}
	return (cpu() - start) / time.Duration(len(questions))
}

// TestLearnAll trains a brain on all recorded outcomes: how long that takes,
// what memory, and how long its decisions take.
func TestLearnAll(t *testing.T) {
	if os.Getenv(slowEnv) == "" {
		t.Skipf("takes a minute: %s=1 runs it", slowEnv)
	}
	folder := sharedFolder(t)
	start := cpu()
	b, err := Learn(LearnOptions{Folder: folder, Splits: []string{"train", "dev"}, Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	took := (cpu() - start) / 2
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	t.Logf("%d examples of %d members: %v on each of two cores, %d MiB from the system", b.Examples(), len(b.Members()), took.Round(time.Second/10), memory.Sys>>20)
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
		took := decisionTimes(t, b, s, pool, questions[:min(len(questions), 300)])
		t.Logf("%s: a question's decisions take %v among %d members", name, took, len(pool))
		if took > decisionTime {
			t.Errorf("%s: a question's decisions take %v, want at most %v", name, took, decisionTime)
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
