package eval

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"summit/fusion"
	"summit/llm"
)

// Passage is a text that is measured, as it stands or as the answer to a
// conversation.
type Passage struct {
	Messages []llm.Message // before it; nil = it stands alone
	Text     string
}

const (
	maxPassages     = 1_000_000
	maxPassageBytes = 1 << 20
)

// ReadPassages reads texts to measure; name is the file's name. Where it ends
// in .jsonl, every line is a text, or a conversation whose last message is
// measured:
//
//	{"text": "..."}
//	{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
//
// Any other file is plain text: one passage, or several set apart by lines of
// three dashes.
func ReadPassages(r io.Reader, name string) ([]Passage, error) {
	if !strings.HasSuffix(name, ".jsonl") {
		text, err := io.ReadAll(io.LimitReader(r, maxTaskBytes+1))
		if err != nil {
			return nil, err
		}
		if len(text) > maxTaskBytes {
			return nil, fmt.Errorf("eval: %s: more than %d bytes", name, maxTaskBytes)
		}
		var all []Passage
		for _, part := range strings.Split("\n"+strings.ReplaceAll(string(text), "\r\n", "\n")+"\n", "\n---\n") {
			if part = strings.Trim(part, "\n"); part != "" {
				all = append(all, Passage{Text: part})
			}
		}
		return all, checkPassages(all, name)
	}
	var all []Passage
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 4*maxPassageBytes)
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		p, err := readPassage(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("eval: %s: line %d: %w", name, n, err)
		}
		if all = append(all, p); len(all) > maxPassages {
			return nil, fmt.Errorf("eval: %s: more than %d texts", name, maxPassages)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("eval: %s: %w", name, err)
	}
	return all, checkPassages(all, name)
}

func checkPassages(all []Passage, name string) error {
	if len(all) == 0 {
		return fmt.Errorf("eval: %s: no text to measure", name)
	}
	for i := range all {
		if n := len(all[i].Text); n > maxPassageBytes {
			return fmt.Errorf("eval: %s: text %d has %d bytes, want at most %d", name, i+1, n, maxPassageBytes)
		}
	}
	return nil
}

func readPassage(line []byte) (Passage, error) {
	var v struct {
		Text     *string `json:"text"`
		Messages []struct {
			Role    string `json:"role"`
			Content string `json:"content"`
		} `json:"messages"`
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return Passage{}, err
	}
	switch n := len(v.Messages); {
	case v.Text != nil && n == 0 && *v.Text != "":
		return Passage{Text: *v.Text}, nil
	case v.Text != nil || n < 2 || v.Messages[n-1].Role != string(llm.RoleAssistant) || v.Messages[n-1].Content == "":
		return Passage{}, errors.New(`want "text", or "messages" of which the last is the assistant's and not empty`)
	default:
		p := Passage{Text: v.Messages[n-1].Content}
		for _, m := range v.Messages[:n-1] {
			p.Messages = append(p.Messages, llm.Text(llm.Role(m.Role), m.Content))
		}
		return p, nil
	}
}

// PerplexityOptions say what is measured on what.
type PerplexityOptions struct {
	Passages []Passage
	Members  []llm.Member // that show what they expect next
	Change   float64      // the gate's, as in fusion.TokensParams; 0 = its default
	Progress func(done, total int, what string)
}

// PerplexityReport is how well members and mixtures of them expect texts. A
// perplexity is of a byte: the exponential of the mean of minus the logarithms
// of the bytes' probabilities; lower is better.
type PerplexityReport struct {
	Version  int            `json:"version"`
	Passages int            `json:"passages"`
	Bytes    int            `json:"bytes"`
	Members  []ExpectedWell `json:"members"`
	Gates    []ExpectedWell `json:"gates"`    // one member at a time
	Mixtures []ExpectedWell `json:"mixtures"` // all at each byte
}

// ExpectedWell is one row.
type ExpectedWell struct {
	Name       string  `json:"name"`
	Perplexity float64 `json:"perplexity"`
	Bits       float64 `json:"bits_per_byte"`
}

// The rows of PerplexityReport.Gates.
const (
	GateBest      = "best member"           // on all texts together, in hindsight
	GateHindsight = "best member each text" // in hindsight
	GateLeader    = "leader so far"         // at each byte the member that was best on the text before
)

// Perplexity measures members, hard gates and mixtures on texts.
func Perplexity(ctx context.Context, o PerplexityOptions) (*PerplexityReport, error) {
	scorer, err := fusion.NewTextScorer(o.Members, o.Change)
	if err != nil {
		return nil, err
	}
	report := &PerplexityReport{Version: 1, Passages: len(o.Passages)}
	members := make([]float64, len(o.Members))
	mixtures := map[string]float64{}
	hindsight, leader := 0.0, 0.0
	for i := range o.Passages {
		if o.Progress != nil {
			o.Progress(i, len(o.Passages), "texts")
		}
		s, err := scorePassage(ctx, scorer, &o.Passages[i])
		if err != nil {
			return nil, fmt.Errorf("eval: text %d: %w", i+1, err)
		}
		report.Bytes += s.Bytes
		for m, v := range s.Members {
			members[m] += v
		}
		hindsight += slices.Min(s.Members)
		leader += s.Leader
		for by, v := range s.Mixtures {
			mixtures[by] += v
		}
	}
	row := func(name string, nats float64) ExpectedWell {
		mean := nats / float64(report.Bytes)
		return ExpectedWell{name, math.Exp(mean), mean / math.Ln2}
	}
	for m, v := range members {
		report.Members = append(report.Members, row(o.Members[m].Card().Name, v))
	}
	report.Gates = []ExpectedWell{row(GateBest, slices.Min(members)), row(GateHindsight, hindsight), row(GateLeader, leader)}
	for by, v := range mixtures {
		report.Mixtures = append(report.Mixtures, row(by, v))
	}
	slices.SortFunc(report.Mixtures, func(a, b ExpectedWell) int { return cmp.Compare(a.Name, b.Name) })
	return report, nil
}

// scorePassage measures one text. One that stands alone follows an empty
// prompt, or a line's end where a model needs something to follow.
func scorePassage(ctx context.Context, scorer *fusion.TextScorer, p *Passage) (*fusion.TextScore, error) {
	if p.Messages != nil {
		return scorer.Score(ctx, &llm.Request{Messages: p.Messages}, p.Text, true)
	}
	text := strings.TrimLeft(p.Text, " ") // whether one begins a text is the vocabulary's matter
	r := &llm.Request{Messages: []llm.Message{llm.Text(llm.RoleUser, "")}}
	s, err := scorer.Score(ctx, r, text, false)
	if known := llm.AsError(err); known != nil && known.Kind == llm.Invalid {
		r.Messages = []llm.Message{llm.Text(llm.RoleUser, "\n")}
		s, err = scorer.Score(ctx, r, text, false)
	}
	return s, err
}
