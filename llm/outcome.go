package llm

import (
	"encoding/json"
	"time"

	"summit/money"
)

// Finish says why an answer ended.
type Finish string

// The reasons to end. Unknown words of a vendor are mapped to the nearest.
const (
	FinishStop   Finish = "stop"           // the model was done
	FinishLength Finish = "length"         // a token limit was reached
	FinishCalls  Finish = "tool_calls"     // the caller is to run tools
	FinishFilter Finish = "content_filter" // a content filter stepped in
)

// Outcome is the tree of what happened in one request: a strategy's Outcome
// has one part for each member it asked. The gateway shows it, the meter
// bills it, settlement shares by it and evaluation scores it; there is no
// second source.
type Outcome struct {
	Member   string // the name under which the member is configured
	Model    string // the model that answered, as the upstream names it
	Strategy string // the strategy's name; empty = the member answered itself
	Finish   Finish
	Usage    Usage
	Cost     *Cost         // nil = unknown
	Expected *Cost         // what it was expected to cost before it was asked, on average and not at worst; nil = unknown
	TTFT     time.Duration // from the request to the first piece of content; 0 = none came
	Took     time.Duration
	// WeightPPM is this part's share in the parent's answer, in millionths.
	// The shares of an Outcome's parts sum to at most 1,000,000.
	WeightPPM     int64
	Reason        string // why this member was asked, or why this answer won; for people
	Stop          string // strategy: why nobody else was asked; for people; empty = it has no choice
	Answer        string // the normalised final answer that was compared; empty = none
	ConfidencePPM int64  // how sure the strategy is, in millionths; 0 = unknown
	Verified      *bool  // whether the answer passed the strategy's checks; nil = there were none that could tell
	// Warnings say what the caller asked for and this member did not get.
	Warnings []string
	Tries    []Try // the calls that were made for it, where it took more than one; usage and cost are those of all
	Err      *Error
	Parts    []*Outcome
	Remote   *Outcome // member that is another Summit: what it says happened there; its members are not ours

	// What can be learned from it. Chances are in millionths, 0 = unknown.
	ChancePPM int64     // of this member being asked, given the request and what was answered before
	RightPPM  int64     // of its answer being right, as it was seen before it was asked
	Sketch    *Sketch   // what kind of request it was; nil = unknown. Callers don't see it
	Unasked   []Unasked // who might be asked in the shadow, after the answer. Callers don't see it

	// Of an answer that was fused token by token. Each part has the natural
	// logarithm of the probability that its member gave to each step, in order:
	// a token where members share a vocabulary, else a byte; the end is the
	// last one. It is minus infinity where a member thought a step impossible.
	// Callers don't see it.
	StepLogprobs []float64
	// Proposal is the text that this part proposed, where the request asked that
	// it be kept. Nobody writes it down, and callers don't see it.
	Proposal string
	// Coalitions says what the answer would be worth to each coalition of the
	// parts, by their names in order with + between them: the mean
	// probability of a step, geometrically, in millionths.
	Coalitions map[string]int64
}

// Sketch says what kind of request it was, in figures from which its text
// can't be read.
type Sketch struct {
	Features []byte
	Space    string // sketches of the same space can be compared
}

// Unasked is a member that is asked by chance and after the answer, so that it
// stays known.
type Unasked struct {
	Member              string
	ChancePPM, RightPPM int64
}

// Cost is what an answer cost in one currency.
type Cost struct {
	Amount   money.Amount
	Currency money.Currency
	From     Provenance
}

// Leaves returns the Outcomes that have no parts, depth first.
func (o *Outcome) Leaves() []*Outcome {
	if o == nil {
		return nil
	}
	if len(o.Parts) == 0 {
		return []*Outcome{o}
	}
	var all []*Outcome
	for _, p := range o.Parts {
		all = append(all, p.Leaves()...)
	}
	return all
}

// Author returns the leaf with the greatest share in the answer, following
// the greatest WeightPPM from the root; the first one wins a tie. It is o
// itself where o has no parts, and nil where no part has a share.
func (o *Outcome) Author() *Outcome {
	for o != nil && len(o.Parts) > 0 {
		var top *Outcome
		for _, p := range o.Parts {
			if p.WeightPPM > 0 && (top == nil || p.WeightPPM > top.WeightPPM) {
				top = p
			}
		}
		o = top
	}
	return o
}

// SumParts sets o's usage, cost and expected cost to the sums over its parts.
// Where a part's figures are unknown or estimated, so is the sum marked; costs
// in different currencies leave the sum unknown.
func (o *Outcome) SumParts() {
	o.Usage, o.Cost, o.Expected = Usage{}, nil, nil
	for i, p := range o.Parts {
		o.Usage = o.Usage.Add(p.Usage)
		o.Cost = plus(i, o.Cost, p.Cost)
		o.Expected = plus(i, o.Expected, p.Expected)
	}
}

// plus adds the i-th of several costs to the sum of those before it.
func plus(i int, sum, next *Cost) *Cost {
	switch {
	case i == 0 && next != nil:
		c := *next
		return &c
	case sum != nil:
		return sum.add(next)
	}
	return nil
}

func (c *Cost) add(d *Cost) *Cost {
	if d == nil || c.Currency != d.Currency {
		return nil
	}
	sum, err := c.Amount.Add(d.Amount)
	if err != nil {
		return nil
	}
	return &Cost{Amount: sum, Currency: c.Currency, From: worse(c.From, d.From)}
}

// MarshalJSON writes the tree with the field names of the public API:
// durations in whole milliseconds, money as a decimal string with currency.
func (o *Outcome) MarshalJSON() ([]byte, error) {
	type failure struct {
		Kind    ErrorKind `json:"kind"`
		Message string    `json:"message"`
	}
	type try struct {
		Target string    `json:"target"`
		Error  ErrorKind `json:"error,omitempty"`
		Hedge  bool      `json:"hedge,omitempty"`
		Lost   bool      `json:"lost,omitempty"`
		Took   int64     `json:"took_ms"`
	}
	type cost struct {
		Amount   money.Amount   `json:"amount"`
		Currency money.Currency `json:"currency"`
		From     Provenance     `json:"from"`
	}
	v := struct {
		Member     string           `json:"member"`
		Model      string           `json:"model,omitempty"`
		Strategy   string           `json:"strategy,omitempty"`
		Finish     Finish           `json:"finish,omitempty"`
		Usage      Usage            `json:"usage"`
		Cost       *cost            `json:"cost"`
		Expected   *cost            `json:"expected_cost,omitempty"`
		TTFT       int64            `json:"ttft_ms"`
		Took       int64            `json:"took_ms"`
		WeightPPM  int64            `json:"weight_ppm"`
		Reason     string           `json:"reason,omitempty"`
		Stop       string           `json:"stop,omitempty"`
		Answer     string           `json:"answer,omitempty"`
		Confidence int64            `json:"confidence_ppm,omitempty"`
		Verified   *bool            `json:"verified,omitempty"`
		Chance     int64            `json:"chance_ppm,omitempty"`
		Right      int64            `json:"right_ppm,omitempty"`
		Warnings   []string         `json:"warnings,omitempty"`
		Tries      []try            `json:"tries,omitempty"`
		Err        *failure         `json:"error,omitempty"`
		Coalitions map[string]int64 `json:"coalitions_ppm,omitempty"`
		Parts      []*Outcome       `json:"parts,omitempty"`
		Remote     *Outcome         `json:"remote,omitempty"`
	}{
		Member: o.Member, Model: o.Model, Strategy: o.Strategy, Finish: o.Finish, Usage: o.Usage,
		TTFT: o.TTFT.Milliseconds(), Took: o.Took.Milliseconds(), WeightPPM: o.WeightPPM,
		Reason: o.Reason, Stop: o.Stop, Answer: o.Answer, Confidence: o.ConfidencePPM, Verified: o.Verified, Chance: o.ChancePPM, Right: o.RightPPM, Warnings: o.Warnings, Coalitions: o.Coalitions, Parts: o.Parts, Remote: o.Remote,
	}
	for _, t := range o.Tries {
		v.Tries = append(v.Tries, try{t.Target, t.Kind, t.Hedge, t.Lost, t.Took.Milliseconds()})
	}
	if o.Cost != nil {
		v.Cost = &cost{o.Cost.Amount, o.Cost.Currency, o.Cost.From}
	}
	if o.Expected != nil {
		v.Expected = &cost{o.Expected.Amount, o.Expected.Currency, o.Expected.From}
	}
	if o.Err != nil {
		v.Err = &failure{o.Err.Kind, o.Err.Public()}
	}
	return json.Marshal(v)
}
