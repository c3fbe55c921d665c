package llm

import (
	"encoding/json"
	"fmt"
	"time"

	"summit/money"
)

// Bounds of a tree that is read: an honest one has a handful of levels and at
// most a few hundred members.
const (
	maxTreeDepth = 16
	maxTreeNodes = 10_000
	maxTreeText  = 2000 // bytes of one text
)

// ReadOutcome reads a tree that MarshalJSON wrote, such as another server's.
// What callers don't see is not in it. Texts are clipped; figures that are
// negative count as unknown. The error says what is no such tree.
func ReadOutcome(text []byte) (*Outcome, error) {
	var v readOutcome
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, fmt.Errorf("llm: outcome: %w", err)
	}
	nodes := 0
	return v.outcome(0, &nodes)
}

type readCount struct {
	N    int64      `json:"n"`
	From Provenance `json:"from"`
}

type readCost struct {
	Amount   money.Amount   `json:"amount"`
	Currency money.Currency `json:"currency"`
	From     Provenance     `json:"from"`
}

type readOutcome struct {
	Member     string               `json:"member"`
	Model      string               `json:"model"`
	Strategy   string               `json:"strategy"`
	Finish     Finish               `json:"finish"`
	Usage      map[string]readCount `json:"usage"`
	Cost       *readCost            `json:"cost"`
	Expected   *readCost            `json:"expected_cost"`
	TTFT       int64                `json:"ttft_ms"`
	Took       int64                `json:"took_ms"`
	WeightPPM  int64                `json:"weight_ppm"`
	Reason     string               `json:"reason"`
	Stop       string               `json:"stop"`
	Answer     string               `json:"answer"`
	Confidence int64                `json:"confidence_ppm"`
	Verified   *bool                `json:"verified"`
	Chance     int64                `json:"chance_ppm"`
	Right      int64                `json:"right_ppm"`
	Warnings   []string             `json:"warnings"`
	Tries      []struct {
		Target string    `json:"target"`
		Error  ErrorKind `json:"error"`
		Hedge  bool      `json:"hedge"`
		Lost   bool      `json:"lost"`
		Took   int64     `json:"took_ms"`
	} `json:"tries"`
	Err *struct {
		Kind    ErrorKind `json:"kind"`
		Message string    `json:"message"`
	} `json:"error"`
	Remote *readOutcome   `json:"remote"`
	Parts  []*readOutcome `json:"parts"`
}

func (v *readOutcome) outcome(depth int, nodes *int) (*Outcome, error) {
	if *nodes++; depth > maxTreeDepth || *nodes > maxTreeNodes {
		return nil, fmt.Errorf("llm: outcome: more than %d levels or %d members", maxTreeDepth, maxTreeNodes)
	}
	if v.Member == "" {
		return nil, fmt.Errorf("llm: outcome: a part without the name of a member")
	}
	ms := func(n int64) time.Duration {
		return time.Duration(min(max(n, 0), int64(365*24*time.Hour/time.Millisecond))) * time.Millisecond
	}
	ppm := func(n int64) int64 { return min(max(n, 0), 1_000_000) }
	o := &Outcome{
		Member: cut(v.Member), Model: cut(v.Model), Strategy: cut(v.Strategy), Finish: v.Finish, TTFT: ms(v.TTFT), Took: ms(v.Took),
		WeightPPM: ppm(v.WeightPPM), Reason: cut(v.Reason), Stop: cut(v.Stop), Answer: cut(v.Answer), ConfidencePPM: ppm(v.Confidence),
		Verified: v.Verified, ChancePPM: ppm(v.Chance), RightPPM: ppm(v.Right), Cost: v.Cost.cost(), Expected: v.Expected.cost(),
	}
	switch v.Finish {
	case FinishStop, FinishLength, FinishCalls, FinishFilter:
	default:
		o.Finish = ""
	}
	for name, to := range map[string]*Count{
		"input": &o.Usage.Input, "cache_read": &o.Usage.CacheRead, "cache_write": &o.Usage.CacheWrite, "output": &o.Usage.Output,
		"reasoning": &o.Usage.Reasoning, "audio": &o.Usage.Audio, "image": &o.Usage.Image, "calls": &o.Usage.Calls,
	} {
		if c, ok := v.Usage[name]; ok && c.N >= 0 {
			if *to = Count(c); c.From != Upstream && c.From != OwnCount {
				to.From = Estimated
			}
		}
	}
	const most = 100
	for _, w := range v.Warnings[:min(len(v.Warnings), most)] {
		o.Warnings = append(o.Warnings, cut(w))
	}
	for _, t := range v.Tries[:min(len(v.Tries), most)] {
		o.Tries = append(o.Tries, Try{Target: cut(t.Target), Kind: t.Error, Hedge: t.Hedge, Lost: t.Lost, Took: ms(t.Took)})
	}
	if v.Err != nil {
		o.Err = &Error{Kind: v.Err.Kind, Message: cut(v.Err.Message)}
	}
	if v.Remote != nil {
		var err error
		if o.Remote, err = v.Remote.outcome(depth+1, nodes); err != nil {
			return nil, err
		}
	}
	for _, p := range v.Parts {
		if p == nil {
			continue
		}
		part, err := p.outcome(depth+1, nodes)
		if err != nil {
			return nil, err
		}
		o.Parts = append(o.Parts, part)
	}
	return o, nil
}

func (c *readCost) cost() *Cost {
	if c == nil || c.Amount < 0 || c.Currency.Valid() != nil {
		return nil
	}
	from := c.From
	if from != Upstream && from != OwnCount {
		from = Estimated
	}
	return &Cost{Amount: c.Amount, Currency: c.Currency, From: from}
}

// cut bounds a text, between runes.
func cut(s string) string {
	if len(s) <= maxTreeText {
		return s
	}
	n := maxTreeText
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
