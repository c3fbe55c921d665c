package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"summit/answer"
	"summit/llm"
	"summit/llm/llmtest"
)

func ask(text string) *llm.Request {
	return &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, text)}}
}

func member(name string) *Member {
	for _, m := range Members() {
		if m.Card().Name == "demo-"+name {
			return m.(*Member)
		}
	}
	panic("no persona " + name)
}

func TestSuite(t *testing.T) {
	for i, m := range Members() {
		t.Run(m.Card().Name, func(t *testing.T) {
			llmtest.Suite{New: func(_ *testing.T, b llmtest.Behaviour) llm.Member {
				if b != llmtest.Answers {
					return nil // there is no upstream that could hang or fail
				}
				return Members()[i]
			}}.Run(t)
		})
	}
}

func TestCards(t *testing.T) {
	members := Members()
	if len(members) != 7 {
		t.Fatalf("%d members, want seven", len(members))
	}
	last := int64(0)
	for _, m := range members {
		c := m.Card()
		if !strings.HasPrefix(c.Name, "demo-") || !slices.Contains(c.Labels, Label) {
			t.Errorf("%s has labels %v, want a name with demo- and the label %s", c.Name, c.Labels, Label)
		}
		if !strings.Contains(c.About, "recorded answers written by the Summit authors") || !strings.Contains(c.About, "no model was asked") {
			t.Errorf("%s is about %q", c.Name, c.About)
		}
		p, ok := c.PriceAt(time.Now(), 100)
		if !ok || p.Currency != "CNY" || !strings.Contains(p.Source, "fictional") || int64(p.Output) <= last {
			t.Errorf("%s costs %+v, want a fictional price in CNY above the one before", c.Name, p)
		}
		last = int64(p.Output)
		if c != m.Card() {
			t.Errorf("%s has two cards", c.Name)
		}
	}
}

// TestQuestions checks the data: every question has all it needs, a final
// answer is found in every reply to a question that has one, and in none of
// the open ones.
func TestQuestions(t *testing.T) {
	var raw []map[string]any
	if err := json.Unmarshal(questionsJSON, &raw); err != nil {
		t.Fatal(err)
	}
	ids, texts := map[string]bool{}, map[string]bool{}
	count := map[string]int{}
	for _, q := range theBook().items {
		f := formOf(q.Text)
		if q.ID == "" || ids[q.ID] || texts[f.text] || !strings.HasPrefix(q.ID, q.Lang+"-") {
			t.Errorf("question %q (%s): id or text empty or twice, or language and id differ", q.ID, q.Lang)
		}
		ids[q.ID], texts[f.text] = true, true
		count[q.Lang]++
		han := strings.ContainsFunc(q.Text, func(r rune) bool { return unicode.Is(unicode.Han, r) })
		if han != (q.Lang == "zh") {
			t.Errorf("%s: language %s", q.ID, q.Lang)
		}
		if len(q.Answers) != len(personas) {
			t.Errorf("%s has %d answers, want one of each member", q.ID, len(q.Answers))
		}
		for _, p := range personas {
			text := p.answerOf(&q)
			a, ok := answer.Final(text)
			switch {
			case q.Reference == "" && ok:
				t.Errorf("%s: %s's answer to an open question can be compared: %q", q.ID, p.name, a.Key)
			case q.Reference != "" && !ok:
				t.Errorf("%s: no final answer is found in what %s says", q.ID, p.name)
			case q.Reference != "" && utf8.RuneCountInString(a.Text) > 30:
				t.Errorf("%s: %s's final answer is %q", q.ID, p.name, a.Text)
			case utf8.RuneCountInString(text) < utf8.RuneCountInString(q.Reference)+4:
				t.Errorf("%s: %s's answer %q is bare", q.ID, p.name, text)
			case llm.EstimateTokens(text) > maxOutput:
				t.Errorf("%s: %s's answer is longer than the card says", q.ID, p.name)
			}
		}
	}
	if count["en"] != count["zh"] || len(ids) < 40 {
		t.Errorf("%v questions, want at least 40, half in each language", count)
	}
}

// TestAccuracy prints and holds what the demonstration is to show: no member
// is right as often as most of them together.
func TestAccuracy(t *testing.T) {
	right := map[string]int{}
	n, majority, cascade, oracle := 0, 0, 0, 0
	for _, q := range theBook().items {
		if q.Reference == "" {
			continue
		}
		n++
		var keys []string // in the order of prices
		some := false
		for _, p := range personas {
			a, _ := answer.Final(p.answerOf(&q))
			keys = append(keys, a.Key)
			if answer.Same(a.Text, q.Reference) {
				right[p.name]++
				some = true
			}
		}
		if some {
			oracle++
		}
		reference, _ := answer.Normalize(q.Reference)
		if most(keys) == reference.Key {
			majority++
		}
		if firstPair(keys) == reference.Key {
			cascade++
		}
	}
	share := func(k int) float64 { return float64(k) / float64(n) }
	for _, p := range personas {
		fmt.Fprintf(t.Output(), "%-20s %.3f\n", "demo-"+p.name, share(right[p.name]))
		if got := share(right[p.name]); got >= 0.8 || got < 0.5 {
			t.Errorf("demo-%s is right on %.3f of %d questions, want 0.5 to 0.8", p.name, got, n)
		}
	}
	fmt.Fprintf(t.Output(), "%-20s %.3f\n%-20s %.3f\n%-20s %.3f\n", "majority", share(majority), "first two that agree", share(cascade), "any", share(oracle))
	if share(majority) < 0.9 || share(cascade) < 0.85 || share(oracle) != 1 {
		t.Errorf("of %d questions the majority answers %.3f rightly, the first two that agree %.3f, any member %.3f, want 0.9, 0.85 and 1", n, share(majority), share(cascade), share(oracle))
	}
	if majority == n {
		t.Error("the majority is always right: no question shows what a vote can't do")
	}
}

// most returns the most frequent key, the first of equals.
func most(keys []string) string {
	n := map[string]int{}
	for _, k := range keys {
		n[k]++
	}
	return slices.MaxFunc(keys, func(a, b string) int { return cmp.Compare(n[a], n[b]) })
}

// firstPair returns the first key that two have, else the last.
func firstPair(keys []string) string {
	seen := map[string]bool{}
	for _, k := range keys {
		if seen[k] {
			return k
		}
		seen[k] = true
	}
	return keys[len(keys)-1]
}

func TestGenerate(t *testing.T) {
	q := theBook().items[0]
	byID := ask("anything")
	byID.Summit.Question = &llm.Question{Suite: Suite, ID: q.ID}
	f := func(name string, r *llm.Request, want string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			reply, err := llm.Collect(member(name).Generate(t.Context(), r))
			if err != nil || reply.Text != want {
				t.Errorf("%s: %q, %v, want %q", name, reply.Text, err, want)
			}
			o := reply.Outcome
			if o.Finish != llm.FinishStop || o.Model != "demo-"+name || o.Cost == nil || o.Cost.From != llm.Estimated || o.Cost.Currency != "CNY" ||
				o.Usage.Output != (llm.Count{N: llm.EstimateTokens(want), From: llm.Estimated}) || o.Usage.Input.From != llm.Estimated {
				t.Errorf("%s: outcome %+v", name, o)
			}
		})
	}
	f("abacus", byID, q.Answers["abacus"])
	f("poet", ask(q.Text), q.Answers["poet"])
	f("poet", ask("  "+strings.ToUpper(q.Text)+" "), q.Answers["poet"])
	f("sage", ask("What is the meaning of life?"), unknown("en"))
	f("sage", ask("人生的意义是什么？"), unknown("人"))

	other := ask(q.Text)
	other.Summit.Question = &llm.Question{Suite: "gsm8k", ID: "1"}
	f("coder", other, q.Answers["coder"])

	fails := func(r *llm.Request, kind llm.ErrorKind) {
		t.Helper()
		_, err := llm.Collect(member("sage").Generate(t.Context(), r))
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != kind {
			t.Errorf("error %v, want kind %s", err, kind)
		}
	}
	wrong := ask("")
	wrong.Summit.Question = &llm.Question{Suite: Suite, ID: "none"}
	fails(wrong, llm.NotFound)
	tools := ask(q.Text)
	tools.Tools = []llm.Tool{{Kind: "function", Name: "f"}}
	fails(tools, llm.Unsupported)
	structured := ask(q.Text)
	structured.Format = &llm.Format{Kind: "json_object"}
	fails(structured, llm.Unsupported)
	image := ask(q.Text)
	image.Messages[0].Parts = append(image.Messages[0].Parts, llm.Part{Kind: llm.PartImage, Media: &llm.Media{URL: "x"}})
	fails(image, llm.Unsupported)
}

// TestTime: an answer comes in pieces, each after its pause, exactly.
func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var pieces []string
		var took time.Duration
		for e, err := range member("sprinter").Generate(t.Context(), ask("鸡和兔共有10只，脚共有28只。兔有几只？")) {
			if err != nil {
				t.Fatal(err)
			}
			switch e.Kind {
			case llm.KindText:
				pieces = append(pieces, e.Text)
				if e.Text != "" && len(pieces) == 1 && time.Since(start) != 20*time.Millisecond {
					t.Errorf("the first piece came after %v, want 20ms", time.Since(start))
				}
			case llm.KindDone:
				took = time.Since(start)
				if e.Done.TTFT != 20*time.Millisecond || e.Done.Took != took {
					t.Errorf("TTFT %v, took %v", e.Done.TTFT, e.Done.Took)
				}
			}
		}
		want := []string{"多出8只", "脚，每", "只兔多", "2只脚。", "答案是", "4只。"}
		if !slices.Equal(pieces, want) {
			t.Errorf("pieces %q, want %q", pieces, want)
		}
		if want := 20*time.Millisecond + time.Duration(len(want)-1)*5*time.Millisecond; took != want {
			t.Errorf("took %v, want %v", took, want)
		}
	})
}

func TestMaxTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := ask("Why is the sky blue?")
		r.MaxTokens = 10
		reply, err := llm.Collect(member("sage").Generate(t.Context(), r))
		if err != nil || reply.Outcome.Finish != llm.FinishLength || reply.Outcome.Usage.Output.N > 10 || reply.Text != "The sky is blue because air scatters " {
			t.Errorf("%q, %v, outcome %+v", reply.Text, err, reply.Outcome)
		}
		cost, err := member("sage").Quote(r)
		if err != nil || cost.Amount < reply.Outcome.Cost.Amount {
			t.Errorf("quoted %v, %v, but it cost %v", cost, err, reply.Outcome.Cost)
		}
	})
}

// TestLeft: what was sent before the caller left is in the Outcome.
func TestLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(26*time.Millisecond, cancel)
		reply, err := llm.Collect(member("sprinter").Generate(ctx, ask("Why is the sky blue?")))
		if e := llm.AsError(err); e == nil || e.Kind != llm.Canceled || reply.Text != "Sunlight holds " || reply.Outcome.Usage.Output.N != llm.EstimateTokens(reply.Text) || reply.Outcome.Cost == nil {
			t.Errorf("%q, %v, outcome %+v", reply.Text, err, reply.Outcome)
		}
	})
}

func TestUnknown(t *testing.T) {
	for _, asked := range []string{"Who are you?", "你是谁？"} {
		text := unknown(asked)
		if _, ok := answer.Final(text); ok {
			t.Errorf("an answer is found in %q", text)
		}
		for _, want := range []string{"DASHSCOPE_API_KEY=... summit serve", "Ollama", "summit config init"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q does not name %s", text, want)
			}
		}
		n := 0
		for _, q := range Questions() {
			if strings.Contains(text, q.Text) {
				n++
				if q.Lang == "zh" != strings.Contains(asked, "你") {
					t.Errorf("%q has an example in %s", text, q.Lang)
				}
			}
		}
		if n != 3 {
			t.Errorf("%q has %d examples, want 3", text, n)
		}
	}
}
