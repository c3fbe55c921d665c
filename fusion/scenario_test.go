package fusion

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"summit/llm"
	"summit/llm/llmtest"
	"summit/money"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// seen is what a caller saw of one request.
type seen struct {
	lines []string // one an event, with the virtual time
	text  string
	done  *llm.Outcome
	err   error
	took  time.Duration
}

// watch asks and writes down each event with its time since the start.
func watch(ctx context.Context, m llm.Member, r *llm.Request) seen {
	var s seen
	start := time.Now()
	for e, err := range m.Generate(ctx, r) {
		at := time.Since(start)
		line := e.Kind.String()
		switch e.Kind {
		case llm.KindStart:
			line += " " + e.Model
		case llm.KindText, llm.KindReasoning:
			line += fmt.Sprintf(" %q", e.Text)
			if e.Signature != "" {
				line += " signed " + e.Signature
			}
			for _, t := range e.Tokens {
				line += fmt.Sprintf(" %s:%.1f", t.Token, t.Logprob)
			}
			if e.Kind == llm.KindText {
				s.text += e.Text
			}
		case llm.KindCall:
			line += fmt.Sprintf(" %d %s %s(%s)", e.Call.Index, e.Call.ID, e.Call.Name, e.Call.ArgsDelta)
		case llm.KindProgress:
			line += fmt.Sprintf(" %s %s", e.Progress.Member, e.Progress.State)
			if e.Progress.Note != "" {
				line += ": " + e.Progress.Note
			}
		case llm.KindDone:
			s.done, s.err, s.took = e.Done, err, at
			if err != nil {
				line += " " + err.Error()
			}
		}
		s.lines = append(s.lines, fmt.Sprintf("%8s  %s", at, line))
	}
	return s
}

// tree draws an Outcome: one line each, parts indented.
func tree(o *llm.Outcome) string {
	var b strings.Builder
	var draw func(o *llm.Outcome, indent string)
	draw = func(o *llm.Outcome, indent string) {
		fmt.Fprintf(&b, "%s%s", indent, o.Member)
		if o.Strategy != "" {
			fmt.Fprintf(&b, " [%s]", o.Strategy)
		}
		if o.Finish != "" {
			fmt.Fprintf(&b, " %s", o.Finish)
		}
		fmt.Fprintf(&b, " ttft %s took %s", o.TTFT, o.Took)
		if o.WeightPPM != 0 {
			fmt.Fprintf(&b, " weight %d", o.WeightPPM)
		}
		if o.ConfidencePPM != 0 {
			fmt.Fprintf(&b, " confidence %d", o.ConfidencePPM)
		}
		if u := o.Usage; u.Known() {
			fmt.Fprintf(&b, " tokens %d+%d calls %d", u.InputTotal(), u.OutputTotal(), u.Calls.N)
		}
		if o.Cost != nil {
			fmt.Fprintf(&b, " cost %s %s", o.Cost.Amount, o.Cost.Currency)
		}
		if o.Answer != "" {
			fmt.Fprintf(&b, " answer %q", o.Answer)
		}
		if o.Reason != "" {
			fmt.Fprintf(&b, "\n%s  why: %s", indent, o.Reason)
		}
		if o.Err != nil {
			fmt.Fprintf(&b, "\n%s  error: %s: %s", indent, o.Err.Kind, o.Err.Public())
		}
		b.WriteByte('\n')
		for _, p := range o.Parts {
			draw(p, indent+"    ")
		}
	}
	draw(o, "")
	return b.String()
}

// golden compares with testdata/name.txt; -update rewrites it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test -update writes it)", err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got; go test -update rewrites it):\n%s", file, d)
	}
}

// build makes a model of the members; judge, if any, is found by name.
func build(t *testing.T, strategy string, params any, members ...llm.Member) llm.Member {
	t.Helper()
	env := Env{Name: "model", Member: func(name string) (llm.Member, error) {
		return nil, fmt.Errorf("%q is no known member", name)
	}}
	for _, m := range members {
		if h, ok := m.(helper); ok {
			env.Member = func(name string) (llm.Member, error) {
				if name != h.Card().Name {
					return nil, fmt.Errorf("%q is no known member", name)
				}
				return h.Member, nil
			}
			continue
		}
		env.Members = append(env.Members, m)
	}
	m, err := New(strategy, env, params)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// helper is a judge or an aggregator that is no member of the model.
type helper struct{ llm.Member }

func user(text string) *llm.Request {
	return &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, text)}, Streaming: true}
}

// facts gives a script a card and a price: so much for a call.
func facts(s *llmtest.Script, card llm.Card, call money.Amount) *llmtest.Script {
	if call > 0 {
		card.Prices = []llm.Price{{Currency: "CNY", Call: call}}
		s.Outcome.Cost = &llm.Cost{Amount: call, Currency: "CNY", From: llm.Upstream}
	}
	s.Facts = card
	return s
}

func failing(id string, kind llm.ErrorKind, after time.Duration) *llmtest.Script {
	return &llmtest.Script{ID: id, Pieces: []llmtest.Piece{{After: after, Event: llm.Event{Kind: llm.KindText}}}, Err: llm.Errorf(kind, "made to fail")}
}

func events(id string, pieces ...llmtest.Piece) *llmtest.Script {
	return &llmtest.Script{ID: id, Pieces: pieces}
}

func after(d time.Duration, e llm.Event) llmtest.Piece { return llmtest.Piece{After: d, Event: e} }

func text(s string) llm.Event { return llm.Event{Kind: llm.KindText, Text: s} }

const ms = time.Millisecond

// judging is a judge that reads the candidate blocks as documented and picks
// the candidates for which good is true.
func judging(id string, after time.Duration, good func(string) bool) *llmtest.Script {
	return &llmtest.Script{ID: id, Pieces: []llmtest.Piece{{After: after, Event: llm.Event{Kind: llm.KindReasoning, Text: "Let me see. "}}}, Reply: func(r *llm.Request) string {
		task, candidates := readPrompt(promptOf(r))
		var yes, no []string
		for _, c := range candidates {
			if good(c.text) {
				yes = append(yes, c.letter)
			} else {
				no = append(no, c.letter)
			}
		}
		switch task {
		case taskRank:
			return "BEST: " + append(yes, no...)[0]
		case taskCheck:
			if len(yes) == 1 {
				return "ACCEPT"
			}
			return "REJECT"
		case taskGroup:
			return "GROUPS: " + strings.Join(yes, " ") + " | " + strings.Join(no, " ")
		}
		return fmt.Sprintf("F%d", len(candidates))
	}}
}

type quoted struct{ letter, text string }

var promptHead = regexp.MustCompile(`^\s*Task: ([A-Z]+)\n\n[^\n]*lines with the mark ([0-9a-f]{16}) is[^\n]*\n\n`)

// readPrompt reads a prompt by the documentation alone, as others do.
func readPrompt(p string) (task string, candidates []quoted) {
	head := promptHead.FindStringSubmatch(p)
	if head == nil {
		return "", nil
	}
	task, mark := head[1], head[2]
	for p = p[len(head[0]):]; ; {
		_, rest, ok := strings.Cut(p, "[["+mark+" CANDIDATE ")
		if !ok {
			return task, candidates
		}
		letter, rest, _ := strings.Cut(rest, "]]\n")
		text, rest, ok := strings.Cut(rest, "\n[["+mark+" END CANDIDATE "+letter+"]]\n")
		if !ok {
			return task, candidates
		}
		candidates = append(candidates, quoted{letter, text})
		p = rest
	}
}

// promptOf is the prompt in a request: its last part.
func promptOf(r *llm.Request) string {
	parts := r.Messages[len(r.Messages)-1].Parts
	return parts[len(parts)-1].Text
}

// scenario runs a request in virtual time and compares all that happened with
// a golden file.
func scenario(t *testing.T, name string, run func(t *testing.T) (llm.Member, *llm.Request)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, r := run(t)
			s := watch(t.Context(), m, r)
			golden(t, name, strings.Join(s.lines, "\n")+"\n\n"+tree(s.done))
			checkOutcome(t, s.done)
			synctest.Wait()
		})
	})
}

// checkOutcome checks what holds for every Outcome tree.
func checkOutcome(t *testing.T, o *llm.Outcome) {
	t.Helper()
	total := int64(0)
	for _, p := range o.Parts {
		total += p.WeightPPM
		checkOutcome(t, p)
	}
	if total < 0 || total > ppm {
		t.Errorf("%s: the parts' shares sum to %d, want at most %d", o.Member, total, ppm)
	}
	if o.Strategy != "" && o.Err == nil && total != ppm {
		t.Errorf("%s: the parts' shares sum to %d, want %d: somebody made the answer", o.Member, total, ppm)
	}
	if o.Strategy != "" && o.Err == nil && o.Author() == nil {
		t.Errorf("%s: nobody is the answer's author", o.Member)
	}
}
