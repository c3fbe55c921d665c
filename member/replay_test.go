package member

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
	"summit/record"
)

// recordings writes a small folder of recorded outcomes: two suites, three
// questions, two members. Member "b" was not asked question 2.
func recordings(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	params := 7.0
	must(record.WriteMembers(dir, []record.Member{
		{Name: "a", Vendor: "Vendor A", ParamsB: &params, PriceIn: 1, PriceOut: 2, PriceSource: "a list", Suites: []string{"s", "t"}, HiddenTokens: map[string]float64{"s": 100}},
		{Name: "b", Vendor: "Vendor B", PriceIn: 3, PriceOut: 4, Suites: []string{"s"}},
	}))
	question := func(suite, id, prompt string) record.Question {
		return record.Question{Suite: suite, ID: id, Lang: "en", Kind: "open-answer", Prompt: &prompt}
	}
	row := func(suite, id, member string, answer any, chars int) record.Row {
		r := record.Row{Suite: suite, QuestionID: id, Member: member, OutChars: &chars}
		if s, ok := answer.(string); ok {
			r.Answer = &s
		}
		return r
	}
	must(record.WriteSplit(dir, "s", "dev", []record.Question{question("s", "1", "What is 6 x 7?"), question("s", "2", "And 6 x 8?")}, []record.Row{
		row("s", "1", "a", "42", 36), row("s", "2", "a", nil, 0), row("s", "1", "b", "tie:1,2", 36),
	}))
	must(record.WriteSplit(dir, "t", "dev", []record.Question{question("t", "1", "What is 6 x 7?")}, []record.Row{row("t", "1", "a", "43", 0)}))
	return dir
}

func newReplayed(t *testing.T, p ReplayParams) llm.Member {
	t.Helper()
	m, err := New(Config{Name: p.Member, Use: "replay", Params: &p})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ask(text string) *llm.Request {
	return &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, text)}}
}

func askQuestion(suite, id string) *llm.Request {
	r := ask("?")
	r.Summit.Question = &llm.Question{Suite: suite, ID: id}
	return r
}

func TestReplayPassesSuite(t *testing.T) {
	dir := recordings(t)
	llmtest.Suite{
		New: func(t *testing.T, b llmtest.Behaviour) llm.Member {
			if b != llmtest.Answers {
				return nil
			}
			return newReplayed(t, ReplayParams{Dir: dir, Member: "a"})
		},
		Request: askQuestion("s", "1"),
	}.Run(t)
}

func TestReplayAnswers(t *testing.T) {
	dir := recordings(t)
	a, b := newReplayed(t, ReplayParams{Dir: dir, Member: "a"}), newReplayed(t, ReplayParams{Dir: dir, Member: "b"})
	f := func(m llm.Member, r *llm.Request, want string) {
		t.Helper()
		got, err := llm.Collect(m.Generate(t.Context(), r))
		if err != nil || got.Text != want {
			t.Errorf("text %q, error %v, want %q", got.Text, err, want)
		}
	}
	f(a, askQuestion("s", "1"), "42")
	f(a, askQuestion("t", "1"), "43")
	f(a, ask("What is 6 x 7?"), "42") // the first of two questions with the same prompt
	f(a, askQuestion("s", "2"), "")   // gave no answer
	f(b, askQuestion("s", "1"), "")   // gave two

	got, err := llm.Collect(a.Generate(t.Context(), askQuestion("s", "1")))
	if err != nil {
		t.Fatal(err)
	}
	// By hand: 14 characters / 3.8 = 3.7 tokens in; 36 / 3.6 = 10 out; 100 hidden;
	// (4 x 1 + 110 x 2) USD per million = 0.000224 USD.
	o := got.Outcome
	want := llm.Usage{
		Input: llm.Count{N: 4, From: llm.Estimated}, Output: llm.Count{N: 10, From: llm.Estimated},
		Reasoning: llm.Count{N: 100, From: llm.Estimated}, Calls: llm.Count{N: 1, From: llm.Estimated},
	}
	if d := cmp.Diff(want, o.Usage); d != "" {
		t.Errorf("usage (-want +got):\n%s", d)
	}
	if d := cmp.Diff(&llm.Cost{Amount: 224, Currency: "USD", From: llm.Estimated}, o.Cost); d != "" {
		t.Errorf("cost (-want +got):\n%s", d)
	}
	if o.Member != "a" || o.Model != "a" || o.Finish != llm.FinishStop {
		t.Errorf("outcome %+v", o)
	}
}

func TestReplayCard(t *testing.T) {
	dir := recordings(t)
	own := []llm.Price{{Currency: "CNY", Input: 5}}
	m, err := New(Config{Name: "poet", Use: "replay", Model: "a", Params: &ReplayParams{Dir: dir, Suites: []string{"s"}},
		Card: llm.Card{Labels: []string{"demonstration"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := &llm.Card{
		Name: "poet", Model: "a", Vendor: "Vendor A", About: "plays what a answered to recorded questions",
		Labels: []string{"demonstration", LabelRecorded},
		Prices: []llm.Price{{Currency: "USD", Input: money.Rate(money.Micro), Output: 2 * money.Micro, Source: "a list", Unverified: true}},
	}
	if d := cmp.Diff(want, m.Card()); d != "" {
		t.Errorf("card (-want +got):\n%s", d)
	}
	m, err = New(Config{Name: "a", Use: "replay", Params: &ReplayParams{Dir: dir}, Card: llm.Card{Vendor: "Mine", About: "Mine.", Prices: own}})
	if err != nil {
		t.Fatal(err)
	}
	if c := m.Card(); c.Vendor != "Mine" || c.About != "Mine." || c.Prices[0].Currency != "CNY" {
		t.Errorf("card %+v, want the configured facts to win", c)
	}
}

func TestReplayErrors(t *testing.T) {
	dir := recordings(t)
	a, b := newReplayed(t, ReplayParams{Dir: dir, Member: "a"}), newReplayed(t, ReplayParams{Dir: dir, Member: "b"})
	f := func(m llm.Member, r *llm.Request, want string) {
		t.Helper()
		_, err := llm.Collect(m.Generate(t.Context(), r))
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != llm.NotFound || !strings.Contains(e.Message, want) {
			t.Errorf("error %v, want kind not_found with %q", err, want)
		}
	}
	f(a, askQuestion("s", "9"), `no recorded question "9" of suite "s"; want one of s (2 questions), t (1 questions)`)
	f(a, askQuestion("x", "1"), `of suite "x"`)
	f(b, askQuestion("s", "2"), `b has no recorded answer to question "2" of suite "s"`)
	f(a, ask("a secret prompt"), "no recorded question has this prompt of 15 bytes")
	_, err := llm.Collect(a.Generate(t.Context(), ask("a secret prompt")))
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("error %v repeats the prompt", err)
	}
	f(a, &llm.Request{}, "this prompt of 0 bytes")
}

func TestReplayConfigErrors(t *testing.T) {
	dir := recordings(t)
	f := func(params any, want string) {
		t.Helper()
		_, err := New(Config{Name: "m", Use: "replay", Params: params})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	f(nil, "member: m: neither params.dir nor params.exchanges is set")
	f(7, "parameters are int")
	f(ReplayParams{Dir: filepath.Join(dir, "nowhere")}, "members.jsonl")
	f(ReplayParams{Dir: dir}, `lists no member "m" among its 2`)
	f(&ReplayParams{Dir: dir, Member: "a", Suites: []string{"x"}, Splits: []string{"dev"}}, `no suite "x"; it holds s, t`)
	f(&ReplayParams{Dir: dir, Member: "a", Splits: []string{"test"}}, "s.questions.test.jsonl.gz")
	f(&ReplayParams{Dir: dir, Member: "b", Suites: []string{"t"}}, `member "b" has no rows in t`)
	f(&ReplayParams{Dir: dir, Record: true}, "go with params.exchanges")
	f(&ReplayParams{Exchanges: "x", Dir: dir}, "params.exchanges goes with params.of")
	f(&ReplayParams{Exchanges: "x", Of: "replay"}, "params.of is replay")
	f(&ReplayParams{Exchanges: filepath.Join(dir, "none.jsonl")}, "none.jsonl")
	f(&ReplayParams{Exchanges: filepath.Join(dir, "no", "where.jsonl"), Record: true}, "where.jsonl")
	if _, err := NewReplay("m", NewRecording(), "a"); err == nil {
		t.Error("a member of an empty recording was built")
	}
}

// A recording of several suites where the member has no rows in one.
func TestReplaySharedRecording(t *testing.T) {
	folder, err := record.OpenDir(recordings(t))
	if err != nil {
		t.Fatal(err)
	}
	var suites []*record.Suite
	for _, name := range []string{"t", "s"} {
		s, err := folder.Read(name, "dev")
		if err != nil {
			t.Fatal(err)
		}
		suites = append(suites, s)
	}
	r := NewRecording(suites...)
	b, err := NewReplay("b", r, "b")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := llm.Collect(b.Generate(t.Context(), askQuestion("t", "1"))); llm.AsError(err) == nil || llm.AsError(err).Kind != llm.NotFound {
		t.Errorf("b on a suite without rows: %v, want not_found", err)
	}
	if got, err := llm.Collect(b.Generate(t.Context(), askQuestion("s", "1"))); err != nil || got.Outcome.Usage.Calls.N != 1 {
		t.Errorf("b on s/1: %+v, %v", got, err)
	}
}

func BenchmarkReplay(b *testing.B) {
	prompt := "What?"
	one, chars := "1", 10
	s, err := record.New("s", "dev", []record.Member{{Name: "a", PriceIn: 1, PriceOut: 1}},
		[]record.Question{{Suite: "s", ID: "1", Prompt: &prompt}}, []record.Row{{Suite: "s", QuestionID: "1", Member: "a", Answer: &one, OutChars: &chars}})
	if err != nil {
		b.Fatal(err)
	}
	m, err := NewReplay("a", NewRecording(s), "a")
	if err != nil {
		b.Fatal(err)
	}
	r := askQuestion("s", "1")
	b.ReportAllocs()
	for b.Loop() {
		for range m.Generate(context.Background(), r) {
		}
	}
}

// TestReplayShared plays the real recordings where they lie beside the
// repository: every answer of one member, as it was recorded.
func TestReplayShared(t *testing.T) {
	const dir = "../../shared/outcomes"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the recorded outcomes are not beside this repository")
	}
	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, err := folder.Read("gsm8k", "dev")
	if err != nil {
		t.Fatal(err)
	}
	name := s.Members[0].Name
	m := newReplayed(t, ReplayParams{Dir: dir, Member: name, Suites: []string{"gsm8k"}, Splits: []string{"dev"}})
	for q := range s.Questions {
		got, err := llm.Collect(m.Generate(t.Context(), askQuestion("gsm8k", s.Questions[q].ID)))
		want := ""
		if c := s.Cell(q, 0); c.HasVote {
			want = c.Answer
		}
		if err != nil || got.Text != want {
			t.Fatalf("question %s: %q, %v, want %q", s.Questions[q].ID, got.Text, err, want)
		}
	}
	fmt.Fprintln(t.Output(), len(s.Questions), "answers played")
}
