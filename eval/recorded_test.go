package eval

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"summit/record"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// plan of a synthetic suite: who is right on which question. Every question
// has 38 characters, which is 10 tokens in, every reply 36, which is 10 out.
type synthetic struct {
	suite   string
	train   int
	test    int
	members []string
	price   []float64 // USD per million tokens, in and out alike
	// right reports whether the member is right on question i; wrong answers
	// differ from member to member.
	right func(member, i int) bool
	// Further changes of questions and rows; nil = none.
	question func(q *record.Question, i int)
	row      func(r *record.Row, member, i int)
}

func (s synthetic) write(t *testing.T, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var members []record.Member
	for m, name := range s.members {
		members = append(members, record.Member{Name: name, Vendor: "V", Country: "CN", PriceIn: s.price[m], PriceOut: s.price[m], Suites: []string{s.suite}})
	}
	if old, err := record.OpenDir(dir); err == nil {
		for _, m := range old.Members {
			if !strings.Contains(strings.Join(s.members, " "), m.Name) {
				members = append(members, m)
			}
		}
	}
	must(record.WriteMembers(dir, members))
	chars := 36
	i := 0
	for _, split := range []string{"train", "dev"} {
		var questions []record.Question
		var rows []record.Row
		n := s.train
		if split == "dev" {
			n = s.test
		}
		for range n {
			prompt := fmt.Sprintf("%-38d", i)
			q := record.Question{Suite: s.suite, ID: fmt.Sprint(i), Lang: "en", Kind: "open-answer", Prompt: &prompt}
			if s.question != nil {
				s.question(&q, i)
			}
			questions = append(questions, q)
			for m, name := range s.members {
				r := record.Row{Suite: s.suite, QuestionID: q.ID, Member: name, OutChars: &chars, Answer: new(fmt.Sprint(100 + m))}
				if s.right(m, i) {
					r.Answer, r.Correct = new("42"), 1
				}
				if s.row != nil {
					s.row(&r, m, i)
				}
				rows = append(rows, r)
			}
			i++
		}
		must(record.WriteSplit(dir, s.suite, split, questions, rows))
	}
}

// three members that err on different questions: a on every tenth, b and c on
// every fifth, but never together. A majority is always right.
func three() synthetic {
	return synthetic{
		suite: "sums", train: 100, test: 20, members: []string{"a", "b", "c"}, price: []float64{3, 1, 2},
		right: func(m, i int) bool {
			switch m {
			case 0:
				return i%10 != 0
			case 1:
				return i%5 != 1
			}
			return i%5 != 2
		},
	}
}

func recorded(t *testing.T, dir string, change func(*Options)) *Report {
	t.Helper()
	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Folder: folder, Train: []string{"train"}, Test: "dev", Pools: []string{"all"}}
	if change != nil {
		change(&o)
	}
	r, err := Recorded(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func find(t *testing.T, r *Report, suite, policy string, limit float64) PolicyReport {
	t.Helper()
	for _, s := range r.Suites {
		for _, p := range s.Policies {
			if s.Suite == suite && p.Policy == policy && (p.Cap == nil && limit == 0 || p.Cap != nil && *p.Cap == limit) {
				return p
			}
		}
	}
	t.Fatalf("no policy %s at most %v of %s in %+v", policy, limit, suite, r.Suites)
	return PolicyReport{}
}

// TestRecordedByHand compares with numbers that were worked out by hand.
func TestRecordedByHand(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	r := recorded(t, dir, func(o *Options) {
		o.Policies = []string{"single", "single:b", "majority@3", "majority@all", "weighted@2", "cascade@3", "chosen"}
	})
	if len(r.Suites) != 1 {
		t.Fatalf("%d suites, want one", len(r.Suites))
	}
	s := r.Suites[0]
	// 20 tokens a question: a costs 60, b 20, c 40 millionths of a USD.
	want := []MemberReport{{"a", 0.9, 60e-6}, {"b", 0.8, 20e-6}, {"c", 0.8, 40e-6}}
	if d := cmp.Diff(want, s.Members, approx); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
	if s.N != 20 || !near(s.Oracle, 1) || s.BestSingle.Member != "a" || !near(s.BestSingle.Accuracy, 0.9) {
		t.Errorf("n %d, oracle %v, best single %+v, want 20, 1, a with 0.9", s.N, s.Oracle, s.BestSingle)
	}
	f := func(policy string, accuracy, usd, x, calls float64) {
		t.Helper()
		p := find(t, r, "sums", policy, 0)
		if !near(p.Accuracy, accuracy) || !near(p.CostUSD, usd) || !near(p.CostX, x) || !near(p.Calls, calls) || p.N != 20 {
			t.Errorf("%s: accuracy %v, $%v, %vx, %v calls of %d, want %v, $%v, %vx, %v of 20", policy, p.Accuracy, p.CostUSD, p.CostX, p.Calls, p.N, accuracy, usd, x, calls)
		}
	}
	f("single", 0.9, 60e-6, 1, 1)
	f("single:b", 0.8, 20e-6, 1.0/3, 1)
	f("majority@3", 1, 120e-6, 2, 3)
	f("majority@all", 1, 120e-6, 2, 3)
	// Two members: the heavier one wins where they differ, so a alone decides.
	f("weighted@2", 0.9, 80e-6, 4.0/3, 2)
	// b (20) and c (40) agree on three of five questions; else a is asked too.
	f("cascade@3", 1, 60e-6+0.4*60e-6, 1.4, 2.4)
	// The same accuracy for the least cost.
	f("chosen", 1, 60e-6+0.4*60e-6, 1.4, 2.4)
	// 2 of 20 questions are gained, whatever is drawn: at least none, at most
	// about a quarter.
	if p := find(t, r, "sums", "chosen", 0); p.CILow < 0 || p.CILow > 0.05 || p.CIHigh < 0.15 || p.CIHigh > 0.3 {
		t.Errorf("interval of the gain %v to %v, want about 0 to 0.25", p.CILow, p.CIHigh)
	}
	if p := find(t, r, "sums", "single", 0); p.CILow != 0 || p.CIHigh != 0 || p.ECE != nil {
		t.Errorf("the best single member against itself: %+v, want no gain and no confidence", p)
	}
	if p := find(t, r, "sums", "majority@3", 0); p.ECE == nil {
		t.Error("a vote has a confidence, and no calibration error is reported")
	}
}

var approx = cmp.Comparer(near)

// TestDoNoHarm: where one member knows everything that the others know, the
// best single member is chosen, although votes are possible.
func TestDoNoHarm(t *testing.T) {
	dir := t.TempDir()
	s := three()
	s.right = func(m, i int) bool { return m == 0 && i%10 != 0 || m > 0 && i%3 == 0 && i%10 != 0 }
	s.write(t, dir)
	r := recorded(t, dir, nil)
	p := find(t, r, "sums", "chosen", 0)
	if p.Uses != "single" || p.Members[0] != "a" {
		t.Errorf("chosen is %s of %v, want a alone", p.Uses, p.Members)
	}
	if m := find(t, r, "sums", "majority@3", 0); m.Accuracy > p.Accuracy {
		t.Errorf("majority %v against %v of the best: nothing to be saved from", m.Accuracy, p.Accuracy)
	}
}

// TestNothingToCompare: where no answer was recorded only members are measured.
func TestNothingToCompare(t *testing.T) {
	dir := t.TempDir()
	score := 0.5
	var rows []record.Row
	for _, m := range []string{"a", "b"} {
		rows = append(rows, record.Row{Suite: "code", QuestionID: "1", Member: m, Score: &score})
	}
	for i, split := range []string{"train", "dev"} {
		q := fmt.Sprint(i)
		for j := range rows {
			rows[j].QuestionID = q
		}
		if err := record.WriteSplit(dir, "code", split, []record.Question{{Suite: "code", ID: q}}, rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := record.WriteMembers(dir, []record.Member{{Name: "a"}, {Name: "b"}}); err != nil {
		t.Fatal(err)
	}
	r := recorded(t, dir, nil)
	var names []string
	for _, p := range r.Suites[0].Policies {
		names = append(names, p.Policy)
		if p.Accuracy != 0.5 {
			t.Errorf("%s scores %v, want the recorded 0.5", p.Policy, p.Accuracy)
		}
	}
	if !cmp.Equal(names, []string{"single", "chosen"}) {
		t.Errorf("policies %v, want single and chosen", names)
	}
	var table bytes.Buffer
	if err := r.WriteTable(&table); err != nil || !strings.Contains(table.String(), "can't be compared") {
		t.Errorf("the table doesn't say why: %s", table.String())
	}
}

// TestRecurringQuestions: a test question whose prompt was seen in training
// is reported on its own.
func TestRecurringQuestions(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = folder.Lines("sums", "dev")
	if err != nil {
		t.Fatal(err)
	}
	questions, rows, _ := folder.Lines("sums", "dev")
	for i := range 4 { // the prompts of training questions 0 to 3
		questions[i].Prompt = new(fmt.Sprintf("%-38d", i))
	}
	if err := record.WriteSplit(dir, "sums", "dev", questions, rows); err != nil {
		t.Fatal(err)
	}
	r := recorded(t, dir, nil)
	if len(r.Suites) != 2 || r.Suites[0].N != 16 || r.Suites[1].N != 4 || r.Suites[1].Suite != "sums:recurring" {
		t.Fatalf("suites %+v, want 16 questions of sums and 4 of sums:recurring", r.Suites)
	}
	// Questions 100, 101, 102 and 103: a errs on 100 only.
	if got := r.Suites[1].BestSingle; !near(got.Accuracy, 0.75) {
		t.Errorf("best single on the recurring ones %+v, want 0.75", got)
	}
	var chart bytes.Buffer
	if err := r.WriteSVG(&chart); err != nil || strings.Contains(chart.String(), "recurring") {
		t.Errorf("the chart shows the recurring questions, or %v", err)
	}
}

// TestCaps: under a cap only what keeps it on the training questions.
func TestCaps(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	r := recorded(t, dir, func(o *Options) {
		o.Policies = []string{"single", "majority@3", "chosen"}
		o.Caps = []float64{0.1, 0.5, 1, 2}
	})
	for _, s := range r.Suites {
		for _, p := range s.Policies {
			// Train and test have the same pattern here, so the cost holds.
			if p.Cap != nil && p.CostX > *p.Cap+1e-9 {
				t.Errorf("%s at most %vx costs %vx", p.Policy, *p.Cap, p.CostX)
			}
			if p.Cap != nil && *p.Cap == 0.1 {
				t.Errorf("%s costs at most a tenth of the best single member, and none does", p.Policy)
			}
		}
	}
	if p := find(t, r, "sums", "single", 0.5); p.Members[0] != "b" {
		t.Errorf("the best single member at half the cost is %v, want b", p.Members)
	}
	if p := find(t, r, "sums", "chosen", 2); !near(p.Accuracy, 1) {
		t.Errorf("chosen at most 2x has %v, want 1", p.Accuracy)
	}
	if p := find(t, r, "sums", "majority@3", 2); !near(p.CostX, 2) {
		t.Errorf("majority@3 at most 2x costs %vx, want 2", p.CostX)
	}
}

// TestGolden holds all forms of output against files.
func TestGolden(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	r := recorded(t, dir, func(o *Options) {
		o.Policies = []string{"single", "majority@3", "weighted@3", "cascade@3", "threshold@3", "chosen"}
		o.Caps = []float64{1}
	})
	golden := func(name string, write func(io.Writer) error) {
		t.Helper()
		var got bytes.Buffer
		if err := write(&got); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	golden("report.json", func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	})
	golden("report.txt", func(w io.Writer) error {
		if err := r.WriteTable(w); err != nil {
			return err
		}
		return r.Suites[0].WritePlot(w)
	})
	golden("report.md", r.WriteMarkdown)
	golden("report.csv", r.WriteCSV)
	golden("report.svg", r.WriteSVG)
	var chart bytes.Buffer
	if err := r.WriteSVG(&chart); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(&chart); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the chart is no XML: %v", err)
		}
	}
	if err := (&Report{}).WriteSVG(io.Discard); err == nil {
		t.Error("a chart of nothing was drawn")
	}
	broken := errors.New("disk full")
	for name, write := range map[string]func(io.Writer) error{"table": r.WriteTable, "markdown": r.WriteMarkdown, "csv": r.WriteCSV, "svg": r.WriteSVG, "plot": r.Suites[0].WritePlot} {
		if err := write(failingWriter{broken}); !errors.Is(err, broken) {
			t.Errorf("%s: error %v, want the writer's", name, err)
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestSameTwice: workers and repetition change nothing.
func TestSameTwice(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	one := recorded(t, dir, func(o *Options) { o.Workers, o.Caps = 1, []float64{1} })
	many := recorded(t, dir, func(o *Options) { o.Workers, o.Caps = 7, []float64{1} })
	if d := cmp.Diff(one, many); d != "" {
		t.Errorf("one worker and seven differ:\n%s", d)
	}
}

func TestOptionErrors(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	folder, err := record.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	f := func(change func(*Options), want string) {
		t.Helper()
		o := Options{Folder: folder, Train: []string{"train"}, Test: "dev"}
		change(&o)
		_, err := Recorded(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	f(func(o *Options) { o.Folder = nil }, "no folder")
	f(func(o *Options) { o.Train = nil }, "want at least one and one")
	f(func(o *Options) { o.Test = "train" }, `split "train" is both fitted on and reported`)
	f(func(o *Options) { o.Test = "holdout" }, "no suite with the splits train, holdout")
	f(func(o *Options) { o.Suites = []string{"nope"} }, `no suite "nope"; it holds sums`)
	f(func(o *Options) { o.Suites = []string{"sums", "sums"} }, `suite "sums" twice`)
	f(func(o *Options) { o.Pools = []string{"a", "nobody"} }, `no member "nobody"`)
	f(func(o *Options) { o.Pools = []string{"a", "a"} }, `member "a" twice`)
	f(func(o *Options) { o.Caps = []float64{0} }, "cap 0")
	f(func(o *Options) { o.Caps = []float64{1, 1} }, "cap 1 twice")
	for _, bad := range []string{"vote", "majority@", "majority@1", "majority@10", "majority@03", "cascade@all", "single@2", "single:", "chosen@3", ""} {
		f(func(o *Options) { o.Policies = []string{bad} }, fmt.Sprintf("policy %q, want", bad))
	}
	f(func(o *Options) { o.Policies = []string{"single:nobody"} }, `policy "single:nobody": no such member`)
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := Recorded(ctx, Options{Folder: folder, Train: []string{"train"}, Test: "dev"}); !errors.Is(err, gone) {
		t.Errorf("error %v, want the cause", err)
	}
}

func TestState(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	path := filepath.Join(t.TempDir(), "state")
	run := func(change func(*Options)) *Report {
		t.Helper()
		return recorded(t, dir, func(o *Options) {
			o.State, o.Policies = path, []string{"single"}
			if change != nil {
				change(o)
			}
		})
	}
	first := run(nil)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// What the file says is taken, not measured again.
	marked := bytes.ReplaceAll(data, []byte(`"oracle":1`), []byte(`"oracle":0.125`))
	if err := os.WriteFile(path, marked, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := run(nil); r.Suites[0].Oracle != 0.125 {
		t.Errorf("oracle %v, want the kept 0.125", r.Suites[0].Oracle)
	}
	// Other options are another result, and so are other answers.
	if r := run(func(o *Options) { o.Caps = []float64{1} }); r.Suites[0].Oracle != 1 {
		t.Errorf("other caps: oracle %v, want 1", r.Suites[0].Oracle)
	}
	s := three()
	s.right = func(int, int) bool { return true }
	s.write(t, dir)
	if r := run(nil); r.Suites[0].BestSingle.Accuracy != 1 {
		t.Errorf("other answers: best single %v, want 1", r.Suites[0].BestSingle.Accuracy)
	}
	three().write(t, dir)
	if r := run(nil); r.Suites[0].Oracle != 0.125 {
		t.Errorf("the first answers again: oracle %v, want the kept 0.125", r.Suites[0].Oracle)
	}
	_ = first
	folder, _ := record.OpenDir(dir)
	f := func(text, want string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Recorded(t.Context(), Options{Folder: folder, Train: []string{"train"}, Test: "dev", State: path})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	f("{", "remove it to begin anew")
	f(`{"version":2}`, "version 2, want 1")
	if _, err := Recorded(t.Context(), Options{Folder: folder, Train: []string{"train"}, Test: "dev", State: dir}); err == nil {
		t.Error("a folder was taken for a state file")
	}
}

// TestProgress: it begins at nothing and ends at all.
func TestProgress(t *testing.T) {
	dir := t.TempDir()
	three().write(t, dir)
	var seen []string
	recorded(t, dir, func(o *Options) {
		o.Pools = []string{"all", "domestic"}
		o.Policies = []string{"single"}
		o.Progress = func(done, total int, what string) { seen = append(seen, fmt.Sprint(done, "/", total, " ", what)) }
	})
	want := []string{"0/2 sums", "0/2 sums/all", "1/2 sums/domestic", "2/2 done"}
	if d := cmp.Diff(want, seen); d != "" {
		t.Errorf("progress (-want +got):\n%s", d)
	}
}

// TestSharedGoal is what this room is for: on at least four of five suites
// the policy and size that were chosen on train beat, on dev, the member that
// is best on train.
func TestSharedGoal(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	folder := sharedFolder(t)
	suites := []string{"gsm8k", "mathl5", "mmlupro", "korbench", "lawbench"}
	r, err := Recorded(t.Context(), Options{
		Folder: folder, Train: []string{"train"}, Test: "dev", Suites: suites, Pools: []string{"all"}, Policies: []string{"chosen"},
	})
	if err != nil {
		t.Fatal(err)
	}
	better := 0
	for _, name := range suites {
		p := find(t, r, name, "chosen", 0)
		for _, s := range r.Suites {
			if s.Suite == name {
				t.Logf("%s: chosen %.4f, best single %.4f", name, p.Accuracy, s.BestSingle.Accuracy)
				if p.Accuracy > s.BestSingle.Accuracy {
					better++
				}
				if p.Accuracy < s.BestSingle.Accuracy-0.002 {
					t.Errorf("%s: chosen %.4f does harm: the best single member has %.4f", name, p.Accuracy, s.BestSingle.Accuracy)
				}
			}
		}
	}
	if better < 4 {
		t.Errorf("chosen is better on %d of 5 suites, want at least 4", better)
	}
}
