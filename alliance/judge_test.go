package alliance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/fusion"
	"summit/ledger"
	"summit/llm"
	"summit/llm/llmtest"
)

// What a coalition is worth is the share of the answer that its own proposals
// hold; what no proposal holds is the writer's.
func TestWorths(t *testing.T) {
	f := func(want map[string]int64, members, by []string, writer string, all ...Opinion) {
		t.Helper()
		got, ok := worths(members, by, writer, all)
		if diff := cmp.Diff(want, got); diff != "" || ok != (want != nil) {
			t.Errorf("%v %s", ok, diff)
		}
	}
	two := []string{"a", "b"}
	f(map[string]int64{"a": 800_000, "b": 1_000_000, "a+b": 1_000_000}, two, []string{"b", "a"}, "b", Opinion{8, []int{0, 1}}, Opinion{2, nil})
	f(map[string]int64{"a": 333_333, "b": 666_666, "a+b": 1_000_000}, two, two, "", Opinion{1, []int{0}}, Opinion{2, []int{1}})
	f(map[string]int64{"a": 0, "b": 750_000, "w": 250_000, "a+b": 750_000, "a+w": 250_000, "b+w": 1_000_000, "a+b+w": 1_000_000}, []string{"a", "b", "w"}, []string{"b"}, "w", Opinion{3, []int{0}}, Opinion{1, nil})
	f(nil, two, two, "a", Opinion{0, []int{0}})
	f(nil, two, two, "a")
}

// judged is a fused model of qwen and glm, which qwen writes, with a judge.
func judged(t *testing.T, terms string, judge llm.Member) (*Metered, *Journal) {
	t.Helper()
	c := &clock{}
	c.set(mustTime("2026-12-03T00:00:00Z"))
	a := liveAlliance(t, liveTerms+terms)
	j, err := OpenJournal(t.Context(), ledger.NewMemory(c.now), a, c.now)
	if err != nil {
		t.Fatal(err)
	}
	customer(t, j, "default", 1_000_000)
	writer := &llmtest.Script{ID: "qwen", Outcome: llm.Outcome{Usage: used(100, 0, 20)}, Reply: func(r *llm.Request) string {
		if strings.Contains(r.LastUser(), "Task: FUSE") {
			return "Wombats make four. Quokkas explain it. The platypus agrees."
		}
		return "Wombats make four."
	}}
	m, err := fusion.New("fuse", fusion.Env{Name: "summit-max", Members: []llm.Member{&Contracted{Member: writer}, &Contracted{Member: llmtest.Text("glm", "Quokkas explain it: four.", 0)}}}, &fusion.FuseParams{Aggregator: "qwen"})
	if err != nil {
		t.Fatal(err)
	}
	sold := asks(j, m, "qwen")
	sold.Judge = func(ctx context.Context, name string, r *llm.Request, answer string, proposals []string) ([]Opinion, *llm.Outcome, error) {
		if name != "spark" {
			t.Errorf("%s is asked to judge", name)
		}
		all, o, err := fusion.Credits(ctx, judge, r, answer, proposals)
		var out []Opinion
		for _, c := range all {
			out = append(out, Opinion(c))
		}
		return out, o, err
	}
	return sold, j
}

// fair is a judge that looks who says it.
func fair() *llmtest.Script {
	return &llmtest.Script{ID: "spark", Outcome: llm.Outcome{Usage: used(300, 0, 12)}, Reply: func(r *llm.Request) string {
		text := r.LastUser()
		says := func(words string) string {
			for _, l := range []string{"A", "B"} {
				_, rest, _ := strings.Cut(text, " CANDIDATE "+l+"]]\n")
				if own, _, _ := strings.Cut(rest, "\n[["); strings.Contains(own, words) {
					return l
				}
			}
			return "-"
		}
		return fmt.Sprintf("Let me see.\n1: 5 %s\n2: 3 %s\n3: 2 %s", says("Wombats"), says("Quokkas"), says("platypus"))
	}}
}

const judgeTerms = "judge: {member: spark, sample_bp: 10000}\n"

// The whole way: a drawn answer is shared by what the judge found, the judge is
// paid by the alliance, a file of events gives the same, and no text is kept.
func TestJudge(t *testing.T) {
	m, j := judged(t, judgeTerms, fair())
	reply, err := llm.Collect(m.Generate(t.Context(), hello()))
	if err != nil || !strings.Contains(reply.Text, "platypus") {
		t.Fatalf("%q, %v", reply.Text, err)
	}
	for _, p := range reply.Outcome.Parts {
		if p.Proposal != "" {
			t.Errorf("the Outcome still has %q", p.Proposal)
		}
	}
	txn, err := j.store.Find(t.Context(), "settle:run-1")
	if err != nil {
		t.Fatal(err)
	}
	event, res, err := opened(txn)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int64{"qwen": 700_000, "glm": 300_000, "glm+qwen": 1_000_000}, event.Request.V); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(&Judged{Judge: "spark", Statements: 3}, event.Judged); diff != "" || !event.Audit {
		t.Errorf("audit %v %s", event.Audit, diff)
	}
	if diff := cmp.Diff(map[string]string{"qwen": "700000", "glm": "300000"}, res.Phi); diff != "" {
		t.Error(diff)
	}
	// The judge: 300 tokens in and 12 out at 1 for a million, out of the reserve.
	cost, err := j.store.Find(t.Context(), "judge:run-1")
	if err != nil {
		t.Fatal(err)
	}
	var legs []ledger.Posting
	for _, p := range cost.Postings {
		legs = append(legs, ledger.Posting{Account: p.Account, Amount: p.Amount})
	}
	want := []ledger.Posting{{Account: "member:spark:payable", Amount: -312}, {Account: "reserve", Amount: 312}, {Account: "cost:declared:spark", Amount: 312}, {Account: "cost:recovered:spark", Amount: -312}}
	if diff := cmp.Diff(want, legs); diff != "" {
		t.Error(diff)
	}
	// The same out of a file.
	request, _ := json.Marshal(event.Request)
	var filed JudgingResult
	for _, r := range cost.Records {
		if r.Kind == "judge" {
			if err := json.Unmarshal(r.Body, &filed); err != nil {
				t.Fatal(err)
			}
		}
	}
	audit, _ := json.Marshal(map[string]any{"kind": "judge", "id": filed.ID, "at": "2026-12-03", "of": filed.Of, "member": filed.Member})
	s, err := j.Alliance().Run(&Events{Requests: []json.RawMessage{request, audit}})
	if err != nil {
		t.Fatal(err)
	}
	if reserve, _ := j.store.Balance(t.Context(), "reserve", "CNY"); -reserve != s.Closing.Reserve || s.Closing.Payable["spark"] != 312 {
		t.Errorf("the reserve has %d, by a run %d; the judge gets %d by it", -reserve, s.Closing.Reserve, s.Closing.Payable["spark"])
	}
	for _, m := range []string{"qwen", "glm"} {
		if got, _ := j.store.Balance(t.Context(), ledger.Account("member:"+m+":payable"), "CNY"); -got != s.Closing.Payable[m] {
			t.Errorf("%s gets %d, by a run %d", m, -got, s.Closing.Payable[m])
		}
	}
	// Nothing is left to measure, and the next month knows what was measured.
	if all, err := j.ToMeasure(t.Context(), "2026-12"); err != nil || len(all) > 0 {
		t.Errorf("to measure: %v, %v", all, err)
	}
	if err := j.Audit(t.Context(), Audited{Request: "run-1", V: event.Request.V}); err == nil || !strings.Contains(err.Error(), "spark has measured it") {
		t.Errorf("measured twice: %v", err)
	}
	for txn, err := range j.store.Txns(t.Context(), ledger.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range txn.Records {
			if text := bytes.ToLower(r.Body); bytes.Contains(text, []byte("wombat")) || bytes.Contains(text, []byte("two and two")) {
				t.Errorf("%s holds text: %s", txn.Key, r.Body)
			}
		}
		if txn.Kind == "judge" {
			part, err := takeApart(txn, time.UTC)
			if err != nil || len(part.rows) != 1 || part.members[0] != "spark" || part.rows[0].To != 312 || part.rows[0].Buckets.Input != 300 {
				t.Errorf("its row: %+v, %v", part, err)
			}
		}
	}
}

// Whatever becomes of a judge, the answer is settled by the rule for those that
// nobody measured, and the event says why.
func TestJudgeFails(t *testing.T) {
	f := func(name, terms string, judge llm.Member, r *llm.Request, want string, cost Units, took time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			m, j := judged(t, terms, judge)
			start := time.Now()
			if reply, err := llm.Collect(m.Generate(t.Context(), r)); err != nil || !strings.Contains(reply.Text, "platypus") {
				t.Fatalf("%s: %v", name, err)
			}
			if got := time.Since(start); got != took {
				t.Errorf("%s: it took %v, want %v", name, got, took)
			}
			txn, err := j.store.Find(t.Context(), "settle:run-1")
			if err != nil {
				t.Fatal(err)
			}
			event, _, err := opened(txn)
			if err != nil {
				t.Fatal(err)
			}
			got := "not asked"
			if event.Judged != nil {
				got = event.Judged.Failed
			}
			if got != want || len(event.Request.V) > 0 || len(event.Request.Weights) != 2 {
				t.Errorf("%s: %q with %v and %v, want %q", name, got, event.Request.V, event.Request.Weights, want)
			}
			if got, _ := j.store.Balance(t.Context(), "cost:declared:spark", "CNY"); got != cost {
				t.Errorf("%s: the judge cost %d, want %d", name, got, cost)
			}
		})
	}
	f("off", "", fair(), hello(), "not asked", 0, 0)
	f("nobody is drawn", "judge: {member: spark}\n", fair(), hello(), "not asked", 0, 0)
	private := hello()
	private.Summit.Unlearned = true
	f("not to be learned from", judgeTerms, fair(), private, "not asked", 0, 0)
	f("an error", judgeTerms, &llmtest.Script{ID: "spark", Err: llm.Errorf(llm.Overloaded, "wombats are busy")}, hello(), "the judge failed: overloaded", 0, 0)
	f("no verdict", judgeTerms, llmtest.Text("spark", "They are all lovely wombats.", 0), hello(), "the judge failed: protocol", 38, 0)
	f("nothing of worth", judgeTerms, llmtest.Text("spark", "1: 0 A\n2: 0 B\n3: 0 -", 0), hello(), "the judge found no statement to be of worth", 30, 0)
	f("too slow", judgeTerms, llmtest.Text("spark", "1: 9 A\n2: 9 B\n3: 9 -", time.Hour), hello(), "the judge failed: timeout", 30, 20*time.Second)
	f("it breaks down", judgeTerms, &llmtest.Script{ID: "spark", Reply: func(*llm.Request) string { panic("wombat") }}, hello(), "the judge broke down", 0, 0)
	f("its own answer", "judge: {member: glm, sample_bp: 10000}\n", fair(), hello(), "the judge is of the same owner as glm", 0, 0)
}

// A judge is paid by the reserve, and what that lacks is put off; who judges has
// to have a contract.
func TestJudging(t *testing.T) {
	s := run(t, `{"opening":{"reserve":100},"requests":[{"kind":"judge","id":"x","of":"a","at":"2026-12-03","member":{"member":"spark","used":true,"buckets":{"input":300,"output":12}}},
		{"kind":"judge","id":"y","of":"b","at":"2026-12-03","member":{"member":"hunyuan","used":true}}]}`)
	res := s.Requests[0].(*JudgingResult)
	if res.Cost != 312 || res.FromReserve != 100 || res.Deferred != 212 {
		t.Errorf("%+v", res)
	}
	if diff := cmp.Diff(&Books{Payable: map[string]Units{"spark": 100}, Deferred: map[string]Units{"spark": 212, "hunyuan": 300}, Absorbed: map[string]Units{"hunyuan": 300}, CapsLeft: map[string]Units{}, CardMS: map[string]int64{"hunyuan": 0}, Residue: map[string]Units{}, Advanced: map[string]Units{}}, s.Closing); diff != "" {
		t.Error(diff)
	}
	terms, err := ReadTerms([]byte(testTerms + "judge: {member: nobody}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(terms, nil); err == nil || !strings.Contains(err.Error(), "nobody has no contract") {
		t.Errorf("a judge without contract: %v", err)
	}
	for _, bad := range []string{"judge: {sample_bp: 5}\n", "judge: {member: a, sample_bp: 10001}\n", "judge: {member: a, seconds: -1}\n", "judge: {member: a, seconds: 601}\n"} {
		if _, err := ReadTerms([]byte(testTerms + bad)); err == nil || !strings.Contains(err.Error(), "judge") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
