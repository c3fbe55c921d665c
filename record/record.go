// Package record is the recorded answers of many members to the same
// questions: reading and writing a folder of them, what they cost, and the
// pools of members that results are published for.
//
// Its nouns are Folder (a directory of suites), Suite (questions, members and
// one Cell for each pair), and the three line types of the files: Question,
// Row and Member. A folder holds members.jsonl and, for each suite and split,
// <suite>.questions.<split>.jsonl.gz and <suite>.outcomes.<split>.jsonl.gz;
// plain .jsonl files are read as well. The package calls nobody: members that
// play a Suite are made by package member. A new suite is a new pair of files;
// what its questions cost in instructions is one line in cost.go.
//
// Costs here are statistics about recordings, in USD as a float64: an
// estimate from lengths and list prices. They are never money that anybody
// owes; that is package money's.
package record

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"summit/money"
)

// Question is one line of a questions file.
type Question struct {
	Suite       string  `json:"suite"`
	ID          string  `json:"question_id"`
	Domain      string  `json:"domain"`
	Task        string  `json:"task,omitempty"`
	Level       string  `json:"level,omitempty"`
	Difficulty  string  `json:"difficulty,omitempty"`
	Date        string  `json:"date,omitempty"`
	Lang        string  `json:"lang"`
	Kind        string  `json:"kind"`                   // open-answer, choice, code, objective, subjective
	Prompt      *string `json:"prompt"`                 // nil = the source gives no licence for text
	PromptChars int     `json:"prompt_chars,omitempty"` // known where Prompt is nil; 0 = unknown
	Reference   *string `json:"reference"`              // nil = scored by people or tests
}

// Text returns the prompt, or "" where there is none.
func (q *Question) Text() string {
	if q.Prompt == nil {
		return ""
	}
	return *q.Prompt
}

func (q *Question) valid(suite string) error {
	switch {
	case q.Suite != suite:
		return fmt.Errorf("suite %q, want %q as the file's name says", clip(q.Suite), suite)
	case q.ID == "":
		return fmt.Errorf("question_id is empty")
	case q.PromptChars < 0:
		return fmt.Errorf("prompt_chars %d, want zero or more", q.PromptChars)
	}
	return nil
}

// Row is one line of an outcomes file: what one member answered to one
// question, and what that was worth.
type Row struct {
	Suite      string   `json:"suite"`
	QuestionID string   `json:"question_id"`
	Member     string   `json:"member"`
	Answer     *string  `json:"answer"` // normalised; nil = none given or not comparable
	Correct    int      `json:"correct"`
	Score      *float64 `json:"score,omitempty"` // counts instead of Correct
	OutChars   *int     `json:"out_chars"`       // characters of the visible reply; nil = not recorded

	OptionScores   []float64          `json:"option_scores,omitempty"`    // the marks the member gave to the options
	StarsHuman     map[string]float64 `json:"stars_human,omitempty"`      // marks given by people
	ScoreGPT4Judge *float64           `json:"score_gpt4_judge,omitempty"` // score given by a judging model
	StarsGPT4      map[string]float64 `json:"stars_gpt4,omitempty"`
}

// TiePrefix begins the answer of a member that put several options first.
const TiePrefix = "tie:"

// Vote returns the answer where it can be compared with others: a nil answer
// and a tie were asked and paid for, but have no vote.
func (r *Row) Vote() (string, bool) {
	if r.Answer == nil || strings.HasPrefix(*r.Answer, TiePrefix) {
		return "", false
	}
	return *r.Answer, true
}

// Value returns the row's score: Score, else Correct.
func (r *Row) Value() float64 {
	if r.Score != nil {
		return *r.Score
	}
	return float64(r.Correct)
}

func (r *Row) valid(suite string) error {
	switch {
	case r.Suite != suite:
		return fmt.Errorf("suite %q, want %q as the file's name says", clip(r.Suite), suite)
	case r.QuestionID == "":
		return fmt.Errorf("question_id is empty")
	case r.Member == "":
		return fmt.Errorf("member is empty")
	case r.Correct != 0 && r.Correct != 1:
		return fmt.Errorf("correct is %d, want 0 or 1", r.Correct)
	case r.Score != nil && !(*r.Score >= 0 && *r.Score <= 1):
		return fmt.Errorf("score is %v, want 0 to 1", *r.Score)
	case r.ScoreGPT4Judge != nil && !(*r.ScoreGPT4Judge >= 0 && *r.ScoreGPT4Judge <= 1):
		return fmt.Errorf("score_gpt4_judge is %v, want 0 to 1", *r.ScoreGPT4Judge)
	case r.OutChars != nil && (*r.OutChars < 0 || *r.OutChars > math.MaxInt32):
		return fmt.Errorf("out_chars is %d, want 0 to %d", *r.OutChars, math.MaxInt32)
	}
	return nil
}

// Member is one line of members.jsonl.
type Member struct {
	Name        string   `json:"member"`
	Vendor      string   `json:"vendor"`
	Country     string   `json:"country"`  // ISO 3166 code of the vendor's country
	ParamsB     *float64 `json:"params_b"` // parameters in billions; nil = unknown
	PriceIn     float64  `json:"price_in"` // USD per million tokens, list price of the time
	PriceOut    float64  `json:"price_out"`
	PriceUnit   string   `json:"price_unit"`
	PriceSource string   `json:"price_source"`
	Suites      []string `json:"suites"`
	BaseModel   bool     `json:"base_model,omitempty"`
	// HiddenTokens are reasoning tokens per answer that the source did not
	// record, by suite: an assumption, used for cost only.
	HiddenTokens map[string]float64 `json:"hidden_reasoning_tokens_assumed,omitempty"`
}

// PriceUnit is what PriceIn and PriceOut are counted in.
const PriceUnit = "USD per million tokens"

// Rates returns the price list as exact rates in USD, rounded to 10^-6.
func (m *Member) Rates() (in, out money.Rate) {
	rate := func(usd float64) money.Rate { return money.Rate(math.Round(usd * money.Micro)) }
	return rate(m.PriceIn), rate(m.PriceOut)
}

func (m *Member) valid() error {
	// A million USD for a million tokens bounds what float64 and money.Rate hold exactly.
	price := func(v float64) bool { return v >= 0 && v <= 1e6 }
	switch {
	case m.Name == "":
		return fmt.Errorf("member is empty")
	case !price(m.PriceIn) || !price(m.PriceOut):
		return fmt.Errorf("member %q: prices %v and %v, want 0 to 1000000", clip(m.Name), m.PriceIn, m.PriceOut)
	case m.PriceUnit != "" && m.PriceUnit != PriceUnit:
		return fmt.Errorf("member %q: price_unit %q, want %q", clip(m.Name), clip(m.PriceUnit), PriceUnit)
	case m.ParamsB != nil && !(*m.ParamsB > 0):
		return fmt.Errorf("member %q: params_b is %v, want above zero or null", clip(m.Name), *m.ParamsB)
	}
	for suite, n := range m.HiddenTokens {
		if !(n >= 0 && n <= 1e9) {
			return fmt.Errorf("member %q: hidden_reasoning_tokens_assumed of %q is %v, want 0 to 1e9", clip(m.Name), clip(suite), n)
		}
	}
	return nil
}

// clip keeps error texts short whatever came in, cutting between runes.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
