package llm

import (
	"cmp"
	"slices"
	"time"

	"summit/money"
)

// Card says what a member is and can do. Zero values mean unknown.
type Card struct {
	Name            string // as configured
	Vendor          string // who makes the model; members of one vendor err alike
	Family          string // the model's family, such as qwen3
	Model           string // the upstream's model id
	WindowTokens    int    // prompt + answer
	MaxOutputTokens int
	Inputs          []Modality // besides text; nil = text only
	Tools           bool
	Structured      bool // json_schema output
	Reasoning       bool // thinks before it answers
	Logprobs        bool
	Completes       bool     // continues a text as it stands: see Request.Completion
	Continues       bool     // goes on with an answer that was begun (Request.Continue) and tells what it expects (Request.Logprobs)
	Prices          []Price  // tiers; nil = unknown
	Labels          []string // what the user must see: "demonstration", "fictional", "emulated", "unverified"
	About           string   // one sentence for people
}

// Modality is a kind of input.
type Modality string

// The kinds of input besides text.
const (
	ModalityImage Modality = "image"
	ModalityAudio Modality = "audio"
	ModalityFile  Modality = "file"
)

// Price is one tier of a price list. Rates are for a million tokens.
type Price struct {
	Currency         money.Currency
	From             time.Time       // valid from then on; zero = always
	Until            time.Time       // and before then; zero = for ever
	Within           *money.Schedule // holds in these hours only; nil = whenever no other tier does
	AboveInputTokens int64           // applies to requests with more input tokens than this
	Input            money.Rate
	CacheRead        *money.Rate // nil = as Input
	CacheWrite       *money.Rate // nil = as Input
	Output           money.Rate
	Reasoning        *money.Rate  // nil = as Output
	Call             money.Amount // for each call
	Source           string       // where the figure is from
	Unverified       bool
}

// PriceAt returns the tier that holds at the time for that many input
// tokens: among the valid ones the highest threshold, then one for these hours,
// then the latest From.
func (c *Card) PriceAt(at time.Time, inputTokens int64) (Price, bool) {
	var best *Price
	for i := range c.Prices {
		p := &c.Prices[i]
		if at.Before(p.From) || (!p.Until.IsZero() && !at.Before(p.Until)) {
			continue
		}
		if p.AboveInputTokens > 0 && inputTokens <= p.AboveInputTokens || p.Within != nil && !p.Within.Contains(at) {
			continue
		}
		if best == nil || cmp.Or(cmp.Compare(p.AboveInputTokens, best.AboveInputTokens), hours(p)-hours(best), p.From.Compare(best.From)) > 0 {
			best = p
		}
	}
	if best == nil {
		return Price{}, false
	}
	return *best, true
}

// hours is 1 for a price that holds in some hours only, else 0.
func hours(p *Price) int {
	if p.Within != nil {
		return 1
	}
	return 0
}

// Cost returns what the usage costs at the time, or nil where the price or
// the usage is unknown. Audio and image tokens are priced as input.
func (c *Card) Cost(u Usage, at time.Time) *Cost {
	p, ok := c.PriceAt(at, u.InputTotal())
	if !ok || !u.Known() {
		return nil
	}
	or := func(r *money.Rate, other money.Rate) money.Rate {
		if r != nil {
			return *r
		}
		return other
	}
	from := Upstream
	for _, b := range []Count{u.Input, u.CacheRead, u.CacheWrite, u.Output, u.Reasoning} {
		if b.Known() {
			from = worse(from, b.From)
		}
	}
	a, err := money.Charge(
		money.Line{Units: u.Input.N, Rate: p.Input},
		money.Line{Units: u.CacheRead.N, Rate: or(p.CacheRead, p.Input)},
		money.Line{Units: u.CacheWrite.N, Rate: or(p.CacheWrite, p.Input)},
		money.Line{Units: u.Audio.N, Rate: p.Input},
		money.Line{Units: u.Image.N, Rate: p.Input},
		money.Line{Units: u.Output.N, Rate: p.Output},
		money.Line{Units: u.Reasoning.N, Rate: or(p.Reasoning, p.Output)},
	)
	if err != nil {
		return nil
	}
	if a, err = a.Add(p.Call); err != nil {
		return nil
	}
	return &Cost{Amount: a, Currency: p.Currency, From: from}
}

// Fits reports an error of kind TooLong or Unsupported where the member
// can't serve the request by what its card says; unknown facts pass.
func (c *Card) Fits(r *Request) *Error {
	for _, in := range [...]struct {
		part PartKind
		mode Modality
	}{{PartImage, ModalityImage}, {PartAudio, ModalityAudio}, {PartFile, ModalityFile}} {
		if !slices.Contains(c.Inputs, in.mode) && r.Has(in.part) {
			return &Error{Kind: Unsupported, Member: c.Name, Param: "messages", Message: "takes no " + string(in.mode) + " input"}
		}
	}
	if len(r.Tools) > 0 && !c.Tools {
		return &Error{Kind: Unsupported, Member: c.Name, Param: "tools", Message: "calls no tools"}
	}
	if c.WindowTokens > 0 {
		need := textTokens(r)
		// The estimate is rough: only what is plainly too long is turned away here.
		if need > int64(c.WindowTokens)*3/2 {
			e := Errorf(TooLong, "about %d input tokens, window is %d", need, c.WindowTokens)
			e.Member, e.Param = c.Name, "messages"
			return e
		}
	}
	return nil
}

// textTokens estimates the input tokens of all texts: those of messages, of
// tool calls and their results, and of the tools' descriptions.
func textTokens(r *Request) int64 {
	var need int64
	for i := range r.Messages {
		for _, p := range r.Messages[i].Parts {
			need += EstimateTokens(p.Text)
			if p.Call != nil {
				need += EstimateTokens(p.Call.Args)
			}
			if p.Result != nil {
				for _, q := range p.Result.Parts {
					need += EstimateTokens(q.Text)
				}
			}
		}
	}
	for i := range r.Tools {
		t := &r.Tools[i]
		need += EstimateTokens(t.Description) + EstimateTokens(string(t.Parameters)) + EstimateTokens(string(t.Raw))
	}
	return need
}
