package eval

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
	"summit/record"
)

func quoted(t *testing.T, s string) string {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sums is a task of four questions; the scripts know three of them.
func sums(t *testing.T) *Task {
	t.Helper()
	task, err := ReadTask(strings.NewReader(`suite: sums
scorer: number
---
reference: 2

1 + 1?
---
reference: 4

2 + 2?
---
reference: 6

3 + 3?
---
reference: 8

4 + 4?
`), "sums.txt")
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// pupil answers every sum but the last one rightly.
func pupil(name string) *llmtest.Script {
	return &llmtest.Script{
		ID: name, Facts: llm.Card{Vendor: "School", Prices: []llm.Price{{Currency: "USD", Input: 2 * money.Micro, Output: 3 * money.Micro, Source: "a list"}}},
		Outcome: llm.Outcome{
			Usage: llm.Usage{Input: llm.Counted(5), Output: llm.Counted(3), Calls: llm.Counted(2)},
			Cost:  &llm.Cost{Amount: 250_000, Currency: "USD"},
		},
		Reply: func(r *llm.Request) string {
			return map[string]string{"1 + 1?": "The answer is 2.", "2 + 2?": "4", "3 + 3?": "The answer is 6"}[r.LastUser()] + " "
		},
	}
}

func TestLive(t *testing.T) {
	dir := t.TempDir()
	task := sums(t)
	task.Questions[3].Reference = "9"
	model := pupil("pupil")
	reply := model.Reply
	model.Reply = func(r *llm.Request) string {
		if r.LastUser() == "4 + 4?" {
			return "8"
		}
		return reply(r)
	}
	r, err := Live(t.Context(), LiveOptions{Task: task, Model: model, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	r.Seconds = 0
	low, high := wilson(0.75, 4)
	want := &LiveReport{
		Version: 1, Suite: "sums", Model: "pupil", N: 4, Accuracy: 0.75, CILow: low, CIHigh: high, Calls: 2,
		Cost: []LiveCost{{money.Micro, "USD"}}, Priced: 4, Kept: dir,
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Errorf("report (-want +got):\n%s", d)
	}
	// The answers are recorded outcomes now, beside those of a second model.
	if _, err := Live(t.Context(), LiveOptions{Task: task, Model: pupil("other"), Dir: dir}); err != nil {
		t.Fatal(err)
	}
	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := folder.Read("sums", "live")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Questions) != 4 || len(s.Members) != 2 {
		t.Fatalf("%d questions and members %+v kept, want 4 and two", len(s.Questions), s.Members)
	}
	m, _ := s.Index("pupil")
	c := s.Cell(0, m)
	if !c.HasVote || c.Answer != "2" || c.Score != 1 || c.CostUSD <= 0 {
		t.Errorf("first answer kept as %+v", c)
	}
	if c := s.Cell(3, m); c.Score != 0 || c.Answer != "8" {
		t.Errorf("last answer kept as %+v", c)
	}
	if p := s.Members[m]; p.PriceIn != 2 || p.PriceOut != 3 || p.Vendor != "School" || p.PriceSource != "a list" {
		t.Errorf("member kept as %+v", p)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".live-*")); len(left) > 0 {
		t.Errorf("journals left: %v", left)
	}
	// Other questions don't go over the kept ones.
	changed := sums(t)
	changed.Questions[0].Text = "1 + 2?"
	if _, err := Live(t.Context(), LiveOptions{Task: changed, Model: pupil("pupil"), Dir: dir}); err == nil || !strings.Contains(err.Error(), "holds other questions") {
		t.Errorf("other questions: %v, want an error", err)
	}
}

// TestLiveResumes: answers that came are not asked for again.
func TestLiveResumes(t *testing.T) {
	dir := t.TempDir()
	model := pupil("pupil")
	var asked atomic.Int32
	reply := model.Reply
	model.Reply = func(r *llm.Request) string { asked.Add(1); return reply(r) }
	// The fourth question is asked last; its member fails.
	broken := &failsOn{model, "4 + 4?", llm.Errorf(llm.Overloaded, "busy")}
	r, err := Live(t.Context(), LiveOptions{Task: sums(t), Model: broken, Dir: dir, Concurrency: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.N != 3 || r.Failed != 1 || len(r.Failures) != 1 || r.Failures[0].ID != "4" || !strings.Contains(r.Failures[0].Error, "busy") {
		t.Errorf("report %+v, want three answers and one failure", r)
	}
	if _, err := os.Stat(filepath.Join(dir, membersFile)); err == nil {
		t.Error("an unfinished run was kept as recorded outcomes")
	}
	// A line that was cut off in the middle is ignored.
	journals, _ := filepath.Glob(filepath.Join(dir, ".live-*"))
	if len(journals) != 1 {
		t.Fatalf("journals %v, want one", journals)
	}
	file, err := os.OpenFile(journals[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	file.WriteString(`{"row":{"question_id":"4"`)
	file.Close()
	r, err = Live(t.Context(), LiveOptions{Task: sums(t), Model: model, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if r.N != 4 || r.Resumed != 3 || r.Failed != 0 || asked.Load() != 4 {
		t.Errorf("report %+v after %d calls, want 4 answers, 3 of them resumed, after 4 calls", r, asked.Load())
	}
	// Another task or model begins anew; a broken journal is named.
	if err := os.WriteFile(journals[0], []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Live(t.Context(), LiveOptions{Task: sums(t), Model: model, Dir: dir}); err == nil || !strings.Contains(err.Error(), "remove it to begin anew") {
		t.Errorf("a broken journal: %v, want an error that says what to do", err)
	}
}

const membersFile = "members.jsonl"

// failsOn is a member that fails on one question.
type failsOn struct {
	llm.Member
	question string
	err      error
}

func (f *failsOn) Generate(ctx context.Context, r *llm.Request) llm.Stream {
	if r.LastUser() == f.question {
		return llm.FailStream(f.Card().Name, f.err)
	}
	return f.Member.Generate(ctx, r)
}

func TestLiveJudged(t *testing.T) {
	task := sums(t)
	for i := range task.Questions {
		task.Questions[i].Scorer = "judge"
	}
	verdict := &llmtest.Script{ID: "judge", Reply: func(r *llm.Request) string {
		if strings.Contains(r.LastUser(), "The answer is 6") {
			return "WRONG"
		}
		return "CORRECT"
	}}
	r, err := Live(t.Context(), LiveOptions{Task: task, Model: pupil("pupil"), Judge: verdict})
	if err != nil {
		t.Fatal(err)
	}
	if r.N != 4 || r.Accuracy != 0.75 || r.Judge != "judge" || r.Judging != 4 || r.Kept != "" {
		t.Errorf("report %+v, want three of four right by the judge", r)
	}
}

func TestLiveStops(t *testing.T) {
	f := func(o LiveOptions, want string) {
		t.Helper()
		if _, err := Live(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	// What every question would meet ends the run.
	model := pupil("pupil")
	f(LiveOptions{Task: sums(t), Model: &failsOn{model, "2 + 2?", llm.Errorf(llm.Unauthorized, "wrong key")}, Concurrency: 1}, `eval: pupil: question "2"`)
	if n := len(model.Asked()); n != 1 {
		t.Errorf("%d more questions were asked, want none after the wrong key", n-1)
	}
	f(LiveOptions{Model: model}, "no task")
	f(LiveOptions{Task: sums(t)}, "no model")
	f(LiveOptions{Task: sums(t), Model: model, Split: "a/b"}, `split "a/b"`)
	f(LiveOptions{Task: sums(t), Model: model, Concurrency: -1}, "concurrency -1")
	f(LiveOptions{Task: sums(t), Model: model, Concurrency: 1000}, "concurrency 1000")
	judged := sums(t)
	judged.Questions[1].Scorer = "judge"
	f(LiveOptions{Task: judged, Model: model}, `question "2" is scored by a judge`)
}

// TestLiveConcurrency: so many at a time, and a cancel ends at once.
func TestLiveConcurrency(t *testing.T) {
	slow := func() *llmtest.Script { return llmtest.Text("slow", "8", time.Second) }
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var steps []int
		r, err := Live(t.Context(), LiveOptions{Task: sums(t), Model: slow(), Concurrency: 2, Progress: func(done, _ int, _ string) { steps = append(steps, done) }})
		if err != nil || r.N != 4 || r.Accuracy != 0.25 || r.Seconds != 1 {
			t.Errorf("report %+v, %v", r, err)
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("four answers of a second each, two at a time, took %v, want 2s", took)
		}
		if d := cmp.Diff([]int{0, 1, 2, 3, 4}, steps); d != "" {
			t.Errorf("progress (-want +got):\n%s", d)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		time.AfterFunc(1500*time.Millisecond, func() { cancel(gone) })
		start := time.Now()
		_, err := Live(ctx, LiveOptions{Task: sums(t), Model: slow(), Concurrency: 2})
		if took := time.Since(start); !errors.Is(err, gone) || took != 1500*time.Millisecond {
			t.Errorf("ended after %v with %v, want 1.5s and the cause", took, err)
		}
	})
}
