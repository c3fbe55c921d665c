package distill

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
	"summit/run"
)

func openStore(t *testing.T) *Store {
	t.Helper()
	s, err := OpenStore(t.Context(), filepath.Join(t.TempDir(), "samples.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func all(t *testing.T, s *Store, tenant string) []Sample {
	t.Helper()
	var list []Sample
	if err := s.Scan(t.Context(), tenant, func(x Sample) error { list = append(list, x); return nil }); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestStore(t *testing.T) {
	s := openStore(t)
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i, tenant := range []string{"a", "b", "a", "a"} {
		x := Sample{Run: fmt.Sprint("r", i), Tenant: tenant, At: at.Add(time.Duration(i) * time.Hour), Messages: []Message{{"user", "q"}}, Answer: fmt.Sprint(i)}
		if err := s.Add(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Add(t.Context(), Sample{Run: "r0", Tenant: "b", At: at}); err != nil {
		t.Error(err)
	}
	if got := all(t, s, "a"); len(got) != 3 || got[0].Answer != "0" || got[0].Messages[0].Content != "q" || !got[0].At.Equal(at) {
		t.Errorf("samples %+v", got)
	}
	stop := errors.New("enough")
	if err := s.Scan(t.Context(), "a", func(Sample) error { return stop }); err != stop {
		t.Errorf("scan ended with %v", err)
	}
	if err := s.Prune(t.Context(), at.Add(30*time.Minute), 2); err != nil {
		t.Error(err)
	}
	if a, b := all(t, s, "a"), all(t, s, "b"); len(a) != 2 || len(b) != 0 {
		t.Errorf("after pruning %d of a, %d of b, want the two newest", len(a), len(b))
	}
	if n, err := s.Forget(t.Context(), "a"); n != 2 || err != nil || len(all(t, s, "a")) != 0 {
		t.Errorf("forgot %d, %v", n, err)
	}
}

func TestKeeperPassesTheMemberSuite(t *testing.T) {
	llmtest.Suite{New: func(t *testing.T, b llmtest.Behaviour) llm.Member {
		// No goroutine and no file inside the bubble: what is kept is another test.
		k := &Keeper{config: Config{Tenants: []string{"a"}, Tenant: func(context.Context) string { return "a" }}, queue: make(chan Sample, queued)}
		return recorded{k.Watch(llmtest.Behaving("m", b))}
	}}.Run(t)
}

// recorded asks as a server does whose log keeps the request.
type recorded struct{ llm.Member }

func (r recorded) Generate(ctx context.Context, q *llm.Request) llm.Stream {
	return r.Member.Generate(run.Recording(ctx, "r"), q)
}

// Texts are kept of tenants that agreed, of answers that came to their end, and
// of nothing else.
func TestKeeperKeepsWhatWasAgreed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "samples.db")
	s, err := OpenStore(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	who := "a"
	k := NewKeeper(s, Config{Tenants: []string{"a"}, Tenant: func(context.Context) string { return who }})
	good := llmtest.Text("m", "42", 0)
	ask := func(id string, m llm.Member, change func(*llm.Request)) {
		t.Helper()
		r := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleDeveloper, "be short"), llm.Text(llm.RoleUser, "6*7?")}}
		if change != nil {
			change(r)
		}
		ctx := t.Context()
		if id != "" {
			ctx = run.Recording(ctx, id)
		}
		_, _ = llm.Collect(k.Watch(m).Generate(ctx, r)) // errors are some of the cases
	}
	ask("yes", good, nil)
	ask("", good, nil)
	ask("unlearned", good, func(r *llm.Request) { r.Summit.Unlearned = true })
	ask("tools", good, func(r *llm.Request) { r.Tools = []llm.Tool{{Name: "f"}} })
	ask("image", good, func(r *llm.Request) {
		r.Messages[1].Parts = append(r.Messages[1].Parts, llm.Part{Kind: llm.PartImage, Media: &llm.Media{}})
	})
	ask("long", good, func(r *llm.Request) { r.Messages[1] = llm.Text(llm.RoleUser, strings.Repeat("x", maxSampleBytes)) })
	ask("long answer", llmtest.Text("m", strings.Repeat("x", maxSampleBytes+1), 0), nil)
	ask("cut", llmtest.Behaving("m", llmtest.Cuts), nil)
	short := llmtest.Text("m", "4", 0)
	short.Outcome.Finish = llm.FinishLength
	ask("length", short, nil)
	who = "b"
	ask("other tenant", good, nil)
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	ask("closed", good, nil)
	if s, err = OpenStore(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := all(t, s, "a")
	if len(got) != 1 || got[0].Run != "yes" || got[0].Answer != "42" || got[0].Messages[0] != (Message{"system", "be short"}) || len(all(t, s, "b")) != 0 {
		t.Errorf("kept %+v", got)
	}
}

func TestPick(t *testing.T) {
	s, log := openStore(t), run.NewMemory()
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	n := 0
	add := func(tenant, question, answer string, confidence int64, feedback ...run.Feedback) {
		t.Helper()
		n++
		id := fmt.Sprintf("r%03d", n)
		e := run.Entry{ID: id, At: at, Tenant: tenant, Status: 200, Lesson: &run.Lesson{Confidence: confidence}}
		if err := log.Append(t.Context(), []run.Entry{e}); err != nil {
			t.Fatal(err)
		}
		for _, f := range feedback {
			f.Run, f.Tenant, f.At = id, tenant, at
			if err := log.AddFeedback(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		x := Sample{Run: id, Tenant: tenant, At: at.Add(time.Duration(n) * time.Second), Messages: []Message{{"user", question}}, Answer: answer}
		if err := s.Add(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	liked := run.Feedback{Score: 1, Source: run.SourceUser}
	add("a", "q1", "old", 0, liked)
	add("a", "q1", "new", 0, liked)
	add("a", "q1", "bad", 0, run.Feedback{Score: 0, Source: run.SourceUser})
	add("a", "q2", "sure", 970_000)
	add("a", "q3", "unsure", 900_000)
	add("a", "q4", "again", 990_000, run.Feedback{Score: 0, Source: run.SourceRetry})
	add("a", "q5", "checked", 0, run.Feedback{Score: 1, Source: run.SourceVerified}, run.Feedback{Score: 0, Source: run.SourceRetry})
	add("b", "q6", "another's", 0, liked)
	if err := s.Add(t.Context(), Sample{Run: "gone", Tenant: "a", At: at}); err != nil {
		t.Fatal(err)
	}
	p, err := Pick(t.Context(), s, log, "a", Rule{Confidence: 0.95}, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, l := range append(p.Train, p.HeldOut...) {
		got[l.Answer] = l.Why
	}
	want := map[string]string{"new": "label user", "sure": "confidence 0.97", "checked": "label verified"}
	if fmt.Sprint(got) != fmt.Sprint(want) || p.Accepted != 3 || p.Samples != 8 {
		t.Errorf("picked %v of %d, want %v", got, p.Samples, want)
	}
	refused := map[string]int{"asked again": 1, "labels speak against it": 2, "nobody judged it": 1, "not in the log of runs any more": 1}
	if fmt.Sprint(p.Refused) != fmt.Sprint(refused) {
		t.Errorf("refused %v, want %v", p.Refused, refused)
	}
	again, err := Pick(t.Context(), s, log, "a", Rule{Confidence: 0.95}, 0.5)
	if err != nil || len(again.HeldOut) != len(p.HeldOut) {
		t.Errorf("held out %d, then %d, %v", len(p.HeldOut), len(again.HeldOut), err)
	}
	var text strings.Builder
	if err := Write(&text, []Lesson{{Sample: Sample{Messages: []Message{{"user", "<q>"}}, Answer: "a"}}}); err != nil || text.String() != `{"messages":[{"role":"user","content":"<q>"},{"role":"assistant","content":"a"}]}`+"\n" {
		t.Errorf("%q, %v", text.String(), err)
	}
}

func TestExamineAndPresent(t *testing.T) {
	cost := func(n int64) *run.Money { return &run.Money{Amount: money.Amount(n), Currency: "CNY"} }
	var lessons []Lesson
	for i := range 4 {
		l := Lesson{Sample: Sample{Messages: []Message{{"user", fmt.Sprint(i)}}, Answer: fmt.Sprintf("The answer is %d.", i)}}
		l.Entry.Lesson = &run.Lesson{Answer: "x", Asks: []run.Ask{
			{Member: "dear", Asked: true, Cluster: "x", Cost: cost(10)},
			{Member: "cheap", Asked: true, Cluster: []string{"x", "y"}[i%2], Cost: cost(2)},
			{Member: "free", Asked: i > 1, Cluster: "y"},
			{Member: "broken", Asked: true, Error: llm.Overloaded},
		}}
		lessons = append(lessons, l)
	}
	got := Present(lessons, "CNY")
	if len(got) != 3 || got[0].Name != "cheap" || got[0].Right != 2 || *got[0].Cost != 2 || got[1].Accuracy != 1 || got[2].Compared != 2 || got[2].Cost != nil {
		t.Errorf("present %+v", got)
	}
	m := &llmtest.Script{ID: "new", Reply: func(r *llm.Request) string {
		if q := r.LastUser(); q == "3" {
			return "I am not sure: 7"
		} else {
			return q
		}
	}}
	lessons = append(lessons, Lesson{Sample: Sample{Messages: []Message{{"user", "5"}}, Answer: ""}})
	s, err := Examine(t.Context(), m, lessons, 10, "CNY", nil)
	if err != nil || s.Compared != 4 || s.Right != 3 || s.Accuracy != 0.75 || !(s.Low < 0.4 && s.High > 0.9) {
		t.Errorf("standing %+v, %v", s, err)
	}
}

func TestJudge(t *testing.T) {
	amount := func(n int64) *money.Amount { a := money.Amount(n); return &a }
	bar := Bar{Compared: 20, Accuracy: 0.8}
	f := func(want string, pays bool, s Standing, present ...Standing) {
		t.Helper()
		if v := bar.Judge(s, present); v.Pays != pays || !strings.Contains(v.Why, want) {
			t.Errorf("%+v, want %v, %q", v, pays, want)
		}
	}
	s := Standing{Name: "new", Compared: 40, Accuracy: 0.9}
	f("no present member is as accurate", true, s, Standing{Name: "dear", Compared: 40, Accuracy: 1, Cost: amount(5)})
	f("free is at least as accurate", false, s, Standing{Name: "free", Compared: 40, Accuracy: 0.95, Cost: amount(0)})
	f("", true, s, Standing{Name: "few", Compared: 9, Accuracy: 1, Cost: amount(0)}, Standing{Name: "unpriced", Compared: 40, Accuracy: 1}, Standing{Name: "new", Compared: 40, Accuracy: 1, Cost: amount(0)})
	f("want at least 20", false, Standing{Compared: 19, Accuracy: 1})
	f("want at least 80.0 %", false, Standing{Compared: 20, Accuracy: 0.79})
	s.Cost = amount(6)
	f("dear is at least as accurate (100.0 % to 90.0 %)", false, s, Standing{Name: "dear", Compared: 40, Accuracy: 1, Cost: amount(5)})
}

func TestEnter(t *testing.T) {
	f := func(config, want string) {
		t.Helper()
		if got, err := Enter(config, "new", "/m x.gguf"); got != want || err != nil {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
	f("# mine\nmembers:\n\n  # first\n    a: {use: demo}\nlisten: x\n", "# mine\nmembers:\n    new: {use: local, file: \"/m x.gguf\"}\n\n  # first\n    a: {use: demo}\nlisten: x\n")
	f("members: # all\n  a:\n    use: demo", "members: # all\n  new: {use: local, file: \"/m x.gguf\"}\n  a:\n    use: demo")
	for _, config := range []string{"", "listen: x\n", "members:", "members:\nlisten: x\n"} {
		if _, err := Enter(config, "new", "f"); !errors.Is(err, ErrNoMembers) {
			t.Errorf("%q: %v", config, err)
		}
	}
	if _, err := Enter("members: {a: {use: demo}}\n", "new", "f"); err == nil || !strings.Contains(err.Error(), "one member a line") {
		t.Errorf("one line: %v", err)
	}
}
