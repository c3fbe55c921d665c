package eval

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"summit/record"
	"summit/verify"
)

// programs is a suite of programs: their texts are not recorded, and neither
// are questions. a costs 10 and is right on nine of ten, b costs 1 and is
// right on the first half of each ten.
func programs() synthetic {
	return synthetic{
		suite: "programs", train: 400, test: 200, members: []string{"a", "b"}, price: []float64{10, 1},
		right:    func(m, i int) bool { return m == 0 && i%10 != 9 || m == 1 && i%10 < 5 },
		question: func(q *record.Question, _ int) { q.Kind, q.Prompt = "code", nil },
		row:      func(r *record.Row, _, _ int) { r.Answer = nil },
	}
}

func TestCheckedByTests(t *testing.T) {
	dir := t.TempDir()
	programs().write(t, dir)
	r := recorded(t, dir, func(o *Options) {
		o.Policies, o.Caps = []string{"single", "checked", "tool", "judged"}, []float64{0.8, 0.12}
	})
	p := find(t, r, "programs", "checked", 0.8)
	// b first: half is right and mostly passes. Of what goes on to a, nearly
	// all but every tenth is right; 5 % of b's wrong ones slipped through.
	if len(p.Members) != 2 || p.Members[0] != "b" || p.Accuracy < 0.82 || p.Accuracy > 0.92 || p.CostX > 0.8 {
		t.Errorf("%+v, want b, then a, hardly worse than a at less than 0.8 of its cost", p)
	}
	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := folder.Read("programs", "train", "dev")
	if err != nil {
		t.Fatal(err)
	}
	f := newFitter(newBoard(s), []int{0, 1}, s.In("train", "dev"), 1)
	score, cost := f.expect([]int{1, 0}, testRates)
	// By hand, a reply costs 10 tokens at 10 (a) or 1 (b); a is asked
	// where b was right and failed, or wrong and failed: 0.5*0.02+0.5*0.95.
	if want := (1 + 10*(0.5*0.02+0.5*0.95)) * 10e-6; math.Abs(cost-want) > 1e-9 {
		t.Errorf("list costs %v, want %v", cost, want)
	}
	// b right and passed; else a's, right on all b is right on, and on 4 of 5 others.
	if want := 0.5*(0.98+0.02) + 0.5*0.95*0.8; math.Abs(score-want) > 1e-9 {
		t.Errorf("list scores %v, want %v", score, want)
	}
	for _, gone := range []string{"tool", "judged"} {
		for _, p := range r.Suites[0].Policies {
			if p.Policy == gone {
				t.Errorf("%s has a line where there is nothing for it", gone)
			}
		}
	}
	if p := find(t, r, "programs", "checked", 0); p.Accuracy != 0.9 {
		t.Errorf("%+v, want a alone where cost is no matter: no test passes what is wrong then", p)
	}
	if p := find(t, r, "programs", "checked", 0.12); p.CostX > 0.12 || p.Accuracy != 0.5 {
		t.Errorf("%+v, want b alone, at a tenth", p)
	}
}

// TestRecordedTestRates: over many replies the tests err as they say.
func TestRecordedTestRates(t *testing.T) {
	dir := t.TempDir()
	many := programs()
	many.train = 20_000
	many.write(t, dir)
	folder, _ := record.OpenDir(dir)
	s, err := folder.Read("programs", "train", "dev")
	if err != nil {
		t.Fatal(err)
	}
	b := newBoard(s)
	var passed, asked [2]float64
	for q := range s.Questions {
		for m := range s.Members {
			f, err := recordedTest{b, q, &m}.Check(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			right := 0
			if isRight(b.at(q, m).score) {
				right = 1
			}
			asked[right]++
			if f.Pass {
				passed[right]++
			}
		}
	}
	if wrong, right := passed[0]/asked[0], passed[1]/asked[1]; math.Abs(wrong-0.05) > 0.006 || math.Abs(right-0.98) > 0.004 {
		t.Errorf("%.3f of wrong and %.3f of right programs pass, want 0.05 and 0.98", wrong, right)
	}
}

// doubles is a suite of Python functions that double a number.
func doubles() synthetic {
	return synthetic{
		suite: "doubles", train: 30, test: 10, members: []string{"a", "b"}, price: []float64{1, 1},
		right: func(m, i int) bool { return i%3 != 0 && m == 0 },
		question: func(q *record.Question, i int) {
			q.Prompt = new(fmt.Sprintf("Complete it.\n[PYTHON]\ndef f(x):\n    return 2 * x\nassert f(%d) == ??\n[/PYTHON]", i))
			q.Reference = new(fmt.Sprint(2 * i))
		},
		row: func(r *record.Row, _, i int) {
			if r.Correct == 1 {
				r.Answer = new(fmt.Sprint(2 * i))
			}
		},
	}
}

func TestTool(t *testing.T) {
	dir := t.TempDir()
	doubles().write(t, dir)
	policies := func(o *Options) { o.Policies = []string{"single", "checked", "tool"} }
	r := recorded(t, dir, policies)
	for _, name := range []string{"checked", "tool"} {
		if p := find(t, r, "doubles", name, 0); !strings.Contains(p.Unavailable, "--allow-commands") || p.N != 0 {
			t.Errorf("%+v, want it unavailable where commands aren't allowed", p)
		}
	}
	if quiet := recorded(t, dir, nil); len(quiet.Suites[0].Policies) == 0 || strings.Contains(fmt.Sprint(quiet.Suites[0].Policies), "--allow-commands") {
		t.Error("a policy that nobody named has a line that says it is unavailable")
	}
	var table strings.Builder
	if err := r.WriteTable(&table); err != nil || !strings.Contains(table.String(), "unavailable") {
		t.Errorf("%v, table %s, want a line unavailable", err, table.String())
	}
	if _, err := verify.NewPython(verify.Env{AllowCommands: true}); err != nil {
		t.Skipf("no sandbox here: %v", err)
	}
	if why := openTool(true).missing(t.Context()); why != "" {
		t.Skipf("no sandbox with python3 here: %s", why)
	}
	r = recorded(t, dir, func(o *Options) { policies(o); o.AllowCommands = true })
	if p := find(t, r, "doubles", "tool", 0); p.Accuracy != 1 || p.CostUSD != 0 || p.Calls != 0 {
		t.Errorf("%+v, want all right, and nobody asked", p)
	}
	if p, best := find(t, r, "doubles", "checked", 0), find(t, r, "doubles", "single", 0); p.Accuracy != best.Accuracy {
		t.Errorf("%+v, want no more right than the members are: %v", p, best.Accuracy)
	}
}

// TestToolFallsBack: a question without a program goes to the best member.
func TestToolFallsBack(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	folder, _ := record.OpenDir(dir)
	s, err := folder.Read("sums", "train", "dev")
	if err != nil {
		t.Fatal(err)
	}
	m := newMeasurer(s)
	m.tool = openTool(false)
	f := newFitter(m.board, []int{0, 1, 2}, s.In("train"), 1)
	p := f.plan(useTool, []int{0}, nil, "")
	results, err := m.measure(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if want := m.board.run(m.questions[i], f.single(0)); r.score != want.score || r.calls != 1 {
			t.Fatalf("question %d: %+v, want what a alone does: %+v", i, r, want)
		}
	}
}

// marked is a suite of essays with a judge's marks. c is usually the best; the
// judge marks it a little low, and always b high.
func marked() synthetic {
	return synthetic{
		suite: "essays", train: 200, test: 100, members: []string{"a", "b", "c"}, price: []float64{1, 1, 4},
		right:    func(m, i int) bool { return m == 0 && i%2 == 0 || m == 1 && i%7 == 0 || m == 2 && i%4 != 0 },
		question: func(q *record.Question, i int) { q.Kind, q.Prompt, q.Domain = "subjective", nil, fmt.Sprint(i%2) },
		row: func(r *record.Row, m, i int) {
			r.Answer = nil
			mark := 0.3 + 0.4*float64(r.Correct)
			if m == 1 {
				mark = 0.75
			}
			r.ScoreGPT4Judge = &mark
		},
	}
}

func TestJudged(t *testing.T) {
	dir := t.TempDir()
	marked().write(t, dir)
	r := recorded(t, dir, func(o *Options) {
		o.Policies, o.Caps = []string{"single", "judged", "checked", "tool"}, []float64{1, 10}
	})
	p := find(t, r, "essays", "judged", 0)
	// Whoever wins, one of the right ones is found but for i%4 == 0 where b's
	// mark says nothing; a is right there.
	if p.Accuracy < 0.99 || p.Calls != 3 || math.Abs(p.CostX-1.5) > 1e-9 {
		t.Errorf("%+v, want all right by asking all three", p)
	}
	if p := find(t, r, "essays", "judged", 10); p.Accuracy < 0.99 || p.CostX > 10 {
		t.Errorf("%+v, want the same under a cap that allows it", p)
	}
	if p := find(t, r, "essays", "judged", 1); p.CostX != 1 || p.Accuracy != 0.75 {
		t.Errorf("%+v, want c alone, which is better than all that is as cheap", p)
	}
	if len(r.Suites[0].Policies) != 6 {
		t.Errorf("policies %+v, want no line for checks that can't be made", r.Suites[0].Policies)
	}
}
