package record

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"summit/money"
)

func ptr[T any](v T) *T { return &v }

// gz compresses the lines.
func gz(lines ...string) *fstest.MapFile {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for _, l := range lines {
		fmt.Fprintln(z, l)
	}
	z.Close()
	return &fstest.MapFile{Data: b.Bytes()}
}

func plain(lines ...string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(strings.Join(lines, "\n"))}
}

const (
	memberA = `{"member":"a","vendor":"V","country":"CN","params_b":7.0,"price_in":1,"price_out":2,"price_unit":"USD per million tokens","price_source":"x","suites":["s"]}`
	memberB = `{"member":"o1-b","vendor":"W","country":"US","params_b":null,"price_in":0.075,"price_out":10,"price_unit":"USD per million tokens","price_source":"x","suites":["s"],"hidden_reasoning_tokens_assumed":{"gsm8k":600}}`
	memberC = `{"member":"base","vendor":"W","country":"CN","params_b":14.0,"price_in":1,"price_out":1,"price_unit":"USD per million tokens","price_source":"x","suites":["s"],"base_model":true}`
)

func question(suite, id, rest string) string {
	return fmt.Sprintf(`{"suite":%q,"question_id":%q,"domain":"d","lang":"en","kind":"open-answer",%s,"reference":"1"}`, suite, id, rest)
}

func row(suite, id, member, rest string) string {
	return fmt.Sprintf(`{"suite":%q,"question_id":%q,"member":%q,%s}`, suite, id, member, rest)
}

func sample() fstest.MapFS {
	return fstest.MapFS{
		"members.jsonl": plain(memberA, memberB, memberC),
		"gsm8k.questions.train.jsonl.gz": gz(
			question("gsm8k", "q1", `"prompt":"`+strings.Repeat("x", 38)+`"`),
			question("gsm8k", "q2", `"prompt":null,"prompt_chars":76`)),
		"gsm8k.outcomes.train.jsonl.gz": gz(
			row("gsm8k", "q1", "o1-b", `"answer":"1","correct":1,"out_chars":36`),
			row("gsm8k", "q1", "a", `"answer":null,"correct":0,"out_chars":null`),
			row("gsm8k", "q2", "a", `"answer":"tie:1,2","correct":1,"score":0.5,"out_chars":72`)),
		"gsm8k.questions.dev.jsonl.gz": gz(question("gsm8k", "q3", `"prompt":"什么"`)),
		"gsm8k.outcomes.dev.jsonl":     plain(row("gsm8k", "q3", "a", `"answer":"","correct":0,"out_chars":0`)), // uncompressed
		"README.md":                    plain("not a suite"),
	}
}

func TestReadSuite(t *testing.T) {
	f, err := Open(sample(), "folder")
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Read("gsm8k", "train", "dev")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Members) != 2 || s.Members[0].Name != "a" || s.Members[1].Name != "o1-b" {
		t.Fatalf("members %v, want a and o1-b, which have rows", s.Members)
	}
	if got := [][]int{s.In("train"), s.In("dev"), s.In("dev", "train")}; !cmp.Equal(got, [][]int{{0, 1}, {2}, {0, 1, 2}}) {
		t.Errorf("questions by split %v", got)
	}
	if s.Split(2) != "dev" {
		t.Errorf("split of the third question is %q, want dev", s.Split(2))
	}
	// By hand: 38 characters / 3.8 + 110 = 120 tokens in; 36 / 3.6 = 10 out and 600 hidden;
	// 120 x 0.075 + 610 x 10 = 6109 USD per million tokens.
	want := &Cell{Asked: true, HasVote: true, Answer: "1", Score: 1, TokensIn: 120, TokensOut: 10, Hidden: 600, CostUSD: 0.006109}
	if d := cmp.Diff(want, s.Cell(0, 1), approx); d != "" {
		t.Errorf("o1-b on q1 (-want +got):\n%s", d)
	}
	// No answer: asked and paid, no vote.
	want = &Cell{Asked: true, TokensIn: 120, CostUSD: 0.00012}
	if d := cmp.Diff(want, s.Cell(0, 0), approx); d != "" {
		t.Errorf("a on q1 (-want +got):\n%s", d)
	}
	// A tie keeps its text, has no vote; score counts instead of correct; 76/3.8+110 = 130, 72/3.6 = 20.
	want = &Cell{Asked: true, Answer: "tie:1,2", Score: 0.5, TokensIn: 130, TokensOut: 20, CostUSD: 0.00017}
	if d := cmp.Diff(want, s.Cell(1, 0), approx); d != "" {
		t.Errorf("a on q2 (-want +got):\n%s", d)
	}
	if c := s.Cell(1, 1); *c != (Cell{}) {
		t.Errorf("o1-b on q2 is %+v, want nothing: it has no row", c)
	}
	// An empty answer is an answer.
	if c := s.Cell(2, 0); !c.HasVote || c.Answer != "" {
		t.Errorf("a on q3 is %+v, want an empty vote", c)
	}
}

var approx = cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-12 })

func TestChineseAndUnrecordedLengths(t *testing.T) {
	f := func(q Question, r Row, in, out float64) {
		t.Helper()
		if got := q.TokensIn(); math.Abs(got-in) > 1e-9 {
			t.Errorf("tokens in %v, want %v", got, in)
		}
		if got := q.TokensOut(&r); math.Abs(got-out) > 1e-9 {
			t.Errorf("tokens out %v, want %v", got, out)
		}
	}
	f(Question{Suite: "lawbench", Lang: "zh", Prompt: ptr("十六个字十六个字十六个字十六个字")}, Row{OutChars: ptr(8)}, 10, 5)
	f(Question{Suite: "lcb_v5", Lang: "en"}, Row{}, 400, 700)
	f(Question{Suite: "mmlupro", Lang: "en", Prompt: ptr("")}, Row{}, 900, 0)
	f(Question{Suite: "korbench", Lang: "en", PromptChars: 38}, Row{OutChars: ptr(36)}, 70, 10)
}

func TestRates(t *testing.T) {
	m := Member{PriceIn: 0.075, PriceOut: 1.27}
	if in, out := m.Rates(); in != money.Rate(75_000) || out != money.Rate(1_270_000) {
		t.Errorf("rates %v and %v, want 0.075 and 1.27", in, out)
	}
}

func TestPools(t *testing.T) {
	var members []Member
	add := func(name, country string, params float64, base bool) {
		m := Member{Name: name, Country: country, BaseModel: base}
		if params > 0 {
			m.ParamsB = &params
		}
		members = append(members, m)
	}
	add("a", "CN", 7, false)
	add("b", "CN", 72, false)
	add("c", "US", 0, false)
	add("o1-mini", "US", 0, false)
	add("O1-x", "US", 0, false)
	add("QwQ-32B", "CN", 32, false)
	add("x-Thinking", "US", 14, false)
	add("x-Thinking-2", "US", 0, false)
	add("z-base", "CN", 7, true)
	suite := func(name string) *Suite {
		qs := make([]Question, 100)
		var rows []Row
		for i := range qs {
			qs[i] = Question{Suite: name, ID: fmt.Sprint(i)}
			for m := range members {
				if members[m].Name == "b" && i < 3 || members[m].Name == "c" && i < 2 {
					continue // b misses 3 %, c misses 2 %
				}
				rows = append(rows, Row{Suite: name, QuestionID: qs[i].ID, Member: members[m].Name})
			}
		}
		s, err := New(name, "train", members, qs, rows)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	f := func(s *Suite, pool, want string) {
		t.Helper()
		ms, err := s.Pool(pool, s.In("train"), nil)
		var names []string
		for _, m := range ms {
			names = append(names, s.Members[m].Name)
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("pool %s of %s: %q, %v, want %q", pool, s.Name, got, err, want)
		}
	}
	s := suite("gsm8k")
	f(s, "all", "O1-x QwQ-32B a c o1-mini x-Thinking x-Thinking-2")
	f(s, "domestic", "QwQ-32B a")
	f(s, "small", "a x-Thinking")
	f(s, "plain", "a c x-Thinking-2")
	f(s, "c+z-base+a", "c z-base a") // a list keeps its order and may name base models
	f(s, "b", "")
	m := suite("mmlupro")
	f(m, "all", "O1-x QwQ-32B a c o1-mini x-Thinking x-Thinking-2 z-base")
	f(m, "small", "a x-Thinking")
	for _, bad := range []string{"", "nobody", "a+nobody", "a+a", "all+a"} {
		if got, err := s.Pool(bad); err == nil {
			t.Errorf("pool %q gave %v, want an error", bad, got)
		}
	}
}

func TestMix(t *testing.T) {
	fsys := fstest.MapFS{"members.jsonl": plain(
		memberLine("deepseek-v2.5-0908", 1), memberLine("DeepSeek-V2.5", 3), memberLine("only-kor", 1), memberLine("all3", 1))}
	put := func(suite string, rows ...string) {
		fsys[suite+".questions.dev.jsonl.gz"] = gz(question(suite, "1", `"prompt":null`))
		fsys[suite+".outcomes.dev.jsonl.gz"] = gz(rows...)
	}
	scored := `"answer":"1","correct":1,"out_chars":0`
	put("cruxeval", row("cruxeval", "1", "deepseek-v2.5-0908", scored), row("cruxeval", "1", "all3", scored))
	put("mathl5", row("mathl5", "1", "deepseek-v2.5-0908", scored), row("mathl5", "1", "all3", scored))
	put("korbench", row("korbench", "1", "DeepSeek-V2.5", scored), row("korbench", "1", "only-kor", scored), row("korbench", "1", "all3", scored))
	f, err := Open(fsys, "folder")
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.Read("mix", "dev")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Questions) != 3 || len(s.Members) != 2 || s.Members[1].Name != "deepseek-v2.5-0908" {
		t.Fatalf("%d questions, members %v, want 3 and the two shared ones", len(s.Questions), s.Members)
	}
	if s.Questions[2].Suite != "korbench" {
		t.Errorf("third question is of %q, want korbench", s.Questions[2].Suite)
	}
	one, err := f.ReadMember("deepseek-v2.5-0908", "mix", "dev")
	if err != nil || len(one.Members) != 1 || !one.Cell(2, 0).Asked {
		t.Errorf("one member of the mix: %+v, %v, want its rows in all three suites", one, err)
	}
	if splits, err := f.Splits("mix"); err != nil || !cmp.Equal(splits, []string{"dev"}) {
		t.Errorf("splits of the mix %v, %v, want dev", splits, err)
	}
	if pool, err := s.Pool("DeepSeek-V2.5+all3"); err != nil || !cmp.Equal(pool, []int{1, 0}) {
		t.Errorf("pool by another suite's name: %v, %v, want the two members", pool, err)
	}
	if kor, err := f.Read("korbench", "dev"); err != nil || !cmp.Equal(must(kor.Pool("deepseek-v2.5-0908")), []int{0}) {
		t.Errorf("pool by the mix's name: %v, want DeepSeek-V2.5", err)
	}
	// The alias brings its own price: 60 tokens x 3 USD per million; the others 110 x 1.
	if a, b := s.Cell(0, 1).CostUSD, s.Cell(2, 1).CostUSD; math.Abs(a-110e-6) > 1e-12 || math.Abs(b-180e-6) > 1e-12 {
		t.Errorf("costs %v and %v, want 0.00011 and 0.00018", a, b)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestLines(t *testing.T) {
	f, err := Open(sample(), "folder")
	if err != nil {
		t.Fatal(err)
	}
	questions, rows, err := f.Lines("gsm8k", "train")
	if err != nil || len(questions) != 2 || len(rows) != 3 || rows[2].Score == nil || *rows[2].Answer != "tie:1,2" {
		t.Errorf("questions %+v, rows %+v, %v, want them as they are", questions, rows, err)
	}
	for _, bad := range [][2]string{{"gsm8k", "test"}, {"nope", "train"}, {"../x", "train"}, {"gsm8k", ""}} {
		if _, _, err := f.Lines(bad[0], bad[1]); err == nil {
			t.Errorf("lines of %q were read", bad)
		}
	}
}

func TestQuestionsWithoutOutcomes(t *testing.T) {
	fsys := sample()
	delete(fsys, "gsm8k.outcomes.dev.jsonl")
	f, err := Open(fsys, "folder")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read("gsm8k", "train", "dev"); err == nil || !strings.Contains(err.Error(), `split "dev" has a file of questions and none of outcomes`) {
		t.Errorf("error %v, want one that says what is missing", err)
	}
}

func TestDigest(t *testing.T) {
	of := func(change func(fstest.MapFS), suite string, splits ...string) string {
		t.Helper()
		fsys := sample()
		change(fsys)
		f, err := Open(fsys, "folder")
		if err != nil {
			t.Fatal(err)
		}
		d, err := f.Digest(suite, splits...)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	none := func(fstest.MapFS) {}
	first := of(none, "gsm8k", "train", "dev")
	if again := of(none, "gsm8k", "train", "dev"); again != first {
		t.Error("the same files gave another digest")
	}
	for what, other := range map[string]string{
		"other splits":  of(none, "gsm8k", "train"),
		"another order": of(none, "gsm8k", "dev", "train"),
		"a changed row": of(func(m fstest.MapFS) { m["gsm8k.outcomes.dev.jsonl"].Data[0]++ }, "gsm8k", "train", "dev"),
		"a new member":  of(func(m fstest.MapFS) { m["members.jsonl"] = plain(memberA, memberB) }, "gsm8k", "train", "dev"),
	} {
		if other == first {
			t.Errorf("%s gave the same digest", what)
		}
	}
	f, _ := Open(sample(), "folder")
	if d, err := f.Digest("mix", "dev"); err == nil {
		t.Errorf("digest of a mix that is not there: %s, want an error", d)
	}
}

func TestReadMember(t *testing.T) {
	f, err := Open(sample(), "folder")
	if err != nil {
		t.Fatal(err)
	}
	s, err := f.ReadMember("o1-b", "gsm8k", "train")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Members) != 1 || len(s.Questions) != 2 || s.Cell(0, 0).Answer != "1" || s.Cell(1, 0).Asked {
		t.Errorf("members %v, %d questions, cells %+v", s.Members, len(s.Questions), s.cells)
	}
	splits, err := f.Splits("gsm8k")
	if err != nil || !cmp.Equal(splits, []string{"dev", "train"}) {
		t.Errorf("splits %v, %v, want dev and train", splits, err)
	}
	if splits, err := f.Splits("mix"); err != nil || len(splits) != 0 {
		t.Errorf("splits of the mix %v, %v, want none", splits, err)
	}
}

func memberLine(name string, price float64) string {
	return fmt.Sprintf(`{"member":%q,"price_in":%v,"price_out":1,"suites":[]}`, name, price)
}

func TestReadErrors(t *testing.T) {
	f := func(change func(fstest.MapFS), want string) {
		t.Helper()
		fsys := sample()
		change(fsys)
		folder, err := Open(fsys, "folder")
		if err == nil {
			_, err = folder.Read("gsm8k", "train", "dev")
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	set := func(name string, lines ...string) func(fstest.MapFS) {
		return func(m fstest.MapFS) { m[name] = gz(lines...) }
	}
	members := func(lines ...string) func(fstest.MapFS) {
		return func(m fstest.MapFS) { m["members.jsonl"] = plain(lines...) }
	}
	const questions, outcomes = "gsm8k.questions.train.jsonl.gz", "gsm8k.outcomes.train.jsonl.gz"
	f(func(m fstest.MapFS) { delete(m, "members.jsonl") }, "record: folder: open members.jsonl")
	f(members(memberA, memberA), `record: folder/members.jsonl:2: member "a" twice`)
	f(members(`{"member":""}`), "members.jsonl:1: member is empty")
	f(members(`{"member":"a","price_in":-1}`), "prices -1 and 0")
	f(members(`{"member":"a","params_b":0}`), "params_b is 0")
	f(members(`{"member":"a","price_unit":"EUR"}`), `price_unit "EUR"`)
	f(members(`{"member":"a","hidden_reasoning_tokens_assumed":{"s":-1}}`), "want 0 to 1e9")
	f(members(memberA, `{"member":`), "members.jsonl:2: unexpected end of JSON input")
	f(func(m fstest.MapFS) { delete(m, questions) }, "open gsm8k.questions.train.jsonl.gz")
	f(set(questions, question("gsm8k", "q1", `"prompt":null`), question("gsm8k", "q1", `"prompt":null`)), `train.jsonl.gz:2: question "q1" twice`)
	f(set(questions, question("other", "q1", `"prompt":null`)), `suite "other", want "gsm8k"`)
	f(set(questions, question("gsm8k", "", `"prompt":null`)), "question_id is empty")
	f(set(questions, question("gsm8k", "q1", `"prompt":null,"prompt_chars":-1`)), "prompt_chars -1")
	f(set(questions, "\xff"), "train.jsonl.gz:1: not valid UTF-8")
	f(set(questions, "", strings.Repeat("x", MaxLineBytes+1)), "train.jsonl.gz:2: the line is longer than 1048576 bytes")
	f(func(m fstest.MapFS) { m[questions] = plain("this file is no gzip") }, "folder/gsm8k.questions.train.jsonl.gz: gzip: invalid header")
	f(func(m fstest.MapFS) { m[questions].Data = m[questions].Data[:len(m[questions].Data)-9] }, "unexpected EOF")
	ok := `"answer":"1","correct":1,"out_chars":1`
	f(set(outcomes, row("gsm8k", "q9", "a", ok)), `question "q9" is in no questions file`)
	f(set(outcomes, row("gsm8k", "q1", "nobody", ok)), `member "nobody" is not in members.jsonl`)
	f(set(outcomes, row("gsm8k", "q1", "a", ok), row("gsm8k", "q1", "a", ok)), `train.jsonl.gz:2: member "a" answers question "q1" twice`)
	f(set(outcomes, row("gsm8k", "q1", "a", `"correct":2`)), "correct is 2")
	f(set(outcomes, row("gsm8k", "q1", "a", `"score":1.5`)), "score is 1.5")
	f(set(outcomes, row("gsm8k", "q1", "a", `"out_chars":-1`)), "out_chars is -1")
	f(set(outcomes, row("gsm8k", "q1", "", ok)), "member is empty")
	f(set(outcomes, row("other", "q1", "a", ok)), `suite "other", want "gsm8k"`)
	f(set(outcomes, row("gsm8k", "q1", "a", `"answer":5`)), "cannot unmarshal number")
}

func TestReadNames(t *testing.T) {
	folder, err := Open(sample(), "folder")
	if err != nil {
		t.Fatal(err)
	}
	f := func(want, suite string, splits ...string) {
		t.Helper()
		if _, err := folder.Read(suite, splits...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Read(%q, %q): %v, want %q in it", suite, splits, err, want)
		}
	}
	f(`suite "../x"`, "../x", "train")
	f(`split "a/b"`, "gsm8k", "a/b")
	f("no split named", "gsm8k")
	f("named twice", "gsm8k", "train", "train")
	f(`no suite "nope"; it holds gsm8k`, "nope", "train")
	f("gsm8k.questions.test.jsonl.gz", "gsm8k", "test")
	f(`no suite "cruxeval"`, "mix", "train")
	all, err := folder.Suites("train", "dev")
	if err != nil || !cmp.Equal(all, []string{"gsm8k"}) {
		t.Errorf("suites %v, %v, want gsm8k", all, err)
	}
	if none, _ := folder.Suites("holdout"); len(none) != 0 {
		t.Errorf("suites with a holdout: %v, want none", none)
	}
}

func TestWriteReadsBack(t *testing.T) {
	dir := t.TempDir()
	members := []Member{{Name: "a", Vendor: "V<&>", Country: "CN", ParamsB: ptr(7.0), PriceIn: 0.5, PriceOut: 1, PriceUnit: PriceUnit, Suites: []string{"s"}, HiddenTokens: map[string]float64{"s": 3}}}
	questions := []Question{{Suite: "s", ID: "1", Domain: "d", Lang: "zh", Kind: "choice", Prompt: ptr("问 <b>?"), Reference: ptr("A")}}
	rows := []Row{{Suite: "s", QuestionID: "1", Member: "a", Answer: ptr("A"), Correct: 1, Score: ptr(0.25), OutChars: ptr(8)}}
	write := func() {
		t.Helper()
		if err := WriteMembers(dir, members); err != nil {
			t.Fatal(err)
		}
		if err := WriteSplit(dir, "s", "live", questions, rows); err != nil {
			t.Fatal(err)
		}
	}
	write()
	path := filepath.Join(dir, "s.outcomes.live.jsonl.gz")
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write()
	if second, _ := os.ReadFile(path); !bytes.Equal(first, second) {
		t.Error("the same rows gave other bytes")
	}
	f, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(members, f.Members); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
	s, err := f.Read("s", "live")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(questions, s.Questions); d != "" {
		t.Errorf("questions (-want +got):\n%s", d)
	}
	if c := s.Cell(0, 0); c.Answer != "A" || c.Score != 0.25 || c.TokensOut != 5 || c.Hidden != 3 {
		t.Errorf("cell %+v, want what was written", c)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) != 0 {
		t.Errorf("files left beside the folder's: %v, %v", left, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, membersFile))
	if err != nil || !strings.Contains(string(text), `"V<&>"`) {
		t.Errorf("members.jsonl is %s, %v, want its text unescaped", text, err)
	}
}

func TestWriteChecks(t *testing.T) {
	f := func(err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	dir := t.TempDir()
	f(WriteSplit(dir, "../s", "live", nil, nil), `suite "../s"`)
	f(WriteSplit(dir, "s", "live", []Question{{Suite: "s"}}, nil), "question 1: question_id is empty")
	f(WriteSplit(dir, "s", "live", nil, []Row{{Suite: "s", QuestionID: "1", Member: "a", Correct: 7}}), "row 1: correct is 7")
	f(WriteSplit(dir, "s", "live", []Question{{Suite: "s", ID: "1", Prompt: ptr(strings.Repeat("x", MaxLineBytes))}}, nil), "want at most 1048576")
	f(WriteMembers(dir, []Member{{}}), "member 1: member is empty")
	f(WriteMembers(filepath.Join(dir, "nowhere"), []Member{{Name: "a"}}), "no such file")
}

// TestSharedFolder reads the real recordings where they lie beside the
// repository, and compares with figures that were counted another way.
func TestSharedFolder(t *testing.T) {
	const dir = "../../shared/outcomes"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the recorded outcomes are not beside this repository")
	}
	f, err := OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all, err := f.Suites("train", "dev")
	if err != nil || len(all) != 11 {
		t.Fatalf("suites %v, %v, want eleven", all, err)
	}
	counts := map[string][2]int{ // questions of dev, members: from the folder's README
		"gsm8k": {250, 43}, "cruxeval": {168, 51}, "mathl5": {135, 41}, "korbench": {264, 37},
		"rgym": {1834, 11}, "mmlupro": {2311, 29}, "lawbench": {464, 35}, "theme": {195, 70},
		"llmeval2": {84, 20}, "lcb_v5": {157, 19}, "lcb_v6": {194, 16}, "mix": {567, 21},
	}
	for name, want := range counts {
		s, err := f.Read(name, "dev")
		if err != nil {
			t.Error(err)
			continue
		}
		if got := [2]int{len(s.In("dev")), len(s.Members)}; got != want {
			t.Errorf("%s: %v questions and members, want %v", name, got, want)
		}
	}
}

func TestSaid(t *testing.T) {
	f := func(c Cell, want string) {
		t.Helper()
		if got := c.Said(); got != want {
			t.Errorf("%+v is said as %q, want %q", c, got, want)
		}
	}
	f(Cell{HasVote: true, Answer: "42"}, "42")
	f(Cell{HasVote: true, Answer: "two words"}, "two words")
	f(Cell{HasVote: true}, `""`) // the empty text is an answer
	f(Cell{HasVote: true, Answer: " x"}, `" x"`)
	f(Cell{HasVote: true, Answer: "a\nb"}, `"a\nb"`)
	f(Cell{Answer: "tie:1,2"}, "")
	f(Cell{}, "")
}
