package eval

import (
	"context"
	"fmt"
	"math"
	"os"
	"testing"

	"pgregory.net/rapid"

	"summit/member"
	"summit/record"
)

func newMeasurer(s *record.Suite) *measurer {
	return &measurer{
		board: newBoard(s), recording: member.NewRecording(s), questions: s.In("dev"), workers: 2,
		members: map[int]*member.Replay{}, known: map[string][]result{},
	}
}

// hold fails where the strategies, asked through llm.Member, and the board's
// arithmetic differ on any question.
func hold(t interface {
	Fatalf(format string, args ...any)
}, m *measurer, p *plan, questions []int) {
	model := *m
	model.questions = questions
	model.known = map[string][]result{}
	results, err := model.measure(context.Background(), p)
	if err != nil {
		t.Fatalf("%s: %v", p.key(), err)
	}
	for i, q := range questions {
		want, got := results[i], m.board.run(q, p)
		if got.score != want.score || got.calls != want.calls || math.Abs(got.cost-want.cost) > 1e-12 {
			t.Fatalf("%s\nquestion %d %s: the board says score %v, cost %v, %d calls; the strategy %v, %v, %d",
				p.key(), q, ballots(m.board, q, p), got.score, got.cost, got.calls, want.score, want.cost, want.calls)
		}
	}
}

func ballots(b *board, q int, p *plan) string {
	text := ""
	for _, m := range p.columns {
		text += fmt.Sprintf(" %q", b.suite.Cell(q, m).Answer)
	}
	return text
}

// TestBoardEqualsStrategies: on random recordings, with members that are not
// asked, give no answer, several or a refusal, whatever plan.
func TestBoardEqualsStrategies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const questions = 6
		count := rapid.IntRange(1, 7).Draw(t, "members")
		var members []record.Member
		for m := range count {
			members = append(members, record.Member{Name: fmt.Sprint("m", m), PriceIn: float64(m), PriceOut: 1})
		}
		var qs []record.Question
		var rows []record.Row
		for q := range questions {
			qs = append(qs, record.Question{Suite: "s", ID: fmt.Sprint(q)})
			for m := range count {
				text := rapid.SampledFrom([]string{"1", "1.0", "2", "3", "A", "I cannot answer this question.", "The cat sat on the mat.", "The dog sat on the mat.", "", " ", "tie:1,2", "null", "no row"}).Draw(t, "answer")
				chars := rapid.IntRange(0, 99).Draw(t, "chars")
				r := record.Row{Suite: "s", QuestionID: qs[q].ID, Member: members[m].Name, Answer: &text, OutChars: &chars}
				// Scores differ by member, so that the author shows.
				r.Score = new(float64(m+1) / 10)
				switch text {
				case "no row":
					continue
				case "null":
					r.Answer = nil
				}
				rows = append(rows, r)
			}
		}
		s, err := record.New("s", "dev", members, qs, rows)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if len(s.Members) == 0 {
			t.Skip("nobody has a row")
		}
		m := newMeasurer(s)
		order := rapid.Permutation(indices(len(s.Members))).Draw(t, "order")
		p := &plan{Use: rapid.SampledFrom([]string{useSingle, useVote, useCascade, useCascade}).Draw(t, "use"), Agree: 2}
		if p.Use == useSingle {
			order = order[:1]
		}
		p.Agree = min(p.Agree, len(order))
		for _, j := range order {
			p.columns, p.Members = append(p.columns, j), append(p.Members, s.Members[j].Name)
		}
		if p.Use != useSingle && rapid.Bool().Draw(t, "weighted") {
			for range order {
				p.Weights = append(p.Weights, rapid.SampledFrom([]float64{0, 0.1, 0.2, 0.3, 1, 2}).Draw(t, "weight"))
			}
			if p.Use == useCascade {
				p.Threshold = rapid.SampledFrom([]float64{0, 0.1, 0.3, 1, 2.2, 100}).Draw(t, "threshold")
			}
		}
		if p.Use == useCascade {
			p.Agree = rapid.IntRange(1, len(order)).Draw(t, "agree")
		}
		hold(t, m, p, s.In("dev"))
	})
}

// TestBoardEqualsStrategiesShared: the plans that are chosen for real suites,
// on some of their training questions.
func TestBoardEqualsStrategiesShared(t *testing.T) {
	folder := sharedFolder(t)
	for _, name := range []string{"gsm8k", "korbench", "lawbench", "theme", "cruxeval"} {
		s, err := folder.Read(name, "train")
		if err != nil {
			t.Fatal(err)
		}
		m := newMeasurer(s)
		train := s.In("train")
		pool, err := s.Pool("all", train)
		if err != nil {
			t.Fatal(err)
		}
		some := train[:120]
		f := newFitter(m.board, pool, some, 2)
		plans := 0
		for _, c := range append(f.open(some), f.capped(some, 0.5)...) {
			// Every seventh is enough: they differ in members and thresholds.
			if plans++; plans%7 == 1 {
				hold(t, m, c.plan, some)
			}
		}
		for _, name := range []string{"majority@all", "weighted@all", "single"} {
			p, _ := parsePolicy(name)
			plan, ok, err := f.fit(t.Context(), p, 0)
			if !ok || err != nil {
				t.Fatalf("%s: %v, %v", name, ok, err)
			}
			hold(t, m, plan, some)
		}
	}
}

func sharedFolder(t *testing.T) *record.Folder {
	t.Helper()
	if underRace {
		t.Skip("minutes under the race detector, and it shares no more memory than the small folders do")
	}
	const dir = "../../shared/outcomes"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the recorded outcomes are not beside this repository")
	}
	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return folder
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
